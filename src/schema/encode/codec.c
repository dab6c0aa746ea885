/* Plans, subjects and side records, the same for every format.
 *
 *     describe()   table version -> envelope -> the format's complete() -> subjects -> ids from the registry
 *     find()       change -> its plan: of the version, of messages, of BEGIN and END, of heartbeats
 *
 * A plan for messages or side records is kept as long as the encoder is open, because records point to its topic. Plans
 * of versions are let go when nobody holds the version any more (event/plans.c). Only describe() and plan() talk to a
 * registry; encoding asks for what a batch brings that was never described. */
#include "schema/encode/codec.h"

#include <stdlib.h>

#include "schema/event/schema_change.h"
#include "schema/event/side.h"
#include "schema/names/topic.h"

#define TYPICAL_START 512

static struct mr_codec_plan *new_plan(struct mr_codec *codec, size_t block)
{
    struct mr_codec_plan *plan = mr_alloc_zero(codec->format->plan_size);

    mr_arena_init(&plan->arena, block, 0);
    plan->typical = TYPICAL_START;
    return plan;
}

static void free_plan(void *memory)
{
    struct mr_codec_plan *plan = memory;

    if (!plan)
        return;
    mr_arena_done(&plan->arena);
    mr_table_unref(plan->table);
    free(plan);
}

int mr_codec_open(struct mr_codec *codec, const struct mr_codec_format *format,
                  struct mr_codec_config *config, const struct mr_encoder_args *args,
                  bool registered, struct mr_err *err)
{
    int rc;

    codec->format = format;
    codec->context = args->context;
    codec->config = config;
    codec->transactions = args->transactions;
    mr_plans_init(&codec->plans, free_plan);
    mr_source_init(&codec->block);
    mr_buf_init(&codec->writer.scratch, 1 << 30);
    rc = mr_form_options_open(&config->forms, err);
    if (rc < 0)
        return rc;
    codec->writer.null_bad_values = config->forms.failure == MR_FAILURE_WARN;
    codec->style = mr_event_style(&config->events);
    if (config->events.context_headers && !codec->style.flat)
        codec->context_header_count =
            mr_event_context(args->context->server, codec->run_id, codec->context_headers);
    return registered ? mr_registry_open(&config->subjects.registry, args->context,
                                         args->remembered, &codec->registry, err)
                      : 0;
}

void mr_codec_close(void *state)
{
    struct mr_codec *codec = state;

    if (!codec->format)
        return;
    mr_plans_done(&codec->plans);
    free_plan(codec->message);
    free_plan(codec->boundary);
    free_plan(codec->heartbeat);
    free_plan(codec->schema);
    mr_registry_close(codec->registry);
    mr_form_options_close((struct mr_form_options *)&codec->config->forms);
    mr_buf_done(&codec->writer.scratch);
    mr_source_done(&codec->block);
}

void mr_codec_subject(struct mr_codec *codec, struct mr_codec_plan *plan,
                      const struct mr_connect *schema, bool key, struct mr_slice text)
{
    const struct mr_schema made = {.kind = codec->format->kind, .text = text};

    mr_subject_make(&plan->arena, &codec->config->subjects, &made, plan->topic, schema->name, key,
                    key ? &plan->key : &plan->value);
}

static void complete(struct mr_codec *codec, struct mr_codec_plan *plan,
                     const struct mr_connect *key, const struct mr_connect *value)
{
    plan->key_schema = key;
    plan->value_schema = value;
    codec->format->complete(codec, plan);
}

static void plan_source(struct mr_codec *codec, struct mr_codec_plan *plan,
                        struct mr_slice connector, struct mr_slice server, struct mr_slice database)
{
    const struct mr_table *table = plan->table;
    const struct mr_slice none = MR_SLICE("");
    struct mr_source_names names = {.version = mr_slice_str(codec->config->events.source_version),
                                    .connector = connector,
                                    .server = server,
                                    .database = database,
                                    .schema = table && table->schema.data ? table->schema : none,
                                    .table = table ? table->name : none};

    codec->format->source(&plan->arena, &names, &plan->source);
}

