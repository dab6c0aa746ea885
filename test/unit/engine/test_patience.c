/* A registry that is silent in the middle of a transaction: the question ends when the commit is due, what was written
 * is committed (inside the transaction, if it must be), and only then there is time to wait. */
#include "engine/run/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "test/support/engine_rig.h"

enum { ASKED = 4, BATCH = 4, ROWS = 16 };
#define SPLIT_NS MR_SECOND_NS

/* The time that each question was given, and what readers saw by then. */
static struct {
    struct mr_memory_store *store;
    int64_t until_ns;
    int64_t given_ns[ASKED];
    size_t seen[ASKED], asked, batches;
    bool known;
} silent;

static void encoder_wait_until(void *encoder, int64_t deadline_ns)
{
    (void)encoder;
    silent.until_ns = deadline_ns;
}

/* Answers at last, but only who has all the time. */
static int encoder_describe_messages(void *encoder, struct mr_err *err)
{
    int64_t now_ns = mr_clock_mono_ns();
    bool hurried = silent.until_ns < INT64_MAX;
    int64_t end_ns = hurried ? silent.until_ns : now_ns + 50 * MR_MS_NS;
    size_t at = silent.asked++ % ASKED;

    (void)encoder;
    silent.given_ns[at] = hurried ? silent.until_ns - now_ns : INT64_MAX;
    pthread_mutex_lock(&silent.store->lock);
    silent.seen[at] = silent.store->visible_count;
    pthread_mutex_unlock(&silent.store->lock);
    while (mr_clock_mono_ns() < end_ns)
        nanosleep(&(struct timespec){.tv_nsec = MR_MS_NS}, NULL);
    silent.known = !hurried;
    return hurried ? mr_err_set(err, MR_RETRY, "encoder.away", "no answer") : 0;
}

static int encoder_encode(void *encoder, struct mr_batch *batch, size_t *ret_failed,
                          struct mr_err *err)
{
    (void)encoder;
    (void)ret_failed;
    (void)err;
    assert_true(!batch->messages || silent.known);
    for (size_t i = 0; i < batch->change_count; i++)
        mr_engine_rig_encode(batch, &batch->changes[i]);
    return 0;
}

static const struct mr_encoder encoder = {
    .name = "test",
    .summary = "key and note",
    .state_size = 1,
    .open = mr_engine_rig_encoder_open,
    .wait_until = encoder_wait_until,
    .describe = mr_engine_rig_encoder_describe,
    .describe_messages = encoder_describe_messages,
    .encode = encoder_encode,
    .close = mr_engine_rig_encoder_close,
};

/* The third batch is the first that says it has messages. */
static int transform_apply(void *transform, struct mr_batch *batch, struct mr_err *err)
{
    (void)transform;
    (void)err;
    batch->messages = ++silent.batches > 2;
    return 0;
}

static void transform_close(void *transform)
{
    (void)transform;
}

static const struct mr_transform transform = {
    .name = "test",
    .summary = "marks messages",
    .state_size = 1,
    .open = mr_engine_rig_transform_open,
    .apply = transform_apply,
    .close = transform_close,
};

static void a_registry_is_not_waited_for_inside_an_open_transaction(void **state)
{
    static const struct mr_transform *transforms[] = {&transform};
    static const void *configs[] = {""};
    struct mr_engine_rig rig;

    (void)state;
    mr_engine_rig_init(&rig, &encoder);
    silent.store = &rig.store;
    rig.config.transform_count = 1;
    rig.config.transforms = transforms;
    rig.config.transform_configs = configs;
    rig.script.batch_changes = BATCH;
    rig.store.pace = (struct mr_sink_pace){.bytes = SIZE_MAX,
                                           .age_ns = INT64_MAX,
                                           .caught_up_ns = INT64_MAX,
                                           .split_records = UINT64_MAX,
                                           .split_ns = SPLIT_NS};
    mr_script_fill(&rig.script, 1, ROWS, 1);
    assert_int_equal(mr_engine_rig_run(&rig), 0);
    assert_int_equal(rig.store.visible_count, ROWS);
    assert_int_equal(rig.store.aborts, 0);
    assert_true(silent.asked >= 2);
    assert_true(silent.given_ns[0] <= SPLIT_NS);
    assert_int_equal(silent.seen[0], 0);
    assert_true(silent.given_ns[(silent.asked - 1) % ASKED] == INT64_MAX);
    assert_int_equal(silent.seen[(silent.asked - 1) % ASKED], 2 * BATCH);
    mr_engine_rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registry_is_not_waited_for_inside_an_open_transaction),
    };

    mr_log_setup(2, MR_LOG_ERROR, MR_LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
