/* Table patterns: globs, exclusions, regular expressions, and what is refused. */
#include "capture/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char *const system_schemas[] = {"information_schema", "pg_*", NULL};
static const struct mr_select_rules rules = {"source.tables", "source.tables", true,
                                             system_schemas};

static bool match(const char *const *patterns, size_t count, const char *schema, const char *table)
{
    struct mr_option_list list = {(const char **)(uintptr_t)patterns, count};
    struct mr_select *select;
    bool found;

    assert_int_equal(mr_select_new(&list, &rules, &select, NULL), 0);
    assert_int_equal(
        mr_select_table(select, mr_slice_str(schema), mr_slice_str(table), &found, NULL), 0);
    mr_select_free(select);
    return found;
}

static void patterns_mean_what_they_say(void **state)
{
    static const struct {
        const char *patterns[3];
        const char *schema, *table;
        bool match;
    } cases[] = {
        {{NULL}, "public", "orders", true},
        {{NULL}, "pg_catalog", "pg_class", false},
        {{NULL}, "information_schema", "tables", false},
        {{"*"}, "pg_temp_3", "x", false},
        {{"public.ord*"}, "public", "orders", true},
        {{"public.ord*"}, "public", "Orders", false},
        {{"public.ord*"}, "other", "orders", false},
        {{"public.o?ders"}, "public", "orders", true},
        {{"public.o?ders"}, "public", "oders", false},
        {{"*.orders"}, "sales", "orders", true},
        {{"*.*", "!public.audit_*"}, "public", "audit_log", false},
        {{"!public.audit_*"}, "public", "orders", true},
        {{"!public.audit_*"}, "public", "audit_log", false},
        {{"/public\\.(a|b)/"}, "public", "A", true},
        {{"/public\\.(a|b)/"}, "public", "ab", false},
        {{"/.*/", "!/public\\.x/"}, "public", "X", false},
        {{"public.*a*b*"}, "public", "xxaxxbxx", true},
        {{"public.*a*b"}, "public", "xxaxxbxx", false},
        {{"public.odd\\*name"}, "public", "odd*name", true},
        {{"public.odd\\*name"}, "public", "odd_name", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t count = 0;
        while (count < 3 && cases[i].patterns[count])
            count++;
        if (match(cases[i].patterns, count, cases[i].schema, cases[i].table) != cases[i].match)
            fail_msg("case %zu", i);
    }
}

static void patterns_that_cannot_be_are_refused(void **state)
{
    static const char *const bad[] = {"orders", "!orders", "/(/", "/abc", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mr_option_list list = {(const char **)(uintptr_t)&bad[i], 1};
        struct mr_select *select;
        struct mr_err err;
        assert_int_equal(mr_select_new(&list, &rules, &select, &err), MR_CONFIG);
        assert_string_equal(err.code, "source.tables");
        assert_non_null(strstr(err.text, "source.tables: "));
    }
}

static void no_table_is_taken_or_left_on_a_guess(void **state)
{
    static const char exploding[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac";
    static const char *const lists[][2] = {{"/public.(a|aa)+/", "public.b"},
                                           {"public.*", "!/public.(a|aa)+/"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct mr_option_list list = {(const char **)(uintptr_t)lists[i], 2};
        struct mr_select *select;
        struct mr_err err;
        bool in;
        assert_int_equal(mr_select_new(&list, &rules, &select, NULL), 0);
        assert_int_equal(
            mr_select_table(select, mr_slice_str("public"), mr_slice_str(exploding), &in, &err),
            MR_CONFIG);
        assert_string_equal(err.code, "source.tables");
        assert_non_null(strstr(err.text, "(a|aa)+"));
        assert_int_equal(
            mr_select_table(select, mr_slice_str("public"), mr_slice_str("b"), &in, NULL), 0);
        assert_true(in);
        mr_select_free(select);
    }
}

static void tables_are_ordered_by_the_pattern_that_names_them(void **state)
{
    static const char *const patterns[] = {"!a.x", "b.*", "a.*"};
    struct mr_option_list list = {(const char **)(uintptr_t)patterns, 3};
    struct mr_select *select;
    bool out;

    (void)state;
    assert_int_equal(mr_select_new(&list, &rules, &select, NULL), 0);
    assert_int_equal(mr_select_rank(select, mr_slice_str("b"), mr_slice_str("t")), 1);
    assert_int_equal(mr_select_rank(select, mr_slice_str("a"), mr_slice_str("t")), 2);
    assert_int_equal(mr_select_rank(select, mr_slice_str("c"), mr_slice_str("t")), 3);
    assert_int_equal(mr_select_excludes(select, mr_slice_str("a"), mr_slice_str("x"), &out, NULL),
                     0);
    assert_true(out);
    mr_select_free(select);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_they_say),
        cmocka_unit_test(patterns_that_cannot_be_are_refused),
        cmocka_unit_test(no_table_is_taken_or_left_on_a_guess),
        cmocka_unit_test(tables_are_ordered_by_the_pattern_that_names_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
