/* What snapshot.c (reading) and snapshot_view.c (the view and its tables) share. */
#pragma once

#include "capture/snapshot.h"
#include "connectors/source_postgres/place/place.h"
#include "connectors/source_postgres/read/feed.h"

struct mr_pg_snapshot_item {
    uint32_t oid;
    struct mr_slice schema, name;
    char *full;            /* "schema.table", as in the position */
    bool unpublished;      /* no publication yet: all its columns count */
    bool partitioned;      /* rows stand in its partitions: FROM t, not FROM ONLY t */
    struct mr_slice where; /* the publication's row filter; data == NULL: none */
    const char *select;    /* snapshot_select_statement_overrides; NULL: none */
    double rows;           /* the planner's estimate; < 0 unknown */
};

struct mr_pg_snapshot {
    struct mr_snapshot course; /* its items' own are struct mr_pg_snapshot_item */
    struct mr_pg_place *place;
    struct mr_pg_catalog *catalog;
    struct mr_pg_feed *feed;
    const struct mr_select *selected;  /* snapshot_include_collection_list */
    struct mr_pg_session view;         /* in the view's transaction */
    uint64_t point;                    /* of the view */
    struct mr_transaction transaction; /* what its rows belong to */
    struct mr_pg_relation *relation;
    bool binary, header; /* header: it was skipped already */
    char *held;          /* the last message read, not yet taken: is it the table's last row? */
    size_t held_size;
};

/* Opens the session in the view; sets point and transaction. */
int mr_pg_view_open(struct mr_pg_snapshot *snapshot, struct mr_err *err) MR_MUST_CHECK;
/* Lists what is to be read, in the view: mr_snapshot_list(). */
int mr_pg_view_list(struct mr_pg_snapshot *snapshot, struct mr_err *err) MR_MUST_CHECK;
/* Describes one table as the stream would, over any session, and appends its SELECT to sql. */
int mr_pg_view_describe(struct mr_pg_session *session, const struct mr_pg_catalog *catalog,
                        struct mr_pg_relations *relations, const struct mr_pg_snapshot_item *item,
                        struct mr_pg_relation **ret_relation, struct mr_buf *sql,
                        struct mr_err *err) MR_MUST_CHECK;
/* Appends a text that tells how the table looks, as the session sees it: another text, another table. */
int mr_pg_view_shape(struct mr_pg_session *session, const struct mr_pg_snapshot_item *item,
                     struct mr_buf *ret_shape, struct mr_err *err) MR_MUST_CHECK;
/* MR_RETRY source.table_altered: the table is not in the view as it is now. */
int mr_pg_view_altered(const struct mr_pg_snapshot_item *item, struct mr_err *err);
/* rc, or that when the statement that failed with it names what is not there any more. */
int mr_pg_view_failure(const struct mr_pg_snapshot_item *item, int rc, struct mr_err *err);
/* Whether any table behind the one at hand has a row. */
int mr_pg_view_more(struct mr_pg_snapshot *snapshot, bool *ret_more,
                    struct mr_err *err) MR_MUST_CHECK;
