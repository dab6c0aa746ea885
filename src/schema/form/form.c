/* From a column to Debezium's schema for it.
 *
 *     column (neutral type, precision, ...) + options
 *        |  choose()      which conversion, which Connect type
 *        |  describe()    the Connect schema with semantic name, version and parameters
 *        |  stand_ins()   what is sent for what is missing
 *        v
 *     form
 *
 * Three things can be missing. A NOT NULL column outside the key has no value in the key-only old row of a
 * delete: the schema needs one, so its default or a zero is sent, the filler. An unchanged TOAST value is not on
 * the wire at all: a placeholder is sent where the type can carry one, else null. And a default is published in
 * the schema only for the types for which Debezium does, since those texts are in everyone's registry.
 *
 * The rules are read off recordings of the real thing (docs/reference/debezium-differences.md lists where ours
 * are better on purpose). Conversion of values is convert.c's. */
#include "schema/form/form.h"

#include <openssl/evp.h>
#include <stdio.h>

const char *const mr_form_decimal_modes[] = {"precise", "double", "string", NULL};
const char *const mr_form_time_modes[] = {
    "adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds",
    NULL};
const char *const mr_form_interval_modes[] = {"numeric", "string", NULL};
const char *const mr_form_binary_modes[] = {"bytes", "base64", "base64-url-safe", "hex", NULL};
const char *const mr_form_hstore_modes[] = {"json", "map", NULL};
const char *const mr_form_failure_modes[] = {"fail", "warn", "skip", NULL};

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
    [MR_FORM_VECTOR] = {MR_CONNECT_ARRAY, "io.debezium.data.DoubleVector", 1},
    [MR_FORM_SPARSE] = {MR_CONNECT_STRUCT, "io.debezium.data.SparseDoubleVector", 1},
    [MR_FORM_ARRAY] = {MR_CONNECT_ARRAY, NULL, 0},
};

static enum mr_form_kind choose_decimal(const struct mr_column *column, int mode)
{
    if (mode == MR_DECIMAL_AS_DOUBLE)
        return MR_FORM_DECIMAL_FLOAT;
    if (mode == MR_DECIMAL_AS_STRING)
        return MR_FORM_DECIMAL_TEXT;
    return column->type == MR_TYPE_DECIMAL && column->precision == 0 ? MR_FORM_DECIMAL_VARIABLE
                                                                     : MR_FORM_DECIMAL_BYTES;
}

static enum mr_form_kind choose_time(const struct mr_column *column, int mode)
{
    bool coarse = column->precision >= 0 && column->precision <= 3;

    switch (mode) {
    case MR_TIME_ADAPTIVE: return coarse ? MR_FORM_TIME_MS : MR_FORM_TIME_US;
    case MR_TIME_CONNECT: return MR_FORM_TIME_MS;
    case MR_TIME_ISOSTRING: return MR_FORM_TIME_ISO;
    case MR_TIME_NANOSECONDS: return MR_FORM_TIME_NS;
    default: return MR_FORM_TIME_US;
    }
}

static enum mr_form_kind choose_timestamp(const struct mr_column *column, int mode)
{
    bool coarse = column->precision >= 0 && column->precision <= 3;

    switch (mode) {
    case MR_TIME_CONNECT: return MR_FORM_TIMESTAMP_MS;
    case MR_TIME_ISOSTRING: return MR_FORM_TIMESTAMP_ISO;
    case MR_TIME_MICROSECONDS: return MR_FORM_TIMESTAMP_US;
    case MR_TIME_NANOSECONDS: return MR_FORM_TIMESTAMP_NS;
    default: return coarse ? MR_FORM_TIMESTAMP_MS : MR_FORM_TIMESTAMP_US;
    }
}

/* OIDs from here on are of types that users and extensions made. */
#define FIRST_USER_OID 16384

/* A domain is read as its base type; only its OID and name tell. Extensions' own types have kinds of their own. */
static bool is_domain(const struct mr_column *element)
{
    return element->native_id >= FIRST_USER_OID && element->type < MR_TYPE_INTERVAL &&
           element->type != MR_TYPE_ENUM &&
           !(element->type == MR_TYPE_TEXT && mr_slice_is(element->native_type, "citext"));
}

