/* Connections, by libpq, without blocking.
 *
 * The user's conninfo goes through untouched; added are the password, application_name, client_encoding and,
 * for the stream, replication=database. TCP keepalives and tcp_user_timeout are set where the user did not: a
 * peer that vanished must not be waited for as long as the kernel would by itself.
 *
 * After login the session's settings are pinned by SET, because role and database settings would otherwise leak
 * into the text of values: dates, intervals, floats, bytea, time zone, money, names without schema. row_security
 * = off turns a policy that would hide rows into an error.
 *
 * libpq gives no SQLSTATE for a failed login. With verbose errors the message carries it ("FATAL:  28P01: ..."),
 * and that is where it is read from; the texts themselves differ by language and version and are never matched. */
#include "connectors/source_postgres/session/connect.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "connectors/source_postgres/session/sqlstate.h"

#define SLICE_NS    (200 * MR_MS_NS)
#define PATIENCE_NS (3 * MR_SECOND_NS)

void mr_pg_application(const char *pipeline, char ret_name[64])
{
    (void)snprintf(ret_name, 64, "millrace %s", pipeline ? pipeline : "");
}

int mr_pg_wait(const struct mr_pg_connect *connect, PGconn *conn, bool write, int64_t deadline_ns,
               struct mr_err *err)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = write ? POLLIN | POLLOUT : POLLIN};

    if (fd.fd < 0)
        return mr_err_set(err, MR_RETRY, "source.connection_lost", "the connection is closed");
    for (;;) {
        int64_t left = deadline_ns - mr_clock_mono_ns();
        if (atomic_load_explicit(connect->context->stopping, memory_order_relaxed))
            return mr_err_set(err, MR_RETRY, "source.stopping", "a stop was asked for");
        if (left <= 0)
            return 0;
        if (left > SLICE_NS)
            left = SLICE_NS;
        if (poll(&fd, 1, (int)((left + MR_MS_NS - 1) / MR_MS_NS)) > 0)
            return 0;
    }
}

/* libpq's defaults come first, so that a later key of the same name wins. */
struct params {
    const char *keys[80], *values[80];
    int count;
};

static void add_param(struct params *params, const char *key, const char *value)
{
    if (params->count < 78 && value && *value) {
        params->keys[params->count] = key;
        params->values[params->count++] = value;
    }
}

static bool given(const PQconninfoOption *options, const char *key)
{
    for (; options->keyword; options++) {
        if (strcmp(options->keyword, key) == 0)
            return options->val && *options->val;
    }
    return false;
}

static void add_ours(struct params *params, const struct mr_pg_connect *connect,
                     const PQconninfoOption *options)
{
    static const char *const gentle[][2] = {
        {"keepalives_idle", "30"},
        {"keepalives_interval", "10"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "60000"},
        {NULL, NULL},
    };

    for (int i = 0; gentle[i][0]; i++) {
        if (!given(options, gentle[i][0]))
            add_param(params, gentle[i][0], gentle[i][1]);
    }
    add_param(params, "password", connect->password);
    add_param(params, "application_name", connect->application);
    add_param(params, "client_encoding", "UTF8");
    if (connect->replication)
        add_param(params, "replication", "database");
}

static int connect_error(const struct mr_pg_connect *connect, PGconn *conn, struct mr_err *err)
{
    const char *message = conn ? PQerrorMessage(conn) : "out of memory";
    char sqlstate[6];

    mr_pg_find_sqlstate(message, sqlstate);
    return mr_pg_login_error(err, sqlstate, message, conn ? PQuser(conn) : NULL,
                             conn ? PQdb(conn) : NULL, connect->replication);
}

