/* Reading the log.
 *
 *     socket -> frames -> events (session/, wire/) -> feed -> batch
 *
 * The server sends as fast as we take and never asks for anything: to leave the socket unread is all the
 * back-pressure there is, and net_write_timeout of our session says for how long the server bears it. While it has
 * nothing it sends heartbeats, which session/dump.h watches.
 *
 * A batch ends at its size, or when the socket is empty and what was read is whole; an idle position that moved is
 * given every ten seconds. */
#include "connectors/source_mysql/read/stream.h"

#include "base/clock.h"
#include "base/log.h"
#include "connectors/source_mysql/read/take.h"

#define IDLE_NS (10 * MR_SECOND_NS)

int mr_my_stream_start(struct mr_my_stream *stream, uint32_t server_id, const char *replica_uuid,
                       struct mr_err *err)
{
    const struct mr_my_position *position = &stream->feed->position;
    struct mr_my_dump_args args = {
        .server_id = server_id,
        .uuid = replica_uuid,
        .name = "millrace",
        .event_limit = stream->feed->event_limit,
        .annotations = stream->annotations,
        .gtids = position->by_gtid ? &position->resume.gtids : NULL,
        .file = position->by_gtid ? NULL : position->resume.file,
        .position = position->by_gtid ? 4 : position->resume.offset,
    };

    mr_my_feed_begin(stream->feed);
    return mr_my_dump_open(stream->connect, &args, &stream->dump, err);
}

void mr_my_stream_close(struct mr_my_stream *stream)
{
    mr_my_dump_close(stream->dump);
    stream->dump = NULL;
}

static bool full(const struct mr_my_stream *stream, const struct mr_batch *batch)
{
    size_t limit = stream->feed->track.open ? 2 * stream->batch_bytes : stream->batch_bytes;

    return batch->bytes >= limit;
}

static int take(struct mr_my_stream *stream, struct mr_batch *batch,
                const struct mr_my_event *event, struct mr_err *err)
{
    const char *file = mr_my_dump_file(stream->dump);

    batch->bytes += event->header.size;
    mr_count(&stream->context->counters->source_bytes, event->header.size);
    if (event->header.type == MR_MY_HEARTBEAT || event->header.type == MR_MY_HEARTBEAT_V2) {
        if (event->heartbeat.position > 4)
            mr_my_feed_advance(stream->feed, file, event->heartbeat.position);
        return 0;
    }
    return mr_my_feed_take(stream->feed, batch, mr_my_dump_format(stream->dump), file, event, err);
}

enum drained { DRAINED, FULL };

static int drain(struct mr_my_stream *stream, struct mr_batch *batch, enum drained *ret_how,
                 struct mr_err *err)
{
    struct mr_my_event event;
    int rc = 1;

    *ret_how = FULL;
    while (!full(stream, batch) && !stream->feed->stopped) {
        if (stream->feed->playing) {
            rc = mr_my_feed_play(stream->feed, batch, err);
        } else {
            rc = mr_my_dump_next(stream->dump, 0, &event, err);
            if (rc == 0) {
                *ret_how = DRAINED;
                return 0;
            }
            if (rc > 0)
                rc = take(stream, batch, &event, err);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Waits for an event, and takes it. */
static int await(struct mr_my_stream *stream, struct mr_batch *batch, int64_t deadline_ns,
                 struct mr_err *err)
{
    struct mr_my_event event;
    int rc = mr_my_dump_next(stream->dump, deadline_ns, &event, err);

    if (rc == 0 && mr_my_dump_ended(stream->dump))
        return mr_err_set(err, MR_RETRY, "source.connection_lost",
                          "the server ended the stream of its log: it is being stopped, or killed "
                          "our connection");
    return rc > 0 ? take(stream, batch, &event, err) : rc;
}

static bool idle_due(const struct mr_my_stream *stream)
{
    const struct mr_my_feed *feed = stream->feed;

    if (feed->track.open || feed->track.skip > 0)
        return false;
    return feed->moved && (stream->told_ns == 0 || mr_clock_mono_ns() - stream->told_ns >= IDLE_NS);
}

static bool must_close(const struct mr_my_stream *stream, const struct mr_batch *batch,
                       enum drained how)
{
    bool open = stream->feed->track.open || stream->feed->playing;

    return how == FULL || (!mr_batch_empty(batch) && !open) || (stream->told_inside && !open) ||
           idle_due(stream) || mr_heartbeat_due(stream->beats, &stream->feed->track);
}

/* A heartbeat stands at the end of its batch. What the user's query writes comes back through the log. */
static void beat(struct mr_my_stream *stream, struct mr_batch *batch)
{
    const struct mr_notes *notes = &stream->context->notes;
    struct mr_err why;

    if (!mr_heartbeat_due(stream->beats, &stream->feed->track))
        return;
    mr_err_clear(&why);
    if (stream->beat_query &&
        mr_my_command(stream->session, stream->beat_query, "run source.heartbeat.action_query",
                      &why) < 0 &&
        mr_heartbeat_failed(stream->beats) && notes->note)
        notes->note(notes->state, MR_LOG_WARN, "source.heartbeat_query",
                    "heartbeats go on, but %s: tables are named with their database, and the user "
                    "needs the right to write them",
                    why.text);
    mr_heartbeat_add(stream->beats, &stream->feed->track, batch);
}

static void close_batch(struct mr_my_stream *stream, struct mr_batch *batch)
{
    mr_my_feed_close_batch(stream->feed, batch);
    stream->told_inside = stream->feed->track.open;
    stream->told_ns = mr_clock_mono_ns();
    stream->feed->moved = false;
}

int mr_my_stream_read(struct mr_my_stream *stream, struct mr_batch *batch, int64_t deadline_ns,
                      bool *ret_ended, struct mr_err *err)
{
    struct mr_my_feed *feed = stream->feed;
    enum drained how = DRAINED;
    bool closing = false;
    int rc = 0;

    batch->received_us = mr_clock_wall_us();
    mr_my_feed_new_batch(feed, batch->received_us);
    while (rc == 0 && !closing) {
        rc = drain(stream, batch, &how, err);
        if (rc < 0)
            break;
        *ret_ended = feed->stopped || (how == DRAINED && mr_my_feed_until_reached(feed));
        closing = *ret_ended || must_close(stream, batch, how);
        if (closing || mr_clock_mono_ns() >= deadline_ns ||
            atomic_load_explicit(stream->context->stopping, memory_order_relaxed))
            break;
        rc = await(stream, batch, deadline_ns, err);
        if (mr_batch_empty(batch))
            batch->received_us = feed->track.read_us = mr_clock_wall_us();
    }
    if (rc == 0)
        beat(stream, batch);
    batch->last = *ret_ended;
    batch->caught_up = how == DRAINED;
    if (closing || !mr_batch_empty(batch))
        close_batch(stream, batch);
    return rc;
}
