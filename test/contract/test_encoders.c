/* One suite for every line MR_ENCODER() of connectors.def, with rows of PostgreSQL, MySQL and MariaDB.
 *
 * What encoder.h promises: opening talks to nobody; a version may be described twice; records stand in the order of
 * their changes and point to them; they do not point into what they are made of; a value that cannot be encoded is
 * named with its place, and leaves no record; side records come or not, all of them alike; a changed schema is told;
 * two versions of a table stand side by side in a batch; a warm batch makes no malloc; what was remembered is known
 * again with the registry away. An encoder that is not in the table below fails the suite. */
#include "plug/encoder.h"
#include "plug/plug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "schema/encode/codec.h"
#include "test/support/counting.h"
#include "test/support/fake_registry.h"

enum { ROWS = 1000, COLUMNS = 5 };

struct subject {
    const char *name;
    bool codec;       /* its config begins with a struct mr_codec_config */
    bool registers;   /* it needs a registry */
    bool shows_sides; /* BEGIN, END, HEARTBEAT and SCHEMA are records */
    bool takes_nan;   /* of a precise decimal */
};

static const struct subject subjects[] = {
    {.name = "json", .codec = true, .shows_sides = true},
    {.name = "avro", .codec = true, .registers = true, .shows_sides = true},
    {.name = "pretty", .takes_nan = true},
};

static const char *const connectors[] = {"postgresql", "mysql", "mariadb"};

struct rig {
    const struct mr_encoder *encoder;
    const struct subject *subject;
    struct mr_context context;
    struct mr_counters counters;
    struct fake_registry fake;
    struct fake_answer answers[64];
    struct mr_arena arena;
    struct mr_table *table;
    struct mr_batch *batch;
    struct mr_transaction transaction;
    void *state;
    const char *urls[1];
    void *config;
    struct mr_err err;
};

static const struct subject *subject_of(const struct mr_encoder *encoder)
{
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        if (strcmp(subjects[i].name, encoder->name) == 0)
            return &subjects[i];
    }
    fail_msg("the encoder %s is in no row of this suite", encoder->name);
    return NULL;
}

/* id, name, total, at, and from the second version on: note. */
static struct mr_table *make_table(const char *connector, uint32_t columns)
{
    static const char *const names[] = {"id", "name", "total", "at", "note"};
    static const enum mr_type types[] = {MR_TYPE_INT32, MR_TYPE_TEXT, MR_TYPE_DECIMAL,
                                         MR_TYPE_TIMESTAMP, MR_TYPE_TEXT};
    struct mr_table *table = mr_table_new(columns);

    table->connector = mr_slice_str(connector);
    table->server = mr_slice_str("shop");
    table->database = mr_slice_str("db");
    if (strcmp(connector, "postgresql") == 0)
        table->schema = mr_slice_str("public");
    table->name = mr_slice_str("orders");
    table->topic = mr_slice_str("shop.db.orders");
    table->truncates = true;
    for (uint32_t i = 0; i < columns; i++)
        table->columns[i] =
            (struct mr_column){.name = mr_slice_str(names[i]),
                               .type = types[i],
                               .optional = i > 0,
                               .precision = types[i] == MR_TYPE_DECIMAL ? 12 : 6,
                               .scale = 2,
                               .native_type = mr_slice_str(types[i] == MR_TYPE_TEXT ? "text" : "")};
    table->columns[0].key = 1;
    table->key_count = 1;
    return table;
}

static int open_state(struct rig *rig, struct mr_slice remembered)
{
    struct mr_encoder_args args = {.context = &rig->context,
                                   .config = rig->config,
                                   .transactions = MR_SLICE("shop.transaction"),
                                   .remembered = remembered};

    rig->state = mr_alloc_zero(rig->encoder->state_size);
    return rig->encoder->open(rig->state, &args, &rig->err);
}

static void close_state(struct rig *rig)
{
    rig->encoder->close(rig->state);
    free(rig->state);
    rig->state = NULL;
}