static void plan_json(const struct mr_codec *codec, struct mr_codec_plan *plan)
{
    const struct mr_form *forms = plan->envelope.forms;
    bool numeric = codec->writer.numeric;

    plan->json_column_count = mr_row_plan(&plan->arena, forms, NULL, plan->table->column_count,
                                          numeric, &plan->json_columns);
    plan->json_key_count = mr_row_plan(&plan->arena, forms, plan->table->key_columns,
                                       plan->table->key_count, numeric, &plan->json_keys);
}

static struct mr_codec_plan *plan_of(struct mr_codec *codec, struct mr_table *table)
{
    struct mr_codec_plan *plan = mr_plans_find(&codec->plans, table);
    const struct mr_connect *value;

    if (plan)
        return plan;
    plan = new_plan(codec, 16 << 10);
    plan->table = mr_table_ref(table);
    plan->topic = table->topic;
    mr_envelope_make(&plan->arena, table, mr_topic_logical(&plan->arena, table),
                     &codec->config->forms, &plan->envelope);
    plan_json(codec, plan);
    plan_source(codec, plan, table->connector, table->server, table->database);
    value = codec->style.flat ? mr_envelope_flat(&plan->arena, &plan->envelope,
                                                 codec->style.deletes == MR_DELETES_REWRITE)
                              : plan->envelope.value;
    complete(codec, plan, plan->envelope.key, value);
    mr_plans_put(&codec->plans, table, plan);
    return plan;
}

static struct mr_codec_plan *message_plan(struct mr_codec *codec)
{
    struct mr_codec_plan *plan = codec->message;

    if (plan)
        return plan;
    plan = codec->message = new_plan(codec, 16 << 10);
    plan->topic = mr_event_topic(&plan->arena, codec->context->server, "message");
    plan_source(codec, plan, mr_slice_str("postgresql"), mr_slice_str(codec->context->server),
                mr_slice_str(""));
    complete(codec, plan, mr_envelope_message_key(&plan->arena),
             mr_envelope_message_value(&plan->arena, codec->config->forms.binary));
    return plan;
}

static struct mr_codec_plan *new_side(struct mr_codec *codec, struct mr_slice topic)
{
    struct mr_codec_plan *plan = new_plan(codec, 4 << 10);

    plan->topic = mr_arena_copy(&plan->arena, topic);
    return plan;
}

static void complete_schema(struct mr_codec *codec, struct mr_codec_plan *plan,
                            struct mr_slice connector)
{
    complete(codec, plan, mr_schema_change_key(&plan->arena, connector),
             mr_schema_change_value(&plan->arena, connector));
}

/* Of changed schemas, of BEGIN and END, or of heartbeats. */
static struct mr_codec_plan *side_plan(struct mr_codec *codec, const struct mr_change *change)
{
    struct mr_arena *arena;

    if (change->op == MR_OP_SCHEMA && !codec->schema) {
        codec->schema = new_plan(codec, 16 << 10);
        codec->schema->topic = mr_event_topic(&codec->schema->arena, codec->context->server, NULL);
        complete_schema(codec, codec->schema, change->schema->connector);
    } else if (change->op == MR_OP_HEARTBEAT && !codec->heartbeat) {
        codec->heartbeat = new_side(codec, change->heartbeat->topic);
        arena = &codec->heartbeat->arena;
        complete(codec, codec->heartbeat, mr_side_heartbeat_key(arena),
                 mr_side_heartbeat_value(arena));
    } else if ((change->op == MR_OP_BEGIN || change->op == MR_OP_END) && !codec->boundary) {
        codec->boundary = new_side(codec, codec->transactions);
        arena = &codec->boundary->arena;
        complete(codec, codec->boundary, mr_side_transaction_key(arena),
                 mr_side_transaction_value(arena));
    }
    return change->op == MR_OP_SCHEMA      ? codec->schema
           : change->op == MR_OP_HEARTBEAT ? codec->heartbeat
                                           : codec->boundary;
}

void mr_codec_schema_source(struct mr_codec *codec, struct mr_arena *arena,
                            const struct mr_change *change)
{
    const struct mr_schema_change *schema = change->schema;
    struct mr_source_names names = {.version = mr_slice_str(codec->config->events.source_version),
                                    .connector = schema->connector,
                                    .server = mr_slice_str(codec->context->server),
                                    .database =
                                        schema->database.data ? schema->database : mr_slice_str(""),
                                    .table = schema->tables};

    codec->format->source(arena, &names, &codec->schema->source);
}

