/* Files, exactly once: the sink that needs no other server.
 *
 * What a file holds is its content's (content/), how it becomes visible once is the store's (store/). Here is when
 * both work: three threads share it, so that neither compression nor a slow disk holds up the writer, which also
 * answers stops:
 *
 *     writer (engine)        worker                          publisher
 *     write() -> batches --> content, blocks, write(2) -.
 *     commit() -> mark ----> seal: list of segments  --+--> fdatasync, link, rename (publish.c) --> durable
 *     poll() <- released, durable, failure
 *
 * A batch is released when its lines are written, not when they are durable: should a write or a sync fail, the
 * sink is opened again and the source replays from the last commit. At most two commits are outstanding. All
 * that the threads share is below `lock`; the spool is the worker's, the publisher object the publisher's alone.
 * Each thread waits on a condition of its own, since a batch concerns two of them and hundreds come in a second:
 * `work` is the worker's, `sealed` the publisher's, `moved` the writer's.
 *
 * A full disk: worker or publisher wait and try again each second, the queue fills, poll() says full, the engine
 * stops reading and goes on tending the source. Nothing is dropped, and memory does not grow.
 *
 * What it does not do: order by key (one pipeline is one sequence), delete old files (they are the user's). */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "connectors/sink_file/admin.h"
#include "connectors/sink_file/store/publish.h"
#include "connectors/sink_file/content/contents.h"
#include "connectors/sink_file/verify.h"
#include "plug/sink.h"

#define QUEUE_BYTES   ((size_t)8 << 20) /* of memory that waiting batches hold */
#define FULL_RETRY_NS MR_SECOND_NS
#define FULL_TELL_NS  (60 * MR_SECOND_NS)

struct file_commit {
    struct mr_file_job job; /* job.checkpoint points to text */
    char *text;
    uint64_t after; /* batches it covers */
    bool sealed;    /* the worker is done with it, the publisher's turn */
};

struct sink_file {
    const struct mr_file_config *config;
    const struct mr_notes *notes; /* NULL: none */
    struct mr_counters *counters; /* NULL: none */
    char *owner, *pipeline;
    struct mr_file_path path;
    struct mr_file_patience patience;
    struct mr_file_spool spool;
    const struct mr_file_content *content;
    void *writer; /* the content's */
    struct mr_file_publisher publisher;
    pthread_t worker, publishing;
    bool locks, spooling, running; /* what close() must undo */

    pthread_mutex_t lock;
    pthread_cond_t work, sealed, moved;
    struct mr_batch *waiting, **last;   /* written by the engine, first is in work */
    struct mr_batch *released, **freed; /* to hand back */
    size_t queued;                      /* bytes that waiting holds */
    uint64_t given, rendered;           /* batches; rendered <= given */
    struct file_commit commits[2];      /* oldest first; the publisher works on the first */
    size_t commit_count;
    uint64_t durable, told; /* commit ids; told <= durable */
    uint64_t rotations, rotations_told;
    struct mr_err failure;
    bool failed, torn, disk_full, rolling;
    bool closing, aborting, worker_idle, publisher_idle;
    bool full_told; /* and not yet that there is room again */
    int64_t full_told_ns;
};

static const char *const compressions[] = {"none", "gzip", "zstd", NULL};

static const struct mr_option roll_options[] = {
    {.key = "bytes",
     .type = MR_OPTION_SIZE,
     .offset = offsetof(struct mr_file_config, roll.bytes) - offsetof(struct mr_file_config, roll),
     .standard = "64MiB",
     .min = 4096,
     .max = (int64_t)1 << 40,
     .doc = "Publish files once this many bytes of events were taken since the last time, before "
            "compression."},
    {.key = "age",
     .type = MR_OPTION_DURATION,
     .offset = offsetof(struct mr_file_config, roll.age_ns) - offsetof(struct mr_file_config, roll),
     .standard = "10s",
     .min = 10 * MR_MS_NS,
     .max = 24 * 3600 * MR_SECOND_NS,
     .doc = "Publish files at the latest when their oldest event is this old. Events are visible "
            "and durable "
            "only then."},
    {.key = "split",
     .type = MR_OPTION_INT,
     .offset = offsetof(struct mr_file_config, roll.split) - offsetof(struct mr_file_config, roll),
     .standard = "1000000",
     .min = 1,
     .max = 100000000,
     .doc = "A source transaction of more events than this is published in pieces, before its end. "
            "Nothing is "
            "lost or doubled by that, but readers may see a part of it first."},
    {0}};

