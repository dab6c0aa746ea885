/* The compiled plan of a table version: names quoted, schemas rendered, the constant parts of the source block
 * cut into pieces, so that a row is written as pieces and values in turn.
 *
 *     value_open   {"schema":{...},"payload":      (schemas: true), or 00 and the schema's id (schemas: registry)
 *     before/after {"id":1,...}                    columns[]
 *     source_head  ,"source":{"version":"..","connector":"postgresql","name":"shop","ts_ms":
 *     source_mark  ,"snapshot":"false","db":"shop","sequence":"[
 *     source_table "schema":"public","table":"orders","txId":
 *     value_close  }
 *
 * Made once per version and kept until the version is gone. */
#include "connectors/encoder_json/plan.h"

#include <stdlib.h>

#include "schema/json/schema.h"
#include "schema/names/topic.h"

#define TYPICAL_START 512

static struct mr_slice keep(struct mr_arena *arena, struct mr_buf *buf)
{
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(buf));

    mr_buf_clear(buf);
    return text;
}

static struct mr_slice opening(struct mr_arena *arena, const struct mr_connect *schema,
                               struct mr_buf *buf)
{
    mr_buf_clear(buf);
    mr_buf_add_str(buf, "{\"schema\":");
    mr_connect_json(schema, (struct mr_slice){NULL, 0}, buf);
    mr_buf_add_str(buf, ",\"payload\":");
    return keep(arena, buf);
}

static void add_pair(struct mr_buf *buf, const char *key, struct mr_slice text)
{
    mr_buf_add_str(buf, key);
    mr_json_add_str(buf, text);
}

static void plan_source(struct json_plan *plan, const struct json_config *config,
                        struct mr_slice connector, struct mr_slice server, struct mr_slice database,
                        struct mr_buf *buf)
{
    const struct mr_table *table = plan->table;
    const struct mr_slice none = MR_SLICE("");

    mr_buf_clear(buf);
    add_pair(buf, ",\"source\":{\"version\":", mr_slice_str(config->events.source_version));
    add_pair(buf, ",\"connector\":", connector);
    add_pair(buf, ",\"name\":", server);
    mr_buf_add_str(buf, ",\"ts_ms\":");
    plan->source_head = keep(&plan->arena, buf);
    mr_buf_add_str(buf, ",\"snapshot\":\"false");
    add_pair(buf, "\",\"db\":", database);
    mr_buf_add_str(buf, ",\"sequence\":\"[");
    plan->source_mark = keep(&plan->arena, buf);
    plan->source_db = plan->source_mark;
    plan->source_db.data += strlen(",\"snapshot\":\"false");
    plan->source_db.size -= strlen(",\"snapshot\":\"false");
    add_pair(buf, "\"schema\":", table ? table->schema : none);
    add_pair(buf, ",\"table\":", table ? table->name : none);
    mr_buf_add_str(buf, ",\"txId\":");
    plan->source_table = keep(&plan->arena, buf);
}

/* The frame is filled once the registry has told the id. */
static struct mr_slice framing(struct json_plan *plan, const struct json_config *config,
                               const struct mr_connect *schema, bool key, struct mr_buf *buf)
{
    struct mr_subject *subject = key ? &plan->key_subject : &plan->value_subject;
    struct mr_json_schema_style style = {.numeric = config->decimal_format != 0,
                                         .closed = !config->additional_properties};

    mr_buf_clear(buf);
    mr_json_schema_text(schema, &style, buf);
    mr_subject_make(&plan->arena, &config->subjects, "JSON", plan->topic, schema->name, key,
                    mr_buf_slice(buf), subject);
    return mr_slice(subject->frame, MR_FRAME_SIZE);
}

