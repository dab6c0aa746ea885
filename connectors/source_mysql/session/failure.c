/* Error numbers of both vendors and of the client library, and what we do about them.
 *
 *     1xxx, 3xxx   the server's (MySQL manual, "Server Error Message Reference"); 4xxx: MariaDB's own
 *     2xxx         libmariadb's
 *     1236         a dump's end, for any of a dozen reasons: the text tells which. It is English whatever the
 * server's
 *                  language, since both vendors keep these words in their code
 *
 * What is not listed is tried again: an error that waiting does not mend comes again and is seen, while one taken for
 * fatal by mistake stops a pipeline in the night. */
#include "connectors/source_mysql/session/failure.h"

#include <errmsg.h>
#include <stdio.h>
#include <string.h>

enum meaning { AWAY, LOST, AUTH, RIGHT, DATABASE, FULL, TLS, SQL };

static const struct {
    unsigned number;
    enum meaning meaning;
} numbers[] = {
    {1044, RIGHT}, {1045, AUTH},  {1049, DATABASE}, {1053, LOST}, {1077, LOST}, {1129, AUTH},
    {1130, AUTH},  {1142, RIGHT}, {1143, RIGHT},    {1040, FULL}, {1203, FULL}, {1226, FULL},
    {1227, RIGHT}, {1251, AUTH},  {1524, AUTH},     {1698, AUTH}, {1820, AUTH}, {1862, AUTH},
    {1927, LOST},  {3118, AUTH},  {3159, TLS},      {4031, LOST}, {4151, AUTH}, {3955, AUTH},
    {1158, LOST},  {1159, LOST},  {1160, LOST},     {1161, LOST}, {1152, LOST}, {1184, LOST},
    {2001, AWAY},  {2002, AWAY},  {2003, AWAY},     {2004, AWAY}, {2005, AWAY}, {2006, LOST},
    {2012, AWAY},  {2013, LOST},  {2026, TLS},      {2027, LOST}, {2059, AUTH}, {2061, AUTH},
    {5013, AWAY},  {1317, LOST},  {3168, LOST},     {3032, LOST}, {3024, LOST},
};

static enum meaning meaning_of(unsigned number)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].number == number)
            return numbers[i].meaning;
    }
    return SQL;
}

static void native(struct mr_err *err, unsigned number, const char *sqlstate)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%u/%.5s", number,
                   sqlstate && *sqlstate ? sqlstate : "HY000");
    mr_err_native(err, text);
}

int mr_my_failure(struct mr_err *err, unsigned number, const char *sqlstate, const char *message,
                  const char *what)
{
    int rc = MR_RETRY;

    switch (meaning_of(number)) {
    case AWAY:
        rc = mr_err_set(err, MR_RETRY, "source.connect", "cannot %s: %s", what, message);
        break;
    case LOST:
        rc = mr_err_set(err, MR_RETRY, "source.connection_lost", "cannot %s: %s", what, message);
        break;
    case FULL:
        rc = mr_err_set(err, MR_RETRY, "source.server_busy", "cannot %s: %s", what, message);
        mr_err_trait(err, MR_TRAIT_BUSY);
        break;
    case TLS: rc = mr_err_set(err, MR_CONFIG, "source.tls", "cannot %s: %s", what, message); break;
    case DATABASE:
        rc = mr_err_set(err, MR_CONFIG, "source.no_database", "cannot %s: %s", what, message);
        break;
    case AUTH:
        rc = mr_err_set(err, MR_CONFIG, "source.auth", "cannot %s: %s", what, message);
        if (err)
            err->exit_code = 77;
        break;
    case RIGHT:
        rc = mr_err_set(err, MR_CONFIG, "source.permission", "cannot %s: %s", what, message);
        if (err)
            err->exit_code = 77;
        break;
    case SQL: rc = mr_err_set(err, MR_RETRY, "source.sql", "cannot %s: %s", what, message); break;
    }
    native(err, number, sqlstate);
    return rc;
}

/* Words of error 1236 (and of MariaDB's 4052), looked for in this order. */
static const struct {
    const char *words;
    enum mr_class class;
    const char *code, *hint;
} ends[] = {
    {"with the same server_uuid/server_id", MR_FENCED, "source.server_id_taken",
     "Another replica, or another millrace, uses the same server_id. Give each its own "
     "(source.server_id)."},
    {"purged required binary logs", MR_GAP, "source.log_purged", NULL},
    {"Could not find first log file", MR_GAP, "source.log_purged", NULL},
    {"could not find next log", MR_GAP, "source.log_purged", NULL},
    {"Could not find GTID state requested", MR_GAP, "source.log_purged", NULL},
    {"has more GTIDs than the", MR_GAP, "source.gtid_ahead", NULL},
    {"is not in the master's binlog", MR_GAP, "source.gtid_ahead", NULL},
    {"diverged", MR_GAP, "source.gtid_ahead", NULL},
    {"position > file size", MR_GAP, "source.log_position", NULL},
    {"position < 4", MR_GAP, "source.log_position", NULL},
    {"exceeded max_allowed_packet", MR_GAP, "source.log_position", NULL},
    {"truncated in the middle of event", MR_GAP, "source.log_position", NULL},
    {"bogus data in log event", MR_GAP, "source.log_position", NULL},
};

static int no_right(struct mr_err *err, const char *message)
{
    mr_err_set(err, MR_CONFIG, "source.no_replication_right",
               "the server does not let this user read its binary log: %s", message);
    mr_err_hint(err, "GRANT REPLICATION SLAVE ON *.* TO the user of source.dsn;");
    if (err)
        err->exit_code = 77;
    return MR_CONFIG;
}

int mr_my_dump_failure(struct mr_err *err, unsigned number, const char *sqlstate,
                       const char *message)
{
    int rc;

    if (number == 1227 || number == 1045 || number == 1142) {
        rc = no_right(err, message);
        native(err, number, sqlstate);
        return rc;
    }
    for (size_t i = 0; (number == 1236 || number == 4052) && i < sizeof ends / sizeof *ends; i++) {
        if (!strstr(message, ends[i].words))
            continue;
        rc = mr_err_set(err, ends[i].class, ends[i].code,
                        "the server ends the stream of its binary log: %s", message);
        if (ends[i].hint)
            mr_err_hint(err, "%s", ends[i].hint);
        native(err, number, sqlstate);
        return rc;
    }
    return mr_my_failure(err, number, sqlstate, message, "read the binary log");
}
