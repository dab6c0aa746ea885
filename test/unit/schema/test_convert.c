/* Values to their Connect form: decimals, times, bits, binaries, as recorded from Debezium. */
#include "schema/form/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/json.h"
#include "schema/form/decimal.h"

static void hex(struct mr_slice bytes, char *text)
{
    *mr_put_hex(text, bytes) = '\0';
}

static struct mr_value decimal(const char *text)
{
    return (struct mr_value){.kind = MR_DECIMAL_TEXT, .size = (uint32_t)strlen(text), .p = text};
}

static void decimals_become_the_shortest_bytes(void **state)
{
    static const struct {
        const char *text;
        int32_t scale;
        const char *bytes;
    } cases[] = {
        {"0", 0, "00"},
        {"12.50", 2, "04e2"},
        {"-999.99", 2, "fe7961"},
        {"127", 0, "7f"},
        {"128", 0, "0080"},
        {"-128", 0, "80"},
        {"-129", 0, "ff7f"},
        {"1200", -2, "0c"},
        {"12.5", 2, "04e2"},
        {"-0.00", 2, "00"},
        {"99999999999999999999.00", 2, "021e19e0c9bab23fff9c"},
        {"-9223372036854775808", 0, "8000000000000000"},
        {"9223372036854775808", 0, "008000000000000000"},
        {"340282366920938463463374607431768211455", 0, "00ffffffffffffffffffffffffffffffff"},
        {"-340282366920938463463374607431768211456", 0, "ff00000000000000000000000000000000"},
    };
    struct mr_buf buf;
    char text[200];

    (void)state;
    mr_buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_value value = decimal(cases[i].text);
        assert_true(mr_decimal_bytes(&value, cases[i].scale, &buf));
        hex(mr_buf_slice(&buf), text);
        assert_string_equal(text, cases[i].bytes);
    }
    mr_buf_done(&buf);
}

static void small_decimals_become_the_same_bytes_as_text(void **state)
{
    static const int64_t numbers[] = {
        0, 1, -1, 127, 128, -128, -129, 32767, 32768, 123456789012345678, INT64_MAX, INT64_MIN};
    struct mr_buf a, b, text;

    (void)state;
    mr_buf_init(&a, 1000);
    mr_buf_init(&b, 1000);
    mr_buf_init(&text, 1000);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (int16_t scale = -2; scale < 6; scale++) {
            struct mr_value value = {.kind = MR_DECIMAL, .scale = scale, .i = numbers[i]}, written;

            mr_decimal_text(&value, &text);
            written = decimal(mr_buf_cstr(&text));
            assert_true(mr_decimal_bytes(&value, 3, &a));
            assert_true(mr_decimal_bytes(&written, 3, &b));
            assert_true(mr_slice_equal(mr_buf_slice(&a), mr_buf_slice(&b)));
        }
    }
    mr_buf_done(&a);
    mr_buf_done(&b);
    mr_buf_done(&text);
}

static void a_very_long_decimal_is_converted(void **state)
{
    struct mr_buf text, bytes;
    struct mr_value value;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    mr_buf_init(&bytes, 1 << 20);
    mr_buf_add_char(&text, '1');
    for (int i = 0; i < 10000; i++)
        mr_buf_add_char(&text, '0');
    value = decimal(mr_buf_cstr(&text));
    assert_true(mr_decimal_bytes(&value, 0, &bytes));
    assert_int_equal(bytes.size, 4153); /* 10^10000 has 33220 bits */
    assert_int_equal((unsigned char)bytes.data[bytes.size - 1], 0);
    mr_buf_done(&text);
    mr_buf_done(&bytes);
}

static void variable_decimals_lose_trailing_zeros_of_the_fraction_only(void **state)
{
    static const struct {
        const char *text;
        int32_t scale;
        const char *bytes;
    } cases[] = {{"123.4500", 2, "3039"}, {"1.5000000000", 1, "0f"}, {"100", 0, "64"},
                 {"0", 0, "00"},          {"0.000", 0, "00"},        {"-1", 0, "ff"}};
    struct mr_buf buf;
    char text[100];

    (void)state;
    mr_buf_init(&buf, 1000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_value value = decimal(cases[i].text);
        int32_t scale = -1;

        assert_true(mr_decimal_variable(&value, &scale, &buf));
        hex(mr_buf_slice(&buf), text);
        assert_int_equal(scale, cases[i].scale);
        assert_string_equal(text, cases[i].bytes);
    }
    mr_buf_done(&buf);
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const texts[] = {"NaN", "Infinity", "-Infinity", "",   "-",
                                        ".",   "1e5",      "1.2.3",     "12a"};
    struct mr_buf buf;
    int32_t scale;

    (void)state;
    mr_buf_init(&buf, 1000);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct mr_value value = decimal(texts[i]);
        assert_false(mr_decimal_bytes(&value, 2, &buf));
        assert_false(mr_decimal_variable(&value, &scale, &buf));
    }
    mr_buf_done(&buf);
}