static void set_schemas(struct json_plan *plan, const struct json_config *config,
                        const struct mr_connect *key, const struct mr_connect *value,
                        struct mr_buf *buf)
{
    plan->key_open = plan->key_close = plan->value_open = plan->value_close = mr_slice_str("");
    if (config->schemas == JSON_SCHEMAS_INLINE) {
        if (key)
            plan->key_open = opening(&plan->arena, key, buf);
        plan->value_open = opening(&plan->arena, value, buf);
        plan->key_close = plan->value_close = mr_slice_str("}");
    } else if (config->schemas == JSON_SCHEMAS_REGISTRY) {
        if (key)
            plan->key_open = framing(plan, config, key, true, buf);
        plan->value_open = framing(plan, config, value, false, buf);
    }
}

static void plan_schemas(struct json_plan *plan, const struct json_config *config,
                         struct mr_buf *buf)
{
    const struct mr_connect *key = plan->envelope.key, *value = plan->envelope.value;

    if (!plan->table) {
        key = mr_envelope_message_key(&plan->arena);
        value = mr_envelope_message_value(&plan->arena, config->forms.binary);
    } else if (config->events.envelope == MR_ENVELOPE_FLAT) {
        value = mr_envelope_flat(&plan->arena, &plan->envelope,
                                 config->events.deletes == MR_DELETES_REWRITE);
    }
    set_schemas(plan, config, key, value, buf);
}

struct json_plan *json_plan_side(const struct json_config *config, struct mr_slice topic,
                                 const struct mr_connect *(*key)(struct mr_arena *arena),
                                 const struct mr_connect *(*value)(struct mr_arena *arena))
{
    struct json_plan *plan = mr_alloc_zero(sizeof(*plan));
    struct mr_buf buf;

    mr_arena_init(&plan->arena, 4 << 10, 0);
    mr_buf_init(&buf, SIZE_MAX / 2);
    plan->topic = mr_arena_copy(&plan->arena, topic);
    set_schemas(plan, config, key(&plan->arena), value(&plan->arena), &buf);
    mr_buf_done(&buf);
    return plan;
}

struct json_plan *json_plan_new(const struct json_config *config, struct mr_table *table,
                                const char *server)
{
    struct json_plan *plan = mr_alloc_zero(sizeof(*plan));
    struct mr_buf buf;

    mr_arena_init(&plan->arena, 16 << 10, 0);
    mr_buf_init(&buf, SIZE_MAX / 2);
    plan->typical = TYPICAL_START;
    if (table) {
        plan->table = mr_table_ref(table);
        plan->topic = table->topic;
        mr_envelope_make(&plan->arena, table, mr_topic_logical(&plan->arena, table), &config->forms,
                         &plan->envelope);
        plan->column_count =
            mr_row_plan(&plan->arena, plan->envelope.forms, NULL, table->column_count,
                        config->decimal_format != 0, &plan->columns);
        plan->key_count = mr_row_plan(&plan->arena, plan->envelope.forms, table->key_columns,
                                      table->key_count, config->decimal_format != 0, &plan->keys);
        plan_source(plan, config, table->connector, table->server, table->database, &buf);
    } else {
        plan->topic = mr_event_message_topic(&plan->arena, server);
        plan_source(plan, config, mr_slice_str("postgresql"), mr_slice_str(server),
                    mr_slice_str(""), &buf);
    }
    plan_schemas(plan, config, &buf);
    mr_buf_done(&buf);
    return plan;
}

void json_plan_database(const struct json_config *config, struct json_plan *plan,
                        const char *server, struct mr_slice database)
{
    struct mr_buf buf;

    mr_buf_init(&buf, SIZE_MAX / 2);
    plan->database = mr_arena_copy(&plan->arena, database);
    plan_source(plan, config, mr_slice_str("postgresql"), mr_slice_str(server), database, &buf);
    mr_buf_done(&buf);
}

int json_plan_register(struct json_plan *plan, struct mr_registry *registry, struct mr_err *err)
{
    int rc = mr_subject_resolve(&plan->key_subject, registry, err);

    return rc < 0 ? rc : mr_subject_resolve(&plan->value_subject, registry, err);
}

void json_plan_free(struct json_plan *plan)
{
    mr_arena_done(&plan->arena);
    mr_table_unref(plan->table);
    free(plan);
}
