/* The JSON encoder's records, byte by byte: operations, keys, headers, stand-ins. */
#include "plug/encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "connectors/encoder_json/plan.h"

extern const struct mr_encoder mr_encoder_json;

struct fixture {
    struct mr_context context;
    struct mr_counters counters;
    struct json_config config;
    void *encoder;
    struct mr_table *table;
    struct mr_batch *batch;
    struct mr_transaction transaction;
    struct mr_slice transactions; /* topic */
    char noted[64];               /* the code of the last note */
};

static void note(void *state, int level, const char *code, const char *format, ...)
{
    struct fixture *f = state;

    (void)level, (void)format;
    snprintf(f->noted, sizeof(f->noted), "%s", code);
}

static void column(struct mr_table *table, uint32_t i, const char *name, enum mr_type type,
                   bool optional)
{
    table->columns[i] = (struct mr_column){.name = mr_slice_str(name),
                                           .type = type,
                                           .optional = optional,
                                           .precision = -1,
                                           .native_type = mr_slice_str("text")};
}

static struct fixture *setup(void)
{
    struct fixture *f = mr_alloc_zero(sizeof(*f));
    struct mr_table *table = mr_table_new(4);

    column(table, 0, "id", MR_TYPE_INT32, false);
    column(table, 1, "name", MR_TYPE_TEXT, true);
    column(table, 2, "w", MR_TYPE_TEXT, false);
    column(table, 3, "n", MR_TYPE_DECIMAL, true);
    table->columns[3].precision = 5;
    table->columns[3].scale = 2;
    table->connector = mr_slice_str("postgresql");
    table->server = mr_slice_str("shop");
    table->database = mr_slice_str("db");
    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("t");
    table->topic = mr_slice_str("shop.public.t");
    table->key_count = 1;
    table->key_columns[0] = 0;
    table->columns[0].key = 1;
    f->table = table;
    f->context.server = "shop";
    f->context.counters = &f->counters;
    f->context.notes = (struct mr_notes){note, f};
    f->config =
        (struct json_config){.common.events = {.tombstones = true, .source_version = "3.7.0.Final"},
                             .common.forms = {.include_unknown = true, .placeholder = "PH"}};
    f->batch = mr_batch_new(1 << 16, 1 << 20);
    f->transaction = (struct mr_transaction){.origin = {MR_ORIGIN_POSTGRES,
                                                        {.postgres = {.xid = 771,
                                                                      .first_lsn = 24026984,
                                                                      .end_lsn = 24026984,
                                                                      .previous_lsn = 24026448}}},
                                             .commit_us = 1787220930123456};
    return f;
}

static void open_encoder(struct fixture *f)
{
    struct mr_encoder_args args = {
        .context = &f->context, .config = &f->config, .transactions = f->transactions};
    struct mr_err err;

    f->encoder = mr_alloc_zero(mr_encoder_json.state_size);
    assert_int_equal(mr_encoder_json.open(f->encoder, &args, &err), 0);
    assert_int_equal(mr_encoder_json.describe(f->encoder, f->table, &err), 0);
}

static void teardown(struct fixture *f)
{
    mr_encoder_json.close(f->encoder);
    free(f->encoder);
    mr_batch_free(f->batch);
    mr_table_unref(f->table);
    free(f);
}

static struct mr_value text(const char *p)
{
    return p ? (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)strlen(p), .p = p}
             : (struct mr_value){.kind = MR_NULL};
}

static struct mr_value *row(struct fixture *f, int64_t id, const char *name, const char *w,
                            int64_t n)
{
    struct mr_value *values = MR_ARENA_ARRAY(&f->batch->arena, struct mr_value, 4);

    values[0] = (struct mr_value){.kind = MR_INT, .i = id};
    values[1] = text(name);
    values[2] = text(w);
    values[3] = (struct mr_value){.kind = MR_DECIMAL, .scale = 2, .i = n};
    return values;
}

static struct mr_value *old_key(struct fixture *f, int64_t id)
{
    struct mr_value *values = row(f, id, NULL, NULL, 0);

    for (int i = 1; i < 4; i++)
        values[i] = (struct mr_value){.kind = MR_ABSENT};
    return values;
}

