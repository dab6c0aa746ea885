/* Avro schema text as Confluent's converter registers it, and names made legal. */
#include "schema/avro/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "schema/event/envelope.h"

static struct mr_column column(const char *name, enum mr_type type, bool optional)
{
    return (struct mr_column){.name = mr_slice_str(name),
                              .type = type,
                              .optional = optional,
                              .precision = -1,
                              .native_type = mr_slice_str("text")};
}

/* The example of the fact sheets: serial, defaults, decimals, semantic types. */
static struct mr_table *orders(void)
{
    struct mr_table *table = mr_table_new(12);
    struct mr_column *c = table->columns;

    c[0] = column("id", MR_TYPE_INT64, false);
    c[0].has_default = true;
    c[0].default_value = (struct mr_value){.kind = MR_INT};
    c[1] = column("qty", MR_TYPE_INT16, true);
    c[2] = column("name", MR_TYPE_TEXT, false);
    c[3] = column("email", MR_TYPE_TEXT, true);
    c[4] = column("status", MR_TYPE_TEXT, false);
    c[4].has_default = true;
    c[4].default_value = (struct mr_value){.kind = MR_TEXT, .size = 3, .p = "new"};
    c[5] = column("amount", MR_TYPE_DECIMAL, false);
    c[5].precision = 12;
    c[5].scale = 2;
    c[6] = column("created", MR_TYPE_TIMESTAMP, false);
    c[7] = column("updated", MR_TYPE_TIMESTAMPTZ, true);
    c[8] = column("day", MR_TYPE_DATE, true);
    c[9] = column("flag", MR_TYPE_BOOL, false);
    c[9].has_default = true;
    c[9].default_value = (struct mr_value){.kind = MR_BOOL};
    c[10] = column("uid", MR_TYPE_UUID, true);
    c[11] = column("doc", MR_TYPE_JSON, true);
    table->connector = mr_slice_str("postgresql");
    table->topic = mr_slice_str("srv.public.orders");
    table->key_count = 1;
    table->key_columns[0] = 0;
    return table;
}

#define VALUE                                                                                      \
    "{\"type\":\"record\",\"name\":\"Value\",\"fields\":[{\"name\":\"id\",\"type\":{\"type\":"     \
    "\"long\",\"connect.default\":0},\"default\":0},{\"name\":\"qty\",\"type\":[\"null\",{"        \
    "\"type\":\"int\",\"connect.type\":\"int16\"}],\"default\":null},{\"name\":\"name\",\"type\":" \
    "\"string\"},{\"name\":\"email\",\"type\":[\"null\",\"string\"],\"default\":null},{\"name\":"  \
    "\"status\",\"type\":{\"type\":\"string\",\"connect.default\":\"new\"},\"default\":\"new\"},"  \
    "{\"name\":\"amount\",\"type\":{\"type\":\"bytes\",\"scale\":2,\"precision\":12,"              \
    "\"connect.version\":1,\"connect.parameters\":{\"scale\":\"2\","                               \
    "\"connect.decimal.precision\":\"12\"},\"connect.name\":"                                      \
    "\"org.apache.kafka.connect.data.Decimal\",\"logicalType\":\"decimal\"}},{\"name\":"           \
    "\"created\",\"type\":{\"type\":\"long\",\"connect.version\":1,\"connect.name\":"              \
    "\"io.debezium.time.MicroTimestamp\"}},{\"name\":\"updated\",\"type\":[\"null\",{\"type\":"    \
    "\"string\",\"connect.version\":1,\"connect.name\":\"io.debezium.time.ZonedTimestamp\"}],"     \
    "\"default\":null},{\"name\":\"day\",\"type\":[\"null\",{\"type\":\"int\","                    \
    "\"connect.version\":1,\"connect.name\":\"io.debezium.time.Date\"}],\"default\":null},{"       \
    "\"name\":\"flag\",\"type\":{\"type\":\"boolean\",\"connect.default\":false},\"default\":"     \
    "false},{\"name\":\"uid\",\"type\":[\"null\",{\"type\":\"string\",\"connect.version\":1,"      \
    "\"connect.name\":\"io.debezium.data.Uuid\"}],\"default\":null},{\"name\":\"doc\",\"type\":["  \
    "\"null\",{\"type\":\"string\",\"connect.version\":1,\"connect.name\":"                        \
    "\"io.debezium.data.Json\"}],\"default\":null}],\"connect.name\":\"srv.public.orders.Value\"}"
