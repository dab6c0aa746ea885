/* Each type's Connect schema, stand-ins and defaults, as recorded from Debezium. */
#include "schema/form/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static const struct mr_form_options standard = {.include_unknown = true,
                                                .placeholder = "__debezium_unavailable_value"};

static struct mr_column column(enum mr_type type, int32_t precision, int32_t scale, int32_t length,
                               const char *native)
{
    return (struct mr_column){.type = type,
                              .optional = true,
                              .precision = precision,
                              .scale = scale,
                              .length = length,
                              .native_type = mr_slice_str(native)};
}

static void check_schema(const struct mr_column *of, const struct mr_form_options *options,
                         const char *wanted)
{
    struct mr_arena arena;
    struct mr_form form;
    struct mr_buf buf;

    mr_arena_init(&arena, 4096, 0);
    mr_buf_init(&buf, 1 << 20);
    mr_form_make(&arena, &mr_form_postgres, of, options, &form);
    if (wanted) {
        mr_connect_json(form.schema, (struct mr_slice)MR_SLICE("c"), &buf);
        assert_string_equal(mr_buf_cstr(&buf), wanted);
    } else {
        assert_int_equal(form.kind, MR_FORM_DROPPED);
        assert_null(form.schema);
    }
    mr_buf_done(&buf);
    mr_arena_done(&arena);
}

#define OPT(type) "{\"type\":\"" type "\",\"optional\":true,\"field\":\"c\"}"
#define NAMED(type, name)                                                                          \
    "{\"type\":\"" type "\",\"optional\":true,\"name\":\"" name "\",\"version\":1,\"field\":"      \
    "\"c\"}"
#define WITH(type, name, parameters)                                                               \
    "{\"type\":\"" type "\",\"optional\":true,\"name\":\"" name                                    \
    "\",\"version\":1,\"parameters\":{" parameters "},\"field\":\"c\"}"
#define DECIMAL "org.apache.kafka.connect.data.Decimal"
#define POINT(optional, field)                                                                     \
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"double\",\"optional\":false,\"field\":\"x\"},"   \
    "{\"type\":\"double\",\"optional\":false,\"field\":\"y\"},{\"type\":\"bytes\",\"optional\":"   \
    "true,\"field\":\"wkb\"},{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}],"          \
    "\"optional\":" optional ",\"name\":\"io.debezium.data.geometry.Point\",\"version\":1,"        \
    "\"doc\":\"Geometry (POINT)\",\"field\":\"" field "\"}"

