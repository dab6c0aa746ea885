/* The preflight of MySQL and MariaDB.
 *
 *     server            who it is                                                  source.connect
 *     gtid_mode         OFF: no failover can be followed                           source.gtid_mode
 *     binlog_format     not ROW: rows are missing from the log                     source.statement_rows
 *     row metadata      not FULL: names come from the catalogue of now             source.row_metadata
 *     row image         not FULL: old rows and unchanged columns are missing       source.row_image
 *     log filters       statements or rows of some databases are not logged        source.log_filtered
 *     replication right the log is asked for, and let go at once                   source.no_replication_right
 *     tables            what the patterns take in; engines that cannot agree       source.no_tables, source.engine
 *
 * Each finding that somebody can mend carries the statement that does it. What is warned of does not keep a run from
 * starting; what fails does, with the same code. */
#include "connectors/source_mysql/look/preflight.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

static void add(const struct mr_my_inspection *inspection, enum mr_finding_level level,
                const char *code, const char *text, const char *hint)
{
    inspection->findings->add(inspection->findings->state, level, code, text, hint);
}

static void look_at_server(const struct mr_my_inspection *inspection)
{
    const struct mr_my_facts *facts = inspection->facts;
    char text[400];

    (void)snprintf(text, sizeof(text), "%s %s at %s port %u, as %s",
                   facts->mariadb ? "MariaDB" : "MySQL", inspection->session->server.text,
                   inspection->session->server.host.name,
                   (unsigned)inspection->session->server.host.port, facts->user);
    add(inspection, MR_FINDING_PASS, "source.connect", text, NULL);
    if (!facts->by_gtid)
        add(inspection, MR_FINDING_WARN, "source.gtid_mode",
            "gtid_mode is not ON: positions are files and offsets, which no other server has, so a "
            "failover cannot be followed",
            "gtid_mode = ON, enforce_gtid_consistency = ON (stepwise, see the server's manual)");
}

static void look_at_log(const struct mr_my_inspection *inspection)
{
    const struct mr_my_facts *facts = inspection->facts;
    bool rows = strcasecmp(facts->format, "ROW") == 0;
    bool full = strcasecmp(facts->metadata, "FULL") == 0;
    char text[300];

    (void)snprintf(text, sizeof(text), "binlog_format is %s%s", facts->format,
                   rows ? "" : ": rows of statements that are logged in words are missing");
    add(inspection, rows ? MR_FINDING_PASS : MR_FINDING_WARN, "source.statement_rows", text,
        rows ? NULL : "SET GLOBAL binlog_format = 'ROW'; and in the server's configuration file");
    (void)snprintf(text, sizeof(text), "binlog_row_metadata is %s%s",
                   facts->metadata[0] ? facts->metadata : "not known to this server",
                   full
                       ? ""
                       : ": the log does not name columns, so a table that is altered while we are "
                         "behind stops the pipeline");
    add(inspection, full ? MR_FINDING_PASS : MR_FINDING_WARN, "source.row_metadata", text,
        full ? NULL
             : "SET GLOBAL binlog_row_metadata = 'FULL'; and in the server's configuration file");
    if (facts->image[0] && strcasecmp(facts->image, "FULL") == 0)
        return;
    (void)snprintf(text, sizeof(text),
                   "binlog_row_image is %s: columns that an update did not touch, and most of old "
                   "rows, are not in the log",
                   facts->image);
    add(inspection, MR_FINDING_WARN, "source.row_image", text,
        "SET GLOBAL binlog_row_image = 'FULL';");
}

/* Binlog_Do_DB, Binlog_Ignore_DB; unknown without the right to ask. */
static void look_at_filters(const struct mr_my_inspection *inspection)
{
    bool renamed = !inspection->facts->mariadb && inspection->facts->version >= 80200;
    struct mr_my_result *result = NULL;
    char text[400];

    if (mr_my_query(inspection->session, renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS",
                    "see the log's filters", &result, NULL) < 0)
        return;
    if (mr_my_next(result, NULL) > 0 && result->columns >= 4 &&
        (result->values[2].size > 0 || result->values[3].size > 0)) {
        (void)snprintf(
            text, sizeof(text),
            "the server does not log everything (binlog_do_db \"%.*s\", binlog_ignore_db "
            "\"%.*s\"): changes, TRUNCATE, RENAME and ALTER of a session that uses such a "
            "database can be missing",
            MR_SLICE_ARG(result->values[2]), MR_SLICE_ARG(result->values[3]));
        add(inspection, MR_FINDING_WARN, "source.log_filtered", text, NULL);
    }
    mr_my_end(result);
}

