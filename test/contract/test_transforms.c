/* One suite for every line MR_TRANSFORM() of connectors.def.
 *
 * What transform.h promises: opening does no I/O and needs no context; close takes a state that is half open or was
 * never opened; numbers, places and the position of a batch stay; every change's table is among the batch's with a
 * reference; a batch without changes, a change without rows and a logical message pass; a warm batch makes no malloc. A
 * transform that is not in the table below fails the suite. */
#include "plug/plug.h"
#include "plug/transform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/transform_columns/columns.h"
#include "test/support/counting.h"

enum { ROWS = 1000 };

struct subject {
    const char *name;
    const void *(*working)(void);  /* settings that change rows of public.t (id, note, body) */
    const void *(*refusing)(void); /* settings that open() refuses; NULL: there are none */
};

static const void *columns_working(void)
{
    static const char *masks[] = {"public.t.note"}, *lengths[] = {"3"}, *excluded[] = {"*.body"};
    static struct mr_columns_config config = {.hash = {.algorithm = "SHA-256"}};

    config.mask = (struct mr_option_map){masks, lengths, 1};
    config.exclude = (struct mr_option_list){excluded, 1};
    return &config;
}

static const void *columns_refusing(void)
{
    static const char *hashed[] = {"public.t.note"}, *excluded[] = {"*.body"};
    static struct mr_columns_config config = {.hash = {.algorithm = "none of these", .salt = "s"}};

    config.hash.columns = (struct mr_option_list){hashed, 1};
    config.exclude = (struct mr_option_list){excluded, 1};
    return &config;
}

static const struct subject subjects[] = {{"columns", columns_working, columns_refusing}};

static const struct subject *subject_of(const struct mr_transform *transform)
{
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        if (strcmp(subjects[i].name, transform->name) == 0)
            return &subjects[i];
    }
    fail_msg("the transform %s is in no row of this suite", transform->name);
    return NULL;
}

static struct mr_table *make_table(void)
{
    static const char *const names[] = {"id", "note", "body"};
    struct mr_table *table = mr_table_new(3);

    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("t");
    for (uint32_t i = 0; i < 3; i++)
        table->columns[i] = (struct mr_column){.name = mr_slice_str(names[i]),
                                               .type = i ? MR_TYPE_TEXT : MR_TYPE_INT64,
                                               .native_type = mr_slice_str(i ? "text" : "int8")};
    table->key_count = 1;
    table->columns[0].key = 1;
    return table;
}

static void add(struct mr_batch *batch, struct mr_table *table, enum mr_op op, uint64_t number)
{
    struct mr_change *change = mr_batch_add_change(batch);
    struct mr_value *row = MR_ARENA_ARRAY(&batch->arena, struct mr_value, 3);

    *change = (struct mr_change){
        .op = op, .number = number, .ordinal = number % 7, .origin.postgres.lsn = number * 2};
    if (op == MR_OP_MESSAGE)
        return;
    row[0] = (struct mr_value){.kind = MR_INT, .i = (int64_t)number};
    row[1] = (struct mr_value){.kind = MR_TEXT, .size = 2, .p = "hi"};
    row[2] = (struct mr_value){.kind = MR_NULL};
    change->table = table;
    change->before = op == MR_OP_DELETE ? row : NULL;
    change->after = op == MR_OP_CREATE ? row : NULL;
    mr_batch_use_table(batch, table);
}

static void fill(struct mr_batch *batch, struct mr_table *table)
{
    static const enum mr_op ops[] = {MR_OP_CREATE, MR_OP_DELETE, MR_OP_TRUNCATE, MR_OP_MESSAGE};

    mr_batch_reset(batch);
    for (uint64_t i = 0; i < ROWS; i++)
        add(batch, table, ops[i % 4], 100 + i);
    batch->position = (struct mr_position){.text = MR_SLICE("{\"done\":1}"), .number = 99 + ROWS};
}

static bool holds(const struct mr_batch *batch, const struct mr_table *table)
{
    for (size_t i = 0; i < batch->table_count; i++) {
        if (batch->tables[i] == table)
            return true;
    }
    return false;
}