static struct mr_change *change(struct fixture *f, enum mr_op op)
{
    struct mr_change *c = mr_batch_add_change(f->batch);

    *c = (struct mr_change){.op = op,
                            .table = f->table,
                            .transaction = &f->transaction,
                            .origin.postgres.lsn = 24026984,
                            .read_us = 1787220930351042};
    return c;
}

static void encode(struct fixture *f)
{
    struct mr_err err;
    size_t failed;

    if (mr_encoder_json.encode(f->encoder, f->batch, &failed, &err) < 0)
        fail_msg("%s", err.text);
}

static void check(struct mr_slice got, const char *wanted)
{
    if (!wanted) {
        assert_null(got.data);
        return;
    }
    assert_non_null(got.data);
    if (!mr_slice_is(got, wanted))
        fail_msg("got    %.*s\nwanted %s", MR_SLICE_ARG(got), wanted);
}

static bool contains(struct mr_slice text, const char *part)
{
    return memmem(text.data, text.size, part, strlen(part)) != NULL;
}

#define SOURCE                                                                                     \
    "\"source\":{\"version\":\"3.7.0.Final\",\"connector\":\"postgresql\",\"name\":\"shop\","      \
    "\"ts_ms\":1787220930123,\"snapshot\":\"false\",\"db\":\"db\",\"sequence\":"                   \
    "\"[\\\"24026448\\\",\\\"24026984\\\"]\",\"ts_us\":1787220930123456,"                          \
    "\"ts_ns\":1787220930123456000,\"schema\":\"public\",\"table\":\"t\",\"txId\":771,"            \
    "\"lsn\":24026984,\"xmin\":null,\"origin\":null,\"origin_lsn\":null}"
#define TIMES "\"ts_ms\":1787220930351,\"ts_us\":1787220930351042,\"ts_ns\":1787220930351042000}"
#define ENVELOPE(before, after, op)                                                                \
    "{\"before\":" before ",\"after\":" after "," SOURCE ",\"transaction\":null,\"op\":\"" op      \
    "\"," TIMES

static void a_create_is_one_record(void **state)
{
    struct fixture *f = setup();

    (void)state;
    open_encoder(f);
    change(f, MR_OP_CREATE)->after = row(f, 1, "A\"da", "x", 1250);
    encode(f);
    assert_int_equal(f->batch->record_count, 1);
    check(f->batch->records[0].topic, "shop.public.t");
    check(f->batch->records[0].key, "{\"id\":1}");
    check(f->batch->records[0].value,
          ENVELOPE("null", "{\"id\":1,\"name\":\"A\\\"da\",\"w\":\"x\",\"n\":\"BOI=\"}", "c"));
    assert_int_equal(f->batch->records[0].header_count, 0);
    assert_int_equal(f->batch->records[0].partition, -1);
    teardown(f);
}

