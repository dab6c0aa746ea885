/* The records of one change as Avro with Confluent's frame.
 *
 *     key      00 | id | the key columns
 *     value    00 | id | before | after | source | transaction | op | ts_ms | ts_us | ts_ns
 *     headers  __debezium.newkey and the like, whose value is the key as JSON: with Avro converters too
 *
 * Which records there are is schema/event/event.c's business. A tombstone has no value at all, not even a frame. The
 * branches of the optional fields that are always there (sequence, times) are written with them. */
#include "connectors/encoder_avro/events.h"

#include "connectors/encoder_avro/side.h"

#define TYPICAL_MAX (1 << 20)

static int write_key(struct avro_state *state, struct mr_batch *batch, const struct avro_plan *plan,
                     const struct mr_change *change, const struct mr_value *values,
                     struct mr_slice *ret_key, struct mr_err *err)
{
    const struct mr_form *form = NULL;
    int rc;

    *ret_key = (struct mr_slice){NULL, 0};
    if (!values || plan->key_count == 0)
        return 0;
    mr_out_begin(&state->writer.out, &batch->arena, 128);
    avro_put_frame(&state->writer.out, &plan->key);
    rc = avro_write_row(&state->writer, plan->keys, plan->key_count, values, NULL, &form, err);
    if (rc < 0)
        return mr_event_fail(err, plan->table, form->column, change);
    *ret_key = mr_out_end(&state->writer.out);
    return 0;
}

/* The key as JSON, for a header. */
static int write_json_key(struct avro_state *state, struct mr_batch *batch,
                          const struct avro_plan *plan, const struct mr_change *change,
                          const struct mr_value *values, struct mr_slice *ret_text,
                          struct mr_err *err)
{
    const struct mr_row_column *column = NULL;
    int rc;

    mr_out_begin(&state->writer.out, &batch->arena, 128);
    rc = mr_row_write(&state->writer, plan->json_keys, plan->json_key_count, values, NULL, &column,
                      err);
    if (rc < 0)
        return mr_event_fail(err, plan->table, column->form->column, change);
    *ret_text = mr_out_end(&state->writer.out);
    return 0;
}

static void fill_commit(struct avro_times *times, const struct mr_transaction *transaction)
{
    char *at = out_put_long(times->commit_ms, transaction->commit_us / 1000);

    times->transaction = transaction;
    times->commit_ms_size = (uint8_t)(at - times->commit_ms);
    at = times->commit;
    *at++ = 2;
    at = out_put_long(at, transaction->commit_us);
    *at++ = 2;
    at = out_put_long(at, transaction->commit_us * 1000);
    times->commit_size = (uint8_t)(at - times->commit);
    at = times->previous;
    if (transaction->origin.postgres.previous_lsn) {
        *at++ = '"';
        at = mr_json_put_u64(at, transaction->origin.postgres.previous_lsn);
        *at++ = '"';
    } else {
        memcpy(at, "null", 4);
        at += 4;
    }
    times->previous_size = (uint8_t)(at - times->previous);
}

static void write_sequence(struct mr_out *out, const struct avro_times *times, uint64_t lsn,
                           bool streamed)
{
    char text[64], *at = text;

    *at++ = '[';
    memcpy(at, streamed ? times->previous : "null", streamed ? times->previous_size : 4);
    at += streamed ? times->previous_size : 4;
    *at++ = ',';
    if (lsn) {
        *at++ = '"';
        at = mr_json_put_u64(at, lsn);
        *at++ = '"';
    } else {
        memcpy(at, "null", 4);
        at += 4;
    }
    *at++ = ']';
    out_byte(out, 2);
    out_text(out, mr_slice(text, (size_t)(at - text)));
}

