/* A form's Connect schema: semantic name, version, parameters, fields.
 *
 * What most kinds look like stands in one table; the structs among the semantic types and their docs are made by
 * hand below it. Names, versions and texts are Debezium's and part of the contract, since consumers registered
 * them; with `native` they are Avro's own logical types. */
#include "schema/form/describe.h"

#include <stdio.h>

/* What most kinds look like; the rest is made by hand in describe(). */
static const struct {
    enum mr_connect_type base;
    const char *name;
    int32_t version;
} looks[] = {
    [MR_FORM_BOOLEAN] = {MR_CONNECT_BOOLEAN, NULL, 0},
    [MR_FORM_INTEGER] = {MR_CONNECT_INT64, NULL, 0},
    [MR_FORM_FLOAT] = {MR_CONNECT_FLOAT64, NULL, 0},
    [MR_FORM_STRING] = {MR_CONNECT_STRING, NULL, 0},
    [MR_FORM_BYTES] = {MR_CONNECT_BYTES, NULL, 0},
    [MR_FORM_BASE64] = {MR_CONNECT_STRING, NULL, 0},
    [MR_FORM_BASE64_URL] = {MR_CONNECT_STRING, NULL, 0},
    [MR_FORM_HEX] = {MR_CONNECT_STRING, NULL, 0},
    [MR_FORM_DECIMAL_BYTES] = {MR_CONNECT_BYTES, "org.apache.kafka.connect.data.Decimal", 1},
    [MR_FORM_DECIMAL_FLOAT] = {MR_CONNECT_FLOAT64, NULL, 0},
    [MR_FORM_DECIMAL_TEXT] = {MR_CONNECT_STRING, NULL, 0},
    [MR_FORM_DECIMAL_VARIABLE] = {MR_CONNECT_STRUCT, "io.debezium.data.VariableScaleDecimal", 1},
    [MR_FORM_UUID] = {MR_CONNECT_STRING, "io.debezium.data.Uuid", 1},
    [MR_FORM_DATE] = {MR_CONNECT_INT32, "io.debezium.time.Date", 1},
    [MR_FORM_DATE_ISO] = {MR_CONNECT_STRING, "io.debezium.time.IsoDate", 1},
    [MR_FORM_TIME_MS] = {MR_CONNECT_INT32, "io.debezium.time.Time", 1},
    [MR_FORM_TIME_US] = {MR_CONNECT_INT64, "io.debezium.time.MicroTime", 1},
    [MR_FORM_TIME_NS] = {MR_CONNECT_INT64, "io.debezium.time.NanoTime", 1},
    [MR_FORM_TIME_ISO] = {MR_CONNECT_STRING, "io.debezium.time.IsoTime", 1},
    [MR_FORM_TIMETZ] = {MR_CONNECT_STRING, "io.debezium.time.ZonedTime", 1},
    [MR_FORM_TIMESTAMP_MS] = {MR_CONNECT_INT64, "io.debezium.time.Timestamp", 1},
    [MR_FORM_TIMESTAMP_US] = {MR_CONNECT_INT64, "io.debezium.time.MicroTimestamp", 1},
    [MR_FORM_TIMESTAMP_NS] = {MR_CONNECT_INT64, "io.debezium.time.NanoTimestamp", 1},
    [MR_FORM_TIMESTAMP_ISO] = {MR_CONNECT_STRING, "io.debezium.time.IsoTimestamp", 1},
    [MR_FORM_TIMESTAMPTZ] = {MR_CONNECT_STRING, "io.debezium.time.ZonedTimestamp", 1},
    [MR_FORM_INTERVAL_US] = {MR_CONNECT_INT64, "io.debezium.time.MicroDuration", 1},
    [MR_FORM_INTERVAL_TEXT] = {MR_CONNECT_STRING, "io.debezium.time.Interval", 1},
    [MR_FORM_BIT] = {MR_CONNECT_BOOLEAN, NULL, 0},
    [MR_FORM_BITS] = {MR_CONNECT_BYTES, "io.debezium.data.Bits", 1},
    [MR_FORM_HSTORE_MAP] = {MR_CONNECT_MAP, NULL, 0},
    [MR_FORM_POINT] = {MR_CONNECT_STRUCT, "io.debezium.data.geometry.Point", 1},
    [MR_FORM_LINE] = {MR_CONNECT_STRUCT, "io.debezium.data.geometry.Line", 1},
    [MR_FORM_CIRCLE] = {MR_CONNECT_STRUCT, "io.debezium.data.geometry.Circle", 1},
    [MR_FORM_GEOMETRY] = {MR_CONNECT_STRUCT, "io.debezium.data.geometry.Geometry", 2},
    [MR_FORM_GEOGRAPHY] = {MR_CONNECT_STRUCT, "io.debezium.data.geometry.Geography", 1},
    [MR_FORM_SPATIAL] = {MR_CONNECT_STRUCT, "io.debezium.data.geometry.Geometry", 1},
    [MR_FORM_VECTOR] = {MR_CONNECT_ARRAY, "io.debezium.data.DoubleVector", 1},
    [MR_FORM_SPARSE] = {MR_CONNECT_STRUCT, "io.debezium.data.SparseDoubleVector", 1},
    [MR_FORM_ARRAY] = {MR_CONNECT_ARRAY, NULL, 0},
};

