/* A growing string with a ceiling: see buf.h for the contract.
 *
 * Memory doubles until it would pass the limit, then it grows to the limit exactly. One byte more than `capacity`
 * is always allocated, for the NUL that keeps `data` usable as a C string; it is not counted. A failed append
 * leaves what was there untouched, and every later append is refused too, so that the text is always a prefix
 * of what the writer meant and never has a hole in it.
 *
 * Not done here: escaping and numbers (json.h). */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

#define FIRST_CAPACITY 128

void mr_buf_init(struct mr_buf *buf, size_t limit)
{
    *buf = (struct mr_buf){.limit = limit};
}

void mr_buf_done(struct mr_buf *buf)
{
    free(buf->data);
    mr_buf_init(buf, buf->limit);
}

void mr_buf_clear(struct mr_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = 0;
}

static void grow(struct mr_buf *buf, size_t wanted)
{
    size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;

    while (capacity < wanted && capacity <= buf->limit / 2)
        capacity *= 2;
    if (capacity < wanted || capacity > buf->limit)
        capacity = buf->limit;
    buf->data = mr_realloc(buf->data, capacity + 1);
    buf->data[buf->size] = 0;
    buf->capacity = capacity;
}

bool mr_buf_room(struct mr_buf *buf, size_t more)
{
    if (buf->failed || more > buf->limit - buf->size) {
        buf->failed = true;
        return false;
    }
    if (more > buf->capacity - buf->size || !buf->data)
        grow(buf, buf->size + more);
    return true;
}

void mr_buf_add(struct mr_buf *buf, const void *data, size_t size)
{
    if (!mr_buf_room(buf, size))
        return;
    if (size)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = 0;
}

void mr_buf_add_slice(struct mr_buf *buf, struct mr_slice slice)
{
    mr_buf_add(buf, slice.data, slice.size);
}

void mr_buf_add_str(struct mr_buf *buf, const char *text)
{
    mr_buf_add(buf, text, strlen(text));
}

void mr_buf_add_char(struct mr_buf *buf, char byte)
{
    mr_buf_add(buf, &byte, 1);
}

void mr_buf_printf(struct mr_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    mr_buf_vprintf(buf, format, args);
    va_end(args);
}

void mr_buf_vprintf(struct mr_buf *buf, const char *format, va_list args)
{
    va_list again;
    int size;

    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    if (size < 0)
        buf->failed = true;
    else if (mr_buf_room(buf, (size_t)size)) {
        vsnprintf(buf->data + buf->size, (size_t)size + 1, format, again);
        buf->size += (size_t)size;
    }
    va_end(again);
}

const char *mr_buf_cstr(struct mr_buf *buf)
{
    if (!buf->data)
        return "";
    buf->data[buf->size] = 0;
    return buf->data;
}
