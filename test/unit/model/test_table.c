/* Table versions: ids, counts, lookups, and names for all types. */
#include "model/table.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void a_new_version_is_empty_and_unique(void **state)
{
    struct mr_table *one = mr_table_new(3), *two = mr_table_new(0);

    (void)state;
    assert_true(one->id > 0);
    assert_true(two->id > one->id);
    assert_int_equal(one->column_count, 3);
    assert_int_equal(one->key_count, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_null(one->columns[i].name.data);
        assert_int_equal(one->columns[i].key, 0);
        one->key_columns[i] = i; /* room for as many key columns as columns */
    }
    assert_int_equal(mr_table_find(two, mr_slice_str("a")), -1);
    mr_table_unref(one);
    mr_table_unref(two);
    mr_table_unref(NULL);
}

static void finds_by_exact_name(void **state)
{
    static const char *const names[] = {"id", "Id", "", "a\"b"};
    struct mr_table *table = mr_table_new(4);

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        table->columns[i].name = mr_arena_copy(&table->arena, mr_slice_str(names[i]));
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(mr_table_find(table, mr_slice_str(names[i])), i);
    assert_int_equal(mr_table_find(table, mr_slice_str("ID")), -1);
    mr_table_unref(table);
}

static void very_wide_tables(void **state)
{
    struct mr_table *table = mr_table_new(1600);

    (void)state;
    table->columns[1599].name = mr_arena_copy(&table->arena, mr_slice_str("last"));
    assert_int_equal(mr_table_find(table, mr_slice_str("last")), 1599);
    mr_table_unref(table);
}

static void *ref_and_unref(void *argument)
{
    struct mr_table *table = argument;

    for (int i = 0; i < 20000; i++)
        mr_table_unref(mr_table_ref(table));
    mr_table_unref(table);
    return NULL;
}

static void references_from_two_threads(void **state)
{
    struct mr_table *table = mr_table_new(1);
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, ref_and_unref, mr_table_ref(table));
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&table->references), 1);
    mr_table_unref(table);
}

static void a_derived_version_keeps_its_origin_alive(void **state)
{
    struct mr_table *origin = mr_table_new(2), *derived;

    (void)state;
    origin->name = mr_arena_copy(&origin->arena, mr_slice_str("orders"));
    origin->topic = mr_slice_str("t");
    origin->native_id = 7;
    origin->identity = MR_IDENTITY_FULL;
    derived = mr_table_derive(origin, 1);
    assert_true(derived->id > origin->id);
    assert_int_equal(derived->column_count, 1);
    assert_int_equal(derived->native_id, 7);
    assert_int_equal(derived->identity, MR_IDENTITY_FULL);
    assert_int_equal(derived->derivation, 1);
    assert_null(derived->topic.data);
    mr_table_unref(origin);
    assert_true(mr_slice_is(derived->name, "orders"));
    assert_int_equal(atomic_load(&origin->references), 1);
    mr_table_unref(derived);
}

static void every_type_has_a_name(void **state)
{
    (void)state;
    for (enum mr_type a = MR_TYPE_BOOL; a <= MR_TYPE_OTHER; a++) {
        assert_non_null(mr_type_name(a));
        for (enum mr_type b = MR_TYPE_BOOL; b < a; b++)
            assert_string_not_equal(mr_type_name(a), mr_type_name(b));
    }
    assert_string_equal(mr_type_name((enum mr_type)(MR_TYPE_OTHER + 1)), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_version_is_empty_and_unique),
        cmocka_unit_test(finds_by_exact_name),
        cmocka_unit_test(very_wide_tables),
        cmocka_unit_test(references_from_two_threads),
        cmocka_unit_test(a_derived_version_keeps_its_origin_alive),
        cmocka_unit_test(every_type_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
