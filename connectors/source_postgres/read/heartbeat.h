/* Heartbeats with the user's query. Reader thread. */
#pragma once

#include "capture/heartbeat.h"
#include "connectors/source_postgres/session/session.h"

/* Runs the user's query over sql, if there is one (NULL: none), and puts a heartbeat at the batch's end; the batch is
 * to be closed then. MR_RETRY: the connection is lost. */
int mr_pg_heartbeat_add(struct mr_heartbeats *beats, struct mr_pg_session *sql, const char *query,
                        const struct mr_track *track, struct mr_batch *batch,
                        struct mr_err *err) MR_MUST_CHECK;
