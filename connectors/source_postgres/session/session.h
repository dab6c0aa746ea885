/* A session with the server: how it is opened, its connection, and the text of its next statement. One thread. */
#pragma once

#include <libpq-fe.h>

#include "base/buf.h"
#include "base/err.h"
#include "connectors/source_postgres/session/connect.h"

struct mr_pg_session {
    struct mr_pg_connect connect;
    PGconn *conn;       /* NULL: not open */
    struct mr_buf text; /* for making statements */
};

/* connect is kept as it is given; nothing is opened. */
void mr_pg_session_init(struct mr_pg_session *session, const struct mr_pg_connect *connect);
/* Ends the connection and frees the text. */
void mr_pg_session_done(struct mr_pg_session *session);
/* Ends the connection alone; it may be opened again. */
void mr_pg_session_close(struct mr_pg_session *session);
/* As mr_pg_open. */
int mr_pg_session_open(struct mr_pg_session *session, struct mr_err *err) MR_MUST_CHECK;

/* Runs `sql`, as mr_pg_query and mr_pg_command do; *_text: runs session->text. */
int mr_pg_ask(const struct mr_pg_session *session, const char *sql, const char *what,
              PGresult **ret_result, struct mr_err *err) MR_MUST_CHECK;
int mr_pg_ask_text(struct mr_pg_session *session, const char *what, PGresult **ret_result,
                   struct mr_err *err) MR_MUST_CHECK;
int mr_pg_tell(const struct mr_pg_session *session, const char *sql, const char *what,
               struct mr_err *err) MR_MUST_CHECK;
int mr_pg_tell_text(struct mr_pg_session *session, const char *what,
                    struct mr_err *err) MR_MUST_CHECK;
