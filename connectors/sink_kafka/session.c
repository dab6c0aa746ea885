/* Between two threads: a list, a lock, two conditions.
 *
 * The lock is taken per batch and per commit, never per record. The session's thread takes the item under the cursor,
 * works on it unlocked (only this thread moves items out of the list, only the writer adds at its tail), and then
 * moves on. Its outcomes:
 *
 *     sent, committed                  cursor advances; a commit releases everything up to itself
 *     failed, handle good              abort, cursor to the head, again after a pause that grows to five seconds
 *     failed, handle in doubt          connect until it works (brokers may be away for hours), then compare: commits
 *                                      that the checkpoint proves durable are released, the rest is sent again
 *     fenced, refused, misconfigured   stored for poll(); the thread then only waits for abort or close
 *
 * Memory: what the list holds is bounded by `limit`; beyond it write() answers MR_AGAIN.
 *
 *     0           1/2         5/8                           1
 *     | commit at  | give back | what is written meanwhile   | MR_AGAIN
 *
 * At one half the engine commits at the next end of a source transaction (pace), so that the other half fills while
 * that commit is under way. A source transaction that goes on is flushed to the brokers at five eighths, its batches
 * given back while the Kafka transaction stays open (`torn`); it is then no longer in memory for a second try. */
#include "connectors/sink_kafka/session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/sink_kafka/counts.h"
#include "connectors/sink_kafka/leave.h"
#include "connectors/sink_kafka/connect.h"
#include "connectors/sink_kafka/transaction.h"

#define LEAST_LIMIT (16 << 20)
#define PAUSE_FIRST (100 * MR_MS_NS)
#define PAUSE_MOST  (5 * MR_SECOND_NS)
#define IDLE_NS     (200 * MR_MS_NS)
#define NOTE_NS     (60 * MR_SECOND_NS)
#define MOST_AGAIN  3
#define GRACE_NS    (5 * MR_SECOND_NS) /* an abort may take so long after a stop was asked for */

struct item {
    struct item *next;
    struct mr_batch *batch; /* NULL: a commit */
    size_t cost;
    uint64_t commit;
    bool aged; /* see plug/sink.h */
    struct mr_buf text;
};

/* What a topic was seen to refuse. */
struct refusal {
    struct refusal *next;
    char topic[256];
    size_t bytes; /* mr_record_size() of the smallest such record */
};

struct mr_kafka_session {
    struct mr_kafka_setting setting;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work; /* told to the thread */
    pthread_cond_t news; /* told to the writer */
    struct mr_buf stored;
    /* under the lock */
    struct item *head, *cursor, *tail; /* cursor NULL: all items are sent */
    size_t held, limit, commits;       /* commits: those in the list */
    struct mr_batch *released, **released_end;
    uint64_t durable, told; /* told: what poll last said */
    bool connected, abort_asked, was_full, closing;
    struct mr_err failure; /* class MR_OK: none */
    struct mr_err stall;   /* why brokers keep us waiting; code "": they do not */
    int64_t commit_ns;
    struct refusal *refusals;
    /* the thread's own */
    struct mr_kafka_producer producer;
    bool torn, sets_aside;
    unsigned again; /* how often what is open was given up since something became durable */
    int64_t pause_ns;
    char noted_code[64]; /* the last reason for a stall that was noted */
    int64_t noted_ns;
    uint64_t counted_records, counted_bytes;
};

/* The same reason is noted once a minute: a quota may stall every single commit. */
static void note(struct mr_kafka_session *session, const struct mr_err *err)
{
    const struct mr_notes *notes = &session->setting.context->notes;
    int64_t now_ns = mr_clock_mono_ns();

    if (!notes->note ||
        (strcmp(session->noted_code, err->code) == 0 && now_ns - session->noted_ns < NOTE_NS))
        return;
    memcpy(session->noted_code, err->code, sizeof session->noted_code);
    session->noted_ns = now_ns;
    notes->note(notes->state, MR_LOG_WARN, err->code, "%s%s%s", err->text, err->hint[0] ? "; " : "",
                err->hint);
}