/* What is written once per transaction: its times, whatever their digits, and an origin, which the next has not. */
static void each_transaction_has_its_own_source(void **state)
{
    static struct {
        struct mr_transaction transaction;
        const char *parts[4];
    } cases[] = {
        {{.origin = {MR_ORIGIN_POSTGRES, {.postgres = {.xid = 1, .previous_lsn = 9}}},
          .commit_us = 1787220930123456},
         {"\"ts_ms\":1787220930123,", "\"ts_us\":1787220930123456,\"ts_ns\":1787220930123456000,",
          "[\\\"9\\\",", "\"txId\":1,"}},
        {{.origin = {MR_ORIGIN_POSTGRES,
                     {.postgres = {.xid = 2, .name = {"a\"b", 3}, .name_lsn = 77}}},
          .commit_us = 1000},
         {"\"ts_ms\":1,", "\"ts_us\":1000,\"ts_ns\":1000000,", "[null,",
          "\"origin\":\"a\\\"b\",\"origin_lsn\":77}"}},
        {{.origin = {MR_ORIGIN_POSTGRES,
                     {.postgres = {.xid = UINT32_MAX, .name = {"c", 1}, .name_lsn = 78}}},
          .commit_us = 999},
         {"\"ts_ms\":0,", "\"ts_us\":999,\"ts_ns\":999000,", "\"txId\":4294967295,",
          "\"origin\":\"c\",\"origin_lsn\":78}"}},
        {{.origin = {MR_ORIGIN_POSTGRES, {.postgres = {.previous_lsn = UINT64_MAX}}}},
         {"\"ts_ms\":0,", "\"ts_us\":0,\"ts_ns\":0,", "[\\\"18446744073709551615\\\",\\\"24026984",
          "\"txId\":null,\"lsn\":24026984,\"xmin\":null,\"origin\":null,\"origin_lsn\":null}"}},
        {{.commit_us = -1234567},
         {"\"ts_ms\":-1234,", "\"ts_us\":-1234567,\"ts_ns\":-1234567000,", "\"txId\":null,",
          "\"origin\":null,\"origin_lsn\":null}"}},
        {{.commit_us = -1}, {"\"ts_ms\":0,", "\"ts_us\":-1,\"ts_ns\":-1000,", "", ""}},
    };
    struct fixture *f = setup();

    (void)state;
    open_encoder(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_change *c = change(f, MR_OP_CREATE);
        c->after = row(f, 1, "a", "x", 1);
        c->transaction = &cases[i].transaction;
    }
    encode(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t part = 0; part < 4; part++)
            if (!contains(f->batch->records[i].value, cases[i].parts[part]))
                fail_msg("%s is not in %.*s", cases[i].parts[part],
                         MR_SLICE_ARG(f->batch->records[i].value));
    teardown(f);
}

static void a_delete_fills_what_the_key_does_not_have(void **state)
{
    struct fixture *f = setup();
    struct mr_change *c;

    (void)state;
    open_encoder(f);
    c = change(f, MR_OP_DELETE);
    c->before = old_key(f, 7);
    c->before_is_key = true;
    encode(f);
    assert_int_equal(f->batch->record_count, 2);
    check(f->batch->records[0].value,
          ENVELOPE("{\"id\":7,\"name\":null,\"w\":\"\",\"n\":null}", "null", "d"));
    check(f->batch->records[1].key, "{\"id\":7}");
    check(f->batch->records[1].value, NULL);
    teardown(f);
}

