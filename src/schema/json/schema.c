/* JSON Schema text in Confluent's order.
 *
 *     scalar    type, title, description, default, connect.*            boolean: its type comes last
 *     object    ..., additionalProperties false (closed), connect.*, properties
 *     map       text keys: object with additionalProperties = the values' schema; else array of {"key","value"}
 *     optional  {"connect.index":3,"oneOf":[{"type":"null"},{the schema}]}
 *
 * Fields are never `required`, because the converter says so of none. A nested struct is repeated in full wherever it
 * is used. Numbers of a field's place in its struct stand in connect.index, because the order of properties does
 * not tell it: the converter's properties come out of a java.util.HashMap, and a registry knows a schema by its text.
 * So that order is part of the contract. It depends only on the keys: buckets by (h ^ h >>> 16), h = 31 h + c over
 * UTF-16, in a table as large as Java 8 to 18 make it. Java 19 takes half of it for 3, 6, 12, 24 ... keys: a converter
 * on it registers another order there, and the registry's `normalize` makes the two equal. */
#include "schema/json/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

struct writer {
    struct mr_buf *buf;
    const struct mr_json_schema_style *style;
};

static const struct {
    const char *type, *connect;
} types[] = {
    [MR_CONNECT_BOOLEAN] = {"boolean", NULL},     [MR_CONNECT_INT8] = {"integer", "int8"},
    [MR_CONNECT_INT16] = {"integer", "int16"},    [MR_CONNECT_INT32] = {"integer", "int32"},
    [MR_CONNECT_INT64] = {"integer", "int64"},    [MR_CONNECT_FLOAT32] = {"number", "float32"},
    [MR_CONNECT_FLOAT64] = {"number", "float64"}, [MR_CONNECT_STRING] = {"string", NULL},
    [MR_CONNECT_BYTES] = {"string", "bytes"},     [MR_CONNECT_STRUCT] = {"object", NULL},
    [MR_CONNECT_ARRAY] = {"array", NULL},         [MR_CONNECT_MAP] = {"object", "map"},
};

/* Decodes one character of UTF-8 that was checked before; a stray byte stands for itself. */
static uint32_t next_character(const unsigned char **at, const unsigned char *end)
{
    uint32_t lead = *(*at)++, more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    uint32_t character = more == 0 ? lead : lead & (0x3fU >> more);

    for (; more > 0 && *at < end; more--)
        character = character << 6 | (*(*at)++ & 0x3f);
    return character;
}

/* String.hashCode, spread as HashMap does. */
static uint32_t java_hash(struct mr_slice text)
{
    const unsigned char *at = (const unsigned char *)text.data, *end = at + text.size;
    uint32_t hash = 0;

    while (at < end) {
        uint32_t character = next_character(&at, end);

        if (character >= 0x10000) {
            hash = 31 * hash + (0xd800 + ((character - 0x10000) >> 10));
            character = 0xdc00 + ((character - 0x10000) & 0x3ff);
        }
        hash = 31 * hash + character;
    }
    return hash ^ hash >> 16;
}

/* A stable sort by bucket: within one, keys stay in the order they came. */
static void by_bucket(const uint32_t *hashes, uint32_t count, uint32_t table, uint32_t *order)
{
    uint32_t *sorted = mr_alloc_zero((count + 1) * sizeof *sorted);
    uint32_t *next = mr_alloc_zero((table + 1) * sizeof *next);

    for (uint32_t i = 0; i < count; i++)
        next[(hashes[order[i]] & (table - 1)) + 1]++;
    for (uint32_t bucket = 0; bucket < table; bucket++)
        next[bucket + 1] += next[bucket];
    for (uint32_t i = 0; i < count; i++)
        sorted[next[hashes[order[i]] & (table - 1)]++] = order[i];
    memcpy(order, sorted, count * sizeof *order);
    free(sorted);
    free(next);
}

/* A load of at most 3/4. */
static uint32_t table_grown(uint32_t count, uint32_t table)
{
    while (4 * (uint64_t)count > 3 * (uint64_t)table)
        table *= 2;
    return table;
}

/* HashMap(Map) before Java 19: room for count / 0.75 + 1. */
static uint32_t table_copied(uint32_t count)
{
    uint32_t table = 1;

    while (table < 4 * (uint64_t)count / 3 + 1)
        table *= 2;
    return table;
}

