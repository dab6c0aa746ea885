/* Questions to the catalogue about one table or type, as hints for relation.h; and lists of tables. */
#pragma once

#include "connectors/source_postgres/source.h"

/* Makes source->hints ask over source->sql. */
void mr_pg_catalog_init(struct mr_pg_source *source);

/* What is to become of a table in the publications (publish/follow.c). */
enum mr_pg_move {
    MR_PG_MOVE_NONE,
    MR_PG_MOVE_ADD,   /* it stands in none */
    MR_PG_MOVE_IN,    /* from the inserts' publication to the main one: it has an identity now */
    MR_PG_MOVE_OUT,   /* the other way: it has lost it */
    MR_PG_MOVE_LEAVE, /* it stands in both and has to leave the main one */
};

/* A table that could be captured. */
struct mr_pg_candidate {
    uint32_t oid;
    struct mr_slice schema, name;
    char kind; /* r table, p partitioned */
    /* updates and deletes can be published without making them fail, now and for partitions that come later */
    bool identity;
    bool owned; /* our role may publish it */
    bool partition;
    bool unlogged;
    enum mr_pg_move move;
    double rows;         /* the planner's estimate; < 0 unknown */
    const char *parents; /* OIDs of the partitioned tables above it: "17,4"; "" none */
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