/* One value through the form of a column; what comes out as text, for comparison. */
static void check(enum mr_type type, int32_t precision, struct mr_form_options options,
                  struct mr_value value, const char *wanted)
{
    struct mr_column column = {.type = type,
                               .optional = true,
                               .precision = precision,
                               .scale = 2,
                               .length = type == MR_TYPE_BITS ? precision : 0};
    struct mr_day_cache cache = {0};
    char text[200] = "";
    struct mr_value plain;
    struct mr_arena arena;
    struct mr_form form;
    struct mr_err err;
    struct mr_buf buf;

    mr_arena_init(&arena, 4096, 0);
    mr_buf_init(&buf, 1000);
    options.placeholder = "";
    mr_form_make(&arena, &mr_form_postgres, &column, &options, &form);
    if (mr_form_plain(&form, &value, &buf, &cache, &plain, &err) < 0)
        snprintf(text, sizeof(text), "!%s", err.code);
    else if (plain.kind == MR_NULL)
        snprintf(text, sizeof(text), "null");
    else if (plain.kind == MR_BYTES)
        hex(mr_value_slice(&plain), text);
    else if (plain.kind == MR_TEXT)
        snprintf(text, sizeof(text), "%.*s", MR_SLICE_ARG(mr_value_slice(&plain)));
    else if (plain.kind == MR_FLOAT)
        snprintf(text, sizeof(text), "%g", plain.f);
    else
        snprintf(text, sizeof(text), "%lld", (long long)plain.i);
    assert_string_equal(text, wanted);
    mr_buf_done(&buf);
    mr_arena_done(&arena);
}

static const struct mr_form_options adaptive = {0};
static const struct mr_form_options connect = {.time = MR_TIME_CONNECT};
static const struct mr_form_options iso = {.time = MR_TIME_ISOSTRING};
static const struct mr_form_options nanos = {.time = MR_TIME_NANOSECONDS};

static struct mr_value at(enum mr_kind kind, int64_t i)
{
    return (struct mr_value){.kind = (uint8_t)kind, .i = i};
}

static void timestamps(void **state)
{
    const struct mr_value normal = at(MR_TIMESTAMP, 1709212455123456),
                          before = at(MR_TIMESTAMP, -1);
    const struct mr_value forever = at(MR_TIMESTAMP, MR_TIME_INFINITY);
    const struct mr_value never = at(MR_TIMESTAMP, MR_TIME_NEG_INFINITY);
    const struct mr_value bc = at(MR_TIMESTAMP, -63517788000000000);

    (void)state;
    check(MR_TYPE_TIMESTAMP, -1, adaptive, normal, "1709212455123456");
    check(MR_TYPE_TIMESTAMP, 3, adaptive, normal, "1709212455123");
    check(MR_TYPE_TIMESTAMP, 3, adaptive, before, "-1");
    check(MR_TYPE_TIMESTAMP, -1, connect, before, "-1");
    check(MR_TYPE_TIMESTAMP, -1, nanos, normal, "1709212455123456000");
    check(MR_TYPE_TIMESTAMP, -1, nanos, bc, "!encode.value");
    check(MR_TYPE_TIMESTAMP, -1, nanos, at(MR_TIMESTAMP, -9223372036000000),
          "-9223372036000000000");
    check(MR_TYPE_TIMESTAMP, -1, nanos, at(MR_TIMESTAMP, -9223372036854775), "!encode.value");
    check(MR_TYPE_TIMESTAMP, -1, nanos, at(MR_TIMESTAMP, 9223372036854775), "9223372036854775000");
    check(MR_TYPE_TIMESTAMP, -1, iso, normal, "2024-02-29T13:14:15.123456Z");
    check(MR_TYPE_TIMESTAMP, -1, adaptive, forever, "9223372036854775807");
    check(MR_TYPE_TIMESTAMP, -1, nanos, never, "-9223372036854775808");
    check(MR_TYPE_TIMESTAMP, 3, adaptive, forever, "9223372036825200000");
    check(MR_TYPE_TIMESTAMP, -1, connect, never, "-9223372036832400000");
    check(MR_TYPE_TIMESTAMP, -1, iso, forever, "+292278994-08-16T23:00:00Z");
    check(MR_TYPE_TIMESTAMPTZ, -1, adaptive, at(MR_TIMESTAMP, 0), "1970-01-01T00:00:00.000000Z");
    check(MR_TYPE_TIMESTAMPTZ, 0, adaptive, at(MR_TIMESTAMP, 0), "1970-01-01T00:00:00Z");
    check(MR_TYPE_TIMESTAMPTZ, 3, adaptive, at(MR_TIMESTAMP, 120000), "1970-01-01T00:00:00.120Z");
    check(MR_TYPE_TIMESTAMPTZ, -1, adaptive, before, "1969-12-31T23:59:59.999999Z");
    check(MR_TYPE_TIMESTAMPTZ, -1, adaptive, bc, "-0043-03-15T10:00:00.000000Z");
    check(MR_TYPE_TIMESTAMPTZ, -1, adaptive, at(MR_TIMESTAMP, 576550573323456789),
          "+20240-02-29T01:02:03.456789Z");
    check(MR_TYPE_TIMESTAMPTZ, -1, adaptive, at(MR_TIMESTAMP, -210866803200000000),
          "-4713-11-24T00:00:00.000000Z");
    check(MR_TYPE_TIMESTAMPTZ, -1, adaptive, forever, "infinity");
    check(MR_TYPE_TIMESTAMPTZ, -1, connect, never, "-infinity");
}