/* Element types whose arrays Debezium drops. */
static bool array_unknown(const struct mr_column *element)
{
    if (is_domain(element))
        return true;
    switch (element->type) {
    case MR_TYPE_MONEY:
    case MR_TYPE_XML:
    case MR_TYPE_INTERVAL:
    case MR_TYPE_POINT:
    case MR_TYPE_OTHER: return true;
    case MR_TYPE_BITS: return mr_slice_is(element->native_type, "varbit");
    case MR_TYPE_TEXT: return mr_slice_is(element->native_type, "name");
    default: return false;
    }
}

static enum mr_form_kind choose(const struct mr_column *column,
                                const struct mr_form_options *options)
{
    static const enum mr_form_kind binary[] = {MR_FORM_BYTES, MR_FORM_BASE64, MR_FORM_BASE64_URL,
                                               MR_FORM_HEX};

    switch (column->type) {
    case MR_TYPE_BOOL: return MR_FORM_BOOLEAN;
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
    case MR_TYPE_UINT64: return MR_FORM_INTEGER;
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64: return MR_FORM_FLOAT;
    case MR_TYPE_DECIMAL:
    case MR_TYPE_MONEY: return choose_decimal(column, options->decimal);
    case MR_TYPE_BYTES: return binary[options->binary];
    case MR_TYPE_UUID: return MR_FORM_UUID;
    case MR_TYPE_DATE:
        return options->time == MR_TIME_ISOSTRING && !options->native ? MR_FORM_DATE_ISO
                                                                      : MR_FORM_DATE;
    case MR_TYPE_TIME:
        return options->native ? MR_FORM_TIME_US : choose_time(column, options->time);
    case MR_TYPE_TIMETZ: return MR_FORM_TIMETZ;
    case MR_TYPE_TIMESTAMP:
        return options->native ? MR_FORM_TIMESTAMP_US : choose_timestamp(column, options->time);
    case MR_TYPE_TIMESTAMPTZ: return options->native ? MR_FORM_TIMESTAMP_US : MR_FORM_TIMESTAMPTZ;
    case MR_TYPE_INTERVAL:
        return options->interval == MR_INTERVAL_STRING ? MR_FORM_INTERVAL_TEXT
                                                       : MR_FORM_INTERVAL_US;
    case MR_TYPE_BITS: return column->length == 1 ? MR_FORM_BIT : MR_FORM_BITS;
    case MR_TYPE_HSTORE:
        return options->hstore == MR_HSTORE_MAP ? MR_FORM_HSTORE_MAP : MR_FORM_STRING;
    case MR_TYPE_POINT: return MR_FORM_POINT;
    case MR_TYPE_LINE: return MR_FORM_LINE;
    case MR_TYPE_CIRCLE: return MR_FORM_CIRCLE;
    case MR_TYPE_SHAPE:
    case MR_TYPE_GEOMETRY: return MR_FORM_GEOMETRY;
    case MR_TYPE_GEOGRAPHY: return MR_FORM_GEOGRAPHY;
    case MR_TYPE_VECTOR:
    case MR_TYPE_HALFVEC: return MR_FORM_VECTOR;
    case MR_TYPE_SPARSEVEC: return MR_FORM_SPARSE;
    case MR_TYPE_ARRAY:
        return !options->include_unknown && array_unknown(column->element) ? MR_FORM_DROPPED
                                                                           : MR_FORM_ARRAY;
    case MR_TYPE_OTHER: return options->include_unknown ? MR_FORM_STRING : MR_FORM_DROPPED;
    default: return MR_FORM_STRING;
    }
}

static enum mr_connect_type base_of(const struct mr_form *form)
{
    switch (form->column->type) {
    case MR_TYPE_INT16: return MR_CONNECT_INT16;
    case MR_TYPE_INT32: return MR_CONNECT_INT32;
    case MR_TYPE_FLOAT32: return MR_CONNECT_FLOAT32;
    default: return looks[form->kind].base;
    }
}