static void add_failure(const struct mr_my_inspection *inspection, const struct mr_err *why)
{
    add(inspection, mr_finding_of(why), why->code, why->text, why->hint[0] ? why->hint : NULL);
}

/* Asks for the log at its end, and takes the first event. */
static void look_at_right(const struct mr_my_inspection *inspection)
{
    struct mr_my_dump_args args = *inspection->dump;
    struct mr_my_place end;
    struct mr_my_dump *dump = NULL;
    struct mr_my_event event;
    struct mr_err why;
    int rc;

    mr_err_clear(&why);
    mr_my_place_init(&end, inspection->facts->mariadb);
    rc = mr_my_facts_end(inspection->session, inspection->facts->mariadb,
                         inspection->facts->by_gtid, &end, &why);
    args.until_end = true;
    args.gtids = inspection->facts->by_gtid ? &end.gtids : NULL;
    args.file = inspection->facts->by_gtid ? NULL : end.file;
    args.position = inspection->facts->by_gtid ? 4 : end.offset;
    if (rc == 0)
        rc = mr_my_dump_open(inspection->connect, &args, &dump, &why);
    if (rc == 0)
        rc = mr_my_dump_next(dump, mr_clock_mono_ns() + 5 * MR_SECOND_NS, &event, &why);
    mr_my_dump_close(dump);
    mr_my_place_done(&end);
    if (rc < 0)
        add_failure(inspection, &why);
    else
        add(inspection, MR_FINDING_PASS, "source.no_replication_right",
            "the server sends its binary log to this user", NULL);
}

/* One row: schema, name, engine. */
static int look_at_table(const struct mr_my_inspection *inspection,
                         const struct mr_my_result *result, size_t *count, struct mr_err *err)
{
    bool wanted = false, memory = mr_slice_is(result->values[2], "MEMORY");
    int rc =
        mr_select_table(inspection->tables, result->values[0], result->values[1], &wanted, err);
    char text[600];

    if (rc < 0 || !wanted)
        return rc;
    ++*count;
    if (!memory && !mr_slice_is(result->values[2], "BLACKHOLE"))
        return 0;
    (void)snprintf(text, sizeof(text), "table %.*s.%.*s has engine %.*s: %s",
                   MR_SLICE_ARG(result->values[0]), MR_SLICE_ARG(result->values[1]),
                   MR_SLICE_ARG(result->values[2]),
                   memory ? "it empties itself at a server restart, and the log may not say so"
                          : "it keeps no rows, so what was delivered and the table never agree");
    add(inspection, MR_FINDING_WARN, "source.engine", text, NULL);
    return 0;
}

static int look_at_tables(const struct mr_my_inspection *inspection, struct mr_err *err)
{
    struct mr_my_result *result = NULL;
    size_t count = 0;
    char text[200];
    int rc = mr_my_query(inspection->session,
                         "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES "
                         "WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')",
                         "list the tables", &result, err);

    if (rc < 0)
        return rc;
    while ((rc = mr_my_next(result, err)) > 0) {
        rc = look_at_table(inspection, result, &count, err);
        if (rc < 0)
            break;
    }
    mr_my_end(result);
    if (rc < 0)
        return rc;
    (void)snprintf(text, sizeof(text),
                   "%zu table%s taken in by source.tables, as far as this user sees", count,
                   count == 1 ? " is" : "s are");
    add(inspection, count ? MR_FINDING_PASS : MR_FINDING_WARN, "source.no_tables", text,
        count ? NULL
              : "GRANT SELECT ON database.* TO the user of source.dsn; or mend the patterns");
    return 0;
}

int mr_my_inspect(const struct mr_my_inspection *inspection, struct mr_err *err)
{
    look_at_server(inspection);
    look_at_log(inspection);
    look_at_filters(inspection);
    look_at_right(inspection);
    return look_at_tables(inspection, err);
}
