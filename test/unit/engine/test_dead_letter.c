/* Dead letters: over the whole engine what becomes of changes that cannot be encoded, and what stands in one. */
#include "engine/events/dead_letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "test/support/engine_rig.h"

/* ---- an encoder that refuses a note "bad", after it has made a record of it ---- */

static int encoder_encode(void *encoder, struct mr_batch *batch, size_t *ret_failed,
                          struct mr_err *err)
{
    (void)encoder;
    for (size_t i = 0; i < batch->change_count; i++) {
        if (mr_slice_is(mr_engine_rig_encode(batch, &batch->changes[i])->value, "bad")) {
            *ret_failed = i;
            return mr_err_set(err, MR_DATA, "encode.value", "the note is bad");
        }
    }
    return 0;
}

static const struct mr_encoder test_encoder = {
    .name = "test",
    .summary = "key and note",
    .state_size = 1,
    .open = mr_engine_rig_encoder_open,
    .describe = mr_engine_rig_encoder_describe,
    .encode = encoder_encode,
    .close = mr_engine_rig_encoder_close,
};

static int setup(void **state)
{
    struct mr_engine_rig *rig;

    (void)mr_engine_rig_setup(state, &test_encoder);
    rig = *state;
    rig->config.errors = (struct mr_errors_config){MR_ERRORS_DEAD_LETTER, "{name}.dead_letters", 5,
                                                   3600 * MR_SECOND_NS};
    return 0;
}

static void add_notes(struct mr_engine_rig *rig, size_t count, const char *const *notes)
{
    struct mr_script_change changes[16];

    for (size_t i = 0; i < count; i++)
        changes[i] = (struct mr_script_change){MR_OP_CREATE, (int64_t)i + 1, notes[i]};
    mr_script_add(&rig->script, changes, count);
}

static void expect_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in: %s", part, text);
}

static void a_bad_change_is_set_aside_in_its_place(void **state)
{
    static const char *const notes[] = {"bad", "a", "bad", "bad", "b", "bad"};
    struct mr_engine_rig *rig = *state;

    add_notes(rig, 6, notes);
    add_notes(rig, 1, (const char *const[]){"after"});
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->dead_letters, 4);
    assert_int_equal(rig->store.visible_count, 7);
    for (size_t i = 0; i < 7; i++) {
        bool bad = i < 6 && strcmp(notes[i], "bad") == 0;
        assert_int_equal(rig->store.visible[i].number, 1000 + i);
        assert_string_equal(rig->store.visible[i].topic,
                            bad ? "test.dead_letters" : "test.public.t");
    }
    assert_string_equal(rig->store.visible[2].key, "{\"id\":3}");
    expect_contains(
        rig->store.visible[2].value,
        "{\"error\":{\"code\":\"encode.value\",\"text\":\"the note is bad\"},\"op\":\"c\","
        "\"number\":1002,");
    expect_contains(rig->store.visible[2].value,
                    "\"schema\":\"public\",\"table\":\"t\",\"before\":null,"
                    "\"after\":{\"id\":3,\"note\":\"bad\"}}");
    expect_contains(rig->store.visible[2].headers, "__connect.errors.topic: test.public.t\n");
    expect_contains(rig->store.visible[2].headers, "__connect.errors.connector.name: p\n");
    expect_contains(rig->store.visible[2].headers, "__connect.errors.class.name: test\n");
    expect_contains(rig->store.visible[2].headers,
                    "__connect.errors.exception.class.name: encode.value\n");
    expect_contains(rig->store.visible[2].headers,
                    "__connect.errors.exception.message: the note is bad\n");
    expect_contains(rig->store.visible[2].headers, "millrace.position: {\"number\":1002,");
    assert_string_equal(rig->store.visible[1].headers, "");
}

static void a_replay_writes_a_dead_letter_once(void **state)
{
    static const char *const notes[] = {"a", "bad", "b"};
    struct mr_engine_rig *rig = *state;

    add_notes(rig, 3, notes);
    add_notes(rig, 3, notes);
    rig->store.fail_commit = 2;
    rig->store.fail_class = MR_REPLAY;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->store.visible_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(rig->store.visible[i].number, 1000 + i);
}

static void a_replay_does_not_come_nearer_to_too_many(void **state)
{
    static const char *const notes[] = {"bad", "bad", "bad", "bad"};
    struct mr_engine_rig *rig = *state;

    add_notes(rig, 4, notes);
    rig->store.fail_commit = 2;
    rig->store.fail_class = MR_REPLAY;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->store.aborts, 1);
    assert_int_equal(rig->store.visible_count, 4);
}