static const struct mr_option options[] = {
    {.key = "directory",
     .type = MR_OPTION_STRING,
     .flags = MR_OPTION_REQUIRED,
     .offset = offsetof(struct mr_file_config, directory),
     .doc = "Where the files go; one directory for each pipeline. Its subdirectory _millrace holds "
            "the commit "
            "files: they are the position, so they must stay with the files."},
    {.key = "path",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct mr_file_config, path),
     .doc = "Name of each file below directory. {topic}; {date} and {hour} of the commit time in "
            "UTC; {sequence}, the change number of the file's first event. Compression adds .gz or "
            ".zst. Without it: {topic}/{date}/{topic}+{sequence}.jsonl, or .csv where content is "
            "csv."},
    {.key = "content",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct mr_file_config, content),
     .standard = "value",
     .choices = mr_file_contents,
     .doc = "What a file holds. value: a line for each record's value (a tombstone has none). "
            "record: the whole record as an object with topic, number, key, value and headers. "
            "text: the value's text as it is. csv: a row for each change, with the row after it; "
            "then there is no format, and types come from the table."},
    {.key = "compression",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct mr_file_config, compression),
     .standard = "none",
     .choices = compressions,
     .doc = "Compression of the files, in independent blocks of about 1 MiB."},
    {.key = "roll",
     .type = MR_OPTION_GROUP,
     .offset = offsetof(struct mr_file_config, roll),
     .group = roll_options,
     .doc = "When files are published: whichever comes first, at the end of a source transaction."},
    {0}};

/* The lock is held: something that concerns all threads. */
static void wake_all(struct sink_file *sink)
{
    pthread_cond_broadcast(&sink->work);
    pthread_cond_broadcast(&sink->sealed);
    pthread_cond_broadcast(&sink->moved);
}

/* The lock is held: something was written. Told only after a full disk was. */
static void found_room(struct sink_file *sink)
{
    bool tell = sink->disk_full && sink->full_told;

    sink->disk_full = false;
    if (!tell)
        return;
    sink->full_told = false;
    if (sink->notes && sink->notes->note)
        sink->notes->note(sink->notes->state, MR_LOG_INFO, "sink.file.disk_room",
                          "there is room again in %s: reading goes on", sink->config->directory);
}

/* mr_file_patience: tells, waits a second, and says whether to try again. */
static bool wait_for_room(void *state, int saved_errno)
{
    struct sink_file *sink = state;
    int64_t now_ns = mr_clock_mono_ns(), until_ns = now_ns + FULL_RETRY_NS;
    struct timespec until = {until_ns / MR_SECOND_NS, until_ns % MR_SECOND_NS};
    bool again, tell;

    pthread_mutex_lock(&sink->lock);
    tell = sink->full_told_ns == 0 || now_ns - sink->full_told_ns > FULL_TELL_NS;
    if (tell)
        sink->full_told_ns = now_ns;
    sink->full_told |= tell;
    sink->disk_full = true;
    if (tell && sink->notes && sink->notes->note)
        sink->notes->note(sink->notes->state, MR_LOG_WARN, "sink.file.disk_full",
                          "%s in %s: reading stops until there is room; nothing is lost",
                          strerror(saved_errno), sink->config->directory);
    while (!sink->closing && !sink->aborting &&
           pthread_cond_timedwait(&sink->moved, &sink->lock, &until) == 0)
        ;
    again = !sink->closing && !sink->aborting;
    pthread_mutex_unlock(&sink->lock);
    return again;
}

/* The lock is held. What fails because of an abort or close is their doing, but for a commit that was linked
 * (`torn`): its files may lack their names, and only opening the sink again gives them. */
static void fail(struct sink_file *sink, bool torn, const struct mr_err *err)
{
    if (!sink->failed && (torn || !sink->aborting) && !sink->closing) {
        sink->failed = true;
        sink->failure = *err;
    }
    sink->torn |= torn;
    wake_all(sink);
}

/* The lock is held: the thread, which waits on `own`, has put its work down until the abort is over. */
static void stand_aside(struct sink_file *sink, pthread_cond_t *own, bool *idle)
{
    *idle = true;
    pthread_cond_broadcast(&sink->moved);
    while (sink->aborting && !sink->closing)
        pthread_cond_wait(own, &sink->lock);
    *idle = false;
}

static struct file_commit *due_commit(struct sink_file *sink)
{
    for (size_t i = 0; i < sink->commit_count; i++)
        if (!sink->commits[i].sealed)
            return sink->commits[i].after == sink->rendered ? &sink->commits[i] : NULL;
    return NULL;
}

