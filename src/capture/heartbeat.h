/* Heartbeats: records that say the pipeline lives, and how far it is. Reader thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "capture/options.h"
#include "capture/track.h"
#include "model/batch.h"

struct mr_heartbeats {
    int64_t interval_ns;   /* 0: none are sent */
    struct mr_slice topic; /* in the arena that open was given */
    int64_t last_ns;       /* when the last one was made; 0 none */
    int64_t failed_ns;     /* when the failure of the user's query was noted last; 0 never */
};

/* The topic of heartbeats, in arena; {NULL, 0} when none are sent. MR_CONFIG config.topic_template, config.topic_name:
 * it cannot be one. */
int mr_heartbeat_topic(const struct mr_heartbeat_options *options, const char *server,
                       struct mr_arena *arena, struct mr_slice *ret_topic,
                       struct mr_err *err) MR_MUST_CHECK;
/* Errors as above. */
int mr_heartbeat_open(struct mr_heartbeats *beats, const struct mr_heartbeat_options *options,
                      const char *server, struct mr_arena *arena, struct mr_err *err) MR_MUST_CHECK;
/* Whether one is due, and may stand here: not inside a transaction. */
bool mr_heartbeat_due(const struct mr_heartbeats *beats, const struct mr_track *track);
/* Puts one at the batch's end; the batch is to be closed then. The user's query was run before. */
void mr_heartbeat_add(struct mr_heartbeats *beats, const struct mr_track *track,
                      struct mr_batch *batch);
/* The user's query failed: true when that is to be noted, once a minute. */
bool mr_heartbeat_failed(struct mr_heartbeats *beats);