static const struct {
    enum mr_type type;
    int32_t precision, scale, length;
    const char *native, *schema;
} scalars[] = {
    {MR_TYPE_BOOL, -1, 0, 0, "bool", OPT("boolean")},
    {MR_TYPE_INT16, -1, 0, 0, "int2", OPT("int16")},
    {MR_TYPE_INT32, -1, 0, 0, "int4", OPT("int32")},
    {MR_TYPE_INT64, -1, 0, 0, "int8", OPT("int64")},
    {MR_TYPE_FLOAT32, -1, 0, 0, "float4", OPT("float")},
    {MR_TYPE_FLOAT64, -1, 0, 0, "float8", OPT("double")},
    {MR_TYPE_DECIMAL, 5, 2, 0, "numeric",
     WITH("bytes", DECIMAL, "\"scale\":\"2\",\"connect.decimal.precision\":\"5\"")},
    {MR_TYPE_DECIMAL, 3, -2, 0, "numeric",
     WITH("bytes", DECIMAL, "\"scale\":\"-2\",\"connect.decimal.precision\":\"3\"")},
    {MR_TYPE_DECIMAL, 0, 0, 0, "numeric",
     "{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"scale\"},"
     "{\"type\":\"bytes\",\"optional\":false,\"field\":\"value\"}],\"optional\":true,\"name\":"
     "\"io.debezium.data.VariableScaleDecimal\",\"version\":1,\"doc\":\"Variable scaled decimal\","
     "\"field\":\"c\"}"},
    {MR_TYPE_MONEY, -1, 0, 0, "money", WITH("bytes", DECIMAL, "\"scale\":\"2\"")},
    {MR_TYPE_TEXT, -1, 0, 10, "varchar", OPT("string")},
    {MR_TYPE_BYTES, -1, 0, 0, "bytea", OPT("bytes")},
    {MR_TYPE_UUID, -1, 0, 0, "uuid", NAMED("string", "io.debezium.data.Uuid")},
    {MR_TYPE_JSON, -1, 0, 0, "jsonb", NAMED("string", "io.debezium.data.Json")},
    {MR_TYPE_XML, -1, 0, 0, "xml", NAMED("string", "io.debezium.data.Xml")},
    {MR_TYPE_DATE, -1, 0, 0, "date", NAMED("int32", "io.debezium.time.Date")},
    {MR_TYPE_TIME, -1, 0, 0, "time", NAMED("int64", "io.debezium.time.MicroTime")},
    {MR_TYPE_TIME, 3, 0, 0, "time", NAMED("int32", "io.debezium.time.Time")},
    {MR_TYPE_TIMETZ, -1, 0, 0, "timetz", NAMED("string", "io.debezium.time.ZonedTime")},
    {MR_TYPE_TIMESTAMP, -1, 0, 0, "timestamp", NAMED("int64", "io.debezium.time.MicroTimestamp")},
    {MR_TYPE_TIMESTAMP, 4, 0, 0, "timestamp", NAMED("int64", "io.debezium.time.MicroTimestamp")},
    {MR_TYPE_TIMESTAMP, 3, 0, 0, "timestamp", NAMED("int64", "io.debezium.time.Timestamp")},
    {MR_TYPE_TIMESTAMPTZ, 0, 0, 0, "timestamptz",
     NAMED("string", "io.debezium.time.ZonedTimestamp")},
    {MR_TYPE_INTERVAL, -1, 0, 0, "interval", NAMED("int64", "io.debezium.time.MicroDuration")},
    {MR_TYPE_BITS, -1, 0, 1, "bit", OPT("boolean")},
    {MR_TYPE_BITS, -1, 0, 13, "bit", WITH("bytes", "io.debezium.data.Bits", "\"length\":\"13\"")},
    {MR_TYPE_BITS, -1, 0, 0, "varbit",
     WITH("bytes", "io.debezium.data.Bits", "\"length\":\"2147483647\"")},
    {MR_TYPE_HSTORE, -1, 0, 0, "hstore", NAMED("string", "io.debezium.data.Json")},
    {MR_TYPE_LTREE, -1, 0, 0, "ltree", NAMED("string", "io.debezium.data.Ltree")},
    {MR_TYPE_TSVECTOR, -1, 0, 0, "tsvector", NAMED("string", "io.debezium.data.Tsvector")},
    {MR_TYPE_POINT, -1, 0, 0, "point", POINT("true", "c")},
    {MR_TYPE_LINE, -1, 0, 0, "line",
     "{\"type\":\"struct\",\"fields\":[{\"type\":\"double\",\"optional\":false,\"field\":\"a\"},"
     "{\"type\":\"double\",\"optional\":false,\"field\":\"b\"},{\"type\":\"double\",\"optional\":"
     "false,\"field\":\"c\"}],\"optional\":true,\"name\":\"io.debezium.data.geometry.Line\","
     "\"version\":1,\"doc\":\"Geometry (LINE)\",\"field\":\"c\"}"},
    {MR_TYPE_CIRCLE, -1, 0, 0, "circle",
     "{\"type\":\"struct\",\"fields\":[" POINT(
         "false", "center") ",{\"type\":\"double\","
                            "\"optional\":false,\"field\":\"radius\"}],\"optional\":true,\"name\":"
                            "\"io.debezium.data.geometry.Circle\",\"version\":1,\"doc\":\"Geometry "
                            "(CIRCLE)\",\"field\":\"c\"}"},
    {MR_TYPE_SHAPE, -1, 0, 0, "path",
     "{\"type\":\"struct\",\"fields\":[{\"type\":\"bytes\",\"optional\":false,\"field\":\"wkb\"},"
     "{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"},{\"type\":\"map\",\"keys\":{"
     "\"type\":"
     "\"string\",\"optional\":false},\"values\":{\"type\":\"string\",\"optional\":false},"
     "\"optional\":"
     "true,\"field\":\"extensions\"}],\"optional\":true,\"name\":"
     "\"io.debezium.data.geometry.Geometry\",\"version\":2,\"doc\":\"Geometry\",\"field\":\"c\"}"},
    {MR_TYPE_OTHER, -1, 0, 0, "pg_lsn", OPT("string")},
};

