/* JSON numbers and strings: see base/json.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "base/json.h"

static void floats_are_shortest(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {0.1, "0.1"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {1e-5, "1e-05"},
        {0.0001, "0.0001"},
        {-1.5e-7, "-1.5e-07"},
        {123456.789, "123456.789"},
        {NAN, "\"NaN\""},
        {INFINITY, "\"Infinity\""},
        {-INFINITY, "\"-Infinity\""},
    };
    char text[33];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        *mr_json_put_f64(text, cases[i].value) = 0;
        assert_string_equal(text, cases[i].text);
    }
    *mr_json_put_f32(text, 1e-45F) = 0;
    assert_string_equal(text, "1e-45");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_shortest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