static void a_key_change_is_delete_tombstone_create(void **state)
{
    struct fixture *f = setup();
    struct mr_change *c;
    struct mr_record *records;

    (void)state;
    f->config.common.events.context_headers = true;
    open_encoder(f);
    c = change(f, MR_OP_UPDATE);
    c->before = old_key(f, 2);
    c->before_is_key = c->key_changed = true;
    c->after = row(f, 20, "u", "w", 100);
    encode(f);
    records = f->batch->records;
    assert_int_equal(f->batch->record_count, 3);
    check(records[0].key, "{\"id\":2}");
    check(records[0].value,
          ENVELOPE("{\"id\":2,\"name\":null,\"w\":\"\",\"n\":null}", "null", "d"));
    check(records[1].value, NULL);
    check(records[2].key, "{\"id\":20}");
    check(records[2].value,
          ENVELOPE("null", "{\"id\":20,\"name\":\"u\",\"w\":\"w\",\"n\":\"ZA==\"}", "c"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(records[i].header_count, 5);
        check(records[i].headers[0].name, i == 2 ? "__debezium.oldkey" : "__debezium.newkey");
        check(records[i].headers[0].value, i == 2 ? "{\"id\":2}" : "{\"id\":20}");
        check(records[i].headers[1].name, "__debezium.context.connectorLogicalName");
        check(records[i].headers[3].value, "postgresql");
    }
    teardown(f);
}

static void unchanged_columns_are_named_in_a_header(void **state)
{
    struct fixture *f = setup();
    struct mr_change *c;

    (void)state;
    open_encoder(f);
    c = change(f, MR_OP_UPDATE);
    c->after = row(f, 1, NULL, "x", 0);
    c->after[1].kind = c->after[3].kind = MR_UNCHANGED;
    encode(f);
    check(f->batch->records[0].value,
          ENVELOPE("null", "{\"id\":1,\"name\":\"PH\",\"w\":\"x\",\"n\":null}", "u"));
    assert_int_equal(f->batch->records[0].header_count, 1);
    check(f->batch->records[0].headers[0].name, "__millrace.unchanged");
    check(f->batch->records[0].headers[0].value, "[\"name\",\"n\"]");
    teardown(f);
}

static void unchanged_columns_are_taken_from_a_full_old_row(void **state)
{
    struct fixture *f = setup();
    struct mr_change *c;

    (void)state;
    f->config.common.events.envelope = MR_ENVELOPE_FLAT;
    open_encoder(f);
    c = change(f, MR_OP_UPDATE);
    c->before = row(f, 1, "long", "x", 5);
    c->after = row(f, 1, NULL, "y", 5);
    c->after[1].kind = MR_UNCHANGED;
    encode(f);
    check(f->batch->records[0].value, "{\"id\":1,\"name\":\"long\",\"w\":\"y\",\"n\":\"BQ==\"}");
    assert_int_equal(f->batch->records[0].header_count, 0);
    teardown(f);
}

static void truncates_have_no_key(void **state)
{
    struct fixture *f = setup();

    (void)state;
    open_encoder(f);
    change(f, MR_OP_TRUNCATE);
    encode(f);
    assert_int_equal(f->batch->record_count, 1);
    check(f->batch->records[0].key, NULL);
    check(f->batch->records[0].value, ENVELOPE("null", "null", "t"));
    teardown(f);
}

static void snapshot_rows_carry_their_marker(void **state)
{
    struct fixture *f = setup();
    struct mr_change *c;

    (void)state;
    open_encoder(f);
    c = change(f, MR_OP_READ);
    c->after = row(f, 1, "a", "b", 0);
    c->mark = MR_SNAPSHOT_LAST_IN_TABLE;
    encode(f);
    assert_true(contains(f->batch->records[0].value,
                         "\"snapshot\":\"last_in_data_collection\",\"db\":\"db\",\"sequence\":"
                         "\"[null,\\\"24026984\\\"]\","));
    teardown(f);
}

static void messages_have_a_topic_of_their_own(void **state)
{
    struct fixture *f = setup();
    struct mr_message message = {.transactional = true,
                                 .prefix = mr_slice_str("audit"),
                                 .content = mr_slice_str("hi"),
                                 .database = mr_slice_str("db")};
    struct mr_change *c;

    (void)state;
    open_encoder(f);
    c = change(f, MR_OP_MESSAGE);
    c->table = NULL;
    c->message = &message;
    encode(f);
    check(f->batch->records[0].topic, "shop.message");
    check(f->batch->records[0].key, "{\"prefix\":\"audit\"}");
    check(
        f->batch->records[0].value,
        "{\"op\":\"m\",\"ts_ms\":1787220930351,\"source\":{\"version\":\"3.7.0.Final\","
        "\"connector\":"
        "\"postgresql\",\"name\":\"shop\",\"ts_ms\":1787220930123,\"snapshot\":\"false\",\"db\":"
        "\"db\","
        "\"sequence\":\"[\\\"24026448\\\",\\\"24026984\\\"]\",\"ts_us\":1787220930123456,\"ts_ns\":"
        "1787220930123456000,\"schema\":\"\",\"table\":\"\",\"txId\":771,\"lsn\":24026984,\"xmin\":"
        "null,"
        "\"origin\":null,\"origin_lsn\":null},\"transaction\":null,\"message\":{\"prefix\":"
        "\"audit\","
        "\"content\":\"aGk=\"}}");
    teardown(f);
}

static void the_content_of_messages_follows_the_binary_mode(void **state)
{
    static const struct {
        int mode;
        const char *type, *content; /* as recorded */
    } cases[] = {{MR_BINARY_BYTES, "bytes", "+/8A"},
                 {MR_BINARY_BASE64, "string", "+/8A"},
                 {MR_BINARY_BASE64_URL, "string", "-_8A"},
                 {MR_BINARY_HEX, "string", "fbff00"}};
    struct mr_message message = {.prefix = mr_slice_str("b"), .content = mr_slice("\xfb\xff", 3)};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = setup();
        struct mr_change *c;
        char text[100];

        f->config.schemas = true;
        f->config.common.forms.binary = cases[i].mode;
        open_encoder(f);
        c = change(f, MR_OP_MESSAGE);
        c->table = NULL;
        c->message = &message;
        encode(f);
        snprintf(text, sizeof(text), "{\"type\":\"%s\",\"optional\":true,\"field\":\"content\"}",
                 cases[i].type);
        assert_true(contains(f->batch->records[0].value, text));
        snprintf(text, sizeof(text), "\"content\":\"%s\"}", cases[i].content);
        assert_true(contains(f->batch->records[0].value, text));
        teardown(f);
    }
}

