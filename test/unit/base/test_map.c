/* Maps: against a plain array as the model, through growth, removal and both kinds of key. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static int things[1000];

static void an_empty_map(void **state)
{
    struct mr_map map;
    size_t at = 0;

    (void)state;
    mr_map_init(&map);
    assert_null(mr_map_get_number(&map, 0));
    assert_null(mr_map_get(&map, mr_slice_str("a")));
    assert_null(mr_map_remove_number(&map, 0));
    assert_null(mr_map_remove(&map, mr_slice_str("a")));
    assert_null(mr_map_next(&map, &at, NULL, NULL));
    mr_map_done(&map);
}

/* Random puts and removals of few keys; after each step the map must say what the array says. */
static void agrees_with_an_array(void **state)
{
    int *model[200] = {0};
    struct mr_map map;

    (void)state;
    srand(3);
    mr_map_init(&map);
    for (int step = 0; step < 200000; step++) {
        size_t key = (size_t)rand() % 200;
        uint64_t number = key * 0x1000; /* all with the same low bits */
        int *thing = &things[rand() % 1000];
        size_t count = 0;
        if (rand() % 2) {
            assert_ptr_equal(mr_map_put_number(&map, number, thing), model[key]);
            model[key] = thing;
        } else {
            assert_ptr_equal(mr_map_remove_number(&map, number), model[key]);
            model[key] = NULL;
        }
        if (step % 1000)
            continue;
        for (size_t i = 0; i < 200; i++) {
            assert_ptr_equal(mr_map_get_number(&map, i * 0x1000), model[i]);
            count += model[i] != NULL;
        }
        assert_int_equal(map.count, count);
        assert_true(4 * map.count <= 3 * map.capacity);
    }
    mr_map_done(&map);
}

static void strings_are_copied(void **state)
{
    struct mr_map map;
    char name[32];

    (void)state;
    mr_map_init(&map);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "public.table_%d", i);
        assert_null(mr_map_put(&map, mr_slice_str(name), &things[i]));
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "public.table_%d", i);
        assert_ptr_equal(mr_map_get(&map, mr_slice_str(name)), &things[i]);
    }
    assert_null(mr_map_get(&map, mr_slice_str("public.table_1000")));
    assert_null(mr_map_get(&map, mr_slice_str("public.table_")));
    for (int i = 0; i < 1000; i += 2) {
        snprintf(name, sizeof name, "public.table_%d", i);
        assert_ptr_equal(mr_map_remove(&map, mr_slice_str(name)), &things[i]);
        assert_null(mr_map_remove(&map, mr_slice_str(name)));
    }
    assert_int_equal(map.count, 500);
    assert_ptr_equal(mr_map_put(&map, mr_slice_str("public.table_1"), &things[7]), &things[1]);
    mr_map_done(&map);
}

static void both_kinds_of_key_and_odd_ones(void **state)
{
    struct mr_map map;

    (void)state;
    mr_map_init(&map);
    mr_map_put(&map, (struct mr_slice){NULL, 0}, &things[0]);
    mr_map_put_number(&map, 0, &things[1]);
    mr_map_put(&map, mr_slice("a\0b", 3), &things[2]);
    mr_map_put(&map, mr_slice("a\0c", 3), &things[3]);
    mr_map_put_number(&map, UINT64_MAX, &things[4]);
    assert_ptr_equal(mr_map_get(&map, mr_slice("", 0)), &things[0]);
    assert_ptr_equal(mr_map_get_number(&map, 0), &things[1]);
    assert_ptr_equal(mr_map_get(&map, mr_slice("a\0b", 3)), &things[2]);
    assert_ptr_equal(mr_map_get(&map, mr_slice("a\0c", 3)), &things[3]);
    assert_ptr_equal(mr_map_get_number(&map, UINT64_MAX), &things[4]);
    mr_map_done(&map);
}

static void a_walk_sees_all_once(void **state)
{
    bool seen[300] = {false};
    struct mr_map map;
    uint64_t number;
    size_t at = 0, count = 0;
    int *thing;

    (void)state;
    mr_map_init(&map);
    for (uint64_t i = 0; i < 300; i++)
        mr_map_put_number(&map, i, &things[i]);
    while ((thing = mr_map_next(&map, &at, NULL, &number))) {
        assert_ptr_equal(thing, &things[number]);
        assert_false(seen[number]);
        seen[number] = true;
        count++;
    }
    assert_int_equal(count, 300);
    mr_map_done(&map);
}

static void the_hash_is_fixed_and_spreads(void **state)
{
    char bytes[64] = {0};
    unsigned buckets[64] = {0};

    (void)state;
    /* Positions carry this hash from one version to the next: it must never change. */
    assert_int_equal(mr_hash(mr_slice_str(""), 0), 0xe28f2b25621252a7);
    assert_int_equal(mr_hash(mr_slice_str("a"), 0), 0x4189562f54fba599);
    assert_int_equal(mr_hash(mr_slice_str("millrace, a longer text"), 1), 0xc26e3bdc9ad8e26e);
    for (size_t size = 1; size < sizeof bytes; size++)
        assert_int_not_equal(mr_hash(mr_slice(bytes, size), 0),
                             mr_hash(mr_slice(bytes, size - 1), 0));
    for (uint64_t i = 0; i < 6400; i++)
        buckets[mr_hash(mr_slice(&i, sizeof i), 0) % 64]++;
    for (size_t i = 0; i < 64; i++)
        assert_in_range(buckets[i], 50, 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map),         cmocka_unit_test(agrees_with_an_array),
        cmocka_unit_test(strings_are_copied),   cmocka_unit_test(both_kinds_of_key_and_odd_ones),
        cmocka_unit_test(a_walk_sees_all_once), cmocka_unit_test(the_hash_is_fixed_and_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