static void schemas_of_scalars(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
        struct mr_column c = column(scalars[i].type, scalars[i].precision, scalars[i].scale,
                                    scalars[i].length, scalars[i].native);
        check_schema(&c, &standard, scalars[i].schema);
    }
}

static void schemas_by_mode(void **state)
{
    static const struct {
        enum mr_type type;
        int decimal, time, interval, binary;
        const char *schema;
    } cases[] = {
        {MR_TYPE_DECIMAL, MR_DECIMAL_AS_DOUBLE, 0, 0, 0, OPT("double")},
        {MR_TYPE_DECIMAL, MR_DECIMAL_AS_STRING, 0, 0, 0, OPT("string")},
        {MR_TYPE_DATE, 0, MR_TIME_CONNECT, 0, 0,
         NAMED("int32", "org.apache.kafka.connect.data.Date")},
        {MR_TYPE_TIME, 0, MR_TIME_CONNECT, 0, 0,
         NAMED("int32", "org.apache.kafka.connect.data.Time")},
        {MR_TYPE_TIMESTAMP, 0, MR_TIME_CONNECT, 0, 0,
         NAMED("int64", "org.apache.kafka.connect.data.Timestamp")},
        {MR_TYPE_DATE, 0, MR_TIME_ISOSTRING, 0, 0, NAMED("string", "io.debezium.time.IsoDate")},
        {MR_TYPE_TIME, 0, MR_TIME_ISOSTRING, 0, 0, NAMED("string", "io.debezium.time.IsoTime")},
        {MR_TYPE_TIMESTAMP, 0, MR_TIME_ISOSTRING, 0, 0,
         NAMED("string", "io.debezium.time.IsoTimestamp")},
        {MR_TYPE_DATE, 0, MR_TIME_NANOSECONDS, 0, 0, NAMED("int32", "io.debezium.time.Date")},
        {MR_TYPE_TIME, 0, MR_TIME_NANOSECONDS, 0, 0, NAMED("int64", "io.debezium.time.NanoTime")},
        {MR_TYPE_TIMESTAMP, 0, MR_TIME_NANOSECONDS, 0, 0,
         NAMED("int64", "io.debezium.time.NanoTimestamp")},
        {MR_TYPE_TIME, 0, MR_TIME_MICROSECONDS, 0, 0, NAMED("int64", "io.debezium.time.MicroTime")},
        {MR_TYPE_TIME, 0, MR_TIME_ADAPTIVE_MICROSECONDS, 0, 0,
         NAMED("int64", "io.debezium.time.MicroTime")},
        {MR_TYPE_TIMESTAMPTZ, 0, MR_TIME_CONNECT, 0, 0,
         NAMED("string", "io.debezium.time.ZonedTimestamp")},
        {MR_TYPE_INTERVAL, 0, 0, MR_INTERVAL_STRING, 0,
         NAMED("string", "io.debezium.time.Interval")},
        {MR_TYPE_BYTES, 0, 0, 0, MR_BINARY_BASE64, OPT("string")},
        {MR_TYPE_BYTES, 0, 0, 0, MR_BINARY_HEX, OPT("string")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_column c = column(cases[i].type, 2, 1, 0, "x");
        struct mr_form_options options = {.decimal = cases[i].decimal,
                                          .time = cases[i].time,
                                          .interval = cases[i].interval,
                                          .binary = cases[i].binary,
                                          .placeholder = ""};
        check_schema(&c, &options, cases[i].schema);
    }
}

static void schemas_of_arrays(void **state)
{
    static const struct {
        enum mr_type type;
        const char *native, *schema;
        bool unknown;
    } cases[] = {
        {MR_TYPE_INT32, "int4",
         "{\"type\":\"array\",\"items\":{\"type\":\"int32\",\"optional\":true},\"optional\":true,"
         "\"field\":\"c\"}",
         false},
        {MR_TYPE_UUID, "uuid",
         "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"optional\":true,\"name\":"
         "\"io.debezium.data.Uuid\",\"version\":1},\"optional\":true,\"field\":\"c\"}",
         false},
        {MR_TYPE_TSVECTOR, "tsvector",
         "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"optional\":false,\"name\":"
         "\"io.debezium.data.Tsvector\",\"version\":1},\"optional\":true,\"field\":\"c\"}",
         false},
        {MR_TYPE_INTERVAL, "interval",
         "{\"type\":\"array\",\"items\":{\"type\":\"int64\",\"optional\":true,\"name\":"
         "\"io.debezium.time.MicroDuration\",\"version\":1},\"optional\":true,\"field\":\"c\"}",
         true},
        {MR_TYPE_OTHER, "comp",
         "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"optional\":true},\"optional\":true,"
         "\"field\":\"c\"}",
         true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_form_options options = {.placeholder = "", .include_unknown = true};
        struct mr_column element = column(cases[i].type, -1, 0, 0, cases[i].native);
        struct mr_column array = column(MR_TYPE_ARRAY, -1, 0, 0, "_x");

        array.element = &element;
        check_schema(&array, &options, cases[i].schema);
        options.include_unknown = false;
        check_schema(&array, &options, cases[i].unknown ? NULL : cases[i].schema);
    }
}

static void enums_list_their_labels(void **state)
{
    static const struct mr_slice labels[] = {MR_SLICE("sad"), MR_SLICE("hap'py"),
                                             MR_SLICE("with,comma")};
    struct mr_column c = column(MR_TYPE_ENUM, -1, 0, 0, "mood");

    (void)state;
    c.labels = labels;
    c.label_count = 3;
    c.optional = false;
    c.has_default = true;
    c.default_value = (struct mr_value){.kind = MR_TEXT, .size = 3, .p = "sad"};
    check_schema(
        &c, &standard,
        "{\"type\":\"string\",\"optional\":false,\"name\":\"io.debezium.data.Enum\",\"version\":"
        "1,\"parameters\":{\"allowed\":\"sad,hap'py,with,comma\"},\"default\":\"sad\",\"field\":"
        "\"c\"}");
}

static void check_default(struct mr_column c, struct mr_value value, const char *wanted)
{
    char text[200];
    struct mr_arena arena;
    struct mr_form form;
    struct mr_buf buf;
    const char *found;

    c.has_default = true;
    c.default_value = value;
    mr_arena_init(&arena, 4096, 0);
    mr_buf_init(&buf, 1 << 20);
    mr_form_make(&arena, &mr_form_postgres, &c, &standard, &form);
    mr_connect_json(form.schema, (struct mr_slice){NULL, 0}, &buf);
    found = strstr(mr_buf_cstr(&buf), ",\"default\":");
    if (wanted) {
        snprintf(text, sizeof(text), ",\"default\":%s}", wanted);
        assert_non_null(found);
        assert_string_equal(found, text);
    } else {
        assert_null(found);
    }
    mr_buf_done(&buf);
    mr_arena_done(&arena);
}

static void defaults_are_published_for_the_types_debezium_publishes(void **state)
{
    const struct mr_value one = {.kind = MR_INT, .i = 1};
    const struct mr_value text = {.kind = MR_TEXT, .size = 4, .p = "it's"};
    const struct mr_value cents = {.kind = MR_DECIMAL, .scale = 2, .i = 990};
    const struct mr_value moment = {.kind = MR_TIMESTAMP, .i = 1709168523456000};
    const struct mr_value never = {.kind = MR_TIMESTAMP, .i = MR_TIME_NEG_INFINITY};
    const struct mr_bits five = {3, (const uint8_t *)"\xa0"};

    (void)state;
    check_default(column(MR_TYPE_INT32, -1, 0, 0, "int4"), one, "1");
    check_default(column(MR_TYPE_BOOL, -1, 0, 0, "bool"),
                  (struct mr_value){.kind = MR_BOOL, .i = 1}, "true");
    check_default(column(MR_TYPE_FLOAT32, -1, 0, 0, "float4"),
                  (struct mr_value){.kind = MR_FLOAT, .f = 1.5}, "1.5");
    check_default(column(MR_TYPE_TEXT, -1, 0, 0, "text"), text, "\"it's\"");
    check_default(column(MR_TYPE_TEXT, -1, 0, 0, "inet"), text, NULL);
    check_default(column(MR_TYPE_DECIMAL, 5, 2, 0, "numeric"), cents, "\"A94=\"");
    check_default(column(MR_TYPE_DECIMAL, 0, 0, 0, "numeric"), cents, NULL);
    check_default(column(MR_TYPE_MONEY, -1, 0, 0, "money"), cents, NULL);
    check_default(column(MR_TYPE_TIMESTAMP, 3, 0, 0, "timestamp"), moment, "1709168523456");
    check_default(column(MR_TYPE_TIMESTAMPTZ, -1, 0, 0, "timestamptz"), moment,
                  "\"2024-02-29T01:02:03.456000Z\"");
    check_default(column(MR_TYPE_TIMESTAMPTZ, 0, 0, 0, "timestamptz"), moment,
                  "\"2024-02-29T01:02:03.456Z\"");
    check_default(column(MR_TYPE_TIMESTAMPTZ, 1, 0, 0, "timestamptz"), moment,
                  "\"2024-02-29T01:02:03.4Z\"");
    check_default(column(MR_TYPE_TIMESTAMPTZ, -1, 0, 0, "timestamptz"), never, NULL);
    check_default(column(MR_TYPE_BITS, -1, 0, 3, "bit"),
                  (struct mr_value){.kind = MR_BITS, .bits = &five}, "\"BQ==\"");
    check_default(column(MR_TYPE_BYTES, -1, 0, 0, "bytea"),
                  (struct mr_value){.kind = MR_BYTES, .size = 1, .p = "x"}, NULL);
}

/* NOT NULL columns that the row image does not have. */
static void shapes_and_intervals_have_fillers(void **state)
{
    static const struct {
        enum mr_type type;
        const char *native;
        uint32_t count;
        double numbers[8];
        bool optional; /* the schema, although the column is NOT NULL */
    } shapes[] = {
        {MR_TYPE_POINT, "point", 2, {0, 0}, false},
        {MR_TYPE_LINE, "line", 3, {0, 1, 0}, true},
        {MR_TYPE_CIRCLE, "circle", 3, {0, 0, 0}, true},
        {MR_TYPE_SHAPE, "lseg", 4, {0, 0, 1, 0}, true},
        {MR_TYPE_SHAPE, "path", 4, {0, 0, 1, 0}, true},
        {MR_TYPE_SHAPE, "box", 4, {0, 0, 1, 1}, true},
        {MR_TYPE_SHAPE, "polygon", 8, {0, 0, 1, 0, 0, 1, 0, 0}, true},
    };
    const struct mr_value absent = {.kind = MR_ABSENT};
    struct mr_form_options options = {.interval = MR_INTERVAL_STRING, .placeholder = ""};
    struct mr_column c = column(MR_TYPE_INTERVAL, -1, 0, 0, "interval");
    const struct mr_value *filler;
    struct mr_arena arena;
    struct mr_form form;

    (void)state;
    mr_arena_init(&arena, 4096, 0);
    c.optional = false;
    mr_form_make(&arena, &mr_form_postgres, &c, &options, &form);
    filler = mr_form_value(&form, &absent);
    assert_true(mr_slice_is(mr_value_slice(filler), "P0Y0M0DT0H0M0S"));
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        c = column(shapes[i].type, -1, 0, 0, shapes[i].native);
        c.optional = false;
        mr_form_make(&arena, &mr_form_postgres, &c, &options, &form);
        filler = mr_form_value(&form, &absent);
        assert_int_equal(form.schema->optional, shapes[i].optional);
        assert_true(filler->geometry->count >= shapes[i].count);
        assert_memory_equal(filler->geometry->numbers, shapes[i].numbers,
                            shapes[i].count * sizeof(double));
    }
    mr_arena_done(&arena);
}

static void a_null_stays_null_unless_asked(void **state)
{
    struct mr_form_options options = standard;
    struct mr_column c = column(MR_TYPE_INT32, -1, 0, 0, "int4");
    const struct mr_value null = {.kind = MR_NULL};
    struct mr_arena arena;
    struct mr_form form;

    (void)state;
    c.has_default = true;
    c.default_value = (struct mr_value){.kind = MR_INT, .i = 7};
    mr_arena_init(&arena, 4096, 0);
    mr_form_make(&arena, &mr_form_postgres, &c, &options, &form);
    assert_int_equal(mr_form_value(&form, &null)->kind, MR_NULL);
    options.replace_null_with_default = true;
    mr_form_make(&arena, &mr_form_postgres, &c, &options, &form);
    assert_int_equal(mr_form_value(&form, &null)->i, 7);
    mr_arena_done(&arena);
}

static void unchanged_values_have_debeziums_placeholders(void **state)
{
    static const struct {
        enum mr_type type, element;
        const char *native;
        enum mr_kind kind;
        uint32_t count;
        enum mr_kind item;
    } cases[] = {
        {MR_TYPE_TEXT, 0, "citext", MR_TEXT, 0, 0},
        {MR_TYPE_JSON, 0, "jsonb", MR_TEXT, 0, 0},
        {MR_TYPE_BYTES, 0, "bytea", MR_BYTES, 0, 0},
        {MR_TYPE_HSTORE, 0, "hstore", MR_TEXT, 0, 0},
        {MR_TYPE_DECIMAL, 0, "numeric", MR_NULL, 0, 0},
        {MR_TYPE_BITS, 0, "varbit", MR_NULL, 0, 0},
        {MR_TYPE_SHAPE, 0, "path", MR_NULL, 0, 0},
        {MR_TYPE_ARRAY, MR_TYPE_TEXT, "text", MR_ARRAY, 1, MR_TEXT},
        {MR_TYPE_ARRAY, MR_TYPE_TEXT, "citext", MR_NULL, 0, 0},
        {MR_TYPE_ARRAY, MR_TYPE_TEXT, "inet", MR_NULL, 0, 0},
        {MR_TYPE_ARRAY, MR_TYPE_JSON, "json", MR_ARRAY, 1, MR_TEXT},
        {MR_TYPE_ARRAY, MR_TYPE_BYTES, "bytea", MR_ARRAY, 1, MR_BYTES},
        {MR_TYPE_ARRAY, MR_TYPE_UUID, "uuid", MR_ARRAY, 1, MR_UUID},
        {MR_TYPE_ARRAY, MR_TYPE_INT32, "int4", MR_ARRAY, 28, MR_INT},
        {MR_TYPE_ARRAY, MR_TYPE_INT64, "int8", MR_ARRAY, 28, MR_INT},
        {MR_TYPE_ARRAY, MR_TYPE_INT64, "oid", MR_NULL, 0, 0},
        {MR_TYPE_ARRAY, MR_TYPE_INT16, "int2", MR_NULL, 0, 0},
        {MR_TYPE_ARRAY, MR_TYPE_DATE, "date", MR_ARRAY, 28, MR_DATE},
        {MR_TYPE_ARRAY, MR_TYPE_TIMESTAMP, "timestamp", MR_NULL, 0, 0},
        {MR_TYPE_ARRAY, MR_TYPE_ENUM, "mood", MR_NULL, 0, 0},
    };
    const struct mr_value unchanged = {.kind = MR_UNCHANGED};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_column c = column(cases[i].type, 0, 0, 0, cases[i].native);
        struct mr_column element = column(cases[i].element, -1, 0, 0, cases[i].native);
        const struct mr_value *value;
        struct mr_arena arena;
        struct mr_form form;

        c.element = &element;
        mr_arena_init(&arena, 4096, 0);
        mr_form_make(&arena, &mr_form_postgres, &c, &standard, &form);
        value = mr_form_value(&form, &unchanged);
        assert_int_equal(value->kind, cases[i].kind);
        if (value->kind == MR_ARRAY) {
            assert_int_equal(value->array->count, cases[i].count);
            assert_int_equal(value->array->items[0].kind, cases[i].item);
            if (cases[i].item == MR_UUID)
                assert_memory_equal(
                    value->array->items[0].p,
                    "\xb6\x8a\x35\xa7\x17\xad\x35\xb3\xaf\x2a\xae\x46\xed\xb4\x54\x5a", 16);
        }
        mr_arena_done(&arena);
    }
}

