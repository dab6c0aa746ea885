/* Clocks: the text form of every kind of time, and that a test can hold them. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "test/support/test_clock.h"

static void formats(void **state)
{
    static const struct {
        int64_t wall_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {1795251901123456, "2026-11-21T09:05:01.123456Z"},
        {951782400000000, "2000-02-29T00:00:00.000000Z"},
        {4107542400000000, "2100-03-01T00:00:00.000000Z"},
        {-62135596800000000, "0001-01-01T00:00:00.000000Z"},
        {253402300799999999, "9999-12-31T23:59:59.999999Z"},
    };
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(mr_clock_format(cases[i].wall_us, text), (int)strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void the_extremes_fit(void **state)
{
    char text[64];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_in_range(mr_clock_format(INT64_MAX, text), 27, 31);
    assert_in_range(mr_clock_format(INT64_MIN, text), 27, 31);
    assert_int_equal(text[32], 'x');
}

static void agrees_with_gmtime(void **state)
{
    char text[32], expected[32];

    (void)state;
    for (int64_t day = -40000; day < 80000; day += 13) {
        time_t at = day * 86400 + (day * 977) % 86400;
        struct tm parts;
        gmtime_r(&at, &parts);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000000Z", &parts);
        mr_clock_format((int64_t)at * MR_SECOND_US, text);
        assert_string_equal(text, expected);
    }
}

static void the_real_clocks_run(void **state)
{
    int64_t mono = mr_clock_mono_ns();

    (void)state;
    assert_true(mono > 0);
    assert_true(mr_clock_mono_ns() >= mono);
    assert_in_range(mr_clock_wall_us() / MR_SECOND_US, time(NULL) - 1, time(NULL) + 1);
}

static void a_test_can_hold_them(void **state)
{
    struct mr_test_clock test_clock;
    int64_t mono;

    (void)state;
    mr_test_clock_install(&test_clock, 1000);
    mono = mr_clock_mono_ns();
    assert_int_equal(mr_clock_wall_us(), 1000);
    mr_test_clock_advance(&test_clock, MR_SECOND_NS);
    assert_int_equal(mr_clock_wall_us(), 1000 + MR_SECOND_US);
    assert_int_equal(mr_clock_mono_ns(), mono + MR_SECOND_NS);
    mr_test_clock_remove();
    assert_true(mr_clock_wall_us() > 1000 + MR_SECOND_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(the_extremes_fit),
        cmocka_unit_test(agrees_with_gmtime),
        cmocka_unit_test(the_real_clocks_run),
        cmocka_unit_test(a_test_can_hold_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
