/* Avro events with schemas in a registry.
 *
 *     describe()   plan of the version -> schema texts -> parsed by avro-c -> ids from the registry
 *     encode()     rows by the plan straight into the batch's arena; no registry, no malloc
 *
 * Schemas equal, letter by letter, what Debezium with Confluent's AvroConverter registers (logical_types:
 * debezium), so that a pipeline takes over without new versions; or they are Avro's own (native). Ids are known
 * before a batch is encoded. The first record of each version is decoded
 * again with avro-c: a value that does not fit its schema is stopped here and not in every consumer. */
#include "plug/encoder.h"

#include <avro.h>
#include <stdlib.h>

#include "base/log.h"
#include "connectors/encoder_avro/events.h"
#include "connectors/encoder_avro/side.h"

static const char *const logical_types[] = {"debezium", "native", NULL};

static const struct mr_option options[] = {
    MR_SUBJECT_OPTIONS(struct avro_config, subjects, MR_OPTION_REQUIRED),
    {.key = "logical_types",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct avro_config, logical_types),
     .standard = "debezium",
     .choices = logical_types,
     .doc = "debezium: the schemas that Debezium with Confluent's converter registers, letter by "
            "letter. native: Avro's own logical types (decimal, date, timestamp-micros, uuid), "
            "for who starts fresh."},
    MR_EVENT_OPTIONS(struct avro_config, events),
    MR_FORM_OPTIONS(struct avro_config, forms),
    MR_NAME_OPTIONS(struct avro_config, forms, "avro"),
    {0},
};

static void free_plan(void *plan)
{
    avro_plan_free(plan);
}

static int avro_open(void *memory, const struct mr_encoder_args *args, struct mr_err *err)
{
    struct avro_state *state = memory;
    const struct avro_config *config = args->config;
    int rc;

    state->context = args->context;
    state->config = *config;
    state->config.forms.native = config->logical_types == AVRO_TYPES_NATIVE;
    state->config.forms.whole_scales = true;
    state->transactions = args->transactions;
    mr_plans_init(&state->plans, free_plan);
    mr_buf_init(&state->writer.scratch, 1 << 30);
    rc = mr_form_options_open(&state->config.forms, err);
    if (rc < 0)
        return rc;
    state->writer.null_bad_values = config->forms.failure == MR_FAILURE_WARN;
    state->style = mr_event_style(&config->events);
    if (config->events.context_headers && !state->style.flat)
        state->context_header_count =
            mr_event_context(args->context->server, state->run_id, state->context_headers);
    return mr_registry_open(&state->config.subjects.registry, args->context, args->remembered,
                            &state->registry, err);
}

static struct avro_plan *plan_of(struct avro_state *state, struct mr_table *table)
{
    struct avro_plan *plan = mr_plans_find(&state->plans, table);

    if (!plan) {
        plan = avro_plan_new(&state->config, table, state->context->server);
        table->truncates = table->truncates && !state->style.flat;
        mr_plans_put(&state->plans, table, plan);
    }
    return plan;
}

static void avro_wait_until(void *memory, int64_t deadline_ns)
{
    struct avro_state *state = memory;

    mr_registry_wait_until(state->registry, deadline_ns);
}

static int avro_describe(void *memory, struct mr_table *table, struct mr_err *err)
{
    struct avro_state *state = memory;

    return avro_plan_register(plan_of(state, table), state->registry, err);
}

static int avro_check(void *memory, struct mr_table *table, struct mr_err *err)
{
    struct avro_state *state = memory;

    return avro_plan_check(plan_of(state, table), err);
}

static struct avro_plan *find_message(struct avro_state *state)
{
    if (!state->message)
        state->message = avro_plan_new(&state->config, NULL, state->context->server);
    return state->message;
}

static int avro_describe_messages(void *memory, struct mr_err *err)
{
    struct avro_state *state = memory;

    return avro_plan_register(find_message(state), state->registry, err);
}

static int avro_describe_side(void *memory, const struct mr_change *change, struct mr_err *err)
{
    struct avro_plan *plan;

    return avro_side_plan(memory, change, &plan, err);
}

static int message_plan(struct avro_state *state, const struct mr_change *change,
                        struct avro_plan **ret_plan, struct mr_err *err)
{
    struct mr_slice database = change->message->database;
    int rc = avro_describe_messages(state, err);

    *ret_plan = state->message;
    if (!database.data && state->plans.table)
        database = state->plans.table->database;
    if (!mr_slice_equal(state->message->database, database))
        avro_plan_database(state->message, database);
    return rc;
}

