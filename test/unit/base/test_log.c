/* Log lines: both forms byte by byte, hostile texts, one write a line, levels, and the rate limit by a held clock. */
#include "base/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "test/support/test_clock.h"

#define NOON 1795262400000000 /* 2026-11-21T12:00:00Z */

static struct mr_test_clock test_clock;
static int ends[2]; /* what is written to ends[1] is read from ends[0], one message per write */

static int set_up(void **state)
{
    (void)state;
    mr_test_clock_install(&test_clock, NOON);
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends);
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    mr_test_clock_remove();
    return 0;
}

/* The next line, or "" when there is none. Each line must have come in one write. */
static const char *next_line(void)
{
    static char line[1 << 16];
    ssize_t size = read(ends[0], line, sizeof line - 1);

    line[size > 0 ? size : 0] = 0;
    if (size > 0) {
        assert_int_equal(line[size - 1], '\n');
        assert_ptr_equal(strchr(line, '\n'), &line[size - 1]);
        line[size - 1] = 0;
    }
    return line;
}

static void logfmt(void **state)
{
    (void)state;
    mr_log_setup(ends[1], MR_LOG_INFO, MR_LOG_LOGFMT);
    mr_log(MR_LOG_INFO, "shop", "slot created", MR_S("slot", "a b"), MR_S("gone", NULL),
           MR_U("lsn", 42), MR_I("delta", -7), MR_F("ratio", 0.5), MR_S("empty", ""),
           MR_S("eq", "a=b"), MR_S("bare", "/a:b-c"));
    assert_string_equal(next_line(), "ts=2026-11-21T12:00:00.000000Z level=info pipeline=shop "
                                     "msg=\"slot created\" slot=\"a b\" lsn=42 delta=-7 ratio=0.5 "
                                     "empty=\"\" eq=\"a=b\" bare=/a:b-c");
    mr_log(MR_LOG_ERROR, NULL, "bad");
    assert_string_equal(next_line(), "ts=2026-11-21T12:00:00.000000Z level=error msg=bad");
}

static void json_lines(void **state)
{
    struct mr_err err;

    (void)state;
    mr_log_setup(ends[1], MR_LOG_INFO, MR_LOG_AUTO); /* no terminal: JSON */
    mr_err_set(&err, MR_GAP, "source.slot_missing", "slot \"%s\" is gone", "x");
    mr_err_hint(&err, "SELECT 1;\nSELECT 2;");
    mr_log(MR_LOG_WARN, "shop", "stopped", MR_ERR_FIELDS(&err), MR_I("n", 1));
    assert_string_equal(
        next_line(), "{\"ts\":\"2026-11-21T12:00:00.000000Z\",\"level\":\"warn\","
                     "\"pipeline\":\"shop\",\"msg\":\"stopped\",\"code\":\"source.slot_missing\","
                     "\"class\":\"gap\",\"err\":\"slot \\\"x\\\" is gone\","
                     "\"hint\":\"SELECT 1;\\nSELECT 2;\",\"n\":1}");
}

