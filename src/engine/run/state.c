/* The states of a pipeline.
 *
 *     STARTING --> CONNECTING --> [SNAPSHOTTING -->] STREAMING --> DRAINING --> STOPPED
 *        ^  ^_________|__________________|_______________|            |
 *        |            v                  v               v            v
 *        +------- RETRYING <-------------+---------------+         FAILED (from anywhere but STOPPED)
 *
 * STARTING holds no position yet (the sink is being opened and claimed); CONNECTING has one and asks the source
 * to go on from it. RETRYING leads back to STARTING when the sink was lost, to CONNECTING when only the source was.
 * A stop may come at any moment. Nothing leaves STOPPED or FAILED: a new run is a new pipeline. */
#include "engine/run/state.h"

#define BIT(state) (1u << MR_PIPELINE_##state)
#define ENDS       (BIT(DRAINING) | BIT(STOPPED) | BIT(FAILED) | BIT(RETRYING))

static const unsigned legal[] = {
    [MR_PIPELINE_STARTING] = BIT(CONNECTING) | ENDS,
    [MR_PIPELINE_CONNECTING] = BIT(STARTING) | BIT(SNAPSHOTTING) | BIT(STREAMING) | ENDS,
    [MR_PIPELINE_SNAPSHOTTING] = BIT(STREAMING) | BIT(CONNECTING) | BIT(STARTING) | ENDS,
    [MR_PIPELINE_STREAMING] = BIT(SNAPSHOTTING) | BIT(CONNECTING) | BIT(STARTING) | ENDS,
    [MR_PIPELINE_RETRYING] = BIT(STARTING) | BIT(CONNECTING) | ENDS,
    [MR_PIPELINE_DRAINING] = BIT(STOPPED) | BIT(FAILED),
    [MR_PIPELINE_STOPPED] = 0,
    [MR_PIPELINE_FAILED] = 0,
};

bool mr_pipeline_may_move(enum mr_pipeline_state from, enum mr_pipeline_state to)
{
    return (legal[from] & (1u << to)) != 0;
}

const char *mr_pipeline_state_name(enum mr_pipeline_state state)
{
    static const char *const names[] = {
        [MR_PIPELINE_STARTING] = "starting",         [MR_PIPELINE_CONNECTING] = "connecting",
        [MR_PIPELINE_SNAPSHOTTING] = "snapshotting", [MR_PIPELINE_STREAMING] = "streaming",
        [MR_PIPELINE_RETRYING] = "retrying",         [MR_PIPELINE_DRAINING] = "draining",
        [MR_PIPELINE_STOPPED] = "stopped",           [MR_PIPELINE_FAILED] = "failed",
    };

    return names[state];
}
