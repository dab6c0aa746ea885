/* Columns of MySQL and MariaDB: each type's Connect schema, default and values as recorded from Debezium, and the
 * values it loses. */
#include "schema/json/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static const struct mr_form_options adaptive = {.include_unknown = true,
                                                .placeholder = "__debezium_unavailable_value"};
static const struct mr_form_options connect = {.time = MR_TIME_CONNECT,
                                               .decimal = MR_DECIMAL_AS_DOUBLE,
                                               .bigint = MR_BIGINT_PRECISE,
                                               .binary = MR_BINARY_BASE64,
                                               .include_unknown = true,
                                               .placeholder = "-"};
static const struct mr_form_options micros = {.time = MR_TIME_MICROSECONDS,
                                              .decimal = MR_DECIMAL_AS_STRING,
                                              .binary = MR_BINARY_HEX,
                                              .tiny_booleans = true,
                                              .include_unknown = true,
                                              .placeholder = "-"};
static const struct mr_form_options iso = {
    .time = MR_TIME_ISOSTRING, .include_unknown = true, .placeholder = "-"};
static const struct mr_form_options nanos = {
    .time = MR_TIME_NANOSECONDS, .include_unknown = true, .placeholder = "-"};

struct trial {
    const struct mr_form_options *options;
    struct mr_column column;
    const char *schema; /* without "optional", which the test knows; NULL: not looked at */
    struct mr_value values[8];
    const char *texts[8]; /* NULL: the value is refused */
};

#define NATIVE(text) .native_type = MR_SLICE(text)
#define INT(number)                                                                                \
    {                                                                                              \
        .kind = MR_INT, .i = (number)                                                              \
    }
#define UINT(number)                                                                               \
    {                                                                                              \
        .kind = MR_UINT, .u = (number)                                                             \
    }
#define FLOAT(number)                                                                              \
    {                                                                                              \
        .kind = MR_FLOAT, .f = (number)                                                            \
    }
#define TEXT(text)                                                                                 \
    {                                                                                              \
        .kind = MR_TEXT, .size = sizeof(text) - 1, .p = (text)                                     \
    }
#define BYTES(text)                                                                                \
    {                                                                                              \
        .kind = MR_BYTES, .size = sizeof(text) - 1, .p = (text)                                    \
    }
#define DIGITS(text)                                                                               \
    {                                                                                              \
        .kind = MR_DECIMAL_TEXT, .size = sizeof(text) - 1, .p = (text)                             \
    }
#define DATE(days)                                                                                 \
    {                                                                                              \
        .kind = MR_DATE, .i = (days)                                                               \
    }
#define TIME(us)                                                                                   \
    {                                                                                              \
        .kind = MR_TIME, .i = INT64_C(us)                                                          \
    }
#define STAMP(us)                                                                                  \
    {                                                                                              \
        .kind = MR_TIMESTAMP, .i = INT64_C(us)                                                     \
    }
#define NO_DATE(packed)                                                                            \
    {                                                                                              \
        .kind = MR_NO_DATE, .i = (packed)                                                          \
    }
#define GEO(shape)                                                                                 \
    {                                                                                              \
        .kind = MR_GEOMETRY, .geometry = &(shape)                                                  \
    }
#define DEFAULT(...) .has_default = true, .default_value = __VA_ARGS__

#define PLAIN(type)       "\"type\":\"" type "\""
#define NAMED(type, name) "\"type\":\"" type "\",\"name\":\"" name "\",\"version\":1"
#define DECIMAL(scale, precision)                                                                  \
    NAMED("bytes", "org.apache.kafka.connect.data.Decimal")                                        \
    ",\"parameters\":{\"scale\":\"" scale "\",\"connect.decimal.precision\":\"" precision "\"}"
#define BITS(length)                                                                               \
    NAMED("bytes", "io.debezium.data.Bits") ",\"parameters\":{\"length\":\"" length "\"}"
#define WKB_POINT(x, y) "\1\1\0\0\0" x y
#define ONE             "\0\0\0\0\0\0\xf0\x3f"
#define TWO             "\0\0\0\0\0\0\0\x40"

