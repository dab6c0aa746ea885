/* Batches: zeroed elements, references, adopted buffers, and no malloc in a warm one. */
#include "model/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "test/support/counting.h"

static int freed;

static void count_freed(void *buffer)
{
    freed++;
    free(buffer);
}

static void fill(struct mr_batch *batch, struct mr_table **tables, size_t table_count)
{
    for (size_t i = 0; i < 5000; i++) {
        struct mr_change *change = mr_batch_add_change(batch);
        struct mr_record *record = mr_batch_add_record(batch);
        change->table = tables[i % table_count];
        mr_batch_use_table(batch, change->table);
        change->after = MR_ARENA_ARRAY(&batch->arena, struct mr_value, 8);
        change->number = i;
        record->value = mr_arena_copy(&batch->arena, mr_slice("some bytes of a row", 19));
    }
}

static void elements_are_zeroed_after_a_reset(void **state)
{
    struct mr_batch *batch = mr_batch_new(4096, 1 << 20);
    struct mr_change *change = mr_batch_add_change(batch);
    struct mr_record *record = mr_batch_add_record(batch);

    (void)state;
    memset(change, 0xff, sizeof *change);
    memset(record, 0xff, sizeof *record);
    batch->position.text = mr_slice("x", 1);
    batch->bytes = batch->transactions = batch->sequence = 9;
    batch->received_us = 9;
    batch->last = batch->caught_up = true;
    mr_batch_reset(batch);
    assert_int_equal(batch->change_count, 0);
    assert_int_equal(batch->record_count, 0);
    assert_null(batch->position.text.data);
    assert_int_equal(batch->bytes + batch->transactions + batch->sequence, 0);
    assert_false(batch->last || batch->caught_up);
    assert_null(mr_batch_add_change(batch)->table);
    assert_null(mr_batch_add_record(batch)->value.data);
    mr_batch_free(batch);
    mr_batch_free(NULL);
}

static void growing_keeps_content(void **state)
{
    struct mr_batch *batch = mr_batch_new(4096, 0);
    struct mr_table *table = mr_table_new(8);

    (void)state;
    fill(batch, &table, 1);
    assert_int_equal(batch->change_count, 5000);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(batch->changes[i].number, i);
        assert_true(mr_slice_is(batch->records[i].value, "some bytes of a row"));
    }
    mr_batch_free(batch);
    mr_table_unref(table);
}

static void tables_live_as_long_as_the_batch(void **state)
{
    struct mr_batch *batch = mr_batch_new(4096, 0);
    struct mr_table *tables[12];

    (void)state;
    for (int i = 0; i < 12; i++)
        tables[i] = mr_table_new(1);
    fill(batch, tables, 3);
    assert_int_equal(batch->table_count, 3);
    assert_int_equal(atomic_load(&tables[0]->references), 2);
    mr_batch_reset(batch);
    assert_int_equal(atomic_load(&tables[0]->references), 1);
    fill(batch, tables, 12); /* more than are remembered: duplicates, all given back */
    assert_true(batch->table_count >= 12);
    mr_batch_reset(batch);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(atomic_load(&tables[i]->references), 1);
        mr_batch_use_table(batch, tables[i]);
        mr_table_unref(tables[i]); /* the batch's is now the last */
    }
    mr_batch_free(batch);
}

static void adopted_buffers_are_freed_once(void **state)
{
    struct mr_batch *batch = mr_batch_new(4096, 0);

    (void)state;
    freed = 0;
    batch->adopted_free = count_freed;
    for (int i = 0; i < 100; i++)
        mr_batch_adopt(batch, malloc(10));
    mr_batch_reset(batch);
    assert_int_equal(freed, 100);
    mr_batch_adopt(batch, malloc(10));
    mr_batch_free(batch);
    assert_int_equal(freed, 101);
}

