/* Buffers: growth, the ceiling, and that a failure is sticky and leaves a prefix. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void grows(void **state)
{
    struct mr_buf buf;

    (void)state;
    mr_buf_init(&buf, 1 << 20);
    assert_string_equal(mr_buf_cstr(&buf), "");
    for (int i = 0; i < 10000; i++)
        mr_buf_printf(&buf, "%04d", i);
    assert_int_equal(buf.size, 40000);
    assert_memory_equal(buf.data + 4 * 1234, "1234", 4);
    assert_int_equal(buf.data[buf.size], 0);
    assert_false(buf.failed);
    assert_true(buf.size <= buf.capacity && buf.capacity <= buf.limit);
    mr_buf_done(&buf);
    assert_null(buf.data);
}

static void a_limit_is_exact_and_sticky(void **state)
{
    struct mr_buf buf;

    (void)state;
    mr_buf_init(&buf, 10);
    mr_buf_add_str(&buf, "12345");
    mr_buf_add_char(&buf, '6');
    mr_buf_add_slice(&buf, mr_slice("7890", 4));
    assert_false(buf.failed);
    assert_string_equal(mr_buf_cstr(&buf), "1234567890");
    mr_buf_add_char(&buf, 'x');
    assert_true(buf.failed);
    mr_buf_add(&buf, NULL, 0);
    assert_string_equal(mr_buf_cstr(&buf), "1234567890");
    mr_buf_clear(&buf);
    assert_false(buf.failed);
    mr_buf_printf(&buf, "%s", "12345678901");
    assert_true(buf.failed);
    assert_string_equal(mr_buf_cstr(&buf), "");
    mr_buf_add_str(&buf, "1");
    assert_string_equal(mr_buf_cstr(&buf), "");
    mr_buf_done(&buf);
}

static void absurd_sizes_are_refused(void **state)
{
    struct mr_buf buf;

    (void)state;
    mr_buf_init(&buf, 100);
    mr_buf_add_str(&buf, "abc");
    assert_false(mr_buf_room(&buf, SIZE_MAX));
    mr_buf_clear(&buf);
    assert_false(mr_buf_room(&buf, SIZE_MAX - 2));
    mr_buf_clear(&buf);
    assert_true(mr_buf_room(&buf, 100));
    mr_buf_done(&buf);
    mr_buf_init(&buf, 0);
    mr_buf_add_str(&buf, "");
    assert_false(buf.failed);
    assert_string_equal(mr_buf_cstr(&buf), "");
    mr_buf_add_str(&buf, "a");
    assert_true(buf.failed);
    mr_buf_done(&buf);
}

static void holds_any_byte(void **state)
{
    struct mr_buf buf;

    (void)state;
    mr_buf_init(&buf, 100);
    mr_buf_add(&buf, "a\0b", 3);
    assert_true(mr_slice_equal(mr_buf_slice(&buf), mr_slice("a\0b", 3)));
    mr_buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows),
        cmocka_unit_test(a_limit_is_exact_and_sticky),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(holds_any_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
