/* Doubles and floats as text: known forms, and for many random ones that the text reads back equal, that no
 * shorter one does, and that of those as short it is the nearest. printf and strtod are the oracle. */
#include "base/json.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json_pow10.h"

static void known_doubles(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.0, "-1.0"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {100.25, "100.25"},
        {1e15, "1000000000000000.0"},
        {9007199254740992.0, "9007199254740992.0"},
        {9007199254740994.0, "9007199254740994.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {1.2345678901234568e17, "1.2345678901234568e+17"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {9.5e-5, "9.5e-05"},
        {0.0001, "0.0001"},
        {0.00012345678901234567, "0.00012345678901234567"},
        {1e-5, "1e-05"},
        {-1.5e-7, "-1.5e-07"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"},
        {9007199254740993e3, "9.007199254740993e+18"},
        {NAN, "\"NaN\""},
        {INFINITY, "\"Infinity\""},
        {-INFINITY, "\"-Infinity\""},
    };
    char text[33];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *end = mr_json_put_f64(text, cases[i].value);
        assert_in_range(end - text, 1, 32);
        *end = 0;
        assert_string_equal(text, cases[i].text);
    }
}

static void known_floats(void **state)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0.0F, "0.0"},
        {-0.0F, "-0.0"},
        {0.1F, "0.1"},
        {3.14F, "3.14"},
        {1e-45F, "1e-45"},
        {FLT_MAX, "3.4028235e+38"},
        {FLT_MIN, "1.1754944e-38"},
        {16777216.0F, "16777216.0"},
        {16777220.0F, "16777220.0"},
        {33554432.0F, "33554432.0"},
        {1e10F, "10000000000.0"},
        {8589973000.0F, "8589974000.0"},
        {1e16F, "1e+16"},
        {NAN, "\"NaN\""},
        {INFINITY, "\"Infinity\""},
        {-INFINITY, "\"-Infinity\""},
    };
    char text[33];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        *mr_json_put_f32(text, cases[i].value) = 0;
        assert_string_equal(text, cases[i].text);
    }
}

/* Significant digits of a text. */
static int count_digits(const char *text)
{
    char digits[40];
    int count = 0, first = 0;

    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9')
            digits[count++] = *text;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    while (first < count - 1 && digits[first] == '0')
        first++;
    return count - first;
}

static void check_f64(double value)
{
    char text[40], other[40];
    int digits;

    *mr_json_put_f64(text, value) = 0;
    assert_true(strtod(text, NULL) == value);
    digits = count_digits(text);
    assert_in_range(digits, 1, 17);
    if (digits > 1) {
        snprintf(other, sizeof other, "%.*e", digits - 2, value);
        assert_true(strtod(other, NULL) != value);
    }
    snprintf(other, sizeof other, "%.*e", digits - 1, value);
    /* Where the nearest of that length reads back at all, it is the one. */
    if (strtod(other, NULL) == value)
        assert_int_equal(count_digits(other), digits);
}

static void check_f32(float value)
{
    char text[40], other[40];
    int digits;

    *mr_json_put_f32(text, value) = 0;
    assert_true(strtof(text, NULL) == value);
    digits = count_digits(text);
    assert_in_range(digits, 1, 9);
    if (digits > 1) {
        snprintf(other, sizeof other, "%.*e", digits - 2, (double)value);
        assert_true(strtof(other, NULL) != value);
    }
    snprintf(other, sizeof other, "%.*e", digits - 1, (double)value);
    if (strtof(other, NULL) == value) {
        char again[40];
        snprintf(again, sizeof again, "%.*e", digits - 1, strtod(text, NULL));
        assert_string_equal(again, other);
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void random_doubles(void **state)
{
    uint64_t seed = 42;

    (void)state;
    for (int i = 0; i < 60000; i++) {
        uint64_t bits = next_random(&seed);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            check_f64(value);
        check_f64((double)(bits % 1000000007) / 1000.0);
    }
    for (int exponent = -1074; exponent < 1024; exponent++) {
        check_f64(ldexp(1.0, exponent));
        check_f64(nextafter(ldexp(1.0, exponent), 0));
        check_f64(nextafter(ldexp(1.0, exponent), INFINITY));
    }
}

static void random_floats(void **state)
{
    uint64_t seed = 4242;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint32_t bits = (uint32_t)next_random(&seed);
        float value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            check_f32(value);
    }
    for (int exponent = -149; exponent < 128; exponent++) {
        check_f32(ldexpf(1.0F, exponent));
        check_f32(nextafterf(ldexpf(1.0F, exponent), 0));
        check_f32(nextafterf(ldexpf(1.0F, exponent), INFINITY));
    }
}

static void a_locale_with_a_comma_changes_nothing(void **state)
{
    char text[40];

    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
        print_error("SKIPPED %s: no locale with a decimal comma here\n", __func__);
        skip();
    }
    *mr_json_put_f64(text, 0.5) = 0;
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(text, "0.5");
}

/* Each row times ten is the next one, to within one unit of the last place of the rounding. */
static void the_table_is_a_geometric_series(void **state)
{
    (void)state;
    for (int k = MR_POW10_MIN; k < MR_POW10_MAX; k++) {
        const struct mr_pow10 *row = &mr_json_pow10[k - MR_POW10_MIN], *next = row + 1;
        unsigned __int128 g = (unsigned __int128)row->high << 64 | row->low;
        unsigned __int128 h = (unsigned __int128)next->high << 64 | next->low;
        unsigned __int128 wide = g / 16 * 10 + (g % 16 * 10) / 16, low, high;
        int shift = (int)(((k + 1) * 1741647) >> 19) - (int)((k * 1741647) >> 19);
        assert_true(row->high >> 63);
        /* wide = g * 10 / 16, floored; h is that scaled so that the highest bit is set. */
        assert_in_range(shift, 3, 4);
        low = shift == 4 ? wide : wide * 2;
        high = shift == 4 ? wide + 1 : wide * 2 + 2;
        assert_true(h + 2 >= low && h <= high + 1);
    }
    assert_true(mr_json_pow10[-MR_POW10_MIN].high == 1ULL << 63);
    assert_true(mr_json_pow10[-MR_POW10_MIN].low == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_doubles),
        cmocka_unit_test(known_floats),
        cmocka_unit_test(random_doubles),
        cmocka_unit_test(random_floats),
        cmocka_unit_test(a_locale_with_a_comma_changes_nothing),
        cmocka_unit_test(the_table_is_a_geometric_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