/* A domain over an array or an hstore has none or a plain one; hex has the text; bytes are Java's, signed. */
static void placeholders_of_domains_hex_and_signed_bytes(void **state)
{
    static const struct {
        enum mr_type type;
        const char *native;
        uint32_t native_id;
        int hstore;
        enum mr_kind kind;
        const char *text;
    } cases[] = {
        {MR_TYPE_BYTES, "bytea", 17, 0, MR_TEXT, "\xc3\xa9"},
        {MR_TYPE_BYTES, "dba", 20000, 0, MR_TEXT, "\xc3\xa9"},
        {MR_TYPE_HSTORE, "hstore", 20000, 0, MR_TEXT, "{\"\xc3\xa9\":\"\xc3\xa9\"}"},
        {MR_TYPE_HSTORE, "dhs", 20000, 0, MR_TEXT, "\xc3\xa9"},
        {MR_TYPE_HSTORE, "dhs", 20000, MR_HSTORE_MAP, MR_NULL, NULL},
        {MR_TYPE_OTHER, "nummultirange", 4532, 0, MR_NULL, NULL},
        {MR_TYPE_ARRAY, "_int4", 1007, 0, MR_ARRAY, NULL},
        {MR_TYPE_ARRAY, "dia", 20000, 0, MR_NULL, NULL},
    };
    const struct mr_value unchanged = {.kind = MR_UNCHANGED};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_form_options options = {.binary = MR_BINARY_HEX,
                                          .hstore = cases[i].hstore,
                                          .include_unknown = true,
                                          .placeholder = "\xc3\xa9"};
        struct mr_column c = column(cases[i].type, -1, 0, 0, cases[i].native);
        struct mr_column element = column(MR_TYPE_INT32, -1, 0, 0, "int4");
        const struct mr_value *value;
        struct mr_arena arena;
        struct mr_form form;

        c.native_id = cases[i].native_id;
        element.native_id = 23;
        c.element = &element;
        mr_arena_init(&arena, 4096, 0);
        mr_form_make(&arena, &mr_form_postgres, &c, &options, &form);
        value = mr_form_value(&form, &unchanged);
        assert_int_equal(value->kind, cases[i].kind);
        if (cases[i].text)
            assert_true(mr_slice_is(mr_value_slice(value), cases[i].text));
        else if (value->kind == MR_ARRAY)
            assert_int_equal(value->array->items[0].i, -61);
        mr_arena_done(&arena);
    }
}

