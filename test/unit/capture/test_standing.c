/* The common part of positions: text and back, stages, and what is asked again. */
#include "capture/standing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static bool own(void *state, const json_t *object, struct mr_standing *standing)
{
    (void)standing;
    *(bool *)state = json_object_get(object, "file") != NULL;
    return *(bool *)state;
}

static int parse(const char *text, struct mr_standing *ret_standing, struct mr_err *err)
{
    bool seen;

    return mr_standing_parse(mr_slice_str(text), "binlog", own, &seen, ret_standing, err);
}

static void positions_survive_being_text(void **state)
{
    static const char *const texts[] = {
        "{\"version\":1,\"file\":1,\"base\":9,\"count\":0}",
        "{\"version\":1,\"file\":1,\"base\":9,\"count\":3,\"n\":2,\"hash\":\"00000000000000ff\","
        "\"commit_us\":7}",
        "{\"version\":1,\"file\":1,\"base\":9,\"count\":3,\"n\":0,\"hash\":\"0000000000000000\","
        "\"commit_us\":7,\"snapshot\":{\"active\":true,\"point\":\"u:1-9\",\"done\":{\"a.b\":"
        "\"u:1-4\",\"a.\\\"c\":[\"u:1-5\",\"u:1-7\"]},\"only\":[\"a.d\",\"a.e\"],\"again\":true,"
        "\"table\":\"a.d\",\"rows\":17}}",
    };
    struct mr_buf buf;

    (void)state;
    mr_buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct mr_standing standing;
        assert_int_equal(parse(texts[i], &standing, NULL), 0);
        mr_buf_clear(&buf);
        mr_buf_add_char(&buf, '{');
        mr_standing_write_version(&buf);
        mr_buf_add_str(&buf, ",\"file\":1");
        mr_standing_write(&standing, &buf);
        mr_buf_add_char(&buf, '}');
        assert_string_equal(mr_buf_cstr(&buf), texts[i]);
        mr_standing_done(&standing);
    }
    mr_buf_done(&buf);
}

static void what_is_none_is_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "not a binlog position"},
        {"[]", "not a binlog position"},
        {"{\"base\":1}", "not a binlog position"},
        {"{\"file\":1,\"n\":1}", "not a binlog position"},
        {"{\"file\":1,\"snapshot\":{\"done\":{\"a\":1}}}", "not a binlog position"},
        {"{\"file\":1,\"snapshot\":{\"done\":{\"a\":[\"x\"]}}}", "not a binlog position"},
        {"{\"file\":1,\"snapshot\":{\"only\":[1]}}", "not a binlog position"},
        {"{\"file\":1,\"version\":2}", "a newer millrace"},
    };
    struct mr_standing standing;
    struct mr_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(cases[i].text, &standing, &err), MR_GAP);
        assert_string_equal(err.code, "source.position");
        if (!strstr(err.text, cases[i].says))
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void tables_come_before_the_stream(void **state)
{
    struct mr_standing claim = {0}, stream = {.started = true};
    struct mr_standing reading = {.started = true, .snapshot = {.active = true, .rows = 4}};
    struct mr_standing further = {.started = true, .snapshot = {.active = true, .rows = 5}};
    struct mr_standing second = {.started = true, .snapshot = {.active = true, .done_count = 1}};

    (void)state;
    assert_int_equal(mr_standing_order(&claim, &reading), MR_BEFORE);
    assert_int_equal(mr_standing_order(&reading, &further), MR_BEFORE);
    assert_int_equal(mr_standing_order(&second, &further), MR_AFTER);
    assert_int_equal(mr_standing_order(&second, &stream), MR_BEFORE);
    assert_int_equal(mr_standing_order(&stream, &stream), MR_SAME);
}

static void tables_are_asked_for_again(void **state)
{
    static const char *const tables[] = {"s.a", "s.b"};
    struct mr_standing standing = {.started = true};
    struct mr_snapshot_progress *progress = &standing.snapshot;

    (void)state;
    mr_snapshot_add_done(progress, "s.a", "1", NULL, 1);
    mr_snapshot_add_done(progress, "s.c", "1", NULL, 1);
    mr_snapshot_ask_again(progress, tables, 2);
    assert_true(progress->active && progress->again);
    assert_int_equal(progress->only_count, 2);
    assert_null(mr_snapshot_find_done(progress, "s.a"));
    assert_non_null(mr_snapshot_find_done(progress, "s.c"));
    mr_snapshot_ask_again(progress, tables, 1);
    assert_int_equal(progress->only_count, 2);
    mr_snapshot_ask_again(progress, NULL, 0);
    assert_int_equal(progress->only_count, 0);
    assert_int_equal(progress->done_count, 0);
    mr_snapshot_add_done(progress, "s.a", "1", NULL, 1);
    mr_snapshot_ask_again(progress, tables, 1);
    assert_int_equal(progress->only_count, 0);
    assert_int_equal(progress->done_count, 0);
    mr_standing_done(&standing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_survive_being_text),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(tables_come_before_the_stream),
        cmocka_unit_test(tables_are_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
