/* The memory sink: a queue of batches and commit marks, moved into the store by poll().
 *
 *     write, commit:   [batch][batch][mark 1][batch][mark 2]      poll: up to the newest mark -> store, released
 *
 * A commit copies the records of all batches before its mark into `visible` and replaces the checkpoint, under
 * the store's lock, which makes it atomic for whoever looks. Batches behind the last mark stay until a commit
 * covers them or abort() gives them back, as a broker's transaction would. */
#include "memory_sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"

#define REFUSALS_MAX 64

struct memory_mark {
    uint64_t id, after;
    char *text;
    bool claim;
};

struct sink_memory {
    struct mr_memory_store *store;
    char owner[128];
    struct mr_batch *first, **last;     /* written, not committed */
    struct mr_batch *released, **freed; /* to hand back */
    uint64_t taken, given;              /* batches moved to the store; batches written */
    struct memory_mark marks[2];
    size_t mark_count;
    uint64_t durable;
    uint64_t published; /* the last mark that became visible, answered or not: abort tells */
    uint64_t seen;      /* commits of the store when its position was read, and our own since */
    bool changes;
    struct mr_sink_refusal refusals[REFUSALS_MAX];
    size_t refusal_count;
    struct mr_batch *letters; /* answers, to become visible with the next commit */
};

void mr_memory_store_init(struct mr_memory_store *store)
{
    *store = (struct mr_memory_store){0};
    pthread_mutex_init(&store->lock, NULL);
}

void mr_memory_store_done(struct mr_memory_store *store)
{
    for (size_t i = 0; i < store->visible_count; i++) {
        free(store->visible[i].topic);
        free(store->visible[i].key);
        free(store->visible[i].value);
        free(store->visible[i].headers);
    }
    free(store->visible);
    free(store->checkpoint);
    pthread_mutex_destroy(&store->lock);
}