static const struct {
    enum mr_type type;
    int32_t precision, scale, length;
    const char *native, *parameters;
    bool serial;
} told_types[] = {
    {MR_TYPE_INT32, -1, 0, 0, "int4", "INT4 10 0", false},
    {MR_TYPE_INT32, -1, 0, 0, "int4", "SERIAL 10 0", true},
    {MR_TYPE_INT64, -1, 0, 0, "int8", "BIGSERIAL 19 0", true},
    {MR_TYPE_INT16, -1, 0, 0, "int2", "SMALLSERIAL 5 0", true},
    {MR_TYPE_TEXT, -1, 0, 0, "text", "TEXT 2147483647 0", true},
    {MR_TYPE_DECIMAL, 0, 0, 0, "numeric", "NUMERIC 0", false},
    {MR_TYPE_INTERVAL, -1, 0, 0, "interval", "INTERVAL 49 6", false},
    {MR_TYPE_INTERVAL, 3, 0, 0, "interval", "INTERVAL 49 3", false},
    {MR_TYPE_TEXT, -1, 0, 0, "char", "CHAR 1 0", false},
    {MR_TYPE_TEXT, -1, 0, 3, "bpchar", "BPCHAR 3 0", false},
    {MR_TYPE_TEXT, -1, 0, 20, "varchar", "VARCHAR 20 0", false},
    {MR_TYPE_TEXT, -1, 0, 0, "text", "TEXT 2147483647 0", false},
    {MR_TYPE_DECIMAL, 8, 3, 0, "numeric", "NUMERIC 8 3", false},
    {MR_TYPE_TIME, 3, 0, 0, "time", "TIME 12 3", false},
    {MR_TYPE_TIMESTAMPTZ, -1, 0, 0, "timestamptz", "TIMESTAMPTZ 35 6", false},
    {MR_TYPE_BOOL, -1, 0, 0, "bool", NULL, false},
};

