/* Sessions: a connection with what is needed to ask over it.
 *
 * A source has two that live as long as it does, an ordinary one for questions and a replication session for the log,
 * and opens more for a while. Each has the text of one statement, made anew for each question: a question is made and
 * asked in one place, and its text is of no use after that.
 *
 * What it does not do: open again by itself. Who loses a connection says so (MR_RETRY), and the engine begins anew. */
#include "connectors/source_postgres/session/session.h"

void mr_pg_session_init(struct mr_pg_session *session, const struct mr_pg_connect *connect)
{
    *session = (struct mr_pg_session){.connect = *connect};
    mr_buf_init(&session->text, 16 << 20);
}

void mr_pg_session_done(struct mr_pg_session *session)
{
    mr_pg_session_close(session);
    mr_buf_done(&session->text);
}

void mr_pg_session_close(struct mr_pg_session *session)
{
    PQfinish(session->conn);
    session->conn = NULL;
}

int mr_pg_session_open(struct mr_pg_session *session, struct mr_err *err)
{
    return mr_pg_open(&session->connect, &session->conn, err);
}

int mr_pg_ask(const struct mr_pg_session *session, const char *sql, const char *what,
              PGresult **ret_result, struct mr_err *err)
{
    return mr_pg_query(&session->connect, session->conn, sql, what, ret_result, err);
}

int mr_pg_ask_text(struct mr_pg_session *session, const char *what, PGresult **ret_result,
                   struct mr_err *err)
{
    return mr_pg_ask(session, mr_buf_cstr(&session->text), what, ret_result, err);
}

int mr_pg_tell(const struct mr_pg_session *session, const char *sql, const char *what,
               struct mr_err *err)
{
    return mr_pg_command(&session->connect, session->conn, sql, what, err);
}

int mr_pg_tell_text(struct mr_pg_session *session, const char *what, struct mr_err *err)
{
    return mr_pg_tell(session, mr_buf_cstr(&session->text), what, err);
}
