/* GTID sets: text, bytes, and what sets can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/source_mysql/wire/gtid.h"
#include "test/connector/source_mysql/wire.h"

#define A "451b2519-e50a-11f1-b16c-02fc00000001"
#define B "551b2519-e50a-11f1-b16c-02fc00000001"

static struct mr_err err;

static struct mr_my_gtids set_of(bool mariadb, const char *text)
{
    struct mr_my_gtids set;

    mr_my_gtids_init(&set, mariadb);
    if (mr_my_gtids_parse(&set, mr_slice_str(text), "test", &err) < 0)
        fail_msg("%s", err.text);
    return set;
}

static void expect(const struct mr_my_gtids *set, const char *text)
{
    struct mr_buf buf;

    mr_buf_init(&buf, 4096);
    mr_my_gtids_print(set, &buf);
    assert_string_equal(mr_buf_cstr(&buf), text);
    mr_buf_done(&buf);
}

static void texts(void **state)
{
    static const struct {
        bool mariadb;
        const char *in, *out;
    } cases[] = {
        {false, "", ""},
        {false, A ":1", A ":1"},
        {false, A ":1-3:3-5", A ":1-5"},
        {false, A ":7:1-3,\n" B ":1-2", A ":1-3:7," B ":1-2"},
        {false, B ":1," A ":1-51:my_tag:1", A ":1-51:my_tag:1," B ":1"},
        {false, "451B2519-E50A-11F1-B16C-02FC00000001:My_Tag:1-2:4", A ":my_tag:1-2:4"},
        {false, A ":1-2, " A ":3", A ":1-3"},
        {true, "", ""},
        {true, "0-1-7,2-3-9", "0-1-7,2-3-9"},
        {true, "2-3-9 , 0-1-7", "0-1-7,2-3-9"},
        {true, "0-1-7,0-2-5", "0-2-5"},
        {true, "4294967295-4294967295-18446744073709551615",
         "4294967295-4294967295-18446744073709551615"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_my_gtids set = set_of(cases[i].mariadb, cases[i].in);
        expect(&set, cases[i].out);
        mr_my_gtids_done(&set);
    }
}

static void texts_that_are_none(void **state)
{
    static const struct {
        bool mariadb;
        const char *text;
    } cases[] = {
        {false, A},
        {false, A ":"},
        {false, A ":0"},
        {false, A ":3-1"},
        {false, A ":1:tag"},
        {false, A ":1,,"},
        {false, "x:1"},
        {false, A ":9223372036854775807"},
        {false, A ":1 " B ":1"},
        {true, "0-1"},
        {true, "0-1-"},
        {true, "4294967296-1-1"},
        {true, "0-1-7;"},
        {true, A ":1"},
        {false, "0-1-7"},
        {true, "0-1-18446744073709551616"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_my_gtids set;
        mr_my_gtids_init(&set, cases[i].mariadb);
        if (mr_my_gtids_parse(&set, mr_slice_str(cases[i].text), "test", &err) != MR_CONFIG)
            fail_msg("\"%s\" was taken", cases[i].text);
        assert_string_equal(err.code, "source.gtid");
        assert_true(mr_my_gtids_empty(&set));
        mr_my_gtids_done(&set);
    }
}

static void order(void **state)
{
    static const struct {
        bool mariadb;
        const char *a, *b;
        enum mr_order order;
    } cases[] = {
        {false, A ":1-5", A ":1-5", MR_SAME},
        {false, A ":1-5", A ":1-6", MR_BEFORE},
        {false, A ":1-5", A ":1-4:6", MR_APART},
        {false, A ":1-5:7", A ":1-5", MR_AFTER},
        {false, A ":1-5," B ":1", A ":1-5", MR_AFTER},
        {false, A ":1-5", A ":tag:1-5", MR_APART},
        {false, "", A ":1", MR_BEFORE},
        {true, "0-1-5", "0-2-6", MR_BEFORE},
        {true, "0-1-5,1-1-9", "0-2-6", MR_APART},
        {true, "0-1-5,1-1-9", "0-1-5", MR_AFTER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_my_gtids a = set_of(cases[i].mariadb, cases[i].a),
                           b = set_of(cases[i].mariadb, cases[i].b);
        if (mr_my_gtids_order(&a, &b) != cases[i].order)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
        mr_my_gtids_done(&a);
        mr_my_gtids_done(&b);
    }
}

static void subtraction(void **state)
{
    static const struct {
        bool mariadb;
        const char *a, *b, *rest;
    } cases[] = {
        {false, A ":1-10", A ":3-4:7", A ":1-2:5-6:8-10"},
        {false, A ":1-10", A ":1-10", ""},
        {false, A ":5-10", A ":1-5", A ":6-10"},
        {false, A ":1-3:7-9:20", A ":2-8:20", A ":1:9"},
        {false, A ":1-3," B ":1", A ":1-9", B ":1"},
        {false, A ":1-3:t:1-3", A ":1-3:t:2", A ":t:1:3"},
        {true, "0-1-5,1-1-9", "0-1-5,1-1-8", "1-1-9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_my_gtids a = set_of(cases[i].mariadb, cases[i].a),
                           b = set_of(cases[i].mariadb, cases[i].b);
        mr_my_gtids_subtract(&a, &b);
        expect(&a, cases[i].rest);
        mr_my_gtids_done(&a);
        mr_my_gtids_done(&b);
    }
}

/* Every number of a small range once, in an order that opens and closes holes; compared with a plain array. */
static void adding_in_any_order(void **state)
{
    struct mr_my_gtid gtid = {.uuid = {1}};
    struct mr_my_gtids set;
    bool had[200] = {false};

    (void)state;
    mr_my_gtids_init(&set, false);
    for (unsigned i = 1; i < 199; i++) {
        gtid.number = i * 71 % 199;
        mr_my_gtids_add(&set, &gtid);
        had[gtid.number] = true;
        for (gtid.number = 1; gtid.number < 199; gtid.number++)
            assert_int_equal(mr_my_gtids_contain(&set, &gtid), had[gtid.number]);
    }
    assert_int_equal(set.runs[0].count, 1);
    mr_my_gtids_done(&set);
}