enum mr_connect_type mr_form_base(enum mr_form_kind kind)
{
    return looks[kind].base;
}

/* Semantic names by what the column is and not by how it is converted. */
static const char *text_name(enum mr_type type)
{
    switch (type) {
    case MR_TYPE_JSON:
    case MR_TYPE_HSTORE: return "io.debezium.data.Json";
    case MR_TYPE_XML: return "io.debezium.data.Xml";
    case MR_TYPE_ENUM: return "io.debezium.data.Enum";
    case MR_TYPE_SET: return "io.debezium.data.EnumSet";
    case MR_TYPE_LTREE: return "io.debezium.data.Ltree";
    case MR_TYPE_TSVECTOR: return "io.debezium.data.Tsvector";
    default: return NULL;
    }
}

/* Avro's own logical types; NULL for a type that has none. Structs keep their names: records need one. */
static const char *native_name(const struct mr_form *form)
{
    switch (form->kind) {
    case MR_FORM_DECIMAL_BYTES: return "decimal";
    case MR_FORM_DATE: return "date";
    case MR_FORM_TIME_US: return "time-micros";
    case MR_FORM_UUID: return "uuid";
    case MR_FORM_TIMESTAMP_US:
        return form->column->type == MR_TYPE_TIMESTAMPTZ ? "timestamp-micros"
                                                         : "local-timestamp-micros";
    default: return form->base == MR_CONNECT_STRUCT ? looks[form->kind].name : NULL;
    }
}

static const char *semantic_name(const struct mr_form *form, const struct mr_form_options *options)
{
    if (options->native)
        return native_name(form);
    if (form->kind == MR_FORM_STRING)
        return text_name(form->column->type);
    if (form->column->type == MR_TYPE_YEAR)
        return "io.debezium.time.Year";
    if (form->kind == MR_FORM_VECTOR && form->column->type == MR_TYPE_HALFVEC)
        return "io.debezium.data.FloatVector";
    if (options->time == MR_TIME_CONNECT) {
        if (form->kind == MR_FORM_DATE)
            return "org.apache.kafka.connect.data.Date";
        if (form->kind == MR_FORM_TIME_MS)
            return "org.apache.kafka.connect.data.Time";
        if (form->kind == MR_FORM_TIMESTAMP_MS)
            return "org.apache.kafka.connect.data.Timestamp";
    }
    return looks[form->kind].name;
}

static void add_number(struct mr_arena *arena, struct mr_connect *schema, const char *name,
                       int32_t value)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "%d", value);

    mr_connect_parameter(arena, schema, name, mr_slice(text, (size_t)size));
}

static void add_label(struct mr_buf *buf, struct mr_slice label, bool escape)
{
    for (size_t i = 0; i < label.size; i++) {
        if (escape && (label.data[i] == ',' || label.data[i] == '\\'))
            mr_buf_add_char(buf, '\\');
        mr_buf_add_char(buf, label.data[i]);
    }
}

static void add_labels(struct mr_arena *arena, struct mr_connect *schema,
                       const struct mr_column *column, bool escape)
{
    struct mr_buf buf;

    mr_buf_init(&buf, SIZE_MAX / 2);
    for (uint32_t i = 0; i < column->label_count; i++) {
        if (i > 0)
            mr_buf_add_char(&buf, ',');
        add_label(&buf, column->labels[i], escape);
    }
    mr_connect_parameter(arena, schema, "allowed", mr_buf_slice(&buf));
    mr_buf_done(&buf);
}

static void add_fields(struct mr_arena *arena, struct mr_connect *schema, size_t count,
                       const char *const *names, const enum mr_connect_type *types,
                       const bool *optional)
{
    schema->fields = MR_ARENA_ARRAY(arena, struct mr_connect_field, count + 1);
    for (size_t i = 0; i < count; i++)
        mr_connect_add(schema, mr_slice_str(names[i]),
                       mr_connect_new(arena, types[i], optional[i]));
}

static struct mr_connect *point_schema(struct mr_arena *arena, bool optional)
{
    struct mr_connect *schema =
        mr_connect_named(arena, MR_CONNECT_STRUCT, optional, looks[MR_FORM_POINT].name, 1);

    schema->doc = mr_slice_str("Geometry (POINT)");
    add_fields(arena, schema, 4, (const char *const[]){"x", "y", "wkb", "srid"},
               (const enum mr_connect_type[]){MR_CONNECT_FLOAT64, MR_CONNECT_FLOAT64,
                                              MR_CONNECT_BYTES, MR_CONNECT_INT32},
               (const bool[]){false, false, true, true});
    return schema;
}

