/* Several files: include, merge, order, origin, and what goes wrong with them. */
#include "config/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/print.h"
#include "config/read.h"

static char folder[] = "/tmp/mr-files-XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[8][300];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#define PIPELINE(name) "pipelines: {" name ": {source: {type: postgres}, sink: {type: stdout}}}\n"

/* Loads one file; what was found is in text, the first code in the result ("" = none). */
static const char *load(const char *name, struct mr_buf *text)
{
    static struct mr_err err;
    const char *paths[] = {path_of(name)};
    struct mr_config *config;

    mr_buf_clear(text);
    mr_err_clear(&err);
    if (mr_config_load(paths, 1, &config, text, &err) == 0) {
        mr_config_show(config, true, text);
        mr_config_free(config);
    }
    return err.code;
}

static void includes_merge_and_the_later_wins(void **state)
{
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    mkdir(path_of("conf.d"), 0700);
    put("main.yaml", "version: 1\ninclude: [conf.d/*.yaml, extra.yaml]\nlog: {level: warn, format: "
                     "json}\n" PIPELINE("a"));
    put("conf.d/10.yaml", "log: {level: debug}\n" PIPELINE("b"));
    put("conf.d/20.yaml", "log:\n  level: trace\n");
    put("extra.yaml", PIPELINE("c"));
    assert_string_equal(load("main.yaml", &text), "");
    assert_non_null(strstr(mr_buf_cstr(&text), "level: trace"));
    assert_non_null(strstr(mr_buf_cstr(&text), "conf.d/20.yaml:2\n"));
    assert_non_null(strstr(mr_buf_cstr(&text), "format: json"));
    assert_non_null(strstr(mr_buf_cstr(&text), "  a:\n"));
    assert_non_null(strstr(mr_buf_cstr(&text), "  b:\n"));
    assert_non_null(strstr(mr_buf_cstr(&text), "  c:\n"));
    mr_buf_done(&text);
}

static void a_pattern_may_match_nothing_but_a_name_must_exist(void **state)
{
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    put("nothing.yaml", "version: 1\ninclude: none.d/*.yaml\n" PIPELINE("a"));
    assert_string_equal(load("nothing.yaml", &text), "");
    put("missing.yaml", "version: 1\ninclude: none.yaml\n" PIPELINE("a"));
    assert_string_equal(load("missing.yaml", &text), "config.include");
    assert_non_null(strstr(mr_buf_cstr(&text), "missing.yaml:2:10 include: "));
    mr_buf_done(&text);
}

static void a_circle_ends(void **state)
{
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    put("one.yaml", "version: 1\ninclude: two.yaml\n" PIPELINE("a"));
    put("two.yaml", "include: one.yaml\n");
    assert_string_equal(load("one.yaml", &text), "config.include");
    assert_non_null(strstr(mr_buf_cstr(&text), "this file was read already"));
    mr_buf_done(&text);
}

/* What is shown of a connection string has no secret in it, even when the string is none. */
static void a_connection_string_is_shown_without_its_secrets(void **state)
{
    static const struct {
        const char *dsn, *shown; /* NULL: refused, and not shown at all */
    } cases[] = {
        {"host=db user=cdc", "host=db user=cdc"},
        {"host=db password=hunter2 user=cdc", "host=db password=*** user=cdc"},
        {"host=db password = 'hunter2 hunter2' user=cdc", "host=db password =*** user=cdc"},
        {"host=db password=hunter2\\\\ hunter2 user=cdc", "host=db password=*** user=cdc"},
        {"host=db password='hunter2 hunter2", NULL},
        {"host=db user = cdc hunter2", NULL},
        {"host=db hunter2 user='a b' hunter2 port=1", NULL},
        {"postgresql://cdc:hunter2@db/shop", "postgresql://cdc:***@db/shop"},
        {"no pair at all", NULL},
    };
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char yaml[400], wanted[200];
        snprintf(yaml, sizeof(yaml),
                 "version: 1\npipelines: {a: {source: {type: postgres, dsn: \"%s\"}, sink: {type: "
                 "stdout}}}\n",
                 cases[i].dsn);
        snprintf(wanted, sizeof(wanted), "dsn: %s%s%s", cases[i].shown ? "\"" : "",
                 cases[i].shown ? cases[i].shown : "***", cases[i].shown ? "\"" : "");
        put("dsn.yaml", yaml);
        assert_string_equal(load("dsn.yaml", &text), cases[i].shown ? "" : "source.dsn");
        if (!strstr(mr_buf_cstr(&text), wanted) || strstr(mr_buf_cstr(&text), "hunter2"))
            fail_msg("%s, and not %s", mr_buf_cstr(&text), wanted);
    }
    mr_buf_done(&text);
}

