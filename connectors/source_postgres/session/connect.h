/* One connection to the server: opening it with pinned settings, asking it things, and what its errors mean.
 *
 * Every wait is a poll with a deadline that also looks at the pipeline's stop flag: nothing here blocks for
 * longer than a fifth of a second after a stop was asked for. Single threaded. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "plug/context.h"

struct mr_pg_connect {
    const struct mr_context *context;
    const char *dsn;         /* conninfo string or URI, the user's; NULL: libpq's own defaults */
    const char *password;    /* NULL: whatever libpq finds */
    const char *application; /* application_name: how a successor knows our sessions */
    bool replication;        /* replication=database: the simple protocol only */
    int64_t timeout_ns;      /* to connect */
    /* Asked every few seconds while an answer is waited for, until it returns true: it has said why. NULL: none. */
    bool (*waits)(void *state, PGconn *conn, const char *what);
    void *waits_state;
};

/* How our sessions are named on the server: "millrace <pipeline>", cut at 63 bytes. */
void mr_pg_application(const char *pipeline, char ret_name[64]);

/* The parts of a DSN, by PQconninfoFree; NULL when it is none: MR_CONFIG. */
int mr_pg_dsn_parse(const char *dsn, PQconninfoOption **ret_options,
                    struct mr_err *err) MR_MUST_CHECK;
/* MR_RETRY source.connect: the server is away. MR_CONFIG with exit code 77: source.auth,
 * source.no_replication_right. MR_CONFIG: source.dsn, source.no_database. */
int mr_pg_open(const struct mr_pg_connect *connect, PGconn **ret_conn,
               struct mr_err *err) MR_MUST_CHECK;

/* Runs one statement by the simple protocol; the result has rows (PGRES_TUPLES_OK) or none. what: completes
 * "cannot ..." in the error's text. */
int mr_pg_query(const struct mr_pg_connect *connect, PGconn *conn, const char *sql,
                const char *what, PGresult **ret_result, struct mr_err *err) MR_MUST_CHECK;
/* The last result of what was sent by PQsendQuery, whatever it is. */
int mr_pg_result(const struct mr_pg_connect *connect, PGconn *conn, const char *what,
                 PGresult **ret_result, struct mr_err *err) MR_MUST_CHECK;
/* The same for a statement whose result nobody needs. */
int mr_pg_command(const struct mr_pg_connect *connect, PGconn *conn, const char *sql,
                  const char *what, struct mr_err *err) MR_MUST_CHECK;

/* A statement whose failure changes nothing: cleaning up. Blocks until it is answered. */
void mr_pg_try(PGconn *conn, const char *sql);

/* Waits until the socket can be read (or written), at most until the monotonic deadline. MR_RETRY
 * source.connection_lost; MR_RETRY source.stopping when a stop was asked for. 0 also on a timeout. */
int mr_pg_wait(const struct mr_pg_connect *connect, PGconn *conn, bool write, int64_t deadline_ns,
               struct mr_err *err) MR_MUST_CHECK;

/* Writes the error of a failed result (or, with NULL, of the connection), classified by SQLSTATE. */
int mr_pg_error(struct mr_err *err, PGconn *conn, const PGresult *result, const char *what);
/* True when the failed result carries this SQLSTATE. */
bool mr_pg_is(const PGresult *result, const char *sqlstate);

/* SQL text: 'literal' and "identifier", quoted. */
void mr_pg_add_literal(struct mr_buf *sql, const char *text);
void mr_pg_add_name(struct mr_buf *sql, struct mr_slice name);

/* A field of a result as text ("" for null), as a number, as a truth value. */
const char *mr_pg_text(const PGresult *result, int row, int column);
int64_t mr_pg_number(const PGresult *result, int row, int column);
bool mr_pg_true(const PGresult *result, int row, int column);
