/* Reading the CopyBoth stream.
 *
 *     server:  d[ 'w' lsn start, lsn end, ts, pgoutput message ]      d[ 'k' lsn end, ts, u8 reply wanted ]
 *     we:      d[ 'r' lsn write, lsn flush, lsn apply, ts, u8 reply ]
 *
 * Status is sent by our own clock (every quarter of wal_sender_timeout, ten seconds at most), at once when asked
 * for, and soon after a confirmed position moved. All three positions in it are the durable one: the server may
 * forget what is below. A status that would block is left to libpq's buffer; nothing here waits to write.
 *
 * Reading in bursts. The server makes one packet per row; a reader that is always there takes each by itself and
 * costs both sides a wake-up per row. After a drain that found BUSY bytes the next one is put off, so that the socket
 * fills meanwhile: by LONG_PAUSE while we are behind, else by SHORT_PAUSE. At the head of a quiet log drains find
 * little, and data is read the moment it arrives. What is whole is given away before a pause, never after. While
 * pausing, the status clock runs on.
 *
 * Behind is who got RICH bytes a millisecond for GAUGE_NS, less what was spent elsewhere (a queue that is full). One
 * drain tells nothing: at 20,000 rows/s a hiccup of 10 ms leaves more than 64 KiB in the socket, and sinks that are
 * told we are behind commit late.
 *
 * A Unix-domain socket holds some two hundred messages, however small, and its sender waits while it is full: there
 * every pause is SHALLOW_PAUSE.
 *
 * libpq's input buffer grows to the largest message and never shrinks. Some seconds after a large one, when there
 * is nothing to read, the connection is therefore made anew: at the position that is free.
 *
 * A message's bytes are copied into the batch's arena once, or, when large, libpq's buffer itself is adopted. */
#include "connectors/source_postgres/read/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/source_postgres/read/heartbeat.h"
#include "connectors/source_postgres/place/slot.h"
#include "connectors/source_postgres/place/standby.h"

#define LONG_PAUSE_NS    (10 * MR_MS_NS)
#define SHORT_PAUSE_NS   (2 * MR_MS_NS)
#define SHALLOW_PAUSE_NS MR_MS_NS
#define GAUGE_NS         (50 * MR_MS_NS)
#define RICH             (16u << 10)
#define BUSY             (4u << 10)
#define ADOPT            (64u << 10)
#define IDLE_NS          (10 * MR_SECOND_NS)
#define IDLE_BYTES       (16u << 20)
#define CONFIRM_NS       (20 * MR_MS_NS)
#define FOLLOW_NS        (30 * MR_SECOND_NS)
#define ASK_NS           (50 * MR_MS_NS)
#define LARGE            ((size_t)8 << 20)
#define LARGE_NS         (5 * MR_SECOND_NS)

static void put64(char *at, uint64_t number)
{
    number = __builtin_bswap64(number);
    memcpy(at, &number, 8);
}

void mr_pg_status_frame(uint64_t flush, int64_t wall_us, bool reply,
                        char ret_frame[MR_PG_STATUS_SIZE])
{
    ret_frame[0] = 'r';
    put64(ret_frame + 1, flush);
    put64(ret_frame + 9, flush);
    put64(ret_frame + 17, flush);
    put64(ret_frame + 25, (uint64_t)(wall_us - MR_PG_EPOCH_US));
    ret_frame[33] = reply;
}

static int lost(struct mr_pg_stream *stream, struct mr_err *err)
{
    return mr_pg_error(err, stream->session->conn, NULL, "read the change log");
}

static int send_status(struct mr_pg_stream *stream, bool reply, struct mr_err *err)
{
    uint64_t flush = atomic_load_explicit(&stream->flush, memory_order_relaxed);
    char frame[MR_PG_STATUS_SIZE];

    mr_pg_status_frame(flush, mr_clock_wall_us(), reply, frame);
    if (PQputCopyData(stream->session->conn, frame, sizeof(frame)) < 0 ||
        PQflush(stream->session->conn) < 0)
        return lost(stream, err);
    stream->flush_sent = flush;
    stream->status_ns = mr_clock_mono_ns();
    stream->reply_wanted = false;
    return 0;
}

/* Sends what is due. ask: the server's answer is wanted soon, for it says how far the log is read. */
static int clock_tick(struct mr_pg_stream *stream, bool ask, struct mr_err *err)
{
    int64_t since = mr_clock_mono_ns() - stream->status_ns;
    uint64_t flush = atomic_load_explicit(&stream->flush, memory_order_relaxed);

    if (since >= stream->interval_ns || (ask && since >= ASK_NS))
        return send_status(stream, true, err);
    if (stream->reply_wanted || (flush != stream->flush_sent && since >= CONFIRM_NS))
        return send_status(stream, false, err);
    if (PQflush(stream->session->conn) < 0)
        return lost(stream, err);
    return 0;
}