/* Fifty are enough to begin with; how many more there are is said. */
static void of_many_findings_fifty_are_shown(void **state)
{
    struct mr_buf text, yaml;
    size_t shown = 0;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    mr_buf_init(&yaml, 1 << 20);
    mr_buf_add_str(&yaml, "version: 1\n" PIPELINE("a"));
    for (int i = 0; i < 60; i++)
        mr_buf_printf(&yaml, "strange%d: 1\n", i);
    put("many.yaml", mr_buf_cstr(&yaml));
    assert_string_equal(load("many.yaml", &text), "config.unknown_key");
    for (const char *at = mr_buf_cstr(&text); (at = strstr(at, ": unknown key")) != NULL; at++)
        shown++;
    assert_int_equal(shown, 50);
    assert_non_null(strstr(mr_buf_cstr(&text), "10 more"));
    mr_buf_done(&text);
    mr_buf_done(&yaml);
}

static void a_pipeline_is_never_merged(void **state)
{
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    put("first.yaml", "version: 1\ninclude: second.yaml\n" PIPELINE("a"));
    put("second.yaml", "pipelines:\n  a: {source: {password: hunter2}}\n");
    assert_string_equal(load("first.yaml", &text), "config.duplicate_pipeline");
    assert_non_null(
        strstr(mr_buf_cstr(&text), "second.yaml:2:3 pipelines.a: this pipeline is also in "));
    assert_null(strstr(mr_buf_cstr(&text), "hunter2"));
    mr_buf_done(&text);
}

static void findings_of_all_files_come_in_order(void **state)
{
    const char *first, *second;
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    put("x.yaml", "version: 1\nlgo: 1\ninclude: y.yaml\n" PIPELINE("a"));
    put("y.yaml", "log: {lvl: 3}\n");
    assert_string_equal(load("x.yaml", &text), "config.unknown_key");
    first = strstr(mr_buf_cstr(&text), "x.yaml:2:1 lgo: unknown key");
    second = strstr(mr_buf_cstr(&text), "y.yaml:1:7 log.lvl: unknown key");
    assert_true(first && second && first < second);
    mr_buf_done(&text);
}

static void one_file_that_cannot_be_parsed_hides_the_secrets_of_all(void **state)
{
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    put("p.yaml",
        "version: 1\ninclude: q.yaml\nlog: {a: 1, a: 2, password: hunter2}\n" PIPELINE("a"));
    put("q.yaml", "log: {\n");
    assert_string_equal(load("p.yaml", &text), "config.duplicate_key");
    assert_non_null(strstr(mr_buf_cstr(&text), "q.yaml:"));
    assert_null(strstr(mr_buf_cstr(&text), "hunter2"));
    mr_buf_done(&text);
}

static void a_directory_and_bytes_are_no_configuration(void **state)
{
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 20);
    assert_string_equal(load("conf.d", &text), "config.unreadable");
    put("utf16.yaml", "\xff\xfev");
    assert_string_equal(load("utf16.yaml", &text), "config.syntax");
    put("bom.yaml", "\xef\xbb\xbfversion: 1\n" PIPELINE("a"));
    assert_string_equal(load("bom.yaml", &text), "");
    mr_buf_done(&text);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(includes_merge_and_the_later_wins),
        cmocka_unit_test(a_pattern_may_match_nothing_but_a_name_must_exist),
        cmocka_unit_test(a_circle_ends),
        cmocka_unit_test(a_connection_string_is_shown_without_its_secrets),
        cmocka_unit_test(of_many_findings_fifty_are_shown),
        cmocka_unit_test(a_pipeline_is_never_merged),
        cmocka_unit_test(findings_of_all_files_come_in_order),
        cmocka_unit_test(one_file_that_cannot_be_parsed_hides_the_secrets_of_all),
        cmocka_unit_test(a_directory_and_bytes_are_no_configuration),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