/* Keeps the reason for poll and status. */
static void take_stall(void *state, const struct mr_err *err)
{
    struct mr_kafka_session *session = state;

    pthread_mutex_lock(&session->lock);
    if (err)
        session->stall = *err;
    else
        mr_err_clear(&session->stall);
    pthread_mutex_unlock(&session->lock);
    if (err)
        note(session, err);
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns)
{
    struct timespec at = {.tv_sec = deadline_ns / MR_SECOND_NS,
                          .tv_nsec = deadline_ns % MR_SECOND_NS};

    pthread_cond_timedwait(cond, lock, &at);
}

static void item_free(struct item *item)
{
    mr_buf_done(&item->text);
    free(item);
}

/* Takes the head out; its batch goes to the released. Lock held. */
static void pop_head(struct mr_kafka_session *session)
{
    struct item *item = session->head;

    session->head = item->next;
    if (!session->head)
        session->tail = NULL;
    if (session->cursor == item)
        session->cursor = item->next;
    session->held -= item->cost;
    if (item->batch) {
        item->batch->next = NULL;
        *session->released_end = item->batch;
        session->released_end = &item->batch->next;
    } else {
        session->commits--;
    }
    item_free(item);
}

/* Releases everything up to the commit of that number, if it is in the list. Lock held. */
static void release_until(struct mr_kafka_session *session, uint64_t commit)
{
    bool there = false;

    for (const struct item *item = session->head; item; item = item->next)
        there =
            there || (!item->batch && item->commit <= commit && item->commit > session->durable);
    if (!there)
        return;
    while (session->durable < commit && session->head) {
        if (!session->head->batch)
            session->durable = session->head->commit;
        pop_head(session);
    }
    session->torn = false;
    session->again = 0;
    session->commit_ns = session->producer.commit_ns;
    pthread_cond_signal(&session->news);
}

/* What a commit made visible. */
static void count(struct mr_kafka_session *session)
{
    struct mr_counters *counters = session->setting.context->counters;
    const struct mr_kafka_producer *producer = &session->producer;

    if (counters) {
        mr_count(&counters->sink_records, producer->records - session->counted_records);
        mr_count(&counters->sink_bytes, producer->bytes - session->counted_bytes);
    }
    session->counted_records = producer->records;
    session->counted_bytes = producer->bytes;
}

static void fail(struct mr_kafka_session *session, const struct mr_err *err)
{
    pthread_mutex_lock(&session->lock);
    session->failure = *err;
    pthread_cond_signal(&session->news);
    pthread_mutex_unlock(&session->lock);
}

/* After a failure the list is sent again from its head, if it is all still there. */
static void rewind_list(struct mr_kafka_session *session)
{
    struct mr_err err;

    pthread_mutex_lock(&session->lock);
    release_until(session, session->producer.last.commit);
    session->cursor = session->head;
    session->again++;
    bool torn = session->torn;
    pthread_mutex_unlock(&session->lock);
    if (torn) {
        mr_err_set(&err, MR_REPLAY, "sink.kafka.replay",
                   "a transaction larger than memory was aborted: its events are read again");
        fail(session, &err);
    }
}

static void pause_thread(struct mr_kafka_session *session)
{
    int64_t until = mr_clock_mono_ns() + session->pause_ns;

    pthread_mutex_lock(&session->lock);
    while (mr_clock_mono_ns() < until && !session->closing && !session->abort_asked)
        wait_until(&session->work, &session->lock, until);
    pthread_mutex_unlock(&session->lock);
    session->pause_ns = session->pause_ns * 2 < PAUSE_MOST ? session->pause_ns * 2 : PAUSE_MOST;
}

/* A new handle, however long it takes. Returns the class of what cannot be retried, or 0. */
static int reconnect(struct mr_kafka_session *session, struct mr_err *err)
{
    struct mr_counters *counters = session->setting.context->counters;

    for (;;) {
        if (counters)
            mr_count(&counters->sink_retries, 1);
        int rc = mr_kafka_connect(&session->producer, err);
        if (rc != MR_RETRY || mr_kafka_stopping(&session->setting))
            return rc;
        mr_kafka_topics_tell(&session->producer.topics, &session->setting, err);
        take_stall(session, err);
        pause_thread(session);
    }
}

