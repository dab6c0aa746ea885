/* JSON events: Debezium's envelope, as Kafka Connect's JsonConverter prints it, or the row alone.
 *
 *     envelope: debezium   {"before":..,"after":..,"source":..,"transaction":null,"op":"c","ts_ms":..,..}
 *     envelope: flat       {"id":1,"name":"Ada"}      a delete is a tombstone, or the old row with __deleted
 *     schemas: true        {"schema":{...},"payload":...} around keys and values
 *
 * describe() compiles a plan per table version (plan.c); encode() walks a batch once (events.c, row.c) and
 * writes straight into its arena. Plans are kept while their version is in use anywhere else; when there are
 * many, those that only we still hold are let go. */
#include "plug/encoder.h"

#include <stdlib.h>

#include "base/log.h"
#include "connectors/encoder_json/events.h"

#define PLANS_MAX 1024

static const char *const envelopes[] = {"debezium", "flat", NULL};
static const char *const deletes[] = {"tombstone", "rewrite", "drop", NULL};
static const char *const decimal_formats[] = {"base64", "numeric", NULL};

static const struct mr_option options[] = {
    {.key = "envelope",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct json_config, envelope),
     .standard = "debezium",
     .choices = envelopes,
     .doc = "debezium: before, after, source, op and times around the row, as Debezium sends it. "
            "flat: the row "
            "alone."},
    {.key = "schemas",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct json_config, schemas),
     .standard = "false",
     .doc = "Put the Kafka Connect schema beside every key and value, for consumers that use "
            "JsonConverter with "
            "schemas.enable=true."},
    {.key = "tombstones",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct json_config, tombstones),
     .standard = "true",
     .doc = "After a delete, send the key once more without a value, so that compaction forgets "
            "it. Envelope "
            "debezium; for flat see deletes."},
    {.key = "deletes",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct json_config, deletes),
     .standard = "tombstone",
     .choices = deletes,
     .doc = "What a delete becomes with envelope flat: the key without a value, the old row with "
            "__deleted "
            "\"true\" (all other rows then carry \"false\"), or nothing."},
    {.key = "decimal_format",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct json_config, decimal_format),
     .standard = "base64",
     .choices = decimal_formats,
     .doc = "How decimals in mode precise are printed: base64 of the unscaled number, or numeric: "
            "as JSON "
            "numbers. JsonConverter's decimal.format."},
    {.key = "context_headers",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct json_config, context_headers),
     .standard = "false",
     .doc = "Send Debezium's four __debezium.context.* headers with every record: about 230 bytes "
            "each time "
            "that few consumers read."},
    {.key = "source_version",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct json_config, source_version),
     .standard = "3.7.0.Final",
     .doc = "The text of source.version: the Debezium version whose events these are equal to, "
            "since consumers "
            "parse it."},
    MR_FORM_OPTIONS(struct json_config, forms),
    MR_NAME_OPTIONS(struct json_config, forms, "none"),
    {0},
};

static int json_open(void *memory, const struct mr_encoder_args *args, struct mr_err *err)
{
    struct json_state *state = memory;
    const struct json_config *config = args->config;

    int rc;

    state->context = args->context;
    state->config = *config;
    mr_map_init(&state->plans);
    source_block_init(&state->block);
    mr_buf_init(&state->writer.scratch, 1 << 30);
    rc = mr_form_options_open(&state->config.forms, err);
    if (rc < 0)
        return rc;
    state->writer.numeric = config->decimal_format != 0;
    state->writer.nested = !config->schemas;
    state->writer.null_bad_values = config->forms.failure == MR_FAILURE_WARN;
    state->style = (struct mr_event_style){.flat = config->envelope == JSON_ENVELOPE_FLAT,
                                           .tombstones = config->tombstones,
                                           .deletes = config->deletes};
    state->message = json_plan_new(&state->config, NULL, args->context->server);
    if (config->context_headers && config->envelope == JSON_ENVELOPE_DEBEZIUM)
        state->context_header_count =
            mr_event_context(args->context->server, state->run_id, state->context_headers);
    return 0;
}