static void write_source(struct avro_state *state, const struct avro_plan *plan,
                         const struct mr_change *change)
{
    static const struct mr_transaction unknown = {0};
    const struct mr_transaction *transaction = change->transaction ? change->transaction : &unknown;
    const struct mr_origin_postgres *origin = &transaction->origin.postgres;
    struct mr_out *out = &state->writer.out;
    struct avro_times *times = &state->times;
    bool incremental = change->mark == MR_SNAPSHOT_INCREMENTAL;
    uint64_t lsn = incremental ? 0 : change->origin.postgres.lsn;
    bool loose = incremental || (change->message && !change->message->transactional);

    if (times->transaction != transaction)
        fill_commit(times, transaction);
    mr_out_raw(out, plan->source_head);
    mr_out_raw(out, mr_slice(times->commit_ms, times->commit_ms_size));
    out_byte(out, 0);
    out_text(out, mr_slice_str(mr_envelope_mark(change->mark)));
    mr_out_raw(out, plan->source_db);
    write_sequence(out, times, lsn, change->mark == MR_SNAPSHOT_NONE);
    mr_out_raw(out, mr_slice(times->commit, times->commit_size));
    mr_out_raw(out, plan->source_table);
    avro_put_optional_long(out, origin->xid, origin->xid != 0 && !loose);
    avro_put_optional_long(out, lsn, lsn != 0);
    out_byte(out, 0); /* xmin */
    out_byte(out, origin->name.data ? 2 : 0);
    if (origin->name.data)
        out_text(out, origin->name);
    avro_put_optional_long(out, origin->name_lsn, origin->name.data != NULL);
}

static void write_times(struct avro_state *state, const struct mr_change *change)
{
    struct avro_times *times = &state->times;

    if (times->read_us != change->read_us || times->read_size == 0) {
        char *at = times->read;

        times->read_us = change->read_us;
        *at++ = 2;
        at = out_put_long(at, change->read_us / 1000);
        *at++ = 2;
        at = out_put_long(at, change->read_us);
        *at++ = 2;
        at = out_put_long(at, change->read_us * 1000);
        times->read_size = (uint8_t)(at - times->read);
    }
    mr_out_raw(&state->writer.out, mr_slice(times->read, times->read_size));
}

static int write_image(struct avro_state *state, const struct avro_plan *plan,
                       const struct mr_value *values, const struct mr_value *old,
                       const struct mr_form **ret_form, struct mr_err *err)
{
    out_byte(&state->writer.out, values ? 2 : 0);
    if (!values)
        return 0;
    return avro_write_row(&state->writer, plan->columns, plan->column_count, values, old, ret_form,
                          err);
}

static int write_envelope(struct avro_state *state, const struct avro_plan *plan,
                          const struct mr_change *change, const struct mr_event *event,
                          const struct mr_value *old, const struct mr_form **ret_form,
                          struct mr_err *err)
{
    const char op = (char)event->op;
    int rc = write_image(state, plan, event->before, NULL, ret_form, err);

    if (rc == 0)
        rc = write_image(state, plan, event->after, old, ret_form, err);
    if (rc < 0)
        return rc;
    write_source(state, plan, change);
    avro_side_block(change, mr_event_before(change, event->op), &state->writer.out);
    out_text(&state->writer.out, mr_slice(&op, 1));
    write_times(state, change);
    return 0;
}

static int write_flat(struct avro_state *state, const struct avro_plan *plan,
                      const struct mr_event *event, const struct mr_value *old,
                      const struct mr_form **ret_form, struct mr_err *err)
{
    int rc = avro_write_row(&state->writer, plan->columns, plan->column_count,
                            event->after ? event->after : event->before, old, ret_form, err);

    if (rc == 0 && state->style.deletes == MR_DELETES_REWRITE) {
        out_byte(&state->writer.out, 2);
        out_text(&state->writer.out, mr_slice_str(event->op == MR_OP_DELETE ? "true" : "false"));
    }
    return rc;
}

