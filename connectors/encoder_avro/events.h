/* One change to its records, in Avro. */
#pragma once

#include "connectors/encoder_avro/state.h"

/* Appends the records of one change. MR_DATA: err names table and column, and the batch has no record of it. */
int avro_events_write(struct avro_state *state, struct mr_batch *batch,
                      const struct mr_change *change, struct avro_plan *plan,
                      struct mr_err *err) MR_MUST_CHECK;