int mr_pg_stream_tend(struct mr_pg_stream *stream, struct mr_err *err)
{
    return stream->active ? clock_tick(stream, false, err) : 0;
}

/* PostgreSQL 18 goes on without a publication that is missing, and warns. */
static void notice(void *state, const PGresult *result)
{
    struct mr_pg_stream *stream = state;

    if (mr_pg_is(result, "55000") && strstr(PQresultErrorMessage(result), "publication"))
        stream->publication_missing = true;
}

static void start_sql(struct mr_pg_stream *stream, struct mr_buf *sql)
{
    struct mr_buf names;
    char lsn[24];

    mr_buf_init(&names, 1024);
    mr_pg_add_name(&names, mr_slice_str(stream->publish->published->publication));
    if (stream->publish->published->use_inserts) {
        mr_buf_add_char(&names, ',');
        mr_pg_add_name(&names, mr_slice_str(stream->publish->published->inserts));
    }
    mr_buf_clear(sql);
    mr_buf_add_str(sql, "START_REPLICATION SLOT ");
    mr_pg_add_name(sql, mr_slice_str(stream->place->slot));
    mr_buf_printf(sql, " LOGICAL %s (proto_version '%d', publication_names ",
                  mr_pg_lsn_format(stream->place->position->resume, lsn),
                  stream->place->server->version >= 140000 ? 2 : 1);
    mr_pg_add_literal(sql, mr_buf_cstr(&names));
    if (stream->place->server->version >= 140000)
        mr_buf_printf(sql, ", messages 'true', binary '%s'", stream->binary ? "true" : "false");
    mr_buf_add_char(sql, ')');
    mr_buf_done(&names);
}

static int set_memory(struct mr_pg_stream *stream, struct mr_err *err)
{
    char sql[80];

    if (stream->place->server->version < 130000 || stream->place->config->decoding_memory <= 0)
        return 0;
    (void)snprintf(sql, sizeof(sql), "SET logical_decoding_work_mem = '%lldkB'",
                   (long long)(stream->place->config->decoding_memory >> 10));
    return mr_pg_tell(stream->session, sql, "set logical_decoding_work_mem", err);
}

static void set_clock(struct mr_pg_stream *stream)
{
    int64_t quarter = stream->place->server->sender_timeout_ns / 4;

    stream->interval_ns = stream->place->config->status_interval;
    if (quarter > 0 && quarter < stream->interval_ns)
        stream->interval_ns = quarter;
    stream->status_ns = mr_clock_mono_ns();
    stream->told_ns = 0;
    stream->followed_ns = mr_clock_mono_ns();
    stream->told_resume = stream->place->slot_made ? 0 : stream->place->position->resume;
}

bool mr_pg_stream_is_shallow(int fd)
{
    struct sockaddr_storage own = {0};
    socklen_t size = sizeof(own);

    return getsockname(fd, (struct sockaddr *)&own, &size) == 0 && own.ss_family == AF_UNIX;
}

int mr_pg_stream_start(struct mr_pg_stream *stream, struct mr_err *err)
{
    PGresult *result = NULL;
    int rc = set_memory(stream, err);

    if (rc < 0)
        return rc;
    start_sql(stream, &stream->session->text);
    if (!PQsendQuery(stream->session->conn, mr_buf_cstr(&stream->session->text)))
        return lost(stream, err);
    rc = mr_pg_slot_start(stream->place, &result, err);
    if (rc < 0)
        return rc;
    PQclear(result);
    PQsetNoticeReceiver(stream->session->conn, notice, stream);
    if (PQsetnonblocking(stream->session->conn, 1) != 0)
        return lost(stream, err);
    stream->shallow = mr_pg_stream_is_shallow(PQsocket(stream->session->conn));
    set_clock(stream);
    stream->active = true;
    return clock_tick(stream, true, err);
}

void mr_pg_stream_close(struct mr_pg_stream *stream)
{
    if (stream->session->conn && stream->active &&
        PQstatus(stream->session->conn) == CONNECTION_OK &&
        atomic_load(&stream->flush) != stream->flush_sent)
        (void)send_status(stream, false, NULL);
    mr_pg_session_close(stream->session);
    stream->active = false;
}