static void source_types_are_told_where_asked(void **state)
{
    const char *patterns[] = {"public.t.c"}, *types[] = {"public.other.*", "/.*\\.nothing/"};
    struct mr_form_options options = standard;
    struct mr_table *table = mr_table_new(0);
    struct mr_err err;

    (void)state;
    options.propagated = (struct mr_option_list){patterns, 1};
    options.propagated_types = (struct mr_option_list){types, 2};
    assert_int_equal(mr_form_options_open(&options, &err), 0);
    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("t");
    for (size_t i = 0; i < sizeof(told_types) / sizeof(told_types[0]); i++) {
        struct mr_column c =
            column(told_types[i].type, told_types[i].precision, told_types[i].scale,
                   told_types[i].length, told_types[i].native);
        struct mr_arena arena;
        struct mr_form form;
        char text[100];
        uint32_t count;

        c.name = mr_slice_str(told_types[i].parameters ? "c" : "d");
        c.serial = told_types[i].serial;
        mr_arena_init(&arena, 4096, 0);
        mr_form_make(&arena, &mr_form_postgres, &c, &options, &form);
        count = form.schema->parameter_count;
        mr_form_propagate(&arena, table, &options, &form);
        if (told_types[i].parameters) {
            const struct mr_connect_parameter *told = form.schema->parameters + count;
            bool scaled = form.schema->parameter_count == count + 4;
            assert_true(scaled || form.schema->parameter_count == count + 3);
            snprintf(text, sizeof(text), scaled ? "%.*s %.*s %.*s" : "%.*s %.*s",
                     MR_SLICE_ARG(told[0].value), MR_SLICE_ARG(told[1].value),
                     MR_SLICE_ARG(told[2].value));
            assert_string_equal(text, told_types[i].parameters);
        } else {
            assert_int_equal(form.schema->parameter_count, count);
        }
        mr_arena_done(&arena);
    }
    mr_form_options_close(&options);
    mr_table_unref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_of_scalars),
        cmocka_unit_test(schemas_by_mode),
        cmocka_unit_test(schemas_of_arrays),
        cmocka_unit_test(enums_list_their_labels),
        cmocka_unit_test(defaults_are_published_for_the_types_debezium_publishes),
        cmocka_unit_test(shapes_and_intervals_have_fillers),
        cmocka_unit_test(a_null_stays_null_unless_asked),
        cmocka_unit_test(placeholders_of_domains_hex_and_signed_bytes),
        cmocka_unit_test(source_types_are_told_where_asked),
        cmocka_unit_test(unchanged_values_have_debeziums_placeholders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
