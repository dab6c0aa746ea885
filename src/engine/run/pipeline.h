/* One pipeline: a reader thread, a writer thread, and the queue between them.
 *
 * mr_pipeline_start returns at once; the threads open sink and source, retry for ever with jitter what can be
 * retried, and end for good only when `until` is reached, a stop was asked for, or an error needs a human. All
 * functions here are called from one controlling thread. */
#pragma once

#include "config/config.h"
#include "engine/run/options.h"
#include "engine/run/state.h"

struct mr_pipeline;
struct mr_counters;

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
