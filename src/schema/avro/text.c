/* Avro schema text in Confluent's order.
 *
 *     field    name, type, default
 *     type     type, (items | values), scale, precision, connect.doc, connect.version, connect.parameters,
 *              connect.default, connect.name, connect.type, logicalType; bare ("int") when there is only a type
 *     record   type, name, namespace (only where it differs from the enclosing one), fields, then as above
 *     optional ["null",T] with default null; [T,"null"] where the default is a value
 *
 * A record that was printed once is a name from then on, short inside its own namespace. Numbers in defaults are
 * printed as Java prints them, bytes as a string of characters U+0000 to U+00FF.
 *
 * Not done here: parsing and comparing (avro/diff.c), and judging names (mr_name_adjust makes them legal; what is
 * still illegal the registry refuses). */
#include "schema/avro/text.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

#define SEEN_MAX 64

struct writer {
    struct mr_buf *buf;
    enum mr_avro_profile profile;
    struct mr_slice seen[SEEN_MAX]; /* full names of the records printed */
    size_t seen_count;
};

static const struct {
    const char *name, *connect; /* connect.type, where Avro has no such type */
} avro_types[] = {
    [MR_CONNECT_BOOLEAN] = {"boolean", NULL}, [MR_CONNECT_INT8] = {"int", "int8"},
    [MR_CONNECT_INT16] = {"int", "int16"},    [MR_CONNECT_INT32] = {"int", NULL},
    [MR_CONNECT_INT64] = {"long", NULL},      [MR_CONNECT_FLOAT32] = {"float", NULL},
    [MR_CONNECT_FLOAT64] = {"double", NULL},  [MR_CONNECT_STRING] = {"string", NULL},
    [MR_CONNECT_BYTES] = {"bytes", NULL},     [MR_CONNECT_STRUCT] = {"record", NULL},
    [MR_CONNECT_ARRAY] = {"array", NULL},     [MR_CONNECT_MAP] = {"map", NULL},
};

static void add_schema(struct writer *writer, const struct mr_connect *schema,
                       struct mr_slice namespace);

static const char *logical_type(struct mr_slice name)
{
    static const char *const connect[][2] = {{"Decimal", "decimal"},
                                             {"Date", "date"},
                                             {"Time", "time-millis"},
                                             {"Timestamp", "timestamp-millis"}};
    static const char prefix[] = "org.apache.kafka.connect.data.";
    size_t size = sizeof(prefix) - 1;

    if (name.size <= size || memcmp(name.data, prefix, size) != 0)
        return NULL;
    for (size_t i = 0; i < 4; i++) {
        if (mr_slice_is(mr_slice(name.data + size, name.size - size), connect[i][0]))
            return connect[i][1];
    }
    return NULL;
}

static struct mr_slice parameter(const struct mr_connect *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->parameter_count; i++) {
        if (mr_slice_is(schema->parameters[i].name, name))
            return schema->parameters[i].value;
    }
    return (struct mr_slice){NULL, 0};
}

static bool is_decimal(const struct mr_connect *schema)
{
    return mr_slice_is(schema->name, "org.apache.kafka.connect.data.Decimal") ||
           mr_slice_is(schema->name, "decimal");
}

/* Double.toString: decimal from 10^-3 to 10^7, else 1.0E10. */
static void add_java_double(struct mr_buf *buf, double number, bool single)
{
    char text[64], digits[40];
    char *mark;
    int exponent, count;

    for (count = 1; count <= 17; count++) {
        snprintf(text, sizeof(text), "%.*e", count - 1, number);
        if (single ? strtof(text, NULL) == (float)number : strtod(text, NULL) == number)
            break;
    }
    mark = strchr(text, 'e');
    if (!mark ||
        (number != 0 && (number < 0 ? -number : number) >= 1e-3 &&
         (number < 0 ? -number : number) < 1e7) ||
        number == 0) {
        char *end = single ? mr_json_put_f32(text, (float)number) : mr_json_put_f64(text, number);
        mr_buf_add(buf, text, (size_t)(end - text));
        return;
    }
    exponent = (int)strtol(mark + 1, NULL, 10);
    *mark = '\0';
    snprintf(digits, sizeof(digits), "%.36s", text);
    mr_buf_printf(buf, "%s%sE%d", digits, strchr(digits, '.') ? "" : ".0", exponent);
}

/* Bytes as a JSON string whose characters are the bytes. */
static void add_byte_string(struct mr_buf *buf, struct mr_slice bytes)
{
    mr_buf_add_char(buf, '"');
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];

        if (byte == '"' || byte == '\\')
            mr_buf_printf(buf, "\\%c", byte);
        else if (byte < 0x20)
            mr_buf_printf(buf, "\\u%04X", byte);
        else if (byte < 0x80)
            mr_buf_add_char(buf, (char)byte);
        else
            mr_buf_printf(buf, "%c%c", 0xc0 | byte >> 6, 0x80 | (byte & 0x3f));
    }
    mr_buf_add_char(buf, '"');
}

