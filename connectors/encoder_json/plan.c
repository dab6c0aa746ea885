/* The compiled plan of a table version, as far as it is JSON: what stands around keys and values.
 *
 *     schemas: true        {"schema":{...},"payload":   ...   }
 *     schemas: registry    00 and the schema's id       ...
 *     schemas: false                                    ...
 *
 * Columns, their names quoted and their ways chosen, are the codec's (json_columns); the pieces of the source block are
 * event/source.c's. Made once per version and kept until the version is gone. */
#include "connectors/encoder_json/plan.h"

#include "schema/json/schema.h"

static struct mr_slice opening(struct mr_arena *arena, const struct mr_connect *schema)
{
    struct mr_slice text;
    struct mr_buf buf;

    mr_buf_init(&buf, SIZE_MAX / 2);
    mr_buf_add_str(&buf, "{\"schema\":");
    mr_connect_json(schema, (struct mr_slice){NULL, 0}, &buf);
    mr_buf_add_str(&buf, ",\"payload\":");
    text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_done(&buf);
    return text;
}

/* The frame is filled once the registry has told the id. */
static struct mr_slice framing(struct mr_codec *codec, struct mr_codec_plan *plan,
                               const struct mr_connect *schema, bool key)
{
    const struct json_config *config = &((struct json_state *)codec)->config;
    struct mr_subject *subject = key ? &plan->key : &plan->value;
    struct mr_json_schema_style style = {.numeric = config->decimal_format != 0,
                                         .closed = !config->additional_properties};
    struct mr_buf buf;

    mr_buf_init(&buf, SIZE_MAX / 2);
    mr_json_schema_text(schema, &style, &buf);
    mr_codec_subject(codec, plan, schema, key, mr_buf_slice(&buf));
    mr_buf_done(&buf);
    return mr_slice(subject->frame, subject->frame_size);
}

static void complete(struct mr_codec *codec, struct mr_codec_plan *common)
{
    const struct mr_connect *key = common->key_schema, *value = common->value_schema;
    struct json_plan *plan = (struct json_plan *)common;
    int schemas = ((struct json_state *)codec)->config.schemas;

    plan->key_open = plan->key_close = plan->value_open = plan->value_close = mr_slice_str("");
    if (schemas == JSON_SCHEMAS_INLINE) {
        if (key)
            plan->key_open = opening(&common->arena, key);
        plan->value_open = opening(&common->arena, value);
        plan->key_close = plan->value_close = mr_slice_str("}");
    } else if (schemas == JSON_SCHEMAS_REGISTRY) {
        if (key)
            plan->key_open = framing(codec, common, key, true);
        plan->value_open = framing(codec, common, value, false);
    }
}

static void source(struct mr_arena *arena, const struct mr_source_names *names,
                   struct mr_source_plan *ret_plan)
{
    struct mr_buf text;

    mr_buf_init(&text, SIZE_MAX / 2);
    mr_source_plan_json(arena, names, &text, ret_plan);
    mr_buf_done(&text);
}

const struct mr_codec_format json_format = {.plan_size = sizeof(struct json_plan),
                                            .kind = &mr_schema_json,
                                            .complete = complete,
                                            .source = source};
