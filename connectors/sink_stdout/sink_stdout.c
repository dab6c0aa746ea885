/* Events as lines on standard output.
 *
 * Batches wait in a queue; each record becomes a line in a buffer, and full buffers go to file descriptor 1:
 *
 *     write()            poll()                                 poll()
 *     [batch][batch] --> lines --> [ buffer, 256 KiB ] --> fd 1, --> released, durable
 *
 * A pipe whose reader is slow must not hold up the writer thread, which also answers stops. A pipe or terminal
 * is therefore opened once more through /proc/self/fd/1 without blocking: setting O_NONBLOCK on fd 1 itself would
 * change it for the shell and everybody else who shares it. A socket is written with MSG_DONTWAIT. Where neither
 * works, at most PIPE_BUF bytes are written after poll() said there is room, which a pipe takes without blocking.
 * A regular file never blocks for long.
 *
 * A commit is durable once the last byte before it was handed to the kernel. Nothing remembers it: open() answers
 * no checkpoint, a reader that dies loses what it had not read, a restart begins where the slot stands. That is
 * at-least-once at best, and documented so; files and Kafka are the sinks that keep the position.
 *
 * When the reader has gone (EPIPE: `millrace tail ... | head`) that is no failure: poll() says done, the pipeline
 * ends in peace. SIGPIPE is main's to ignore. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "model/line.h"
#include "plug/sink.h"

#define BUFFER_BYTES ((size_t)256 << 10)
#define QUEUE_BYTES  ((size_t)4 << 20)
#define POLL_MS_MAX  1000

enum output { OUTPUT_FILE, OUTPUT_UNBLOCKED, OUTPUT_SOCKET, OUTPUT_CHUNKS };

struct sink_stdout_config {
    int content;   /* enum mr_line_content */
    int64_t limit; /* lines; 0 = none */
};

/* Durable once `after` batches are rendered and the bytes made until then are out. */
struct stdout_commit {
    uint64_t id, after, mark; /* mark: UINT64_MAX until `after` batches are rendered */
};

struct sink_stdout {
    enum mr_line_content content;
    enum output output;
    int fd; /* 1, or our own description of it */
    char *buffer;
    size_t capacity, size, sent;        /* sent <= size <= capacity */
    struct mr_batch *waiting, **last;   /* written by the engine, not yet all in the buffer */
    struct mr_batch *released, **freed; /* all bytes in the buffer: the engine's again */
    size_t next_record;                 /* of waiting */
    size_t queued;                      /* wire bytes of waiting */
    struct stdout_commit commits[2];
    size_t commit_count;
    uint64_t given, rendered; /* batches by write(); batches all of whose lines were made */
    uint64_t made, out;       /* bytes of lines made, bytes handed to the kernel: out <= made */
    uint64_t durable;         /* commit id */
    uint64_t limit, lines;    /* lines <= limit, unless limit is 0 */
    bool enough;              /* lines == limit: done once they are out */
    bool done;
};

static const struct mr_option options[] = {{.key = "content",
                                            .type = MR_OPTION_ENUM,
                                            .offset = offsetof(struct sink_stdout_config, content),
                                            .standard = "value",
                                            .choices = mr_line_contents,
                                            .doc =
                                                "What a line holds: the value alone (a tombstone "
                                                "has no line), the whole record as an object "
                                                "with topic, number, key, value and headers, or "
                                                "text: the value's bytes, JSON or not."},
                                           {.key = "limit",
                                            .type = MR_OPTION_INT,
                                            .offset = offsetof(struct sink_stdout_config, limit),
                                            .standard = "0",
                                            .min = 0,
                                            .max = INT64_MAX,
                                            .doc = "End the pipeline after this many lines; 0 is "
                                                   "no limit."},
                                           {0}};

static enum output find_output(int *ret_fd)
{
    struct stat info;

    *ret_fd = STDOUT_FILENO;
    if (fstat(STDOUT_FILENO, &info) < 0 || S_ISREG(info.st_mode))
        return OUTPUT_FILE;
    if (S_ISSOCK(info.st_mode))
        return OUTPUT_SOCKET;
    if (S_ISFIFO(info.st_mode) || isatty(STDOUT_FILENO)) {
        int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0) {
            *ret_fd = fd;
            return OUTPUT_UNBLOCKED;
        }
    }
    return OUTPUT_CHUNKS;
}