#define SOURCE                                                                                     \
    "{\"type\":\"record\",\"name\":\"Source\",\"namespace\":\"io.debezium.connector.postgresql\"," \
    "\"fields\":[{\"name\":\"version\",\"type\":\"string\"},{\"name\":\"connector\",\"type\":"     \
    "\"string\"},{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"ts_ms\",\"type\":\"long\"},{" \
    "\"name\":\"snapshot\",\"type\":[{\"type\":\"string\",\"connect.version\":1,"                  \
    "\"connect.parameters\":{\"allowed\":\"true,first,first_in_data_collection,"                   \
    "last_in_data_collection,last,false,incremental\"},\"connect.default\":\"false\","             \
    "\"connect.name\":\"io.debezium.data.Enum\"},\"null\"],\"default\":\"false\"},{\"name\":"      \
    "\"db\",\"type\":\"string\"},{\"name\":\"sequence\",\"type\":[\"null\",\"string\"],"           \
    "\"default\":null},{\"name\":\"ts_us\",\"type\":[\"null\",\"long\"],\"default\":null},{"       \
    "\"name\":\"ts_ns\",\"type\":[\"null\",\"long\"],\"default\":null},{\"name\":\"schema\","      \
    "\"type\":\"string\"},{\"name\":\"table\",\"type\":\"string\"},{\"name\":\"txId\",\"type\":["  \
    "\"null\",\"long\"],\"default\":null},{\"name\":\"lsn\",\"type\":[\"null\",\"long\"],"         \
    "\"default\":null},{\"name\":\"xmin\",\"type\":[\"null\",\"long\"],\"default\":null},{"        \
    "\"name\":\"origin\",\"type\":[\"null\",\"string\"],\"default\":null},{\"name\":"              \
    "\"origin_lsn\",\"type\":[\"null\",\"long\"],\"default\":null}],\"connect.version\":1,"        \
    "\"connect.name\":\"io.debezium.connector.postgresql.Source\"}"
#define ENVELOPE                                                                                   \
    "{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"srv.public.orders\",\"fields\":["  \
    "{\"name\":\"before\",\"type\":[\"null\"," VALUE "],\"default\":null},{\"name\":\"after\","    \
    "\"type\":[\"null\",\"Value\"],\"default\":null},{\"name\":\"source\",\"type\":" SOURCE        \
    "},{\"name\":\"transaction\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"block\","      \
    "\"namespace\":\"event\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},{\"name\":"         \
    "\"total_order\",\"type\":\"long\"},{\"name\":\"data_collection_order\",\"type\":\"long\"}],"  \
    "\"connect.version\":1,\"connect.name\":\"event.block\"}],\"default\":null},{\"name\":"        \
    "\"op\",\"type\":\"string\"},{\"name\":\"ts_ms\",\"type\":[\"null\",\"long\"],\"default\":"    \
    "null},{\"name\":\"ts_us\",\"type\":[\"null\",\"long\"],\"default\":null},{\"name\":"          \
    "\"ts_ns\",\"type\":[\"null\",\"long\"],\"default\":null}],\"connect.version\":2,"             \
    "\"connect.name\":\"srv.public.orders.Envelope\"}"

static void the_envelope_is_confluents_text(void **state)
{
    const struct mr_form_options options = {.placeholder = ""};
    struct mr_table *table = orders();
    struct mr_envelope envelope;
    struct mr_arena arena;
    struct mr_buf buf;

    (void)state;
    mr_arena_init(&arena, 4096, 0);
    mr_buf_init(&buf, 1 << 20);
    mr_envelope_make(&arena, table, table->topic, &options, &envelope);
    mr_avro_text(envelope.key, MR_AVRO_CONFLUENT, &buf);
    assert_string_equal(
        mr_buf_cstr(&buf),
        "{\"type\":\"record\",\"name\":\"Key\",\"namespace\":\"srv.public.orders\","
        "\"fields\":[{\"name\":\"id\",\"type\":{\"type\":\"long\",\"connect.default\":0},"
        "\"default\":0}],\"connect.name\":\"srv.public.orders.Key\"}");
    mr_buf_clear(&buf);
    mr_avro_text(envelope.value, MR_AVRO_CONFLUENT, &buf);
    assert_string_equal(mr_buf_cstr(&buf), ENVELOPE);
    mr_buf_done(&buf);
    mr_arena_done(&arena);
    mr_table_unref(table);
}

static void native_types_are_avros_own(void **state)
{
    const struct mr_form_options options = {.placeholder = "", .native = true};
    struct mr_table *table = orders();
    struct mr_envelope envelope;
    struct mr_arena arena;
    struct mr_buf buf;

    (void)state;
    mr_arena_init(&arena, 4096, 0);
    mr_buf_init(&buf, 1 << 20);
    mr_envelope_make(&arena, table, table->topic, &options, &envelope);
    mr_avro_text(envelope.row, MR_AVRO_NATIVE, &buf);
    assert_string_equal(mr_buf_cstr(&buf),
                        "{\"type\":\"record\",\"name\":\"Value\",\"namespace\":\"srv.public."
                        "orders\",\"fields\":[{\"name\":"
                        "\"id\",\"type\":\"long\",\"default\":0},{\"name\":\"qty\",\"type\":["
                        "\"null\",\"int\"],\"default\":"
                        "null},{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"email\","
                        "\"type\":[\"null\",\"string\"],"
                        "\"default\":null},{\"name\":\"status\",\"type\":\"string\",\"default\":"
                        "\"new\"},{\"name\":\"amount\","
                        "\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"scale\":2,"
                        "\"precision\":12}},{\"name\":"
                        "\"created\",\"type\":{\"type\":\"long\",\"logicalType\":\"local-timestamp-"
                        "micros\"}},{\"name\":"
                        "\"updated\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":"
                        "\"timestamp-micros\"}],\"default\":"
                        "null},{\"name\":\"day\",\"type\":[\"null\",{\"type\":\"int\","
                        "\"logicalType\":\"date\"}],\"default\":"
                        "null},{\"name\":\"flag\",\"type\":\"boolean\",\"default\":false},{"
                        "\"name\":\"uid\",\"type\":[\"null\","
                        "{\"type\":\"string\",\"logicalType\":\"uuid\"}],\"default\":null},{"
                        "\"name\":\"doc\",\"type\":[\"null\","
                        "\"string\"],\"default\":null}]}");
    mr_buf_done(&buf);
    mr_arena_done(&arena);
    mr_table_unref(table);
}

