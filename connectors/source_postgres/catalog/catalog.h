/* Questions to the catalogue about one table or type, as hints for relation.h; and lists of tables. */
#pragma once

#include "connectors/source_postgres/source.h"

/* Makes source->hints ask over source->sql. */
void mr_pg_catalog_init(struct mr_pg_source *source);

/* A table that could be captured. */
struct mr_pg_candidate {
    uint32_t oid;
    struct mr_slice schema, name;
    char kind;     /* r table, p partitioned */
    bool identity; /* updates and deletes can be published without making them fail */
    bool owned;    /* our role may publish it */
    bool partition;
    bool unlogged;
    bool inserts; /* published for insert only (follow.c) */
    double rows;  /* the planner's estimate; < 0 unknown */
};

struct mr_pg_candidates {
    struct mr_pg_candidate *items;
    size_t count;
};

/* Whether the user's patterns take this table in: by its name, or as a partition of a table that they name. A table
 * that is gone by now cannot be asked for its parents: it is taken in when the publication holds nothing that is not
 * wanted, and either is noted. */
int mr_pg_captured(struct mr_pg_source *source, uint32_t oid, struct mr_slice schema,
                   struct mr_slice table, bool *ret_captured, struct mr_err *err) MR_MUST_CHECK;

/* All tables the user's patterns take in, by schema and name; in `arena`. Where partitions come as their root
 * (source->via_root), without those that have one among them. */
int mr_pg_candidates_load(struct mr_pg_source *source, struct mr_arena *arena,
                          struct mr_pg_candidates *ret_candidates,
                          struct mr_err *err) MR_MUST_CHECK;