static void add_literal(struct mr_buf *buf, const struct mr_connect *schema)
{
    const struct mr_value *value = &schema->standard;

    switch (value->kind) {
    case MR_BOOL: mr_buf_add_str(buf, value->i ? "true" : "false"); break;
    case MR_INT: mr_json_add_i64(buf, value->i); break;
    case MR_FLOAT: add_java_double(buf, value->f, schema->type == MR_CONNECT_FLOAT32); break;
    case MR_BYTES: add_byte_string(buf, mr_value_slice(value)); break;
    default: mr_json_add_str(buf, mr_value_slice(value)); break;
    }
}

static void add_key(struct mr_buf *buf, const char *key)
{
    mr_buf_printf(buf, ",\"%s\":", key);
}

static void add_connect_parameters(struct mr_buf *buf, const struct mr_connect *schema)
{
    for (uint32_t i = 0; i < schema->parameter_count; i++) {
        if (i == 0)
            add_key(buf, "connect.parameters");
        mr_buf_add_char(buf, i == 0 ? '{' : ',');
        mr_json_add_str(buf, schema->parameters[i].name);
        mr_buf_add_char(buf, ':');
        mr_json_add_str(buf, schema->parameters[i].value);
    }
    if (schema->parameter_count > 0)
        mr_buf_add_char(buf, '}');
}

/* connect.doc to connect.type, and logicalType. */
static void add_connect(struct writer *writer, const struct mr_connect *schema)
{
    struct mr_buf *buf = writer->buf;

    if (schema->doc.data) {
        add_key(buf, "connect.doc");
        mr_json_add_str(buf, schema->doc);
    }
    if (schema->version) {
        add_key(buf, "connect.version");
        mr_json_add_i64(buf, schema->version);
    }
    add_connect_parameters(buf, schema);
    if (schema->standard.kind != MR_NULL) {
        add_key(buf, "connect.default");
        add_literal(buf, schema);
    }
    if (schema->name.data) {
        add_key(buf, "connect.name");
        mr_json_add_str(buf, schema->name);
    }
    if (avro_types[schema->type].connect)
        mr_buf_printf(buf, ",\"connect.type\":\"%s\"", avro_types[schema->type].connect);
    if (logical_type(schema->name))
        mr_buf_printf(buf, ",\"logicalType\":\"%s\"", logical_type(schema->name));
}

static void add_decimal(struct mr_buf *buf, const struct mr_connect *schema)
{
    struct mr_slice precision = parameter(schema, "connect.decimal.precision");

    mr_buf_printf(buf, ",\"scale\":%.*s,\"precision\":%.*s",
                  MR_SLICE_ARG(parameter(schema, "scale")),
                  precision.data ? (int)precision.size : 2, precision.data ? precision.data : "64");
}

static void add_properties(struct writer *writer, const struct mr_connect *schema)
{
    if (writer->profile == MR_AVRO_NATIVE) {
        if (schema->name.data && schema->type != MR_CONNECT_STRUCT)
            mr_buf_printf(writer->buf, ",\"logicalType\":\"%.*s\"", MR_SLICE_ARG(schema->name));
        if (is_decimal(schema))
            add_decimal(writer->buf, schema);
        return;
    }
    if (is_decimal(schema))
        add_decimal(writer->buf, schema);
    add_connect(writer, schema);
}

static bool has_properties(const struct writer *writer, const struct mr_connect *schema)
{
    if (writer->profile == MR_AVRO_NATIVE)
        return schema->name.data != NULL;
    return schema->name.data || schema->doc.data || schema->version ||
           schema->parameter_count > 0 || schema->standard.kind != MR_NULL ||
           avro_types[schema->type].connect;
}

static void split(struct mr_slice full, struct mr_slice *ret_namespace, struct mr_slice *ret_name)
{
    size_t at = full.size;

    while (at > 0 && full.data[at - 1] != '.')
        at--;
    *ret_name = mr_slice(full.data + at, full.size - at);
    *ret_namespace = mr_slice(full.data, at > 0 ? at - 1 : 0);
}

/* True when the record was printed before; else it is remembered. */
static bool seen(struct writer *writer, struct mr_slice full)
{
    for (size_t i = 0; i < writer->seen_count; i++) {
        if (mr_slice_equal(writer->seen[i], full))
            return true;
    }
    if (writer->seen_count < SEEN_MAX)
        writer->seen[writer->seen_count++] = full;
    return false;
}