/* Semantic names by what the column is and not by how it is converted. */
static const char *text_name(enum mr_type type)
{
    switch (type) {
    case MR_TYPE_JSON:
    case MR_TYPE_HSTORE: return "io.debezium.data.Json";
    case MR_TYPE_XML: return "io.debezium.data.Xml";
    case MR_TYPE_ENUM: return "io.debezium.data.Enum";
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

static void add_labels(struct mr_arena *arena, struct mr_connect *schema,
                       const struct mr_column *column)
{
    struct mr_buf buf;

    mr_buf_init(&buf, SIZE_MAX / 2);
    for (uint32_t i = 0; i < column->label_count; i++) {
        if (i > 0)
            mr_buf_add_char(&buf, ',');
        mr_buf_add_slice(&buf, column->labels[i]);
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
    schema->doc = mr_slice_str(form->kind == MR_FORM_GEOMETRY ? "Geometry" : "Geography");
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

static struct mr_connect *describe(struct mr_arena *arena, const struct mr_form *form,
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
        if (column->type == MR_TYPE_DECIMAL)
            add_number(arena, schema, "connect.decimal.precision", form->precision);
    } else if (form->kind == MR_FORM_BITS) {
        add_number(arena, schema, "length", column->length ? column->length : INT32_MAX);
    } else if (column->type == MR_TYPE_ENUM) {
        add_labels(arena, schema, column);
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

/* Text types whose defaults Debezium publishes. */
static bool plain_text(const struct mr_column *column)
{
    static const char *const names[] = {"text", "varchar", "bpchar", "char", "name", "citext"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mr_slice_is(column->native_type, names[i]))
            return true;
    }
    return column->native_type.size == 0;
}

static bool publishes_default(const struct mr_form *form)
{
    const struct mr_column *column = form->column;

    if (!column->has_default || !mr_value_present(&column->default_value))
        return false;
    if (form->base == MR_CONNECT_STRUCT || form->base == MR_CONNECT_ARRAY ||
        form->base == MR_CONNECT_MAP)
        return false;
    switch (column->type) {
    case MR_TYPE_DECIMAL: return form->kind != MR_FORM_DECIMAL_VARIABLE;
    case MR_TYPE_MONEY:
    case MR_TYPE_BYTES:
    case MR_TYPE_TIMETZ:
    case MR_TYPE_OTHER: return false;
    case MR_TYPE_DATE:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMPTZ:
        return column->default_value.i != MR_TIME_INFINITY &&
               column->default_value.i != MR_TIME_NEG_INFINITY;
    case MR_TYPE_TEXT: return plain_text(column);
    default: return true;
    }
}

/* The default as a literal in the schema, in bytes of the arena. */
static void publish_default(struct mr_arena *arena, const struct mr_form *form,
                            struct mr_connect *schema)
{
    struct mr_day_cache cache = {0};
    struct mr_buf scratch;
    struct mr_value plain;
    struct mr_err err;

    mr_buf_init(&scratch, 16 << 20);
    if (mr_form_plain(form, &form->column->default_value, &scratch, &cache, &plain, &err) == 0) {
        if (plain.kind == MR_TEXT || plain.kind == MR_BYTES)
            plain.p = mr_arena_copy(arena, mr_value_slice(&plain)).data;
        schema->standard = plain;
    }
    mr_buf_done(&scratch);
}

static struct mr_value text_value(enum mr_kind kind, const char *text)
{
    return (struct mr_value){.kind = (uint8_t)kind, .size = (uint32_t)strlen(text), .p = text};
}

static struct mr_value zero_geometry(const struct mr_column *column)
{
    static const double zeros[4] = {0, 0, 0, 0}, line[3] = {0, 1, 0}, corners[4] = {0, 0, 1, 1};
    static const double ends[4] = {0, 0, 1, 0}, triangle[8] = {0, 0, 1, 0, 0, 1, 0, 0};
    static const struct mr_geometry point = {.srid = -1, .count = 2, .numbers = zeros};
    static const struct mr_geometry flat = {.srid = -1, .count = 3, .numbers = line};
    static const struct mr_geometry circle = {.srid = -1, .count = 3, .numbers = zeros};
    static const struct mr_geometry box = {.srid = -1, .count = 4, .numbers = corners};
    static const struct mr_geometry open = {.closed = 2, .srid = -1, .count = 4, .numbers = ends};
    static const struct mr_geometry polygon = {.srid = -1, .count = 8, .numbers = triangle};
    const struct mr_geometry *geometry = &point;

    if (column->type == MR_TYPE_LINE)
        geometry = &flat;
    else if (column->type == MR_TYPE_CIRCLE)
        geometry = &circle;
    else if (column->type == MR_TYPE_SHAPE)
        geometry = mr_slice_is(column->native_type, "box")       ? &box
                   : mr_slice_is(column->native_type, "polygon") ? &polygon
                                                                 : &open;
    return (struct mr_value){.kind = MR_GEOMETRY, .geometry = geometry};
}

/* What is sent for a NOT NULL column that the row image does not have and that has no default. */
static struct mr_value zero(const struct mr_form *form)
{
    static const struct mr_interval no_time = {0, 0, 0};
    static const struct mr_bits no_bits = {0, (const uint8_t *)""};
    static const struct mr_array no_items = {.dimensions = 0};
    static const struct mr_vector no_numbers = {0, 0, NULL, NULL};

    switch (form->kind) {
    case MR_FORM_BIT:
    case MR_FORM_BOOLEAN: return (struct mr_value){.kind = MR_BOOL};
    case MR_FORM_FLOAT: return (struct mr_value){.kind = MR_FLOAT};
    case MR_FORM_BYTES: return text_value(MR_BYTES, "");
    case MR_FORM_DECIMAL_BYTES:
    case MR_FORM_DECIMAL_FLOAT:
    case MR_FORM_DECIMAL_VARIABLE: return (struct mr_value){.kind = MR_DECIMAL};
    case MR_FORM_DATE: return (struct mr_value){.kind = MR_DATE};
    case MR_FORM_TIME_MS:
    case MR_FORM_TIME_US:
    case MR_FORM_TIME_NS: return (struct mr_value){.kind = MR_TIME};
    case MR_FORM_TIMESTAMP_MS:
    case MR_FORM_TIMESTAMP_US:
    case MR_FORM_TIMESTAMP_NS: return (struct mr_value){.kind = MR_TIMESTAMP};
    case MR_FORM_TIMESTAMPTZ: return text_value(MR_TEXT, "1970-01-01T00:00:00Z");
    case MR_FORM_TIMETZ: return text_value(MR_TEXT, "00:00:00Z");
    case MR_FORM_INTERVAL_US: return (struct mr_value){.kind = MR_INTERVAL, .interval = &no_time};
    case MR_FORM_BITS: return (struct mr_value){.kind = MR_BITS, .bits = &no_bits};
    case MR_FORM_HSTORE_MAP: return text_value(MR_TEXT, "{}");
    case MR_FORM_POINT:
    case MR_FORM_LINE:
    case MR_FORM_CIRCLE:
    case MR_FORM_GEOMETRY:
    case MR_FORM_GEOGRAPHY: return zero_geometry(form->column);
    case MR_FORM_VECTOR:
    case MR_FORM_SPARSE: return (struct mr_value){.kind = MR_VECTOR, .vector = &no_numbers};
    case MR_FORM_ARRAY: return (struct mr_value){.kind = MR_ARRAY, .array = &no_items};
    case MR_FORM_INTEGER: return (struct mr_value){.kind = MR_INT};
    case MR_FORM_INTERVAL_TEXT: return text_value(MR_TEXT, "P0Y0M0DT0H0M0S");
    default: return text_value(MR_TEXT, form->column->type == MR_TYPE_HSTORE ? "{}" : "");
    }
}

static struct mr_value list_value(struct mr_arena *arena, uint32_t count)
{
    struct mr_array *array = MR_ARENA_NEW(arena, struct mr_array);

    *array = (struct mr_array){.dimensions = 1, .count = count};
    array->sizes[0] = count;
    array->items = MR_ARENA_ARRAY(arena, struct mr_value, count);
    return (struct mr_value){.kind = MR_ARRAY, .array = array};
}

/* The name-based UUID of the placeholder, as Java's UUID.nameUUIDFromBytes makes it. */
static struct mr_value placeholder_uuid(struct mr_arena *arena, const char *text)
{
    unsigned char *bytes = mr_arena_alloc(arena, EVP_MAX_MD_SIZE, 1);
    unsigned size = 0;

    if (!EVP_Digest(text, strlen(text), bytes, &size, EVP_md5(), NULL))
        return (struct mr_value){.kind = MR_NULL};
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x30);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    return (struct mr_value){.kind = MR_UUID, .size = 16, .p = (char *)bytes};
}

static bool text_element(const struct mr_column *element)
{
    return element->type == MR_TYPE_JSON ||
           (element->type == MR_TYPE_TEXT && (mr_slice_is(element->native_type, "text") ||
                                              mr_slice_is(element->native_type, "varchar") ||
                                              mr_slice_is(element->native_type, "bpchar")));
}

static struct mr_value array_placeholder(struct mr_arena *arena, const struct mr_form *form,
                                         const char *text)
{
    const struct mr_column *element = form->column->element;
    enum mr_kind number = element->type == MR_TYPE_DATE ? MR_DATE : MR_INT;
    uint32_t size = (uint32_t)strlen(text);
    struct mr_value list;

    if (form->column->native_id >= FIRST_USER_OID && element->native_id < FIRST_USER_OID)
        return (struct mr_value){.kind = MR_NULL}; /* a domain over an array */
    if (text_element(element) || form->element->kind == MR_FORM_BYTES ||
        element->type == MR_TYPE_UUID) {
        list = list_value(arena, 1);
        list.array->items[0] = element->type == MR_TYPE_UUID ? placeholder_uuid(arena, text)
                               : form->element->kind == MR_FORM_BYTES ? text_value(MR_BYTES, text)
                                                                      : text_value(MR_TEXT, text);
        return list;
    }
    if (element->type != MR_TYPE_INT32 && form->element->kind != MR_FORM_DATE &&
        (element->type != MR_TYPE_INT64 || mr_slice_is(element->native_type, "oid")))
        return (struct mr_value){.kind = MR_NULL};
    list = list_value(arena, size);
    for (uint32_t i = 0; i < size; i++)
        list.array->items[i] =
            (struct mr_value){.kind = (uint8_t)number, .i = (signed char)text[i]};
    return list;
}

static struct mr_value placeholder(struct mr_arena *arena, const struct mr_form *form,
                                   const char *text)
{
    switch (form->kind) {
    case MR_FORM_BYTES: return text_value(MR_BYTES, text);
    case MR_FORM_HEX:
    case MR_FORM_DECIMAL_TEXT: return text_value(MR_TEXT, text);
    case MR_FORM_ARRAY: return array_placeholder(arena, form, text);
    case MR_FORM_HSTORE_MAP:
        if (!mr_slice_is(form->column->native_type, "hstore"))
            return (struct mr_value){.kind = MR_NULL}; /* a domain over it */
        break;
    case MR_FORM_STRING:
        if (form->column->type == MR_TYPE_OTHER)
            return (struct mr_value){.kind = MR_NULL};
        if (!mr_slice_is(form->column->native_type, "hstore"))
            return text_value(MR_TEXT, text);
        break;
    default: return (struct mr_value){.kind = MR_NULL};
    }
    return text_value(MR_TEXT, mr_arena_printf(arena, "{\"%s\":\"%s\"}", text, text));
}

/* Debezium's element schemas are optional, but for these. */
static bool element_optional(const struct mr_column *column)
{
    return column->element->type != MR_TYPE_ENUM && column->element->type != MR_TYPE_TSVECTOR &&
           !mr_slice_is(column->native_type, "oidvector") &&
           !mr_slice_is(column->native_type, "int2vector");
}

static void make(struct mr_arena *arena, const struct mr_column *column, bool optional,
                 const struct mr_form_options *options, struct mr_form *form)
{
    struct mr_connect *schema;

    *form = (struct mr_form){.column = column, .optional = optional};
    form->name =
        mr_name_adjust(arena, column->name, (enum mr_name_mode)options->field_names, false);
    form->kind = choose(column, options);
    if (form->kind == MR_FORM_DROPPED)
        return;
    form->base = base_of(form);
    form->scale = column->type == MR_TYPE_MONEY ? 2 : column->scale;
    form->precision = column->precision;
    if (form->scale < 0 && options->whole_scales) {
        form->precision -= form->scale;
        form->scale = 0;
    }
    form->digits = column->precision < 0 ? 6 : column->precision;
    if (form->kind == MR_FORM_ARRAY) {
        struct mr_form *element = MR_ARENA_NEW(arena, struct mr_form);
        make(arena, column->element, element_optional(column), options, element);
        form->element = element;
    }
    schema = describe(arena, form, options);
    form->schema = schema;
    form->filler = zero(form);
    form->unchanged = placeholder(arena, form, options->placeholder);
    if (!publishes_default(form))
        return;
    publish_default(arena, form, schema);
    if (schema->standard.kind == MR_NULL)
        return;
    form->filler = column->default_value;
    if (options->replace_null_with_default)
        form->standard = column->default_value;
}

void mr_form_make(struct mr_arena *arena, const struct mr_column *column,
                  const struct mr_form_options *options, struct mr_form *ret_form)
{
    make(arena, column, column->optional, options, ret_form);
}