static struct refusal *refusal_of(const struct mr_kafka_session *session, struct mr_slice topic)
{
    struct refusal *refusal = session->refusals;

    while (refusal && !mr_slice_is(topic, refusal->topic))
        refusal = refusal->next;
    return refusal;
}

/* A topic refused a record that we thought would fit. Where such records are set aside by the engine, it is told the
 * size and made to read the transaction again; err is changed to that. */
static void learn_size(struct mr_kafka_session *session, struct mr_err *err)
{
    const struct mr_kafka_client *client = &session->producer.client;
    const struct mr_record record = {.value = {"", client->refused_bytes}};
    const char *topic = client->refused_topic;

    if (!session->sets_aside || err->class != MR_DATA ||
        client->refused != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || client->refused_bytes == 0)
        return;
    pthread_mutex_lock(&session->lock);
    struct refusal *refusal = refusal_of(session, mr_slice_str(topic));
    bool told = refusal && refusal->bytes <= mr_record_size(&record); /* it came all the same */
    if (!refusal) {
        refusal = mr_alloc_zero(sizeof *refusal);
        snprintf(refusal->topic, sizeof refusal->topic, "%s", topic);
        refusal->next = session->refusals;
        session->refusals = refusal;
    }
    if (!told)
        refusal->bytes = mr_record_size(&record);
    pthread_mutex_unlock(&session->lock);
    if (told)
        return;
    mr_err_set(err, MR_REPLAY, "sink.kafka.replay",
               "topic %s refuses a record of %zu bytes: the transaction is read again, and such "
               "records are set aside",
               topic, client->refused_bytes);
}

/* Brings the producer back to a state in which items can be sent; err says what went wrong, and what stays wrong. */
static void recover(struct mr_kafka_session *session, struct mr_err *err)
{
    bool final = err->class != MR_RETRY;

    learn_size(session, err);
    struct mr_err first = *err;
    if (!final)
        take_stall(session, err);
    mr_kafka_transaction_abort(&session->producer);
    session->counted_records = session->producer.records; /* they are sent, and counted, again */
    session->counted_bytes = session->producer.bytes;
    if (final) {
        fail(session, &first);
        return;
    }
    pause_thread(session);
    if (session->producer.broken && reconnect(session, err) < 0) {
        if (!mr_kafka_stopping(&session->setting))
            fail(session, err);
        return;
    }
    rewind_list(session);
}

/* The whole list is with the brokers, more is wanted, and no commit is in sight: give the memory back. */
static int shed(struct mr_kafka_session *session, struct mr_err *err)
{
    int rc = mr_kafka_transaction_flush(&session->producer, err);

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&session->lock);
    while (session->head && session->head != session->cursor)
        pop_head(session);
    session->torn = true;
    pthread_cond_signal(&session->news);
    pthread_mutex_unlock(&session->lock);
    return 0;
}

/* A piece of a transaction is about to be committed for its age. When brokers were away meanwhile, its age says
 * nothing, and to commit it would show half a transaction for no reason but an outage. So it is given up and read
 * again, a few times: what still does not get through is too long for its brokers. */
static int judge_age(struct mr_kafka_session *session, struct mr_err *err)
{
    const struct mr_kafka_producer *producer = &session->producer;
    int rc = mr_kafka_transaction_flush(&session->producer, err);

    if (rc < 0 || session->again >= MOST_AGAIN ||
        !(producer->stuck || producer->client.handle.lost || session->again > 0))
        return rc;
    session->again++;
    return mr_err_set(err, MR_REPLAY, "sink.kafka.replay",
                      "brokers were away while a transaction of the source was written: it is read "
                      "again rather than shown in pieces");
}

static int work_on(struct mr_kafka_session *session, struct item *item, struct mr_err *err)
{
    int rc = 0;

    if (item->batch)
        return mr_kafka_transaction_send(&session->producer, item->batch, err);
    if (item->aged && session->producer.transactional && session->producer.open)
        rc = judge_age(session, err);
    if (rc == 0)
        rc = mr_kafka_transaction_commit(&session->producer, mr_buf_slice(&item->text),
                                         item->commit, err);
    if (rc == 0)
        count(session);
    return rc;
}

