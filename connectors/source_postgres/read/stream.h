/* The replication stream: frames, keepalives, status, reading in bursts. Reader thread, but for `flush`. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/heartbeat.h"
#include "connectors/source_postgres/place/place.h"
#include "connectors/source_postgres/publish/publication.h"
#include "connectors/source_postgres/read/feed.h"

/* The stream's socket and its clock, and what it is read with. */
struct mr_pg_stream {
    struct mr_pg_session *session; /* the replication session */
    struct mr_pg_place *place;
    struct mr_pg_publish *publish;
    struct mr_pg_feed *feed;
    struct mr_heartbeats beats;
    size_t batch_bytes;
    uint64_t until_lsn;     /* 0 = for ever */
    bool ended;             /* `until` was reached, or nothing was to be streamed */
    _Atomic uint64_t flush; /* durable position, from confirm() */

    bool active; /* START_REPLICATION was answered: CopyBoth */
    bool binary;
    bool behind;     /* the last drain ended at an empty socket, but not the server's log */
    bool rich;       /* a lot has come lately */
    bool shallow;    /* the socket holds little: see the essay of stream.c */
    uint64_t gauged; /* bytes that came since gauged_ns */
    int64_t gauged_ns;
    int64_t left_ns;          /* when the source was last left to the engine */
    bool reply_wanted;        /* the server asked for a status */
    bool publication_missing; /* PostgreSQL 18's warning was seen */
    uint64_t flush_sent;      /* flush position last sent */
    uint64_t server_end;      /* walEnd of the last frame */
    int64_t status_ns;        /* when a status was sent last */
    int64_t interval_ns;      /* a status is due this long after */
    int64_t followed_ns;      /* when new tables were looked for last */
    uint64_t told_resume;     /* position.resume of the last batch that carried a position */
    int64_t large_ns;         /* when a message came that made libpq's buffer grow; 0 none */
    bool told_inside;         /* ... and that it stood inside a transaction */
    int64_t told_ns;          /* when that was */
    int64_t pause_until_ns;   /* no read before: let the socket fill */
};

/* START_REPLICATION at the feed's position. MR_RETRY source.slot_in_use; MR_GAP source.slot_missing, ... */
int mr_pg_stream_start(struct mr_pg_stream *stream, struct mr_err *err) MR_MUST_CHECK;

/* Whether it is a Unix-domain socket, which holds little. */
bool mr_pg_stream_is_shallow(int fd);

/* As struct mr_source's read() and tend(), once streaming. */
int mr_pg_stream_read(struct mr_pg_stream *stream, struct mr_batch *batch, int64_t deadline_ns,
                      struct mr_err *err) MR_MUST_CHECK;
int mr_pg_stream_tend(struct mr_pg_stream *stream, struct mr_err *err) MR_MUST_CHECK;

/* Sends the last confirmed position if that does not block, and closes the session. */
void mr_pg_stream_close(struct mr_pg_stream *stream);

/* A standby status update: 'r', write, flush, apply, time, reply (34 bytes). */
#define MR_PG_STATUS_SIZE 34
void mr_pg_status_frame(uint64_t flush, int64_t wall_us, bool reply,
                        char ret_frame[MR_PG_STATUS_SIZE]);
