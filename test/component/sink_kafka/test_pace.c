/* How often the Kafka sink wants commits, what that follows, and when records leave; on a kfake that is made slow. Only
 * what must take long is timed: nothing here fails because a machine is slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "connectors/sink_kafka/leave.h"
#include "test/support/kafka_rig.h"
#include "test/support/test_clock.h"

extern const struct mr_sink mr_sink_kafka;

enum { PRODUCE = 0, END = 26 };

enum { TRIES = 20 }; /* what a busy machine may spoil is tried so often */

/* The pace after one more block, with the requests of this kind slowed down. */
static struct mr_sink_pace pace_of(struct kafka_rig *rig, const char *topic, int *next, int key,
                                   int ms)
{
    struct mr_sink_pace pace;

    kafka_broker_say(&kafka_shared, "slow %d %d", key, ms);
    assert_int_equal(kafka_rig_block(rig, topic, *next, 30, "{\"at\":1}"), 0);
    *next += 30;
    kafka_broker_say(&kafka_shared, "slow %d 0", key);
    mr_sink_kafka.pace(rig->sink, &pace);
    return pace;
}

static void test_after_a_slow_commit_the_next_one_waits_three_times_as_long(void **state)
{
    struct kafka_rig rig;
    struct mr_sink_pace pace;
    int next = 0;

    (void)state;
    kafka_rig_named(&rig, "pace");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    pace = pace_of(&rig, "pace.t", &next, END, 200);
    assert_true(pace.caught_up_ns >= 600 * MR_MS_NS);
    assert_true(pace.age_ns >= 600 * MR_MS_NS);
    pace = pace_of(&rig, "pace.t", &next, END, 1000);
    assert_int_equal(pace.caught_up_ns,
                     2 * MR_SECOND_NS); /* one slow commit says little of the next */
    for (int i = 0; i < TRIES && pace.caught_up_ns >= 2 * MR_SECOND_NS; i++)
        pace = pace_of(&rig, "pace.t", &next, END, 0);
    assert_true(pace.caught_up_ns < 2 * MR_SECOND_NS);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "pace.t", next);
}

/* It took the longer the more there was to send: a pace that followed it ran away from a slow network. */
static void test_what_sending_took_does_not_stretch_the_pace(void **state)
{
    struct kafka_rig rig;
    struct mr_sink_pace pace;
    int next = 0;

    (void)state;
    kafka_rig_named(&rig, "send");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    (void)pace_of(&rig, "send.t", &next, END, 0);
    pace = pace_of(&rig, "send.t", &next, PRODUCE, 1500);
    for (int i = 0; i < TRIES && pace.caught_up_ns >= 2 * MR_SECOND_NS; i++)
        pace = pace_of(&rig, "send.t", &next, PRODUCE, 1500);
    assert_true(pace.caught_up_ns < 2 * MR_SECOND_NS);
    kafka_rig_close(&rig);
}

static bool is_there(const char *topic)
{
    struct kafka_seen seen = kafka_read(kafka_shared.address, topic, "read_uncommitted");
    bool there = seen.count > 0;

    kafka_seen_free(&seen);
    return there;
}

static void test_records_leave_before_their_commit_once_caught_up(void **state)
{
    struct kafka_rig rig;
    int next = 0;

    (void)state;
    kafka_rig_named(&rig, "leave");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    kafka_broker_say(&kafka_shared, "topic leave.t 1");
    assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("leave.t", next, 100, 1000)), 0);
    next += 100;
    assert_false(is_there("leave.t")); /* behind: they are gathered, for up to ten seconds */
    for (int i = 0; i < 50 && !is_there("leave.t"); i++, next += 100) {
        struct mr_batch *batch = kafka_rig_batch("leave.t", next, 100, 1000);
        batch->caught_up = true;
        assert_int_equal(kafka_rig_write(&rig, batch), 0);
    }
    assert_true(is_there("leave.t"));
    assert_int_equal(kafka_rig_ask(&rig, "{}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 60), 0);
    kafka_rig_close(&rig);
    struct kafka_seen seen = kafka_read(kafka_shared.address, "leave.t", "read_committed");
    assert_int_equal(seen.count, next);
    kafka_seen_free(&seen);
}

/* By their mean size the small ones that are left over would fill a batch, and nothing would ever answer for it. */
static void test_records_of_unlike_sizes_do_not_hold_their_commit_up(void **state)
{
    struct kafka_rig rig;
    int64_t least_ns = INT64_MAX;
    int next = 0;

    (void)state;
    kafka_rig_named(&rig, "unlike");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    kafka_broker_say(&kafka_shared, "topic unlike.t 1");
    assert_int_equal(kafka_rig_block(&rig, "unlike.t", 0, 10, "{}"), 0);
    next = 10;
    for (int i = 0; i < TRIES && least_ns >= MR_SECOND_NS; i++, next += 110) {
        int64_t start_ns = mr_clock_mono_ns();
        assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("unlike.t", next, 10, 300000)), 0);
        assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("unlike.t", next + 10, 100, 0)), 0);
        assert_int_equal(kafka_rig_ask(&rig, "{}"), 0);
        assert_int_equal(kafka_rig_settle(&rig, 60), 0);
        int64_t took_ns = mr_clock_mono_ns() - start_ns;
        least_ns = took_ns < least_ns ? took_ns : least_ns;
    }
    assert_true(least_ns < MR_SECOND_NS); /* none was, when each waited that long for nothing */
    kafka_rig_close(&rig);
    struct kafka_seen seen = kafka_read(kafka_shared.address, "unlike.t", "read_committed");
    assert_int_equal(seen.count, next);
    kafka_seen_free(&seen);
}

static void test_a_transaction_leaves_the_last_one_time_to_end(void **state)
{
    static const struct {
        int64_t commit_ns, rest_ns;
    } cases[] = {
        {100000, 2 * MR_MS_NS},
        {MR_MS_NS, 3 * MR_MS_NS},
        {2 * MR_SECOND_NS, 10 * MR_MS_NS},
    };
    struct mr_kafka_producer producer = {.commit_ns = MR_SECOND_NS};
    struct mr_test_clock clock;

    (void)state;
    assert_int_equal(mr_kafka_leave_rest(&producer), 0);
    producer.transactional = true;
    mr_test_clock_install(&clock, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        producer.commit_ns = cases[i].commit_ns;
        assert_int_equal(mr_kafka_leave_rest(&producer) - mr_clock_mono_ns(), cases[i].rest_ns);
    }
    mr_test_clock_remove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_a_slow_commit_the_next_one_waits_three_times_as_long),
        cmocka_unit_test(test_what_sending_took_does_not_stretch_the_pace),
        cmocka_unit_test(test_records_leave_before_their_commit_once_caught_up),
        cmocka_unit_test(test_records_of_unlike_sizes_do_not_hold_their_commit_up),
        cmocka_unit_test(test_a_transaction_leaves_the_last_one_time_to_end),
    };

    return cmocka_run_group_tests(tests, kafka_shared_start, kafka_shared_stop);
}
