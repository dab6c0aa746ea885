/* JSON with schemas in a registry: the frame, what a schema forbids, when ids are asked for, and that rows stay
 * cheap. */
#include "plug/encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>

#include "connectors/encoder_json/plan.h"
#include "test/support/counting.h"
#include "test/support/fake_registry.h"

extern const struct mr_encoder mr_encoder_json;

struct fixture {
    struct fake_registry fake;
    const char *urls[1];
    struct mr_context context;
    struct mr_counters counters;
    struct json_config config;
    void *encoder;
    struct mr_table *table;
    struct mr_batch *batch;
    struct mr_transaction transaction;
};

static const struct {
    const char *name, *native;
    enum mr_type type;
} columns[] = {
    {"id", "int4", MR_TYPE_INT32},    {"name", "text", MR_TYPE_TEXT},
    {"f", "float8", MR_TYPE_FLOAT64}, {"p", "point", MR_TYPE_POINT},
    {"s", "lseg", MR_TYPE_SHAPE},     {"v", "sparsevec", MR_TYPE_SPARSEVEC},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static const struct fake_answer two_ids[] = {
    {"POST", "/subjects/shop.public.t-key/versions", 200, "{\"id\":7}"},
    {"POST", "/subjects/shop.public.t-value/versions", 200, "{\"id\":258}"},
    {0}};

static struct mr_table *make_table(void)
{
    struct mr_table *table = mr_table_new(COLUMNS);

    for (uint32_t i = 0; i < COLUMNS; i++)
        table->columns[i] = (struct mr_column){.name = mr_slice_str(columns[i].name),
                                               .type = columns[i].type,
                                               .optional = i > 0,
                                               .precision = -1,
                                               .native_type = mr_slice_str(columns[i].native)};
    table->connector = mr_slice_str("postgresql");
    table->server = mr_slice_str("shop");
    table->database = mr_slice_str("db");
    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("t");
    table->topic = mr_slice_str("shop.public.t");
    table->key_count = 1;
    table->key_columns[0] = 0;
    return table;
}

static void open_encoder(struct fixture *f, struct mr_slice remembered)
{
    struct mr_encoder_args args = {
        .context = &f->context, .config = &f->config, .remembered = remembered};
    struct mr_err err;

    f->encoder = mr_alloc_zero(mr_encoder_json.state_size);
    if (mr_encoder_json.open(f->encoder, &args, &err) < 0)
        fail_msg("%s", err.text);
}

static void setup(struct fixture *f, const struct fake_answer *answers)
{
    memset(f, 0, sizeof(*f));
    fake_registry_start(&f->fake, answers);
    f->urls[0] = f->fake.url;
    f->context = (struct mr_context){.pipeline = "p", .server = "shop", .counters = &f->counters};
    f->config = (struct json_config){
        .schemas = JSON_SCHEMAS_REGISTRY,
        .additional_properties = true,
        .common.subjects.registry = {.urls = {f->urls, 1},
                                     .auto_register = true,
                                     .timeout_ns = 5000000000},
        .common.events = {.envelope = MR_ENVELOPE_FLAT, .source_version = "3.7.0.Final"},
        .common.forms = {.placeholder = "PH", .include_unknown = true}};
    f->table = make_table();
    f->batch = mr_batch_new(1 << 20, 8 << 20);
    f->transaction = (struct mr_transaction){
        .origin = {MR_ORIGIN_POSTGRES, {.postgres = {.xid = 771}}}, .commit_us = 1787220930123456};
    open_encoder(f, (struct mr_slice){NULL, 0});
}

static void close_encoder(struct fixture *f)
{
    mr_encoder_json.close(f->encoder);
    free(f->encoder);
}

static void teardown(struct fixture *f)
{
    close_encoder(f);
    mr_batch_free(f->batch);
    mr_table_unref(f->table);
    assert_int_equal(f->fake.wrong, 0);
    fake_registry_stop(&f->fake);
}

static struct mr_change *change(struct fixture *f, enum mr_op op)
{
    struct mr_change *made = mr_batch_add_change(f->batch);

    *made = (struct mr_change){.op = op,
                               .table = op == MR_OP_MESSAGE ? NULL : f->table,
                               .transaction = &f->transaction,
                               .origin.postgres.lsn = 24026984};
    return made;
}

/* Columns after the name are NULL. */
static struct mr_value *row(struct fixture *f, int64_t id)
{
    struct mr_value *values = MR_ARENA_ARRAY(&f->batch->arena, struct mr_value, COLUMNS);

    for (uint32_t i = 2; i < COLUMNS; i++)
        values[i] = (struct mr_value){.kind = MR_NULL};
    values[0] = (struct mr_value){.kind = MR_INT, .i = id};
    values[1] = (struct mr_value){.kind = MR_TEXT, .size = 3, .p = "Ada"};
    return values;
}

static struct mr_value shape(struct fixture *f, double x, uint32_t count)
{
    struct mr_geometry *geometry = MR_ARENA_NEW(&f->batch->arena, struct mr_geometry);
    double *numbers = MR_ARENA_ARRAY(&f->batch->arena, double, count);

    for (uint32_t i = 0; i < count; i++)
        numbers[i] = x;
    *geometry = (struct mr_geometry){.srid = -1, .count = count, .numbers = numbers};
    return (struct mr_value){.kind = MR_GEOMETRY, .geometry = geometry};
}

static struct mr_value sparse(struct fixture *f, double number)
{
    struct mr_vector *vector = MR_ARENA_NEW(&f->batch->arena, struct mr_vector);
    uint32_t *indexes = MR_ARENA_ARRAY(&f->batch->arena, uint32_t, 2);
    double *numbers = MR_ARENA_ARRAY(&f->batch->arena, double, 2);

    indexes[0] = 1;
    indexes[1] = 5;
    numbers[0] = 2.5;
    numbers[1] = number;
    *vector = (struct mr_vector){9, 2, indexes, numbers};
    return (struct mr_value){.kind = MR_VECTOR, .vector = vector};
}

static int encode(struct fixture *f, struct mr_err *err)
{
    size_t failed;

    mr_err_clear(err);
    return mr_encoder_json.encode(f->encoder, f->batch, &failed, err);
}

static void assert_framed(struct mr_slice bytes, const char frame[5], const char *text)
{
    assert_int_equal(bytes.size, 5 + strlen(text));
    assert_memory_equal(bytes.data, frame, 5);
    assert_memory_equal(bytes.data + 5, text, strlen(text));
}

static void key_and_value_carry_their_ids(void **state)
{
    struct fixture f;
    struct mr_value *values;
    struct mr_err err;

    (void)state;
    setup(&f, two_ids);
    assert_int_equal(mr_encoder_json.describe(f.encoder, f.table, &err), 0);
    assert_non_null(strstr(f.fake.last_body, "\"schemaType\":\"JSON\""));
    assert_non_null(strstr(f.fake.last_body, "\\\"title\\\":\\\"shop.public.t.Value\\\""));
    values = row(&f, 42);
    values[5] = sparse(&f, -1);
    change(&f, MR_OP_CREATE)->after = values;
    change(&f, MR_OP_DELETE)->before = row(&f, 42);
    assert_int_equal(encode(&f, &err), 0);
    assert_int_equal(f.batch->record_count, 2);
    assert_framed(f.batch->records[0].key, "\0\0\0\0\7", "{\"id\":42}");
    assert_framed(
        f.batch->records[0].value, "\0\0\0\1\2",
        "{\"id\":42,\"name\":\"Ada\",\"f\":null,\"p\":null,\"s\":null,\"v\":"
        "{\"dimensions\":9,\"vector\":[{\"key\":1,\"value\":2.5},{\"key\":5,\"value\":-1.0}]}}");
    assert_framed(f.batch->records[1].key, "\0\0\0\0\7", "{\"id\":42}");
    assert_null(f.batch->records[1].value.data); /* a tombstone has no frame either */
    teardown(&f);
}

static void numbers_that_json_has_not_are_refused_or_null(void **state)
{
    struct fixture f;
    struct mr_err err;

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct mr_value bad = i == 0   ? (struct mr_value){.kind = MR_FLOAT, .f = NAN}
                              : i == 3 ? (struct mr_value){.kind = MR_NULL}
                                       : (struct mr_value){0};
        struct mr_value *values;

        setup(&f, two_ids);
        values = row(&f, 1);
        if (i == 1)
            bad = shape(&f, INFINITY, 2);
        if (i == 2)
            bad = sparse(&f, NAN);
        values[i == 0 ? 2 : i == 1 ? 3 : 5] = bad;
        values[4] = shape(&f, INFINITY, 4); /* a segment is WKB, which has infinities */
        change(&f, MR_OP_CREATE)->after = values;
        assert_int_equal(encode(&f, &err), i == 3 ? 0 : MR_DATA);
        if (i < 3)
            assert_string_equal(err.code, "encode.value");
        teardown(&f);
    }
}

