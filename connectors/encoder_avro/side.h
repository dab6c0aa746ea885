/* The begin and end of transactions, and heartbeats, in Avro. */
#pragma once

#include "connectors/encoder_avro/state.h"

/* The plan of a BEGIN, END or HEARTBEAT, made if it was not; its ids may not be known. */
struct avro_plan *avro_side_find(struct avro_state *state, const struct mr_change *change);
/* The same, registered. */
int avro_side_plan(struct avro_state *state, const struct mr_change *change,
                   struct avro_plan **ret_plan, struct mr_err *err) MR_MUST_CHECK;
/* Their record. */
void avro_side_write(struct avro_state *state, struct mr_batch *batch,
                     const struct mr_change *change, const struct avro_plan *plan);
/* The optional block of an event. after: how many events of the change came before this one. */
void avro_side_block(const struct mr_change *change, uint64_t after, struct mr_out *out);