static void dates_and_clocks(void **state)
{
    struct mr_value zoned = at(MR_TIMETZ, 47655123456);

    (void)state;
    check(MR_TYPE_DATE, -1, adaptive, at(MR_DATE, 19782), "19782");
    check(MR_TYPE_DATE, -1, iso, at(MR_DATE, 19782), "2024-02-29Z");
    check(MR_TYPE_DATE, -1, iso, at(MR_DATE, -735160), "-0043-03-15Z");
    check(MR_TYPE_DATE, -1, adaptive, at(MR_DATE, MR_TIME_INFINITY), "2146033979");
    check(MR_TYPE_DATE, -1, adaptive, at(MR_DATE, MR_TIME_NEG_INFINITY), "-2147472691");
    check(MR_TYPE_DATE, -1, iso, at(MR_DATE, MR_TIME_INFINITY), "+5877611-06-21Z");
    check(MR_TYPE_TIME, -1, adaptive, at(MR_TIME, 86400000000), "86400000000");
    check(MR_TYPE_TIME, 3, adaptive, at(MR_TIME, 47655123456), "47655123");
    check(MR_TYPE_TIME, 3, nanos, at(MR_TIME, 47655123456), "47655123456000");
    check(MR_TYPE_TIME, -1, iso, at(MR_TIME, 47655100000), "13:14:15.1Z");
    check(MR_TYPE_TIME, -1, iso, at(MR_TIME, 86400000000), "00:00:00Z");
    zoned.zone = 7200;
    check(MR_TYPE_TIMETZ, -1, adaptive, zoned, "11:14:15.123456Z");
    zoned.zone = -57599; /* +15:59:59 the other way: offsets with seconds */
    check(MR_TYPE_TIMETZ, -1, adaptive, zoned, "05:14:14.123456Z");
    check(MR_TYPE_TIMETZ, -1, adaptive, at(MR_TIMETZ, 86400000000), "24:00:00Z");
    check(MR_TYPE_TIMETZ, -1, adaptive, at(MR_TIMETZ, 3723100000), "01:02:03.1Z");
}