/* Lets go of the plans whose table version nobody else holds. */
static void forget_plans(struct json_state *state)
{
    struct mr_map kept;
    struct json_plan *plan;
    size_t at = 0;
    uint64_t id;

    mr_map_init(&kept);
    while ((plan = mr_map_next(&state->plans, &at, NULL, &id)) != NULL) {
        if (atomic_load(&plan->table->references) == 1)
            json_plan_free(plan);
        else
            mr_map_put_number(&kept, id, plan);
    }
    mr_map_done(&state->plans);
    state->plans = kept;
    state->last = NULL;
}

static struct json_plan *find_plan(struct json_state *state, struct mr_table *table)
{
    struct json_plan *plan;

    if (state->last && state->last->table == table)
        return state->last;
    plan = mr_map_get_number(&state->plans, table->id);
    if (!plan) {
        plan = json_plan_new(&state->config, table, state->context->server);
        mr_map_put_number(&state->plans, table->id, plan);
    }
    state->last = plan;
    return plan;
}

static int json_describe(void *memory, struct mr_table *table, struct mr_err *err)
{
    struct json_state *state = memory;

    if (state->plans.count >= PLANS_MAX)
        forget_plans(state);
    return mr_envelope_check(&find_plan(state, table)->envelope, err);
}

static struct json_plan *message_plan(struct json_state *state, const struct mr_change *change)
{
    struct mr_slice database = change->message->database;
    struct json_plan *plan = state->message;

    if (!database.data && state->last)
        database = state->last->table->database;
    if (!mr_slice_equal(plan->database, database))
        json_plan_database(&state->config, plan, state->context->server, database);
    return plan;
}

static void tell_nulled(struct json_state *state)
{
    const struct mr_form *form = state->writer.nulled_form;

    if (state->writer.nulled == state->nulled_told)
        return;
    if (state->context->counters)
        mr_count(&state->context->counters->encode_nulled,
                 state->writer.nulled - state->nulled_told);
    state->nulled_told = state->writer.nulled;
    if (state->context->notes.note)
        state->context->notes.note(
            state->context->notes.state, MR_LOG_WARN, "encode.nulled",
            "column %.*s: a value that its type cannot hold was sent as null",
            MR_SLICE_ARG(form->column->name));
}

static int json_encode(void *memory, struct mr_batch *batch, size_t *ret_failed, struct mr_err *err)
{
    struct json_state *state = memory;

    source_block_reset(&state->block);
    for (size_t i = 0; i < batch->change_count; i++) {
        struct mr_change *change = &batch->changes[i];
        struct json_plan *plan = change->op == MR_OP_MESSAGE ? message_plan(state, change)
                                                             : find_plan(state, change->table);
        int rc = json_events_write(state, batch, change, plan, err);

        if (rc == MR_DATA && state->config.forms.failure == MR_FAILURE_SKIP) {
            if (state->context->counters)
                mr_count(&state->context->counters->encode_skipped, 1);
            if (state->context->notes.note)
                state->context->notes.note(state->context->notes.state, MR_LOG_WARN,
                                           "encode.skipped", "an event was left out: %s",
                                           err->text);
            continue;
        }
        if (rc < 0) {
            *ret_failed = i;
            return rc;
        }
    }
    tell_nulled(state);
    return 0;
}

static void json_close(void *memory)
{
    struct json_state *state = memory;
    struct json_plan *plan;
    size_t at = 0;

    while ((plan = mr_map_next(&state->plans, &at, NULL, NULL)) != NULL)
        json_plan_free(plan);
    mr_map_done(&state->plans);
    if (state->message)
        json_plan_free(state->message);
    mr_form_options_close(&state->config.forms);
    mr_buf_done(&state->writer.scratch);
    source_block_done(&state->block);
}

const struct mr_encoder mr_encoder_json = {
    .name = "json",
    .summary = "JSON, in Debezium's envelope or flat, with or without Connect schemas",
    .options = options,
    .config_size = sizeof(struct json_config),
    .state_size = sizeof(struct json_state),
    .offline = true,
    .open = json_open,
    .describe = json_describe,
    .encode = json_encode,
    .close = json_close,
};
