/* Values: the text and the binary form of each must decode to the same, and broken ones must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "connectors/source_postgres/types/decode.h"

static struct mr_arena arena;

static int set_up(void **state)
{
    (void)state;
    mr_arena_init(&arena, 4096, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_done(&arena);
    return 0;
}

static struct mr_slice unhex(const char *hex)
{
    char *out = mr_arena_alloc(&arena, strlen(hex) / 2 + 1, 1);
    size_t size = 0;
    unsigned byte;

    for (; *hex; hex += 2) {
        if (*hex == ' ') {
            hex--;
            continue;
        }
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        out[size++] = (char)byte;
    }
    return mr_slice(out, size);
}

static bool same(const struct mr_value *a, const struct mr_value *b)
{
    if (a->kind != b->kind || a->scale != b->scale)
        return false;
    switch (a->kind) {
    case MR_TEXT:
    case MR_BYTES:
    case MR_UUID:
    case MR_DECIMAL_TEXT: return mr_slice_equal(mr_value_slice(a), mr_value_slice(b));
    case MR_INTERVAL: return memcmp(a->interval, b->interval, sizeof(*a->interval)) == 0;
    case MR_BITS:
        return a->bits->count == b->bits->count &&
               memcmp(a->bits->bytes, b->bits->bytes, (a->bits->count + 7) / 8) == 0;
    case MR_TIMETZ: return a->i == b->i && a->zone == b->zone;
    default: return a->i == b->i;
    }
}

static const struct {
    uint32_t oid;
    const char *text, *binary;
} both_forms[] = {
    {16, "t", "01"},
    {16, "f", "00"},
    {21, "-2", "fffe"},
    {23, "-2147483648", "80000000"},
    {20, "9223372036854775807", "7fffffffffffffff"},
    {20, "-9223372036854775808", "8000000000000000"},
    {26, "4294967295", "ffffffff"},
    {700, "1.1", "3f8ccccd"},
    {701, "-Infinity", "fff0000000000000"},
    {701, "5e-324", "0000000000000001"},
    {1700, "-12345.678", "0003 0001 4000 0003 0001 0929 1a7c"},
    {1700, "0.00012", "0002 ffff 0000 0005 0001 07d0"},
    {1700, "1.500", "0002 0000 0000 0003 0001 1388"},
    {1700, "10000", "0001 0001 0000 0000 0001"},
    {1700, "0", "0000 0000 0000 0000"},
    {1700, "0.00", "0000 0000 0000 0002"},
    {1700, "-0.0000000000000000000000000001", "0001 fff9 4000 001c 0001"},
    {1700, "123456789012345678901234567890.5",
     "0009 0007 0000 0001 000c 0d80 1ed2 04d2 162e 2334 0d80 1ed2 1388"},
    {1700, "NaN", "0000 0000 c000 0000"},
    {1700, "-Infinity", "0000 0000 f000 0020"},
    {790, "-$1,234.56", "fffffffffffe1dc0"},
    {17, "\\xdeadbeef", "deadbeef"},
    {2950, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"},
    {3802, "{\"a\": 1}", "01 7b2261223a20317d"},
    {1082, "2000-01-01", "00000000"},
    {1082, "1999-12-31", "ffffffff"},
    {1082, "infinity", "7fffffff"},
    {1082, "-infinity", "80000000"},
    {1082, "2024-02-29", "00002279"},
    {1083, "24:00:00", "000000141dd76000"},
    {1266, "00:00:01+02", "00000000000f4240 ffffe3e0"},
    {1114, "2000-01-01 00:00:00.000001", "0000000000000001"},
    {1114, "infinity", "7fffffffffffffff"},
    {1184, "2000-01-01 02:00:00+02", "0000000000000000"},
    {1186, "1 year 2 mons 3 days 04:05:06.789", "000000036c97ca88 00000003 0000000e"},
    {1186, "-1 mons +2 days -00:00:00.5", "fffffffffff85ee0 00000002 ffffffff"},
    {1186, "00:00:00", "0000000000000000 00000000 00000000"},
    {1560, "1011111111", "0000000a bfc0"},
    {1562, "", "00000000"},
    {829, "08:00:2b:01:02:03", "08002b010203"},
    {25, "as it is", "6173206974206973"},
    {18, "q", "71"},
    {18, "", "00"},
    {18, "\\200", "80"},
    {18, "\\377", "ff"},
};

static void text_and_binary_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(both_forms) / sizeof(both_forms[0]); i++) {
        const struct mr_pg_codec *codec = mr_pg_codec_by_oid(both_forms[i].oid);
        struct mr_pg_type type = {.codec = codec, .delimiter = ','};
        struct mr_value text, binary;
        if (!codec->text(&arena, &type, mr_slice_str(both_forms[i].text), &text))
            fail_msg("%s %s is not read as text", codec->name, both_forms[i].text);
        if (!codec->binary(&arena, &type, unhex(both_forms[i].binary), &binary))
            fail_msg("%s %s is not read in binary", codec->name, both_forms[i].text);
        if (!same(&text, &binary))
            fail_msg("%s %s: text and binary differ", codec->name, both_forms[i].text);
    }
}

static void broken_values_are_refused(void **state)
{
    static const struct {
        uint32_t oid;
        const char *text, *binary;
    } cases[] = {
        {16, "true", "0101"},
        {23, "1 ", "0000"},
        {20, "9223372036854775808", "00"},
        {20, "", ""},
        {701, "1,5", "00000000"},
        {1700, "1.2.3", "0001 0000 0000 0000"},
        {1700, "-", "0001 0000 1234 0000 0001"},
        {1700, "Infinit", "0001 0000 0000 0000 2710"},
        {17, "deadbeef", NULL},
        {17, "\\xabc", NULL},
        {2950, "a0eebc99", "a0"},
        {1082, "2024-13-01", "000000"},
        {1082, "29.02.2024", ""},
        {1083, "25:00:00", "0000001421d76000"},
        {1266, "00:00:00", "00"},
        {1114, "2024-02-29T00:00:00", "00"},
        {1186, "1 fortnight", "00"},
        {1186, "", "00"},
        {1560, "12", "00000009 ff"},
        {3802, NULL, "02 7b7d"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mr_pg_codec *codec = mr_pg_codec_by_oid(cases[i].oid);
        struct mr_pg_type type = {.codec = codec, .delimiter = ','};
        struct mr_value value;
        if (cases[i].text && codec->text(&arena, &type, mr_slice_str(cases[i].text), &value))
            fail_msg("%s takes the text %s", codec->name, cases[i].text);
        if (cases[i].binary && codec->binary(&arena, &type, unhex(cases[i].binary), &value))
            fail_msg("%s takes the binary %s", codec->name, cases[i].binary);
    }
}

static bool array(const char *text, struct mr_value *ret_value)
{
    static struct mr_pg_type element = {.delimiter = ','}, type;

    element.codec = mr_pg_codec_by_oid(25);
    type = (struct mr_pg_type){.codec = &mr_pg_codec_array, .element = &element, .delimiter = ','};
    return mr_pg_array_text(&arena, &type, mr_slice_str(text), ret_value);
}

static void arrays_are_read_with_quotes_nulls_and_dimensions(void **state)
{
    struct mr_value value;

    (void)state;
    assert_true(array("{a,NULL,\"b \\\"c\",\"\",\"NULL\"}", &value));
    assert_int_equal(value.array->count, 5);
    assert_int_equal(value.array->items[1].kind, MR_NULL);
    assert_true(mr_slice_is(mr_value_slice(&value.array->items[2]), "b \"c"));
    assert_int_equal(value.array->items[3].size, 0);
    assert_true(mr_slice_is(mr_value_slice(&value.array->items[4]), "NULL"));
    assert_null(value.array->text.data);
    assert_true(array("{}", &value));
    assert_int_equal(value.array->dimensions, 0);
    assert_true(array("[0:1][2:4]={{1,2,3},{4,5,6}}", &value));
    assert_int_equal(value.array->dimensions, 2);
    assert_int_equal(value.array->sizes[0], 2);
    assert_int_equal(value.array->sizes[1], 3);
    assert_int_equal(value.array->count, 6);
    assert_non_null(value.array->text.data);
}

static void broken_arrays_are_refused(void **state)
{
    static const char *const bad[] = {
        "{",       "{a",          "{a,}",  "{\"a}",           "{a}}", "{{a},b}",
        "{a,{b}}", "{{a,b},{c}}", "[0:1]", "{{{{{{{a}}}}}}}", "{a\"", "{{a},{{b}}}"};
    struct mr_value value;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (array(bad[i], &value))
            fail_msg("%s is taken", bad[i]);
    }
}

static void hstore_becomes_json(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"", "{}"},
        {"\"a\"=>\"1\", \"b\"=>NULL", "{\"a\":\"1\",\"b\":null}"},
        {"\"q\\\"k\"=>\"v, \\\\w\"", "{\"q\\\"k\":\"v, \\\\w\"}"},
        {"\"a\"=>", NULL},
        {"\"a", NULL},
        {"\"a\"=>\"1\",\"b\"=>\"2\"", NULL},
    };
    struct mr_value value;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool ok = mr_pg_hstore_text(&arena, NULL, mr_slice_str(cases[i].text), &value);
        assert_int_equal(ok, cases[i].json != NULL);
        if (ok)
            assert_true(mr_slice_is(mr_value_slice(&value), cases[i].json));
    }
}

static void vectors_and_shapes_are_read(void **state)
{
    struct mr_pg_type point = {.codec = mr_pg_codec_by_oid(600)};
    struct mr_value value;

    (void)state;
    assert_true(mr_pg_sparsevec_text(&arena, NULL, mr_slice_str("{1:1.5,3:2}/5"), &value));
    assert_int_equal(value.vector->count, 2);
    assert_int_equal(value.vector->indexes[1], 3);
    assert_int_equal(value.vector->dimensions, 5);
    assert_true(mr_pg_sparsevec_text(&arena, NULL, mr_slice_str("{}/4"), &value));
    assert_false(mr_pg_sparsevec_text(&arena, NULL, mr_slice_str("{1:1.5"), &value));
    assert_true(mr_pg_vector_text(&arena, NULL, mr_slice_str("[1,-2.5]"), &value));
    assert_true(value.vector->numbers[1] < -2.4);
    assert_true(mr_pg_shape_text(&arena, &point, mr_slice_str("(1.5,-2)"), &value));
    assert_false(mr_pg_shape_text(&arena, &point, mr_slice_str("(1.5,-2,3)"), &value));
    assert_true(mr_pg_postgis_text(
        &arena, NULL, mr_slice_str("0101000020E6100000000000000000F03F0000000000000040"), &value));
    assert_int_equal(value.geometry->srid, 4326);
    assert_int_equal(value.geometry->wkb.size, 21);
    assert_false(mr_pg_postgis_text(&arena, NULL, mr_slice_str("0101"), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_binary_agree),
        cmocka_unit_test(broken_values_are_refused),
        cmocka_unit_test(arrays_are_read_with_quotes_nulls_and_dimensions),
        cmocka_unit_test(broken_arrays_are_refused),
        cmocka_unit_test(hstore_becomes_json),
        cmocka_unit_test(vectors_and_shapes_are_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
