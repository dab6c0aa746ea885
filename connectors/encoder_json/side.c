/* Side records, and the block in every event that refers to them:
 *
 *     ,"transaction":{"id":"771:24027","total_order":3,"data_collection_order":1}
 *
 * Shapes are those of schema/event/side.c, with or without their schemas; `envelope: flat` changes nothing in them, as
 * Debezium's own flattening leaves them alone. A heartbeat goes to partition 0, as Debezium's do, and has one header
 * more: the position that is committed with it. A plan is kept as long as the encoder is open, because records point
 * to its topic. */
#include "connectors/encoder_json/side.h"

#include "schema/event/event.h"
#include "schema/event/side.h"

struct json_plan *json_side_find(struct json_state *state, const struct mr_change *change)
{
    bool heartbeat = change->op == MR_OP_HEARTBEAT;

    if (heartbeat && !state->heartbeat)
        state->heartbeat = json_plan_side(&state->config, change->heartbeat->topic,
                                          mr_side_heartbeat_key, mr_side_heartbeat_value);
    if (!heartbeat && !state->boundary)
        state->boundary = json_plan_side(&state->config, state->transactions,
                                         mr_side_transaction_key, mr_side_transaction_value);
    return heartbeat ? state->heartbeat : state->boundary;
}

int json_side_plan(struct json_state *state, const struct mr_change *change,
                   struct json_plan **ret_plan, struct mr_err *err)
{
    *ret_plan = json_side_find(state, change);
    return state->registry ? json_plan_register(*ret_plan, state->registry, err) : 0;
}

static void write_counts(struct mr_out *out, const struct mr_counts *counts)
{
    MR_OUT_LITERAL(out, ",\"event_count\":");
    if (!counts) {
        MR_OUT_LITERAL(out, "null,\"data_collections\":null");
        return;
    }
    mr_out_u64(out, counts->events);
    MR_OUT_LITERAL(out, ",\"data_collections\":[");
    for (uint32_t i = 0; i < counts->collection_count; i++) {
        mr_out_raw(out, mr_slice_str(i ? ",{\"data_collection\":" : "{\"data_collection\":"));
        mr_out_text(out, counts->collections[i].name);
        MR_OUT_LITERAL(out, ",\"event_count\":");
        mr_out_u64(out, counts->collections[i].events);
        MR_OUT_LITERAL(out, "}");
    }
    MR_OUT_LITERAL(out, "]");
}

/* {"<name>":"<text>"} with what stands around a key. */
static struct mr_slice write_key(struct mr_out *out, struct mr_arena *arena,
                                 const struct json_plan *plan, const char *open,
                                 struct mr_slice text)
{
    mr_out_begin(out, arena, 128);
    mr_out_raw(out, plan->key_open);
    mr_out_raw(out, mr_slice_str(open));
    mr_out_text(out, text);
    MR_OUT_LITERAL(out, "}");
    mr_out_raw(out, plan->key_close);
    return mr_out_end(out);
}

static void write_boundary(struct json_state *state, struct mr_batch *batch,
                           const struct mr_change *change, const struct json_plan *plan)
{
    struct mr_out *out = &state->writer.out;
    char text[MR_SIDE_ID];
    struct mr_slice id = mr_side_id(change, text), key, value;

    key = write_key(out, &batch->arena, plan, "{\"id\":", id);
    mr_out_begin(out, &batch->arena, 512);
    mr_out_raw(out, plan->value_open);
    mr_out_raw(out, mr_slice_str(change->op == MR_OP_BEGIN ? "{\"status\":\"BEGIN\",\"id\":"
                                                           : "{\"status\":\"END\",\"id\":"));
    mr_out_text(out, id);
    write_counts(out, change->counts);
    MR_OUT_LITERAL(out, ",\"ts_ms\":");
    mr_out_i64(out, change->transaction->commit_us / 1000);
    MR_OUT_LITERAL(out, "}");
    mr_out_raw(out, plan->value_close);
    value = mr_out_end(out);
    mr_side_record(batch, change, plan->topic, key, value);
}

static void write_heartbeat(struct json_state *state, struct mr_batch *batch,
                            const struct mr_change *change, const struct json_plan *plan)
{
    struct mr_out *out = &state->writer.out;
    struct mr_slice key, value;

    key = write_key(out, &batch->arena, plan,
                    "{\"serverName\":", mr_slice_str(state->context->server));
    mr_out_begin(out, &batch->arena, 128);
    mr_out_raw(out, plan->value_open);
    MR_OUT_LITERAL(out, "{\"ts_ms\":");
    mr_out_i64(out, change->heartbeat->time_us / 1000);
    MR_OUT_LITERAL(out, "}");
    mr_out_raw(out, plan->value_close);
    value = mr_out_end(out);
    mr_side_record(batch, change, plan->topic, key, value);
}

void json_side_write(struct json_state *state, struct mr_batch *batch,
                     const struct mr_change *change, const struct json_plan *plan)
{
    if (change->op == MR_OP_HEARTBEAT)
        write_heartbeat(state, batch, change, plan);
    else
        write_boundary(state, batch, change, plan);
}

void json_side_block(const struct mr_change *change, uint64_t after, struct mr_out *out)
{
    char text[MR_SIDE_ID];

    if (change->total_order == 0) {
        MR_OUT_LITERAL(out, ",\"transaction\":null");
        return;
    }
    MR_OUT_LITERAL(out, ",\"transaction\":{\"id\":\"");
    mr_out_raw(out, mr_side_id(change, text));
    MR_OUT_LITERAL(out, "\",\"total_order\":");
    mr_out_u64(out, change->total_order + after);
    MR_OUT_LITERAL(out, ",\"data_collection_order\":");
    mr_out_u64(out, change->collection_order + after);
    MR_OUT_LITERAL(out, "}");
}
