/* The Connect schema tree, and its rendering as Connect's JsonConverter prints it.
 *
 *     {"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,
 *      "parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"total"}
 *
 * The order of properties is the converter's and part of the contract: type, then what belongs to the type
 * (fields; items; keys and values), then optional, name, version, doc, parameters, default, field. A struct
 * repeats a nested struct in full wherever it is used: JSON schemas have no references.
 *
 * Rendering happens once per table version; nothing here is on the hot path. */
#include "schema/form/connect.h"

#include "base/json.h"

#define PARAMETERS_MAX 6

static const char *const type_names[] = {
    [MR_CONNECT_BOOLEAN] = "boolean", [MR_CONNECT_INT8] = "int8",
    [MR_CONNECT_INT16] = "int16",     [MR_CONNECT_INT32] = "int32",
    [MR_CONNECT_INT64] = "int64",     [MR_CONNECT_FLOAT32] = "float",
    [MR_CONNECT_FLOAT64] = "double",  [MR_CONNECT_STRING] = "string",
    [MR_CONNECT_BYTES] = "bytes",     [MR_CONNECT_STRUCT] = "struct",
    [MR_CONNECT_ARRAY] = "array",     [MR_CONNECT_MAP] = "map",
};

struct mr_connect *mr_connect_new(struct mr_arena *arena, enum mr_connect_type type, bool optional)
{
    struct mr_connect *schema = MR_ARENA_NEW(arena, struct mr_connect);

    *schema = (struct mr_connect){.type = type, .optional = optional};
    return schema;
}

struct mr_connect *mr_connect_named(struct mr_arena *arena, enum mr_connect_type type,
                                    bool optional, const char *name, int32_t version)
{
    struct mr_connect *schema = mr_connect_new(arena, type, optional);

    schema->name = mr_slice_str(name);
    schema->version = version;
    return schema;
}

struct mr_connect *mr_connect_struct(struct mr_arena *arena, bool optional, struct mr_slice name,
                                     int32_t version, uint32_t capacity)
{
    struct mr_connect *schema = mr_connect_new(arena, MR_CONNECT_STRUCT, optional);

    schema->name = name;
    schema->version = version;
    schema->fields = MR_ARENA_ARRAY(arena, struct mr_connect_field, capacity);
    return schema;
}

void mr_connect_add(struct mr_connect *schema, struct mr_slice name, const struct mr_connect *field)
{
    schema->fields[schema->field_count++] = (struct mr_connect_field){name, field};
}

void mr_connect_parameter(struct mr_arena *arena, struct mr_connect *schema, const char *name,
                          struct mr_slice value)
{
    if (!schema->parameters)
        schema->parameters = MR_ARENA_ARRAY(arena, struct mr_connect_parameter, PARAMETERS_MAX);
    if (schema->parameter_count == PARAMETERS_MAX)
        return;
    schema->parameters[schema->parameter_count++] =
        (struct mr_connect_parameter){mr_slice_str(name), mr_arena_copy(arena, value)};
}

static void add_literal(const struct mr_connect *schema, struct mr_buf *buf)
{
    const struct mr_value *value = &schema->standard;

    switch (value->kind) {
    case MR_BOOL: mr_buf_add_str(buf, value->i ? "true" : "false"); break;
    case MR_INT: mr_json_add_i64(buf, value->i); break;
    case MR_FLOAT:
        if (schema->type == MR_CONNECT_FLOAT32) {
            char text[32];
            mr_buf_add(buf, text, (size_t)(mr_json_put_f32(text, (float)value->f) - text));
        } else {
            mr_json_add_f64(buf, value->f);
        }
        break;
    case MR_BYTES:
        if (mr_buf_room(buf, 6 + 4 * (size_t)value->size / 3)) {
            char *end = mr_json_put_base64(buf->data + buf->size, mr_value_slice(value));
            buf->size = (size_t)(end - buf->data);
        }
        break;
    default: mr_json_add_str(buf, mr_value_slice(value)); break;
    }
}

static void add_content(const struct mr_connect *schema, struct mr_buf *buf)
{
    const struct mr_slice none = {NULL, 0};

    if (schema->type == MR_CONNECT_STRUCT) {
        mr_buf_add_str(buf, ",\"fields\":[");
        for (uint32_t i = 0; i < schema->field_count; i++) {
            if (i > 0)
                mr_buf_add_char(buf, ',');
            mr_connect_json(schema->fields[i].schema, schema->fields[i].name, buf);
        }
        mr_buf_add_char(buf, ']');
    } else if (schema->type == MR_CONNECT_ARRAY) {
        mr_buf_add_str(buf, ",\"items\":");
        mr_connect_json(schema->item, none, buf);
    } else if (schema->type == MR_CONNECT_MAP) {
        mr_buf_add_str(buf, ",\"keys\":");
        mr_connect_json(schema->map_key, none, buf);
        mr_buf_add_str(buf, ",\"values\":");
        mr_connect_json(schema->item, none, buf);
    }
}

static void add_text(struct mr_buf *buf, const char *key, struct mr_slice text)
{
    if (!text.data)
        return;
    mr_buf_add_str(buf, key);
    mr_json_add_str(buf, text);
}

void mr_connect_json(const struct mr_connect *schema, struct mr_slice field, struct mr_buf *buf)
{
    mr_buf_printf(buf, "{\"type\":\"%s\"", type_names[schema->type]);
    add_content(schema, buf);
    mr_buf_add_str(buf, schema->optional ? ",\"optional\":true" : ",\"optional\":false");
    add_text(buf, ",\"name\":", schema->name);
    if (schema->version)
        mr_buf_printf(buf, ",\"version\":%d", schema->version);
    add_text(buf, ",\"doc\":", schema->doc);
    for (uint32_t i = 0; i < schema->parameter_count; i++) {
        mr_buf_add_str(buf, i == 0 ? ",\"parameters\":{" : ",");
        mr_json_add_str(buf, schema->parameters[i].name);
        mr_buf_add_char(buf, ':');
        mr_json_add_str(buf, schema->parameters[i].value);
    }
    if (schema->parameter_count > 0)
        mr_buf_add_char(buf, '}');
    if (schema->standard.kind != MR_NULL) {
        mr_buf_add_str(buf, ",\"default\":");
        add_literal(schema, buf);
    }
    add_text(buf, ",\"field\":", field);
    mr_buf_add_char(buf, '}');
}