static int write_value(struct avro_state *state, struct mr_batch *batch, struct avro_plan *plan,
                       const struct mr_change *change, const struct mr_event *event,
                       struct mr_slice *ret_value, struct mr_err *err)
{
    const struct mr_value *old = change->before_is_key ? NULL : change->before;
    const struct mr_form *form = NULL;
    int rc;

    mr_out_begin(&state->writer.out, &batch->arena, plan->typical);
    avro_put_frame(&state->writer.out, &plan->value);
    rc = state->style.flat ? write_flat(state, plan, event, old, &form, err)
                           : write_envelope(state, plan, change, event, old, &form, err);
    if (rc < 0)
        return mr_event_fail(err, plan->table, form->column, change);
    *ret_value = mr_out_end(&state->writer.out);
    if (ret_value->size > plan->typical)
        plan->typical = ret_value->size < TYPICAL_MAX ? ret_value->size + 64 : TYPICAL_MAX;
    return 0;
}

static int write_event(struct avro_state *state, struct mr_batch *batch, struct avro_plan *plan,
                       const struct mr_change *change, const struct mr_event *event,
                       struct mr_slice key, struct mr_err *err)
{
    struct mr_slice value = {NULL, 0}, unchanged = {NULL, 0}, other_key = {NULL, 0};
    struct mr_record *record;
    int rc = 0;

    state->writer.unchanged = false;
    if (!event->tombstone)
        rc = write_value(state, batch, plan, change, event, &value, err);
    if (rc == 0 && event->other_key)
        rc = write_json_key(state, batch, plan, change, event->other_key, &other_key, err);
    if (rc < 0)
        return rc;
    if (state->writer.unchanged && event->after)
        unchanged = mr_row_unchanged(&state->writer, &batch->arena, plan->json_columns,
                                     plan->json_column_count, event->after);
    record = mr_event_record(batch, change, plan->topic, event, other_key, state->context_headers,
                             state->context_header_count, unchanged);
    record->key = key;
    record->value = value;
    return 0;
}

static int write_message(struct avro_state *state, struct mr_batch *batch, struct avro_plan *plan,
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
    mr_out_begin(out, &batch->arena, 128);
    avro_put_frame(out, &plan->key);
    out_byte(out, 2);
    out_text(out, change->message->prefix);
    key = mr_out_end(out);
    mr_out_begin(out, &batch->arena, plan->typical);
    avro_put_frame(out, &plan->value);
    out_text(out, mr_slice_str("m"));
    avro_put_optional_long(out, (uint64_t)(change->read_us / 1000), true);
    write_source(state, plan, change);
    avro_side_block(change, 0, out);
    out_byte(out, 2);
    out_text(out, change->message->prefix);
    out_byte(out, 2);
    out_text(out, mr_value_slice(&content));
    value = mr_out_end(out);
    record = mr_event_record(batch, change, plan->topic, &(struct mr_event){0},
                             (struct mr_slice){NULL, 0}, NULL, 0, (struct mr_slice){NULL, 0});
    record->key = key;
    record->value = value;
    return 0;
}

int avro_events_write(struct avro_state *state, struct mr_batch *batch,
                      const struct mr_change *change, struct avro_plan *plan, struct mr_err *err)
{
    struct mr_event events[MR_EVENTS_MAX];
    struct mr_slice key = {NULL, 0};
    const struct mr_value *keyed = NULL;
    size_t before = batch->record_count;
    uint32_t count;
    int rc = 0;

    if (change->op == MR_OP_MESSAGE)
        return write_message(state, batch, plan, change, err);
    count = mr_event_list(change, plan->key_count > 0, &state->style, events);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        if (i == 0 || events[i].key != keyed)
            rc = write_key(state, batch, plan, change, events[i].key, &key, err);
        keyed = events[i].key;
        if (rc == 0)
            rc = write_event(state, batch, plan, change, &events[i], key, err);
    }
    if (rc < 0)
        batch->record_count = before;
    return rc;
}
