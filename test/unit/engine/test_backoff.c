/* Waits double, stay within half and whole of the interval, and never pass the ceiling. */
#include "engine/run/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void waits_double_up_to_the_ceiling(void **state)
{
    struct mr_backoff backoff;
    int64_t whole = 100;

    (void)state;
    mr_backoff_init(&backoff, 100, 3000, 42);
    for (int i = 0; i < 40; i++) {
        int64_t wait = mr_backoff_next(&backoff);
        assert_true(wait >= whole / 2 && wait <= whole);
        whole = whole * 2 > 3000 ? 3000 : whole * 2;
    }
    mr_backoff_reset(&backoff);
    assert_true(mr_backoff_next(&backoff) <= 100);
}

static void two_seeds_differ(void **state)
{
    struct mr_backoff a, b;
    int same = 0;

    (void)state;
    mr_backoff_init(&a, 1000000, 100000000, 1);
    mr_backoff_init(&b, 1000000, 100000000, 2);
    for (int i = 0; i < 10; i++)
        same += mr_backoff_next(&a) == mr_backoff_next(&b);
    assert_true(same < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_the_ceiling),
        cmocka_unit_test(two_seeds_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
