/* What an open encoder keeps: options, plans, and the parts of events that are the same for many. */
#pragma once

#include "connectors/encoder_json/plan.h"
#include "connectors/encoder_json/source_block.h"
#include "plug/encoder.h"
#include "schema/event/plans.h"

struct json_state {
    const struct mr_context *context;
    struct json_config config;    /* the user's, completed */
    struct mr_registry *registry; /* NULL unless schemas: registry */
    struct mr_plans plans;
    struct json_plan *message;              /* the plan for logical messages */
    struct json_plan *boundary, *heartbeat; /* plans for side records; NULL before the first */
    struct mr_slice transactions;           /* topic of BEGIN and END; {NULL, 0}: none */
    struct mr_event_style style;
    struct mr_row_writer writer;
    struct source_block block;
    struct mr_header context_headers[4];
    uint32_t context_header_count;
    char run_id[40];
};
