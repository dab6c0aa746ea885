/* A ring under one lock: see queue.h for the contract.
 *
 * One condition variable serves both directions. The two sides can never wait at the same time (a full queue is
 * not empty), so a broadcast wakes at most the one thread that has something to do. It waits on the monotonic
 * clock, so that a step of the wall clock neither hangs nor floods it. It is woken with the lock free: on a busy
 * machine it may run at once, in the place of the one that woke it, and would only find the lock taken.
 *
 * Deadlines are read by mr_clock_mono_ns(), as everywhere; the wait itself is by the real clock for the time that
 * is left, so that a test which holds its own clock still gets its timeout. */
#include "base/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"

void mr_queue_init(struct mr_queue *queue, size_t slots, size_t limit)
{
    pthread_condattr_t attributes;

    *queue = (struct mr_queue){.slots = slots ? slots : 1, .limit = limit};
    queue->ring = mr_alloc(queue->slots * sizeof *queue->ring);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void mr_queue_done(struct mr_queue *queue)
{
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue->ring);
    queue->ring = NULL;
}

/* The real monotonic time at which a deadline passes. */
static struct timespec real_deadline(int64_t deadline_ns)
{
    struct timespec at;
    int64_t ns, left = deadline_ns - mr_clock_mono_ns();

    clock_gettime(CLOCK_MONOTONIC, &at);
    if (left <= 0)
        return at;
    ns = at.tv_nsec + left % MR_SECOND_NS;
    at.tv_sec += (time_t)(left / MR_SECOND_NS + ns / MR_SECOND_NS);
    at.tv_nsec = (long)(ns % MR_SECOND_NS);
    return at;
}

/* Waits once for a change; false when the deadline has passed. The lock is held. */
static bool wait_changed(struct mr_queue *queue, int64_t deadline_ns)
{
    struct timespec at;

    if (deadline_ns <= 0)
        return false;
    at = real_deadline(deadline_ns);
    return pthread_cond_timedwait(&queue->changed, &queue->lock, &at) != ETIMEDOUT;
}

static bool has_room(const struct mr_queue *queue, size_t cost)
{
    if (queue->count == 0)
        return true;
    return queue->count < queue->slots && queue->bytes <= queue->limit &&
           cost <= queue->limit - queue->bytes;
}

enum mr_queue_result mr_queue_push(struct mr_queue *queue, void *item, size_t cost,
                                   int64_t deadline_ns)
{
    enum mr_queue_result result = MR_QUEUE_OK;
    bool in_time = true;

    pthread_mutex_lock(&queue->lock);
    while (!queue->closed && !has_room(queue, cost) && in_time)
        in_time = wait_changed(queue, deadline_ns);
    if (queue->closed)
        result = MR_QUEUE_CLOSED;
    else if (!has_room(queue, cost))
        result = MR_QUEUE_TIMEOUT;
    else {
        queue->ring[(queue->head + queue->count) % queue->slots] =
            (struct mr_queue_item){item, cost};
        queue->count++;
        queue->bytes += cost;
    }
    pthread_mutex_unlock(&queue->lock);
    if (result == MR_QUEUE_OK)
        pthread_cond_broadcast(&queue->changed);
    return result;
}

enum mr_queue_result mr_queue_pop(struct mr_queue *queue, void **ret_item, int64_t deadline_ns)
{
    enum mr_queue_result result = MR_QUEUE_OK;
    bool in_time = true;

    pthread_mutex_lock(&queue->lock);
    while (!queue->closed && queue->count == 0 && in_time)
        in_time = wait_changed(queue, deadline_ns);
    if (queue->count) {
        struct mr_queue_item *taken = &queue->ring[queue->head];
        *ret_item = taken->item;
        queue->bytes -= taken->cost;
        queue->head = (queue->head + 1) % queue->slots;
        queue->count--;
    } else {
        result = queue->closed ? MR_QUEUE_CLOSED : MR_QUEUE_TIMEOUT;
    }
    pthread_mutex_unlock(&queue->lock);
    if (result == MR_QUEUE_OK)
        pthread_cond_broadcast(&queue->changed);
    return result;
}

void mr_queue_close(struct mr_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

size_t mr_queue_bytes(struct mr_queue *queue)
{
    size_t bytes;

    pthread_mutex_lock(&queue->lock);
    bytes = queue->bytes;
    pthread_mutex_unlock(&queue->lock);
    return bytes;
}