static int take_frame(struct mr_pg_stream *stream, struct mr_batch *batch, char *buffer,
                      size_t size, struct mr_err *err)
{
    struct mr_pg_feed *feed = stream->feed;
    struct mr_slice message = {buffer + 25, size - 25};
    struct mr_cur cur = mr_cur(mr_slice(buffer + 1, 24));
    uint64_t start = mr_cur_be64(&cur), end = mr_cur_be64(&cur);

    if (end > stream->server_end)
        stream->server_end = end;
    if (mr_pg_feed_keeps(feed, message.size ? message.data[0] : 0)) {
        if (size >= ADOPT) {
            mr_batch_adopt(batch, buffer);
            return mr_pg_feed_take(feed, batch, start, message, err);
        }
        message = mr_arena_copy(&batch->arena, message);
    }
    return mr_pg_feed_take(feed, batch, start, message, err);
}

static int take_keepalive(struct mr_pg_stream *stream, struct mr_cur cur)
{
    uint64_t end = mr_cur_be64(&cur);

    (void)mr_cur_be64(&cur);
    stream->reply_wanted |= mr_cur_u8(&cur) != 0;
    stream->server_end = end;
    mr_pg_feed_advance(stream->feed, end);
    return 0;
}

static int take_copy_data(struct mr_pg_stream *stream, struct mr_batch *batch, char *buffer,
                          size_t size, struct mr_err *err)
{
    bool adopted, frame = size > 25 && buffer[0] == 'w';
    size_t adopted_before = batch->adopted_count;
    int rc;

    batch->bytes += size;
    if (size >= LARGE)
        stream->large_ns = mr_clock_mono_ns();
    mr_count(&stream->place->context->counters->source_bytes, size);
    if (frame)
        rc = take_frame(stream, batch, buffer, size, err);
    else if (size == 18 && buffer[0] == 'k')
        rc = take_keepalive(stream, mr_cur(mr_slice(buffer + 1, 17)));
    else
        rc = mr_err_set(err, MR_RETRY, "source.protocol",
                        "the server sent a frame of type 0x%02x and %zu bytes",
                        (unsigned)(unsigned char)buffer[0], size);
    adopted = batch->adopted_count > adopted_before;
    if (!adopted)
        PQfreemem(buffer);
    return rc;
}

/* The copy ended: why? */
static int copy_ended(struct mr_pg_stream *stream, struct mr_err *err)
{
    PGresult *result = PQgetResult(stream->session->conn);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    int rc;

    if (mr_pg_is(result, "42704")) {
        rc = mr_pg_publication_gone(stream->publish, message, err);
    } else if (mr_pg_is(result, "58P01") && message && mr_pg_names_segment(message)) {
        rc = mr_pg_slot_unreadable(stream->place, message, err);
    } else if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
        rc = mr_pg_error(err, stream->session->conn, result, "read the change log");
    } else {
        rc = mr_err_set(err, MR_RETRY, "source.connection_lost", "the server ended the stream");
    }
    PQclear(result);
    return rc;
}

static bool full(const struct mr_pg_stream *stream, const struct mr_batch *batch)
{
    size_t limit = stream->feed->track.open ? 2 * stream->batch_bytes : stream->batch_bytes;

    return batch->bytes >= limit;
}

enum drained { DRAINED, FULL };

/* Takes what has arrived. *ret_bytes: how much that was. */
static int drain(struct mr_pg_stream *stream, struct mr_batch *batch, enum drained *ret_how,
                 size_t *ret_bytes, struct mr_err *err)
{
    size_t before = batch->bytes;
    bool again = true;
    int rc = 0;

    *ret_how = DRAINED;
    while (rc == 0) {
        char *buffer = NULL;
        int size = PQgetCopyData(stream->session->conn, &buffer, 1);
        if (size > 0) {
            again = true;
            rc = take_copy_data(stream, batch, buffer, (size_t)size, err);
            if (rc == 0 && stream->publication_missing)
                rc = mr_pg_publication_gone(stream->publish, NULL, err);
            if (rc == 0 && (full(stream, batch) || stream->feed->stopped)) {
                *ret_how = FULL;
                break;
            }
        } else if (size == 0 && again) {
            again = false;
            if (!PQconsumeInput(stream->session->conn))
                rc = lost(stream, err);
        } else if (size == 0) {
            break;
        } else {
            rc = size == -1 ? copy_ended(stream, err) : lost(stream, err);
        }
    }
    *ret_bytes = batch->bytes - before;
    return rc;
}

