/* Places in a log, as people and programs read them. */
#include "model/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct mr_origin postgres = {MR_ORIGIN_POSTGRES,
                                          {.postgres = {.xid = 771, .commit_lsn = 0x100000020}}};
static const struct mr_origin binlog = {
    MR_ORIGIN_BINLOG,
    {.binlog = {.gtid = MR_SLICE("0-21-188"), .file = MR_SLICE("binlog.000042"), .begin = 4}}};
static const struct mr_origin anonymous = {
    MR_ORIGIN_BINLOG, {.binlog = {.file = MR_SLICE("odd\"name.1"), .begin = 4}}};
static const struct mr_origin none;
static const union mr_origin_row lsn = {.postgres = {.lsn = 0x1016b3748}};
static const union mr_origin_row row = {.binlog = {.offset = 5000000120, .row = 3}};

static const struct {
    const struct mr_origin *origin;
    const union mr_origin_row *row;
    const char *text, *json;
} cases[] = {
    {&postgres, &lsn, "1/16B3748", "{\"lsn\":4318771016,\"commit_lsn\":4294967328}"},
    {&binlog, &row, "binlog.000042:5000000120, row 3, of 0-21-188",
     "{\"gtid\":\"0-21-188\",\"file\":\"binlog.000042\",\"pos\":5000000120,\"row\":3}"},
    {&anonymous, &row, "odd\"name.1:5000000120, row 3",
     "{\"file\":\"odd\\\"name.1\",\"pos\":5000000120,\"row\":3}"},
    {&none, &lsn, "unknown", "{}"},
    {NULL, &lsn, "unknown", "{}"},
};

static void each_kind_is_told_in_its_own_words(void **state)
{
    char text[MR_ORIGIN_TEXT];
    struct mr_buf buf;

    (void)state;
    mr_buf_init(&buf, 4096);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_slice got = mr_origin_text(cases[i].origin, cases[i].row, text);
        if (!mr_slice_is(got, cases[i].text))
            fail_msg("%.*s is not %s", MR_SLICE_ARG(got), cases[i].text);
        mr_buf_clear(&buf);
        mr_buf_add_char(&buf, '{');
        mr_origin_add_json(cases[i].origin, cases[i].row, &buf);
        mr_buf_add_char(&buf, '}');
        assert_string_equal(mr_buf_cstr(&buf), cases[i].json);
    }
    mr_buf_done(&buf);
}

static void names_of_any_length_fit(void **state)
{
    static char longest[5000];
    char text[MR_ORIGIN_TEXT];
    struct mr_origin origin = binlog;
    struct mr_slice got;

    (void)state;
    memset(longest, 'x', sizeof(longest));
    origin.binlog.file = origin.binlog.gtid = mr_slice(longest, sizeof(longest));
    got = mr_origin_text(&origin, &row, text);
    assert_true(got.size < MR_ORIGIN_TEXT);
    assert_memory_equal(got.data, longest, 200);
    assert_memory_equal(got.data + 200, ":5000000120, row 3, of x", 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_told_in_its_own_words),
        cmocka_unit_test(names_of_any_length_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
