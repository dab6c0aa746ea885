/* A sink that takes changes, over the whole engine: no encoder runs, versions are shown to it, and what it refuses is
 * set aside in the same commit, or stops the pipeline before it. */
#include "engine/write/refusals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "test/support/engine_rig.h"

static int setup(void **state)
{
    struct mr_engine_rig *rig;

    (void)mr_engine_rig_setup(state, NULL);
    rig = *state;
    rig->sink_config.changes = true;
    rig->config.errors = (struct mr_errors_config){MR_ERRORS_DEAD_LETTER, "{name}.dead_letters", 5,
                                                   3600 * MR_SECOND_NS};
    return 0;
}

static void add_notes(struct mr_engine_rig *rig, size_t count, const char *const *notes)
{
    struct mr_script_change changes[16];

    for (size_t i = 0; i < count; i++)
        changes[i] = (struct mr_script_change){MR_OP_CREATE, (int64_t)i + 1, notes[i]};
    mr_script_add(&rig->script, changes, count);
}

static void rows_come_with_their_types(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 3, 4, 1);
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->store.visible_count, 12);
    for (size_t i = 0; i < 12; i++) {
        assert_string_equal(rig->store.visible[i].topic, "test.public.t");
        assert_int_equal(rig->store.visible[i].number, 1000 + i);
    }
    assert_string_equal(rig->store.visible[11].key, "12");
    assert_int_equal(rig->store.described, 1);
}

static void a_refused_change_is_set_aside_with_its_commit(void **state)
{
    static const char *const notes[] = {"a", "bad", "b"};
    struct mr_engine_rig *rig = *state;

    add_notes(rig, 3, notes);
    add_notes(rig, 1, (const char *const[]){"after"});
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->dead_letters, 1);
    assert_int_equal(rig->store.visible_count, 4);
    assert_string_equal(rig->store.visible[0].value, "a");
    assert_string_equal(rig->store.visible[1].value, "b");
    assert_string_equal(rig->store.visible[2].topic, "test.dead_letters");
    assert_string_equal(rig->store.visible[2].key, "{\"id\":2}");
    assert_non_null(strstr(rig->store.visible[2].value, "\"code\":\"sink.memory_bad\""));
    assert_non_null(strstr(rig->store.visible[2].value, "\"after\":{\"id\":2,\"note\":\"bad\"}"));
    assert_non_null(strstr(rig->store.visible[2].headers, "class.name: memory\n"));
    assert_string_equal(rig->store.visible[3].value, "after");
}

static void a_replay_sets_the_same_change_aside_once(void **state)
{
    static const char *const notes[] = {"a", "bad", "b"};
    struct mr_engine_rig *rig = *state;

    add_notes(rig, 3, notes);
    rig->store.fail_commit = 2;
    rig->store.fail_class = MR_REPLAY;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->store.refused, 2);
    assert_int_equal(rig->store.visible_count, 3);
    assert_string_equal(rig->store.visible[2].topic, "test.dead_letters");
}

static void without_a_place_for_it_the_pipeline_stops_before_it(void **state)
{
    static const char *const notes[] = {"a", "bad", "b"};
    struct mr_engine_rig *rig = *state;

    rig->config.errors = (struct mr_errors_config){0};
    add_notes(rig, 1, (const char *const[]){"before"});
    assert_int_equal(mr_engine_rig_run(rig), 0);
    add_notes(rig, 3, notes);
    assert_int_equal(mr_engine_rig_run(rig), 1);
    assert_string_equal(rig->status.err.code, "sink.memory_bad");
    assert_non_null(strstr(rig->status.err.text, "change 1002 of table public.t"));
    assert_int_equal(rig->store.visible_count, 1);
}

static void too_many_stop_it_too(void **state)
{
    static const char *const notes[] = {"bad", "bad", "bad", "bad", "bad", "bad"};
    struct mr_engine_rig *rig = *state;

    add_notes(rig, 6, notes);
    assert_int_equal(mr_engine_rig_run(rig), 1);
    assert_string_equal(rig->status.err.code, "pipeline.dead_letters");
    assert_int_equal(rig->store.visible_count, 0);
}

/* "Later, with the same handle" is no reason to open anything again. */
static void a_sink_that_says_later_is_not_opened_again(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 3, 2, 1);
    rig->store.poll_again = 20;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->store.poll_again, 0);
    assert_int_equal(rig->store.opens, 1);
    assert_int_equal(rig->script.opens, 1);
    assert_int_equal(rig->store.visible_count, 6);
}

static void a_version_is_shown_again_when_the_sink_could_not_take_it(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 1, 2, 1);
    rig->store.describe_away = 2;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->store.described, 3);
    assert_int_equal(rig->store.opens, 1);
    assert_int_equal(rig->store.visible_count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, mr_engine_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_come_with_their_types),
        TEST(a_refused_change_is_set_aside_with_its_commit),
        TEST(a_replay_sets_the_same_change_aside_once),
        TEST(without_a_place_for_it_the_pipeline_stops_before_it),
        TEST(too_many_stop_it_too),
        TEST(a_sink_that_says_later_is_not_opened_again),
        TEST(a_version_is_shown_again_when_the_sink_could_not_take_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
