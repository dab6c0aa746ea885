/* Patterns for names: globs, regular expressions, and what is refused. */
#include "base/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void one(const char *pattern, const char *name, bool expected)
{
    struct mr_match *match = NULL;
    struct mr_err err;

    mr_err_clear(&err);
    assert_int_equal(mr_match_new(&pattern, 1, NULL, &match, &err), 0);
    if ((mr_match_find(match, mr_slice_str(name)) == 0) != expected)
        fail_msg("%s and %s: expected %d", pattern, name, expected);
    mr_match_free(match);
}

static void test_globs(void **state)
{
    (void)state;
    one("public.orders", "public.orders", true);
    one("public.orders", "public.orders2", false);
    one("public.orders", "public.order", false);
    one("public.orders", "Public.Orders", false);
    one("public.*", "public.", true);
    one("public.*", "public.a.b", true);
    one("public.*", "publics.a", false);
    one("*", "", true);
    one("*.ssn", "public.t.ssn", true);
    one("*.ssn", "public.t.ssn2", false);
    one("*a*b*c", "xaxbxbxc", true);
    one("*a*b*c", "xaxbxbx", false);
    one("?.t", "a.t", true);
    one("?.t", ".t", false);
    one("a\\*", "a*", true);
    one("a\\*", "ab", false);
    one("a\\?", "a?", true);
    one("a\\?", "ab", false);
    one("a\\\\", "a\\", true);
    one("a.[b]", "a.[b]", true);
}

static void test_regular_expressions_match_the_whole_name(void **state)
{
    (void)state;
    one("/public\\.(a|b)/", "public.a", true);
    one("/public\\.(a|b)/", "public.c", false);
    one("/a/", "ab", false);
    one("/a/", "ba", false);
    one("/a|ab/", "ab", true);
    one("/A/", "a", true);
    one("/a$/", "a\n", false);
    one("/a.c/",
        "a\xc3\xbc"
        "c",
        true);
    one("/.*/", "\xff", true); /* is no UTF-8: cannot be told, so it is hidden */
    one("/a/b/", "a/b", true);
}

static void test_a_pattern_that_explodes_ends_and_hides(void **state)
{
    (void)state;
    one("/(a|aa)+/", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", true);
}

static void test_a_pattern_that_gives_up_shows_nothing(void **state)
{
    static const char exploding[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac";
    const char *const patterns[] = {"/(a|aa)+/", "x"};
    struct mr_match *match = NULL;
    struct mr_err err;

    (void)state;
    assert_int_equal(mr_match_new(patterns, 2, "columns.include", &match, &err), 0);
    assert_int_equal(mr_match_try(match, 0, mr_slice_str(exploding)), MR_MATCH_UNKNOWN);
    assert_int_equal(mr_match_try(match, 0, mr_slice_str("\xff")), MR_MATCH_UNKNOWN);
    assert_int_equal(mr_match_try(match, 1, mr_slice_str(exploding)), MR_MATCH_NO);
    assert_int_equal(mr_match_try(match, 1, mr_slice_str("x")), MR_MATCH_YES);
    assert_false(mr_match_shows(match, mr_slice_str(exploding)));
    assert_true(mr_match_shows(match, mr_slice_str("aa")));
    mr_match_free(match);
}

static void test_the_first_of_several_wins(void **state)
{
    const char *const patterns[] = {"a", "b*", "/b./", "*"};
    struct mr_match *match = NULL;
    struct mr_err err;

    (void)state;
    assert_int_equal(mr_match_new(patterns, 4, NULL, &match, &err), 0);
    assert_int_equal(mr_match_find(match, mr_slice_str("bc")), 1);
    assert_int_equal(mr_match_find(match, mr_slice_str("c")), 3);
    assert_int_equal(mr_match_count(match), 4);
    assert_string_equal(mr_match_pattern(match, 2), "/b./");
    assert_true(mr_match_literal(match, 0));
    assert_false(mr_match_literal(match, 1));
    assert_false(mr_match_literal(match, 2));
    mr_match_free(match);
    assert_int_equal(mr_match_find(NULL, mr_slice_str("c")), -1);
    assert_int_equal(mr_match_count(NULL), 0);
    mr_match_free(NULL);
}

static void test_what_is_no_pattern_is_refused(void **state)
{
    static const char *const wrong[] = {"", "/a", "/", "/(/", "/a/x", "a\\"};
    static const char *const says[] = {"empty",       "two slashes", "two slashes",
                                       "parenthesis", "two slashes", "backslash"};
    struct mr_match *match = NULL;
    struct mr_err err;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        mr_err_clear(&err);
        assert_int_equal(mr_match_new(&wrong[i], 1, "columns.include", &match, &err), MR_CONFIG);
        assert_string_equal(err.code, "config.pattern");
        if (!strstr(err.text, says[i]) || !strstr(err.text, "columns.include: "))
            fail_msg("%s: %s", wrong[i], err.text);
        assert_null(match);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_globs),
        cmocka_unit_test(test_regular_expressions_match_the_whole_name),
        cmocka_unit_test(test_a_pattern_that_explodes_ends_and_hides),
        cmocka_unit_test(test_a_pattern_that_gives_up_shows_nothing),
        cmocka_unit_test(test_the_first_of_several_wins),
        cmocka_unit_test(test_what_is_no_pattern_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
