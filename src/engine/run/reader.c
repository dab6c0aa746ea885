/* The reader thread.
 *
 * It does three things and nothing else: opens the source, reads batches and pushes them, and tends the source
 * whenever it cannot read (the queue is full, the claim is not durable yet, or reading has ended but the last
 * commits are still on their way). Tending is what keeps a replication connection alive through an outage of the
 * sink, however long, so every wait in this file is cut into slices of TEND_NS.
 *
 * A batch that is pushed belongs to the writer from then on, even if the session fails in the next instant: the
 * queue is closed behind it, and the writer drains it before it looks at the error. A failing read() may leave
 * whole transactions in its batch; they are pushed first.
 *
 * A graceful stop ends at a transaction's end, because only there a commit is whole. If the transaction is
 * longer than the deadline allows, its part is dropped by the writer and read again at the next start. */
#include "engine/run/reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define TEND_NS     (100 * MR_MS_NS)
#define READ_NS     (300 * MR_MS_NS) /* also how late a stop is noticed */
#define QUEUE_SLOTS 256

static void set_phase(struct mr_session *session, enum mr_session_phase phase)
{
    pthread_mutex_lock(&session->lock);
    session->phase = phase;
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

static bool must_leave(struct mr_session *session)
{
    return atomic_load(&session->cancel) || atomic_load(&session->end);
}

/* Waits for a flag of the writer in slices, tending the source in between. */
static int await(struct mr_session *session, atomic_bool *flag, struct mr_err *err)
{
    struct timespec until;
    int rc = 0;

    while (!atomic_load(flag) && !must_leave(session) && rc == 0) {
        int64_t deadline = mr_clock_mono_ns() + TEND_NS;
        until.tv_sec = deadline / MR_SECOND_NS;
        until.tv_nsec = deadline % MR_SECOND_NS;
        pthread_mutex_lock(&session->lock);
        if (!atomic_load(flag) && !must_leave(session))
            pthread_cond_timedwait(&session->changed, &session->lock, &until);
        pthread_mutex_unlock(&session->lock);
        rc = session->config->source->tend(session->state, err);
    }
    return rc;
}

static int push(struct mr_session *session, struct mr_batch *batch)
{
    int64_t blocked = 0, start = 0;
    int rc = 0;

    for (;;) {
        enum mr_queue_result result = mr_queue_push(&session->queue, batch, mr_batch_held(batch),
                                                    mr_clock_mono_ns() + TEND_NS);
        if (result == MR_QUEUE_OK)
            break;
        if (start == 0)
            start = mr_clock_mono_ns() - TEND_NS;
        if (result == MR_QUEUE_CLOSED || must_leave(session) ||
            (rc = session->config->source->tend(session->state, &session->err)) < 0) {
            mr_pool_put(session->pool, batch);
            return rc;
        }
    }
    blocked = start ? mr_clock_mono_ns() - start : 0;
    mr_count(&session->args.context->counters->blocked_ns, (uint64_t)blocked);
    return 0;
}

static bool carries(const struct mr_batch *batch)
{
    return !mr_batch_empty(batch) || batch->position.text.data || batch->last;
}

/* One batch from the source into the queue. *ret_more is false when reading is over. */
static int read_one(struct mr_session *session, bool *whole, bool *ret_more)
{
    struct mr_batch *batch = mr_pool_get(session->pool);
    int rc, pushed;

    rc = session->config->source->read(session->state, batch, mr_clock_mono_ns() + READ_NS,
                                       &session->err);
    if (!carries(batch)) {
        mr_pool_put(session->pool, batch);
        *ret_more = rc == 0;
        return rc;
    }
    *ret_more = rc == 0 && !batch->last;
    if (batch->position.text.data)
        *whole = batch->position.whole;
    pushed = push(session, batch);
    return rc < 0 ? rc : pushed;
}

static int read_all(struct mr_session *session)
{
    bool whole = true, more = true;
    int rc = 0;

    while (more && rc == 0 && !must_leave(session)) {
        if (atomic_load(&session->stop) &&
            (whole || mr_clock_mono_ns() >= session->stop_deadline_ns))
            break;
        rc = read_one(session, &whole, &more);
    }
    return rc;
}

static int work(struct mr_session *session)
{
    const struct mr_source *source = session->config->source;
    int rc = source->open(session->state, &session->args, &session->claim, &session->err);

    if (rc < 0)
        return rc;
    set_phase(session, MR_SESSION_OPENED);
    rc = await(session, &session->go, &session->err);
    if (rc < 0 || must_leave(session) || atomic_load(&session->stop))
        return rc;
    session->args.take_over = true;
    set_phase(session, MR_SESSION_STARTING);
    rc = source->start(session->state, &session->err);
    if (rc < 0)
        return rc;
    set_phase(session, MR_SESSION_READING);
    return read_all(session);
}

/* The writer may still confirm to a session whose connection died, so its state stays until it says end. */
static void await_end(struct mr_session *session)
{
    pthread_mutex_lock(&session->lock);
    while (!atomic_load(&session->end))
        pthread_cond_wait(&session->changed, &session->lock);
    pthread_mutex_unlock(&session->lock);
}

static void *run(void *argument)
{
    struct mr_session *session = argument;
    /* an error after the end is too late to matter: the position is in the sink */
    struct mr_err late;
    int rc = work(session);

    session->rc = rc;
    mr_queue_close(&session->queue);
    set_phase(session, MR_SESSION_ENDED);
    if (rc == 0)
        (void)!await(session, &session->end, &late);
    await_end(session);
    session->config->source->close(session->state);
    set_phase(session, MR_SESSION_CLOSED);
    return NULL;
}

void mr_session_begin(struct mr_session *session, const struct mr_pipeline_config *config,
                      const struct mr_source_args *args, struct mr_pool *pool)
{
    pthread_condattr_t monotonic;

    memset(session, 0, sizeof *session);
    session->config = config;
    session->args = *args;
    session->pool = pool;
    session->state = mr_alloc_zero(config->source->state_size);
    mr_queue_init(&session->queue, QUEUE_SLOTS, (size_t)config->queue_bytes);
    pthread_mutex_init(&session->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&session->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&session->thread, NULL, run, session) != 0)
        mr_out_of_memory(0);
}

