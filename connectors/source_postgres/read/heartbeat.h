/* Heartbeats with the user's query. Reader thread. */
#pragma once

#include "connectors/source_postgres/source.h"

/* Runs the user's query, if there is one, and puts a heartbeat at the batch's end; the batch is to be closed then.
 * MR_RETRY: the connection is lost. */
int mr_pg_heartbeat_add(struct mr_pg_source *source, struct mr_batch *batch,
                        struct mr_err *err) MR_MUST_CHECK;
