/* The reader's side of a pipeline: one source, opened once, on a thread of its own.
 *
 *     OPENING -> OPENED -> STARTING -> READING -> ENDED -> CLOSED
 *        |          (go)                  ^ failure, until, or stop: the queue closes behind the last batch
 *        +-------------------------------/
 *
 * The writer thread owns the session and calls everything here. After ENDED the source stays open and is tended
 * (keepalives, confirmed positions) until mr_session_end, so that what the sink commits last is confirmed too. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/queue.h"
#include "config/config.h"
#include "engine/write/pool.h"

enum mr_session_phase {
    MR_SESSION_OPENING,
    MR_SESSION_OPENED, /* waits for the claim */
    MR_SESSION_STARTING,
    MR_SESSION_READING,
    MR_SESSION_ENDED, /* nothing more will be pushed; rc and err are final */
    MR_SESSION_CLOSED,
};

struct mr_session {
    const struct mr_pipeline_config *config;
    struct mr_source_args args;
    struct mr_pool *pool;
    struct mr_queue queue;
    void *state; /* the source's */
    pthread_t thread;
    pthread_mutex_t lock; /* guards phase */
    pthread_cond_t changed;
    enum mr_session_phase phase;
    struct mr_slice claim; /* position text for the claim; valid from OPENED to the end */
    int rc;                /* why it ended: 0 for until or stop */
    struct mr_err err;
    atomic_bool go, stop, cancel, end;
    int64_t stop_deadline_ns; /* written before stop is set */
};

/* Starts the thread, which opens the source. config, args' pointers and pool outlive the session. */
void mr_session_begin(struct mr_session *session, const struct mr_pipeline_config *config,
                      const struct mr_source_args *args, struct mr_pool *pool);
/* True once the phase is at least `phase`; waits until deadline_ns (monotonic). */
bool mr_session_reached(struct mr_session *session, enum mr_session_phase phase,
                        int64_t deadline_ns);
/* The claim is durable: make what is missing and stream. */
void mr_session_go(struct mr_session *session);
/* Graceful: read on to the end of the transaction at hand, at most until deadline_ns, then end. */
void mr_session_stop(struct mr_session *session, int64_t deadline_ns);
/* Ends at once; what is in the queue is worthless. */
void mr_session_cancel(struct mr_session *session);
/* A position is durable. */
void mr_session_confirm(struct mr_session *session, const struct mr_position *position);
/* Closes the source, joins the thread, gives what is left in the queue back to the pool. */
void mr_session_end(struct mr_session *session);
