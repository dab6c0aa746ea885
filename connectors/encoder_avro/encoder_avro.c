/* Avro events with schemas in a registry.
 *
 *     describe()   plan of the version -> schema texts -> parsed by avro-c -> ids from the registry
 *     encode()     rows by the plan straight into the batch's arena; no registry, no malloc
 *
 * Schemas equal, letter by letter, what Debezium with Confluent's AvroConverter registers (logical_types:
 * debezium), so that a pipeline takes over without new versions; or they are Avro's own (native). Ids are known
 * before a batch is encoded, hence before a sink's transaction begins. The first record of each version is decoded
 * again with avro-c: a value that does not fit its schema is stopped here and not in every consumer. */
#include "plug/encoder.h"

#include <avro.h>
#include <stdlib.h>

#include "base/log.h"
#include "connectors/encoder_avro/events.h"

#define PLANS_MAX 1024

static const char *const envelopes[] = {"debezium", "flat", NULL};
static const char *const deletes[] = {"tombstone", "rewrite", "drop", NULL};
static const char *const logical_types[] = {"debezium", "native", NULL};

static const char *const strategies[] = {"topic_name", "record_name", "topic_record_name", NULL};

static const struct mr_option options[] = {
    {.key = "registry",
     .type = MR_OPTION_GROUP,
     .flags = MR_OPTION_REQUIRED,
     .offset = offsetof(struct avro_config, registry),
     .group = mr_registry_option_table,
     .doc = "Where schemas are registered."},
    {.key = "envelope",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct avro_config, envelope),
     .standard = "debezium",
     .choices = envelopes,
     .doc = "debezium: before, after, source, op and times around the row, as Debezium sends it. "
            "flat: the "
            "row alone."},
    {.key = "logical_types",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct avro_config, logical_types),
     .standard = "debezium",
     .choices = logical_types,
     .doc = "debezium: the schemas that Debezium with Confluent's converter registers, letter by "
            "letter. "
            "native: Avro's own logical types (decimal, date, timestamp-micros, uuid), for who "
            "starts fresh."},
    {.key = "key_subject_name_strategy",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct avro_config, key_strategy),
     .standard = "topic_name",
     .choices = strategies,
     .doc =
         "The subject of key schemas: <topic>-key, the record's full name, or <topic>-<record>."},
    {.key = "value_subject_name_strategy",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct avro_config, value_strategy),
     .standard = "topic_name",
     .choices = strategies,
     .doc =
         "The subject of value schemas. When several tables share a topic, topic_name makes their "
         "schemas fight; choose topic_record_name."},
    {.key = "tombstones",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct avro_config, tombstones),
     .standard = "true",
     .doc =
         "After a delete, send the key once more without a value, so that compaction forgets it. "
         "Envelope debezium; for flat see deletes."},
    {.key = "deletes",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct avro_config, deletes),
     .standard = "tombstone",
     .choices = deletes,
     .doc = "What a delete becomes with envelope flat: the key without a value, the old row with "
            "__deleted "
            "\"true\" (all other rows then carry \"false\"), or nothing."},
    {.key = "context_headers",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct avro_config, context_headers),
     .standard = "false",
     .doc = "Send Debezium's four __debezium.context.* headers with every record: about 230 bytes "
            "each "
            "time that few consumers read."},
    {.key = "source_version",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct avro_config, source_version),
     .standard = "3.7.0.Final",
     .doc =
         "The text of source.version: the Debezium version whose events these are equal to, since "
         "consumers parse it."},
    MR_FORM_OPTIONS(struct avro_config, forms),
    MR_NAME_OPTIONS(struct avro_config, forms, "avro"),
    {0},
};

static int avro_open(void *memory, const struct mr_encoder_args *args, struct mr_err *err)
{
    struct avro_state *state = memory;
    const struct avro_config *config = args->config;
    int rc;

    state->context = args->context;
    state->config = *config;
    state->config.forms.native = config->logical_types == AVRO_TYPES_NATIVE;
    state->config.forms.whole_scales = true;
    mr_map_init(&state->plans);
    mr_buf_init(&state->writer.scratch, 1 << 30);
    rc = mr_form_options_open(&state->config.forms, err);
    if (rc < 0)
        return rc;
    state->writer.null_bad_values = config->forms.failure == MR_FAILURE_WARN;
    state->style = (struct mr_event_style){.flat = config->envelope == AVRO_ENVELOPE_FLAT,
                                           .tombstones = config->tombstones,
                                           .deletes = config->deletes};
    if (config->context_headers && !state->style.flat)
        state->context_header_count =
            mr_event_context(args->context->server, state->run_id, state->context_headers);
    return mr_registry_open(&state->config.registry, args->context, args->remembered,
                            &state->registry, err);
}

/* Lets go of the plans whose table version nobody else holds. */
static void forget_plans(struct avro_state *state)
{
    struct mr_map kept;
    struct avro_plan *plan;
    size_t at = 0;
    uint64_t id;

    mr_map_init(&kept);
    while ((plan = mr_map_next(&state->plans, &at, NULL, &id)) != NULL) {
        if (atomic_load(&plan->table->references) == 1)
            avro_plan_free(plan);
        else
            mr_map_put_number(&kept, id, plan);
    }
    mr_map_done(&state->plans);
    state->plans = kept;
    state->last = NULL;
}

static struct avro_plan *find_plan(struct avro_state *state, const struct mr_table *table)
{
    if (!state->last || state->last->table != table)
        state->last = mr_map_get_number(&state->plans, table->id);
    return state->last;
}

