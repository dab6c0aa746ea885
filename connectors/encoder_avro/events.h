/* One change to its records, in Avro. */
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

/* The frame, and an optional long. */
void avro_put_frame(struct mr_out *out, const struct mr_subject *subject);
void avro_put_optional_long(struct mr_out *out, uint64_t number, bool present);

/* Appends the records of one change. MR_DATA: err names table and column, and the batch has no record of it. */
int avro_events_write(struct avro_state *state, struct mr_batch *batch,
                      const struct mr_change *change, struct avro_plan *plan,
                      struct mr_err *err) MR_MUST_CHECK;
