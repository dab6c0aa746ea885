/* The compiled plan of a table version.
 *
 *     key.frame     00 | id        columns of the key
 *     value.frame   00 | id        before, after: columns[] behind a branch
 *                                  source_head | ts_ms | snapshot | source_db | sequence | ts_us | ts_ns |
 *                                  source_table | txId | lsn | xmin | origin | origin_lsn
 *
 * The texts of both schemas are made here, parsed once by avro-c (a text that our own renderer got wrong must not
 * reach a registry, which keeps it for ever), and get their ids from the registry when describe() asks. */
#include "connectors/encoder_avro/plan.h"

#include <avro.h>
#include <stdlib.h>

#include "schema/names/topic.h"

#define TYPICAL_START 512

static struct mr_slice keep(struct mr_arena *arena, struct mr_out *out)
{
    (void)arena;
    return mr_out_end(out);
}

static void plan_source(struct avro_plan *plan, const struct avro_config *config,
                        struct mr_slice connector, struct mr_slice server)
{
    const struct mr_slice none = MR_SLICE("");
    struct mr_out out;

    mr_out_begin(&out, &plan->arena, 256);
    out_text(&out, mr_slice_str(config->events.source_version));
    out_text(&out, connector);
    out_text(&out, server);
    plan->source_head = keep(&plan->arena, &out);
    mr_out_begin(&out, &plan->arena, 256);
    out_text(&out, plan->table ? plan->table->schema : none);
    out_text(&out, plan->table ? plan->table->name : none);
    plan->source_table = keep(&plan->arena, &out);
}

void avro_plan_database(struct avro_plan *plan, struct mr_slice database)
{
    struct mr_out out;

    plan->database = mr_arena_copy(&plan->arena, database);
    mr_out_begin(&out, &plan->arena, 64);
    out_text(&out, database);
    plan->source_db = keep(&plan->arena, &out);
}

static void plan_columns(struct avro_plan *plan)
{
    const struct mr_table *table = plan->table;
    const struct mr_form *forms = plan->envelope.forms;

    plan->columns = MR_ARENA_ARRAY(&plan->arena, struct avro_column, table->column_count);
    plan->keys = MR_ARENA_ARRAY(&plan->arena, struct avro_column, table->key_count);
    plan->column_count = avro_plan_columns(forms, NULL, table->column_count, plan->columns);
    plan->key_count = avro_plan_columns(forms, table->key_columns, table->key_count, plan->keys);
    plan->json_column_count =
        mr_row_plan(&plan->arena, forms, NULL, table->column_count, false, &plan->json_columns);
    plan->json_key_count = mr_row_plan(&plan->arena, forms, table->key_columns, table->key_count,
                                       false, &plan->json_keys);
}

static void plan_schema(struct avro_plan *plan, const struct avro_config *config,
                        const struct mr_connect *schema, bool key, struct mr_subject *ret_subject)
{
    enum mr_avro_profile profile =
        config->logical_types == AVRO_TYPES_NATIVE ? MR_AVRO_NATIVE : MR_AVRO_CONFLUENT;
    struct mr_buf buf;

    mr_buf_init(&buf, SIZE_MAX / 2);
    mr_avro_text(schema, profile, &buf);
    mr_subject_make(&plan->arena, &config->subjects, "AVRO", plan->topic, schema->name, key,
                    mr_buf_slice(&buf), ret_subject);
    mr_buf_done(&buf);
}

struct avro_plan *avro_plan_new(const struct avro_config *config, struct mr_table *table,
                                const char *server)
{
    struct avro_plan *plan = mr_alloc_zero(sizeof(*plan));

    mr_arena_init(&plan->arena, 16 << 10, 0);
    plan->typical = TYPICAL_START;
    if (!table) {
        plan->topic = mr_event_message_topic(&plan->arena, server);
        plan_source(plan, config, mr_slice_str("postgresql"), mr_slice_str(server));
        avro_plan_database(plan, (struct mr_slice){"", 0});
        plan_schema(plan, config, mr_envelope_message_key(&plan->arena), true, &plan->key);
        plan_schema(plan, config, mr_envelope_message_value(&plan->arena, config->forms.binary),
                    false, &plan->value);
        return plan;
    }
    plan->table = mr_table_ref(table);
    plan->topic = table->topic;
    mr_envelope_make(&plan->arena, table, mr_topic_logical(&plan->arena, table), &config->forms,
                     &plan->envelope);
    plan_columns(plan);
    plan_source(plan, config, table->connector, table->server);
    avro_plan_database(plan, table->database);
    if (plan->envelope.key)
        plan_schema(plan, config, plan->envelope.key, true, &plan->key);
    if (config->events.envelope == MR_ENVELOPE_FLAT)
        plan_schema(plan, config,
                    mr_envelope_flat(&plan->arena, &plan->envelope,
                                     config->events.deletes == MR_DELETES_REWRITE),
                    false, &plan->value);
    else
        plan_schema(plan, config, plan->envelope.value, false, &plan->value);
    return plan;
}

