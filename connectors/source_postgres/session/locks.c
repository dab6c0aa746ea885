/* Locks that are waited for.
 *
 * Reading a table waits for whoever holds it exclusively, an ALTER TABLE or a LOCK that was left open for one, and
 * a slot or a view waits for transactions that are open. That can take hours and looks like a hang, so after some
 * seconds it is said who has it. Asked over the ordinary session; when that one waits itself, nobody can be asked. */
#include "connectors/source_postgres/session/locks.h"

#include "base/log.h"

static void blockers_sql(struct mr_buf *sql, int pid)
{
    mr_buf_clear(sql);
    mr_buf_printf(
        sql,
        "SELECT (SELECT string_agg('pid ' || b.pid || coalesce(' (' || a.usename || ', since ' || "
        "date_trunc('second', a.xact_start) || ')', ' (a prepared transaction)'), ', ') FROM "
        "(SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(%d)) AS pid) b LEFT JOIN "
        "pg_catalog.pg_stat_activity a ON a.pid = b.pid), (SELECT string_agg(' on ' || "
        "l.relation::regclass, '') FROM pg_catalog.pg_locks l WHERE l.pid = %d AND NOT l.granted "
        "AND l.relation IS NOT NULL AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE "
        "datname = pg_catalog.current_database()))",
        pid, pid);
}

bool mr_pg_name_lock(void *state, PGconn *conn, const char *what)
{
    const struct mr_pg_session *sql = state;
    struct mr_pg_connect connect = sql->connect;
    struct mr_buf text;
    PGresult *result;
    bool named;
    int rc;

    if (!sql->conn || conn == sql->conn || PQtransactionStatus(sql->conn) != PQTRANS_IDLE)
        return false;
    connect.waits = NULL;
    mr_buf_init(&text, 4096);
    blockers_sql(&text, PQbackendPID(conn));
    rc = mr_pg_query(&connect, sql->conn, mr_buf_cstr(&text), "see whose lock is waited for",
                     &result, NULL);
    mr_buf_done(&text);
    if (rc < 0)
        return false;
    named = !PQgetisnull(result, 0, 0);
    if (named)
        mr_note(connect.context, MR_LOG_WARN, "source.lock_waits",
                "to %s waits for the lock%s of %s", what, mr_pg_text(result, 0, 1),
                mr_pg_text(result, 0, 0));
    PQclear(result);
    return named;
}
