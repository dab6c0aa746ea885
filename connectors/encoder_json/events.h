/* One change to its records. */
#pragma once

#include "connectors/encoder_json/state.h"

/* Appends the records of one change. MR_DATA: err names table and column, and the batch has no record of it. */
int json_events_write(struct json_state *state, struct mr_batch *batch,
                      const struct mr_change *change, struct json_plan *plan,
                      struct mr_err *err) MR_MUST_CHECK;