static int avro_describe(void *memory, struct mr_table *table, struct mr_err *err)
{
    struct avro_state *state = memory;
    struct avro_plan *plan = find_plan(state, table);
    int rc;

    if (!plan) {
        if (state->plans.count >= PLANS_MAX)
            forget_plans(state);
        plan = avro_plan_new(&state->config, table, state->context->server);
        mr_map_put_number(&state->plans, table->id, plan);
    }
    rc = mr_envelope_check(&plan->envelope, err);
    return rc < 0 ? rc : avro_plan_register(plan, state->registry, err);
}

static int message_plan(struct avro_state *state, const struct mr_change *change,
                        struct avro_plan **ret_plan, struct mr_err *err)
{
    struct mr_slice database = change->message->database;

    if (!state->message)
        state->message = avro_plan_new(&state->config, NULL, state->context->server);
    *ret_plan = state->message;
    if (!database.data && state->last)
        database = state->last->table->database;
    if (!mr_slice_equal(state->message->database, database))
        avro_plan_database(state->message, database);
    return avro_plan_register(state->message, state->registry, err);
}

/* Decodes one piece with avro-c, schema and all bytes used. */
static int decode_again(const struct avro_schema *schema, struct mr_slice bytes, struct mr_err *err)
{
    avro_schema_t parsed = NULL;
    avro_value_iface_t *class = NULL;
    avro_value_t value = {0};
    avro_reader_t reader;
    int failed;

    if (avro_schema_from_json_length(schema->text.data, schema->text.size, &parsed) != 0)
        return mr_err_set(err, MR_BUG, "encode.sample", "the schema cannot be parsed again");
    class = avro_generic_class_from_schema(parsed);
    avro_generic_value_new(class, &value);
    reader = avro_reader_memory(bytes.data + AVRO_FRAME, (int64_t)bytes.size - AVRO_FRAME);
    failed = avro_value_read(reader, &value);
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(parsed);
    if (failed)
        return mr_err_set(
            err, MR_BUG, "encode.sample",
            "the first record for subject %s cannot be decoded with its own schema: %s",
            schema->subject, avro_strerror());
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

static void note(struct avro_state *state, const char *code, const char *what, const char *text)
{
    if (state->context->notes.note)
        state->context->notes.note(state->context->notes.state, MR_LOG_WARN, code, "%s%s", what,
                                   text);
}

static void tell_nulled(struct avro_state *state)
{
    const struct mr_form *form = state->writer.nulled_form;
    char name[200];

    if (state->writer.nulled == state->nulled_told)
        return;
    if (state->context->counters)
        mr_count(&state->context->counters->encode_nulled,
                 state->writer.nulled - state->nulled_told);
    state->nulled_told = state->writer.nulled;
    snprintf(name, sizeof(name), "%.*s", MR_SLICE_ARG(form->column->name));
    note(state, "encode.nulled", "a value that its type cannot hold was sent as null: column ",
         name);
}

static int encode_one(struct avro_state *state, struct mr_batch *batch, struct mr_change *change,
                      struct mr_err *err)
{
    size_t from = batch->record_count;
    struct avro_plan *plan;
    int rc = 0;

    if (change->op == MR_OP_MESSAGE) {
        rc = message_plan(state, change, &plan, err);
    } else {
        plan = find_plan(state, change->table);
        if (!plan) {
            rc = avro_describe(state, change->table, err);
            plan = find_plan(state, change->table);
        }
    }
    if (rc == 0)
        rc = avro_events_write(state, batch, change, plan, err);
    if (rc == MR_DATA && state->config.forms.failure == MR_FAILURE_SKIP) {
        if (state->context->counters)
            mr_count(&state->context->counters->encode_skipped, 1);
        note(state, "encode.skipped", "an event was left out: ", err->text);
        return 0;
    }
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
    tell_nulled(state);
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
    struct avro_plan *plan;
    size_t at = 0;

    while ((plan = mr_map_next(&state->plans, &at, NULL, NULL)) != NULL)
        avro_plan_free(plan);
    mr_map_done(&state->plans);
    if (state->message)
        avro_plan_free(state->message);
    if (state->registry)
        mr_registry_close(state->registry);
    mr_form_options_close(&state->config.forms);
    mr_buf_done(&state->writer.scratch);
}

static int plan_schema(struct avro_state *state, const struct avro_schema *schema,
                       void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                       struct mr_err *err)
{
    struct mr_subject_plan subject;
    int rc;

    if (!schema->subject)
        return 0;
    rc = mr_registry_plan(state->registry, schema->subject, "AVRO", schema->text, &subject, err);
    if (rc == 0)
        each(user, &subject);
    return rc;
}

static int avro_plan_subjects(void *memory, struct mr_table *table,
                              void (*each)(void *user, const struct mr_subject_plan *subject),
                              void *user, struct mr_err *err)
{
    struct avro_state *state = memory;
    struct avro_plan *plan = avro_plan_new(&state->config, table, state->context->server);
    int rc = avro_plan_check(plan, err);

    if (rc == 0)
        rc = plan_schema(state, &plan->key, each, user, err);
    if (rc == 0)
        rc = plan_schema(state, &plan->value, each, user, err);
    avro_plan_free(plan);
    return rc;
}

const struct mr_encoder mr_encoder_avro = {
    .name = "avro",
    .summary = "Avro with Confluent's frame, schemas registered as Debezium's converter does",
    .options = options,
    .config_size = sizeof(struct avro_config),
    .state_size = sizeof(struct avro_state),
    .open = avro_open,
    .describe = avro_describe,
    .encode = avro_encode,
    .remember = avro_remember,
    .plan = avro_plan_subjects,
    .close = avro_close,
};
