/* A growing string of bytes with a ceiling.
 *
 * 0 <= size <= capacity <= limit. An append that would pass the limit writes nothing, and the buffer stays
 * `failed` until it is cleared: a writer of many pieces checks once, at the end. data is always NUL-terminated
 * when size > 0 or after mr_buf_cstr(). Single threaded. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct mr_buf {
    char *data;
    size_t size, capacity, limit;
    bool failed;
};

void mr_buf_init(struct mr_buf *buf, size_t limit);
void mr_buf_done(struct mr_buf *buf);
/* Empties the buffer, keeps its memory, forgets a failure. */
void mr_buf_clear(struct mr_buf *buf);
/* Makes room for `more` bytes; false when the limit forbids it. */
bool mr_buf_room(struct mr_buf *buf, size_t more);
void mr_buf_add(struct mr_buf *buf, const void *data, size_t size);
void mr_buf_add_slice(struct mr_buf *buf, struct mr_slice slice);
void mr_buf_add_str(struct mr_buf *buf, const char *text);
void mr_buf_add_char(struct mr_buf *buf, char byte);
void mr_buf_printf(struct mr_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void mr_buf_vprintf(struct mr_buf *buf, const char *format, va_list args);
/* The content as a C string; "" for an empty buffer. Valid until the next change. */
const char *mr_buf_cstr(struct mr_buf *buf);
static inline struct mr_slice mr_buf_slice(const struct mr_buf *buf)
{
    return (struct mr_slice){buf->data, buf->size};
}