void mr_java_order(const struct mr_slice *keys, uint32_t count, enum mr_java_map map,
                   uint32_t *ret_order)
{
    uint32_t *hashes = mr_alloc_zero((count + 1) * sizeof *hashes);

    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = java_hash(keys[i]);
        ret_order[i] = i;
    }
    by_bucket(hashes, count, table_grown(count, 16), ret_order);
    by_bucket(hashes, count, map == MR_JAVA_COPIED ? table_copied(count) : table_grown(count, 1),
              ret_order);
    free(hashes);
}

static void add_key(struct mr_buf *buf, const char *key)
{
    mr_buf_printf(buf, ",\"%s\":", key);
}

static void add_text(struct mr_buf *buf, const char *key, struct mr_slice text)
{
    if (!text.data)
        return;
    add_key(buf, key);
    mr_json_add_str(buf, text);
}

/* Double.toString, through org.json (no ".0") and BigDecimal (1E+10). */
static void add_double(struct mr_buf *buf, double number, bool single)
{
    char text[64];
    char *end = single ? mr_json_put_f32(text, (float)number) : mr_json_put_f64(text, number);

    if (end - text > 2 && end[-2] == '.' && end[-1] == '0')
        end -= 2;
    mr_buf_add(buf, text, (size_t)(end - text));
}

static void add_literal(struct mr_buf *buf, const struct mr_connect *schema)
{
    const struct mr_value *value = &schema->standard;

    switch (value->kind) {
    case MR_BOOL: mr_buf_add_str(buf, value->i ? "true" : "false"); break;
    case MR_INT: mr_json_add_i64(buf, value->i); break;
    case MR_FLOAT: add_double(buf, value->f, schema->type == MR_CONNECT_FLOAT32); break;
    case MR_BYTES:
        if (mr_buf_room(buf, 6 + 4 * (size_t)value->size / 3)) {
            char *end = mr_json_put_base64(buf->data + buf->size, mr_value_slice(value));
            buf->size = (size_t)(end - buf->data);
        }
        break;
    default: mr_json_add_str(buf, mr_value_slice(value)); break;
    }
}

static bool is_decimal(const struct mr_connect *schema)
{
    return mr_slice_is(schema->name, "org.apache.kafka.connect.data.Decimal");
}

static void add_default(const struct writer *writer, const struct mr_connect *schema)
{
    struct mr_buf text;

    if (schema->standard.kind == MR_NULL)
        return;
    /* A decimal's default is made as base64 of its unscaled number: no number to print. */
    if (is_decimal(schema) && writer->style->numeric)
        return;
    mr_buf_init(&text, 1 << 20);
    add_literal(&text, schema);
    add_key(writer->buf, "default");
    mr_buf_add_slice(writer->buf, mr_buf_slice(&text));
    mr_buf_done(&text);
}

static void add_parameters(struct mr_buf *buf, const struct mr_connect *schema)
{
    struct mr_slice names[8];
    uint32_t order[8];

    for (uint32_t i = 0; i < schema->parameter_count; i++)
        names[i] = schema->parameters[i].name;
    mr_java_order(names, schema->parameter_count, MR_JAVA_SIZED, order);
    for (uint32_t i = 0; i < schema->parameter_count; i++) {
        mr_buf_add_char(buf, i == 0 ? '{' : ',');
        mr_json_add_str(buf, schema->parameters[order[i]].name);
        mr_buf_add_char(buf, ':');
        mr_json_add_str(buf, schema->parameters[order[i]].value);
    }
    mr_buf_add_char(buf, '}');
}

/* connect.type, connect.version, connect.parameters, connect.index; index -1: none. */
static void add_connect(struct mr_buf *buf, const struct mr_connect *schema, int index)
{
    const bool has[] = {types[schema->type].connect != NULL, schema->version != 0,
                        schema->parameter_count > 0, index >= 0};
    static const char *const keys[] = {"connect.type", "connect.version", "connect.parameters",
                                       "connect.index"};
    struct mr_slice names[4];
    uint32_t order[4], count = 0;

    for (int i = 0; i < 4; i++) {
        if (has[i])
            names[count++] = mr_slice_str(keys[i]);
    }
    mr_java_order(names, count, MR_JAVA_COPIED, order);
    for (uint32_t i = 0; i < count; i++) {
        const char *key = names[order[i]].data;

        add_key(buf, key);
        if (key == keys[0])
            mr_buf_printf(buf, "\"%s\"", types[schema->type].connect);
        else if (key == keys[1])
            mr_json_add_i64(buf, schema->version);
        else if (key == keys[2])
            add_parameters(buf, schema);
        else
            mr_json_add_i64(buf, index);
    }
}

