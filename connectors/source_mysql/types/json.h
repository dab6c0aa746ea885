/* MySQL's binary JSON, to the text that the server prints (MySQL source, json_binary).
 *
 *     u8 type, value. Objects and arrays are a table of (type, offset) and then what it points to; offsets count
 * from the
 *     container's first byte and need not be in order: an update in place leaves holes.
 *
 * Hostile input: offsets are checked against the container, depth is at most 100 (the server's own limit), and
 * neither the values visited nor the text written can be more than the document's bytes allow: overlapping
 * containers do not multiply. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "model/value.h"

/* MR_TEXT; of no bytes at all (what the server leaves of an invalid document) "null". compact: without the spaces that
 * the server prints behind commas and colons. */
bool mr_my_json_value(struct mr_slice bytes, bool compact, struct mr_arena *arena,
                      struct mr_value *ret_value);

/* One value in a document: its type, and its bytes up to the end of its container. */
enum mr_my_json_type {
    MR_MY_JSON_SMALL_OBJECT = 0,
    MR_MY_JSON_LARGE_OBJECT = 1,
    MR_MY_JSON_SMALL_ARRAY = 2,
    MR_MY_JSON_LARGE_ARRAY = 3,
    MR_MY_JSON_LITERAL = 4,
    MR_MY_JSON_INT16 = 5,
    MR_MY_JSON_UINT16 = 6,
    MR_MY_JSON_INT32 = 7,
    MR_MY_JSON_UINT32 = 8,
    MR_MY_JSON_INT64 = 9,
    MR_MY_JSON_UINT64 = 10,
    MR_MY_JSON_DOUBLE = 11,
    MR_MY_JSON_STRING = 12,
    MR_MY_JSON_OPAQUE = 15,
};
struct mr_my_json {
    uint8_t type; /* enum mr_my_json_type */
    struct mr_slice bytes;
};

/* The document itself. */
bool mr_my_json_root(struct mr_slice bytes, struct mr_my_json *ret_json);
/* How many members or elements; false: it is no container, or damaged. */
bool mr_my_json_count(const struct mr_my_json *json, bool *ret_object, uint32_t *ret_count);
/* The i-th member; ret_key is empty in an array. */
bool mr_my_json_member(const struct mr_my_json *json, uint32_t i, struct mr_slice *ret_key,
                       struct mr_my_json *ret_member);

/* Text in the making, at the arena's end: nothing else may allocate there meanwhile. */
struct mr_my_json_out {
    struct mr_arena *arena;
    char *begin, *at, *end;
    size_t most;     /* bytes of text at most */
    uint64_t visits; /* values that may still be visited */
    bool compact, failed;
};
void mr_my_json_begin(struct mr_my_json_out *out, struct mr_arena *arena, size_t bytes,
                      bool compact);
void mr_my_json_add(struct mr_my_json_out *out, const char *text);
void mr_my_json_add_separator(struct mr_my_json_out *out);
void mr_my_json_add_key(struct mr_my_json_out *out, struct mr_slice key);
void mr_my_json_print(struct mr_my_json_out *out, const struct mr_my_json *json, unsigned depth);
bool mr_my_json_end(struct mr_my_json_out *out, struct mr_value *ret_value);

#define MR_MY_JSON_DEPTH 100
