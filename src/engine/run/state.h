/* Which states a pipeline may go through, and the one function that changes them. */
#pragma once

#include <stdbool.h>

#include "engine/run/pipeline.h"

/* True when `to` may follow `from`. */
bool mr_pipeline_may_move(enum mr_pipeline_state from, enum mr_pipeline_state to);
