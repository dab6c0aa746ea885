/* The records of one change as JSON.
 *
 *     key      {"id":1}                         one piece of the batch's arena, or none
 *     value    {"before":..,"after":..,...}     another
 *     headers  __debezium.newkey and the like   a third, only where there are any
 *
 * Which records there are is schema/event/event.c's business. The key of a key change is written once per key and
 * shared by record and header. An unchanged TOAST value that no one can supply is named in the header
 * __millrace.unchanged, whatever its stand-in in the row looks like. */
#include "connectors/encoder_json/events.h"

#include "connectors/encoder_json/side.h"

#define TYPICAL_MAX (1 << 20)

/* {"id":1} with its schema around it or its frame before it, if schemas are on; *ret_bare is the object alone. */
static int write_key(struct json_state *state, struct mr_batch *batch, const struct json_plan *plan,
                     const struct mr_change *change, const struct mr_value *values,
                     struct mr_slice *ret_key, struct mr_slice *ret_bare, struct mr_err *err)
{
    const struct mr_row_column *column = NULL;
    struct mr_out *out = &state->writer.out;
    int rc;

    *ret_key = *ret_bare = (struct mr_slice){NULL, 0};
    if (plan->key_count == 0)
        return 0;
    mr_out_begin(out, &batch->arena, 128);
    mr_out_raw(out, plan->key_open);
    rc = mr_row_write(&state->writer, plan->keys, plan->key_count, values, NULL, &column, err);
    if (rc < 0)
        return mr_event_fail(err, plan->table, column->form->column, change);
    mr_out_raw(out, plan->key_close);
    *ret_key = mr_out_end(out);
    *ret_bare = mr_slice(ret_key->data + plan->key_open.size,
                         ret_key->size - plan->key_open.size - plan->key_close.size);
    return 0;
}

static int write_envelope(struct json_state *state, const struct json_plan *plan,
                          const struct mr_change *change, enum mr_op op,
                          const struct mr_value *before, const struct mr_value *after,
                          const struct mr_row_column **ret_column, struct mr_err *err)
{
    struct mr_out *out = &state->writer.out;
    int rc;

    MR_OUT_LITERAL(out, "{\"before\":");
    rc = mr_row_write(&state->writer, plan->columns, plan->column_count, before, NULL, ret_column,
                      err);
    if (rc < 0)
        return rc;
    MR_OUT_LITERAL(out, ",\"after\":");
    rc = mr_row_write(&state->writer, plan->columns, plan->column_count, after,
                      change->before_is_key ? NULL : change->before, ret_column, err);
    if (rc < 0)
        return rc;
    source_block_write(&state->block, plan, change, out);
    json_side_block(change, mr_event_before(change, op), out);
    MR_OUT_LITERAL(out, ",\"op\":\"");
    mr_out_need(out, 3);
    *out->at++ = (char)op;
    *out->at++ = '"';
    *out->at++ = ',';
    source_block_times(&state->block, change, out);
    return 0;
}

/* The row alone; with deletes: rewrite it says whether the row is gone. */
static int write_flat(struct json_state *state, const struct json_plan *plan,
                      const struct mr_change *change, enum mr_op op, const struct mr_value *before,
                      const struct mr_value *after, const struct mr_row_column **ret_column,
                      struct mr_err *err)
{
    struct mr_out *out = &state->writer.out;
    int rc = mr_row_write(&state->writer, plan->columns, plan->column_count, after ? after : before,
                          change->before_is_key ? NULL : change->before, ret_column, err);

    if (rc < 0 || state->style.deletes != MR_DELETES_REWRITE)
        return rc;
    out->at--;
    mr_out_raw(out, mr_slice_str(op == MR_OP_DELETE ? ",\"__deleted\":\"true\"}"
                                                    : ",\"__deleted\":\"false\"}"));
    return 0;
}

static int write_value(struct json_state *state, struct mr_batch *batch, struct json_plan *plan,
                       const struct mr_change *change, enum mr_op op, const struct mr_value *before,
                       const struct mr_value *after, struct mr_slice *ret_value, struct mr_err *err)
{
    const struct mr_row_column *column = NULL;
    struct mr_out *out = &state->writer.out;
    int rc;

    mr_out_begin(out, &batch->arena, plan->typical);
    mr_out_raw(out, plan->value_open);
    if (state->style.flat)
        rc = write_flat(state, plan, change, op, before, after, &column, err);
    else
        rc = write_envelope(state, plan, change, op, before, after, &column, err);
    if (rc < 0)
        return mr_event_fail(err, plan->table, column->form->column, change);
    mr_out_raw(out, plan->value_close);
    *ret_value = mr_out_end(out);
    if (ret_value->size > plan->typical)
        plan->typical = ret_value->size < TYPICAL_MAX ? ret_value->size + 64 : TYPICAL_MAX;
    return 0;
}