static void too_many_stop_with_the_position_kept(void **state)
{
    static const char *const notes[] = {"a", "bad", "bad", "bad", "bad", "bad", "bad"};
    struct mr_engine_rig *rig = *state;

    add_notes(rig, 1, notes);
    add_notes(rig, 7, notes);
    assert_int_equal(mr_engine_rig_run(rig), 1);
    assert_string_equal(rig->status.err.code, "pipeline.dead_letters");
    expect_contains(rig->status.err.text, "more than 5 dead letters within 1h");
    expect_contains(rig->status.err.text, "encode.value: the note is bad");
    expect_contains(rig->status.err.hint, "test.dead_letters");
    assert_int_equal(rig->store.visible_count, 1);
    expect_contains(rig->store.checkpoint, "\"done\":1");
}

static void without_the_policy_the_first_one_stops(void **state)
{
    struct mr_engine_rig *rig = *state;

    rig->config.errors = (struct mr_errors_config){.policy = MR_ERRORS_STOP};
    add_notes(rig, 1, (const char *const[]){"bad"});
    assert_int_equal(mr_engine_rig_run(rig), 1);
    assert_string_equal(rig->status.err.code, "encode.value");
    assert_int_equal(rig->store.visible_count, 0);
}

static void a_record_too_large_leaves_its_row_behind(void **state)
{
    static char large[3001];
    struct mr_engine_rig *rig = *state;

    memset(large, 'x', 3000);
    rig->store.pace.record_bytes = 3000;
    add_notes(rig, 3, (const char *const[]){"a", large, "b"});
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->store.visible_count, 3);
    assert_string_equal(rig->store.visible[1].topic, "test.dead_letters");
    assert_string_equal(rig->store.visible[1].key, "{\"id\":2}");
    expect_contains(rig->store.visible[1].value, "{\"error\":{\"code\":\"encode.too_large\"");
    expect_contains(rig->store.visible[1].value, "the sink takes 3000 at most");
    assert_null(strstr(rig->store.visible[1].value, "xxx"));
    assert_string_equal(rig->store.visible[2].value, "b");
}

/* ---- what stands in one ---- */

static void column(struct mr_table *table, uint32_t i, const char *name, enum mr_type type)
{
    table->columns[i] = (struct mr_column){.name = mr_slice_str(name),
                                           .type = type,
                                           .precision = -1,
                                           .native_type = mr_slice_str("x")};
}

static struct mr_value text(enum mr_kind kind, const char *bytes)
{
    return (struct mr_value){.kind = (uint8_t)kind, .size = (uint32_t)strlen(bytes), .p = bytes};
}

struct letter_fixture {
    struct mr_counters counters;
    struct mr_context context;
    struct mr_pipeline_config config;
    struct mr_dead_letters letters;
    struct mr_batch *batch;
    struct mr_err err;
};

static struct letter_fixture *letter_setup(void)
{
    struct letter_fixture *f = mr_alloc_zero(sizeof *f);

    f->context = (struct mr_context){.pipeline = "p", .server = "s", .counters = &f->counters};
    f->config = (struct mr_pipeline_config){
        .encoder = &test_encoder,
        .errors = {MR_ERRORS_DEAD_LETTER, "dead.{name}", 5, MR_SECOND_NS}};
    f->batch = mr_batch_new(4096, 0);
    assert_int_equal(mr_dead_letters_open(&f->letters, &f->config, &f->context, &f->err), 0);
    return f;
}

static void letter_done(struct letter_fixture *f)
{
    mr_dead_letters_close(&f->letters);
    mr_batch_free(f->batch);
    free(f);
}

static void expect_letter(struct letter_fixture *f, const struct mr_change *change, const char *key,
                          const char *value)
{
    struct mr_record record;

    mr_err_set(&f->err, MR_DATA, "encode.value", "\"quoted\"");
    assert_int_equal(mr_dead_letters_fill(&f->letters, f->batch, change, true, &record, &f->err),
                     0);
    assert_string_equal(f->err.code, "");
    assert_true(mr_slice_is(record.topic, "dead.s"));
    if (key)
        assert_true(mr_slice_is(record.key, key));
    else
        assert_null(record.key.data);
    if (!mr_slice_is(record.value, value))
        fail_msg("%.*s\nis not\n%s", MR_SLICE_ARG(record.value), value);
}