static const struct mr_geometry at_1_2 = {.srid = 0, .wkb = MR_SLICE(WKB_POINT(ONE, TWO))};
static const struct mr_geometry on_earth = {.srid = 4326, .wkb = MR_SLICE(WKB_POINT(TWO, ONE))};
static const struct mr_geometry empty = {.srid = 0, .wkb = MR_SLICE("\1\7\0\0\0\0\0\0\0")};
static const double three[] = {1, 2.5, -3};
static const struct mr_vector vector = {3, 3, NULL, three};
static const struct mr_slice labels[] = {MR_SLICE("new"), MR_SLICE("it's"), MR_SLICE("x,y"),
                                         MR_SLICE(""), MR_SLICE("A\\B")};

#define ZERO 0 /* mr_parts_pack() of 0000-00-00 */

static const struct trial trials[] = {
    /* numbers */
    {&adaptive,
     {.type = MR_TYPE_INT8, NATIVE("tinyint"), .length = 1},
     PLAIN("int16"),
     {INT(1), INT(127), INT(-128)},
     {"1", "127", "-128"}},
    {&micros,
     {.type = MR_TYPE_INT8, NATIVE("tinyint"), .length = 1},
     PLAIN("boolean"),
     {INT(1), INT(2), INT(0), INT(-1)},
     {"true", "true", "false", "false"}},
    {&micros,
     {.type = MR_TYPE_INT8, NATIVE("tinyint"), .length = 1, DEFAULT(INT(1))},
     PLAIN("boolean") ",\"default\":true",
     {INT(0)},
     {"false"}},
    {&micros, {.type = MR_TYPE_INT8, NATIVE("tinyint")}, PLAIN("int16"), {INT(-128)}, {"-128"}},
    {&micros,
     {.type = MR_TYPE_INT16, NATIVE("smallint"), .length = 1},
     PLAIN("int16"),
     {INT(7)},
     {"7"}},
    {&adaptive,
     {.type = MR_TYPE_INT16, NATIVE("tinyint unsigned")},
     PLAIN("int16"),
     {INT(255)},
     {"255"}},
    {&adaptive,
     {.type = MR_TYPE_INT32, NATIVE("mediumint"), DEFAULT(INT(-7))},
     PLAIN("int32") ",\"default\":-7",
     {INT(-8388608)},
     {"-8388608"}},
    {&adaptive,
     {.type = MR_TYPE_INT64, NATIVE("int unsigned")},
     PLAIN("int64"),
     {INT(4294967295)},
     {"4294967295"}},
    {&adaptive,
     {.type = MR_TYPE_UINT64, NATIVE("bigint unsigned"), DEFAULT(UINT(UINT64_MAX))},
     PLAIN("int64") ",\"default\":9223372036854775807",
     {UINT(UINT64_MAX), UINT(1ull << 63), UINT(42)},
     {"-1", "-9223372036854775808", "42"}},
    {&connect,
     {.type = MR_TYPE_UINT64, NATIVE("bigint unsigned"), DEFAULT(UINT(UINT64_MAX))},
     DECIMAL("0", "20") ",\"default\":\"AP//////////\"",
     {UINT(UINT64_MAX), UINT(1ull << 63), UINT(0)},
     {"\"AP//////////\"", "\"AIAAAAAAAAAA\"", "\"AA==\""}},
    {&adaptive,
     {.type = MR_TYPE_FLOAT32, NATIVE("float")},
     PLAIN("float"),
     {FLOAT((double)123456.789f)},
     {"123456.79"}},
    {&adaptive,
     {.type = MR_TYPE_FLOAT32, NATIVE("float"), .precision = 7, .scale = 3},
     PLAIN("double"),
     {FLOAT((double)1234.567f)},
     {"1234.5670166015625"}},
    {&adaptive,
     {.type = MR_TYPE_FLOAT64, NATIVE("double"), DEFAULT(FLOAT(1e10))},
     PLAIN("double") ",\"default\":10000000000.0",
     {FLOAT(0.1)},
     {"0.1"}},
    {&adaptive,
     {.type = MR_TYPE_DECIMAL,
      .precision = 20,
      .scale = 6,
      NATIVE("decimal"),
      DEFAULT(DIGITS("-1.500000"))},
     DECIMAL("6", "20") ",\"default\":\"6Ryg\"",
     {DIGITS("-12345678901234.567890"), DIGITS("0.000001")},
     {"\"/1SrVnMU4PUu\"", "\"AQ==\""}},
    {&micros,
     {.type = MR_TYPE_DECIMAL, .precision = 20, .scale = 6, DEFAULT(DIGITS("1.500000"))},
     PLAIN("string") ",\"default\":\"1.500000\"",
     {DIGITS("99999999999999.999999")},
     {"\"99999999999999.999999\""}},
    {&connect,
     {.type = MR_TYPE_DECIMAL, .precision = 20, .scale = 6},
     PLAIN("double"),
     {DIGITS("0.000001")},
     {"1e-06"}},
    /* bits */
    {&adaptive,
     {.type = MR_TYPE_BITS, .length = 1, DEFAULT(UINT(1))},
     PLAIN("boolean") ",\"default\":true",
     {UINT(0), UINT(1)},
     {"false", "true"}},
    {&adaptive,
     {.type = MR_TYPE_BITS, .length = 5, DEFAULT(UINT(21))},
     BITS("5") ",\"default\":\"FQ==\"",
     {UINT(0), UINT(31)},
     {"\"AA==\"", "\"Hw==\""}},
    {&adaptive,
     {.type = MR_TYPE_BITS, .length = 17},
     BITS("17"),
     {UINT(65537), UINT(131071)},
     {"\"AQAB\"", "\"//8B\""}},
    {&adaptive,
     {.type = MR_TYPE_BITS, .length = 63},
     BITS("63"),
     {UINT(UINT64_MAX >> 1)},
     {"\"/////////38=\""}},
    /* strings */
    {&adaptive,
     {.type = MR_TYPE_TEXT, .length = 20, NATIVE("varchar"), DEFAULT(TEXT("a'b"))},
     PLAIN("string") ",\"default\":\"a'b\"",
     {TEXT(""), {.kind = MR_UNCHANGED}},
     {"\"\"", "\"__debezium_unavailable_value\""}},
    {&adaptive,
     {.type = MR_TYPE_BYTES, .length = 3, NATIVE("binary"), DEFAULT(BYTES("ab\0"))},
     PLAIN("bytes") ",\"default\":\"YWIA\"",
     {BYTES("\0\xff\0")},
     {"\"AP8A\""}},
    {&connect, {.type = MR_TYPE_BYTES}, PLAIN("string"), {BYTES("\xfb\xff\0")}, {"\"+/8A\""}},
    {&micros, {.type = MR_TYPE_BYTES}, PLAIN("string"), {BYTES("\xfb\xff\0")}, {"\"fbff00\""}},
    {&adaptive,
     {.type = MR_TYPE_JSON, NATIVE("json")},
     NAMED("string", "io.debezium.data.Json"),
     {TEXT("{\"a\":1}")},
     {"\"{\\\"a\\\":1}\""}},
    {&adaptive,
     {.type = MR_TYPE_ENUM, .labels = labels, .label_count = 5, DEFAULT(TEXT("it's"))},
     NAMED("string", "io.debezium.data.Enum") ",\"parameters\":{\"allowed\":\"new,it's,x\\\\,y,,"
                                              "A\\\\\\\\B\"},\"default\":\"it's\"",
     {TEXT("x,y"), TEXT("A\\B")},
     {"\"x,y\"", "\"A\\\\B\""}},
    {&adaptive,
     {.type = MR_TYPE_SET, .labels = labels, .label_count = 2, DEFAULT(TEXT("new"))},
     NAMED("string", "io.debezium.data.EnumSet") ",\"parameters\":{\"allowed\":\"new,it's\"},"
                                                 "\"default\":\"new\"",
     {TEXT("new,it's"), TEXT("")},
     {"\"new,it's\"", "\"\""}},
    {&adaptive,
     {.type = MR_TYPE_UUID, NATIVE("uuid")},
     NAMED("string", "io.debezium.data.Uuid"),
     {{.kind = MR_UUID,
       .size = 16,
       .p = "\x6c\xcd\x78\x0c\xba\xba\x40\x26\x95\x64\x5b\x8c\x65\x60\0"}},
     {"\"6ccd780c-baba-4026-9564-5b8c65600000\""}},
    {&adaptive,
     {.type = MR_TYPE_TEXT, NATIVE("inet6")},
     PLAIN("string"),
     {TEXT("::1")},
     {"\"::1\""}},
    /* moments: adaptive, the default */
    {&adaptive,
     {.type = MR_TYPE_YEAR, NATIVE("year"), DEFAULT(INT(2024))},
     NAMED("int32", "io.debezium.time.Year") ",\"default\":2024",
     {INT(0), INT(2155)},
     {"0", "2155"}},
    {&adaptive,
     {.type = MR_TYPE_DATE, DEFAULT(DATE(19782))},
     NAMED("int32", "io.debezium.time.Date") ",\"default\":19782",
     {DATE(2932896), DATE(-354285), DATE(-719162), DATE(-693960), DATE(-683003), NO_DATE(ZERO)},
     {"2932896", "-354285", "11323", "0", "-683003", "null"}},
    {&adaptive,
     {.type = MR_TYPE_TIME, .precision = 0, DEFAULT(TIME(-3723000000))},
     NAMED("int64", "io.debezium.time.MicroTime") ",\"default\":-3723000000",
     {TIME(-3020399000000), TIME(3020399000000), TIME(86400000000)},
     {"-3020399000000", "3020399000000", "86400000000"}},
    {&adaptive,
     {.type = MR_TYPE_TIMESTAMP, .precision = 3, DEFAULT(STAMP(1709210096500000))},
     NAMED("int64", "io.debezium.time.Timestamp") ",\"default\":1709210096500",
     {STAMP(253402300799999000), STAMP(-12219292800000000), STAMP(-62135596800000000)},
     {"253402300799999", "-12219292800000", "978307200000"}},
    {&adaptive,
     {.type = MR_TYPE_TIMESTAMP, .precision = 4},
     NAMED("int64", "io.debezium.time.MicroTimestamp"),
     {STAMP(1709210096123400), STAMP(-59989680000000000), STAMP(-59011545600000000),
      STAMP(-59011459199500000), NO_DATE(ZERO)},
     {"1709210096123400", "3124224000000000", "946598400000000", "-59011459199500000", "null"}},
    {&adaptive,
     {.type = MR_TYPE_TIMESTAMP, .precision = 0, .default_now = true},
     NAMED("int64", "io.debezium.time.Timestamp") ",\"default\":0",
     {STAMP(1000000)},
     {"1000"}},
    {&adaptive,
     {.type = MR_TYPE_TIMESTAMP, .precision = 0, DEFAULT(NO_DATE(ZERO))},
     NAMED("int64", "io.debezium.time.Timestamp"),
     {NO_DATE(ZERO)},
     {"null"}},
    {&adaptive,
     {.type = MR_TYPE_TIMESTAMPTZ, .precision = 6, DEFAULT(STAMP(1709210096123456))},
     NAMED("string",
           "io.debezium.time.ZonedTimestamp") ",\"default\":\"2024-02-29T12:34:56.123456Z\"",
     {STAMP(1709210096100000), STAMP(1000001)},
     {"\"2024-02-29T12:34:56.100000Z\"", "\"1970-01-01T00:00:01.000001Z\""}},
    {&adaptive,
     {.type = MR_TYPE_TIMESTAMPTZ, .precision = 3, .default_now = true},
     NAMED("string", "io.debezium.time.ZonedTimestamp"),
     {STAMP(4102444800000000)},
     {"\"2100-01-01T00:00:00.000Z\""}},
    /* the other modes */
    {&connect,
     {.type = MR_TYPE_DATE},
     NAMED("int32", "org.apache.kafka.connect.data.Date"),
     {DATE(11323)},
     {"11323"}},
    {&connect,
     {.type = MR_TYPE_TIME, .precision = 6},
     NAMED("int32", "org.apache.kafka.connect.data.Time"),
     {TIME(45296123456), TIME(86400000000), TIME(86400000001), TIME(-1)},
     {"45296123", "86400000", NULL, NULL}},
    {&connect,
     {.type = MR_TYPE_TIMESTAMP, .precision = 6, DEFAULT(STAMP(1709210096123456))},
     NAMED("int64", "org.apache.kafka.connect.data.Timestamp") ",\"default\":1709210096123",
     {STAMP(-1)},
     {"-1"}},
    {&connect,
     {.type = MR_TYPE_TIMESTAMPTZ, .precision = 3},
     NAMED("string", "io.debezium.time.ZonedTimestamp"),
     {STAMP(946684800100000)},
     {"\"2000-01-01T00:00:00.100Z\""}},
    {&micros,
     {.type = MR_TYPE_TIMESTAMP, .precision = 0},
     NAMED("int64", "io.debezium.time.MicroTimestamp"),
     {STAMP(1709210096000000)},
     {"1709210096000000"}},
    {&iso,
     {.type = MR_TYPE_DATE},
     NAMED("string", "io.debezium.time.IsoDate"),
     {DATE(19782), DATE(-719162), NO_DATE(ZERO)},
     {"\"2024-02-29Z\"", "\"2001-01-01Z\"", "null"}},
    {&iso,
     {.type = MR_TYPE_TIME, .precision = 3},
     NAMED("string", "io.debezium.time.IsoTime"),
     {TIME(45296789000), TIME(3020399000000)},
     {"\"12:34:56.789Z\"", NULL}},
    {&nanos,
     {.type = MR_TYPE_TIME, .precision = 0},
     NAMED("int64", "io.debezium.time.NanoTime"),
     {TIME(-3020399000000)},
     {"-3020399000000000"}},
    {&nanos,
     {.type = MR_TYPE_TIMESTAMP, .precision = 6},
     NAMED("int64", "io.debezium.time.NanoTimestamp"),
     {STAMP(1709210096123456), STAMP(253402300799999999)},
     {"1709210096123456000", NULL}},
    /* shapes */
    {&adaptive,
     {.type = MR_TYPE_SPATIAL_POINT, NATIVE("point")},
     NULL,
     {GEO(at_1_2), GEO(on_earth)},
     {"{\"x\":1.0,\"y\":2.0,\"wkb\":\"AQEAAAAAAAAAAADwPwAAAAAAAABA\",\"srid\":null}",
      "{\"x\":2.0,\"y\":1.0,\"wkb\":\"AQEAAAAAAAAAAAAAQAAAAAAAAPA/\",\"srid\":4326}"}},
    {&adaptive,
     {.type = MR_TYPE_SPATIAL, NATIVE("geometry")},
     "\"type\":\"struct\",\"fields\":[{\"type\":\"bytes\",\"optional\":false,\"field\":\"wkb\"},"
     "{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}],\"name\":"
     "\"io.debezium.data.geometry.Geometry\",\"version\":1,\"doc\":\"Geometry\"",
     {GEO(empty), GEO(on_earth)},
     {"{\"wkb\":\"AQcAAAAAAAAA\",\"srid\":null}",
      "{\"wkb\":\"AQEAAAAAAAAAAAAAQAAAAAAAAPA/\",\"srid\":4326}"}},
    {&adaptive,
     {.type = MR_TYPE_HALFVEC, NATIVE("vector")},
     "\"type\":\"array\",\"items\":{\"type\":\"float\",\"optional\":false},\"name\":"
     "\"io.debezium.data.FloatVector\",\"version\":1",
     {{.kind = MR_VECTOR, .vector = &vector}},
     {"[1.0,2.5,-3.0]"}},
};

