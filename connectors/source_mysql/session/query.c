/* Questions and their rows.
 *
 *     mysql_send_query --> wait (poll, stop flag, deadline) --> mysql_read_query_result --> mysql_use_result
 *                          wait --> mysql_fetch_row, again and again
 *
 * The library's blocking calls are made when the socket has something to read, so that they wait for the rest of one
 * packet at most (and its own read timeout bounds that). Results are never stored: a table of any size is read in the
 * memory of a row.
 *
 * One result may be open per session, as the protocol has it; a question while one is open is our own mistake. */
#include "connectors/source_mysql/session/query.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "connectors/source_mysql/session/failure.h"

static int failure(struct mr_my_session *session, const char *what, struct mr_err *err)
{
    MYSQL *mysql = session->mysql;

    session->number = mysql_errno(mysql);
    return mr_my_failure(err, session->number, mysql_sqlstate(mysql), mysql_error(mysql), what);
}

static int answer(struct mr_my_session *session, const char *what, struct mr_err *err)
{
    int rc = mr_my_wait(session, mr_clock_mono_ns() + session->answer_ns, err);

    if (rc < 0)
        return rc;
    if (rc == 0)
        return mr_err_set(err, MR_RETRY, "source.no_answer", "cannot %s: no answer within %lld s",
                          what, (long long)(session->answer_ns / MR_SECOND_NS));
    return 0;
}

int mr_my_query(struct mr_my_session *session, const char *sql, const char *what,
                struct mr_my_result **ret_result, struct mr_err *err)
{
    struct mr_my_result *result;
    int rc;

    assert(!session->open);
    session->number = 0;
    if (mysql_send_query(session->mysql, sql, strlen(sql)) != 0)
        return failure(session, what, err);
    rc = answer(session, what, err);
    if (rc < 0)
        return rc;
    if (mysql_read_query_result(session->mysql) != 0)
        return failure(session, what, err);
    result = mr_alloc_zero(sizeof *result);
    result->session = session;
    result->what = what;
    result->rows = mysql_use_result(session->mysql);
    if (!result->rows && mysql_errno(session->mysql) != 0) {
        free(result);
        return failure(session, what, err);
    }
    result->columns = result->rows ? mysql_num_fields(result->rows) : 0;
    result->values = mr_alloc_zero((result->columns + 1) * sizeof *result->values);
    session->open = result;
    *ret_result = result;
    return 0;
}

int mr_my_next(struct mr_my_result *result, struct mr_err *err)
{
    struct mr_my_session *session = result->session;
    unsigned long *sizes;
    MYSQL_ROW row;
    int rc;

    if (!result->rows)
        return 0;
    rc = answer(session, result->what, err);
    if (rc < 0)
        return rc;
    row = mysql_fetch_row(result->rows);
    if (!row)
        return mysql_errno(session->mysql) != 0 ? failure(session, result->what, err) : 0;
    sizes = mysql_fetch_lengths(result->rows);
    for (uint32_t i = 0; i < result->columns; i++)
        result->values[i] = mr_slice(row[i], row[i] ? sizes[i] : 0);
    return 1;
}

const char *mr_my_column_name(const struct mr_my_result *result, uint32_t column)
{
    return mysql_fetch_field_direct(result->rows, column)->name;
}

void mr_my_end(struct mr_my_result *result)
{
    if (!result)
        return;
    result->session->open = NULL;
    if (result->rows)
        mysql_free_result(result->rows);
    free(result->values);
    free(result);
}

int mr_my_command(struct mr_my_session *session, const char *sql, const char *what,
                  struct mr_err *err)
{
    struct mr_my_result *result;
    int rc = mr_my_query(session, sql, what, &result, err);

    if (rc < 0)
        return rc;
    while ((rc = mr_my_next(result, err)) > 0)
        ;
    mr_my_end(result);
    return rc;
}

int mr_my_value(struct mr_my_session *session, const char *sql, const char *what,
                struct mr_arena *arena, struct mr_slice *ret_value, struct mr_err *err)
{
    struct mr_slice value = {NULL, 0};
    struct mr_my_result *result;
    int rc = mr_my_query(session, sql, what, &result, err);
    bool first = true;

    if (rc < 0)
        return rc;
    while ((rc = mr_my_next(result, err)) > 0) {
        if (first && result->columns > 0 && result->values[0].data)
            value = mr_slice(mr_arena_str(arena, result->values[0]), result->values[0].size);
        first = false;
    }
    mr_my_end(result);
    if (rc == 0)
        *ret_value = value;
    return rc;
}

static void add_quoted(struct mr_buf *sql, struct mr_slice text, char quote)
{
    mr_buf_add_char(sql, quote);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == quote)
            mr_buf_add_char(sql, quote);
        mr_buf_add_char(sql, text.data[i]);
    }
    mr_buf_add_char(sql, quote);
}

void mr_my_add_literal(struct mr_buf *sql, struct mr_slice text)
{
    add_quoted(sql, text, '\'');
}

void mr_my_add_name(struct mr_buf *sql, struct mr_slice name)
{
    add_quoted(sql, name, '`');
}
