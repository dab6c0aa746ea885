/* Asking SQL: with a deadline in every question, and rows one at a time as they come from the network. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "connectors/source_mysql/session/connect.h"

struct mr_my_result {
    struct mr_my_session *session;
    MYSQL_RES *rows; /* NULL: a statement without rows */
    uint32_t columns;
    const char *what;
    struct mr_slice *values; /* of the row in hand */
};

/* Asks. `what` completes "cannot ..." in an error's text and must outlive the result. The result must be ended
 * before the next question. The session's answer_ns is the deadline for the first row and between two rows: MR_RETRY
 * source.no_answer, and the connection is of no use any more. */
int mr_my_query(struct mr_my_session *session, const char *sql, const char *what,
                struct mr_my_result **ret_result, struct mr_err *err) MR_MUST_CHECK;
/* The next row: 1, or 0 at the end. result->values live until the next call; data NULL: NULL. */
int mr_my_next(struct mr_my_result *result, struct mr_err *err) MR_MUST_CHECK;
const char *mr_my_column_name(const struct mr_my_result *result, uint32_t column);
/* Reads and drops what is left of the rows; where that fails the session's next question does. NULL is allowed. */
void mr_my_end(struct mr_my_result *result);

/* A statement whose result nobody needs. */
int mr_my_command(struct mr_my_session *session, const char *sql, const char *what,
                  struct mr_err *err) MR_MUST_CHECK;
/* The first value of the first row as text in the arena; {NULL, 0}: no row, or NULL. */
int mr_my_value(struct mr_my_session *session, const char *sql, const char *what,
                struct mr_arena *arena, struct mr_slice *ret_value,
                struct mr_err *err) MR_MUST_CHECK;

/* SQL text: 'literal' (our sessions have NO_BACKSLASH_ESCAPES) and `identifier`, quoted. */
void mr_my_add_literal(struct mr_buf *sql, struct mr_slice text);
void mr_my_add_name(struct mr_buf *sql, struct mr_slice name);
