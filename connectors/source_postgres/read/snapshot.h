/* The initial snapshot: the tables' rows, read in the view of one point of the log. Reader thread. */
#pragma once

#include "connectors/source_postgres/source.h"

/* Opens the view and lists the tables that remain to be read. The position's snapshot.active is set. Uses
 * source->snapshot_name when the slot's creation exported a view; else makes a temporary slot for one. */
int mr_pg_snapshot_open(struct mr_pg_source *source, struct mr_err *err) MR_MUST_CHECK;

/* As struct mr_source's read(). When the last row is in the batch the position's snapshot.active is false, and
 * the snapshot is closed. */
int mr_pg_snapshot_read(struct mr_pg_source *source, struct mr_batch *batch, int64_t deadline_ns,
                        struct mr_err *err) MR_MUST_CHECK;

void mr_pg_snapshot_close(struct mr_pg_source *source);