/* Decodes one piece with avro-c, schema and all bytes used. */
static int decode_again(const struct mr_subject *subject, struct mr_slice bytes, struct mr_err *err)
{
    avro_schema_t parsed = NULL;
    avro_value_iface_t *class = NULL;
    avro_value_t value = {0};
    avro_reader_t reader;
    int failed;

    if (avro_schema_from_json_length(subject->text.data, subject->text.size, &parsed) != 0)
        return mr_err_set(err, MR_BUG, "encode.sample", "the schema cannot be parsed again");
    class = avro_generic_class_from_schema(parsed);
    avro_generic_value_new(class, &value);
    reader = avro_reader_memory(bytes.data + MR_FRAME_SIZE, (int64_t)bytes.size - MR_FRAME_SIZE);
    failed = avro_value_read(reader, &value);
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(parsed);
    if (failed)
        return mr_err_set(
            err, MR_BUG, "encode.sample",
            "the first record for subject %s cannot be decoded with its own schema: %s",
            subject->name, avro_strerror());
    return 0;
}

/* The first record of each version, read back. */
static int sample(struct avro_plan *plan, const struct mr_batch *batch, size_t from,
                  struct mr_err *err)
{
    for (size_t i = from; i < batch->record_count && !plan->sampled; i++) {
        struct mr_slice value = batch->records[i].value;

        if (!value.data || value.size > 1 << 20)
            continue;
        plan->sampled = true;
        return decode_again(&plan->value, value, err);
    }
    return 0;
}

/* The plan of a change, whatever it is. */
static int find_plan(struct avro_state *state, const struct mr_change *change,
                     struct avro_plan **ret_plan, struct mr_err *err)
{
    if (change->op == MR_OP_MESSAGE)
        return message_plan(state, change, ret_plan, err);
    if (!change->table)
        return avro_side_plan(state, change, ret_plan, err);
    *ret_plan = plan_of(state, change->table);
    return (*ret_plan)->value.id ? 0 : avro_plan_register(*ret_plan, state->registry, err);
}

static int encode_one(struct avro_state *state, struct mr_batch *batch, struct mr_change *change,
                      struct mr_err *err)
{
    size_t from = batch->record_count;
    struct avro_plan *plan = NULL;
    int rc = find_plan(state, change, &plan, err);

    if (rc == 0 && !change->table && !change->message)
        avro_side_write(state, batch, change, plan);
    else if (rc == 0)
        rc = avro_events_write(state, batch, change, plan, err);
    if (mr_event_skipped(state->context, state->config.forms.failure, rc, err))
        return 0;
    return rc == 0 && !plan->sampled ? sample(plan, batch, from, err) : rc;
}

static int avro_encode(void *memory, struct mr_batch *batch, size_t *ret_failed, struct mr_err *err)
{
    struct avro_state *state = memory;

    state->times.transaction = NULL;
    state->times.read_size = 0;
    for (size_t i = 0; i < batch->change_count; i++) {
        int rc = encode_one(state, batch, &batch->changes[i], err);

        if (rc < 0) {
            *ret_failed = i;
            return rc;
        }
    }
    mr_event_nulled(state->context, &state->writer);
    return 0;
}

static struct mr_slice avro_remember(void *memory)
{
    struct avro_state *state = memory;

    return mr_registry_remember(state->registry);
}

static void avro_close(void *memory)
{
    struct avro_state *state = memory;

    mr_plans_done(&state->plans);
    if (state->message)
        avro_plan_free(state->message);
    if (state->boundary)
        avro_plan_free(state->boundary);
    if (state->heartbeat)
        avro_plan_free(state->heartbeat);
    if (state->registry)
        mr_registry_close(state->registry);
    mr_form_options_close(&state->config.forms);
    mr_buf_done(&state->writer.scratch);
}

static int plan_both(struct avro_state *state, const struct avro_plan *plan,
                     void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                     struct mr_err *err)
{
    int rc = avro_plan_check(plan, err);

    if (rc == 0)
        rc = mr_subject_plan(&plan->key, state->registry, each, user, err);
    return rc < 0 ? rc : mr_subject_plan(&plan->value, state->registry, each, user, err);
}

static int avro_plan_subjects(void *memory, struct mr_table *table,
                              void (*each)(void *user, const struct mr_subject_plan *subject),
                              void *user, struct mr_err *err)
{
    struct avro_state *state = memory;
    struct avro_plan *plan = avro_plan_new(&state->config, table, state->context->server);
    int rc = plan_both(state, plan, each, user, err);

    avro_plan_free(plan);
    return rc;
}

static int avro_plan_of_side(void *memory, const struct mr_change *change,
                             void (*each)(void *user, const struct mr_subject_plan *subject),
                             void *user, struct mr_err *err)
{
    struct avro_state *state = memory;

    return plan_both(
        state, change->op == MR_OP_MESSAGE ? find_message(state) : avro_side_find(state, change),
        each, user, err);
}

const struct mr_encoder mr_encoder_avro = {
    .name = "avro",
    .summary = "Avro with Confluent's frame, schemas registered as Debezium's converter does",
    .options = options,
    .config_size = sizeof(struct avro_config),
    .state_size = sizeof(struct avro_state),
    .open = avro_open,
    .wait_until = avro_wait_until,
    .describe = avro_describe,
    .describe_messages = avro_describe_messages,
    .describe_side = avro_describe_side,
    .check = avro_check,
    .encode = avro_encode,
    .remember = avro_remember,
    .plan = avro_plan_subjects,
    .plan_side = avro_plan_of_side,
    .close = avro_close,
};
