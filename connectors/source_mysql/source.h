/* The state of one MySQL source. Private to source.c and the files beside it. Reader thread. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "capture/heartbeat.h"
#include "capture/select.h"
#include "capture/snapshot.h"
#include "connectors/source_mysql/catalog/lookup.h"
#include "connectors/source_mysql/options.h"
#include "connectors/source_mysql/place/facts.h"
#include "connectors/source_mysql/read/feed.h"
#include "connectors/source_mysql/read/snapshot.h"
#include "connectors/source_mysql/read/stream.h"
#include "plug/source.h"

struct mr_my_source {
    const struct mr_context *context;
    const struct mr_my_config *config;
    const struct mr_source_args *args; /* the engine sets take_over in it between open and start */
    size_t batch_bytes;
    bool first; /* no position was held: base is set anew */

    struct mr_arena arena; /* names and the like, as long as the source is open */
    struct mr_my_address address;
    struct mr_my_connect connect;
    struct mr_my_session *sql; /* ordinary session */
    struct mr_my_facts facts;
    struct mr_my_lookup lookup;
    struct mr_select *tables, *snapshot_tables;
    struct mr_heartbeats beats;
    struct mr_my_feed feed;
    char uuid[37]; /* of ours, as a replica */
    struct mr_my_stream stream;
    struct mr_my_tables snapshot;
    bool ended; /* `until` was reached, or initial_only is through */
    struct mr_buf claim;
};

/* Settings to state, without a connection. Safe to take down at any stage. */
int mr_my_set_up(struct mr_my_source *source, const struct mr_source_args *args,
                 struct mr_err *err) MR_MUST_CHECK;
void mr_my_tear_down(struct mr_my_source *source);
/* Connects and learns who the server is. */
int mr_my_meet(struct mr_my_source *source, struct mr_err *err) MR_MUST_CHECK;
/* As if no position had been held: the tables are read again. */
void mr_my_begin_anew(struct mr_my_source *source);
/* Who we are on which server: all of a position but where it stands. */
void mr_my_set_identity(struct mr_my_source *source);
