/* Lines as `millrace tail` prints them: every kind of value, every operation. */
#include "plug/encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct mr_encoder mr_encoder_pretty;

struct settings {
    bool colour;
    int64_t width;
};

struct fixture {
    struct settings settings;
    void *encoder;
    struct mr_table *table;
    struct mr_batch *batch;
    struct mr_transaction transaction;
    struct mr_value before[3], after[3];
};

static struct mr_value text(const char *bytes)
{
    return (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)strlen(bytes), .p = bytes};
}

static struct mr_value number(int64_t value)
{
    return (struct mr_value){.kind = MR_INT, .i = value};
}

static void setup(struct fixture *f, struct settings settings)
{
    static const char *const names[] = {"id", "status", "note"};
    struct mr_encoder_args args = {.config = &f->settings};
    struct mr_err err;

    memset(f, 0, sizeof(*f));
    f->settings = settings;
    f->table = mr_table_new(3);
    for (int i = 0; i < 3; i++)
        f->table->columns[i].name = mr_slice_str(names[i]);
    f->table->columns[0].key = 1;
    f->table->key_count = 1;
    f->table->key_columns[0] = 0;
    f->table->schema = mr_slice_str("public");
    f->table->name = mr_slice_str("orders");
    f->transaction.commit_us = 1787220930123456;
    f->batch = mr_batch_new(4096, 4096);
    f->encoder = mr_alloc_zero(mr_encoder_pretty.state_size);
    assert_int_equal(mr_encoder_pretty.open(f->encoder, &args, &err), 0);
    assert_int_equal(mr_encoder_pretty.describe(f->encoder, f->table, &err), 0);
    f->after[0] = number(42);
    f->after[1] = text("paid");
    f->after[2] = (struct mr_value){.kind = MR_NULL};
}

static void teardown(struct fixture *f)
{
    mr_encoder_pretty.close(f->encoder);
    free(f->encoder);
    mr_batch_free(f->batch);
    mr_table_unref(f->table);
}

/* The line of one change, with its time cut off. */
static const char *line(struct fixture *f, enum mr_op op, struct mr_value *before,
                        struct mr_value *after)
{
    struct mr_change *change;
    struct mr_err err;
    size_t failed;

    mr_batch_reset(f->batch);
    change = mr_batch_add_change(f->batch);
    change->op = op;
    change->table = f->table;
    change->transaction = &f->transaction;
    change->before = before;
    change->after = after;
    assert_int_equal(mr_encoder_pretty.encode(f->encoder, f->batch, &failed, &err), 0);
    assert_int_equal(f->batch->record_count, 1);
    return mr_arena_str(&f->batch->arena, f->batch->records[0].value);
}

static void every_operation(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, (struct settings){false, 60});
    assert_string_equal(line(&f, MR_OP_CREATE, NULL, f.after),
                        "10:15:30.123 + public.orders  id=42 status=paid note=null");
    assert_string_equal(line(&f, MR_OP_READ, NULL, f.after),
                        "10:15:30.123 = public.orders  id=42 status=paid note=null");
    assert_string_equal(line(&f, MR_OP_UPDATE, NULL, f.after),
                        "10:15:30.123 ~ public.orders  id=42 status=paid note=null");
    memcpy(f.before, f.after, sizeof(f.before));
    f.before[1] = text("new");
    assert_string_equal(line(&f, MR_OP_UPDATE, f.before, f.after),
                        "10:15:30.123 ~ public.orders  id=42  status: new -> paid");
    f.after[2].kind = MR_UNCHANGED;
    assert_string_equal(line(&f, MR_OP_UPDATE, f.before, f.after),
                        "10:15:30.123 ~ public.orders  id=42  status: new -> paid");
    assert_string_equal(line(&f, MR_OP_DELETE, f.before, NULL),
                        "10:15:30.123 - public.orders  id=42");
    f.table->key_count = 0;
    f.table->columns[0].key = 0;
    assert_string_equal(line(&f, MR_OP_DELETE, f.before, NULL),
                        "10:15:30.123 - public.orders  id=42 status=new note=null");
    assert_string_equal(line(&f, MR_OP_TRUNCATE, NULL, NULL),
                        "10:15:30.123 ! public.orders  truncated");
    teardown(&f);
}

/* Transactions' ends and heartbeats say nothing to people. */
static void side_records_are_not_shown(void **state)
{
    static const enum mr_op ops[] = {MR_OP_BEGIN, MR_OP_END, MR_OP_HEARTBEAT};
    struct mr_err err;
    struct fixture f;
    size_t failed;

    (void)state;
    setup(&f, (struct settings){false, 60});
    for (int i = 0; i < 3; i++)
        mr_batch_add_change(f.batch)->op = ops[i];
    assert_int_equal(mr_encoder_pretty.encode(f.encoder, f.batch, &failed, &err), 0);
    assert_int_equal(f.batch->record_count, 0);
    teardown(&f);
}

