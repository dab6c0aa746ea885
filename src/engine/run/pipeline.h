/* One pipeline: a reader thread, a writer thread, and the queue between them.
 *
 * mr_pipeline_start returns at once; the threads open sink and source, retry for ever with jitter what can be
 * retried, and end for good only when `until` is reached, a stop was asked for, or an error needs a human. All
 * functions here are called from one controlling thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct mr_pipeline;

enum mr_pipeline_state {
    MR_PIPELINE_STARTING,     /* opening the sink, reading its position, claiming */
    MR_PIPELINE_CONNECTING,   /* opening the source */
    MR_PIPELINE_SNAPSHOTTING, /* reading tables */
    MR_PIPELINE_STREAMING,
    MR_PIPELINE_RETRYING, /* waiting to try again; the error says why */
    MR_PIPELINE_DRAINING, /* a stop was asked for: what is in flight is delivered and committed */
    MR_PIPELINE_STOPPED,  /* ended well */
    MR_PIPELINE_FAILED,   /* ended with the error */
};
const char *mr_pipeline_state_name(enum mr_pipeline_state state);

struct mr_run_options {
    const char *until; /* NULL, "now" or a position in the source's notation */
    bool temporary;    /* tail */
    bool quiet;        /* do not log the ordinary life of the pipeline (tail) */
    bool
        require_healthy; /* a server that cannot be reached at the first try ends the pipeline (exit 69) */
    const char *state_directory;
};

struct mr_pipeline_status {
    enum mr_pipeline_state state;
    int64_t since_us;  /* wall time of the last change of state */
    struct mr_err err; /* the last error; code "" = none */
    uint64_t attempts; /* tries since things last went well */
};

/* config and options outlive the pipeline. Fails only on MR_CONFIG (a template that is wrong). */
int mr_pipeline_start(const struct mr_pipeline_config *config, const struct mr_run_options *options,
                      struct mr_pipeline **ret_pipeline, struct mr_err *err) MR_MUST_CHECK;
/* Asks for a graceful end: stop reading, deliver, commit. now: let everything drop. Any thread, no blocking. */
void mr_pipeline_stop(struct mr_pipeline *pipeline, bool now);
/* Asks the sink to roll its files (SIGUSR1). */
void mr_pipeline_roll(struct mr_pipeline *pipeline);
/* True once both threads have ended; waits at most until the monotonic deadline. */
bool mr_pipeline_wait(struct mr_pipeline *pipeline, int64_t deadline_ns);
void mr_pipeline_get_status(struct mr_pipeline *pipeline, struct mr_pipeline_status *ret_status);
const struct mr_counters *mr_pipeline_counters(const struct mr_pipeline *pipeline);
/* After mr_pipeline_wait said true. Returns the exit code of how it ended (0 = well). */
int mr_pipeline_free(struct mr_pipeline *pipeline);
