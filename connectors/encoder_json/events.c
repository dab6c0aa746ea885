/* The events of one change.
 *
 *     c r u        one record, key of the new row
 *     d            one record with the old row, then a tombstone (same key, no value)
 *     key changed  d and tombstone under the old key, c under the new one, each naming the other key in a
 *                  header: a compacted topic and a table fed from it both end up right
 *     t            one record without a key
 *     m            one record in <server>.message, keyed by the message's prefix
 *
 * Key, value and headers are three pieces of the batch's arena. An unchanged TOAST value that no one can supply is
 * named in the header __millrace.unchanged, whatever its stand-in in the row looks like. */
#include "connectors/encoder_json/events.h"

#include <stdio.h>

#define TYPICAL_MAX (1 << 20)

static int fail(struct mr_err *err, const struct json_plan *plan, const struct row_column *column,
                const struct mr_change *change)
{
    char why[sizeof(err->text)];
    const struct mr_table *table = plan->table;

    snprintf(why, sizeof(why), "%s", err->text);
    mr_err_set(err, MR_DATA, "encode.value", "table %.*s.%.*s, column %.*s, position %X/%X: %s",
               MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name),
               MR_SLICE_ARG(table->columns[column->index].name), (unsigned)(change->lsn >> 32),
               (unsigned)change->lsn, why);
    mr_err_hint(
        err,
        "correct the row in the database and take the table anew, or choose what becomes of such "
        "values: format.event_converting_failure_handling_mode: warn (null, counted) or skip; "
        "decimal_handling_mode: string and other modes can hold more");
    return MR_DATA;
}

/* {"id":1} with its schema around it, if schemas are on; *ret_bare is the object alone. */
static int write_key(struct json_state *state, struct mr_batch *batch, const struct json_plan *plan,
                     const struct mr_change *change, const struct mr_value *values,
                     struct mr_slice *ret_key, struct mr_slice *ret_bare, struct mr_err *err)
{
    const struct row_column *column = NULL;
    struct json_out *out = &state->writer.out;
    int rc;

    *ret_key = *ret_bare = (struct mr_slice){NULL, 0};
    if (plan->key_count == 0)
        return 0;
    json_out_begin(out, &batch->arena, 128);
    json_out_raw(out, plan->key_open);
    rc = row_write(&state->writer, plan->keys, plan->key_count, values, NULL, &column, err);
    if (rc < 0)
        return fail(err, plan, column, change);
    json_out_raw(out, plan->key_close);
    *ret_key = json_out_end(out);
    *ret_bare = mr_slice(ret_key->data + plan->key_open.size,
                         ret_key->size - plan->key_open.size - plan->key_close.size);
    return 0;
}

static int write_envelope(struct json_state *state, const struct json_plan *plan,
                          const struct mr_change *change, enum mr_op op,
                          const struct mr_value *before, const struct mr_value *after,
                          const struct row_column **ret_column, struct mr_err *err)
{
    struct json_out *out = &state->writer.out;
    int rc;

    JSON_OUT_LITERAL(out, "{\"before\":");
    rc =
        row_write(&state->writer, plan->columns, plan->column_count, before, NULL, ret_column, err);
    if (rc < 0)
        return rc;
    JSON_OUT_LITERAL(out, ",\"after\":");
    rc = row_write(&state->writer, plan->columns, plan->column_count, after,
                   change->before_is_key ? NULL : change->before, ret_column, err);
    if (rc < 0)
        return rc;
    source_block_write(&state->block, plan, change, out);
    JSON_OUT_LITERAL(out, ",\"transaction\":null,\"op\":\"");
    json_out_need(out, 3);
    *out->at++ = (char)op;
    *out->at++ = '"';
    *out->at++ = ',';
    source_block_times(&state->block, change, out);
    return 0;
}

/* The row alone; with deletes: rewrite it says whether the row is gone. */
static int write_flat(struct json_state *state, const struct json_plan *plan,
                      const struct mr_change *change, enum mr_op op, const struct mr_value *before,
                      const struct mr_value *after, const struct row_column **ret_column,
                      struct mr_err *err)
{
    struct json_out *out = &state->writer.out;
    int rc = row_write(&state->writer, plan->columns, plan->column_count, after ? after : before,
                       change->before_is_key ? NULL : change->before, ret_column, err);

    if (rc < 0 || state->config->deletes != JSON_DELETES_REWRITE)
        return rc;
    out->at--;
    json_out_raw(out, mr_slice_str(op == MR_OP_DELETE ? ",\"__deleted\":\"true\"}"
                                                      : ",\"__deleted\":\"false\"}"));
    return 0;
}

