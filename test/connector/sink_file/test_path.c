/* The path template: what is refused, and what becomes of the placeholders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "connectors/sink_file/store/path.h"

struct path_case {
    const char *template, *expected; /* NULL: refused */
    unsigned again;
};

static const struct path_case cases[] = {
    {"{topic}/{date}/{topic}+{sequence}.jsonl", "s.t/2026-11-21/s.t+00000000000000000042.jsonl.gz",
     0},
    {"{date}T{hour}/{sequence}", "2026-11-21T13/00000000000000000042.gz", 0},
    {"x-{sequence}", "x-00000000000000000042-2.gz", 2},
    {"{topic}.jsonl", NULL, 0},
    {"{sequence}/{topic}.jsonl", NULL, 0},
    {"{table}+{sequence}", NULL, 0},
    {"{sequence", NULL, 0},
    {"}{sequence}", NULL, 0},
    {"/abs/{sequence}", NULL, 0},
    {"a/../{sequence}", NULL, 0},
    {"../{sequence}", NULL, 0},
    {"a//{sequence}", NULL, 0},
    {"./{sequence}", NULL, 0},
    {"_millrace/{sequence}", NULL, 0},
    {"", NULL, 0},
};

static void templates_are_checked_and_filled_in(void **unused)
{
    const int64_t at_us = 1795266123000000; /* 2026-11-21 13:02:03 UTC */

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_file_path path;
        struct mr_err err;
        struct mr_buf text;
        int rc = mr_file_path_parse(cases[i].template, ".gz", &path, &err);

        assert_int_equal(rc, cases[i].expected ? 0 : MR_CONFIG);
        if (rc < 0) {
            assert_string_equal(err.code, "config.path_template");
            continue;
        }
        mr_buf_init(&text, 4096);
        mr_file_path_put(&path, mr_slice_str("s.t"), at_us, 42, cases[i].again, &text);
        assert_string_equal(mr_buf_cstr(&text), cases[i].expected);
        mr_buf_done(&text);
    }
}

static void a_span_is_a_day_an_hour_or_for_ever(void **unused)
{
    struct mr_file_path path = {0};
    const int64_t hour = 3600 * MR_SECOND_US;

    (void)unused;
    assert_int_equal(mr_file_path_span(&path, 25 * hour + 1), 0);
    path.date = true;
    assert_int_equal(mr_file_path_span(&path, 25 * hour + 1), 24 * hour);
    assert_int_equal(mr_file_path_span(&path, -1), -24 * hour);
    path.hour = true;
    assert_int_equal(mr_file_path_span(&path, 25 * hour + 1), 25 * hour);
}

static void a_part_that_is_too_long_is_judged_with_its_topic(void **unused)
{
    static const struct {
        const char *template;
        size_t topic;
        bool fits;
    } judged[] = {
        {"{topic}/{date}-{topic}-{topic}+{sequence}.jsonl", 60, true},
        {"{topic}/{date}-{topic}-{topic}+{sequence}.jsonl", 110, false},
        {"{topic}/{date}/{topic}+{sequence}.jsonl", 249, true}, /* cut at 120, with a hash */
        {"{topic}{topic}/{sequence}", 240, false},
    };
    char topic[300];

    (void)unused;
    memset(topic, 't', sizeof(topic));
    for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
        struct mr_file_path path;
        struct mr_err err = {0};
        int rc;
        assert_int_equal(mr_file_path_parse(judged[i].template, ".gz", &path, &err), 0);
        rc = mr_file_path_judge(&path, mr_slice(topic, judged[i].topic), 255, &err);
        assert_int_equal(rc, judged[i].fits ? 0 : MR_CONFIG);
        if (rc < 0)
            assert_string_equal(err.code, "sink.file.name");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_checked_and_filled_in),
        cmocka_unit_test(a_part_that_is_too_long_is_judged_with_its_topic),
        cmocka_unit_test(a_span_is_a_day_an_hour_or_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