/* The schema's text without its "optional", which stands behind the content. */
static void check_schema(const struct mr_connect *schema, const char *wanted, size_t place)
{
    static const char optional[] = ",\"optional\":true";
    struct mr_buf buf;
    char *text = NULL, *at, *next;

    mr_buf_init(&buf, 1 << 20);
    mr_connect_json(schema, (struct mr_slice){NULL, 0}, &buf);
    assert_non_null(mr_buf_cstr(&buf));
    text = buf.data;
    at = strstr(text, optional);
    while (at && (next = strstr(at + 1, optional)) != NULL)
        at = next;
    assert_non_null(at);
    memmove(at, at + strlen(optional), strlen(at + strlen(optional)) + 1);
    text[strlen(text) - 1] = 0;
    if (strcmp(text + 1, wanted) != 0)
        fail_msg("trial %zu: schema\n%s, not\n%s", place, text + 1, wanted);
    mr_buf_done(&buf);
}

static void check_value(struct mr_row_writer *writer, const struct mr_form *form,
                        const struct mr_value *value, const char *wanted, size_t place)
{
    struct mr_row_column column = {.lead = MR_SLICE("{"),
                                   .form = form,
                                   .way = (uint8_t)mr_row_choose(form, false),
                                   .least = form->least};
    const struct mr_row_column *failed;
    struct mr_arena arena;
    struct mr_slice text;
    struct mr_err err;
    int rc;

    mr_arena_init(&arena, 4096, 0);
    mr_out_begin(&writer->out, &arena, 64);
    rc = mr_row_write(writer, &column, 1, value, NULL, &failed, &err);
    assert_int_equal(rc, wanted ? 0 : MR_DATA);
    if (wanted) {
        text = mr_out_end(&writer->out);
        if (text.size != strlen(wanted) + 2 || memcmp(text.data + 1, wanted, strlen(wanted)) != 0)
            fail_msg("trial %zu: %.*s, not %s", place, MR_SLICE_ARG(text), wanted);
    } else {
        assert_string_equal(err.code, "encode.value");
    }
    mr_arena_done(&arena);
}