static void bytes(void **state)
{
    static const char *const texts[] = {"", A ":1-1000082:1000085",
                                        A ":1-1000082:my_tag:1," B ":5-6"};
    struct mr_my_gtids set, again;
    struct mr_arena arena;
    struct mr_buf buf;

    (void)state;
    mr_arena_init(&arena, 4096, 0);
    mr_buf_init(&buf, 4096);
    mr_my_gtids_init(&again, false);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        set = set_of(false, texts[i]);
        mr_buf_clear(&buf);
        mr_my_gtids_encode(&set, &buf);
        assert_true(mr_my_gtids_decode(&again, mr_buf_slice(&buf)));
        assert_int_equal(mr_my_gtids_order(&set, &again), MR_SAME);
        expect(&again, texts[i]);
        for (size_t cut = 0; cut < buf.size; cut++)
            assert_false(mr_my_gtids_decode(&again, mr_slice(buf.data, cut)));
        mr_my_gtids_done(&set);
    }
    /* What 9.7.4 writes once it has seen a tag, and the empty set in that form. */
    assert_true(mr_my_gtids_decode(
        &again,
        wire_hex(
            &arena,
            "0102000000000001 451b2519e50a11f1b16c02fc00000001 00 0100000000000000 "
            "0100000000000000 "
            "93420f0000000000 451b2519e50a11f1b16c02fc00000001 0c 6d795f746167 0100000000000000 "
            "0100000000000000 0200000000000000")));
    expect(&again, A ":1-1000082:my_tag:1");
    assert_true(mr_my_gtids_decode(&again, wire_hex(&arena, "0100000000000001")));
    assert_true(mr_my_gtids_empty(&again));
    mr_my_gtids_done(&again);
    mr_buf_done(&buf);
    mr_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(texts_that_are_none),
        cmocka_unit_test(order),
        cmocka_unit_test(subtraction),
        cmocka_unit_test(adding_in_any_order),
        cmocka_unit_test(bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