static void close_batch(struct mr_pg_stream *stream, struct mr_batch *batch)
{
    mr_pg_feed_close_batch(stream->feed, batch);
    stream->told_inside = stream->feed->track.open;
    stream->told_resume = stream->place->position->resume;
    stream->told_ns = mr_clock_mono_ns();
}

/* What a standby has sent is given away only under the timeline it is of. */
static int finish_batch(struct mr_pg_stream *stream, struct mr_batch *batch, int rc,
                        struct mr_err *err)
{
    struct mr_err why;
    int standby = mr_pg_standby_check(stream->place, &why);

    if (standby == 0) {
        close_batch(stream, batch);
        return rc;
    }
    mr_batch_reset(batch);
    if (err)
        *err = why;
    return standby;
}

/* An idle position is worth a batch when it moved, now and then. */
static bool idle_due(const struct mr_pg_stream *stream)
{
    uint64_t resume = stream->place->position->resume;

    if (stream->feed->track.open || resume <= stream->told_resume)
        return false;
    return stream->told_resume == 0 || resume - stream->told_resume >= IDLE_BYTES ||
           mr_clock_mono_ns() - stream->told_ns >= IDLE_NS;
}

static bool until_reached(struct mr_pg_stream *stream)
{
    if (stream->until_lsn == 0)
        return false;
    return stream->feed->stopped ||
           (!stream->feed->track.open && stream->place->position->resume >= stream->until_lsn);
}

/* Waits for data or the next thing clock_tick() would do, whichever is first. behind: for the pause only. */
static int wait_for_data(struct mr_pg_stream *stream, int64_t deadline_ns, bool behind,
                         struct mr_err *err)
{
    struct pollfd fd = {.fd = PQsocket(stream->session->conn), .events = behind ? 0 : POLLIN};
    int64_t now = mr_clock_mono_ns(), due = stream->status_ns + stream->interval_ns;

    if (stream->until_lsn && !behind)
        due = stream->status_ns + ASK_NS;
    if (due < deadline_ns)
        deadline_ns = due;
    if (atomic_load(&stream->flush) != stream->flush_sent &&
        stream->status_ns + CONFIRM_NS < deadline_ns)
        deadline_ns = stream->status_ns + CONFIRM_NS;
    if (deadline_ns <= now)
        return 0;
    if (poll(&fd, 1, (int)((deadline_ns - now + MR_MS_NS - 1) / MR_MS_NS)) < 0 && errno != EINTR)
        return mr_err_errno(err, MR_RETRY, "source.connection_lost", errno,
                            "cannot wait for the server");
    return 0;
}

/* Do we get more than a server sends that has nothing left over? */
static void gauge(struct mr_pg_stream *stream, size_t bytes)
{
    int64_t now_ns = mr_clock_mono_ns(), took_ns = now_ns - stream->gauged_ns;

    stream->gauged += bytes;
    if (took_ns < GAUGE_NS)
        return;
    stream->rich = stream->gauged / RICH >= (uint64_t)(took_ns / MR_MS_NS);
    stream->gauged = 0;
    stream->gauged_ns = now_ns;
}

static int64_t pause_after(const struct mr_pg_stream *stream, size_t bytes)
{
    if (bytes < BUSY)
        return 0;
    if (stream->shallow)
        return SHALLOW_PAUSE_NS;
    return stream->behind ? LONG_PAUSE_NS : SHORT_PAUSE_NS;
}

/* After a rich drain: lets the socket fill, on the status clock. */
static int pause_reading(struct mr_pg_stream *stream, int64_t deadline_ns, struct mr_err *err)
{
    int64_t until_ns = stream->pause_until_ns;
    int rc = 0;

    if (until_ns > deadline_ns)
        until_ns = deadline_ns;
    while (rc == 0 && mr_clock_mono_ns() < until_ns) {
        rc = clock_tick(stream, false, err);
        if (rc == 0)
            rc = wait_for_data(stream, until_ns, true, err);
    }
    return rc;
}

/* The end of a transaction whose changes were given away before: without it they wait for their commit. */
static bool end_due(const struct mr_pg_stream *stream)
{
    return stream->told_inside && !stream->feed->track.open;
}