static void every_type_is_as_recorded(void **state)
{
    struct mr_row_writer writer = {0};
    struct mr_arena arena;
    struct mr_form form;

    (void)state;
    mr_buf_init(&writer.scratch, 1 << 20);
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
        struct mr_column column = trials[i].column;

        column.optional = true;
        mr_arena_init(&arena, 4096, 0);
        mr_form_make(&arena, &mr_form_mysql, &column, trials[i].options, &form);
        if (trials[i].schema)
            check_schema(form.schema, trials[i].schema, i);
        for (size_t v = 0; v < 8 && trials[i].values[v].kind; v++)
            check_value(&writer, &form, &trials[i].values[v], trials[i].texts[v], i);
        mr_arena_done(&arena);
    }
    mr_buf_done(&writer.scratch);
}

/* Where null has no place a zero date is 1970, in the schema's default too; never the column's own default. */
static void a_zero_date_in_a_required_column_is_1970(void **state)
{
    static const struct {
        const struct mr_form_options *options;
        enum mr_type type;
        const char *text;
    } moments[] = {
        {&adaptive, MR_TYPE_DATE, "0"},
        {&adaptive, MR_TYPE_TIMESTAMP, "0"},
        {&adaptive, MR_TYPE_TIMESTAMPTZ, "\"1970-01-01T00:00:00Z\""},
        {&iso, MR_TYPE_DATE, "\"1970-01-01Z\""},
        {&iso, MR_TYPE_TIMESTAMP, "\"1970-01-01T00:00:00Z\""},
    };
    struct mr_row_writer writer = {0};
    struct mr_arena arena;
    struct mr_form form;

    (void)state;
    mr_buf_init(&writer.scratch, 1 << 20);
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        const struct mr_value zero = NO_DATE(ZERO);
        struct mr_column column = {.type = moments[i].type, .has_default = true};

        mr_arena_init(&arena, 4096, 0);
        column.default_value = (struct mr_value)DATE(19782);
        if (column.type != MR_TYPE_DATE)
            column.default_value = (struct mr_value)STAMP(1709210096000000);
        mr_form_make(&arena, &mr_form_mysql, &column, moments[i].options, &form);
        check_value(&writer, &form, &zero, moments[i].text, i);
        column.default_value = zero;
        mr_form_make(&arena, &mr_form_mysql, &column, &adaptive, &form);
        assert_true(form.schema->standard.kind != MR_NULL && !form.schema->optional);
        mr_arena_done(&arena);
    }
    mr_buf_done(&writer.scratch);
}

