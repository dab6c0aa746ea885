/* A JSON text that grows at the end of a batch's arena.
 *
 * begin, put..., then end (which keeps it) or nothing at all (which drops it). Between begin and end nobody else
 * may allocate from the arena. need() before a raw write at `at`; all pointers move when it grows. */
#pragma once

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/slice.h"

struct mr_out {
    char *start, *at, *end; /* start <= at <= end */
    struct mr_arena *arena;
};

void mr_out_begin(struct mr_out *out, struct mr_arena *arena, size_t room);
struct mr_slice mr_out_end(struct mr_out *out);
void mr_out_grow(struct mr_out *out, size_t more);
/* A quoted string of any length. */
void mr_out_long_text(struct mr_out *out, struct mr_slice text);
/* Quoted base64 of any length. */
void mr_out_base64(struct mr_out *out, struct mr_slice bytes);

static inline void mr_out_need(struct mr_out *out, size_t more)
{
    if ((size_t)(out->end - out->at) < more)
        mr_out_grow(out, more);
}

static inline void mr_out_raw(struct mr_out *out, struct mr_slice text)
{
    mr_out_need(out, text.size);
    memcpy(out->at, text.data, text.size);
    out->at += text.size;
}

#define MR_OUT_LITERAL(out, literal)                                                               \
    mr_out_raw((out), (struct mr_slice){(literal), sizeof(literal) - 1})

#define MR_OUT_SHORT 256

static inline void mr_out_text(struct mr_out *out, struct mr_slice text)
{
    if (text.size > MR_OUT_SHORT) {
        mr_out_long_text(out, text);
        return;
    }
    mr_out_need(out, 2 + 6 * text.size);
    out->at = mr_json_put_str(out->at, text);
}

static inline void mr_out_i64(struct mr_out *out, int64_t number)
{
    mr_out_need(out, 20);
    out->at = mr_json_put_i64(out->at, number);
}

static inline void mr_out_u64(struct mr_out *out, uint64_t number)
{
    mr_out_need(out, 20);
    out->at = mr_json_put_u64(out->at, number);
}
