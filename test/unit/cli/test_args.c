/* Words of the command line: what is taken, what is refused, and with which suggestion. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 12 };

static int parse(struct mr_cli *cli, char **words)
{
    int count = 0;

    memset(cli, 0, sizeof(*cli));
    while (words[count])
        count++;
    return mr_cli_parse(cli, count, words);
}

static void takes_flags_and_arguments_in_any_order(void **state)
{
    char *words[] = {"millrace",   "run", "a.yaml", "--until=now", "-c", "b.yaml", "-q",
                     "--pipeline", "p",   "-p",     "q",           "--", "--json", NULL};
    struct mr_cli cli;

    (void)state;
    assert_int_equal(parse(&cli, words), 0);
    assert_ptr_equal(cli.verb, &mr_verb_run);
    assert_int_equal(cli.arg_count, 2);
    assert_string_equal(cli.args[0], "a.yaml");
    assert_string_equal(cli.args[1], "--json");
    assert_string_equal(mr_cli_value(&cli, "until"), "now");
    assert_string_equal(mr_cli_value(&cli, "config"), "b.yaml");
    assert_string_equal(mr_cli_value_at(&cli, "pipeline", 0), "p");
    assert_string_equal(mr_cli_value_at(&cli, "pipeline", 1), "q");
    assert_null(mr_cli_value_at(&cli, "pipeline", 2));
    assert_true(cli.quiet);
    assert_false(cli.json);
}

static void finds_verbs_of_two_words(void **state)
{
    char *words[] = {"millrace", "config", "show", "-", "--origin", "--json", NULL};
    char *nothing[] = {"millrace", NULL}, *version[] = {"millrace", "--version", NULL};
    struct mr_cli cli;

    (void)state;
    assert_int_equal(parse(&cli, words), 0);
    assert_ptr_equal(cli.verb, &mr_verb_config_show);
    assert_string_equal(cli.args[0], "-");
    assert_true(cli.json && mr_cli_has(&cli, "origin"));
    assert_int_equal(parse(&cli, nothing), 0);
    assert_ptr_equal(cli.verb, &mr_verb_help);
    assert_int_equal(parse(&cli, version), 0);
    assert_ptr_equal(cli.verb, &mr_verb_version);
}

static const struct {
    char *words[MOST];
    const char *code, *hint;
} refused[] = {
    {{"millrace", "rnu", NULL}, "usage.unknown_verb", "did you mean \"run\"?"},
    {{"millrace", "config", "shwo", NULL}, "usage.unknown_verb", "did you mean \"config show\"?"},
    {{"millrace", "config", NULL}, "usage.unknown_verb", ""},
    {{"millrace", "frobnicate", NULL}, "usage.unknown_verb", "millrace help lists the verbs"},
    {{"millrace", "run", "--utnil", "now", NULL}, "usage.unknown_flag", "did you mean --until?"},
    {{"millrace", "run", "-x", NULL}, "usage.unknown_flag", "millrace help run lists its flags"},
    {{"millrace", "run", "-config", "x", NULL}, "usage.unknown_flag", "did you mean --config?"},
    {{"millrace", "run", "--c", "x", NULL}, "usage.unknown_flag", ""},
    {{"millrace", "run", "--until", NULL}, "usage.value", ""},
    {{"millrace", "run", "--json=yes", NULL}, "usage.value", ""},
    {{"millrace", "completion", NULL}, "usage.too_few", "usage: millrace completion bash"},
    {{"millrace", "version", "1", NULL}, "usage.too_many", ""},
};

static void refuses_with_64_and_a_suggestion(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char *words[MOST];
        struct mr_cli cli;
        memcpy(words, refused[i].words, sizeof(words));
        assert_true(parse(&cli, words) < 0);
        assert_string_equal(cli.err.code, refused[i].code);
        assert_int_equal(mr_err_exit(&cli.err), 64);
        if (refused[i].hint[0])
            assert_string_equal(cli.err.hint, refused[i].hint);
    }
}

static void numbers_are_numbers(void **state)
{
    static const struct mr_flag flag = {"limit", 0, "N", ""};
    struct mr_cli cli = {.verb = &mr_verb_run};
    uint64_t number = 7;

    (void)state;
    assert_int_equal(mr_cli_number(&cli, "limit", &number), 0);
    assert_int_equal(number, 7);
    cli.given[0].flag = &flag;
    cli.given[0].value = "12";
    cli.given_count = 1;
    assert_int_equal(mr_cli_number(&cli, "limit", &number), 0);
    assert_int_equal(number, 12);
    cli.given[0].value = "-1";
    assert_true(mr_cli_number(&cli, "limit", &number) < 0);
    assert_string_equal(cli.err.code, "usage.value");
}

static void names_an_unknown_pipeline(void **state)
{
    struct mr_pipeline_config pipelines[] = {{.name = "shop"}, {.name = "crm"}};
    struct mr_config config = {.pipeline_count = 2, .pipelines = pipelines};
    const struct mr_pipeline_config *found[8];
    char *words[] = {"millrace", "run", "-p", "shp", NULL};
    struct mr_cli cli;
    size_t count;

    (void)state;
    assert_int_equal(parse(&cli, words), 0);
    assert_int_equal(mr_cli_pipelines(&cli, &config, found, &count), 64);
    assert_string_equal(cli.err.code, "usage.unknown_pipeline");
    assert_string_equal(cli.err.hint, "did you mean \"shop\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_flags_and_arguments_in_any_order),
        cmocka_unit_test(finds_verbs_of_two_words),
        cmocka_unit_test(refuses_with_64_and_a_suggestion),
        cmocka_unit_test(numbers_are_numbers),
        cmocka_unit_test(names_an_unknown_pipeline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
