/* Questions to the catalogue about one table or type, as hints for relation.h; and lists of tables. Reader thread. */
#pragma once

#include "capture/select.h"
#include "capture/track.h"
#include "connectors/source_postgres/catalog/relation.h"
#include "connectors/source_postgres/session/server.h"
#include "connectors/source_postgres/session/session.h"

/* Through what the log is read. */
struct mr_pg_published {
    char publication[MR_PG_NAME], inserts[MR_PG_NAME]; /* inserts: for tables without identity */
    bool use_inserts;                                  /* that second publication exists */
    /* Partitions come as the table at their top: as the publication has it, or will. */
    bool via_root;
    bool computed; /* it sends stored generated columns (18) */
};

struct mr_pg_catalog {
    const struct mr_context *context;
    struct mr_pg_session *sql;
    const struct mr_pg_server *server;
    const struct mr_pg_published *published;
    const struct mr_select *selected; /* the tables that are wanted */
    const struct mr_track *track; /* the open transaction, which a question must not be before */
    uint64_t seen_xid;            /* that one, once other sessions see it; 0 none */
    struct mr_pg_hints hints;     /* that ask here */
};

/* Makes catalog->hints; the rest is the maker's. It may not be moved after that. */
void mr_pg_catalog_init(struct mr_pg_catalog *catalog);

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
int mr_pg_captured(struct mr_pg_catalog *catalog, uint32_t oid, struct mr_slice schema,
                   struct mr_slice table, bool *ret_captured, struct mr_err *err) MR_MUST_CHECK;

/* All tables the user's patterns take in, by schema and name; in `arena`. Where partitions come as their root
 * (published->via_root), without those that have one among them. */
int mr_pg_candidates_load(struct mr_pg_catalog *catalog, struct mr_arena *arena,
                          struct mr_pg_candidates *ret_candidates,
                          struct mr_err *err) MR_MUST_CHECK;
