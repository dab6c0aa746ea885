/* Nothing leaves a final state; a failure and a stop are possible from every other one. */
#include "engine/run/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void final_states_are_final(void **state)
{
    (void)state;
    for (int to = MR_PIPELINE_STARTING; to <= MR_PIPELINE_FAILED; to++) {
        assert_false(mr_pipeline_may_move(MR_PIPELINE_STOPPED, (enum mr_pipeline_state)to));
        assert_false(mr_pipeline_may_move(MR_PIPELINE_FAILED, (enum mr_pipeline_state)to));
    }
}

static void every_other_state_can_end(void **state)
{
    (void)state;
    for (int from = MR_PIPELINE_STARTING; from < MR_PIPELINE_STOPPED; from++) {
        assert_true(mr_pipeline_may_move((enum mr_pipeline_state)from, MR_PIPELINE_STOPPED));
        assert_true(mr_pipeline_may_move((enum mr_pipeline_state)from, MR_PIPELINE_FAILED));
        assert_true(mr_pipeline_state_name((enum mr_pipeline_state)from)[0] != '\0');
    }
}

static void streaming_needs_a_position_first(void **state)
{
    (void)state;
    assert_false(mr_pipeline_may_move(MR_PIPELINE_STARTING, MR_PIPELINE_STREAMING));
    assert_true(mr_pipeline_may_move(MR_PIPELINE_CONNECTING, MR_PIPELINE_STREAMING));
    assert_false(mr_pipeline_may_move(MR_PIPELINE_DRAINING, MR_PIPELINE_CONNECTING));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(final_states_are_final),
        cmocka_unit_test(every_other_state_can_end),
        cmocka_unit_test(streaming_needs_a_position_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
