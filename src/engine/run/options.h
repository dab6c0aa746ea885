/* What the caller asks of one run of a pipeline, beside its configuration. */
#pragma once

#include <stdbool.h>

struct mr_run_options {
    const char *until; /* NULL, "now" or a position in the source's notation */
    bool temporary;    /* tail */
    bool quiet;        /* do not log the ordinary life of the pipeline (tail) */
    /* a server that cannot be reached at the first try ends the pipeline (exit 69) */
    bool require_healthy;
    const char *state_directory;
};
