/* JSON events: Debezium's envelope, as Kafka Connect's JsonConverter prints it, or the row alone.
 *
 *     envelope: debezium   {"before":..,"after":..,"source":..,"transaction":null,"op":"c","ts_ms":..,..}
 *     envelope: flat       {"id":1,"name":"Ada"}      a delete is a tombstone, or the old row with __deleted
 *     schemas: true        {"schema":{...},"payload":...} around keys and values
 *     schemas: registry    00 | id, then the JSON: the id of a JSON Schema in a registry
 *
 * describe() compiles a plan per table version (plan.c); encode() walks a batch once (events.c, row.c) and
 * writes straight into its arena. */
#include "plug/encoder.h"

#include <stdlib.h>

#include "base/log.h"
#include "connectors/encoder_json/events.h"
#include "connectors/encoder_json/side.h"

static const char *const schemas[] = {"false", "true", "registry", NULL};
static const char *const decimal_formats[] = {"base64", "numeric", NULL};

static const struct mr_option options[] = {
    MR_EVENT_OPTIONS(struct json_config, events),
    {.key = "schemas",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct json_config, schemas),
     .standard = "false",
     .choices = schemas,
     .doc = "true: put the Kafka Connect schema beside every key and value, for consumers that use "
            "JsonConverter with schemas.enable=true. registry: register JSON Schemas, as "
            "Confluent's JsonSchemaConverter does, and put five bytes with the schema's id before "
            "every key and value."},
    {.key = "decimal_format",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct json_config, decimal_format),
     .standard = "base64",
     .choices = decimal_formats,
     .doc = "How decimals in mode precise are printed: base64 of the unscaled number, or numeric: "
            "as JSON numbers. JsonConverter's decimal.format."},
    MR_SUBJECT_OPTIONS(struct json_config, subjects, 0),
    {.key = "object_additional_properties",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct json_config, additional_properties),
     .standard = "true",
     .doc = "Whether registered JSON Schemas let objects have fields that they do not name. With "
            "true, registries take a new column as a breaking change under BACKWARD; with false, "
            "they take a dropped one so. JsonSchemaConverter's object.additional.properties."},
    MR_FORM_OPTIONS(struct json_config, forms),
    MR_NAME_OPTIONS(struct json_config, forms, "none"),
    {0},
};

static void free_plan(void *plan)
{
    json_plan_free(plan);
}

static int json_open(void *memory, const struct mr_encoder_args *args, struct mr_err *err)
{
    struct json_state *state = memory;
    const struct json_config *config = args->config;
    int rc;

    state->context = args->context;
    state->config = *config;
    state->transactions = args->transactions;
    mr_plans_init(&state->plans, free_plan);
    source_block_init(&state->block);
    mr_buf_init(&state->writer.scratch, 1 << 30);
    rc = mr_form_options_open(&state->config.forms, err);
    if (rc < 0)
        return rc;
    state->writer.numeric = config->decimal_format != 0;
    state->writer.nested = config->schemas == JSON_SCHEMAS_NONE;
    state->writer.strict = config->schemas == JSON_SCHEMAS_REGISTRY;
    state->writer.null_bad_values = config->forms.failure == MR_FAILURE_WARN;
    state->style = mr_event_style(&config->events);
    state->message = json_plan_new(&state->config, NULL, args->context->server);
    if (config->events.context_headers && !state->style.flat)
        state->context_header_count =
            mr_event_context(args->context->server, state->run_id, state->context_headers);
    if (config->schemas != JSON_SCHEMAS_REGISTRY)
        return 0;
    return mr_registry_open(&state->config.subjects.registry, args->context, args->remembered,
                            &state->registry, err);
}

static struct json_plan *plan_of(struct json_state *state, struct mr_table *table)
{
    struct json_plan *plan = mr_plans_find(&state->plans, table);

    if (!plan) {
        plan = json_plan_new(&state->config, table, state->context->server);
        table->truncates = table->truncates && !state->style.flat;
        mr_plans_put(&state->plans, table, plan);
    }
    return plan;
}

static int json_check(void *memory, struct mr_table *table, struct mr_err *err)
{
    struct json_state *state = memory;

    return mr_envelope_check(&plan_of(state, table)->envelope, err);
}

static void json_wait_until(void *memory, int64_t deadline_ns)
{
    struct json_state *state = memory;

    if (state->registry)
        mr_registry_wait_until(state->registry, deadline_ns);
}

