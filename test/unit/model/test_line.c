/* A record as a line: what is embedded, what becomes base64, what has no line, and that the room suffices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/line.h"

struct line_case {
    const char *name;
    enum mr_line_content content;
    struct mr_slice topic, key, value;
    const char *expected; /* NULL: no line */
};

static const struct line_case cases[] = {
    {"a value alone", MR_LINE_VALUE, MR_SLICE("t"), MR_SLICE("{}"), MR_SLICE("{\"a\":1}"),
     "{\"a\":1}\n"},
    {"text as it is",
     MR_LINE_TEXT,
     MR_SLICE("t"),
     {NULL, 0},
     MR_SLICE("+ a.b  id=1"),
     "+ a.b  id=1\n"},
    {"no text, no line", MR_LINE_TEXT, MR_SLICE("t"), {NULL, 0}, {NULL, 0}, NULL},
    {"a tombstone has no line", MR_LINE_VALUE, MR_SLICE("t"), MR_SLICE("{}"), {NULL, 0}, NULL},
    {"a whole record", MR_LINE_RECORD, MR_SLICE("s.t"), MR_SLICE("{\"id\":1}"), MR_SLICE("[1]"),
     "{\"topic\":\"s.t\",\"number\":42,\"key\":{\"id\":1},\"value\":[1],\"headers\":{\"h\":"
     "\"a\\\"b\",\"n\":null}}"
     "\n"},
    {"a tombstone in a record",
     MR_LINE_RECORD,
     MR_SLICE("s.t"),
     {NULL, 0},
     {NULL, 0},
     "{\"topic\":\"s.t\",\"number\":42,\"key\":null,\"value\":null,\"headers\":{\"h\":\"a\\\"b\","
     "\"n\":null}}\n"},
    {"bytes become base64",
     MR_LINE_VALUE,
     MR_SLICE("t"),
     {NULL, 0},
     MR_SLICE("\0\1\2"),
     "{\"base64\":\"AAEC\"}\n"},
    {"a line feed never gets through",
     MR_LINE_VALUE,
     MR_SLICE("t"),
     {NULL, 0},
     MR_SLICE("{\n}"),
     "{\"base64\":\"ewp9\"}\n"},
    {"an empty value", MR_LINE_VALUE, MR_SLICE("t"), {NULL, 0}, {"", 0}, "{\"base64\":\"\"}\n"},
    {"a topic that needs escapes",
     MR_LINE_RECORD,
     MR_SLICE("\1\2\3\4\5\6\7\"\"\"\"\"\""),
     {NULL, 0},
     {NULL, 0},
     "{\"topic\":\"\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\\"\\\"\\\"\\\"\\\"\\\"\","
     "\"number\":42,"
     "\"key\":null,\"value\":null,\"headers\":{\"h\":\"a\\\"b\",\"n\":null}}\n"},
};

static void lines_read_as_the_table_says(void **unused)
{
    const struct mr_header headers[] = {{MR_SLICE("h"), MR_SLICE("a\"b")},
                                        {MR_SLICE("n"), {NULL, 0}}};
    const struct mr_change change = {.number = 42};

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_record record = {.topic = cases[i].topic,
                                   .key = cases[i].key,
                                   .value = cases[i].value,
                                   .headers = headers,
                                   .header_count = 2,
                                   .change = &change};
        size_t room = mr_line_room(&record, cases[i].content);
        char *text = malloc(room + 1);
        char *end = mr_line_put(text, &record, cases[i].content);
        *end = 0;
        assert_true((size_t)(end - text) <= room);
        assert_string_equal(text, cases[i].expected ? cases[i].expected : "");
        assert_int_equal(room == 0, cases[i].expected == NULL);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_read_as_the_table_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
