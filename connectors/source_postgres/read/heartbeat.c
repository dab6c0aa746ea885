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

static int run_query(struct mr_heartbeats *beats, struct mr_pg_session *sql, const char *query,
                     struct mr_err *err)
{
    static const char what[] = "run source.heartbeat.action_query";
    struct mr_err failed;
    int rc = mr_pg_tell(sql, "SET statement_timeout = " QUERY_MS, what, err);

    if (rc < 0)
        return rc;
    rc = mr_pg_tell(sql, query, what, &failed);
    if (PQstatus(sql->conn) != CONNECTION_OK) {
        if (err)
            *err = failed;
        return rc;
    }
    if (PQtransactionStatus(sql->conn) != PQTRANS_IDLE)
        mr_pg_try(sql->conn, "ROLLBACK");
    mr_pg_try(sql->conn, "SET statement_timeout = 0");
    if (rc < 0 && mr_heartbeat_failed(beats))
        mr_note(sql->connect.context, MR_LOG_WARN, "source.heartbeat_query",
                "heartbeats go on, but %s: tables are named with their schema, and the role needs "
                "the right to write them",
                failed.text);
    return 0;
}

int mr_pg_heartbeat_add(struct mr_heartbeats *beats, struct mr_pg_session *sql, const char *query,
                        const struct mr_track *track, struct mr_batch *batch, struct mr_err *err)
{
    int rc = query ? run_query(beats, sql, query, err) : 0;

    if (rc == 0)
        mr_heartbeat_add(beats, track, batch);
    return rc;
}