static int write_value(struct json_state *state, struct mr_batch *batch, struct json_plan *plan,
                       const struct mr_change *change, enum mr_op op, const struct mr_value *before,
                       const struct mr_value *after, struct mr_slice *ret_value, struct mr_err *err)
{
    const struct row_column *column = NULL;
    struct json_out *out = &state->writer.out;
    int rc;

    json_out_begin(out, &batch->arena, plan->typical);
    json_out_raw(out, plan->value_open);
    if (state->config->envelope == JSON_ENVELOPE_FLAT)
        rc = write_flat(state, plan, change, op, before, after, &column, err);
    else
        rc = write_envelope(state, plan, change, op, before, after, &column, err);
    if (rc < 0)
        return fail(err, plan, column, change);
    json_out_raw(out, plan->value_close);
    *ret_value = json_out_end(out);
    if (ret_value->size > plan->typical)
        plan->typical = ret_value->size < TYPICAL_MAX ? ret_value->size + 64 : TYPICAL_MAX;
    return 0;
}

/* ["note","photo"]: the columns of `after` that were not sent and are nowhere to be found. */
static struct mr_slice write_unchanged(struct json_state *state, struct mr_batch *batch,
                                       const struct json_plan *plan, const struct mr_value *after)
{
    struct json_out *out = &state->writer.out;
    bool first = true;

    json_out_begin(out, &batch->arena, 128);
    for (uint32_t i = 0; i < plan->column_count; i++) {
        if (after[plan->columns[i].index].kind != MR_UNCHANGED)
            continue;
        JSON_OUT_LITERAL(out, "[");
        if (!first)
            out->at[-1] = ',';
        json_out_text(out, plan->table->columns[plan->columns[i].index].name);
        first = false;
    }
    JSON_OUT_LITERAL(out, "]");
    return json_out_end(out);
}

/* Headers of one record: the other key, the context, the unchanged columns; each may be missing. */
static void set_headers(struct json_state *state, struct mr_batch *batch, struct mr_record *record,
                        const char *key_header, struct mr_slice other_key,
                        struct mr_slice unchanged)
{
    struct mr_header *headers;
    uint32_t count = 0;

    if (!key_header && !unchanged.data) {
        record->headers = state->context_headers;
        record->header_count = state->context_header_count;
        return;
    }
    headers = MR_ARENA_ARRAY(&batch->arena, struct mr_header, 2 + state->context_header_count);
    if (key_header)
        headers[count++] = (struct mr_header){mr_slice_str(key_header), other_key};
    for (uint32_t i = 0; i < state->context_header_count; i++)
        headers[count++] = state->context_headers[i];
    if (unchanged.data)
        headers[count++] =
            (struct mr_header){(struct mr_slice)MR_SLICE("__millrace.unchanged"), unchanged};
    record->headers = headers;
    record->header_count = count;
}

static struct mr_record *add_record(struct mr_batch *batch, const struct json_plan *plan,
                                    const struct mr_change *change, struct mr_slice key)
{
    struct mr_record *record = mr_batch_add_record(batch);

    record->topic = plan->topic;
    record->key = key;
    record->partition = -1;
    record->change = change;
    record->table = change->table;
    return record;
}

struct event {
    enum mr_op op;
    const struct mr_value *before, *after;
    struct mr_slice key;
    const char *key_header; /* NULL = none */
    struct mr_slice other_key;
};

static int write_event(struct json_state *state, struct mr_batch *batch, struct json_plan *plan,
                       const struct mr_change *change, const struct event *event,
                       struct mr_err *err)
{
    struct mr_slice value = {NULL, 0}, unchanged = {NULL, 0};
    struct mr_record *record;
    bool flat = state->config->envelope == JSON_ENVELOPE_FLAT;
    int rc;

    if (flat && event->op == MR_OP_DELETE && state->config->deletes != JSON_DELETES_REWRITE)
        return 0;
    state->writer.unchanged = false;
    rc = write_value(state, batch, plan, change, event->op, event->before, event->after, &value,
                     err);
    if (rc < 0)
        return rc;
    if (state->writer.unchanged && event->after)
        unchanged = write_unchanged(state, batch, plan, event->after);
    record = add_record(batch, plan, change, event->key);
    record->value = value;
    set_headers(state, batch, record, event->key_header, event->other_key, unchanged);
    return 0;
}

