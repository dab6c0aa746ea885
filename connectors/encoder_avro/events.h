/* A batch to its records, in Avro. */
#pragma once

#include "connectors/encoder_avro/plan.h"

/* The encode() of struct mr_encoder; memory is a struct avro_state. */
int avro_encode(void *memory, struct mr_batch *batch, size_t *ret_failed,
                struct mr_err *err) MR_MUST_CHECK;