/* The lock is held on entry and exit, not meanwhile. */
static void seal_commit(struct sink_file *sink)
{
    struct mr_file_segment *segments = NULL;
    struct file_commit *commit;
    struct mr_err err;
    int rc;

    pthread_mutex_unlock(&sink->lock);
    rc = mr_file_spool_seal(&sink->spool, &segments, &err);
    pthread_mutex_lock(&sink->lock);
    if (rc < 0) {
        fail(sink, false, &err);
        return;
    }
    commit = due_commit(sink); /* its place may have moved: the one before it was published */
    commit->job.segments = segments;
    commit->sealed = true;
    found_room(sink);
    pthread_cond_broadcast(&sink->sealed);
}

static void render_batch(struct sink_file *sink)
{
    struct mr_batch *batch = sink->waiting;
    struct mr_err err;
    int rc;

    pthread_mutex_unlock(&sink->lock);
    mr_file_spool_begin(&sink->spool);
    rc = sink->content->write(sink->writer, &sink->spool, batch, &err);
    pthread_mutex_lock(&sink->lock);
    if (rc < 0) {
        fail(sink, false, &err);
        return;
    }
    sink->waiting = batch->next;
    if (!sink->waiting)
        sink->last = &sink->waiting;
    sink->queued -= mr_batch_held(batch);
    sink->rendered++;
    batch->next = NULL;
    *sink->freed = batch;
    sink->freed = &batch->next;
    found_room(sink);
    pthread_cond_broadcast(&sink->moved);
}

static void *worker_main(void *state)
{
    struct sink_file *sink = state;

    pthread_mutex_lock(&sink->lock);
    while (!sink->closing) {
        if (sink->aborting) {
            mr_file_spool_drop(&sink->spool);
            stand_aside(sink, &sink->work, &sink->worker_idle);
        } else if (!sink->failed && due_commit(sink)) {
            seal_commit(sink);
        } else if (!sink->failed && sink->waiting) {
            render_batch(sink);
        } else {
            pthread_cond_wait(&sink->work, &sink->lock);
        }
    }
    pthread_mutex_unlock(&sink->lock);
    return NULL;
}

static void free_commit(struct sink_file *sink, struct file_commit *commit)
{
    mr_file_segments_free(commit->job.segments, sink->publisher.tmp, commit->job.published);
    free(commit->text);
    *commit = (struct file_commit){0};
}

static void publish_commit(struct sink_file *sink)
{
    struct file_commit *commit = &sink->commits[0];
    struct mr_err err;
    int rc;

    pthread_mutex_unlock(&sink->lock);
    rc = mr_file_publish(&sink->publisher, &commit->job, &err);
    pthread_mutex_lock(&sink->lock);
    if (rc < 0) {
        fail(sink, commit->job.published, &err);
        return;
    }
    sink->durable = commit->job.id;
    sink->rotations = sink->publisher.rotations;
    free_commit(sink, commit);
    sink->commits[0] = sink->commits[1];
    sink->commits[1] = (struct file_commit){0};
    sink->commit_count--;
    found_room(sink);
    pthread_cond_broadcast(&sink->moved);
}

static void *publisher_main(void *state)
{
    struct sink_file *sink = state;

    pthread_mutex_lock(&sink->lock);
    while (!sink->closing) {
        if (sink->aborting)
            stand_aside(sink, &sink->sealed, &sink->publisher_idle);
        else if (!sink->failed && sink->commit_count > 0 && sink->commits[0].sealed)
            publish_commit(sink);
        else
            pthread_cond_wait(&sink->sealed, &sink->lock);
    }
    pthread_mutex_unlock(&sink->lock);
    return NULL;
}

static void init_locks(struct sink_file *sink)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&sink->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sink->work, &attributes);
    pthread_cond_init(&sink->sealed, &attributes);
    pthread_cond_init(&sink->moved, &attributes);
    pthread_condattr_destroy(&attributes);
    sink->locks = true;
}

