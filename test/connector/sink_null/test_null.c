/* sink_null gives every batch back and calls every commit durable at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plug/plug.h"
#include "plug/sink.h"

static void every_batch_comes_back_and_every_commit_is_durable(void **unused)
{
    const struct mr_sink *sink = mr_plug_sink("null");
    char state[256] __attribute__((aligned(16))) = {0};
    struct mr_sink_args args = {.owner = "me"};
    struct mr_sink_result result;
    struct mr_buf checkpoint;
    struct mr_err err;
    struct mr_batch *batches[2] = {mr_batch_new(4096, 4096), mr_batch_new(4096, 4096)};

    (void)unused;
    mr_buf_init(&checkpoint, 1000);
    assert_non_null(sink);
    assert_true(sink->state_size <= sizeof(state));
    assert_int_equal(sink->open(state, &args, &checkpoint, &err), 0);
    assert_int_equal(checkpoint.size, 0);
    assert_int_equal(sink->write(state, batches[0], &err), 0);
    assert_int_equal(sink->write(state, batches[1], &err), 0);
    assert_int_equal(sink->commit(state, &(struct mr_commit){.id = 7}, &err), 0);
    assert_int_equal(sink->poll(state, 0, &result, &err), 0);
    assert_int_equal(result.durable, 7);
    assert_ptr_equal(result.released, batches[0]);
    assert_ptr_equal(result.released->next, batches[1]);
    assert_null(batches[1]->next);
    assert_int_equal(sink->poll(state, 0, &result, &err), 0);
    assert_null(result.released);
    mr_batch_free(batches[0]);
    assert_int_equal(sink->write(state, batches[1], &err), 0);
    sink->close(state); /* frees the batch it still holds: the sanitizer watches */
    mr_buf_done(&checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_batch_comes_back_and_every_commit_is_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