static void a_warm_batch_makes_no_malloc(void **state)
{
    struct mr_batch *batch;
    struct mr_table *tables[3];
    uint64_t before;

    (void)state;
    MR_COUNTING_OR_SKIP();
    batch = mr_batch_new(64 * 1024, 4 << 20);
    for (int i = 0; i < 3; i++)
        tables[i] = mr_table_new(8);
    fill(batch, tables, 3);
    for (int cycle = 0; cycle < 10; cycle++) {
        before = mr_counting_calls_here();
        mr_batch_reset(batch);
        fill(batch, tables, 3);
        assert_int_equal(mr_counting_calls_here() - before, 0);
    }
    mr_batch_free(batch);
    for (int i = 0; i < 3; i++)
        mr_table_unref(tables[i]);
}

/* What a commit waits for is records alone: the rest goes back at once, and what is kept points to none of it. */
static void a_divided_batch_keeps_records_and_nothing_else(void **state)
{
    struct mr_batch *batch = mr_batch_new(4096, 1 << 20), *other = mr_batch_new(4096, 1 << 20);
    struct mr_table *table = mr_table_new(8);

    (void)state;
    freed = 0;
    for (size_t i = 0; i < 100; i++) {
        struct mr_change *change = mr_batch_add_change(batch);
        change->after = MR_ARENA_ARRAY(&batch->arena, struct mr_value, 8);
        mr_batch_use_table(batch, table);
    }
    mr_batch_add_milestone(batch, MR_OP_END);
    batch->adopted_free = count_freed;
    mr_batch_adopt(batch, malloc(10));
    batch->position.text = mr_arena_copy(&batch->arena, mr_slice("{\"at\":1}", 8));
    mr_batch_divert(batch, other);
    for (size_t i = 0; i < 100; i++) {
        struct mr_record *record = mr_batch_add_record(batch);
        record->change = &batch->changes[i];
        record->row = batch->changes[i].after;
        record->value = mr_arena_copy(&batch->arena, mr_slice("text", 4));
    }
    mr_batch_divide(batch, other);
    assert_int_equal(other->change_count + other->record_count + other->milestone_count, 0);
    mr_batch_free(other);
    assert_int_equal(freed, 1);
    assert_true(batch->divided);
    assert_true(mr_batch_empty(batch));
    assert_int_equal(batch->change_capacity, 0);
    assert_int_equal(batch->record_count, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_true(mr_slice_is(batch->records[i].value, "text"));
        assert_null(batch->records[i].change);
        assert_null(batch->records[i].row);
    }
    assert_true(mr_slice_is(batch->position.text, "{\"at\":1}"));
    assert_int_equal(atomic_load(&table->references), 2);
    mr_batch_reset(batch);
    assert_false(batch->divided);
    mr_batch_free(batch);
    mr_table_unref(table);
}

/* An encoding that failed leaves the batch as it was. */
static void a_batch_diverted_twice_is_as_before(void **state)
{
    struct mr_batch *batch = mr_batch_new(4096, 0), *other = mr_batch_new(4096, 0);
    struct mr_table *table = mr_table_new(8);

    (void)state;
    fill(batch, &table, 1);
    mr_batch_divert(batch, other);
    assert_int_equal(batch->record_count, 0);
    mr_batch_add_record(batch);
    mr_batch_divert(batch, other);
    mr_batch_free(other);
    assert_int_equal(batch->record_count, 5000);
    assert_true(mr_slice_is(batch->records[4999].value, "some bytes of a row"));
    mr_batch_free(batch);
    mr_table_unref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_zeroed_after_a_reset),
        cmocka_unit_test(growing_keeps_content),
        cmocka_unit_test(tables_live_as_long_as_the_batch),
        cmocka_unit_test(adopted_buffers_are_freed_once),
        cmocka_unit_test(a_warm_batch_makes_no_malloc),
        cmocka_unit_test(a_divided_batch_keeps_records_and_nothing_else),
        cmocka_unit_test(a_batch_diverted_twice_is_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