bool mr_memory_store_wait(struct mr_memory_store *store, size_t count, int seconds)
{
    int64_t deadline_ns = mr_clock_mono_ns() + seconds * MR_SECOND_NS;

    for (;;) {
        size_t have;
        pthread_mutex_lock(&store->lock);
        have = store->visible_count;
        pthread_mutex_unlock(&store->lock);
        if (have >= count)
            return true;
        if (mr_clock_mono_ns() > deadline_ns)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static char *copy_text(struct mr_slice bytes)
{
    char *text;

    if (!bytes.data)
        return NULL;
    text = mr_alloc(bytes.size + 1);
    memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = 0;
    return text;
}

static char *copy_headers(const struct mr_record *record)
{
    struct mr_buf lines;
    char *text;

    mr_buf_init(&lines, 1 << 20);
    for (uint32_t i = 0; i < record->header_count; i++)
        mr_buf_printf(&lines, "%.*s: %.*s\n", MR_SLICE_ARG(record->headers[i].name),
                      MR_SLICE_ARG(record->headers[i].value));
    text = mr_strdup(mr_buf_cstr(&lines));
    mr_buf_done(&lines);
    return text;
}

static struct mr_memory_record *add_visible(struct mr_memory_store *store)
{
    if (store->visible_count == store->visible_capacity) {
        store->visible_capacity = store->visible_capacity ? 2 * store->visible_capacity : 64;
        store->visible =
            mr_realloc(store->visible, store->visible_capacity * sizeof(*store->visible));
    }
    return &store->visible[store->visible_count++];
}

static const struct mr_value *row_of(const struct mr_change *change)
{
    return change->after ? change->after : change->before;
}

static bool is_bad(const struct mr_change *change)
{
    const struct mr_value *row = row_of(change);

    return change->table && row && change->table->column_count > 1 && row[1].kind == MR_TEXT &&
           mr_slice_is(mr_value_slice(&row[1]), "bad");
}

static void publish_changes(struct mr_memory_store *store, const struct mr_batch *batch)
{
    for (size_t i = 0; i < batch->change_count; i++) {
        const struct mr_change *change = &batch->changes[i];
        const struct mr_value *row = row_of(change);
        char key[32] = "";
        if (is_bad(change))
            continue;
        if (row && row[0].kind == MR_INT)
            snprintf(key, sizeof(key), "%lld", (long long)row[0].i);
        *add_visible(store) = (struct mr_memory_record){
            .topic = copy_text(change->table ? change->table->topic : mr_slice_str("message")),
            .key = copy_text(mr_slice_str(key)),
            .value = copy_text(row && row[1].kind == MR_TEXT ? mr_value_slice(&row[1])
                                                             : (struct mr_slice){NULL, 0}),
            .headers = mr_strdup(""),
            .number = change->number};
    }
}

static void publish_records(struct mr_memory_store *store, const struct mr_batch *batch)
{
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct mr_record *record = &batch->records[i];
        *add_visible(store) =
            (struct mr_memory_record){.topic = copy_text(record->topic),
                                      .key = copy_text(record->key),
                                      .value = copy_text(record->value),
                                      .headers = copy_headers(record),
                                      .number = record->change ? record->change->number : 0};
    }
}

static int memory_open(void *state, const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                       struct mr_err *err)
{
    struct sink_memory *sink = state;
    struct mr_memory_store *store = ((const struct mr_memory_config *)args->config)->store;
    int rc = 0;

    *sink = (struct sink_memory){
        .store = store, .changes = ((const struct mr_memory_config *)args->config)->changes};
    sink->last = &sink->first;
    sink->freed = &sink->released;
    strncpy(sink->owner, args->owner, sizeof(sink->owner) - 1);
    pthread_mutex_lock(&store->lock);
    store->opens++;
    sink->seen = store->commits;
    if (store->fail_open > 0) {
        store->fail_open--;
        rc = mr_err_set(err, MR_RETRY, "sink.memory_open", "the memory sink was told not to open");
    } else if (store->checkpoint) {
        mr_buf_add_str(ret_checkpoint, store->checkpoint);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static void memory_pace(void *state, struct mr_sink_pace *ret_pace)
{
    struct sink_memory *sink = state;

    pthread_mutex_lock(&sink->store->lock);
    *ret_pace = sink->store->pace;
    pthread_mutex_unlock(&sink->store->lock);
    if (ret_pace->split_records == 0)
        ret_pace->split_records = UINT64_MAX;
    if (ret_pace->split_ns == 0)
        ret_pace->split_ns = INT64_MAX;
}

static int memory_describe(void *state, struct mr_table *table, int64_t deadline_ns,
                           struct mr_err *err)
{
    struct sink_memory *sink = state;
    int rc = 0;

    (void)deadline_ns;
    pthread_mutex_lock(&sink->store->lock);
    sink->store->described++;
    if (sink->store->describe_away > 0) {
        sink->store->describe_away--;
        rc = mr_err_set(err, MR_AGAIN, "sink.memory_away", "the memory sink was told to be away");
    }
    pthread_mutex_unlock(&sink->store->lock);
    return rc < 0 || table->topic.data
               ? rc
               : mr_err_set(err, MR_BUG, "sink.memory_topic", "the version has no topic");
}

/* Notes what poll() has to tell of the batch. */
static void refuse(struct sink_memory *sink, struct mr_batch *batch)
{
    for (size_t i = 0; sink->changes && i < batch->change_count; i++) {
        struct mr_sink_refusal *refusal;
        if (!is_bad(&batch->changes[i]) || sink->refusal_count == REFUSALS_MAX)
            continue;
        refusal = &sink->refusals[sink->refusal_count++];
        *refusal = (struct mr_sink_refusal){.batch = batch, .index = i};
        (void)mr_err_set(&refusal->why, MR_DATA, "sink.memory_bad", "the note is bad");
        sink->store->refused++;
    }
}

static int memory_answer(void *state, struct mr_batch *letters, struct mr_err *err)
{
    struct sink_memory *sink = state;

    (void)err;
    sink->refusal_count = 0;
    if (letters) {
        letters->next = sink->letters;
        sink->letters = letters;
    }
    return 0;
}

static int memory_write(void *state, struct mr_batch *batch, struct mr_err *err)
{
    struct sink_memory *sink = state;
    int rc = 0;

    (void)err;
    pthread_mutex_lock(&sink->store->lock);
    if (sink->store->refuse_writes > 0) {
        sink->store->refuse_writes--;
        rc = MR_AGAIN;
    } else {
        sink->store->writes++;
    }
    pthread_mutex_unlock(&sink->store->lock);
    if (rc == 0) {
        refuse(sink, batch);
        batch->next = NULL;
        *sink->last = batch;
        sink->last = &batch->next;
        sink->given++;
    }
    return rc;
}

static int memory_commit(void *state, const struct mr_commit *commit, struct mr_err *err)
{
    struct sink_memory *sink = state;

    (void)err;
    if (sink->mark_count == 2)
        return MR_AGAIN;
    sink->marks[sink->mark_count++] =
        (struct memory_mark){commit->id, sink->given, copy_text(commit->text), commit->claim};
    return 0;
}

static int fail_as_told(struct mr_memory_store *store, struct mr_err *err)
{
    store->fail_commit = 0;
    return mr_err_set(err, store->fail_class, "sink.memory_commit",
                      "the memory sink was told to fail a commit");
}

/* Publishes the oldest mark; the store is locked. */
static int publish(struct sink_memory *sink, struct mr_err *err)
{
    struct mr_memory_store *store = sink->store;
    struct memory_mark *mark = &sink->marks[0];
    bool fails = store->fail_commit != 0 && store->fail_commit == store->commits + 1;

    if (mark->claim && sink->seen != store->commits)
        return mr_err_set(err, MR_RETRY, "sink.memory_claim",
                          "somebody committed since the position was read");
    if (mark->claim) {
        strcpy(store->owner, sink->owner);
        store->claims++;
    } else if (strcmp(store->owner, sink->owner) != 0) {
        return mr_err_set(err, MR_FENCED, "sink.fenced", "owner %s has taken over", store->owner);
    }
    if (fails && !store->fail_after)
        return fail_as_told(store, err);
    while (sink->taken < mark->after) {
        struct mr_batch *batch = sink->first;
        if (sink->changes)
            publish_changes(store, batch);
        else
            publish_records(store, batch);
        sink->first = batch->next;
        if (!sink->first)
            sink->last = &sink->first;
        batch->next = NULL;
        *sink->freed = batch;
        sink->freed = &batch->next;
        sink->taken++;
    }
    while (sink->letters) {
        struct mr_batch *letters = sink->letters;
        sink->letters = letters->next;
        publish_records(store, letters);
        letters->next = NULL;
        *sink->freed = letters;
        sink->freed = &letters->next;
    }
    free(store->checkpoint);
    store->checkpoint = mark->text;
    sink->seen = ++store->commits;
    if (!fails)
        sink->durable = mark->id;
    sink->published = mark->id;
    sink->marks[0] = sink->marks[1];
    sink->mark_count--;
    return fails ? fail_as_told(store, err) : 0;
}

static int memory_poll(void *state, int64_t deadline_ns, struct mr_sink_result *ret,
                       struct mr_err *err)
{
    struct sink_memory *sink = state;
    int rc = 0;

    pthread_mutex_lock(&sink->store->lock);
    while (sink->store->hold && sink->mark_count > 0 && mr_clock_mono_ns() < deadline_ns) {
        pthread_mutex_unlock(&sink->store->lock);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        pthread_mutex_lock(&sink->store->lock);
    }
    if (sink->store->poll_again > 0) {
        sink->store->poll_again--;
        rc = mr_err_set(err, MR_AGAIN, "sink.memory_busy", "the memory sink was told to be busy");
    }
    while (rc == 0 && sink->mark_count > 0 && !sink->store->hold && sink->refusal_count == 0)
        rc = publish(sink, err);
    pthread_mutex_unlock(&sink->store->lock);
    *ret = (struct mr_sink_result){.released = sink->released,
                                   .durable = sink->durable,
                                   .refused = sink->refusals,
                                   .refused_count = sink->refusal_count};
    sink->released = NULL;
    sink->freed = &sink->released;
    return rc;
}

static void drop(struct sink_memory *sink, struct mr_batch **ret_released)
{
    while (sink->letters) {
        struct mr_batch *next = sink->letters->next;
        mr_batch_free(sink->letters);
        sink->letters = next;
    }
    sink->refusal_count = 0;
    *sink->freed = sink->first;
    *ret_released = sink->released;
    sink->first = NULL;
    sink->last = &sink->first;
    sink->released = NULL;
    sink->freed = &sink->released;
    sink->taken = sink->given;
    for (size_t i = 0; i < sink->mark_count; i++)
        free(sink->marks[i].text);
    sink->mark_count = 0;
}

static int memory_abort(void *state, struct mr_batch **ret_released, struct mr_err *err)
{
    struct sink_memory *sink = state;

    (void)err;
    pthread_mutex_lock(&sink->store->lock);
    sink->store->aborts++;
    pthread_mutex_unlock(&sink->store->lock);
    drop(sink, ret_released);
    sink->durable = sink->published;
    return 0;
}

static int memory_checkpoint_read(const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                                  struct mr_err *err)
{
    struct mr_memory_store *store = ((const struct mr_memory_config *)args->config)->store;

    (void)err;
    pthread_mutex_lock(&store->lock);
    if (store->checkpoint)
        mr_buf_add_str(ret_checkpoint, store->checkpoint);
    pthread_mutex_unlock(&store->lock);
    return 0;
}

static int memory_checkpoint_write(const struct mr_sink_args *args, struct mr_slice checkpoint,
                                   struct mr_err *err)
{
    struct mr_memory_store *store = ((const struct mr_memory_config *)args->config)->store;

    (void)err;
    pthread_mutex_lock(&store->lock);
    free(store->checkpoint);
    store->checkpoint = copy_text(checkpoint);
    strncpy(store->owner, args->owner, sizeof(store->owner) - 1);
    store->claims++;
    pthread_mutex_unlock(&store->lock);
    return 0;
}

static void memory_close(void *state)
{
    struct sink_memory *sink = state;
    struct mr_batch *batch = NULL;

    if (!sink->store)
        return;
    drop(sink, &batch);
    while (batch) {
        struct mr_batch *next = batch->next;
        mr_batch_free(batch);
        batch = next;
    }
    sink->store = NULL;
}

static enum mr_sink_wants memory_wants(const void *config)
{
    return ((const struct mr_memory_config *)config)->changes ? MR_SINK_CHANGES : MR_SINK_RECORDS;
}

static const struct mr_option options[] = {{0}};

const struct mr_sink mr_sink_memory = {
    .name = "memory",
    .summary = "Keeps everything in memory, for tests",
    .options = options,
    .config_size = sizeof(struct mr_memory_config),
    .state_size = sizeof(struct sink_memory),
    .delivery = MR_SINK_TRANSACTIONAL,
    .wants = memory_wants,
    .open = memory_open,
    .pace = memory_pace,
    .describe = memory_describe,
    .answer = memory_answer,
    .write = memory_write,
    .commit = memory_commit,
    .poll = memory_poll,
    .abort = memory_abort,
    .checkpoint_read = memory_checkpoint_read,
    .checkpoint_write = memory_checkpoint_write,
    .close = memory_close,
};
