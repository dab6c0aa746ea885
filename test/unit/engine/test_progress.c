/* The line that says how far a snapshot is: percent, rate, time left, and what it does without an estimate. */
#include "engine/progress/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static void the_line_says_what_the_counters_say(void **state)
{
    static const struct {
        uint64_t rows, estimated, done, tables;
        int64_t seconds;
        const char *want;
    } cases[] = {
        {760000, 2000000, 1, 7, 2,
         "[#########...............] 38 % | 760000 of about 2000000 rows | 380000 rows/s | 3 s "
         "left | "
         "table 2 of 7"},
        {10, 0, 0, 1, 10,
         "[........................] 0 % | 10 of about 0 rows | 1 rows/s | table 1 of 1"},
        {500, 100, 3, 3, 1,
         "[########################] 100 % | 500 of about 100 rows | 500 rows/s | table 3 of 3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_counters counters = {0};
        struct mr_progress progress;
        char text[256];

        mr_progress_init(&progress, false);
        mr_progress_tick(&progress, "p", &counters, MR_SECOND_NS);
        counters.snapshot_rows = cases[i].rows;
        counters.snapshot_rows_estimated = cases[i].estimated;
        counters.snapshot_tables = cases[i].tables;
        counters.snapshot_tables_done = cases[i].done;
        mr_progress_format(&progress, &counters, (1 + cases[i].seconds) * MR_SECOND_NS, text,
                           sizeof text);
        assert_string_equal(text, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_line_says_what_the_counters_say)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