/* Starts both threads with all signals blocked: they are the main thread's. */
static int start_threads(struct sink_file *sink, struct mr_err *err)
{
    sigset_t all, before;
    int why;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    why = pthread_create(&sink->worker, NULL, worker_main, sink);
    if (why == 0) {
        why = pthread_create(&sink->publishing, NULL, publisher_main, sink);
        sink->running = why == 0;
        if (why) {
            pthread_mutex_lock(&sink->lock);
            sink->closing = true;
            wake_all(sink);
            pthread_mutex_unlock(&sink->lock);
            pthread_join(sink->worker, NULL);
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why ? mr_err_errno(err, MR_RETRY, "sink.file.thread", why, "cannot start a thread") : 0;
}

static void set_up(struct sink_file *sink, const struct mr_sink_args *args)
{
    const struct mr_context *context = args->context;

    *sink = (struct sink_file){.config = args->config,
                               .publisher = {.directory = -1, .meta = -1, .tmp = -1}};
    init_locks(sink);
    sink->content = mr_file_content(sink->config->content);
    sink->writer = mr_alloc_zero(sink->content->writer_size);
    sink->content->open(sink->writer, sink->config, context ? context->server : NULL);
    sink->last = &sink->waiting;
    sink->freed = &sink->released;
    sink->notes = context ? &context->notes : NULL;
    sink->counters = context ? context->counters : NULL;
    sink->owner = mr_strdup(args->owner);
    sink->pipeline = context && context->pipeline ? mr_strdup(context->pipeline) : NULL;
    sink->patience = (struct mr_file_patience){wait_for_room, sink};
    sink->publisher.path = &sink->path;
    sink->publisher.patience = &sink->patience;
    sink->publisher.notes = sink->notes;
    sink->publisher.owned = args->claim;
    sink->publisher.owner = sink->owner;
    sink->publisher.pipeline = sink->pipeline;
    sink->publisher.content = sink->content->name;
}

static int file_open(void *state, const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                     struct mr_err *err)
{
    struct sink_file *sink = state;
    int rc;

    set_up(sink, args);
    rc = mr_file_path_parse(
        mr_file_content_path(sink->config),
        mr_file_block_suffix((enum mr_file_compression)sink->config->compression), &sink->path,
        err);
    if (rc == 0)
        rc = mr_file_publisher_open(&sink->publisher, sink->config->directory, true, err);
    if (rc == 0)
        rc = mr_file_publisher_recover(&sink->publisher, true, ret_checkpoint, err);
    if (rc < 0)
        return rc;
    sink->spool = (struct mr_file_spool){.config = sink->config,
                                         .path = &sink->path,
                                         .patience = &sink->patience,
                                         .owner = sink->owner,
                                         .tmp = sink->publisher.tmp};
    mr_file_spool_init(&sink->spool);
    sink->spooling = true;
    return start_threads(sink, err);
}

static enum mr_sink_wants file_wants(const void *config)
{
    return mr_file_content(((const struct mr_file_config *)config)->content)->wants;
}

static int file_describe(void *state, struct mr_table *table, int64_t deadline_ns,
                         struct mr_err *err)
{
    const struct sink_file *sink = state;

    (void)deadline_ns;
    return sink->content->fit ? sink->content->fit(table, err) : 0;
}

static void file_pace(void *state, struct mr_sink_pace *ret_pace)
{
    struct sink_file *sink = state;

    *ret_pace = (struct mr_sink_pace){.bytes = (size_t)sink->config->roll.bytes,
                                      .age_ns = sink->config->roll.age_ns,
                                      .caught_up_ns = sink->config->roll.age_ns,
                                      .split_records = (uint64_t)sink->config->roll.split,
                                      .split_ns = 20 * MR_SECOND_NS};
    if (sink->rolling) {
        ret_pace->bytes = 1;
        ret_pace->age_ns = ret_pace->caught_up_ns = 0;
    }
}

static bool is_full(const struct sink_file *sink)
{
    return sink->disk_full || (sink->waiting && sink->queued >= QUEUE_BYTES);
}

static int file_write(void *state, struct mr_batch *batch, struct mr_err *err)
{
    struct sink_file *sink = state;
    int rc = 0;

    (void)err;
    pthread_mutex_lock(&sink->lock);
    if (is_full(sink)) {
        rc = MR_AGAIN;
    } else {
        batch->next = NULL;
        *sink->last = batch;
        sink->last = &batch->next;
        sink->queued += mr_batch_held(batch);
        sink->given++;
    }
    pthread_mutex_unlock(&sink->lock);
    pthread_cond_broadcast(&sink->work); /* with the lock free: it is the first thing taken */
    return rc;
}

static int file_commit(void *state, const struct mr_commit *commit, struct mr_err *err)
{
    struct sink_file *sink = state;
    int rc = 0;

    (void)err;
    pthread_mutex_lock(&sink->lock);
    if (sink->commit_count == 2) {
        rc = MR_AGAIN;
    } else {
        struct file_commit *slot = &sink->commits[sink->commit_count++];
        *slot = (struct file_commit){.text = mr_alloc(commit->text.size + 1), .after = sink->given};
        memcpy(slot->text, commit->text.data, commit->text.size);
        slot->job = (struct mr_file_job){.id = commit->id,
                                         .claim = commit->claim,
                                         .checkpoint = mr_slice(slot->text, commit->text.size)};
        sink->rolling = false;
        pthread_cond_broadcast(&sink->work);
    }
    pthread_mutex_unlock(&sink->lock);
    return rc;
}

static struct mr_batch *take_released(struct sink_file *sink)
{
    struct mr_batch *list = sink->released;

    sink->released = NULL;
    sink->freed = &sink->released;
    return list;
}

static int file_poll(void *state, int64_t deadline_ns, struct mr_sink_result *ret,
                     struct mr_err *err)
{
    struct sink_file *sink = state;
    struct timespec until = {deadline_ns / MR_SECOND_NS, deadline_ns % MR_SECOND_NS};
    int rc = 0;

    pthread_mutex_lock(&sink->lock);
    while (!sink->released && sink->durable == sink->told && !sink->failed &&
           (sink->waiting || sink->commit_count > 0) && deadline_ns > 0)
        if (pthread_cond_timedwait(&sink->moved, &sink->lock, &until) != 0)
            break;
    *ret = (struct mr_sink_result){
        .released = take_released(sink), .durable = sink->durable, .full = is_full(sink)};
    sink->told = sink->durable;
    if (sink->counters)
        mr_count(&sink->counters->sink_rotations, sink->rotations - sink->rotations_told);
    sink->rotations_told = sink->rotations;
    if (sink->failed) {
        *err = sink->failure;
        rc = (int)sink->failure.class;
    }
    pthread_mutex_unlock(&sink->lock);
    return rc;
}

static int file_abort(void *state, struct mr_batch **ret_released, struct mr_err *err)
{
    struct sink_file *sink = state;

    (void)err;
    pthread_mutex_lock(&sink->lock);
    sink->aborting = true;
    wake_all(sink);
    while (!sink->worker_idle || !sink->publisher_idle)
        pthread_cond_wait(&sink->moved, &sink->lock);
    *sink->freed = sink->waiting;
    sink->waiting = NULL;
    sink->last = &sink->waiting;
    sink->queued = 0;
    sink->rendered = sink->given;
    while (sink->commit_count > 0)
        free_commit(sink, &sink->commits[--sink->commit_count]);
    sink->failed = sink->failed && (sink->torn || sink->failure.class == MR_FENCED);
    sink->aborting = sink->disk_full = false;
    *ret_released = take_released(sink);
    wake_all(sink);
    pthread_mutex_unlock(&sink->lock);
    return 0;
}

static void file_roll(void *state)
{
    struct sink_file *sink = state;

    sink->rolling = true;
}

static void free_batches(struct mr_batch *batch)
{
    while (batch) {
        struct mr_batch *next = batch->next;
        mr_batch_free(batch);
        batch = next;
    }
}

static void file_close(void *state)
{
    struct sink_file *sink = state;

    if (!sink->locks)
        return;
    if (sink->running) {
        pthread_mutex_lock(&sink->lock);
        sink->closing = true;
        wake_all(sink);
        pthread_mutex_unlock(&sink->lock);
        pthread_join(sink->worker, NULL);
        pthread_join(sink->publishing, NULL);
    }
    for (size_t i = 0; i < sink->commit_count; i++)
        free_commit(sink, &sink->commits[i]);
    if (sink->spooling)
        mr_file_spool_done(&sink->spool);
    free_batches(sink->waiting);
    free_batches(sink->released);
    mr_file_publisher_close(&sink->publisher);
    sink->content->close(sink->writer);
    free(sink->writer);
    free(sink->owner);
    free(sink->pipeline);
    pthread_cond_destroy(&sink->work);
    pthread_cond_destroy(&sink->sealed);
    pthread_cond_destroy(&sink->moved);
    pthread_mutex_destroy(&sink->lock);
    *sink = (struct sink_file){0};
}

static const struct mr_sink_files files = {.roll = file_roll, .verify = mr_file_verify};

const struct mr_sink mr_sink_file = {
    .name = "file",
    .summary = "JSON lines or CSV in files, exactly once, plain or compressed",
    .options = options,
    .config_size = sizeof(struct mr_file_config),
    .state_size = sizeof(struct sink_file),
    .delivery = MR_SINK_TRANSACTIONAL,
    .files = &files,
    .wants = file_wants,
    .open = file_open,
    .pace = file_pace,
    .describe = file_describe,
    .write = file_write,
    .commit = file_commit,
    .poll = file_poll,
    .abort = file_abort,
    .check = mr_file_check,
    .alone = mr_file_alone,
    .preflight = mr_file_preflight,
    .fit = mr_file_fit,
    .checkpoint_read = mr_file_checkpoint_read,
    .checkpoint_write = mr_file_checkpoint_write,
    .close = file_close,
};
