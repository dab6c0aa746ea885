/* A YAML text as a tree in which every node knows its place.
 *
 * libyaml reads the syntax; this keeps scalars as text and allows what a configuration needs: mappings with
 * scalar keys, sequences, scalars, one document. Anchors, aliases, tags, merge keys, duplicate keys, NUL bytes
 * and nesting deeper than MR_YAML_DEEPEST are findings, not features. Nodes live in the arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"

/* Levels; bytes of one file; entries of one mapping or sequence. */
enum { MR_YAML_DEEPEST = 32, MR_YAML_LARGEST = 1 << 20, MR_YAML_WIDEST = 4096 };

enum mr_yaml_kind { MR_YAML_SCALAR, MR_YAML_SEQUENCE, MR_YAML_MAPPING };

struct mr_yaml_node {
    enum mr_yaml_kind kind;
    struct mr_diag_file *file;
    uint32_t line, column, end_line, end_column; /* from 1; the end is exclusive */
    const char *text; /* SCALAR: NUL-terminated, no NUL inside; after substitution, the result */
    bool quoted;      /* SCALAR: not plain */
    bool tainted;     /* SCALAR: holds bytes of a ${file:} or another secret: never shown */
    bool substituted; /* SCALAR: text is not what the file says */
    /* SCALAR: the file holds one ${...} and nothing else, so its source may be shown */
    bool reference;
    size_t count;                /* MAPPING, SEQUENCE */
    struct mr_yaml_node **keys;  /* MAPPING: scalars */
    struct mr_yaml_node **items; /* MAPPING: the values; SEQUENCE: the elements */
};

/* The root, or NULL when the text has no structure that could be checked further (at least one finding was
 * added then). An empty text is an empty mapping. file->text must live as long as the nodes. */
struct mr_yaml_node *mr_yaml_parse(struct mr_diag_file *file, struct mr_arena *arena,
                                   struct mr_diag *diag);
/* The value of a key, or NULL. */
struct mr_yaml_node *mr_yaml_get(const struct mr_yaml_node *mapping, const char *key);
/* A plain scalar that YAML calls null: nothing, ~ or null. */
bool mr_yaml_is_null(const struct mr_yaml_node *node);
/* Keeps the node's stretch of the file out of everything that is shown. */
void mr_yaml_hide(struct mr_yaml_node *node, struct mr_arena *arena);
/* "a mapping", "a list", "nothing" or the scalar in quotes, cut and masked: to stand after "got". */
const char *mr_yaml_describe(const struct mr_yaml_node *node, struct mr_arena *arena);
/* `path` and `key` joined by a dot, in the arena. */
const char *mr_yaml_path(struct mr_arena *arena, const char *path, const char *key);
