/* Positions: text and back, order, and whether they fit a server's timeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "connectors/source_postgres/place/open.h"
#include "connectors/source_postgres/place/position.h"

#define WHO                                                                                        \
    "\"version\":1,\"system\":\"7\",\"timeline\":1,\"database\":\"d\",\"slot\":\"s\","             \
    "\"publication\":\"p\""

static struct mr_slice text_of(const char *text)
{
    return mr_slice_str(text);
}

static void a_position_survives_being_written(void **state)
{
    static const char *const texts[] = {
        "{" WHO ",\"base\":10,\"count\":0}",
        "{" WHO ",\"resume\":\"0/10\",\"done\":\"0/8\",\"read\":\"0/7\",\"base\":10,\"count\":5,"
        "\"n\":0,\"hash\":\"0000000000000000\",\"commit_us\":7}",
        "{" WHO ",\"resume\":\"16/B374D848\",\"done\":\"0/0\",\"base\":10,\"count\":5,\"n\":0,"
        "\"hash\":\"0000000000000000\",\"commit_us\":7}",
        "{" WHO ",\"resume\":\"0/10\",\"done\":\"0/8\",\"base\":10,\"count\":5,\"n\":3,"
        "\"hash\":\"00000000deadbeef\",\"commit_us\":0,\"snapshot\":{\"active\":true,"
        "\"point\":\"0/10\",\"done\":{\"public.a\":\"0/10\",\"s.\\\"q\\\"\":\"0/20\"},"
        "\"only\":[\"public.b\",\"public.c\"],\"again\":true,\"table\":\"public.b\",\"rows\":9}}",
    };
    struct mr_pg_position position;
    struct mr_buf buf;

    (void)state;
    mr_buf_init(&buf, 4096);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(mr_pg_position_parse(text_of(texts[i]), &position, NULL), 0);
        mr_buf_clear(&buf);
        mr_pg_position_write(&position, &position.standing, &buf);
        assert_string_equal(mr_buf_cstr(&buf), texts[i]);
        mr_pg_position_done(&position);
    }
    mr_buf_done(&buf);
}

static void what_is_no_position_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "nonsense",
        "[]",
        "{}",
        "{" WHO ",\"resume\":\"0/10\"}",
        "{" WHO ",\"resume\":12,\"done\":\"0/8\"}",
        "{" WHO ",\"resume\":\"0/XYZ\",\"done\":\"0/8\"}",
        "{" WHO ",\"resume\":\"0/10\",\"done\":\"0/8\",\"n\":3}",
        "{" WHO ",\"snapshot\":{\"point\":\"0/1\",\"done\":{\"a.b\":1}}}",
        "{" WHO ",\"snapshot\":{\"point\":\"0/1\",\"only\":[1]}}",
    };
    struct mr_pg_position position;
    struct mr_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(mr_pg_position_parse(text_of(texts[i]), &position, &err), MR_GAP);
        assert_string_equal(err.code, "source.position");
    }
}

static void lsns_are_read_strictly(void **state)
{
    static const char *const bad[] = {"",     "1",    "/",           "0/",    "x/1",
                                      "0/1 ", "-1/1", "0/123456789", "0x1/1z"};
    uint64_t lsn = 0;
    char text[24];

    (void)state;
    assert_true(mr_pg_lsn_parse("16/B374D848", &lsn));
    assert_int_equal(lsn, 0x16b374d848);
    assert_string_equal(mr_pg_lsn_format(lsn, text), "16/B374D848");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(mr_pg_lsn_parse(bad[i], &lsn));
}

static void positions_have_an_order(void **state)
{
    /* Each is before the ones that follow it. */
    static const char *const rising[] = {
        "{" WHO "}",
        "{" WHO
        ",\"resume\":\"0/9\",\"done\":\"0/8\",\"snapshot\":{\"active\":true,\"point\":\"0/9\"}}",
        "{" WHO ",\"resume\":\"0/9\",\"done\":\"0/8\",\"snapshot\":{\"active\":true,\"point\":\"0/"
        "9\",\"rows\":4}}",
        "{" WHO ",\"resume\":\"0/9\",\"done\":\"0/8\",\"snapshot\":{\"active\":true,\"point\":\"0/"
        "9\",\"done\":"
        "{\"a.b\":\"0/9\"}}}",
        "{" WHO ",\"resume\":\"0/9\",\"done\":\"0/8\"}",
        "{" WHO ",\"resume\":\"0/10\",\"done\":\"0/8\"}",
        "{" WHO ",\"resume\":\"0/10\",\"done\":\"0/8\",\"n\":1,\"hash\":\"0\"}",
        "{" WHO ",\"resume\":\"1/0\",\"done\":\"0/8\"}",
    };
    const char *other =
        "{\"system\":\"8\",\"timeline\":1,\"database\":\"d\",\"slot\":\"s\",\"publication\":\"p\"}";
    size_t count = sizeof(rising) / sizeof(rising[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++)
            assert_int_equal(mr_pg_position_order(text_of(rising[i]), text_of(rising[k])),
                             i < k   ? MR_BEFORE
                             : i > k ? MR_AFTER
                                     : MR_SAME);
        assert_int_equal(mr_pg_position_order(text_of(rising[i]), text_of(other)), MR_APART);
    }
    assert_int_equal(mr_pg_position_order(text_of("x"), text_of(other)), MR_APART);
}