/* One round: read what is there. *ret_close: the batch is to be given away now. */
static int read_round(struct mr_pg_stream *stream, struct mr_batch *batch, int64_t deadline_ns,
                      bool *ret_close, struct mr_err *err)
{
    enum drained how;
    size_t bytes;
    int rc = drain(stream, batch, &how, &bytes, err);

    if (rc < 0)
        return rc;
    gauge(stream, bytes);
    stream->behind = how == DRAINED && stream->rich;
    stream->pause_until_ns = how == DRAINED ? mr_clock_mono_ns() + pause_after(stream, bytes) : 0;
    stream->ended = until_reached(stream);
    *ret_close = how == FULL || stream->ended ||
                 (!mr_batch_empty(batch) && !stream->feed->track.open) || end_due(stream) ||
                 idle_due(stream) || mr_heartbeat_due(&stream->beats, &stream->feed->track);
    rc = clock_tick(stream, stream->until_lsn != 0 && how == DRAINED, err);
    if (rc < 0 || *ret_close)
        return rc;
    if (stream->pause_until_ns > mr_clock_mono_ns())
        return pause_reading(stream, deadline_ns, err);
    return wait_for_data(stream, deadline_ns, false, err);
}

/* Begins again at the position, on the same server: on another one the position has to be looked at first. */
static int restart(struct mr_pg_stream *stream, struct mr_err *err)
{
    struct mr_pg_server before = *stream->place->server;
    int rc;

    mr_pg_feed_rewind(stream->feed);
    mr_pg_stream_close(stream);
    rc = mr_pg_identify(stream->session, stream->place->server, err);
    if (rc == 0 && (strcmp(before.system, stream->place->server->system) != 0 ||
                    before.timeline != stream->place->server->timeline))
        rc = mr_err_set(err, MR_RETRY, "source.connection_lost",
                        "a new connection leads to another server, or the server was promoted");
    return rc < 0 ? rc : mr_pg_stream_start(stream, err);
}

/* The server sent a binary form we cannot read: begin again at the position, in text. */
static int restart_in_text(struct mr_pg_stream *stream, struct mr_err *err)
{
    mr_note(stream->place->context, MR_LOG_INFO, "source.binary", "%s",
            err ? err->text : "going back to values in text");
    stream->binary = false;
    mr_err_clear(err);
    return restart(stream, err);
}

/* Gives the memory of a large message back once things are quiet. A tail's slot would go with its connection. */
static int shed_memory(struct mr_pg_stream *stream, struct mr_err *err)
{

    if (stream->large_ns == 0 || stream->behind || stream->feed->track.open ||
        stream->place->args->temporary || mr_clock_mono_ns() - stream->large_ns < LARGE_NS)
        return 0;
    stream->large_ns = 0;
    return restart(stream, err);
}

/* Tables may have come; not for a tail, which shows what was there when it began. */
static int look_for_tables(struct mr_pg_stream *stream, struct mr_err *err)
{
    int64_t now = mr_clock_mono_ns();

    if (stream->place->args->temporary || stream->behind || now - stream->followed_ns < FOLLOW_NS)
        return 0;
    stream->followed_ns = now;
    return mr_pg_publication_follow(stream->publish, false, err);
}

int mr_pg_stream_read(struct mr_pg_stream *stream, struct mr_batch *batch, int64_t deadline_ns,
                      struct mr_err *err)
{
    bool closing = stream->ended;
    int rc = 0;

    stream->gauged_ns += mr_clock_mono_ns() - stream->left_ns;
    batch->adopted_free = PQfreemem;
    mr_track_new_batch(&stream->feed->track, stream->feed->track.read_us);
    rc = pause_reading(stream, deadline_ns, err);
    if (rc == 0)
        rc = shed_memory(stream, err);
    if (rc == 0)
        rc = look_for_tables(stream, err);
    batch->received_us = stream->feed->track.read_us = mr_clock_wall_us();
    while (rc == 0 && !closing) {
        rc = read_round(stream, batch, deadline_ns, &closing, err);
        if (rc < 0 && err && err->trait == MR_TRAIT_BINARY)
            rc = restart_in_text(stream, err);
        if (mr_clock_mono_ns() >= deadline_ns ||
            atomic_load_explicit(stream->place->context->stopping, memory_order_relaxed))
            break;
        if (mr_batch_empty(batch))
            batch->received_us = stream->feed->track.read_us = mr_clock_wall_us();
    }
    if (rc == 0 && mr_heartbeat_due(&stream->beats, &stream->feed->track))
        rc = mr_pg_heartbeat_add(&stream->beats, stream->place->sql,
                                 stream->place->config->capture.heartbeat.query,
                                 &stream->feed->track, batch, err);
    batch->last = stream->ended;
    batch->caught_up = !stream->behind && !full(stream, batch);
    if (closing || !mr_batch_empty(batch))
        rc = finish_batch(stream, batch, rc, err);
    stream->left_ns = mr_clock_mono_ns();
    return rc;
}
