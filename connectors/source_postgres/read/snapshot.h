/* The initial snapshot: the tables' rows, read in the view of one point of the log. Reader thread. */
#pragma once

#include "connectors/source_postgres/place/place.h"
#include "connectors/source_postgres/read/feed.h"

struct mr_pg_snapshot;

/* What a snapshot is read with. */
struct mr_pg_snapshot_parts {
    struct mr_pg_place *place;
    struct mr_pg_catalog *catalog;
    struct mr_pg_feed *feed;
    const struct mr_select *selected; /* snapshot_include_collection_list */
};

/* Opens the view and lists the tables that remain to be read. The position's snapshot.active is set. Uses
 * place->snapshot_name when the slot's creation exported a view; else makes a temporary slot for one. On failure, too,
 * *ret_snapshot is to be closed. */
int mr_pg_snapshot_open(const struct mr_pg_snapshot_parts *parts,
                        struct mr_pg_snapshot **ret_snapshot, struct mr_err *err) MR_MUST_CHECK;

/* As struct mr_source's read(). *ret_finished: the last row is in the batch, the position's snapshot.active is false;
 * the snapshot is to be closed. */
int mr_pg_snapshot_read(struct mr_pg_snapshot *snapshot, struct mr_batch *batch, size_t limit,
                        int64_t deadline_ns, bool *ret_finished, struct mr_err *err) MR_MUST_CHECK;

void mr_pg_snapshot_close(struct mr_pg_snapshot *snapshot); /* NULL is allowed */