static int json_describe(void *memory, struct mr_table *table, struct mr_err *err)
{
    struct json_state *state = memory;
    int rc = json_check(memory, table, err);

    if (rc < 0 || !state->registry)
        return rc;
    return json_plan_register(plan_of(state, table), state->registry, err);
}

static int json_describe_messages(void *memory, struct mr_err *err)
{
    struct json_state *state = memory;

    return state->registry ? json_plan_register(state->message, state->registry, err) : 0;
}

static int json_describe_side(void *memory, const struct mr_change *change, struct mr_err *err)
{
    struct json_plan *plan;

    return json_side_plan(memory, change, &plan, err);
}

static struct json_plan *message_plan(struct json_state *state, const struct mr_change *change)
{
    struct mr_slice database = change->message->database;
    struct json_plan *plan = state->message;

    if (!database.data && state->plans.table)
        database = state->plans.table->database;
    if (!mr_slice_equal(plan->database, database))
        json_plan_database(&state->config, plan, state->context->server, database);
    return plan;
}

/* The plan of a change; its ids are known but for a batch that describe() has not seen. */
static int find_plan(struct json_state *state, const struct mr_change *change,
                     struct json_plan **ret_plan, struct mr_err *err)
{
    struct json_plan *plan;

    if (!change->table && !change->message)
        return json_side_plan(state, change, ret_plan, err);
    plan = change->message ? message_plan(state, change) : plan_of(state, change->table);
    *ret_plan = plan;
    if (!state->registry || plan->value_subject.id)
        return 0;
    return json_plan_register(plan, state->registry, err);
}

static int json_encode(void *memory, struct mr_batch *batch, size_t *ret_failed, struct mr_err *err)
{
    struct json_state *state = memory;

    source_block_reset(&state->block);
    for (size_t i = 0; i < batch->change_count; i++) {
        struct mr_change *change = &batch->changes[i];
        struct json_plan *plan;
        int rc = find_plan(state, change, &plan, err);

        if (rc == 0 && !change->table && !change->message)
            json_side_write(state, batch, change, plan);
        else if (rc == 0)
            rc = json_events_write(state, batch, change, plan, err);
        if (mr_event_skipped(state->context, state->config.forms.failure, rc, err))
            continue;
        if (rc < 0) {
            *ret_failed = i;
            return rc;
        }
    }
    mr_event_nulled(state->context, &state->writer);
    return 0;
}

static void json_close(void *memory)
{
    struct json_state *state = memory;

    mr_plans_done(&state->plans);
    if (state->message)
        json_plan_free(state->message);
    if (state->boundary)
        json_plan_free(state->boundary);
    if (state->heartbeat)
        json_plan_free(state->heartbeat);
    mr_registry_close(state->registry);
    mr_form_options_close(&state->config.forms);
    mr_buf_done(&state->writer.scratch);
    source_block_done(&state->block);
}

static struct mr_slice json_remember(void *memory)
{
    struct json_state *state = memory;

    return state->registry ? mr_registry_remember(state->registry) : (struct mr_slice){NULL, 0};
}

static int plan_both(struct json_state *state, const struct json_plan *plan,
                     void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                     struct mr_err *err)
{
    int rc = mr_subject_plan(&plan->key_subject, state->registry, each, user, err);

    return rc < 0 ? rc : mr_subject_plan(&plan->value_subject, state->registry, each, user, err);
}

static int json_plan_subjects(void *memory, struct mr_table *table,
                              void (*each)(void *user, const struct mr_subject_plan *subject),
                              void *user, struct mr_err *err)
{
    struct json_state *state = memory;
    int rc = json_check(memory, table, err);

    return rc < 0 ? rc : plan_both(state, plan_of(state, table), each, user, err);
}

static int json_plan_of_side(void *memory, const struct mr_change *change,
                             void (*each)(void *user, const struct mr_subject_plan *subject),
                             void *user, struct mr_err *err)
{
    struct json_state *state = memory;

    return plan_both(state,
                     change->op == MR_OP_MESSAGE ? state->message : json_side_find(state, change),
                     each, user, err);
}

const struct mr_encoder mr_encoder_json = {
    .name = "json",
    .summary = "JSON, in Debezium's envelope or flat, with or without Connect schemas",
    .options = options,
    .config_size = sizeof(struct json_config),
    .state_size = sizeof(struct json_state),
    .open = json_open,
    .wait_until = json_wait_until,
    .describe = json_describe,
    .describe_messages = json_describe_messages,
    .describe_side = json_describe_side,
    .check = json_check,
    .encode = json_encode,
    .remember = json_remember,
    .plan = json_plan_subjects,
    .plan_side = json_plan_of_side,
    .close = json_close,
};