static void schemas_stand_around_keys_and_values(void **state)
{
    static const char head[] = "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\","
                               "\"fields\":[{\"type\":\"int32\","
                               "\"optional\":false,\"field\":\"id\"},{\"type\":\"string\","
                               "\"optional\":true,\"field\":\"name\"},";
    struct fixture *f = setup();
    struct mr_slice value;

    (void)state;
    f->config.schemas = true;
    open_encoder(f);
    change(f, MR_OP_CREATE)->after = row(f, 1, "a", "b", 0);
    encode(f);
    check(f->batch->records[0].key,
          "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"optional\":false,"
          "\"field\":\"id\"}],"
          "\"optional\":false,\"name\":\"shop.public.t.Key\"},\"payload\":{\"id\":1}}");
    value = f->batch->records[0].value;
    assert_true(value.size > sizeof(head) && memcmp(value.data, head, sizeof(head) - 1) == 0);
    assert_true(contains(value, "\"payload\":{\"before\":null,"));
    assert_true(value.data[value.size - 1] == '}' && value.data[value.size - 2] == '}');
    teardown(f);
}

static void a_flat_delete_is_a_tombstone_or_a_marked_row(void **state)
{
    (void)state;
    for (int deletes = MR_DELETES_TOMBSTONE; deletes <= MR_DELETES_DROP; deletes++) {
        struct fixture *f = setup();

        f->config.common.events.envelope = MR_ENVELOPE_FLAT;
        f->config.common.events.deletes = deletes;
        open_encoder(f);
        change(f, MR_OP_DELETE)->before = row(f, 1, "a", "b", 0);
        encode(f);
        assert_int_equal(f->batch->record_count, deletes == MR_DELETES_DROP ? 0 : 1);
        if (deletes != MR_DELETES_DROP)
            check(f->batch->records[0].value, deletes == MR_DELETES_TOMBSTONE
                                                  ? NULL
                                                  : "{\"id\":1,\"name\":\"a\",\"w\":\"b\",\"n\":"
                                                    "\"AA==\",\"__deleted\":\"true\"}");
        teardown(f);
    }
}

static void a_value_that_does_not_fit_follows_the_policy(void **state)
{
    (void)state;
    for (int failure = MR_FAILURE_FAIL; failure <= MR_FAILURE_SKIP; failure++) {
        struct fixture *f = setup();
        struct mr_value *values;
        struct mr_err err;
        size_t failed = 99;
        int rc;

        f->config.common.events.envelope = MR_ENVELOPE_FLAT;
        f->config.common.forms.failure = failure;
        open_encoder(f);
        change(f, MR_OP_CREATE)->after = row(f, 1, "a", "b", 0);
        values = row(f, 2, "a", "b", 0);
        values[3] = (struct mr_value){.kind = MR_DECIMAL_TEXT, .size = 3, .p = "NaN"};
        change(f, MR_OP_CREATE)->after = values;
        rc = mr_encoder_json.encode(f->encoder, f->batch, &failed, &err);
        if (failure == MR_FAILURE_FAIL) {
            assert_int_equal(rc, MR_DATA);
            assert_int_equal(failed, 1);
            assert_string_equal(err.code, "encode.value");
            assert_non_null(strstr(err.text, "public.t, column n"));
        } else {
            assert_int_equal(rc, 0);
            assert_int_equal(f->batch->record_count, failure == MR_FAILURE_WARN ? 2 : 1);
            assert_int_equal(f->counters.encode_nulled, failure == MR_FAILURE_WARN);
            assert_int_equal(f->counters.encode_skipped, failure == MR_FAILURE_SKIP);
            assert_string_equal(f->noted,
                                failure == MR_FAILURE_WARN ? "encode.nulled" : "encode.skipped");
        }
        if (failure == MR_FAILURE_WARN)
            check(f->batch->records[1].value, "{\"id\":2,\"name\":\"a\",\"w\":\"b\",\"n\":null}");
        teardown(f);
    }
}

