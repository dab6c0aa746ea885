/* Heartbeats: records that say the pipeline lives, and how far it is. Reader thread. */
#pragma once

#include "connectors/source_postgres/source.h"

/* The topic of heartbeats in arena; {NULL, 0} when there are none. Errors as below. */
int mr_pg_heartbeat_topic(const struct mr_pg_config *config, const char *server,
                          struct mr_arena *arena, struct mr_slice *ret_topic,
                          struct mr_err *err) MR_MUST_CHECK;
/* MR_CONFIG config.topic_template, config.topic_name: the topic cannot be one. */
int mr_pg_heartbeat_set_up(struct mr_pg_source *source, struct mr_err *err) MR_MUST_CHECK;
/* Whether one is due, and may stand here: not inside a transaction. */
bool mr_pg_heartbeat_due(const struct mr_pg_source *source);
/* Runs the user's query, if there is one, and puts a heartbeat at the batch's end; the batch is to be closed then.
 * MR_RETRY: the connection is lost. */
int mr_pg_heartbeat_add(struct mr_pg_source *source, struct mr_batch *batch,
                        struct mr_err *err) MR_MUST_CHECK;