/* One item, with what follows from its outcome. */
static void step(struct mr_kafka_session *session, struct item *item, bool full)
{
    struct mr_err err;
    bool commit = !item->batch, caught_up = item->batch && item->batch->caught_up, idle = false;
    uint64_t number = item->commit;
    int rc = work_on(session, item, &err);

    if (rc == 0) {
        pthread_mutex_lock(&session->lock);
        session->cursor = item->next;
        if (commit)
            release_until(session, number);
        idle = !session->cursor;
        full = full && !commit && idle && session->commits == 0;
        pthread_mutex_unlock(&session->lock);
        session->pause_ns = PAUSE_FIRST;
        if (session->stall.code[0])
            take_stall(session, NULL);
        if (full)
            rc = shed(session, &err);
        else if (idle && caught_up)
            mr_kafka_leave_now(&session->producer);
    }
    if (rc == 0 && session->producer.broken) /* committed, but doubt is left */
        rc = reconnect(session, &err) == 0 ? 0 : (int)err.class;
    else if (rc < 0) {
        recover(session, &err);
        rc = 0;
    }
    if (rc < 0 && !mr_kafka_stopping(&session->setting))
        fail(session, &err);
}

static void obey_abort(struct mr_kafka_session *session)
{
    struct mr_err err;
    int rc = 0;

    mr_kafka_transaction_abort(&session->producer);
    if (session->producer.broken)
        rc = reconnect(session, &err);
    pthread_mutex_lock(&session->lock);
    release_until(session, session->producer.last.commit);
    while (session->head)
        pop_head(session);
    session->cursor = NULL;
    session->torn = false;
    session->abort_asked = false;
    session->failure.class = MR_OK;
    if (rc < 0)
        session->failure = err;
    pthread_cond_signal(&session->news);
    pthread_mutex_unlock(&session->lock);
}

/* The position for the engine, without what is ours. */
static void store(struct mr_kafka_session *session)
{
    mr_buf_add_slice(&session->stored, mr_buf_slice(&session->producer.last.text));
    mr_kafka_counts_take(NULL, &session->stored);
}

/* The next item that may be worked on now. Waits a while when there is none. Lock held. */
static struct item *next_item(struct mr_kafka_session *session)
{
    struct item *item = session->failure.class ? NULL : session->cursor;
    int64_t now_ns = mr_clock_mono_ns(), until_ns = now_ns + IDLE_NS;

    if (session->abort_asked)
        return item;
    if (item) {
        until_ns = session->producer.open ? 0 : session->producer.begin_ns;
        if (until_ns <= now_ns)
            return item;
    }
    wait_until(&session->work, &session->lock, until_ns);
    return NULL;
}

static void *run(void *argument)
{
    struct mr_kafka_session *session = argument;
    struct mr_err err;

    pthread_setname_np(pthread_self(), "mr-sink-kafka");
    mr_err_clear(&err);
    int rc = mr_kafka_connect(&session->producer, &err);
    if (rc < 0)
        mr_kafka_topics_tell(&session->producer.topics, &session->setting, &err);
    pthread_mutex_lock(&session->lock);
    session->connected = rc == 0;
    if (rc == 0)
        store(session);
    else
        session->failure = err;
    pthread_cond_signal(&session->news);
    while (rc == 0 && !session->closing) {
        struct item *item = next_item(session);
        bool full = session->held > session->limit / 8 * 5; /* the rest goes on filling meanwhile */
        bool abort_asked = session->abort_asked;
        pthread_mutex_unlock(&session->lock);
        if (abort_asked)
            obey_abort(session);
        else if (item)
            step(session, item, full);
        else if (session->producer.client.handle.rk)
            mr_kafka_client_serve(&session->producer.client, 0);
        pthread_mutex_lock(&session->lock);
    }
    pthread_mutex_unlock(&session->lock);
    mr_kafka_producer_done(&session->producer);
    return NULL;
}

