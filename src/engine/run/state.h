/* The states a pipeline goes through, which may follow which, and what a pipeline tells of itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

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

/* True when `to` may follow `from`. */
bool mr_pipeline_may_move(enum mr_pipeline_state from, enum mr_pipeline_state to);
/* "streaming": the state as it is shown. */
const char *mr_pipeline_state_name(enum mr_pipeline_state state);

struct mr_pipeline_status {
    enum mr_pipeline_state state;
    int64_t since_us;  /* wall time of the last change of state */
    struct mr_err err; /* the last error; code "" = none */
    uint64_t attempts; /* tries since things last went well */
};
