/* Side records in Avro: the shapes of schema/event/side.c, under the subjects <topic>-key and <topic>-value (or as the
 * subject strategies say).
 *
 *     BEGIN, END   id | status  id  event_count?  data_collections?: [ ?{ data_collection  event_count } ]  ts_ms
 *     heartbeat    serverName   | ts_ms
 *
 * A plan is kept as long as the encoder is open, because records point to its topic. */
#include "connectors/encoder_avro/side.h"

#include "schema/event/side.h"

struct avro_plan *avro_side_find(struct avro_state *state, const struct mr_change *change)
{
    bool heartbeat = change->op == MR_OP_HEARTBEAT;

    if (heartbeat && !state->heartbeat)
        state->heartbeat = avro_plan_side(&state->config, change->heartbeat->topic,
                                          mr_side_heartbeat_key, mr_side_heartbeat_value);
    if (!heartbeat && !state->boundary)
        state->boundary = avro_plan_side(&state->config, state->transactions,
                                         mr_side_transaction_key, mr_side_transaction_value);
    return heartbeat ? state->heartbeat : state->boundary;
}

int avro_side_plan(struct avro_state *state, const struct mr_change *change,
                   struct avro_plan **ret_plan, struct mr_err *err)
{
    *ret_plan = avro_side_find(state, change);
    return avro_plan_register(*ret_plan, state->registry, err);
}

/* A key of one string. */
static struct mr_slice write_key(struct mr_out *out, struct mr_arena *arena,
                                 const struct mr_subject *subject, struct mr_slice text)
{
    mr_out_begin(out, arena, 128);
    avro_put_frame(out, subject);
    out_text(out, text);
    return mr_out_end(out);
}

static void write_counts(struct mr_out *out, const struct mr_counts *counts)
{
    avro_put_optional_long(out, counts ? counts->events : 0, counts != NULL);
    out_byte(out, counts ? 2 : 0);
    if (!counts)
        return;
    if (counts->collection_count > 0)
        out_long(out, counts->collection_count);
    for (uint32_t i = 0; i < counts->collection_count; i++) {
        out_byte(out, 2);
        out_text(out, counts->collections[i].name);
        out_long(out, (int64_t)counts->collections[i].events);
    }
    out_byte(out, 0);
}

static void write_boundary(struct avro_state *state, struct mr_batch *batch,
                           const struct mr_change *change, const struct avro_plan *plan)
{
    struct mr_out *out = &state->writer.out;
    char text[MR_SIDE_ID];
    struct mr_slice id = mr_side_id(change, text), key, value;

    key = write_key(out, &batch->arena, &plan->key, id);
    mr_out_begin(out, &batch->arena, 512);
    avro_put_frame(out, &plan->value);
    out_text(out, mr_slice_str(change->op == MR_OP_BEGIN ? "BEGIN" : "END"));
    out_text(out, id);
    write_counts(out, change->counts);
    out_long(out, change->transaction->commit_us / 1000);
    value = mr_out_end(out);
    mr_side_record(batch, change, plan->topic, key, value);
}

static void write_heartbeat(struct avro_state *state, struct mr_batch *batch,
                            const struct mr_change *change, const struct avro_plan *plan)
{
    struct mr_out *out = &state->writer.out;
    struct mr_slice key, value;

    key = write_key(out, &batch->arena, &plan->key, mr_slice_str(state->context->server));
    mr_out_begin(out, &batch->arena, 64);
    avro_put_frame(out, &plan->value);
    out_long(out, change->heartbeat->time_us / 1000);
    value = mr_out_end(out);
    mr_side_record(batch, change, plan->topic, key, value);
}

void avro_side_write(struct avro_state *state, struct mr_batch *batch,
                     const struct mr_change *change, const struct avro_plan *plan)
{
    if (change->op == MR_OP_HEARTBEAT)
        write_heartbeat(state, batch, change, plan);
    else
        write_boundary(state, batch, change, plan);
}

void avro_side_block(const struct mr_change *change, uint64_t after, struct mr_out *out)
{
    char text[MR_SIDE_ID];

    out_byte(out, change->total_order ? 2 : 0);
    if (change->total_order == 0)
        return;
    out_text(out, mr_side_id(change, text));
    out_long(out, (int64_t)(change->total_order + after));
    out_long(out, (int64_t)(change->collection_order + after));
}