static void intervals(void **state)
{
    static const struct {
        struct mr_interval interval;
        const char *numeric, *text;
    } cases[] = {
        {{0, 0, 0}, "0", "P0Y0M0DT0H0M0S"},
        {{14, 3, 14706789000}, "37091106789000", "P1Y2M3DT4H5M6.789S"},
        {{-14, -3, -14706789000}, "-37091106789000", "P-1Y-2M-3DT-4H-5M-6.789S"},
        {{10, 3, -14706000001}, "26542493999999", "P0Y10M3DT-4H-5M-6.000001S"},
        {{0, 0, -1000}, "-1000", "P0Y0M0DT0H0M-0.001S"},
        {{178000000 * 12, 0, 0}, "9223372036854775807", "P178000000Y0M0DT0H0M0S"},
        {{-178000000 * 12, 0, 0}, "-9223372036854775808", "P-178000000Y0M0DT0H0M0S"},
        {{INT32_MAX, INT32_MAX, INT64_MAX}, "9223372036854775807", "infinity"},
        {{INT32_MIN, INT32_MIN, INT64_MIN}, "-9223372036854775808", "-infinity"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_value value = {.kind = MR_INTERVAL, .interval = &cases[i].interval};
        check(MR_TYPE_INTERVAL, -1, adaptive, value, cases[i].numeric);
        check(MR_TYPE_INTERVAL, -1, (struct mr_form_options){.interval = MR_INTERVAL_STRING}, value,
              cases[i].text);
    }
}

static void bits_are_little_endian_without_leading_zeros(void **state)
{
    static const struct {
        int32_t length;
        struct mr_bits bits;
        const char *bytes;
    } cases[] = {
        {2, {2, (const uint8_t *)"\x80"}, "02"},
        {13, {13, (const uint8_t *)"\xff\xf8"}, "ff1f"},
        {8, {8, (const uint8_t *)"\0"}, ""},
        {64, {64, (const uint8_t *)"\x80\0\0\0\0\0\0\x01"}, "0100000000000080"},
        {10, {3, (const uint8_t *)"\xa0"}, "05"},
        {1, {1, (const uint8_t *)"\x80"}, "1"},
        {1, {1, (const uint8_t *)"\0"}, "0"},
        {1, {0, (const uint8_t *)""}, "null"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_value value = {.kind = MR_BITS, .bits = &cases[i].bits};
        check(MR_TYPE_BITS, cases[i].length, adaptive, value, cases[i].bytes);
    }
}

static void binaries_and_decimals_by_mode(void **state)
{
    const struct mr_value bytes = {.kind = MR_BYTES, .size = 3, .p = "\xfb\xff\x10"};
    const struct mr_value nan = decimal("NaN"), cents = {.kind = MR_DECIMAL, .scale = 2, .i = -5};
    const struct mr_value uuid = {
        .kind = MR_UUID,
        .size = 16,
        .p = "\x6f\x96\x19\xff\x8b\x86\xd0\x11\xb4\x2d\x00\xc0\x4f\xc9\x64\xff"};

    (void)state;
    check(MR_TYPE_BYTES, -1, adaptive, bytes, "fbff10");
    check(MR_TYPE_BYTES, -1, (struct mr_form_options){.binary = MR_BINARY_BASE64}, bytes, "+/8Q");
    check(MR_TYPE_BYTES, -1, (struct mr_form_options){.binary = MR_BINARY_BASE64_URL}, bytes,
          "-_8Q");
    check(MR_TYPE_BYTES, -1, (struct mr_form_options){.binary = MR_BINARY_HEX}, bytes, "fbff10");
    check(MR_TYPE_DECIMAL, 5, adaptive, nan, "!encode.value");
    check(MR_TYPE_DECIMAL, 5, (struct mr_form_options){.decimal = MR_DECIMAL_AS_DOUBLE}, nan,
          "nan");
    check(MR_TYPE_DECIMAL, 5, (struct mr_form_options){.decimal = MR_DECIMAL_AS_DOUBLE}, cents,
          "-0.05");
    check(MR_TYPE_DECIMAL, 5, (struct mr_form_options){.decimal = MR_DECIMAL_AS_STRING}, nan,
          "NAN");
    check(MR_TYPE_DECIMAL, 5, (struct mr_form_options){.decimal = MR_DECIMAL_AS_STRING},
          decimal("-Infinity"), "NEGATIVE_INFINITY");
    check(MR_TYPE_DECIMAL, 5, (struct mr_form_options){.decimal = MR_DECIMAL_AS_STRING}, cents,
          "-0.05");
    check(MR_TYPE_UUID, -1, adaptive, uuid, "6f9619ff-8b86-d011-b42d-00c04fc964ff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_become_the_shortest_bytes),
        cmocka_unit_test(small_decimals_become_the_same_bytes_as_text),
        cmocka_unit_test(a_very_long_decimal_is_converted),
        cmocka_unit_test(variable_decimals_lose_trailing_zeros_of_the_fraction_only),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(timestamps),
        cmocka_unit_test(dates_and_clocks),
        cmocka_unit_test(intervals),
        cmocka_unit_test(bits_are_little_endian_without_leading_zeros),
        cmocka_unit_test(binaries_and_decimals_by_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
