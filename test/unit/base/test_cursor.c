/* Cursors: every reader at, before and behind the end; a failure stays and nothing moves after it. */
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 'a', 'b', 0, 'c'};

static uint64_t read_u8(struct mr_cur *cur)
{
    return mr_cur_u8(cur);
}

static uint64_t read_be16(struct mr_cur *cur)
{
    return mr_cur_be16(cur);
}

static uint64_t read_be32(struct mr_cur *cur)
{
    return mr_cur_be32(cur);
}

static void numbers_of_every_width(void **state)
{
    static const struct {
        uint64_t (*read)(struct mr_cur *cur);
        size_t size;
        uint64_t expected;
    } cases[] = {
        {read_u8, 1, 0x01},
        {read_be16, 2, 0x0102},
        {read_be32, 4, 0x01020304},
        {mr_cur_be64, 8, 0x0102030405060708},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Exactly as large as each prefix, so that a sanitizer sees a read beyond it. */
        for (size_t size = 0; size <= 8; size++) {
            uint8_t *copy = malloc(size + 1);
            struct mr_cur cur;
            memcpy(copy, bytes, size);
            cur = mr_cur(mr_slice(copy, size));
            if (size < cases[i].size) {
                assert_int_equal(cases[i].read(&cur), 0);
                assert_true(cur.failed);
                assert_int_equal(mr_cur_left(&cur), size);
            } else {
                assert_int_equal(cases[i].read(&cur), cases[i].expected);
                assert_false(cur.failed);
                assert_int_equal(mr_cur_left(&cur), size - cases[i].size);
            }
            free(copy);
        }
    }
}

static void a_failure_stays(void **state)
{
    struct mr_cur cur = mr_cur(mr_slice(bytes, 3));

    (void)state;
    assert_int_equal(mr_cur_be32(&cur), 0);
    assert_int_equal(mr_cur_u8(&cur), 0);
    assert_null(mr_cur_bytes(&cur, 1).data);
    assert_null(mr_cur_str(&cur).data);
    assert_true(cur.failed);
    assert_int_equal(mr_cur_left(&cur), 3);
}

static void strings_need_their_nul(void **state)
{
    struct mr_cur cur = mr_cur(mr_slice(bytes + 8, 4));

    (void)state;
    assert_true(mr_slice_is(mr_cur_str(&cur), "ab"));
    assert_int_equal(mr_cur_left(&cur), 1);
    assert_null(mr_cur_str(&cur).data);
    assert_true(cur.failed);
}

static void runs_of_bytes(void **state)
{
    struct mr_cur cur = mr_cur(mr_slice(bytes, 4));
    struct mr_slice run = mr_cur_bytes(&cur, 3);

    (void)state;
    assert_ptr_equal(run.data, bytes);
    assert_int_equal(run.size, 3);
    assert_non_null(mr_cur_bytes(&cur, 0).data);
    assert_false(cur.failed);
    assert_null(mr_cur_bytes(&cur, SIZE_MAX).data);
    assert_true(cur.failed);
}

static void slices(void **state)
{
    (void)state;
    assert_true(mr_slice_equal(mr_slice_str(NULL), mr_slice("", 0)));
    assert_false(mr_slice_is(mr_slice("ab", 2), "abc"));
    assert_false(mr_slice_is(mr_slice("abc", 3), "abd"));
    assert_true(mr_slice_is((struct mr_slice)MR_SLICE("abc"), "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_width),
        cmocka_unit_test(a_failure_stays),
        cmocka_unit_test(strings_need_their_nul),
        cmocka_unit_test(runs_of_bytes),
        cmocka_unit_test(slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
