/* A pipeline from the outside: start it, ask it to stop, wait, look.
 *
 * Everything that happens inside happens on its two threads (supervise.c, reader.c); this file only makes and
 * breaks the object and hands questions over: flags for a stop and a roll, a copy of the status under its lock.
 * The owner's id is drawn from the system's random source at the start: two processes that were started from
 * the same image in the same second still differ. */
#include "engine/run/pipeline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/run/inside.h"
#include "engine/run/supervise.h"
#include "schema/names/topic.h"

#define POOL_KEEP(config) ((size_t)(config)->queue_bytes)

static void note(void *state, int level, const char *code, const char *format, ...)
{
    struct mr_pipeline *pipeline = state;
    char text[1500];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (mr_log_enabled((enum mr_log_level)level))
        mr_log_write(mr_pipeline_site(pipeline, text), (enum mr_log_level)level,
                     pipeline->config->name, "note",
                     (const struct mr_log_field[]){MR_S("code", code), MR_S("text", text), {0}});
}

static void *run(void *argument)
{
    struct mr_pipeline *pipeline = argument;

    mr_pipeline_supervise(pipeline);
    pthread_mutex_lock(&pipeline->lock);
    pipeline->ended = true;
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->lock);
    return NULL;
}

static uint64_t draw_owner(char *ret_owner)
{
    uint64_t words[2] = {0};

    if (getrandom(words, sizeof words, 0) != (ssize_t)sizeof words)
        words[0] = (uint64_t)mr_clock_wall_us() ^ (uint64_t)(uintptr_t)ret_owner;
    snprintf(ret_owner, 40, "%016llx%016llx", (unsigned long long)words[0],
             (unsigned long long)words[1]);
    return words[0];
}

static void init_sync(struct mr_pipeline *pipeline)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&pipeline->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pipeline->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int mr_pipeline_start(const struct mr_pipeline_config *config, const struct mr_run_options *options,
                      struct mr_pipeline **ret_pipeline, struct mr_err *err)
{
    struct mr_pipeline *pipeline;
    uint64_t seed;
    int rc = mr_topic_check(config->topic, err);

    if (rc < 0)
        return rc;
    pipeline = mr_alloc_zero(sizeof *pipeline);
    pipeline->config = config;
    pipeline->options = *options;
    seed = draw_owner(pipeline->owner);
    pipeline->context = (struct mr_context){
        .pipeline = config->name,
        .server = config->server,
        .state_directory = options->state_directory,
        .notes = {note, pipeline},
        .counters = &pipeline->counters,
        .stopping = &pipeline->stopping,
    };
    init_sync(pipeline);
    pipeline->status.since_us = mr_clock_wall_us();
    mr_backoff_init(&pipeline->backoff, 100 * MR_MS_NS, 30 * MR_SECOND_NS, seed);
    mr_progress_init(&pipeline->progress, !options->quiet);
    mr_pool_init(&pipeline->pool, (size_t)config->batch_bytes, POOL_KEEP(config));
    mr_writer_init(&pipeline->writer, config, &pipeline->context, &pipeline->pool);
    if (pthread_create(&pipeline->thread, NULL, run, pipeline) != 0)
        mr_out_of_memory(0);
    *ret_pipeline = pipeline;
    return 0;
}

void mr_pipeline_stop(struct mr_pipeline *pipeline, bool now)
{
    atomic_store(&pipeline->stopping, true);
    if (now)
        atomic_store(&pipeline->now, true);
}

void mr_pipeline_roll(struct mr_pipeline *pipeline)
{
    atomic_store(&pipeline->roll, true);
}

bool mr_pipeline_wait(struct mr_pipeline *pipeline, int64_t deadline_ns)
{
    struct timespec until = {deadline_ns / MR_SECOND_NS, deadline_ns % MR_SECOND_NS};
    bool ended;

    pthread_mutex_lock(&pipeline->lock);
    while (!pipeline->ended &&
           pthread_cond_timedwait(&pipeline->changed, &pipeline->lock, &until) == 0)
        ;
    ended = pipeline->ended;
    pthread_mutex_unlock(&pipeline->lock);
    return ended;
}

void mr_pipeline_get_status(struct mr_pipeline *pipeline, struct mr_pipeline_status *ret_status)
{
    pthread_mutex_lock(&pipeline->lock);
    *ret_status = pipeline->status;
    pthread_mutex_unlock(&pipeline->lock);
}

const struct mr_counters *mr_pipeline_counters(const struct mr_pipeline *pipeline)
{
    return &pipeline->counters;
}

int mr_pipeline_free(struct mr_pipeline *pipeline)
{
    int exit_code;

    pthread_join(pipeline->thread, NULL);
    exit_code = pipeline->exit_code;
    mr_writer_done(&pipeline->writer);
    mr_pool_done(&pipeline->pool);
    pthread_mutex_destroy(&pipeline->lock);
    pthread_cond_destroy(&pipeline->changed);
    free(pipeline);
    return exit_code;
}
