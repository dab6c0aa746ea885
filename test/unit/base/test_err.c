/* Errors: what each setter writes and wipes, cut texts, and the exit code of every class. */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void setters(void **state)
{
    struct mr_err err;

    (void)state;
    memset(&err, 'x', sizeof err);
    assert_int_equal(mr_err_set(&err, MR_GAP, "a.b", "slot %s", "s"), MR_GAP);
    assert_int_equal(err.class, MR_GAP);
    assert_int_equal(err.exit_code, 0);
    assert_string_equal(err.code, "a.b");
    assert_string_equal(err.text, "slot s");
    assert_string_equal(err.native, "");
    assert_string_equal(err.hint, "");
    mr_err_native(&err, "42P01");
    mr_err_hint(&err, "do %d", 1);
    assert_string_equal(err.native, "42P01");
    assert_string_equal(err.hint, "do 1");
    err.exit_code = 77;
    mr_err_set(&err, MR_RETRY, "c.d", "other");
    assert_string_equal(err.native, "");
    assert_string_equal(err.hint, "");
    assert_int_equal(err.exit_code, 0);
    mr_err_clear(&err);
    assert_int_equal(err.class, MR_OK);
    assert_string_equal(err.text, "");
}

static void null_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(mr_err_set(NULL, MR_BUG, "a", "b"), MR_BUG);
    assert_int_equal(mr_err_errno(NULL, MR_RETRY, "a", EIO, "b"), MR_RETRY);
    mr_err_native(NULL, "x");
    mr_err_hint(NULL, "x");
}

static void an_error_may_wrap_itself(void **state)
{
    struct mr_err err;

    (void)state;
    mr_err_set(&err, MR_DATA, "a.b", "inner");
    mr_err_hint(&err, "inner hint");
    mr_err_set(&err, err.class, err.code, "outer: %s (%s)", err.text, err.hint);
    assert_string_equal(err.text, "outer: inner (inner hint)");
    assert_string_equal(err.code, "a.b");
    mr_err_hint(&err, "see %s", err.text);
    mr_err_hint(&err, "%s, %s", err.hint, "twice");
    assert_string_equal(err.hint, "see outer: inner (inner hint), twice");
}

static void long_texts_are_cut_at_a_character(void **state)
{
    struct mr_err err;
    char text[4001];

    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        size_t size;
        memset(text, 'a', sizeof text);
        for (size_t i = lead; i + 2 < sizeof text; i += 2)
            memcpy(text + i, "\xc3\xa4", 2);
        text[4000] = 0;
        mr_err_set(&err, MR_DATA, "a", "%s", text);
        size = strlen(err.text);
        assert_in_range(size, sizeof err.text - 4, sizeof err.text - 1);
        assert_string_equal(err.text + size - 3, "...");
        assert_int_equal((unsigned char)err.text[size - 4], 0xa4);
    }
    snprintf(text, sizeof text, "%0200d", 1);
    mr_err_set(&err, MR_DATA, text, "b");
    assert_int_equal(strlen(err.code), sizeof err.code - 1);
    mr_err_native(&err, text);
    assert_int_equal(strlen(err.native), sizeof err.native - 1);
}

static void errno_has_name_and_meaning(void **state)
{
    struct mr_err err;

    (void)state;
    assert_int_equal(mr_err_errno(&err, MR_RETRY, "sink.disk_full", ENOSPC, "cannot write %s", "f"),
                     MR_RETRY);
    assert_string_equal(err.text, "cannot write f: No space left on device");
    assert_string_equal(err.native, "ENOSPC");
    assert_string_equal(err.code, "sink.disk_full");
    mr_err_errno(&err, MR_RETRY, "x", 99999, "y");
    assert_string_equal(err.native, "99999");
    assert_string_equal(err.text, "y: unknown error");
}

static void classes(void **state)
{
    static const struct {
        enum mr_class class;
        int exit_code;
        const char *name;
    } cases[] = {
        {MR_OK, 0, "ok"},          {MR_AGAIN, 1, "again"},    {MR_RETRY, 69, "retry"},
        {MR_REPLAY, 1, "replay"},  {MR_DATA, 1, "data"},      {MR_GAP, 65, "gap"},
        {MR_CONFIG, 78, "config"}, {MR_FENCED, 75, "fenced"}, {MR_BUG, 70, "bug"},
    };
    struct mr_err err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mr_err_set(&err, cases[i].class, "a", "b");
        assert_int_equal(mr_err_exit(&err), cases[i].exit_code);
        assert_string_equal(mr_class_name(cases[i].class), cases[i].name);
        err.exit_code = 77;
        assert_int_equal(mr_err_exit(&err), 77);
    }
    assert_string_equal(mr_class_name((enum mr_class)(-99)), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setters),
        cmocka_unit_test(null_is_allowed),
        cmocka_unit_test(an_error_may_wrap_itself),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(errno_has_name_and_meaning),
        cmocka_unit_test(classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
