/* Reading the log: from a server's socket to batches. Reader thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "connectors/source_mysql/read/feed.h"
#include "capture/heartbeat.h"
#include "connectors/source_mysql/session/dump.h"
#include "connectors/source_mysql/session/query.h"
#include "plug/context.h"

struct mr_my_stream {
    const struct mr_context *context;
    struct mr_my_feed *feed;
    const struct mr_my_connect *connect;
    struct mr_my_dump *dump; /* NULL: none is open */
    size_t batch_bytes;
    struct mr_heartbeats *beats;
    const char *beat_query;        /* the user's, run before each heartbeat; NULL: none */
    struct mr_my_session *session; /* to run it in */
    bool annotations;              /* ask for the statements that rows come from */
    int64_t told_ns;               /* when a position was last given */
    bool told_inside;              /* ... and that it stood inside a transaction */
};

/* Asks for the log at the feed's position. */
int mr_my_stream_start(struct mr_my_stream *stream, uint32_t server_id, const char *replica_uuid,
                       struct mr_err *err) MR_MUST_CHECK;
void mr_my_stream_close(struct mr_my_stream *stream);
/* As struct mr_source's read(). *ret_ended: `until` was reached. */
int mr_my_stream_read(struct mr_my_stream *stream, struct mr_batch *batch, int64_t deadline_ns,
                      bool *ret_ended, struct mr_err *err) MR_MUST_CHECK;
