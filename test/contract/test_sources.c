/* One suite for what source.h promises, run over the scripted source.
 *
 * The sources of connectors.def need a server; their system tests use the same promises: positions are ordered,
 * numbers ascend, and reading from any position gives exactly the rest. What can be asked without a server
 * (declarations, the order of positions) is asked of each of them here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "../support/scripted_source.h"
#include "plug/plug.h"

#define CHANGES_MAX 200

struct seen {
    uint64_t numbers[CHANGES_MAX];
    size_t count;
    char positions[CHANGES_MAX][64]; /* after each batch */
    size_t counts[CHANGES_MAX];      /* changes seen by then */
    size_t position_count;
};

static struct mr_script script;
static struct mr_scripted_config config = {&script};
static const struct mr_source *const source = &mr_source_scripted;

static int begin(void **state)
{
    mr_script_init(&script);
    script.first_number = 1000;
    mr_script_fill(&script, 3, 1, 1);
    mr_script_fill(&script, 1, 17, 100);
    mr_script_fill(&script, 2, 5, 200);
    script.batch_changes = *(size_t *)*state;
    return 0;
}

static int end(void **state)
{
    (void)state;
    mr_script_done(&script);
    return 0;
}

static void read_all(const char *resume, struct seen *seen)
{
    void *state = calloc(1, source->state_size);
    struct mr_source_args args = {
        .config = &config, .resume = mr_slice_str(resume), .until = "now"};
    struct mr_batch *batch = mr_batch_new(4096, 4096);
    struct mr_slice claim;
    struct mr_err err;
    bool last = false;

    *seen = (struct seen){0};
    assert_int_equal(source->open(state, &args, &claim, &err), 0);
    assert_true(claim.size > 0);
    assert_int_equal(source->start(state, &err), 0);
    while (!last) {
        mr_batch_reset(batch);
        assert_int_equal(source->read(state, batch, mr_clock_mono_ns() + MR_SECOND_NS, &err), 0);
        for (size_t i = 0; i < batch->change_count; i++)
            seen->numbers[seen->count++] = batch->changes[i].number;
        assert_true(batch->position.text.size < 64);
        memcpy(seen->positions[seen->position_count], batch->position.text.data,
               batch->position.text.size);
        seen->counts[seen->position_count++] = seen->count;
        assert_int_equal(source->tend(state, &err), 0);
        source->confirm(state, &batch->position);
        last = batch->last;
    }
    source->close(state);
    mr_batch_free(batch);
    free(state);
}

static void numbers_ascend_and_positions_are_ordered(void **unused)
{
    struct seen seen;

    (void)unused;
    read_all(NULL, &seen);
    assert_int_equal(seen.count, 30);
    for (size_t i = 0; i < seen.count; i++)
        assert_int_equal(seen.numbers[i], 1000 + i);
    for (size_t i = 0; i < seen.position_count; i++) {
        struct mr_slice a = mr_slice_str(seen.positions[i]);
        assert_int_equal(source->order(a, a), MR_SAME);
        for (size_t k = i + 1; k < seen.position_count; k++) {
            struct mr_slice b = mr_slice_str(seen.positions[k]);
            if (seen.counts[k] == seen.counts[i])
                continue;
            assert_int_equal(source->order(a, b), MR_BEFORE);
            assert_int_equal(source->order(b, a), MR_AFTER);
        }
    }
    assert_int_equal(script.confirmed_done, 6);
}

static void reading_from_any_position_gives_exactly_the_rest(void **unused)
{
    struct seen whole, rest;

    (void)unused;
    read_all(NULL, &whole);
    for (size_t i = 0; i < whole.position_count; i++) {
        read_all(whole.positions[i], &rest);
        assert_int_equal(rest.count, whole.count - whole.counts[i]);
        for (size_t k = 0; k < rest.count; k++)
            assert_int_equal(rest.numbers[k], whole.numbers[whole.counts[i] + k]);
    }
}

static void a_close_is_safe_after_any_step(void **unused)
{
    void *state = calloc(1, source->state_size);
    struct mr_source_args args = {.config = &config};
    struct mr_slice claim;
    struct mr_err err;

    (void)unused;
    source->close(state); /* never opened */
    assert_int_equal(source->open(state, &args, &claim, &err), 0);
    source->close(state); /* never started */
    script.fail_open = 1;
    assert_int_equal(source->open(state, &args, &claim, &err), MR_RETRY);
    source->close(state); /* failed to open */
    free(state);
}

static void every_source_declares_itself_whole(void **unused)
{
    (void)unused;
    for (const struct mr_source *const *each = mr_plug_sources(); *each; each++) {
        const struct mr_source *which = *each;
        assert_true(which->name && which->summary && which->options && which->state_size);
        assert_true(which->open && which->start && which->read && which->confirm && which->order &&
                    which->tend && which->close);
        for (const struct mr_option *option = which->options; option->key; option++) {
            assert_true(option->offset < which->config_size);
            assert_true(option->doc && option->doc[0]);
        }
        assert_int_equal(which->order(mr_slice_str("{}"), mr_slice_str("no position")), MR_APART);
    }
}

int main(void)
{
    static size_t whole = 0, three = 3, one = 1;
    const struct CMUnitTest tests[] = {
        {"whole transactions: numbers and positions", numbers_ascend_and_positions_are_ordered,
         begin, end, &whole},
        {"threes: numbers and positions", numbers_ascend_and_positions_are_ordered, begin, end,
         &three},
        {"whole transactions: the rest", reading_from_any_position_gives_exactly_the_rest, begin,
         end, &whole},
        {"threes: the rest", reading_from_any_position_gives_exactly_the_rest, begin, end, &three},
        {"ones: the rest", reading_from_any_position_gives_exactly_the_rest, begin, end, &one},
        {"close", a_close_is_safe_after_any_step, begin, end, &whole},
        cmocka_unit_test(every_source_declares_itself_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