static void set_up(struct rig *rig, const struct mr_encoder *encoder, const char *connector)
{
    memset(rig, 0, sizeof *rig);
    rig->encoder = encoder;
    rig->subject = subject_of(encoder);
    rig->context =
        (struct mr_context){.pipeline = "p", .server = "shop", .counters = &rig->counters};
    for (size_t i = 0; i + 1 < sizeof rig->answers / sizeof rig->answers[0]; i++)
        rig->answers[i] = (struct fake_answer){NULL, NULL, 200, "{\"id\":7}"};
    fake_registry_start(&rig->fake, rig->answers);
    rig->urls[0] = rig->fake.url;
    mr_arena_init(&rig->arena, 4096, 0);
    rig->config = mr_alloc_zero(encoder->config_size + 1);
    mr_option_defaults(encoder->options, rig->config, &rig->arena);
    if (rig->subject->registers)
        ((struct mr_codec_config *)rig->config)->subjects.registry.urls =
            (struct mr_option_list){rig->urls, 1};
    rig->table = make_table(connector, COLUMNS - 1);
    rig->batch = mr_batch_new(1 << 20, 8 << 20);
    rig->transaction = (struct mr_transaction){.commit_us = 1795226098668123};
    if (strcmp(connector, "postgresql") == 0)
        rig->transaction.origin = (struct mr_origin){MR_ORIGIN_POSTGRES, {.postgres = {.xid = 7}}};
    else
        rig->transaction.origin = (struct mr_origin){
            .kind = MR_ORIGIN_BINLOG, .binlog = {.file = MR_SLICE("binlog.000042"), .begin = 4}};
    assert_int_equal(open_state(rig, (struct mr_slice){NULL, 0}), 0);
    assert_int_equal(rig->fake.requests, 0);
    assert_int_equal(encoder->describe(rig->state, rig->table, &rig->err), 0);
}

static void tear_down(struct rig *rig)
{
    close_state(rig);
    fake_registry_stop(&rig->fake);
    free(rig->config);
    mr_batch_free(rig->batch);
    mr_table_unref(rig->table);
    mr_arena_done(&rig->arena);
}

/* Runs the body for every encoder with every connector's rows. */
static void for_each(void (*body)(struct rig *rig))
{
    for (const struct mr_encoder *const *encoder = mr_plug_encoders(); *encoder; encoder++) {
        for (size_t i = 0; i < sizeof connectors / sizeof connectors[0]; i++) {
            struct rig rig;

            set_up(&rig, *encoder, connectors[i]);
            body(&rig);
            tear_down(&rig);
        }
    }
}

static struct mr_change *add(struct rig *rig, enum mr_op op)
{
    struct mr_change *change = mr_batch_add_change(rig->batch);

    *change =
        (struct mr_change){.op = op, .transaction = &rig->transaction, .read_us = 1795226098700456};
    return change;
}

static struct mr_value *make_row(struct rig *rig, uint32_t columns, int32_t id, char *name)
{
    struct mr_value *row = MR_ARENA_ARRAY(&rig->batch->arena, struct mr_value, columns);

    row[0] = (struct mr_value){.kind = MR_INT, .i = id};
    row[1] = (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)strlen(name), .p = name};
    row[2] = (struct mr_value){.kind = MR_DECIMAL, .scale = 2, .i = 1250};
    row[3] = (struct mr_value){.kind = MR_TIMESTAMP, .i = 1795226098668123};
    if (columns == COLUMNS)
        row[4] = (struct mr_value){.kind = MR_NULL};
    return row;
}

static struct mr_change *add_row(struct rig *rig, enum mr_op op, int32_t id, char *name)
{
    struct mr_change *change = add(rig, op);

    change->table = rig->table;
    if (op == MR_OP_DELETE)
        change->before = make_row(rig, rig->table->column_count, id, name);
    else
        change->after = make_row(rig, rig->table->column_count, id, name);
    return change;
}

static int encode(struct rig *rig)
{
    size_t failed = SIZE_MAX;

    return rig->encoder->encode(rig->state, rig->batch, &failed, &rig->err);
}

static size_t records_of(const struct rig *rig, size_t change)
{
    size_t count = 0;

    for (size_t i = 0; i < rig->batch->record_count; i++)
        count += rig->batch->records[i].change == &rig->batch->changes[change];
    return count;
}

static void check_order(struct rig *rig)
{
    const struct mr_change *last = rig->batch->changes;
    struct mr_change *change;

    add_row(rig, MR_OP_CREATE, 1, "Ada");
    add_row(rig, MR_OP_UPDATE, 1, "Ada L.");
    add(rig, MR_OP_TRUNCATE)->table = rig->table;
    change = add_row(rig, MR_OP_UPDATE, 2, "Ada L.");
    change->before = make_row(rig, COLUMNS - 1, 1, "Ada L.");
    change->key_changed = true;
    add_row(rig, MR_OP_DELETE, 2, "Ada L.");
    assert_int_equal(encode(rig), 0);
    last = rig->batch->changes;
    for (size_t i = 0; i < rig->batch->record_count; i++) {
        const struct mr_record *record = &rig->batch->records[i];

        assert_true(record->change >= last && record->topic.size > 0);
        assert_true(record->table == rig->table);
        last = record->change;
    }
    for (size_t i = 0; i < rig->batch->change_count; i++)
        assert_true(records_of(rig, i) > 0);
}

