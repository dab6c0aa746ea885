/* The choreography of records.
 *
 *     c r u        one record, key of the new row
 *     d            one record with the old row, then a tombstone (same key, no value)
 *     key changed  d and tombstone under the old key, c under the new one, each naming the other key in a
 *                  header: a compacted topic and a table fed from it both end up right
 *     t            one record without a key
 *
 * With envelope flat a delete is only its tombstone, or the old row marked as deleted, or nothing, and a truncate,
 * which a row alone cannot say, is nothing. */
#include "schema/event/event.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

const char *const mr_envelope_kinds[] = {"debezium", "flat", NULL};
const char *const mr_deletes_kinds[] = {"tombstone", "rewrite", "drop", NULL};

/* Appends the delete of `before` and its tombstone, as far as the style has them. */
static uint32_t add_delete(const struct mr_event *gone, const struct mr_event_style *style,
                           struct mr_event *events)
{
    bool value = !style->flat || style->deletes == MR_DELETES_REWRITE;
    bool tombstone = style->flat ? style->deletes == MR_DELETES_TOMBSTONE : style->tombstones;
    uint32_t count = 0;

    if (value)
        events[count++] = *gone;
    if (tombstone) {
        events[count] = *gone;
        events[count++].tombstone = true;
    }
    return count;
}

uint32_t mr_event_list(const struct mr_change *change, bool has_key,
                       const struct mr_event_style *style, struct mr_event events[MR_EVENTS_MAX])
{
    struct mr_event event = {.op = change->op, .before = change->before, .after = change->after};
    uint32_t count;

    if (change->op == MR_OP_TRUNCATE) {
        events[0] = event;
        return !style->flat;
    }
    if (change->op == MR_OP_UPDATE && change->key_changed && change->before && has_key) {
        count = add_delete(&(struct mr_event){.op = MR_OP_DELETE,
                                              .before = change->before,
                                              .key = change->before,
                                              .other_key = change->after,
                                              .key_header = "__debezium.newkey"},
                           style, events);
        events[count++] = (struct mr_event){.op = MR_OP_CREATE,
                                            .after = change->after,
                                            .key = change->after,
                                            .other_key = change->before,
                                            .key_header = "__debezium.oldkey"};
        return count;
    }
    if (has_key)
        event.key = change->after ? change->after : change->before;
    if (change->op == MR_OP_DELETE)
        return add_delete(&event, style, events);
    events[0] = event;
    return 1;
}

struct mr_record *mr_event_record(struct mr_batch *batch, const struct mr_change *change,
                                  struct mr_slice topic, const struct mr_event *event,
                                  struct mr_slice other_key, const struct mr_header *context,
                                  uint32_t context_count, struct mr_slice unchanged)
{
    struct mr_record *record = mr_batch_add_record(batch);
    struct mr_header *headers;
    uint32_t count = 0;

    record->topic = topic;
    record->partition = -1;
    record->change = change;
    record->table = change->table;
    record->row = event->after ? event->after : event->before;
    record->headers = context;
    record->header_count = context_count;
    if (!event->key_header && !unchanged.data)
        return record;
    headers = MR_ARENA_ARRAY(&batch->arena, struct mr_header, 2 + context_count);
    if (event->key_header)
        headers[count++] = (struct mr_header){mr_slice_str(event->key_header), other_key};
    for (uint32_t i = 0; i < context_count; i++)
        headers[count++] = context[i];
    if (unchanged.data)
        headers[count++] =
            (struct mr_header){(struct mr_slice)MR_SLICE("__millrace.unchanged"), unchanged};
    record->headers = headers;
    record->header_count = count;
    return record;
}

/* A version 7 UUID: what Debezium calls the run's id. */
static void make_run_id(char *text)
{
    uint64_t now = (uint64_t)(mr_clock_wall_us() / 1000);
    uint64_t mixed = mr_hash(mr_slice(&now, sizeof(now)), (uint64_t)mr_clock_mono_ns());
    uint64_t more = mr_hash(mr_slice(&mixed, sizeof(mixed)), now);

    snprintf(text, 40, "%08x-%04x-7%03x-%04x-%012llx", (unsigned)(now >> 16),
             (unsigned)(now & 0xffff), (unsigned)(mixed & 0xfff),
             (unsigned)(0x8000 | (mixed >> 16 & 0x3fff)),
             (unsigned long long)(more & 0xffffffffffff));
}

uint32_t mr_event_context(const char *server, char *run_id, struct mr_header headers[4])
{
    make_run_id(run_id);
    headers[0] = (struct mr_header){MR_SLICE("__debezium.context.connectorLogicalName"),
                                    mr_slice_str(server)};
    headers[1] = (struct mr_header){MR_SLICE("__debezium.context.taskId"), MR_SLICE("0")};
    headers[2] =
        (struct mr_header){MR_SLICE("__debezium.context.connectorName"), MR_SLICE("postgresql")};
    headers[3] = (struct mr_header){MR_SLICE("__debezium.context.runId"), mr_slice_str(run_id)};
    return 4;
}

/* Topic names allow fewer characters than logical names do. */
struct mr_slice mr_event_topic(struct mr_arena *arena, const char *server, const char *what)
{
    char *name = mr_arena_printf(arena, what ? "%s.%s" : "%s", server, what ? what : "");

    for (char *at = name; *at; at++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *at))
            *at = '_';
    }
    return mr_slice_str(name);
}

int mr_event_fail(struct mr_err *err, const struct mr_table *table, const struct mr_column *column,
                  const struct mr_change *change)
{
    char why[sizeof(err->text)], place[MR_ORIGIN_TEXT];
    const struct mr_transaction *transaction = change->transaction;

    snprintf(why, sizeof(why), "%s", err->text);
    mr_err_set(err, MR_DATA, "encode.value", "table %.*s.%.*s, column %.*s, position %.*s: %s",
               MR_SLICE_ARG(mr_table_space(table)), MR_SLICE_ARG(table->name),
               MR_SLICE_ARG(column->name),
               MR_SLICE_ARG(mr_origin_text(transaction ? &transaction->origin : NULL,
                                           &change->origin, place)),
               why);
    mr_err_hint(err,
                "correct the row in the database and take the table anew, or choose what becomes "
                "of such values: format.event_converting_failure_handling_mode: warn (null, "
                "counted) or skip; decimal_handling_mode: string and other modes can hold more");
    return MR_DATA;
}

bool mr_event_skipped(const struct mr_context *context, int failure_mode, int rc,
                      const struct mr_err *err)
{
    if (rc != MR_DATA || failure_mode != MR_FAILURE_SKIP)
        return false;
    if (context->counters)
        mr_count(&context->counters->encode_skipped, 1);
    if (context->notes.note)
        context->notes.note(context->notes.state, MR_LOG_WARN, "encode.skipped",
                            "an event was left out: %s", err->text);
    return true;
}

void mr_event_nulled(const struct mr_context *context, struct mr_form_losses *losses)
{
    if (losses->nulled == losses->told)
        return;
    if (context->counters)
        mr_count(&context->counters->encode_nulled, losses->nulled - losses->told);
    losses->told = losses->nulled;
    if (context->notes.note)
        context->notes.note(
            context->notes.state, MR_LOG_WARN, "encode.nulled",
            "column %.*s: a value that its type cannot hold was sent as null, or as 1970 where "
            "null has no place",
            MR_SLICE_ARG(losses->form->column->name));
}