static void add_schema(const struct writer *writer, const struct mr_connect *schema, int index);

/* "properties":{...} of a struct, or of a map's entries. */
static void add_properties(const struct writer *writer, const struct mr_connect_field *fields,
                           uint32_t count)
{
    struct mr_slice *names = mr_alloc_zero((count + 1) * sizeof *names);
    uint32_t *order = mr_alloc_zero((count + 1) * sizeof *order);
    struct mr_buf *buf = writer->buf;

    for (uint32_t i = 0; i < count; i++)
        names[i] = fields[i].name;
    mr_java_order(names, count, MR_JAVA_COPIED, order);
    if (count > 0)
        add_key(buf, "properties");
    for (uint32_t i = 0; i < count; i++) {
        mr_buf_add_char(buf, i == 0 ? '{' : ',');
        mr_json_add_str(buf, fields[order[i]].name);
        mr_buf_add_char(buf, ':');
        add_schema(writer, fields[order[i]].schema, (int)order[i]);
    }
    if (count > 0)
        mr_buf_add_char(buf, '}');
    free(names);
    free(order);
}

/* The keys are text: an object, else an array of entries. */
static bool is_object(const struct mr_connect *schema)
{
    return schema->map_key->type == MR_CONNECT_STRING && !schema->map_key->optional;
}

/* What belongs to the type, after everything else. */
static void add_content(const struct writer *writer, const struct mr_connect *schema)
{
    struct mr_buf *buf = writer->buf;

    if (schema->type == MR_CONNECT_STRUCT) {
        add_properties(writer, schema->fields, schema->field_count);
    } else if (schema->type == MR_CONNECT_ARRAY) {
        add_key(buf, "items");
        add_schema(writer, schema->item, -1);
    } else if (schema->type == MR_CONNECT_MAP && is_object(schema)) {
        add_key(buf, "additionalProperties");
        add_schema(writer, schema->item, -1);
    } else if (schema->type == MR_CONNECT_MAP) {
        const struct mr_connect_field entry[] = {{MR_SLICE("key"), schema->map_key},
                                                 {MR_SLICE("value"), schema->item}};
        add_key(buf, "items");
        mr_buf_add_str(buf, "{\"type\":\"object\"");
        add_properties(writer, entry, 2);
        mr_buf_add_char(buf, '}');
    }
}

static const char *type_of(const struct writer *writer, const struct mr_connect *schema)
{
    if (schema->type == MR_CONNECT_MAP && !is_object(schema))
        return "array";
    return writer->style->numeric && is_decimal(schema) ? "number" : types[schema->type].type;
}

static void add_required(const struct writer *writer, const struct mr_connect *schema, int index)
{
    bool type_last = schema->type == MR_CONNECT_BOOLEAN;
    struct mr_buf *buf = writer->buf;
    size_t start = buf->size;

    if (!type_last)
        mr_buf_printf(buf, ",\"type\":\"%s\"", type_of(writer, schema));
    if (schema->type == MR_CONNECT_STRUCT && writer->style->closed)
        mr_buf_add_str(buf, ",\"additionalProperties\":false");
    add_text(buf, "title", schema->name);
    add_text(buf, "description", schema->doc);
    add_default(writer, schema);
    add_connect(buf, schema, index);
    if (type_last)
        mr_buf_printf(buf, ",\"type\":\"%s\"", type_of(writer, schema));
    add_content(writer, schema);
    if (!buf->failed)
        buf->data[start] = '{';
    mr_buf_add_char(buf, '}');
}

static void add_schema(const struct writer *writer, const struct mr_connect *schema, int index)
{
    struct mr_buf *buf = writer->buf;

    if (!schema->optional) {
        add_required(writer, schema, index);
        return;
    }
    mr_buf_add_char(buf, '{');
    if (index >= 0)
        mr_buf_printf(buf, "\"connect.index\":%d,", index);
    mr_buf_add_str(buf, "\"oneOf\":[{\"type\":\"null\"},");
    add_required(writer, schema, -1);
    mr_buf_add_str(buf, "]}");
}

void mr_json_schema_text(const struct mr_connect *schema, const struct mr_json_schema_style *style,
                         struct mr_buf *buf)
{
    const struct writer writer = {buf, style};

    add_schema(&writer, schema, -1);
}
