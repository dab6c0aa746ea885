/* What an open encoder keeps: options, plans, and the parts of events that are the same for many. */
#pragma once

#include "connectors/encoder_avro/plan.h"
#include "plug/encoder.h"
#include "schema/event/plans.h"

/* The parts of the source block and of the envelope that a transaction or a read burst shares, encoded once. */
struct avro_times {
    const struct mr_transaction *transaction;
    int64_t read_us;
    char commit_ms[10], commit[24], read[36], previous[24];
    uint8_t commit_ms_size, commit_size, read_size, previous_size;
};

struct avro_state {
    const struct mr_context *context;
    struct avro_config config; /* the user's, completed */
    struct mr_registry *registry;
    struct mr_plans plans;
    struct avro_plan *message;    /* the plan for logical messages; NULL before the first */
    struct mr_slice transactions; /* topic of BEGIN and END; {NULL, 0}: none */
    struct avro_plan *boundary, *heartbeat; /* plans for side records; NULL before the first */
    struct mr_row_writer writer;
    struct mr_event_style style;
    struct avro_times times;
    struct mr_header context_headers[4];
    uint32_t context_header_count;
    char run_id[40];
};
