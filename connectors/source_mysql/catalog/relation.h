/* Tables as the log describes them, one version at a time.
 *
 * Every statement's rows come after maps of their tables. A map of the same content is the same version, and costs
 * one comparison; another one makes a version, which information_schema may complete (info.h) where it agrees with
 * the map. The wire alone decides how rows are read. Single threaded (reader thread). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "connectors/source_mysql/catalog/info.h"
#include "connectors/source_mysql/place/position.h"
#include "connectors/source_mysql/types/reader.h"
#include "connectors/source_mysql/wire/tablemap.h"
#include "model/table.h"
#include "plug/context.h"

#define MR_MY_HASHED 4 /* columns of a row that the position's check looks at, at most */

struct mr_my_relation {
    char *key; /* database, NUL, table: its place in the cache */
    size_t key_size;
    char *name;            /* "database.table" */
    struct mr_arena arena; /* map, readers, slices */
    struct mr_my_map *map;
    const struct mr_my_reader *readers; /* one a column of the map; NULL while not captured */
    /* NULL while not captured; columns of the map from the first on, without hidden ones. */
    struct mr_table *table;
    bool captured;                 /* the user's patterns want it */
    bool stale;                    /* a statement changed the table: the catalogue is asked again */
    uint64_t hash;                 /* of the names, for the position's check */
    uint32_t hashed[MR_MY_HASHED]; /* ... and the columns that tell a row */
    uint32_t hashed_count;
    struct mr_slice *before, *after; /* room for a row's fields */
    bool has_view;
    struct mr_my_place view; /* what a snapshot of it holds already */
};

/* A map of the statement in hand. */
struct mr_my_current {
    uint64_t table_id;
    struct mr_my_relation *relation;
};

struct mr_my_relations {
    struct mr_map by_name;
    struct mr_my_current *current; /* since the last statement's end */
    size_t current_count, current_capacity;
    const struct mr_my_hints *hints; /* NULL: the log alone */
    const struct mr_context *context;
    bool mariadb, truncates;
    bool fold_names; /* lower_case_table_names is not 0: names in statements are of any case */
    void *filter_state;
    /* Whether the user wants the table; NULL: every one. */
    int (*filter)(void *state, struct mr_slice database, struct mr_slice table, bool *ret_wanted,
                  struct mr_err *err);
    /* The place that a snapshot of "database.table" shows, as text; NULL: none of it is needed. */
    void *view_state;
    const char *(*view)(void *state, const char *name);
    bool by_gtid;      /* how such places are written */
    uint64_t versions; /* made so far */
};

void mr_my_relations_init(struct mr_my_relations *relations);
void mr_my_relations_done(struct mr_my_relations *relations);

/* Takes a TABLE_MAP's body in. MR_CONFIG source.row_metadata: names are missing, and the catalogue does not fit. */
int mr_my_relations_take(struct mr_my_relations *relations, const struct mr_my_format *format,
                         struct mr_slice body, struct mr_my_relation **ret_relation,
                         struct mr_err *err) MR_MUST_CHECK;
/* The same for a map that was made of the catalogue; it is copied. */
int mr_my_relations_take_map(struct mr_my_relations *relations, const struct mr_my_map *map,
                             const struct mr_my_table_info *info,
                             struct mr_my_relation **ret_relation,
                             struct mr_err *err) MR_MUST_CHECK;
/* The table that rows of this id belong to in the statement in hand; NULL: it was not described. */
struct mr_my_relation *mr_my_relations_find(struct mr_my_relations *relations, uint64_t table_id);
/* Ids are forgotten. */
void mr_my_relations_end_statement(struct mr_my_relations *relations);

/* Whether the user wants the table of that name. */
int mr_my_relations_want(const struct mr_my_relations *relations, struct mr_slice database,
                         struct mr_slice table, bool *ret_wanted, struct mr_err *err) MR_MUST_CHECK;
/* A version for an event without rows: the one in hand, or by the catalogue; NULL: not wanted, or nobody knows it. */
int mr_my_relations_named(struct mr_my_relations *relations, struct mr_slice database,
                          struct mr_slice table, struct mr_my_relation **ret_relation,
                          struct mr_err *err) MR_MUST_CHECK;
/* A statement changed the table. */
void mr_my_relations_changed(struct mr_my_relations *relations, struct mr_slice database,
                             struct mr_slice table);
void mr_my_relations_all_changed(struct mr_my_relations *relations);
/* Views are looked up again. */
void mr_my_relations_set_views(struct mr_my_relations *relations);

uint64_t mr_my_relation_hash(struct mr_slice database, struct mr_slice table);
