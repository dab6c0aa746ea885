/* The inside of a pipeline: what its two callers, the outside (pipeline.c) and the writer thread (supervise.c), share,
 * and how it speaks. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "engine/progress/progress.h"
#include "engine/run/backoff.h"
#include "engine/run/options.h"
#include "engine/run/state.h"
#include "engine/write/writer.h"

#define MR_LOG_SITES 128

struct mr_pipeline {
    const struct mr_pipeline_config *config;
    struct mr_run_options options;
    struct mr_context context;
    struct mr_counters counters;
    struct mr_pool pool;
    char owner[40];
    pthread_t thread;
    pthread_mutex_t lock; /* guards status and ended */
    pthread_cond_t changed;
    struct mr_pipeline_status status;
    bool ended;
    int exit_code;
    struct mr_log_site sites[MR_LOG_SITES]; /* mr_pipeline_site */
    atomic_bool stopping;                   /* a graceful stop was asked for */
    atomic_bool now;                        /* drop everything */
    atomic_bool roll;
    int64_t looked_ns;         /* when the sink was last asked whose the pipeline is */
    int64_t drain_deadline_ns; /* set by the writer thread when it first sees `stopping` */

    /* Writer thread only. */
    struct mr_writer writer;
    struct mr_backoff backoff;
    struct mr_progress progress;
    bool claimed; /* our claim is durable in the sink that is open now */
    /* the position moved while the source was opened: claim before it, the next time */
    bool hurried;
    /* a claim of this process was durable once: a newer owner means we are fenced */
    bool ever_claimed;
    bool streamed;        /* a session reached READING once */
    bool reached;         /* what `until` names is committed, or the sink's reader has gone */
    char logged_code[64]; /* of the last error line, so that it is not repeated on each try */
    int64_t logged_ns;
};

/* The limit of how often this pipeline logs `what`: a line of one pipeline, or about one table, must not be held back
 * because of lines that others wrote. Words of digits do not count: a text with changing figures is one text. Any
 * thread. */
struct mr_log_site *mr_pipeline_site(struct mr_pipeline *pipeline, const char *what);

#define mr_pipeline_log(pipeline, level, msg, ...)                                                 \
    do {                                                                                           \
        if (mr_log_enabled(level))                                                                 \
            mr_log_write(mr_pipeline_site((pipeline), (msg)), (level), (pipeline)->config->name,   \
                         (msg), (const struct mr_log_field[]){__VA_ARGS__, {0}});                  \
    } while (0)

/* Moves the state, with a log line; asserts that the move is legal. Writer thread. */
void mr_pipeline_set_state(struct mr_pipeline *pipeline, enum mr_pipeline_state state);
/* Keeps the error for status, and logs it unless the same code was logged within a minute. */
void mr_pipeline_report(struct mr_pipeline *pipeline, const struct mr_err *err, bool final);