static void messages_have_their_ids_before_they_are_encoded_and_after_a_restart(void **state)
{
    static const struct fake_answer answers[] = {
        {"POST", "/subjects/shop.message-key/versions", 200, "{\"id\":3}"},
        {"POST", "/subjects/shop.message-value/versions", 200, "{\"id\":4}"},
        {0}};
    struct mr_message message = {.prefix = MR_SLICE("note"), .content = MR_SLICE("hello")};
    struct mr_slice remembered;
    struct fixture f;
    struct mr_err err;
    char kept[500];

    (void)state;
    setup(&f, answers);
    assert_int_equal(mr_encoder_json.describe_messages(f.encoder, &err), 0);
    assert_int_equal(f.fake.requests, 2);
    remembered = mr_encoder_json.remember(f.encoder);
    assert_true(remembered.size < sizeof kept);
    memcpy(kept, remembered.data, remembered.size);
    remembered.data = kept;
    close_encoder(&f);
    open_encoder(&f, remembered);
    assert_int_equal(mr_encoder_json.describe_messages(f.encoder, &err), 0);
    change(&f, MR_OP_MESSAGE)->message = &message;
    assert_int_equal(encode(&f, &err), 0);
    assert_framed(f.batch->records[0].key, "\0\0\0\0\3", "{\"prefix\":\"note\"}");
    assert_memory_equal(f.batch->records[0].value.data, "\0\0\0\0\4{\"op\":\"m\"", 13);
    assert_int_equal(f.fake.requests, 2); /* nobody was asked again */
    teardown(&f);
}

static void warm_rows_make_no_malloc(void **state)
{
    struct fixture f;
    uint64_t before = 0;
    struct mr_err err;

    (void)state;
    MR_COUNTING_OR_SKIP();
    setup(&f, two_ids);
    f.config.common.events.envelope = MR_ENVELOPE_DEBEZIUM;
    for (int round = 0; round < 20; round++) {
        mr_batch_reset(f.batch);
        for (int i = 0; i < 500; i++)
            change(&f, MR_OP_CREATE)->after = row(&f, i);
        before = round < 5 ? 0 : mr_counting_calls_here();
        assert_int_equal(encode(&f, &err), 0);
        if (round >= 5)
            assert_int_equal(mr_counting_calls_here(), before);
    }
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_and_value_carry_their_ids),
        cmocka_unit_test(numbers_that_json_has_not_are_refused_or_null),
        cmocka_unit_test(messages_have_their_ids_before_they_are_encoded_and_after_a_restart),
        cmocka_unit_test(warm_rows_make_no_malloc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
