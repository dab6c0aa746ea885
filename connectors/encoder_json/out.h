/* A JSON text that grows at the end of a batch's arena.
 *
 * begin, put..., then end (which keeps it) or nothing at all (which drops it). Between begin and end nobody else
 * may allocate from the arena. need() before a raw write at `at`; all pointers move when it grows. */
#pragma once

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/slice.h"

struct json_out {
    char *start, *at, *end; /* start <= at <= end */
    struct mr_arena *arena;
};

void json_out_begin(struct json_out *out, struct mr_arena *arena, size_t room);
struct mr_slice json_out_end(struct json_out *out);
void json_out_grow(struct json_out *out, size_t more);
/* A quoted string of any length. */
void json_out_long_text(struct json_out *out, struct mr_slice text);
/* Quoted base64 of any length. */
void json_out_base64(struct json_out *out, struct mr_slice bytes);

static inline void json_out_need(struct json_out *out, size_t more)
{
    if ((size_t)(out->end - out->at) < more)
        json_out_grow(out, more);
}

static inline void json_out_raw(struct json_out *out, struct mr_slice text)
{
    json_out_need(out, text.size);
    memcpy(out->at, text.data, text.size);
    out->at += text.size;
}

#define JSON_OUT_LITERAL(out, literal)                                                             \
    json_out_raw((out), (struct mr_slice){(literal), sizeof(literal) - 1})

#define JSON_OUT_SHORT 256

static inline void json_out_text(struct json_out *out, struct mr_slice text)
{
    if (text.size > JSON_OUT_SHORT) {
        json_out_long_text(out, text);
        return;
    }
    json_out_need(out, 2 + 6 * text.size);
    out->at = mr_json_put_str(out->at, text);
}

static inline void json_out_i64(struct json_out *out, int64_t number)
{
    json_out_need(out, 20);
    out->at = mr_json_put_i64(out->at, number);
}

static inline void json_out_u64(struct json_out *out, uint64_t number)
{
    json_out_need(out, 20);
    out->at = mr_json_put_u64(out->at, number);
}
