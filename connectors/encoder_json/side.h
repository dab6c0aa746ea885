/* The begin and end of transactions, and heartbeats, as JSON. */
#pragma once

#include "connectors/encoder_json/state.h"

/* The plan of a BEGIN, END or HEARTBEAT, made if it was not; its ids may not be known. */
struct json_plan *json_side_find(struct json_state *state, const struct mr_change *change);
/* The same, registered. */
int json_side_plan(struct json_state *state, const struct mr_change *change,
                   struct json_plan **ret_plan, struct mr_err *err) MR_MUST_CHECK;
/* Their record. */
void json_side_write(struct json_state *state, struct mr_batch *batch,
                     const struct mr_change *change, const struct json_plan *plan);
/* ,"transaction":{...} or null. after: how many events of the change came before this one. */
void json_side_block(const struct mr_change *change, uint64_t after, struct mr_out *out);