static int finish_login(const struct mr_pg_connect *connect, PGconn *conn, struct mr_err *err)
{
    int64_t deadline_ns = mr_clock_mono_ns() + connect->timeout_ns;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK) {
        int rc = mr_pg_wait(connect, conn, status == PGRES_POLLING_WRITING, deadline_ns, err);
        if (rc < 0)
            return rc;
        if (mr_clock_mono_ns() >= deadline_ns)
            return mr_err_set(
                err, MR_RETRY, "source.connect", "no connection to %s port %s within %lld s",
                PQhost(conn) ? PQhost(conn) : "the server", PQport(conn) ? PQport(conn) : "?",
                (long long)(connect->timeout_ns / MR_SECOND_NS));
        status = PQconnectPoll(conn);
        if (status == PGRES_POLLING_FAILED)
            return connect_error(connect, conn, err);
    }
    return 0;
}

static int pin_settings(const struct mr_pg_connect *connect, PGconn *conn, struct mr_err *err)
{
    static const char pinned[] =
        "SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET extra_float_digits = 3;"
        "SET bytea_output = 'hex'; SET timezone = 'UTC'; SET lc_monetary = 'C'; SET search_path = "
        "'';"
        "SET standard_conforming_strings = on; SET row_security = off; SET statement_timeout = 0;"
        "SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;"
        "SET client_min_messages = warning; SET default_transaction_read_only = off";
    const char *encoding;
    int rc = mr_pg_command(connect, conn, pinned, "set up the session", err);

    /* Our sessions idle, and a snapshot's transaction is long. */
    if (rc == 0 && PQserverVersion(conn) >= 140000)
        rc =
            mr_pg_command(connect, conn, "SET idle_session_timeout = 0", "set up the session", err);
    if (rc == 0 && PQserverVersion(conn) >= 170000)
        rc = mr_pg_command(connect, conn, "SET transaction_timeout = 0", "set up the session", err);
    /* Such a server converts nothing, and refuses the whole stream for one byte that is no UTF-8. Sent as they are, the
     * bytes are judged value by value, with table and column at hand. */
    encoding = PQparameterStatus(conn, "server_encoding");
    if (rc == 0 && encoding && strcmp(encoding, "SQL_ASCII") == 0)
        rc = mr_pg_command(connect, conn, "SET client_encoding = 'SQL_ASCII'", "set up the session",
                           err);
    return rc;
}

static void no_notices(void *state, const PGresult *result)
{
    (void)state, (void)result;
}

int mr_pg_dsn_parse(const char *dsn, PQconninfoOption **ret_options, struct mr_err *err)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(dsn ? dsn : "", &why);

    *ret_options = options;
    if (options)
        return 0;
    /* libpq quotes the part it could not read: that may be the password, so it is not repeated. */
    PQfreemem(why);
    mr_err_set(err, MR_CONFIG, "source.dsn", "source.dsn is no libpq connection string or URI");
    mr_err_hint(err, "Write it as \"host=db port=5432 dbname=shop user=cdc\" or "
                     "\"postgresql://cdc@db:5432/shop\".");
    return MR_CONFIG;
}

int mr_pg_open(const struct mr_pg_connect *connect, PGconn **ret_conn, struct mr_err *err)
{
    struct params params = {0};
    PQconninfoOption *options;
    PGconn *conn;
    int rc = mr_pg_dsn_parse(connect->dsn, &options, err);

    if (rc < 0)
        return rc;
    for (const PQconninfoOption *option = options; option->keyword; option++)
        add_param(&params, option->keyword, option->val);
    add_ours(&params, connect, options);
    conn = PQconnectStartParams(params.keys, params.values, 0);
    PQconninfoFree(options);
    if (!conn)
        mr_out_of_memory(0);
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(conn, no_notices, NULL);
    rc = PQstatus(conn) == CONNECTION_BAD ? connect_error(connect, conn, err)
                                          : finish_login(connect, conn, err);
    PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
    if (rc == 0)
        rc = pin_settings(connect, conn, err);
    if (rc < 0) {
        PQfinish(conn);
        return rc;
    }
    *ret_conn = conn;
    return 0;
}

