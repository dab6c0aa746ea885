/* A value of a Connect schema, as data: what seldom comes and is no row. Side records, messages and changes of schemas
 * are trees, so that a format needs one function for them all.
 *
 * A struct has one item per field of its schema, in the same order. Nodes live in the arena they were made in and are
 * not changed. The source block and the transaction's block stand for themselves: the format has its own way of writing
 * them (source.h). */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "model/change.h"
#include "model/value.h"
#include "schema/form/connect.h"

enum mr_node_kind {
    MR_NODE_NULL = 0,
    MR_NODE_BOOL,   /* i */
    MR_NODE_INT,    /* i */
    MR_NODE_TEXT,   /* text */
    MR_NODE_BYTES,  /* text */
    MR_NODE_LIST,   /* items, count */
    MR_NODE_STRUCT, /* likewise */
    MR_NODE_SOURCE,
    MR_NODE_BLOCK,
};

struct mr_node {
    enum mr_node_kind kind;
    uint32_t count;
    union {
        int64_t i;
        struct mr_slice text;
        const struct mr_node *items;
    };
};

/* Of a record without a row. */
struct mr_node_pair {
    const struct mr_node *key, *value;
};

/* data NULL is null. */
static inline struct mr_node mr_node_text(struct mr_slice text)
{
    return (struct mr_node){.kind = text.data ? MR_NODE_TEXT : MR_NODE_NULL, .text = text};
}

static inline struct mr_node mr_node_int(int64_t number)
{
    return (struct mr_node){.kind = MR_NODE_INT, .i = number};
}

/* A copy of the items in the arena. */
static inline struct mr_node mr_node_list(struct mr_arena *arena, enum mr_node_kind kind,
                                          const struct mr_node *items, size_t count)
{
    struct mr_node *copy = MR_ARENA_ARRAY(arena, struct mr_node, count + 1);

    memcpy(copy, items, count * sizeof(*items));
    return (struct mr_node){.kind = kind, .count = (uint32_t)count, .items = copy};
}

static inline const struct mr_node *mr_node_keep(struct mr_arena *arena, struct mr_node node)
{
    struct mr_node *copy = MR_ARENA_NEW(arena, struct mr_node);

    *copy = node;
    return copy;
}

#define MR_NODE_STRUCT_OF(arena, ...)                                                              \
    mr_node_list((arena), MR_NODE_STRUCT, (const struct mr_node[]){__VA_ARGS__},                   \
                 sizeof((const struct mr_node[]){__VA_ARGS__}) / sizeof(struct mr_node))