/* A promotion at 0/50: what we have up to there goes on, what lies beyond exists no more. */
static void a_promotion_is_followed_only_on_its_history(void **state)
{
    static const char history[] = "1\t0/30\tno recovery target\n2\t0/50\tafter promotion\n";
    static const struct {
        uint32_t timeline;
        uint64_t done, resume, n, began, read;
        const char *code;
    } cases[] = {
        {2, 0x50, 0x60, 0, 0, 0, ""},
        {2, 0x48, 0x48, 0, 0x30, 0x50, ""},
        {2, 0x58, 0x58, 0, 0, 0, "source.timeline_left"},
        {2, 0x40, 0x50, 3, 0, 0, "source.timeline_left"},
        {2, 0x40, 0x48, 3, 0, 0, ""},
        {2, 0x40, 0x48, 0, 0, 0x51, "source.timeline_left"},
        {2, 0x40, 0x48, 0, 0x31, 0, "source.timeline_unknown"},
        {1, 0x40, 0x40, 0, 0, 0, "source.timeline_left"},
        {4, 0x10, 0x10, 0, 0, 0, "source.timeline_unknown"},
        {3, 0x60, 0x60, 0, 0x50, 0, ""},
        {3, 0x60, 0x60, 0, 0x51, 0, "source.timeline_unknown"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_pg_position position = {.timeline = cases[i].timeline,
                                          .done = cases[i].done,
                                          .resume = cases[i].resume,
                                          .standing.n = cases[i].n,
                                          .began = cases[i].began,
                                          .read = cases[i].read};
        struct mr_err err;
        int rc;
        mr_err_clear(&err);
        rc = mr_pg_check_timeline(&position, 3, history, "shop", &err);
        assert_int_equal(rc, cases[i].code[0] ? MR_GAP : 0);
        assert_string_equal(err.code, cases[i].code);
    }
}

static void an_old_server_is_refused(void **state)
{
    struct mr_err err;

    (void)state;
    assert_int_equal(mr_pg_check_version(110022, &err), MR_CONFIG);
    assert_string_equal(err.code, "source.version");
    assert_int_equal(mr_pg_check_version(120000, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_survives_being_written),
        cmocka_unit_test(what_is_no_position_is_refused),
        cmocka_unit_test(lsns_are_read_strictly),
        cmocka_unit_test(positions_have_an_order),
        cmocka_unit_test(a_promotion_is_followed_only_on_its_history),
        cmocka_unit_test(an_old_server_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