static struct mr_connect *map_schema(struct mr_arena *arena, bool optional,
                                     enum mr_connect_type key, enum mr_connect_type item,
                                     bool item_optional)
{
    struct mr_connect *schema = mr_connect_new(arena, MR_CONNECT_MAP, optional);

    schema->map_key = mr_connect_new(arena, key, false);
    schema->item = mr_connect_new(arena, item, item_optional);
    return schema;
}

static void describe_geometry(struct mr_arena *arena, const struct mr_form *form,
                              struct mr_connect *schema)
{
    add_fields(arena, schema, 2, (const char *const[]){"wkb", "srid"},
               (const enum mr_connect_type[]){MR_CONNECT_BYTES, MR_CONNECT_INT32},
               (const bool[]){false, true});
    schema->doc = mr_slice_str(form->kind == MR_FORM_GEOGRAPHY ? "Geography" : "Geometry");
    if (form->kind == MR_FORM_GEOMETRY)
        mr_connect_add(schema, mr_slice_str("extensions"),
                       map_schema(arena, true, MR_CONNECT_STRING, MR_CONNECT_STRING, false));
}

/* The structs among the semantic types. */
static void describe_struct(struct mr_arena *arena, const struct mr_form *form,
                            struct mr_connect *schema)
{
    static const bool required[] = {false, false, false};

    switch (form->kind) {
    case MR_FORM_DECIMAL_VARIABLE:
        schema->doc = mr_slice_str("Variable scaled decimal");
        add_fields(arena, schema, 2, (const char *const[]){"scale", "value"},
                   (const enum mr_connect_type[]){MR_CONNECT_INT32, MR_CONNECT_BYTES}, required);
        break;
    case MR_FORM_LINE:
        schema->doc = mr_slice_str("Geometry (LINE)");
        add_fields(arena, schema, 3, (const char *const[]){"a", "b", "c"},
                   (const enum mr_connect_type[]){MR_CONNECT_FLOAT64, MR_CONNECT_FLOAT64,
                                                  MR_CONNECT_FLOAT64},
                   required);
        break;
    case MR_FORM_CIRCLE:
        schema->doc = mr_slice_str("Geometry (CIRCLE)");
        schema->fields = MR_ARENA_ARRAY(arena, struct mr_connect_field, 2);
        mr_connect_add(schema, mr_slice_str("center"), point_schema(arena, false));
        mr_connect_add(schema, mr_slice_str("radius"),
                       mr_connect_new(arena, MR_CONNECT_FLOAT64, false));
        break;
    case MR_FORM_SPARSE:
        schema->doc = mr_slice_str("Sparse double vector");
        add_fields(arena, schema, 1, (const char *const[]){"dimensions"},
                   (const enum mr_connect_type[]){MR_CONNECT_INT16}, required);
        mr_connect_add(schema, mr_slice_str("vector"),
                       map_schema(arena, false, MR_CONNECT_INT16, MR_CONNECT_FLOAT64, false));
        break;
    default: describe_geometry(arena, form, schema); break;
    }
}

/* Debezium's schemas of these are optional for NOT NULL columns too. */
static bool never_required(const struct mr_column *column)
{
    return column->type == MR_TYPE_LINE || column->type == MR_TYPE_CIRCLE ||
           column->type == MR_TYPE_SHAPE;
}

struct mr_connect *mr_form_describe(struct mr_arena *arena, const struct mr_form *form,
                                    const struct mr_form_options *options)
{
    const struct mr_column *column = form->column;
    const char *name = semantic_name(form, options);
    struct mr_connect *schema;

    if (form->kind == MR_FORM_POINT)
        return point_schema(arena, form->optional);
    if (form->kind == MR_FORM_HSTORE_MAP)
        return map_schema(arena, form->optional, MR_CONNECT_STRING, MR_CONNECT_STRING, true);
    schema = mr_connect_named(arena, form->base, form->optional || never_required(column), name,
                              name ? 1 : 0);
    if (form->kind == MR_FORM_DECIMAL_BYTES) {
        add_number(arena, schema, "scale", form->scale);
        if (form->precision > 0)
            add_number(arena, schema, "connect.decimal.precision", form->precision);
    } else if (form->kind == MR_FORM_BITS) {
        add_number(arena, schema, "length", column->length ? column->length : INT32_MAX);
    } else if (column->type == MR_TYPE_ENUM || column->type == MR_TYPE_SET) {
        add_labels(arena, schema, column, form->mapping->escapes_labels);
    } else if (form->kind == MR_FORM_ARRAY) {
        schema->item = form->element->schema;
    } else if (form->kind == MR_FORM_VECTOR) {
        schema->item = mr_connect_new(
            arena, column->type == MR_TYPE_HALFVEC ? MR_CONNECT_FLOAT32 : MR_CONNECT_FLOAT64,
            false);
    } else if (form->base == MR_CONNECT_STRUCT) {
        schema->version = looks[form->kind].version;
        describe_struct(arena, form, schema);
    }
    if (column->masked)
        mr_connect_parameter(arena, schema, "masked", mr_slice_str("true"));
    if (column->truncated)
        add_number(arena, schema, "truncateLength", (int32_t)column->truncate_length);
    return schema;
}