static void init_sync(struct mr_kafka_session *session)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&session->lock, NULL);
    pthread_cond_init(&session->work, &attr);
    pthread_cond_init(&session->news, &attr);
    pthread_condattr_destroy(&attr);
}

size_t mr_kafka_session_limit(const struct mr_kafka_config *config)
{
    size_t limit = (size_t)config->commit.bytes * 3;

    return limit < LEAST_LIMIT ? LEAST_LIMIT : limit;
}

static int session_new(const struct mr_sink_args *args, struct mr_kafka_session **ret_session,
                       struct mr_err *err)
{
    struct mr_kafka_session *session = mr_alloc_zero(sizeof *session);
    const struct mr_kafka_config *config = args->config;
    int rc = mr_kafka_setting_init(&session->setting, args, "", err);

    if (rc < 0) {
        mr_kafka_setting_done(&session->setting);
        free(session);
        return rc;
    }
    init_sync(session);
    mr_buf_init(&session->stored, 64 << 20);
    session->released_end = &session->released;
    session->limit = mr_kafka_session_limit(config);
    session->pause_ns = PAUSE_FIRST;
    mr_kafka_producer_init(&session->producer, &session->setting);
    session->producer.kept = args->claim;
    session->sets_aside = args->sets_aside;
    session->producer.stalled = take_stall;
    session->producer.stalled_state = session;
    *ret_session = session;
    return 0;
}

static void obey_stop(struct mr_kafka_session *session)
{
    const atomic_bool *stopping = session->setting.context->stopping;

    if (stopping && atomic_load(stopping))
        atomic_store(&session->setting.closing, true);
}

/* Until the thread has connected or given up; a stop of the process ends the wait. */
static int await_connection(struct mr_kafka_session *session, struct mr_err *err)
{
    pthread_mutex_lock(&session->lock);
    while (!session->connected && !session->failure.class) {
        wait_until(&session->news, &session->lock, mr_clock_mono_ns() + IDLE_NS);
        obey_stop(session);
    }
    int rc = 0;
    if (!session->connected) {
        *err = session->failure;
        rc = (int)err->class;
    }
    pthread_mutex_unlock(&session->lock);
    return rc;
}

int mr_kafka_session_open(const struct mr_sink_args *args, struct mr_kafka_session **ret_session,
                          struct mr_buf *ret_checkpoint, struct mr_err *err)
{
    struct mr_kafka_session *session;
    int rc = session_new(args, &session, err);

    if (rc < 0)
        return rc;
    if (pthread_create(&session->thread, NULL, run, session) != 0)
        mr_out_of_memory(0);
    rc = await_connection(session, err);
    if (rc < 0) {
        mr_kafka_session_close(session);
        return rc;
    }
    mr_buf_add_slice(ret_checkpoint, mr_buf_slice(&session->stored));
    *ret_session = session;
    return 0;
}

static void push(struct mr_kafka_session *session, struct item *item)
{
    if (session->tail)
        session->tail->next = item;
    else
        session->head = item;
    session->tail = item;
    if (!session->cursor)
        session->cursor = item;
    session->held += item->cost;
    pthread_cond_signal(&session->work);
}

/* What a batch keeps in memory until it is committed, librdkafka's part included. */
static size_t cost_of(const struct mr_batch *batch)
{
    return mr_batch_held(batch) + batch->record_count * MR_KAFKA_MESSAGE_COST;
}

int mr_kafka_session_write(struct mr_kafka_session *session, struct mr_batch *batch,
                           struct mr_err *err)
{
    int rc = 0;

    pthread_mutex_lock(&session->lock);
    if (session->held > session->limit) {
        session->was_full = true;
        rc = MR_AGAIN; /* ordinary, unless there is a reason to tell */
        if (session->stall.code[0])
            *err = session->stall;
    } else {
        struct item *item = mr_alloc_zero(sizeof *item);
        mr_buf_init(&item->text, 0);
        item->batch = batch;
        item->cost = cost_of(batch);
        push(session, item);
    }
    pthread_mutex_unlock(&session->lock);
    return rc;
}