bool mr_session_reached(struct mr_session *session, enum mr_session_phase phase,
                        int64_t deadline_ns)
{
    struct timespec until = {deadline_ns / MR_SECOND_NS, deadline_ns % MR_SECOND_NS};
    bool reached;

    pthread_mutex_lock(&session->lock);
    while (session->phase < phase &&
           pthread_cond_timedwait(&session->changed, &session->lock, &until) == 0)
        ;
    reached = session->phase >= phase;
    pthread_mutex_unlock(&session->lock);
    return reached;
}

static void raise_flag(struct mr_session *session, atomic_bool *flag)
{
    pthread_mutex_lock(&session->lock);
    atomic_store(flag, true);
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

void mr_session_go(struct mr_session *session)
{
    raise_flag(session, &session->go);
}

void mr_session_stop(struct mr_session *session, int64_t deadline_ns)
{
    if (atomic_load(&session->stop))
        return;
    session->stop_deadline_ns = deadline_ns;
    raise_flag(session, &session->stop);
    raise_flag(session, &session->go);
}

void mr_session_cancel(struct mr_session *session)
{
    raise_flag(session, &session->cancel);
    mr_queue_close(&session->queue);
}

void mr_session_confirm(struct mr_session *session, const struct mr_position *position)
{
    session->config->source->confirm(session->state, position);
}

void mr_session_end(struct mr_session *session)
{
    void *item;

    mr_queue_close(&session->queue);
    raise_flag(session, &session->end);
    pthread_join(session->thread, NULL);
    while (mr_queue_pop(&session->queue, &item, 0) == MR_QUEUE_OK)
        mr_pool_put(session->pool, item);
    mr_queue_done(&session->queue);
    pthread_mutex_destroy(&session->lock);
    pthread_cond_destroy(&session->changed);
    free(session->state);
    session->state = NULL;
}
