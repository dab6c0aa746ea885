/* Values read by SQL: the texts that servers print, and texts that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/source_mysql/types/reader.h"
#include "test/connector/source_mysql/wire.h"

static const struct {
    struct mr_my_column column;
    const char *text;
    enum mr_kind kind;
    int64_t number;   /* of numbers and times */
    const char *same; /* of texts */
} cases[] = {
    {{.type = MR_MY_TINY, .size = 1}, "-128", MR_INT, -128, NULL},
    {{.type = MR_MY_LONG, .size = 4, .is_unsigned = true},
     "0004294967295",
     MR_INT,
     4294967295,
     NULL},
    {{.type = MR_MY_LONGLONG, .size = 8}, "-9223372036854775808", MR_INT, INT64_MIN, NULL},
    {{.type = MR_MY_LONGLONG, .size = 8, .is_unsigned = true},
     "18446744073709551615",
     MR_UINT,
     -1,
     NULL},
    /* as information_schema describes it: without a size */
    {{.type = MR_MY_LONGLONG, .is_unsigned = true},
     "9223372036854775808",
     MR_UINT,
     INT64_MIN,
     NULL},
    {{.type = MR_MY_YEAR, .size = 1}, "0000", MR_INT, 0, NULL},
    {{.type = MR_MY_NEWDECIMAL, .precision = 10, .scale = 2},
     "00000012.50",
     MR_DECIMAL,
     1250,
     NULL},
    {{.type = MR_MY_NEWDECIMAL, .precision = 30, .scale = 2},
     "0000000123456789012345678.50",
     MR_DECIMAL_TEXT,
     0,
     "123456789012345678.50"},
    {{.type = MR_MY_NEWDECIMAL, .precision = 2, .scale = 2}, "0.05", MR_DECIMAL, 5, NULL},
    {{.type = MR_MY_BIT, .bits = 17, .size = 3},
     "\x01"
     "ab",
     MR_UINT,
     0x16162,
     NULL},
    {{.type = MR_MY_DATE}, "2024-02-29", MR_DATE, 19782, NULL},
    {{.type = MR_MY_DATE}, "0000-00-00", MR_NO_DATE, 0, NULL},
    {{.type = MR_MY_TIME2, .precision = 6}, "-12:34:56.000001", MR_TIME, -45296000001, NULL},
    {{.type = MR_MY_TIME2}, "838:59:59", MR_TIME, 3020399000000, NULL},
    {{.type = MR_MY_DATETIME2, .precision = 3},
     "2024-02-29 12:34:56.789",
     MR_TIMESTAMP,
     1709210096789000,
     NULL},
    {{.type = MR_MY_TIMESTAMP2}, "0000-00-00 00:00:00", MR_NO_DATE, 0, NULL},
    {{.type = MR_MY_VARCHAR, .collation = 8}, "\xe9", MR_TEXT, 0, "é"},
    {{.type = MR_MY_ENUM, .collation = 8, .size = 1}, "\xe9", MR_TEXT, 0, "é"},
    {{.type = MR_MY_SET, .collation = 45, .size = 1}, "x,z", MR_TEXT, 0, "x,z"},
    {{.type = MR_MY_JSON}, "{\"a b\": [1, \"\\\", \"]}", MR_TEXT, 0, "{\"a b\":[1,\"\\\", \"]}"},
    {{.type = MR_MY_VARCHAR_COMPRESSED, .collation = 45}, "plain", MR_TEXT, 0, "plain"},
    {{.type = MR_MY_STRING, .collation = 63, .size = 4}, "abcd", MR_BYTES, 0, "abcd"},
};

static const struct {
    struct mr_my_column column;
    const char *text;
} wrong[] = {
    {{.type = MR_MY_LONG, .size = 4}, ""},
    {{.type = MR_MY_LONG, .size = 4}, "1x"},
    {{.type = MR_MY_LONGLONG, .size = 8, .is_unsigned = true}, "-1"},
    {{.type = MR_MY_LONGLONG, .size = 8}, "9223372036854775808"},
    {{.type = MR_MY_DOUBLE, .size = 8}, "1.5e"},
    {{.type = MR_MY_NEWDECIMAL, .precision = 4}, "1,5"},
    {{.type = MR_MY_DATE}, "2024-2-9"},
    {{.type = MR_MY_TIME2}, "12:34"},
    {{.type = MR_MY_TIME2}, "839:00:00"},
    {{.type = MR_MY_DATETIME2}, "2024-02-29T12:34:56"},
    {{.type = MR_MY_DATETIME2}, "2024-02-29 24:00:00"},
    {{.type = MR_MY_VARCHAR, .collation = 45}, "\xff"},
};

static struct mr_arena arena;
static struct mr_err err;

static struct mr_my_reader reader_of(const struct mr_my_column *column)
{
    static struct mr_my_map map;
    struct mr_my_reader reader;

    if (mr_my_reader_init(&reader, &map, column, NULL, &arena, &err) < 0)
        fail_msg("%s", err.text);
    return reader;
}

static void values(void **state)
{
    struct mr_my_reading reading = {.arena = &arena, .limit = 1000, .compact = true};

    (void)state;
    mr_arena_init(&arena, 65536, 65536);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_my_reader reader = reader_of(&cases[i].column);
        struct mr_value value;
        if (!mr_my_read_text(&reader, &reading, mr_slice_str(cases[i].text), &value))
            fail_msg("%s is refused", cases[i].text);
        assert_int_equal(value.kind, cases[i].kind);
        if (cases[i].same)
            assert_true(mr_slice_is(mr_value_slice(&value), cases[i].same));
        else
            assert_true(value.i == cases[i].number);
    }
    mr_arena_done(&arena);
}

static void texts_that_are_none(void **state)
{
    struct mr_my_reading reading = {.arena = &arena, .limit = 1000};

    (void)state;
    mr_arena_init(&arena, 65536, 65536);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct mr_my_reader reader = reader_of(&wrong[i].column);
        struct mr_value value;
        if (mr_my_read_text(&reader, &reading, mr_slice_str(wrong[i].text), &value))
            fail_msg("\"%s\" was taken", wrong[i].text);
    }
    mr_arena_done(&arena);
}

/* A float is asked for as a double, so that it comes with all its digits, and is one again. */
static void floats(void **state)
{
    static const struct mr_my_column column = {.type = MR_MY_FLOAT, .size = 4};
    struct mr_my_reading reading = {.arena = &arena, .limit = 1000};
    struct mr_my_reader reader;
    struct mr_value value;

    (void)state;
    mr_arena_init(&arena, 4096, 4096);
    reader = reader_of(&column);
    assert_string_equal(mr_my_reader_suffix(&reader), "+0e0");
    assert_true(mr_my_read_text(&reader, &reading, mr_slice_str("0.10000000149011612"), &value));
    assert_true(value.f == (double)0.1F);
    assert_true(mr_my_read_text(&reader, &reading, mr_slice_str("3.4028234663852886e38"), &value));
    assert_true(value.f == (double)3.4028234663852886e38F);
    mr_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(texts_that_are_none),
        cmocka_unit_test(floats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