static void a_changed_key_shows_both(void **state)
{
    struct fixture f;
    struct mr_change *change;
    struct mr_err err;
    size_t failed;

    (void)state;
    setup(&f, (struct settings){false, 60});
    f.before[0] = number(41);
    f.before[1].kind = f.before[2].kind = MR_ABSENT;
    change = mr_batch_add_change(f.batch);
    *change = (struct mr_change){.op = MR_OP_UPDATE,
                                 .table = f.table,
                                 .transaction = &f.transaction,
                                 .before = f.before,
                                 .after = f.after,
                                 .before_is_key = true,
                                 .key_changed = true};
    assert_int_equal(mr_encoder_pretty.encode(f.encoder, f.batch, &failed, &err), 0);
    assert_string_equal(mr_arena_str(&f.batch->arena, f.batch->records[0].value),
                        "10:15:30.123 ~ public.orders  id=42  id: 41 -> 42 status=paid note=null");
    teardown(&f);
}

static void every_kind_of_value(void **state)
{
    static const struct mr_interval interval = {14, 3, 5000000};
    static const uint8_t bit_bytes[] = {0xa0};
    static const struct mr_bits bits = {3, bit_bytes};
    static struct mr_value items[] = {{.kind = MR_INT, .i = 1}, {.kind = MR_NULL}};
    static const struct mr_array array = {
        .dimensions = 1, .count = 2, .sizes = {2}, .items = items};
    static const double numbers[] = {1.5, -2};
    static const struct mr_geometry point = {.count = 2, .numbers = numbers};
    static const uint32_t indexes[] = {1, 9};
    static const struct mr_vector sparse = {10, 2, indexes, numbers};
    static const struct {
        struct mr_value value;
        const char *text;
    } cases[] = {
        {{.kind = MR_NULL}, "null"},
        {{.kind = MR_BOOL, .i = 1}, "true"},
        {{.kind = MR_UINT, .u = UINT64_MAX}, "18446744073709551615"},
        {{.kind = MR_FLOAT, .f = 0.1}, "0.1"},
        {{.kind = MR_DECIMAL, .i = -12345, .scale = 2}, "-123.45"},
        {{.kind = MR_DECIMAL_TEXT, .size = 3, .p = "NaN"}, "NaN"},
        {{.kind = MR_TEXT, .size = 0, .p = ""}, "\"\""},
        {{.kind = MR_TEXT, .size = 4, .p = "null"}, "\"null\""},
        {{.kind = MR_TEXT, .size = 6, .p = "Jo Ann"}, "\"Jo Ann\""},
        {{.kind = MR_TEXT, .size = 3, .p = "a\033["}, "\"a\\u001b[\""},
        {{.kind = MR_BYTES, .size = 2, .p = "\0\377"}, "\\x00ff"},
        {{.kind = MR_UUID, .size = 16, .p = "0123456789abcdef"},
         "30313233-3435-3637-3839-616263646566"},
        {{.kind = MR_DATE, .i = 0}, "1970-01-01"},
        {{.kind = MR_DATE, .i = MR_TIME_INFINITY}, "infinity"},
        {{.kind = MR_TIME, .i = 3600500000LL}, "01:00:00.5"},
        {{.kind = MR_TIMESTAMP, .i = 1000000}, "1970-01-01T00:00:01Z"},
        {{.kind = MR_INTERVAL, .interval = &interval}, "P1Y2M3DT0H0M5S"},
        {{.kind = MR_BITS, .bits = &bits}, "101"},
        {{.kind = MR_ARRAY, .array = &array}, "[1, null]"},
        {{.kind = MR_GEOMETRY, .geometry = &point}, "(1.5, -2.0)"},
        {{.kind = MR_VECTOR, .vector = &sparse}, "(1:1.5, 9:-2.0)"},
    };
    struct fixture f;

    (void)state;
    setup(&f, (struct settings){false, 60});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got;
        f.after[1] = cases[i].value;
        got = strstr(line(&f, MR_OP_CREATE, NULL, f.after), "status=");
        assert_non_null(got);
        if (strncmp(got + 7, cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("case %zu: %s", i, got);
        assert_string_equal(got + 7 + strlen(cases[i].text), " note=null");
    }
    teardown(&f);
}

static void long_values_are_cut_between_characters(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, (struct settings){false, 4});
    f.after[1] = text("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    assert_non_null(strstr(line(&f, MR_OP_CREATE, NULL, f.after),
                           "status=\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4...(10 bytes) note"));
    f.after[1] = (struct mr_value){.kind = MR_BYTES, .size = 3, .p = "abc"};
    assert_non_null(strstr(line(&f, MR_OP_CREATE, NULL, f.after), "status=\\x6162...(3 bytes)"));
    teardown(&f);
}

static void colours_only_when_asked(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, (struct settings){true, 60});
    assert_non_null(
        strstr(line(&f, MR_OP_CREATE, NULL, f.after), "\033[32m+ public.orders\033[0m"));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(side_records_are_not_shown),
        cmocka_unit_test(every_operation),
        cmocka_unit_test(a_changed_key_shows_both),
        cmocka_unit_test(every_kind_of_value),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(colours_only_when_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