int mr_kafka_session_commit(struct mr_kafka_session *session, const struct mr_commit *commit,
                            struct mr_err *err)
{
    pthread_mutex_lock(&session->lock);
    if (session->commits >= 2) {
        if (session->stall.code[0])
            *err = session->stall;
        pthread_mutex_unlock(&session->lock);
        return MR_AGAIN;
    }
    struct item *item = mr_alloc_zero(sizeof *item);
    mr_buf_init(&item->text, 64 << 20);
    mr_buf_add_slice(&item->text, commit->text);
    item->commit = commit->id;
    item->aged = commit->aged;
    session->commits++;
    push(session, item);
    pthread_mutex_unlock(&session->lock);
    return 0;
}

static bool has_news(const struct mr_kafka_session *session)
{
    return session->released || session->durable != session->told || session->failure.class ||
           (session->was_full && session->held <= session->limit);
}

int mr_kafka_session_poll(struct mr_kafka_session *session, int64_t deadline_ns,
                          struct mr_sink_result *ret, struct mr_err *err)
{
    pthread_mutex_lock(&session->lock);
    while (deadline_ns && !has_news(session) && mr_clock_mono_ns() < deadline_ns)
        wait_until(&session->news, &session->lock, deadline_ns);
    ret->released = session->released;
    ret->durable = session->durable;
    ret->full = session->held > session->limit;
    session->released = NULL;
    session->released_end = &session->released;
    session->told = session->durable;
    session->was_full = session->was_full && ret->full;
    int rc = (int)session->failure.class;
    if (rc < 0)
        *err = session->failure;
    pthread_mutex_unlock(&session->lock);
    return rc;
}

int mr_kafka_session_abort(struct mr_kafka_session *session, struct mr_batch **ret_released,
                           struct mr_err *err)
{
    int64_t grace_ns = mr_clock_mono_ns() + GRACE_NS;

    pthread_mutex_lock(&session->lock);
    session->abort_asked = true;
    pthread_cond_signal(&session->work);
    while (session->abort_asked) { /* as long as brokers are away, but for a stop */
        wait_until(&session->news, &session->lock, mr_clock_mono_ns() + IDLE_NS);
        if (mr_clock_mono_ns() >= grace_ns)
            obey_stop(session);
    }
    *ret_released = session->released;
    session->released = NULL;
    session->released_end = &session->released;
    int rc = (int)session->failure.class;
    if (rc < 0)
        *err = session->failure;
    pthread_mutex_unlock(&session->lock);
    return rc;
}

size_t mr_kafka_session_record_bytes(struct mr_kafka_session *session, struct mr_slice topic,
                                     size_t most)
{
    pthread_mutex_lock(&session->lock);
    for (const struct refusal *at = session->refusals; at; at = at->next) {
        if ((!topic.data || mr_slice_is(topic, at->topic)) && at->bytes - 1 < most)
            most = at->bytes - 1;
    }
    pthread_mutex_unlock(&session->lock);
    return most;
}

int64_t mr_kafka_session_commit_ns(struct mr_kafka_session *session)
{
    pthread_mutex_lock(&session->lock);
    int64_t duration = session->commit_ns;
    pthread_mutex_unlock(&session->lock);
    return duration;
}

void mr_kafka_session_close(struct mr_kafka_session *session)
{
    atomic_store(&session->setting.closing, true);
    pthread_mutex_lock(&session->lock);
    session->closing = true;
    pthread_cond_signal(&session->work);
    pthread_mutex_unlock(&session->lock);
    pthread_join(session->thread, NULL);
    while (session->head)
        pop_head(session);
    while (session->released) {
        struct mr_batch *batch = session->released;
        session->released = batch->next;
        mr_batch_free(batch);
    }
    while (session->refusals) {
        struct refusal *refusal = session->refusals;
        session->refusals = refusal->next;
        free(refusal);
    }
    mr_buf_done(&session->stored);
    mr_kafka_setting_done(&session->setting);
    pthread_cond_destroy(&session->work);
    pthread_cond_destroy(&session->news);
    pthread_mutex_destroy(&session->lock);
    free(session);
}