static void records_stand_in_the_order_of_their_changes(void **state)
{
    (void)state;
    for_each(check_order);
}

static void check_left_out(struct rig *rig)
{
    struct mr_codec_config *config = rig->config;

    assert_true(!rig->encoder->leaves_out || !rig->encoder->leaves_out(rig->state, MR_OP_TRUNCATE));
    if (!rig->subject->codec)
        return;
    close_state(rig);
    config->events.envelope = MR_ENVELOPE_FLAT;
    assert_int_equal(open_state(rig, (struct mr_slice){NULL, 0}), 0);
    assert_true(rig->encoder->leaves_out(rig->state, MR_OP_TRUNCATE));
    assert_false(rig->encoder->leaves_out(rig->state, MR_OP_DELETE));
    assert_int_equal(rig->encoder->describe(rig->state, rig->table, &rig->err), 0);
    assert_true(rig->table->truncates); /* it is the engine's to take back */
    add(rig, MR_OP_TRUNCATE)->table = rig->table;
    assert_int_equal(encode(rig), 0);
    assert_int_equal(rig->batch->record_count, 0);
}

static void what_is_left_out_makes_no_record(void **state)
{
    (void)state;
    for_each(check_left_out);
}

static void check_copies(struct rig *rig)
{
    char name[] = "a name that is long enough to be pointed to";
    struct mr_buf before, after;

    add_row(rig, MR_OP_CREATE, 1, name);
    add_row(rig, MR_OP_DELETE, 2, name);
    assert_int_equal(encode(rig), 0);
    mr_buf_init(&before, 1 << 20);
    mr_buf_init(&after, 1 << 20);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < rig->batch->record_count; i++) {
            mr_buf_add_slice(round ? &after : &before, rig->batch->records[i].key);
            mr_buf_add_slice(round ? &after : &before, rig->batch->records[i].value);
        }
        memset(name, '#', sizeof name - 1);
        rig->batch->changes[0].after[0].i = rig->batch->changes[1].before[0].i = 9;
    }
    assert_true(mr_slice_equal(mr_buf_slice(&before), mr_buf_slice(&after)));
    mr_buf_done(&before);
    mr_buf_done(&after);
}

static void records_do_not_point_into_rows(void **state)
{
    (void)state;
    for_each(check_copies);
}

static void check_bad_value(struct rig *rig)
{
    size_t failed = SIZE_MAX;
    struct mr_change *change;

    for (int32_t i = 0; i < 3; i++)
        add_row(rig, MR_OP_CREATE, i, "Ada");
    change = add_row(rig, MR_OP_CREATE, 3, "Ada");
    change->after[2] = (struct mr_value){.kind = MR_DECIMAL_TEXT, .size = 3, .p = "NaN"};
    add_row(rig, MR_OP_CREATE, 4, "Ada");
    if (rig->subject->takes_nan) {
        assert_int_equal(encode(rig), 0);
        return;
    }
    assert_int_equal(rig->encoder->encode(rig->state, rig->batch, &failed, &rig->err), MR_DATA);
    assert_int_equal(failed, 3);
    assert_int_equal(records_of(rig, 2), 1);
    assert_int_equal(records_of(rig, 3), 0);
    assert_string_equal(rig->err.code, "encode.value");
    assert_non_null(strstr(rig->err.text, "orders"));
    assert_non_null(strstr(rig->err.text, "total"));
}

static void a_bad_value_is_named_with_its_place(void **state)
{
    (void)state;
    for_each(check_bad_value);
}

static void check_versions(struct rig *rig)
{
    struct mr_table *wider = make_table("mysql", COLUMNS);
    struct mr_change *change;

    wider->connector = rig->table->connector;
    wider->schema = rig->table->schema;
    assert_int_equal(rig->encoder->describe(rig->state, rig->table, &rig->err), 0);
    assert_int_equal(rig->encoder->describe(rig->state, wider, &rig->err), 0);
    for (int32_t i = 0; i < 4; i++) {
        change = add(rig, MR_OP_CREATE);
        change->table = i % 2 ? wider : rig->table;
        change->after = make_row(rig, change->table->column_count, i, "Ada");
    }
    assert_int_equal(encode(rig), 0);
    assert_int_equal(rig->batch->record_count, 4);
    if (rig->subject->codec)
        assert_true(rig->batch->records[0].value.size < rig->batch->records[1].value.size);
    mr_batch_reset(rig->batch);
    mr_table_unref(wider);
}

