/* Reading a wire message that may lie.
 *
 * A cursor walks over bytes it does not own. A read beyond the end returns zero (or an empty slice), moves
 * nothing and sets `failed`, which stays set: a parser reads all fields and checks once per message. A count
 * from the wire must be compared with mr_cur_left() before it sizes a loop or an array. Big-endian readers are
 * for PostgreSQL and Avro frames, little-endian ones for the MySQL binlog. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

struct mr_cur {
    const uint8_t *at, *end;
    bool failed;
};

static inline struct mr_cur mr_cur(struct mr_slice bytes)
{
    const uint8_t *at = (const uint8_t *)(bytes.data ? bytes.data : "");
    return (struct mr_cur){at, at + bytes.size, false};
}

static inline size_t mr_cur_left(const struct mr_cur *cur)
{
    return (size_t)(cur->end - cur->at);
}

static inline const uint8_t *mr_cur_take(struct mr_cur *cur, size_t size)
{
    const uint8_t *at = cur->at;

    if (cur->failed || size > mr_cur_left(cur)) {
        cur->failed = true;
        return NULL;
    }
    cur->at += size;
    return at;
}

static inline uint8_t mr_cur_u8(struct mr_cur *cur)
{
    const uint8_t *p = mr_cur_take(cur, 1);
    return p ? *p : 0;
}

static inline uint16_t mr_cur_be16(struct mr_cur *cur)
{
    const uint8_t *p = mr_cur_take(cur, 2);
    uint16_t v;
    if (!p)
        return 0;
    memcpy(&v, p, 2);
    return __builtin_bswap16(v);
}

static inline uint32_t mr_cur_be32(struct mr_cur *cur)
{
    const uint8_t *p = mr_cur_take(cur, 4);
    uint32_t v;
    if (!p)
        return 0;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}

static inline uint64_t mr_cur_be64(struct mr_cur *cur)
{
    const uint8_t *p = mr_cur_take(cur, 8);
    uint64_t v;
    if (!p)
        return 0;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

/* `size` bytes, 1 to 8, the lowest first. */
static inline uint64_t mr_cur_le(struct mr_cur *cur, size_t size)
{
    const uint8_t *p = mr_cur_take(cur, size);
    uint64_t v = 0;
    for (size_t i = p ? size : 0; i > 0; i--)
        v = v << 8 | p[i - 1];
    return v;
}

static inline uint16_t mr_cur_le16(struct mr_cur *cur)
{
    const uint8_t *p = mr_cur_take(cur, 2);
    uint16_t v;
    if (!p)
        return 0;
    memcpy(&v, p, 2);
    return v;
}

static inline uint32_t mr_cur_le32(struct mr_cur *cur)
{
    const uint8_t *p = mr_cur_take(cur, 4);
    uint32_t v;
    if (!p)
        return 0;
    memcpy(&v, p, 4);
    return v;
}

static inline uint64_t mr_cur_le64(struct mr_cur *cur)
{
    const uint8_t *p = mr_cur_take(cur, 8);
    uint64_t v;
    if (!p)
        return 0;
    memcpy(&v, p, 8);
    return v;
}

/* `size` bytes as a slice into the message. */
static inline struct mr_slice mr_cur_bytes(struct mr_cur *cur, size_t size)
{
    const uint8_t *p = mr_cur_take(cur, size);
    return p ? mr_slice(p, size) : (struct mr_slice){NULL, 0};
}

/* A NUL-terminated string without its NUL; fails when there is no NUL before the end. */
static inline struct mr_slice mr_cur_str(struct mr_cur *cur)
{
    const uint8_t *nul = cur->failed ? NULL : (const uint8_t *)memchr(cur->at, 0, mr_cur_left(cur));
    struct mr_slice text;

    if (!nul) {
        cur->failed = true;
        return (struct mr_slice){NULL, 0};
    }
    text = mr_slice(cur->at, (size_t)(nul - cur->at));
    cur->at = nul + 1;
    return text;
}