static void names_are_made_legal(void **state)
{
    static const struct {
        const char *name;
        enum mr_name_mode mode;
        bool dots;
        const char *adjusted;
    } cases[] = {
        {"my-server.2fa", MR_NAME_NONE, true, "my-server.2fa"},
        {"my-server.2fa", MR_NAME_AVRO, true, "my_server.2fa"},
        {"a.b", MR_NAME_AVRO, false, "a_b"},
        {"1a", MR_NAME_AVRO, false, "_1a"},
        {"col with space", MR_NAME_AVRO, false, "col_with_space"},
        {"日", MR_NAME_AVRO, false, "_"},
        {"my_t", MR_NAME_AVRO_UNICODE, false, "my_u005ft"},
        {"a b", MR_NAME_AVRO_UNICODE, false, "a_u0020b"},
        {"ü日", MR_NAME_AVRO_UNICODE, false, "_u00fc_u65e5"},
        {"1a", MR_NAME_AVRO_UNICODE, false, "_u0031a"},
    };
    struct mr_arena arena;

    (void)state;
    mr_arena_init(&arena, 4096, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_slice got =
            mr_name_adjust(&arena, mr_slice_str(cases[i].name), cases[i].mode, cases[i].dots);
        assert_true(mr_slice_is(got, cases[i].adjusted));
    }
    mr_arena_done(&arena);
}

static void names_that_become_one_are_refused(void **state)
{
    struct mr_form_options options = {.placeholder = "", .field_names = MR_NAME_AVRO};
    struct mr_table *table = mr_table_new(2);
    struct mr_envelope envelope;
    struct mr_arena arena;
    struct mr_err err;

    (void)state;
    table->columns[0] = column("a b", MR_TYPE_TEXT, true);
    table->columns[1] = column("a-b", MR_TYPE_TEXT, true);
    mr_arena_init(&arena, 4096, 0);
    mr_envelope_make(&arena, table, mr_slice_str("t"), &options, &envelope);
    assert_int_equal(mr_envelope_check(&envelope, &err), MR_CONFIG);
    assert_string_equal(err.code, "schema.name_collision");
    options.field_names = MR_NAME_AVRO_UNICODE;
    mr_envelope_make(&arena, table, mr_slice_str("t"), &options, &envelope);
    assert_int_equal(mr_envelope_check(&envelope, &err), 0);
    mr_arena_done(&arena);
    mr_table_unref(table);
}

static void defaults_are_printed_as_java_prints_them(void **state)
{
    static const struct {
        enum mr_connect_type type;
        struct mr_value value;
        const char *text;
    } cases[] = {
        {MR_CONNECT_FLOAT64, {.kind = MR_FLOAT, .f = 1e10}, "1.0E10"},
        {MR_CONNECT_FLOAT64, {.kind = MR_FLOAT, .f = 0.5}, "0.5"},
        {MR_CONNECT_FLOAT64, {.kind = MR_FLOAT, .f = 1.25e-5}, "1.25E-5"},
        {MR_CONNECT_FLOAT64, {.kind = MR_FLOAT, .f = 0}, "0.0"},
        {MR_CONNECT_FLOAT32, {.kind = MR_FLOAT, .f = 1.5}, "1.5"},
        {MR_CONNECT_FLOAT64, {.kind = MR_FLOAT, .f = 9007199254740992.0}, "9.007199254740992E15"},
        {MR_CONNECT_BYTES, {.kind = MR_BYTES, .size = 2, .p = "\x03\xde"}, "\"\\u0003\xc3\x9e\""},
        {MR_CONNECT_STRING, {.kind = MR_TEXT, .size = 4, .p = "it's"}, "\"it's\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mr_connect schema = {.type = cases[i].type, .standard = cases[i].value};
        char wanted[100];
        struct mr_buf buf;

        mr_buf_init(&buf, 1000);
        mr_avro_text(&schema, MR_AVRO_CONFLUENT, &buf);
        snprintf(wanted, sizeof(wanted), "\"connect.default\":%s}", cases[i].text);
        assert_non_null(strstr(mr_buf_cstr(&buf), wanted));
        mr_buf_done(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_envelope_is_confluents_text),
        cmocka_unit_test(native_types_are_avros_own),
        cmocka_unit_test(names_are_made_legal),
        cmocka_unit_test(names_that_become_one_are_refused),
        cmocka_unit_test(defaults_are_printed_as_java_prints_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
