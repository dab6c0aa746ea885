/* Running pipelines until they end or the user ends them: shared by run, tail and plan --sample. */
#pragma once

#include "cli/cli.h"
#include "engine/run/pipeline.h"

struct mr_runner {
    struct mr_cli *cli;
    const struct mr_pipeline_config *const *configs;
    size_t count;
    struct mr_run_options options;
};

/* Starts all, waits, sums up: the worst exit code; a second signal gives 130 or 143 at once, with threads still
 * running, and so does a stop that takes longer than limits.drain allows (its code + MR_EXIT_LEFT). The summary and a
 * result per pipeline are left in cli. */
int mr_runner_run(struct mr_runner *runner);