struct keys {
    struct mr_slice key, bare, other_key, other_bare;
};

/* The key of the events, and of a key change the other one too. */
static int write_keys(struct json_state *state, struct mr_batch *batch,
                      const struct json_plan *plan, const struct mr_change *change,
                      const struct mr_event *event, struct keys *keys, struct mr_err *err)
{
    int rc = 0;

    *keys = (struct keys){0};
    if (event->key)
        rc = write_key(state, batch, plan, change, event->key, &keys->key, &keys->bare, err);
    if (rc == 0 && event->other_key)
        rc = write_key(state, batch, plan, change, event->other_key, &keys->other_key,
                       &keys->other_bare, err);
    return rc;
}

static int write_event(struct json_state *state, struct mr_batch *batch, struct json_plan *plan,
                       const struct mr_change *change, const struct mr_event *event,
                       struct mr_slice key, struct mr_slice other_key, struct mr_err *err)
{
    struct mr_slice value = {NULL, 0}, unchanged = {NULL, 0};
    struct mr_record *record;
    int rc;

    state->writer.unchanged = false;
    if (!event->tombstone) {
        rc = write_value(state, batch, plan, change, event->op, event->before, event->after, &value,
                         err);
        if (rc < 0)
            return rc;
    }
    if (state->writer.unchanged && event->after)
        unchanged = mr_row_unchanged(&state->writer, &batch->arena, plan->columns,
                                     plan->column_count, event->after);
    record = mr_event_record(batch, change, plan->topic, event, other_key, state->context_headers,
                             state->context_header_count, unchanged);
    record->key = key;
    record->value = value;
    return 0;
}

static int write_message(struct json_state *state, struct mr_batch *batch, struct json_plan *plan,
                         const struct mr_change *change, struct mr_err *err)
{
    struct mr_out *out = &state->writer.out;
    struct mr_record *record;
    struct mr_slice key, value;
    struct mr_value content;
    int rc = mr_form_content(&state->config.forms, change->message->content, &state->writer.scratch,
                             &content, err);

    if (rc < 0)
        return rc;
    mr_out_begin(out, &batch->arena, 512);
    mr_out_raw(out, plan->key_open);
    MR_OUT_LITERAL(out, "{\"prefix\":");
    mr_out_text(out, change->message->prefix);
    MR_OUT_LITERAL(out, "}");
    mr_out_raw(out, plan->key_close);
    key = mr_out_end(out);
    mr_out_begin(out, &batch->arena, plan->typical);
    mr_out_raw(out, plan->value_open);
    MR_OUT_LITERAL(out, "{\"op\":\"m\",");
    source_block_times(&state->block, change, out);
    source_block_write(&state->block, plan, change, out);
    json_side_block(change, 0, out);
    MR_OUT_LITERAL(out, ",\"message\":{\"prefix\":");
    mr_out_text(out, change->message->prefix);
    MR_OUT_LITERAL(out, ",\"content\":");
    if (content.kind == MR_BYTES)
        mr_out_base64(out, mr_value_slice(&content));
    else
        mr_out_text(out, mr_value_slice(&content));
    MR_OUT_LITERAL(out, "}}");
    mr_out_raw(out, plan->value_close);
    value = mr_out_end(out);
    record = mr_event_record(batch, change, plan->topic, &(struct mr_event){0}, value, NULL, 0,
                             (struct mr_slice){NULL, 0});
    record->key = key;
    record->value = value;
    return 0;
}

int json_events_write(struct json_state *state, struct mr_batch *batch,
                      const struct mr_change *change, struct json_plan *plan, struct mr_err *err)
{
    struct mr_event events[MR_EVENTS_MAX];
    size_t before = batch->record_count;
    struct keys keys;
    uint32_t count;
    int rc = 0;

    if (change->op == MR_OP_MESSAGE)
        return write_message(state, batch, plan, change, err);
    count = mr_event_list(change, plan->key_count > 0, &state->style, events);
    if (count > 0)
        rc = write_keys(state, batch, plan, change, &events[0], &keys, err);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        bool same = events[i].key == events[0].key;
        rc = write_event(state, batch, plan, change, &events[i], same ? keys.key : keys.other_key,
                         same ? keys.other_bare : keys.bare, err);
    }
    if (rc < 0)
        batch->record_count = before;
    return rc;
}