static int stdout_open(void *state, const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                       struct mr_err *err)
{
    struct sink_stdout *sink = state;
    const struct sink_stdout_config *config = args->config;

    (void)ret_checkpoint;
    (void)err;
    *sink = (struct sink_stdout){.content = (enum mr_line_content)config->content,
                                 .limit = (uint64_t)config->limit};
    sink->last = &sink->waiting;
    sink->freed = &sink->released;
    sink->output = find_output(&sink->fd);
    sink->capacity = BUFFER_BYTES;
    sink->buffer = mr_alloc(sink->capacity);
    return 0;
}

static void stdout_pace(void *state, struct mr_sink_pace *ret_pace)
{
    (void)state;
    *ret_pace = (struct mr_sink_pace){.bytes = 8 << 20,
                                      .age_ns = MR_SECOND_NS,
                                      .caught_up_ns = 0,
                                      .split_records = 1000000,
                                      .split_ns = 20 * MR_SECOND_NS};
}

static ssize_t send_some(struct sink_stdout *sink)
{
    const char *at = sink->buffer + sink->sent;
    size_t size = sink->size - sink->sent;
    struct pollfd ready = {.fd = sink->fd, .events = POLLOUT};

    switch (sink->output) {
    case OUTPUT_SOCKET: return send(sink->fd, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case OUTPUT_CHUNKS:
        if (poll(&ready, 1, 0) == 0) {
            errno = EAGAIN;
            return -1;
        }
        return write(sink->fd, at, size < PIPE_BUF ? size : PIPE_BUF);
    case OUTPUT_FILE:
    case OUTPUT_UNBLOCKED: break;
    }
    return write(sink->fd, at, size);
}

/* Sends the buffer as far as it goes without waiting. A full pipe is no failure: sent < size tells. */
static int flush(struct sink_stdout *sink, struct mr_err *err)
{
    while (sink->sent < sink->size && !sink->done) {
        ssize_t sent = send_some(sink);
        if (sent >= 0) {
            sink->sent += (size_t)sent;
            sink->out += (uint64_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        else if (errno == EPIPE || errno == ECONNRESET)
            sink->done = true;
        else if (errno != EINTR)
            return mr_err_errno(err, MR_RETRY, "sink.stdout.write", errno,
                                "cannot write to standard output");
    }
    sink->sent = sink->size = 0;
    sink->done |= sink->enough;
    return 0;
}

static char *make_room(struct sink_stdout *sink, size_t room)
{
    if (sink->capacity - sink->size < room) {
        if (sink->size > 0)
            return NULL;
        sink->capacity = room;
        sink->buffer = mr_realloc(sink->buffer, room);
    }
    return sink->buffer + sink->size;
}

/* A buffer that one large record made grow goes back to its ordinary size. */
static void shrink(struct sink_stdout *sink)
{
    if (sink->size == 0 && sink->capacity > BUFFER_BYTES) {
        sink->capacity = BUFFER_BYTES;
        sink->buffer = mr_realloc(sink->buffer, sink->capacity);
    }
}

static void mark_commits(struct sink_stdout *sink)
{
    for (size_t i = 0; i < sink->commit_count; i++) {
        struct stdout_commit *commit = &sink->commits[i];
        if (commit->mark == UINT64_MAX && commit->after <= sink->rendered)
            commit->mark = sink->made;
    }
}

/* Moves records of the waiting batches into the buffer until one does not fit. */
static void render(struct sink_stdout *sink)
{
    while (sink->waiting && !sink->enough) {
        struct mr_batch *batch = sink->waiting;
        for (; sink->next_record < batch->record_count; sink->next_record++) {
            const struct mr_record *record = &batch->records[sink->next_record];
            char *at = make_room(sink, mr_line_room(record, sink->content));
            size_t size;
            if (!at)
                return;
            size = (size_t)(mr_line_put(at, record, sink->content) - at);
            sink->size += size;
            sink->made += size;
            sink->lines += size > 0;
            if (sink->limit > 0 && sink->lines == sink->limit) {
                sink->enough = true;
                return;
            }
        }
        sink->next_record = 0;
        sink->queued -= batch->bytes;
        sink->waiting = batch->next;
        if (!sink->waiting)
            sink->last = &sink->waiting;
        batch->next = NULL;
        *sink->freed = batch;
        sink->freed = &batch->next;
        sink->rendered++;
        mark_commits(sink);
    }
}

static int stdout_write(void *state, struct mr_batch *batch, struct mr_err *err)
{
    struct sink_stdout *sink = state;

    (void)err;
    if (sink->waiting && sink->queued >= QUEUE_BYTES)
        return MR_AGAIN;
    batch->next = NULL;
    *sink->last = batch;
    sink->last = &batch->next;
    sink->queued += batch->bytes;
    sink->given++;
    return 0;
}

static int stdout_commit(void *state, const struct mr_commit *commit, struct mr_err *err)
{
    struct sink_stdout *sink = state;

    (void)err;
    if (sink->commit_count == 2)
        return MR_AGAIN;
    sink->commits[sink->commit_count++] =
        (struct stdout_commit){.id = commit->id, .after = sink->given, .mark = UINT64_MAX};
    mark_commits(sink);
    return 0;
}

static struct mr_batch *take_released(struct sink_stdout *sink)
{
    struct mr_batch *list = sink->released;

    sink->released = NULL;
    sink->freed = &sink->released;
    return list;
}

static bool settle(struct sink_stdout *sink)
{
    bool news = false;

    while (sink->commit_count > 0 && sink->commits[0].mark <= sink->out) {
        sink->durable = sink->commits[0].id;
        sink->commits[0] = sink->commits[1];
        sink->commit_count--;
        news = true;
    }
    return news;
}

/* A reader that went away while there was nothing to write: the pipe says so without being written to. */
static bool is_gone(const struct sink_stdout *sink)
{
    struct pollfd state = {.fd = sink->fd, .events = 0};

    return sink->output != OUTPUT_FILE && poll(&state, 1, 0) == 1 &&
           (state.revents & (POLLERR | POLLNVAL)) != 0;
}

static void wait_writable(const struct sink_stdout *sink, int64_t now_ns, int64_t deadline_ns)
{
    struct pollfd ready = {.fd = sink->fd, .events = POLLOUT};
    int64_t ms = (deadline_ns - now_ns + MR_MS_NS - 1) / MR_MS_NS;

    (void)poll(&ready, 1, ms > POLL_MS_MAX ? POLL_MS_MAX : (int)ms);
}

static int stdout_poll(void *state, int64_t deadline_ns, struct mr_sink_result *ret,
                       struct mr_err *err)
{
    struct sink_stdout *sink = state;
    int rc;

    for (;;) {
        int64_t now_ns;
        do {
            render(sink);
            rc = flush(sink, err);
            shrink(sink);
        } while (rc == 0 && !sink->done && sink->waiting && sink->size == 0);
        if (settle(sink) || rc < 0 || sink->done || sink->released || sink->size == 0)
            break;
        now_ns = mr_clock_mono_ns();
        if (now_ns >= deadline_ns)
            break;
        wait_writable(sink, now_ns, deadline_ns);
    }
    if (sink->size == 0 && is_gone(sink))
        sink->done = true;
    *ret = (struct mr_sink_result){.released = take_released(sink),
                                   .durable = sink->durable,
                                   .full = sink->waiting && sink->queued >= QUEUE_BYTES,
                                   .done = sink->done};
    return rc;
}

static int stdout_abort(void *state, struct mr_batch **ret_released, struct mr_err *err)
{
    struct sink_stdout *sink = state;

    (void)err;
    *sink->freed = sink->waiting;
    sink->waiting = NULL;
    sink->last = &sink->waiting;
    sink->queued = 0;
    sink->next_record = 0;
    sink->rendered = sink->given;
    sink->commit_count = 0;
    *ret_released = take_released(sink);
    return 0;
}

static void stdout_close(void *state)
{
    struct sink_stdout *sink = state;
    struct mr_batch *batch = NULL;
    struct mr_err err;

    if (!sink->buffer)
        return;
    (void)stdout_abort(sink, &batch, &err);
    while (batch) {
        struct mr_batch *next = batch->next;
        mr_batch_free(batch);
        batch = next;
    }
    if (sink->fd != STDOUT_FILENO)
        close(sink->fd);
    free(sink->buffer);
    sink->buffer = NULL;
}

const struct mr_sink mr_sink_stdout = {
    .name = "stdout",
    .summary = "Lines on standard output, for looking, trying out and pipes",
    .options = options,
    .config_size = sizeof(struct sink_stdout_config),
    .state_size = sizeof(struct sink_stdout),
    .delivery = MR_SINK_AT_LEAST_ONCE,
    .open = stdout_open,
    .pace = stdout_pace,
    .write = stdout_write,
    .commit = stdout_commit,
    .poll = stdout_poll,
    .abort = stdout_abort,
    .close = stdout_close,
};