static void hostile_texts_stay_one_valid_line(void **state)
{
    static const struct {
        const char *text, *escaped;
    } cases[] = {
        {"a\nmsg=forged", "a\\nmsg=forged"},
        {"\x1b[2J", "\\u001b[2J"},
        {"\x7f", "\\u007f"},
        {"\xc2\x9b"
         "31m",
         "\\u009b31m"},
        {"\xff\xfe", "\\ufffd\\ufffd"},
        {"\xc0\xaf", "\\ufffd\\ufffd"},
        {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},
        {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
        {"\xe2\x82", "\\ufffd\\ufffd"},
        {"\xe2\x80\xa8", "\\u2028"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\"\\", "\\\"\\\\"},
    };
    static struct mr_log_site sites[2][sizeof cases / sizeof *cases];
    char expected[256], line[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct mr_log_field fields[] = {MR_S("k", cases[i].text), {0}};
        json_t *root;
        mr_log_setup(ends[1], MR_LOG_INFO, MR_LOG_JSON);
        mr_log_write(&sites[0][i], MR_LOG_INFO, NULL, "m", fields);
        snprintf(expected, sizeof expected,
                 "{\"ts\":\"2026-11-21T12:00:00.000000Z\",\"level\":\"info\",\"msg\":\"m\","
                 "\"k\":\"%s\"}",
                 cases[i].escaped);
        snprintf(line, sizeof line, "%s", next_line());
        assert_string_equal(line, expected);
        root = json_loads(line, 0, NULL);
        assert_non_null(root);
        json_decref(root);
        mr_log_setup(ends[1], MR_LOG_INFO, MR_LOG_LOGFMT);
        mr_log_write(&sites[1][i], MR_LOG_INFO, NULL, "m", fields);
        snprintf(expected, sizeof expected,
                 "ts=2026-11-21T12:00:00.000000Z level=info msg=m k=\"%s\"", cases[i].escaped);
        assert_string_equal(next_line(), expected);
    }
}

static void long_texts_are_cut(void **state)
{
    char text[10001];

    (void)state;
    memset(text, 1, sizeof text);
    text[10000] = 0;
    mr_log_setup(ends[1], MR_LOG_INFO, MR_LOG_JSON);
    mr_log(MR_LOG_INFO, NULL, "m", MR_S("k", text));
    assert_in_range(strlen(next_line()), 6 * 4096, 6 * 4096 + 100);
}

static void levels(void **state)
{
    (void)state;
    mr_log_setup(ends[1], MR_LOG_WARN, MR_LOG_LOGFMT);
    mr_log(MR_LOG_INFO, NULL, "no");
    assert_string_equal(next_line(), "");
    assert_false(mr_log_enabled(MR_LOG_INFO));
    mr_log_set_level(MR_LOG_TRACE);
    mr_log(MR_LOG_TRACE, NULL, "yes");
    assert_string_not_equal(next_line(), "");
}

static int lines_of(int calls, char *ret_last, size_t room)
{
    static struct mr_log_site site;
    const struct mr_log_field none[] = {{0}};
    int lines = 0;

    for (int i = 0; i < calls; i++) {
        const char *line;
        mr_log_write(&site, MR_LOG_INFO, NULL, "m", none);
        line = next_line();
        if (!*line)
            continue;
        lines++;
        snprintf(ret_last, room, "%s", line);
    }
    return lines;
}

static void the_rate_is_limited(void **state)
{
    uint64_t before = mr_log_suppressed_total();
    char last[256];

    (void)state;
    mr_log_setup(ends[1], MR_LOG_INFO, MR_LOG_LOGFMT);
    assert_int_equal(lines_of(100, last, sizeof last), 10);
    assert_null(strstr(last, "suppressed"));
    mr_test_clock_advance(&test_clock, 59 * MR_SECOND_NS);
    assert_int_equal(lines_of(5, last, sizeof last), 0);
    mr_test_clock_advance(&test_clock, MR_SECOND_NS);
    assert_int_equal(lines_of(50, last, sizeof last), 1);
    assert_non_null(strstr(last, "suppressed=95"));
    mr_test_clock_advance(&test_clock, 60 * MR_SECOND_NS);
    assert_int_equal(lines_of(1, last, sizeof last), 1);
    assert_non_null(strstr(last, "suppressed=49"));
    assert_int_equal(mr_log_suppressed_total() - before, 144);
    /* A minute in which nothing was held back, and the site is as new. */
    mr_test_clock_advance(&test_clock, 60 * MR_SECOND_NS);
    assert_int_equal(lines_of(11, last, sizeof last), 10);
}

static void a_reader_that_is_gone_is_no_harm(void **state)
{
    (void)state;
    mr_log_setup(-1, MR_LOG_INFO, MR_LOG_LOGFMT);
    mr_log(MR_LOG_INFO, NULL, "nobody reads this");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(logfmt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_texts_stay_one_valid_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_texts_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(levels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_rate_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_is_gone_is_no_harm, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
