/* What information_schema says about a table, beside the log. It is of now and may be ahead of the log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct mr_my_column_info {
    struct mr_slice name;
    struct mr_slice declared;           /* "int(10) unsigned zerofill" */
    struct mr_slice kind;               /* the type's name alone: "int" */
    struct mr_slice charset, collation; /* {NULL, 0}: it has none */
    struct mr_slice comment;
    struct mr_slice standard; /* the default's text; data == NULL: none, or NULL */
    struct mr_slice extra; /* "auto_increment", "DEFAULT_GENERATED on update CURRENT_TIMESTAMP" */
    bool nullable;
    /* 1-based place in the key that tells rows: the primary one, or a unique one without NULLs. */
    uint16_t key;
    uint32_t precision, scale, characters, bytes, digits; /* digits: of a time's fraction */
};

struct mr_my_table_info {
    uint32_t count; /* 0: there is no such table, or nobody asked */
    struct mr_my_column_info *columns;
    bool view, sequence, versioned, transactional;
    struct mr_slice engine, comment, collation;
};

/* Who is asked: the server (lookup.h), or a test. Answers live in the arena. */
struct mr_my_hints {
    void *state;
    int (*table)(void *state, struct mr_arena *arena, struct mr_slice database,
                 struct mr_slice table, struct mr_my_table_info *ret_info, struct mr_err *err);
};
