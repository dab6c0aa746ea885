/* Table patterns: globs, exclusions, regular expressions, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "connectors/source_postgres/publish/filter.h"

static bool match(const char *const *patterns, size_t count, const char *schema, const char *table)
{
    struct mr_option_list list = {(const char **)(uintptr_t)patterns, count};
    struct mr_pg_filter filter;
    bool found;

    assert_int_equal(mr_pg_filter_init(&filter, &list, NULL), 0);
    found = mr_pg_filter_match(&filter, mr_slice_str(schema), mr_slice_str(table));
    mr_pg_filter_done(&filter);
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
        struct mr_pg_filter filter;
        struct mr_err err;
        assert_int_equal(mr_pg_filter_init(&filter, &list, &err), MR_CONFIG);
        assert_string_equal(err.code, "source.tables");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_they_say),
        cmocka_unit_test(patterns_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