static void rows_lose_nothing(void **state)
{
    struct letter_fixture *f = letter_setup();
    struct mr_table *table = mr_table_new(8);
    struct mr_transaction transaction = {
        .origin = {MR_ORIGIN_POSTGRES, {.postgres = {.xid = 743, .commit_lsn = 99}}}};
    struct mr_value before[8] = {text(MR_UUID, "0123456789abcdef")};
    struct mr_value after[8] = {
        text(MR_UUID, "0123456789abcdef"),
        {.kind = MR_NULL},
        text(MR_DECIMAL_TEXT, "NaN"),
        {.kind = MR_TIMESTAMP, .i = 1},
        text(MR_BYTES, "\xff\x01"),
        {.kind = MR_UNCHANGED},
        {.kind = MR_DECIMAL, .i = -12345, .scale = 3},
        {.kind = MR_BOOL, .i = 1},
    };
    struct mr_change change = {.op = MR_OP_UPDATE,
                               .table = table,
                               .transaction = &transaction,
                               .before = before,
                               .after = after,
                               .number = 17,
                               .origin.postgres.lsn = 98};

    (void)state;
    for (uint32_t i = 1; i < 8; i++)
        before[i].kind = MR_ABSENT;
    column(table, 0, "id", MR_TYPE_UUID);
    column(table, 1, "n", MR_TYPE_TEXT);
    column(table, 2, "d", MR_TYPE_DECIMAL);
    table->columns[2].precision = 5;
    column(table, 3, "at", MR_TYPE_TIMESTAMP);
    column(table, 4, "b", MR_TYPE_BYTES);
    column(table, 5, "toast", MR_TYPE_TEXT);
    column(table, 6, "e", MR_TYPE_DECIMAL);
    column(table, 7, "t", MR_TYPE_BOOL);
    table->connector = mr_slice_str("postgresql");
    table->database = mr_slice_str("shop");
    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("orders");
    table->key_count = 1;
    expect_letter(f, &change, "{\"id\":\"30313233-3435-3637-3839-616263646566\"}",
                  "{\"error\":{\"code\":\"encode.value\",\"text\":\"\\\"quoted\\\"\"},\"op\":\"u\","
                  "\"number\":17,\"lsn\":98,\"transaction\":743,\"connector\":\"postgresql\","
                  "\"database\":\"shop\",\"schema\":\"public\",\"table\":\"orders\","
                  "\"before\":{\"id\":\"30313233-3435-3637-3839-616263646566\"},"
                  "\"after\":{\"id\":\"30313233-3435-3637-3839-616263646566\",\"n\":null,"
                  "\"d\":\"NAN\",\"at\":\"1970-01-01T00:00:00.000001Z\",\"b\":\"/wE=\","
                  "\"e\":\"-12.345\",\"t\":true}}");
    mr_table_unref(table);
    letter_done(f);
}

static void messages_have_no_table_and_no_key(void **state)
{
    struct letter_fixture *f = letter_setup();
    struct mr_message message = {.prefix = MR_SLICE("audit"), .content = MR_SLICE("hi")};
    struct mr_change change = {.op = MR_OP_MESSAGE, .message = &message, .number = 3};

    (void)state;
    expect_letter(f, &change, NULL,
                  "{\"error\":{\"code\":\"encode.value\",\"text\":\"\\\"quoted\\\"\"},\"op\":\"m\","
                  "\"number\":3,\"prefix\":\"audit\","
                  "\"content\":\"aGk=\"}");
    letter_done(f);
}

static void a_new_window_counts_anew(void **state)
{
    struct letter_fixture *f = letter_setup();
    struct mr_change change = {.op = MR_OP_MESSAGE};
    struct mr_record record;

    (void)state;
    for (int i = 0; i < 12; i++) {
        mr_err_set(&f->err, MR_DATA, "encode.value", "no");
        if (i % 5 == 0)
            f->letters.window_ns -= 2 * MR_SECOND_NS; /* as if so long ago */
        assert_int_equal(
            mr_dead_letters_fill(&f->letters, f->batch, &change, true, &record, &f->err), 0);
    }
    letter_done(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_bad_change_is_set_aside_in_its_place, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_replay_writes_a_dead_letter_once, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_replay_does_not_come_nearer_to_too_many, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(too_many_stop_with_the_position_kept, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(without_the_policy_the_first_one_stops, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_record_too_large_leaves_its_row_behind, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test(rows_lose_nothing),
        cmocka_unit_test(messages_have_no_table_and_no_key),
        cmocka_unit_test(a_new_window_counts_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