static int check(const struct mr_codec *codec, const struct mr_codec_plan *plan, struct mr_err *err)
{
    int rc = plan->table ? mr_envelope_check(&plan->envelope, err) : 0;

    return rc == 0 && codec->format->check ? codec->format->check(plan, err) : rc;
}

/* Checks, and asks the registry for the ids that are not known; nothing is asked without one. */
static int describe(struct mr_codec *codec, struct mr_codec_plan *plan, struct mr_err *err)
{
    int rc;

    if ((plan->key.id || !plan->key.name) && plan->value.id)
        return 0;
    rc = check(codec, plan, err);
    if (rc < 0 || !codec->registry)
        return rc;
    rc = mr_subject_resolve(&plan->key, codec->registry, err);
    return rc < 0 ? rc : mr_subject_resolve(&plan->value, codec->registry, err);
}

void mr_codec_wait_until(void *state, int64_t deadline_ns)
{
    struct mr_codec *codec = state;

    if (codec->registry)
        mr_registry_wait_until(codec->registry, deadline_ns);
}

int mr_codec_describe(void *state, struct mr_table *table, struct mr_err *err)
{
    return describe(state, plan_of(state, table), err);
}

int mr_codec_describe_messages(void *state, struct mr_err *err)
{
    return describe(state, message_plan(state), err);
}

int mr_codec_describe_side(void *state, const struct mr_change *change, struct mr_err *err)
{
    return describe(state, side_plan(state, change), err);
}

int mr_codec_check(void *state, struct mr_table *table, struct mr_err *err)
{
    return check(state, plan_of(state, table), err);
}

bool mr_codec_leaves_out(void *state, enum mr_op op)
{
    const struct mr_codec *codec = state;

    return op == MR_OP_TRUNCATE && codec->style.flat;
}

struct mr_slice mr_codec_remember(void *state)
{
    struct mr_codec *codec = state;

    return codec->registry ? mr_registry_remember(codec->registry) : (struct mr_slice){NULL, 0};
}

/* A message's database is that of the rows around it where the source does not tell. */
static struct mr_codec_plan *message_plan_of(struct mr_codec *codec, const struct mr_change *change)
{
    struct mr_slice database = change->message->database;
    struct mr_codec_plan *plan = message_plan(codec);

    if (!database.data && codec->plans.table)
        database = codec->plans.table->database;
    if (!mr_slice_equal(plan->database, database)) {
        plan->database = mr_arena_copy(&plan->arena, database);
        plan_source(codec, plan, mr_slice_str("postgresql"), mr_slice_str(codec->context->server),
                    plan->database);
    }
    return plan;
}

int mr_codec_find(struct mr_codec *codec, const struct mr_change *change,
                  struct mr_codec_plan **ret_plan, struct mr_err *err)
{
    if (change->op == MR_OP_MESSAGE)
        *ret_plan = message_plan_of(codec, change);
    else
        *ret_plan = change->table ? plan_of(codec, change->table) : side_plan(codec, change);
    return !codec->registry || (*ret_plan)->value.id ? 0 : describe(codec, *ret_plan, err);
}

static int plan_both(struct mr_codec *codec, const struct mr_codec_plan *plan,
                     void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                     struct mr_err *err)
{
    int rc = check(codec, plan, err);

    if (rc == 0)
        rc = mr_subject_plan(&plan->key, codec->registry, each, user, err);
    return rc < 0 ? rc : mr_subject_plan(&plan->value, codec->registry, each, user, err);
}

int mr_codec_plan_table(void *state, struct mr_table *table,
                        void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                        struct mr_err *err)
{
    return plan_both(state, plan_of(state, table), each, user, err);
}

int mr_codec_plan_side(void *state, const struct mr_change *change,
                       void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                       struct mr_err *err)
{
    struct mr_codec *codec = state;

    return plan_both(codec,
                     change->op == MR_OP_MESSAGE ? message_plan(codec) : side_plan(codec, change),
                     each, user, err);
}