bool mr_pg_is(const PGresult *result, const char *sqlstate)
{
    const char *found = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return found && strcmp(found, sqlstate) == 0;
}

int mr_pg_error(struct mr_err *err, PGconn *conn, const PGresult *result, const char *what)
{
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;

    if (!message)
        message = conn ? PQerrorMessage(conn) : "";
    return mr_pg_sql_error(err, sqlstate ? sqlstate : "", message, detail, what);
}

/* Until there is something to read. *next_ns: when to ask next why there is not; INT64_MAX once that was said. */
static int wait_answer(const struct mr_pg_connect *connect, PGconn *conn, const char *what,
                       int64_t *next_ns, struct mr_err *err)
{
    int rc = mr_pg_wait(connect, conn, false, *next_ns, err);

    if (rc == 0 && mr_clock_mono_ns() >= *next_ns)
        *next_ns = connect->waits && connect->waits(connect->waits_state, conn, what)
                       ? INT64_MAX
                       : mr_clock_mono_ns() + PATIENCE_NS;
    return rc;
}

/* Of a statement list, the failed result or else the last. */
int mr_pg_result(const struct mr_pg_connect *connect, PGconn *conn, const char *what,
                 PGresult **ret_result, struct mr_err *err)
{
    PGresult *last = NULL, *next;
    int64_t ask_ns = mr_clock_mono_ns() + PATIENCE_NS;
    int rc;

    for (;;) {
        while (PQisBusy(conn)) {
            rc = wait_answer(connect, conn, what, &ask_ns, err);
            if (rc < 0 || !PQconsumeInput(conn)) {
                PQclear(last);
                return rc < 0 ? rc : mr_pg_error(err, conn, NULL, what);
            }
        }
        next = PQgetResult(conn);
        if (!next)
            break;
        if (PQresultStatus(last) == PGRES_FATAL_ERROR && last) {
            PQclear(next);
            continue;
        }
        PQclear(last);
        last = next;
        if (PQresultStatus(last) == PGRES_COPY_BOTH || PQresultStatus(last) == PGRES_COPY_OUT)
            break;
    }
    *ret_result = last;
    return 0;
}

int mr_pg_query(const struct mr_pg_connect *connect, PGconn *conn, const char *sql,
                const char *what, PGresult **ret_result, struct mr_err *err)
{
    PGresult *result = NULL;
    ExecStatusType status;
    int rc;

    if (!PQsendQuery(conn, sql))
        return mr_pg_error(err, conn, NULL, what);
    rc = mr_pg_result(connect, conn, what, &result, err);
    if (rc < 0)
        return rc;
    status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_COPY_BOTH &&
        status != PGRES_COPY_OUT) {
        rc = mr_pg_error(err, conn, result, what);
        PQclear(result);
        return rc;
    }
    *ret_result = result;
    return 0;
}

int mr_pg_command(const struct mr_pg_connect *connect, PGconn *conn, const char *sql,
                  const char *what, struct mr_err *err)
{
    PGresult *result = NULL;
    int rc = mr_pg_query(connect, conn, sql, what, &result, err);

    PQclear(result);
    return rc;
}

void mr_pg_try(PGconn *conn, const char *sql)
{
    PQclear(PQexec(conn, sql));
}

void mr_pg_add_literal(struct mr_buf *sql, const char *text)
{
    mr_buf_add_char(sql, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            mr_buf_add_char(sql, '\'');
        mr_buf_add_char(sql, *text);
    }
    mr_buf_add_char(sql, '\'');
}

void mr_pg_add_name(struct mr_buf *sql, struct mr_slice name)
{
    mr_buf_add_char(sql, '"');
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '"')
            mr_buf_add_char(sql, '"');
        mr_buf_add_char(sql, name.data[i]);
    }
    mr_buf_add_char(sql, '"');
}

const char *mr_pg_text(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column);
}

int64_t mr_pg_number(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

bool mr_pg_true(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}