static void years_of_two_digits_stay_when_asked(void **state)
{
    struct mr_form_options options = adaptive;
    struct mr_column column = {.type = MR_TYPE_DATE, .optional = true};
    const struct mr_value value = DATE(-719162);
    struct mr_row_writer writer = {0};
    struct mr_arena arena;
    struct mr_form form;

    (void)state;
    options.keep_years = true;
    mr_buf_init(&writer.scratch, 1 << 20);
    mr_arena_init(&arena, 4096, 0);
    mr_form_make(&arena, &mr_form_mysql, &column, &options, &form);
    check_value(&writer, &form, &value, "-719162", 0);
    mr_arena_done(&arena);
    mr_buf_done(&writer.scratch);
}

/* Debezium's connector for MariaDB has a column's comment as the doc of its schema, MySQL's has not. */
static void comments_are_docs_where_they_are_wanted(void **state)
{
    static const struct {
        const struct mr_form_mapping *mapping;
        int mode;
        bool doc;
    } cases[] = {
        {&mr_form_mysql, MR_COMMENTS_AUTO, false},    {&mr_form_mysql, MR_COMMENTS_TRUE, true},
        {&mr_form_mariadb, MR_COMMENTS_AUTO, true},   {&mr_form_mariadb, MR_COMMENTS_FALSE, false},
        {&mr_form_postgres, MR_COMMENTS_AUTO, false},
    };
    struct mr_column column = {.type = MR_TYPE_INT32, .comment = MR_SLICE("it's a pk")};
    struct mr_arena arena;
    struct mr_form form;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_form_options options = adaptive;

        options.comments = cases[i].mode;
        mr_arena_init(&arena, 4096, 0);
        mr_form_make(&arena, cases[i].mapping, &column, &options, &form);
        assert_int_equal(form.schema->doc.data != NULL, cases[i].doc);
        mr_arena_done(&arena);
    }
}

