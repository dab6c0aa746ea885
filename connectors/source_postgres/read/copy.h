/* Rows of COPY TO STDOUT, one message a row: in binary, or as text. Pure: bytes to fields. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cursor.h"
#include "base/slice.h"

/* Skips the header that precedes the first row of a binary copy; false when it is none. */
bool mr_pg_copy_header(struct mr_slice *bytes);
/* True for the end mark of a binary copy. */
bool mr_pg_copy_trailer(struct mr_slice bytes);

/* The next field: ret_bytes->data == NULL for null. binary: cur stands behind the row's field count. text: `row`
 * is consumed from the left, and unescaped in place (so its bytes must be writable). False: the row is broken. */
bool mr_pg_copy_binary_next(struct mr_cur *cur, struct mr_slice *ret_bytes);
bool mr_pg_copy_text_next(struct mr_slice *row, struct mr_slice *ret_bytes);
