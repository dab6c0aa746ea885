/* A batch to its records, as JSON. */
#pragma once

#include "connectors/encoder_json/plan.h"

/* The encode() of struct mr_encoder; memory is a struct json_state. */
int json_encode(void *memory, struct mr_batch *batch, size_t *ret_failed,
                struct mr_err *err) MR_MUST_CHECK;
