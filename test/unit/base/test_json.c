/* JSON strings, integers, base64 and hex. What the fast loops write is compared with the simplest loop there is,
 * at every length, every alignment and every place of a byte that needs an escape; and jansson must read it. */
#include "base/json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *escape_slowly(char *at, struct mr_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        static const char shorts[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
        const char *found = c ? strchr(shorts, c) : NULL;
        if (found)
            at += sprintf(at, "\\%c", names[found - shorts]);
        else if (c < 0x20)
            at += sprintf(at, "\\u%04x", c);
        else
            *at++ = (char)c;
    }
    return at;
}

static void check_escape(struct mr_slice text)
{
    /* Exactly as large as the contract says, on both sides. */
    char *in = malloc(text.size + 1), *out = malloc(6 * text.size + 1);
    char *expected = malloc(6 * text.size + 8);
    struct mr_slice copy = {in, text.size};
    size_t size, wanted;

    memcpy(in, text.data, text.size);
    size = (size_t)(mr_json_put_escaped(out, copy) - out);
    wanted = (size_t)(escape_slowly(expected, text) - expected);
    assert_int_equal(size, wanted);
    assert_memory_equal(out, expected, wanted);
    free(in);
    free(out);
    free(expected);
}

static void every_byte_at_every_place(void **state)
{
    char text[64];

    (void)state;
    for (int byte = 0; byte < 256; byte++)
        for (size_t size = 0; size <= 40; size++)
            for (size_t place = 0; place < size; place += 1 + size / 9) {
                memset(text, byte & 1 ? 'x' : 0xe4, size);
                text[place] = (char)byte;
                check_escape(mr_slice(text, size));
            }
}

static void random_texts(void **state)
{
    char text[300];

    (void)state;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)rand() % sizeof text;
        int spread = 1 + rand() % 256;
        for (size_t i = 0; i < size; i++)
            text[i] = (char)(rand() % spread == 0 ? rand() % 0x30 : rand() % 256);
        check_escape(mr_slice(text, size));
    }
}

static void a_parser_reads_it_back(void **state)
{
    static const char text[] =
        "\x01\x1f \"quoted\" \\ back \b\f\n\r\t \x7f \xc3\xa4\xf0\x9f\x98\x80 end";
    struct mr_buf buf;
    json_error_t error;
    json_t *root;

    (void)state;
    mr_buf_init(&buf, 1 << 16);
    mr_buf_add_char(&buf, '{');
    mr_json_add_key(&buf, "a\"b");
    mr_json_add_str(&buf, mr_slice(text, sizeof text - 1));
    mr_json_add_key(&buf, "n");
    mr_json_add_i64(&buf, INT64_MIN);
    mr_json_add_key(&buf, "list");
    mr_buf_add_char(&buf, '[');
    mr_json_add_f64(&buf, 0.5);
    mr_buf_add_str(&buf, "]}");
    root = json_loads(mr_buf_cstr(&buf), 0, &error);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "a\"b")), text);
    assert_int_equal(json_integer_value(json_object_get(root, "n")), INT64_MIN);
    assert_int_equal(json_object_size(root), 3);
    json_decref(root);
    mr_buf_done(&buf);
}

static void a_string_may_fill_a_buffer_to_its_limit(void **state)
{
    struct mr_buf buf;

    (void)state;
    mr_buf_init(&buf, 8);
    mr_json_add_str(&buf, mr_slice_str("a\nb\"c"));
    assert_true(buf.failed);
    assert_int_equal(buf.size, 0);
    mr_buf_clear(&buf);
    mr_json_add_str(&buf, mr_slice_str("a\nb\"")); /* 2 + 4 + 2 */
    assert_false(buf.failed);
    assert_string_equal(mr_buf_cstr(&buf), "\"a\\nb\\\"\"");
    mr_buf_done(&buf);
}

static void check_i64(int64_t value)
{
    char text[24], expected[24];

    *mr_json_put_i64(text, value) = 0;
    snprintf(expected, sizeof expected, "%lld", (long long)value);
    assert_string_equal(text, expected);
    *mr_json_put_u64(text, (uint64_t)value) = 0;
    snprintf(expected, sizeof expected, "%llu", (unsigned long long)value);
    assert_string_equal(text, expected);
}

static void integers(void **state)
{
    uint64_t power = 1;

    (void)state;
    for (int64_t value = -1100; value <= 1100; value++)
        check_i64(value);
    for (int digits = 1; digits < 20; digits++, power *= 10)
        for (int64_t off = -2; off <= 2; off++) {
            check_i64((int64_t)power + off);
            check_i64(-(int64_t)power + off);
        }
    check_i64(INT64_MAX);
    check_i64(INT64_MIN);
    check_i64(-1);
}

static void base64_and_hex(void **state)
{
    static const struct {
        const char *bytes, *base64, *hex;
    } cases[] = {
        {"", "\"\"", ""},
        {"f", "\"Zg==\"", "66"},
        {"fo", "\"Zm8=\"", "666f"},
        {"foo", "\"Zm9v\"", "666f6f"},
        {"foob", "\"Zm9vYg==\"", "666f6f62"},
        {"fooba", "\"Zm9vYmE=\"", "666f6f6261"},
        {"foobar", "\"Zm9vYmFy\"", "666f6f626172"},
        {"\xff\xfe\xfd", "\"//79\"", "fffefd"},
        {"\xfb\xef\xbe", "\"++++\"", "fbefbe"},
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_slice bytes = mr_slice_str(cases[i].bytes);
        char *end = mr_json_put_base64(text, bytes);
        assert_int_equal(end - text, 2 + 4 * ((bytes.size + 2) / 3));
        *end = 0;
        assert_string_equal(text, cases[i].base64);
        *mr_put_hex(text, bytes) = 0;
        assert_string_equal(text, cases[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_at_every_place),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(a_parser_reads_it_back),
        cmocka_unit_test(a_string_may_fill_a_buffer_to_its_limit),
        cmocka_unit_test(integers),
        cmocka_unit_test(base64_and_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