/* As it was declared, and what is not said there is not told. Patterns name the database. */
static void a_column_s_type_is_told_as_it_was_declared(void **state)
{
    static const char *patterns[] = {"db.t.*"};
    static const struct {
        const char *declared;
        enum mr_type type;
        const char *parameters[3]; /* type, length, scale */
    } cases[] = {
        {"decimal(10,2) unsigned", MR_TYPE_DECIMAL, {"DECIMAL UNSIGNED", "10", "2"}},
        {"int(10) unsigned zerofill", MR_TYPE_INT64, {"INT UNSIGNED ZEROFILL", "10", NULL}},
        {"timestamp", MR_TYPE_TIMESTAMPTZ, {"TIMESTAMP", NULL, NULL}},
        {"set('new','x)y')", MR_TYPE_SET, {"SET", "8", NULL}},
    };
    struct mr_form_options options = adaptive;
    struct mr_err err;

    (void)state;
    options.propagated = (struct mr_option_list){patterns, 1};
    assert_int_equal(mr_form_options_open(&options, &err), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_table *table = mr_table_new(1);
        struct mr_form form;
        uint32_t told = 0;

        table->database = mr_slice_str("db");
        table->name = mr_slice_str("t");
        table->columns[0] = (struct mr_column){.name = MR_SLICE("c"),
                                               .type = cases[i].type,
                                               .precision = 10,
                                               .labels = labels,
                                               .label_count = 2,
                                               .declared = mr_slice_str(cases[i].declared)};
        mr_form_make(&table->arena, &mr_form_mariadb, &table->columns[0], &options, &form);
        told = form.schema->parameter_count;
        mr_form_propagate(&table->arena, table, &options, &form);
        for (int n = 0; n < 3; n++) {
            if (cases[i].parameters[n])
                assert_true(
                    mr_slice_is(form.schema->parameters[told++].value, cases[i].parameters[n]));
        }
        assert_true(mr_slice_is(form.schema->parameters[told].value, "c"));
        assert_int_equal(told + 1, form.schema->parameter_count);
        mr_table_unref(table);
    }
    mr_form_options_close(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_as_recorded),
        cmocka_unit_test(a_zero_date_in_a_required_column_is_1970),
        cmocka_unit_test(years_of_two_digits_stay_when_asked),
        cmocka_unit_test(comments_are_docs_where_they_are_wanted),
        cmocka_unit_test(a_column_s_type_is_told_as_it_was_declared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