/* Dropped changes may be missing; what is left is in order and itself. */
static void check_batch(const struct mr_batch *batch)
{
    uint64_t last = 0;

    for (size_t i = 0; i < batch->change_count; i++) {
        const struct mr_change *change = &batch->changes[i];
        assert_true(change->number > last);
        last = change->number;
        assert_int_equal(change->ordinal, change->number % 7);
        assert_int_equal(change->origin.postgres.lsn, change->number * 2);
        if (change->table)
            assert_true(holds(batch, change->table));
        for (uint32_t c = 0; change->after && c < change->table->column_count; c++)
            assert_true(change->after[c].kind <= MR_VECTOR);
    }
    assert_int_equal(batch->position.number, 99 + ROWS);
    assert_true(mr_slice_is(batch->position.text, "{\"done\":1}"));
}

static void *opened(const struct mr_transform *transform)
{
    struct mr_transform_args args = {NULL, subject_of(transform)->working()};
    void *state = mr_alloc_zero(transform->state_size);
    struct mr_err err;

    mr_err_clear(&err);
    if (transform->open(state, &args, &err) < 0)
        fail_msg("%s: %s", transform->name, err.text);
    return state;
}

static void each(void (*test)(const struct mr_transform *transform))
{
    for (size_t i = 0; mr_plug_transforms()[i]; i++)
        test(mr_plug_transforms()[i]);
}

static void says_what_it_is(const struct mr_transform *transform)
{
    assert_non_null(subject_of(transform));
    assert_ptr_equal(mr_plug_transform(transform->name), transform);
    assert_true(transform->summary[0] && transform->state_size > 0);
    for (const struct mr_option *option = transform->options; option->type; option++)
        assert_non_null(option->doc);
}

static void opens_and_closes(const struct mr_transform *transform)
{
    const struct subject *subject = subject_of(transform);
    void *state = opened(transform);
    struct mr_err err;

    transform->close(state);
    memset(state, 0, transform->state_size);
    transform->close(state); /* never opened */
    if (subject->refusing) {
        struct mr_transform_args args = {NULL, subject->refusing()};
        mr_err_clear(&err);
        assert_int_equal(transform->open(state, &args, &err), MR_CONFIG);
        assert_true(err.code[0] && err.text[0]);
        transform->close(state);
    }
    free(state);
}

static void keeps_what_is_not_its_own(const struct mr_transform *transform)
{
    struct mr_batch *batch = mr_batch_new(1 << 16, 1 << 20);
    struct mr_table *table = make_table();
    void *state = opened(transform);
    struct mr_err err;

    mr_err_clear(&err);
    assert_int_equal(transform->apply(state, batch, &err), 0); /* nothing in it */
    for (int i = 0; i < 3; i++) {
        fill(batch, table);
        assert_int_equal(transform->apply(state, batch, &err), 0);
        check_batch(batch);
    }
    mr_batch_reset(batch);
    transform->close(state);
    assert_int_equal(atomic_load(&table->references), 1);
    mr_table_unref(table);
    mr_batch_free(batch);
    free(state);
}

static void asks_the_heap_for_nothing(const struct mr_transform *transform)
{
    struct mr_batch *batch = mr_batch_new(1 << 16, 1 << 20);
    struct mr_table *table = make_table();
    void *state = opened(transform);
    struct mr_err err;
    uint64_t before;

    mr_err_clear(&err);
    fill(batch, table);
    assert_int_equal(transform->apply(state, batch, &err), 0);
    fill(batch, table);
    before = mr_counting_calls_here();
    assert_int_equal(transform->apply(state, batch, &err), 0);
    assert_int_equal(mr_counting_calls_here() - before, 0);
    transform->close(state);
    mr_table_unref(table);
    mr_batch_free(batch);
    free(state);
}

static void every_transform_says_what_it_is(void **state)
{
    (void)state;
    each(says_what_it_is);
}

static void every_transform_opens_and_closes(void **state)
{
    (void)state;
    each(opens_and_closes);
}

static void every_transform_keeps_what_is_not_its_own(void **state)
{
    (void)state;
    each(keeps_what_is_not_its_own);
}

static void no_transform_asks_the_heap(void **state)
{
    (void)state;
    MR_COUNTING_OR_SKIP();
    each(asks_the_heap_for_nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_transform_says_what_it_is),
        cmocka_unit_test(every_transform_opens_and_closes),
        cmocka_unit_test(every_transform_keeps_what_is_not_its_own),
        cmocka_unit_test(no_transform_asks_the_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