/* T, or the union of T and null. */
static void add_optional(struct writer *writer, const struct mr_connect *schema,
                         struct mr_slice namespace)
{
    bool value_first = schema->standard.kind != MR_NULL;

    if (!schema->optional) {
        add_schema(writer, schema, namespace);
        return;
    }
    mr_buf_add_str(writer->buf, value_first ? "[" : "[\"null\",");
    add_schema(writer, schema, namespace);
    mr_buf_add_str(writer->buf, value_first ? ",\"null\"]" : "]");
}

static void add_field(struct writer *writer, const struct mr_connect_field *field,
                      struct mr_slice namespace)
{
    struct mr_buf *buf = writer->buf;

    mr_buf_add_str(buf, "{\"name\":");
    mr_json_add_str(buf, field->name);
    add_key(buf, "type");
    add_optional(writer, field->schema, namespace);
    if (field->schema->standard.kind != MR_NULL) {
        add_key(buf, "default");
        add_literal(buf, field->schema);
    } else if (field->schema->optional) {
        mr_buf_add_str(buf, ",\"default\":null");
    }
    mr_buf_add_char(buf, '}');
}

static void add_record(struct writer *writer, const struct mr_connect *schema,
                       struct mr_slice enclosing)
{
    struct mr_buf *buf = writer->buf;
    struct mr_slice namespace, name;

    split(schema->name, &namespace, &name);
    if (seen(writer, schema->name)) {
        mr_json_add_str(buf, mr_slice_equal(namespace, enclosing) ? name : schema->name);
        return;
    }
    mr_buf_add_str(buf, "{\"type\":\"record\",\"name\":");
    mr_json_add_str(buf, name);
    if (!mr_slice_equal(namespace, enclosing)) {
        add_key(buf, "namespace");
        mr_json_add_str(buf, namespace);
    }
    mr_buf_add_str(buf, ",\"fields\":[");
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (i > 0)
            mr_buf_add_char(buf, ',');
        add_field(writer, &schema->fields[i], namespace);
    }
    mr_buf_add_char(buf, ']');
    add_properties(writer, schema);
    mr_buf_add_char(buf, '}');
}

/* A map whose keys are no strings is an array of entries. */
static void add_entries(struct writer *writer, const struct mr_connect *schema)
{
    const struct mr_slice namespace = MR_SLICE("io.confluent.connect.avro");
    struct mr_connect_field fields[] = {{MR_SLICE("key"), schema->map_key},
                                        {MR_SLICE("value"), schema->item}};
    const struct mr_connect entry = {.type = MR_CONNECT_STRUCT,
                                     .name = MR_SLICE("io.confluent.connect.avro.MapEntry"),
                                     .field_count = 2,
                                     .fields = fields};
    struct mr_buf *buf = writer->buf;

    if (seen(writer, entry.name)) {
        mr_json_add_str(buf, entry.name);
        return;
    }
    mr_buf_printf(buf,
                  "{\"type\":\"record\",\"name\":\"MapEntry\",\"namespace\":\"%s\",\"fields\":[",
                  namespace.data);
    add_field(writer, &entry.fields[0], namespace);
    mr_buf_add_char(buf, ',');
    add_field(writer, &entry.fields[1], namespace);
    mr_buf_add_str(buf, "]}");
}

static void add_schema(struct writer *writer, const struct mr_connect *schema,
                       struct mr_slice namespace)
{
    struct mr_buf *buf = writer->buf;

    if (schema->type == MR_CONNECT_STRUCT) {
        add_record(writer, schema, namespace);
        return;
    }
    if (schema->type == MR_CONNECT_MAP && schema->map_key->type != MR_CONNECT_STRING) {
        mr_buf_add_str(buf, "{\"type\":\"array\",\"items\":");
        add_entries(writer, schema);
    } else if (schema->type == MR_CONNECT_ARRAY || schema->type == MR_CONNECT_MAP) {
        mr_buf_add_str(buf, schema->type == MR_CONNECT_ARRAY ? "{\"type\":\"array\",\"items\":"
                                                             : "{\"type\":\"map\",\"values\":");
        add_optional(writer, schema->item, namespace);
    } else if (has_properties(writer, schema)) {
        mr_buf_printf(buf, "{\"type\":\"%s\"", avro_types[schema->type].name);
    } else {
        mr_buf_printf(buf, "\"%s\"", avro_types[schema->type].name);
        return;
    }
    add_properties(writer, schema);
    mr_buf_add_char(buf, '}');
}

void mr_avro_text(const struct mr_connect *schema, enum mr_avro_profile profile, struct mr_buf *buf)
{
    struct writer writer = {.buf = buf, .profile = profile};

    add_schema(&writer, schema, (struct mr_slice){NULL, 0});
}
