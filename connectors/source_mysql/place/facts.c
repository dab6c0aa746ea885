/* Facts about a server, by questions that need no right but to log in; the end of a log by file needs REPLICATION
 * CLIENT (MariaDB: BINLOG MONITOR), by GTIDs nothing.
 *
 *                MySQL                                MariaDB
 *     identity   @@server_uuid                        @@server_id
 *     GTIDs      @@gtid_mode = ON                     always
 *     end        @@gtid_executed                      @@gtid_binlog_pos, never gtid_current_pos: that one names
 *                                                     transactions which are not in this log
 *     by file    SHOW BINARY LOG STATUS (8.2), SHOW MASTER STATUS */
#include "connectors/source_mysql/place/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy(char *to, size_t size, struct mr_slice from)
{
    (void)snprintf(to, size, "%.*s", MR_SLICE_ARG(from));
}

/* The values of the only row; they live until the result is ended. */
static int ask_row(struct mr_my_session *session, const char *sql, const char *what,
                   struct mr_my_result **ret_result, struct mr_err *err)
{
    int rc = mr_my_query(session, sql, what, ret_result, err);

    if (rc < 0)
        return rc;
    rc = mr_my_next(*ret_result, err);
    if (rc > 0)
        return 0;
    mr_my_end(*ret_result);
    *ret_result = NULL;
    return rc < 0 ? rc
                  : mr_err_set(err, MR_CONFIG, "source.log_off",
                               "cannot %s: the server has nothing of it", what);
}

/* One value, or "" where the server does not know the variable. */
static void ask(struct mr_my_session *session, const char *sql, char *ret_text, size_t size)
{
    struct mr_my_result *result = NULL;

    ret_text[0] = 0;
    if (ask_row(session, sql, "read a setting", &result, NULL) < 0)
        return;
    copy(ret_text, size, result->values[0]);
    mr_my_end(result);
}

static bool is_on(struct mr_slice text)
{
    return !mr_slice_is(text, "0") && !mr_slice_is(text, "OFF");
}

int mr_my_facts_look(struct mr_my_session *session, struct mr_my_facts *ret_facts,
                     struct mr_err *err)
{
    struct mr_my_facts facts = {.mariadb = session->server.mariadb,
                                .version = session->server.version};
    struct mr_my_result *result = NULL;
    char text[64];
    int rc = ask_row(session,
                     "SELECT @@server_id, @@lower_case_table_names, @@log_bin, @@binlog_format, "
                     "@@binlog_row_image, CURRENT_USER()",
                     "ask the server who it is", &result, err);

    if (rc < 0)
        return rc;
    copy(facts.identity, sizeof(facts.identity), result->values[0]);
    facts.fold_names = is_on(result->values[1]);
    facts.log_on = is_on(result->values[2]);
    copy(facts.format, sizeof(facts.format), result->values[3]);
    copy(facts.image, sizeof(facts.image), result->values[4]);
    copy(facts.user, sizeof(facts.user), result->values[5]);
    mr_my_end(result);
    ask(session, "SELECT @@binlog_row_metadata", facts.metadata, sizeof(facts.metadata));
    facts.by_gtid = facts.mariadb;
    if (!facts.mariadb) {
        ask(session, "SELECT @@server_uuid", facts.identity, sizeof(facts.identity));
        ask(session, "SELECT @@gtid_mode", text, sizeof(text));
        facts.by_gtid = strcmp(text, "ON") == 0;
    }
    *ret_facts = facts;
    return 0;
}

static uint64_t number(struct mr_slice text)
{
    char digits[24];

    copy(digits, sizeof(digits), text);
    return strtoull(digits, NULL, 10);
}

static int file_of(struct mr_my_session *session, const char *sql, const char *what, bool head,
                   struct mr_my_place *ret_place, struct mr_err *err)
{
    struct mr_my_result *result = NULL;
    int rc = ask_row(session, sql, what, &result, err);

    if (rc < 0)
        return rc;
    copy(ret_place->file, sizeof(ret_place->file), result->values[0]);
    ret_place->offset = head ? 4 : number(result->values[1]);
    mr_my_end(result);
    return 0;
}

static int gtids_of(struct mr_my_session *session, const char *sql, struct mr_my_place *ret_place,
                    struct mr_err *err)
{
    struct mr_my_result *result = NULL;
    int rc = ask_row(session, sql, "read the server's GTIDs", &result, err);

    if (rc < 0)
        return rc;
    rc = mr_my_gtids_parse(&ret_place->gtids, result->values[0], "the server's GTIDs", err);
    mr_my_end(result);
    return rc;
}

int mr_my_facts_end(struct mr_my_session *session, bool mariadb, bool by_gtid,
                    struct mr_my_place *ret_end, struct mr_err *err)
{
    bool renamed = !mariadb && session->server.version >= 80200;

    if (!by_gtid)
        return file_of(session, renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS",
                       "see where the log ends", false, ret_end, err);
    return gtids_of(session,
                    mariadb ? "SELECT @@global.gtid_binlog_pos" : "SELECT @@global.gtid_executed",
                    ret_end, err);
}

int mr_my_facts_begin(struct mr_my_session *session, bool mariadb, bool by_gtid,
                      struct mr_my_place *ret_begin, struct mr_err *err)
{
    if (!by_gtid)
        return file_of(session, "SHOW BINARY LOGS", "list the log's files", true, ret_begin, err);
    if (!mariadb)
        return gtids_of(session, "SELECT @@global.gtid_purged", ret_begin, err);
    mr_my_gtids_clear(&ret_begin->gtids);
    return 0;
}
