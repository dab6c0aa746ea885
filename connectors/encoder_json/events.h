/* One change to its records. */
#pragma once

#include "base/map.h"
#include "connectors/encoder_json/plan.h"
#include "connectors/encoder_json/source_block.h"
#include "plug/encoder.h"

struct json_state {
    const struct mr_context *context;
    struct json_config config; /* the user's, completed */
    struct mr_map plans;       /* by table->id */
    struct json_plan *last;    /* the plan used last */
    struct json_plan *message; /* the plan for logical messages */
    struct mr_event_style style;
    struct mr_row_writer writer;
    struct source_block block;
    struct mr_header context_headers[4];
    uint32_t context_header_count;
    char run_id[40];
    uint64_t nulled_told; /* of writer.nulled, what was noted */
};

/* Appends the records of one change. MR_DATA: err names table and column, and the batch has no record of it. */
int json_events_write(struct json_state *state, struct mr_batch *batch,
                      const struct mr_change *change, struct json_plan *plan,
                      struct mr_err *err) MR_MUST_CHECK;
