/* What a table looks like: the wire's Relation message, made complete by the catalogue.
 *
 * The message alone is right about names, types and order; it is written by the catalogue as of its place in the
 * log. What SQL adds (nullability, primary key under FULL, enum labels, domains, defaults) is *now* and may be
 * ahead, so it is a hint: frozen per version, and a version that follows never makes a column stricter.
 * Single threaded (reader thread). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "connectors/source_postgres/types/decode.h"
#include "connectors/source_postgres/wire/pgoutput.h"
#include "model/table.h"
#include "plug/context.h"

/* What pg_type says of one type. */
struct mr_pg_type_info {
    uint32_t oid; /* 0: there is no such type any more */
    struct mr_slice name;
    char kind; /* typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange */
    uint32_t element; /* a true array's element, else 0 */
    uint32_t base;    /* a domain's base type, else 0 */
    int32_t modifier; /* a domain's typmod */
    char delimiter;
    const struct mr_slice *labels;
    uint32_t label_count;
};

struct mr_pg_column_info {
    struct mr_slice name;
    bool not_null, generated;
    struct mr_slice standard; /* pg_get_expr of the default; data == NULL: none */
    uint16_t key;             /* 1-based place in the primary key, 0 none */
    uint16_t unique;          /* the same in the best unique index, when there is no primary key */
    uint16_t identity;        /* the same in the replica identity index */
};

struct mr_pg_table_info {
    uint32_t count; /* 0: the table is gone, or nobody asked */
    const struct mr_pg_column_info *columns;
};

/* Where hints come from: SQL (catalog.h), or a test. Answers live in `arena`. */
struct mr_pg_hints {
    void *state;
    int (*type)(void *state, struct mr_arena *arena, uint32_t oid, struct mr_pg_type_info *ret_info,
                struct mr_err *err);
    int (*table)(void *state, struct mr_arena *arena, uint32_t oid,
                 struct mr_pg_table_info *ret_info, struct mr_err *err);
};

#define MR_PG_HASHED 4 /* columns of a row that the position's check looks at, at most */

/* One table as the session knows it. */
struct mr_pg_relation {
    uint32_t oid;
    char *wire; /* the Relation message this version was made from */
    size_t wire_size;
    struct mr_table *table;         /* one reference */
    const struct mr_pg_type *types; /* one a column; in the table's arena */
    struct mr_pg_table_info info;   /* the hints it was made with; in the table's arena */
    bool captured;                  /* the user's patterns want it */
    uint64_t hash;                  /* of "schema.table", for the position's check */
    uint32_t hashed[MR_PG_HASHED];  /* ... and the columns that the wire marks as identity */
    uint32_t hashed_count;
    uint64_t below; /* events of commits below this LSN are in the snapshot already; 0 none */
};

struct mr_pg_relations {
    struct mr_map by_oid;
    const struct mr_pg_hints *hints; /* NULL: the wire alone */
    bool truncates;                  /* of tables, are wanted */
    const struct mr_context *context;
    struct mr_slice database;
    void *filter_state;
    int (*filter)(void *state, uint32_t oid, struct mr_slice schema, struct mr_slice table,
                  bool *ret_wanted, struct mr_err *err); /* NULL: every table is wanted */
    struct mr_pg_relation *last; /* the one found last: rows of a table come in runs */
    uint64_t versions;           /* versions made so far */
};

void mr_pg_relations_init(struct mr_pg_relations *relations);
void mr_pg_relations_done(struct mr_pg_relations *relations);

/* Takes a Relation message in: makes a version unless the description is the one already held. */
int mr_pg_relations_take(struct mr_pg_relations *relations, const struct mr_pg_message *message,
                         struct mr_pg_relation **ret_relation, struct mr_err *err) MR_MUST_CHECK;

/* Makes a version in which the column may be NULL: the catalogue said NOT NULL, but a row is older than that. */
int mr_pg_relations_loosen(struct mr_pg_relations *relations, struct mr_pg_relation *relation,
                           uint32_t column, struct mr_err *err) MR_MUST_CHECK;

/* NULL: no Relation message was seen for it in this session. */
struct mr_pg_relation *mr_pg_relations_find(struct mr_pg_relations *relations, uint32_t oid);

/* How a column of this type would be read; the answer lives in the scratch table's arena. */
int mr_pg_type_probe(struct mr_pg_relations *relations, struct mr_table *scratch, uint32_t oid,
                     struct mr_pg_type *ret_type, struct mr_err *err) MR_MUST_CHECK;