static void write_tombstone(struct json_state *state, struct mr_batch *batch,
                            struct json_plan *plan, const struct mr_change *change,
                            const struct event *event)
{
    const struct json_config *config = state->config;
    struct mr_record *record;

    if (config->envelope == JSON_ENVELOPE_FLAT ? config->deletes != JSON_DELETES_TOMBSTONE
                                               : !config->tombstones)
        return;
    record = add_record(batch, plan, change, event->key);
    set_headers(state, batch, record, event->key_header, event->other_key,
                (struct mr_slice){NULL, 0});
}

static int write_key_change(struct json_state *state, struct mr_batch *batch,
                            struct json_plan *plan, const struct mr_change *change,
                            struct mr_err *err)
{
    struct event gone = {
        .op = MR_OP_DELETE, .before = change->before, .key_header = "__debezium.newkey"};
    struct event come = {
        .op = MR_OP_CREATE, .after = change->after, .key_header = "__debezium.oldkey"};
    int rc = write_key(state, batch, plan, change, change->before, &gone.key, &come.other_key, err);

    if (rc == 0)
        rc = write_key(state, batch, plan, change, change->after, &come.key, &gone.other_key, err);
    if (rc == 0)
        rc = write_event(state, batch, plan, change, &gone, err);
    if (rc < 0)
        return rc;
    write_tombstone(state, batch, plan, change, &gone);
    return write_event(state, batch, plan, change, &come, err);
}

static int write_truncate(struct json_state *state, struct mr_batch *batch, struct json_plan *plan,
                          const struct mr_change *change, struct mr_err *err)
{
    const struct event event = {.op = MR_OP_TRUNCATE};

    if (state->config->envelope == JSON_ENVELOPE_FLAT)
        return 0; /* a row alone has no way to say it */
    return write_event(state, batch, plan, change, &event, err);
}

static void write_message(struct json_state *state, struct mr_batch *batch, struct json_plan *plan,
                          const struct mr_change *change)
{
    struct json_out *out = &state->writer.out;
    struct mr_record *record;
    struct mr_slice key;

    json_out_begin(out, &batch->arena, 512);
    json_out_raw(out, plan->key_open);
    JSON_OUT_LITERAL(out, "{\"prefix\":");
    json_out_text(out, change->message->prefix);
    JSON_OUT_LITERAL(out, "}");
    json_out_raw(out, plan->key_close);
    key = json_out_end(out);
    json_out_begin(out, &batch->arena, plan->typical);
    json_out_raw(out, plan->value_open);
    JSON_OUT_LITERAL(out, "{\"op\":\"m\",");
    source_block_times(&state->block, change, out);
    source_block_write(&state->block, plan, change, out);
    JSON_OUT_LITERAL(out, ",\"transaction\":null,\"message\":{\"prefix\":");
    json_out_text(out, change->message->prefix);
    JSON_OUT_LITERAL(out, ",\"content\":");
    json_out_base64(out, change->message->content);
    JSON_OUT_LITERAL(out, "}}");
    json_out_raw(out, plan->value_close);
    record = add_record(batch, plan, change, key);
    record->value = json_out_end(out);
}

static int write_row(struct json_state *state, struct mr_batch *batch, struct json_plan *plan,
                     const struct mr_change *change, struct mr_err *err)
{
    struct event event = {.op = change->op, .before = change->before, .after = change->after};
    struct mr_slice bare;
    int rc = write_key(state, batch, plan, change, change->after ? change->after : change->before,
                       &event.key, &bare, err);

    if (rc == 0)
        rc = write_event(state, batch, plan, change, &event, err);
    if (rc == 0 && change->op == MR_OP_DELETE)
        write_tombstone(state, batch, plan, change, &event);
    return rc;
}

int json_events_write(struct json_state *state, struct mr_batch *batch,
                      const struct mr_change *change, struct json_plan *plan, struct mr_err *err)
{
    size_t before = batch->record_count;
    int rc = 0;

    if (change->op == MR_OP_MESSAGE)
        write_message(state, batch, plan, change);
    else if (change->op == MR_OP_TRUNCATE)
        rc = write_truncate(state, batch, plan, change, err);
    else if (change->op == MR_OP_UPDATE && change->key_changed && change->before &&
             plan->key_count > 0)
        rc = write_key_change(state, batch, plan, change, err);
    else
        rc = write_row(state, batch, plan, change, err);
    if (rc < 0)
        batch->record_count = before;
    return rc;
}
