/* The user's query that goes with a heartbeat, and the heartbeat (capture/heartbeat.h).
 *
 * The query runs in our ordinary session between two reads of the stream. It is cut off after QUERY_MS, because
 * meanwhile nobody answers the server's keepalives. A transaction that it left open is rolled back, and the session's
 * timeout put back, before anything else is asked there.
 *
 * When it fails the heartbeat goes out all the same; only a lost connection is an error. */
#include "connectors/source_postgres/read/heartbeat.h"

#include "base/log.h"

#define QUERY_MS "5000"

static int command(struct mr_pg_source *source, const char *sql, struct mr_err *err)
{
    return mr_pg_command(&source->sql_connect, source->sql, sql,
                         "run source.heartbeat.action_query", err);
}

static int run_query(struct mr_pg_source *source, struct mr_err *err)
{
    struct mr_err failed;
    int rc = command(source, "SET statement_timeout = " QUERY_MS, err);

    if (rc < 0)
        return rc;
    rc = command(source, source->config->capture.heartbeat.query, &failed);
    if (PQstatus(source->sql) != CONNECTION_OK) {
        if (err)
            *err = failed;
        return rc;
    }
    if (PQtransactionStatus(source->sql) != PQTRANS_IDLE)
        mr_pg_try(source->sql, "ROLLBACK");
    mr_pg_try(source->sql, "SET statement_timeout = 0");
    if (rc == 0)
        return 0;
    if (mr_heartbeat_failed(&source->beats))
        mr_pg_note(source, MR_LOG_WARN, "source.heartbeat_query",
                   "heartbeats go on, but %s: tables are named with their schema, and the role "
                   "needs the right to write them",
                   failed.text);
    return 0;
}

int mr_pg_heartbeat_add(struct mr_pg_source *source, struct mr_batch *batch, struct mr_err *err)
{
    int rc = source->config->capture.heartbeat.query ? run_query(source, err) : 0;

    if (rc == 0)
        mr_heartbeat_add(&source->beats, &source->feed.track, batch);
    return rc;
}