static void long_texts_are_escaped_whole(void **state)
{
    struct fixture *f = setup();
    size_t size = 200000;
    char *long_text = mr_alloc(size + 1);
    struct mr_slice value;

    (void)state;
    memset(long_text, '\n', size);
    long_text[size] = '\0';
    f->config.common.events.envelope = MR_ENVELOPE_FLAT;
    open_encoder(f);
    change(f, MR_OP_CREATE)->after = row(f, 1, long_text, "b", 0);
    encode(f);
    value = f->batch->records[0].value;
    assert_int_equal(value.size,
                     strlen("{\"id\":1,\"name\":\"\",\"w\":\"b\",\"n\":\"AA==\"}") + 2 * size);
    assert_true(memcmp(value.data, "{\"id\":1,\"name\":\"\\n\\n", 19) == 0);
    teardown(f);
    free(long_text);
}

/* ---- transactions and heartbeats ---- */

static const struct mr_collection_count two_tables[] = {{MR_SLICE("public.t"), 2},
                                                        {MR_SLICE("a \"prefix\""), 1}};
static const struct mr_counts counts = {
    .events = 3, .collection_count = 2, .collections = two_tables};
static const struct mr_heartbeat heartbeat = {.topic = MR_SLICE("beat.shop"),
                                              .time_us = 1787220940000999,
                                              .position = MR_SLICE("{\"resume\":\"0/1\"}")};

/* BEGIN, END, heartbeat. */
static void sides(struct fixture *f)
{
    static const enum mr_op ops[] = {MR_OP_BEGIN, MR_OP_END, MR_OP_HEARTBEAT};

    for (int i = 0; i < 3; i++) {
        struct mr_change *c = change(f, ops[i]);
        c->table = NULL;
        if (ops[i] == MR_OP_END)
            c->counts = &counts;
        if (ops[i] == MR_OP_HEARTBEAT) {
            c->heartbeat = &heartbeat;
            c->transaction = NULL;
        }
    }
}

static void transactions_have_a_topic_of_their_own(void **state)
{
    (void)state;
    for (int flat = 0; flat < 2; flat++) {
        struct fixture *f = setup();
        f->transactions = mr_slice_str("shop.transaction");
        f->config.common.events.envelope = flat ? MR_ENVELOPE_FLAT : MR_ENVELOPE_DEBEZIUM;
        f->config.common.events.context_headers = true;
        open_encoder(f);
        sides(f);
        encode(f);
        assert_int_equal(f->batch->record_count, 3);
        check(f->batch->records[0].topic, "shop.transaction");
        check(f->batch->records[0].key, "{\"id\":\"771:24026984\"}");
        check(f->batch->records[0].value,
              "{\"status\":\"BEGIN\",\"id\":\"771:24026984\",\"event_count\":null,"
              "\"data_collections\":null,\"ts_ms\":1787220930123}");
        check(f->batch->records[1].value,
              "{\"status\":\"END\",\"id\":\"771:24026984\",\"event_count\":3,\"data_collections\":"
              "[{\"data_collection\":\"public.t\",\"event_count\":2},{\"data_collection\":\"a "
              "\\\"prefix\\\"\",\"event_count\":1}],\"ts_ms\":1787220930123}");
        assert_int_equal(f->batch->records[1].header_count, 0);
        check(f->batch->records[2].topic, "beat.shop");
        check(f->batch->records[2].key, "{\"serverName\":\"shop\"}");
        check(f->batch->records[2].value, "{\"ts_ms\":1787220940000}");
        assert_int_equal(f->batch->records[2].partition, 0);
        assert_int_equal(f->batch->records[2].header_count, 1);
        check(f->batch->records[2].headers[0].name, "__millrace.position");
        check(f->batch->records[2].headers[0].value, "{\"resume\":\"0/1\"}");
        teardown(f);
    }
}