static void two_versions_of_a_table_stand_side_by_side(void **state)
{
    (void)state;
    for_each(check_versions);
}

static void check_sides(struct rig *rig)
{
    const struct mr_heartbeat heartbeat = {.topic = MR_SLICE("__debezium-heartbeat.shop"),
                                           .time_us = 1795226098668123,
                                           .position = MR_SLICE("{\"lsn\":1}")};
    const struct mr_counts counts = {.events = 1};
    struct mr_table_change tables = {MR_TABLE_ALTER, MR_SLICE("db"), MR_SLICE("orders"),
                                     rig->table};
    struct mr_schema_change schema = {.connector = rig->table->connector,
                                      .database = MR_SLICE("db"),
                                      .ddl = MR_SLICE("ALTER TABLE orders ADD note TEXT"),
                                      .change_count = 1,
                                      .changes = &tables};
    size_t shown = rig->subject->shows_sides;

    add(rig, MR_OP_BEGIN);
    add_row(rig, MR_OP_CREATE, 1, "Ada");
    add(rig, MR_OP_END)->counts = &counts;
    add(rig, MR_OP_HEARTBEAT)->heartbeat = &heartbeat;
    add(rig, MR_OP_SCHEMA)->schema = &schema;
    for (size_t i = 0; i < rig->batch->change_count && rig->encoder->describe_side; i++) {
        if (!rig->batch->changes[i].table)
            assert_int_equal(
                rig->encoder->describe_side(rig->state, &rig->batch->changes[i], &rig->err), 0);
    }
    assert_int_equal(encode(rig), 0);
    for (size_t i = 0; i < rig->batch->change_count; i++)
        assert_int_equal(records_of(rig, i), i == 1 ? 1 : shown);
    if (!shown)
        return;
    assert_int_equal(rig->batch->records[3].partition, 0);
    assert_int_equal(rig->batch->records[4].partition, 0);
    assert_true(mr_slice_is(rig->batch->records[0].topic, "shop.transaction"));
    assert_true(mr_slice_is(rig->batch->records[4].topic, "shop"));
}

static void side_records_come_or_they_do_not(void **state)
{
    (void)state;
    for_each(check_sides);
}

static void check_mallocs(struct rig *rig)
{
    uint64_t calls = 0;

    for (int round = -3; round < 5; round++) {
        uint64_t before;

        mr_batch_reset(rig->batch);
        for (int32_t i = 0; i < ROWS; i++)
            add_row(rig, i % 7 ? MR_OP_CREATE : MR_OP_DELETE, i, "Ada, Countess of Lovelace");
        before = mr_counting_calls_here();
        assert_int_equal(encode(rig), 0);
        calls += round < 0 ? 0 : mr_counting_calls_here() - before;
    }
    assert_int_equal(calls, 0);
}

static void warm_rows_make_no_malloc(void **state)
{
    (void)state;
    MR_COUNTING_OR_SKIP();
    for_each(check_mallocs);
}

static void check_memory(struct rig *rig)
{
    struct mr_slice remembered;
    struct mr_arena arena;

    if (!rig->subject->registers)
        return;
    mr_arena_init(&arena, 4096, 0);
    remembered = mr_arena_copy(&arena, rig->encoder->remember(rig->state));
    close_state(rig);
    rig->fake.requests = 0;
    assert_int_equal(open_state(rig, remembered), 0);
    assert_int_equal(rig->encoder->describe(rig->state, rig->table, &rig->err), 0);
    assert_int_equal(rig->fake.requests, 0);
    mr_arena_done(&arena);
}

static void what_was_remembered_is_not_asked_for_again(void **state)
{
    (void)state;
    for_each(check_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_stand_in_the_order_of_their_changes),
        cmocka_unit_test(what_is_left_out_makes_no_record),
        cmocka_unit_test(records_do_not_point_into_rows),
        cmocka_unit_test(a_bad_value_is_named_with_its_place),
        cmocka_unit_test(two_versions_of_a_table_stand_side_by_side),
        cmocka_unit_test(side_records_come_or_they_do_not),
        cmocka_unit_test(warm_rows_make_no_malloc),
        cmocka_unit_test(what_was_remembered_is_not_asked_for_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