struct avro_plan *avro_plan_side(const struct avro_config *config, struct mr_slice topic,
                                 const struct mr_connect *(*key)(struct mr_arena *arena),
                                 const struct mr_connect *(*value)(struct mr_arena *arena))
{
    struct avro_plan *plan = mr_alloc_zero(sizeof(*plan));

    mr_arena_init(&plan->arena, 4 << 10, 0);
    plan->topic = mr_arena_copy(&plan->arena, topic);
    plan_schema(plan, config, key(&plan->arena), true, &plan->key);
    plan_schema(plan, config, value(&plan->arena), false, &plan->value);
    return plan;
}

void avro_plan_free(struct avro_plan *plan)
{
    mr_arena_done(&plan->arena);
    mr_table_unref(plan->table);
    free(plan);
}

static bool legal_part(struct mr_slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.size > 0;
}

/* avro-c does not look at the names of fields, and registries differ. */
static int check_names(const struct avro_plan *plan, struct mr_err *err)
{
    for (uint32_t i = 0; plan->table && i < plan->table->column_count; i++) {
        const struct mr_form *form = &plan->envelope.forms[i];

        if (form->kind == MR_FORM_DROPPED || legal_part(form->name))
            continue;
        mr_err_set(err, MR_CONFIG, "schema.invalid",
                   "column \"%.*s\" of table %.*s.%.*s is no name that Avro allows",
                   MR_SLICE_ARG(form->name), MR_SLICE_ARG(plan->table->schema),
                   MR_SLICE_ARG(plan->table->name));
        mr_err_hint(err, "set format.field_name_adjustment_mode to avro or avro_unicode");
        return MR_CONFIG;
    }
    return 0;
}

/* avro-c must be able to parse what is about to be registered. */
static int parse(const struct mr_subject *subject, struct mr_err *err)
{
    avro_schema_t parsed;

    if (!subject->name)
        return 0;
    if (avro_schema_from_json_length(subject->text.data, subject->text.size, &parsed) != 0) {
        mr_err_set(err, MR_CONFIG, "schema.invalid",
                   "the schema of subject %s is no valid Avro: %s", subject->name, avro_strerror());
        mr_err_hint(err,
                    "names that Avro does not allow are the usual reason: set "
                    "format.schema_name_adjustment_mode and format.field_name_adjustment_mode to "
                    "avro or avro_unicode");
        return MR_CONFIG;
    }
    avro_schema_decref(parsed);
    return 0;
}

int avro_plan_check(const struct avro_plan *plan, struct mr_err *err)
{
    int rc = plan->table ? mr_envelope_check(&plan->envelope, err) : 0;

    if (rc == 0)
        rc = check_names(plan, err);
    if (rc == 0)
        rc = parse(&plan->key, err);
    return rc < 0 ? rc : parse(&plan->value, err);
}

int avro_plan_register(struct avro_plan *plan, struct mr_registry *registry, struct mr_err *err)
{
    int rc = 0;

    if ((plan->key.id || !plan->key.name) && plan->value.id)
        return 0;
    rc = avro_plan_check(plan, err);
    if (rc == 0)
        rc = mr_subject_resolve(&plan->key, registry, err);
    return rc < 0 ? rc : mr_subject_resolve(&plan->value, registry, err);
}

void avro_put_frame(struct mr_out *out, const struct mr_subject *subject)
{
    mr_out_need(out, MR_FRAME_SIZE);
    memcpy(out->at, subject->frame, MR_FRAME_SIZE);
    out->at += MR_FRAME_SIZE;
}