static void side_records_have_debezium_s_schemas(void **state)
{
    struct fixture *f = setup();

    (void)state;
    f->transactions = mr_slice_str("shop.transaction");
    f->config.schemas = JSON_SCHEMAS_INLINE;
    open_encoder(f);
    sides(f);
    encode(f);
    check(f->batch->records[0].key,
          "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,"
          "\"field\":\"id\"}],\"optional\":false,\"name\":"
          "\"io.debezium.connector.common.TransactionMetadataKey\",\"version\":1},\"payload\":{"
          "\"id\":\"771:24026984\"}}");
    check(f->batch->records[0].value,
          "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,"
          "\"field\":\"status\"},{\"type\":\"string\",\"optional\":false,\"field\":\"id\"},{"
          "\"type\":\"int64\",\"optional\":true,\"field\":\"event_count\"},{\"type\":\"array\","
          "\"items\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,"
          "\"field\":\"data_collection\"},{\"type\":\"int64\",\"optional\":false,\"field\":"
          "\"event_count\"}],\"optional\":true,\"name\":\"event.collection\",\"version\":1},"
          "\"optional\":true,\"field\":\"data_collections\"},{\"type\":\"int64\",\"optional\":"
          "false,\"field\":\"ts_ms\"}],\"optional\":false,\"name\":"
          "\"io.debezium.connector.common.TransactionMetadataValue\",\"version\":1},\"payload\":{"
          "\"status\":\"BEGIN\",\"id\":\"771:24026984\",\"event_count\":null,"
          "\"data_collections\":null,\"ts_ms\":1787220930123}}");
    check(f->batch->records[2].key,
          "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,"
          "\"field\":\"serverName\"}],\"optional\":false,\"name\":"
          "\"io.debezium.connector.common.ServerNameKey\",\"version\":1},\"payload\":{"
          "\"serverName\":\"shop\"}}");
    check(f->batch->records[2].value,
          "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\",\"optional\":false,"
          "\"field\":\"ts_ms\"}],\"optional\":false,\"name\":"
          "\"io.debezium.connector.common.Heartbeat\",\"version\":1},\"payload\":{\"ts_ms\":"
          "1787220940000}}");
    teardown(f);
}

/* The create of a key change is the event after its delete; its tombstone is none. */
static void events_say_their_place(void **state)
{
    struct fixture *f = setup();
    struct mr_change *c;

    (void)state;
    open_encoder(f);
    c = change(f, MR_OP_UPDATE);
    c->before = old_key(f, 2);
    c->before_is_key = c->key_changed = true;
    c->after = row(f, 20, "u", "w", 100);
    c->total_order = 3;
    c->collection_order = 2;
    encode(f);
    assert_true(contains(f->batch->records[0].value,
                         ",\"transaction\":{\"id\":\"771:24026984\",\"total_order\":3,"
                         "\"data_collection_order\":2},\"op\":\"d\","));
    check(f->batch->records[1].value, NULL);
    assert_true(contains(f->batch->records[2].value,
                         ",\"transaction\":{\"id\":\"771:24026984\",\"total_order\":4,"
                         "\"data_collection_order\":3},\"op\":\"c\","));
    teardown(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions_have_a_topic_of_their_own),
        cmocka_unit_test(side_records_have_debezium_s_schemas),
        cmocka_unit_test(events_say_their_place),
        cmocka_unit_test(a_create_is_one_record),
        cmocka_unit_test(each_transaction_has_its_own_source),
        cmocka_unit_test(a_delete_fills_what_the_key_does_not_have),
        cmocka_unit_test(a_key_change_is_delete_tombstone_create),
        cmocka_unit_test(unchanged_columns_are_named_in_a_header),
        cmocka_unit_test(unchanged_columns_are_taken_from_a_full_old_row),
        cmocka_unit_test(truncates_have_no_key),
        cmocka_unit_test(snapshot_rows_carry_their_marker),
        cmocka_unit_test(messages_have_a_topic_of_their_own),
        cmocka_unit_test(the_content_of_messages_follows_the_binary_mode),
        cmocka_unit_test(schemas_stand_around_keys_and_values),
        cmocka_unit_test(a_flat_delete_is_a_tombstone_or_a_marked_row),
        cmocka_unit_test(a_value_that_does_not_fit_follows_the_policy),
        cmocka_unit_test(long_texts_are_escaped_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
