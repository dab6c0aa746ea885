/* The Kafka sink when things go wrong, on kfake: refused requests of every kind, frozen brokers, transactions that time
 * out, death by kill -9. After each, a read_committed reader must see every record once and in order. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "test/support/kafka_rig.h"

extern const struct mr_sink mr_sink_kafka;

enum { PRODUCE = 0, CREATE = 19, INIT = 22, ADD = 24, END = 26 };

static void test_refused_requests_are_sent_again_until_they_pass(void **state)
{
    static const struct {
        int key, code, count;
        bool data; /* the fault hits the data topic, else the whole request */
    } cases[] = {
        {END, 51, 1, false},    {END, 14, 2, false},    {END, 16, 1, false},
        {END, 48, 1, false},    {END, 47, 1, false},    {END, 90, 1, false},
        {ADD, 51, 2, true},     {ADD, 48, 1, true},     {ADD, 47, 1, true},
        {PRODUCE, 6, 2, true},  {PRODUCE, 19, 3, true}, {PRODUCE, 20, 1, true},
        {PRODUCE, 7, 1, true},  {PRODUCE, 45, 1, true}, {PRODUCE, 47, 1, true},
        {PRODUCE, 59, 1, true}, {PRODUCE, 56, 2, true}, {PRODUCE, 90, 1, true},
        {PRODUCE, -1, 1, true},
    };
    struct kafka_rig rig;
    int next = 0;

    (void)state;
    kafka_rig_named(&rig, "again");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "again.t", next, 30, "{\"warm\":1}"), 0);
    next += 30;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kafka_broker_say(&kafka_shared, "fail %d %d %d%s", cases[i].key, cases[i].code,
                         cases[i].count, cases[i].data ? " again.t" : "");
        for (int block = 0; block < 2; block++, next += 30) {
            int rc = kafka_rig_block(&rig, "again.t", next, 30, "{\"at\":1}");
            if (rc != 0)
                fail_msg("request %d answered %d: block ended with %d, %s: %s", cases[i].key,
                         cases[i].code, rc, rig.err.code, rig.err.text);
        }
    }
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "again.t", next);
}

static void test_refusals_for_good_are_told_with_their_code(void **state)
{
    static const struct {
        int key, code, class;
        const char *says;
    } cases[] = {
        {ADD, 29, MR_CONFIG, "kafka.unauthorized"},
        {PRODUCE, 10, MR_DATA, "sink.kafka.too_large"},
        {PRODUCE, 87, MR_DATA, "sink.kafka.invalid_record"},
        {PRODUCE, 29, MR_CONFIG, "kafka.unauthorized"},
        {PRODUCE, 76, MR_CONFIG, "sink.kafka.compression"},
    };
    struct kafka_rig rig;
    char topic[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kafka_rig_named(&rig, "refuse");
        snprintf(topic, sizeof topic, "refuse.%zu", i);
        assert_int_equal(kafka_rig_open(&rig, "one"), 0);
        assert_int_equal(kafka_rig_block(&rig, topic, 0, 10, "{}"), 0);
        kafka_broker_say(&kafka_shared, "fail %d %d 1 %s", cases[i].key, cases[i].code, topic);
        assert_int_equal(kafka_rig_block(&rig, topic, 10, 10, "{}"), cases[i].class);
        assert_string_equal(rig.err.code, cases[i].says);
        kafka_rig_close(&rig);
        kafka_expect_sequence(kafka_shared.address, topic, 10);
    }
}

static void test_opening_says_why_it_cannot(void **state)
{
    static const struct {
        int key, code;
        const char *says;
    } cases[] = {
        {INIT, 50, "sink.kafka.transaction_timeout"},
        {INIT, 53, "kafka.unauthorized"},
        {CREATE, 38, "sink.kafka.create_topic"},
        {CREATE, 44, "sink.kafka.create_topic"},
    };
    struct kafka_rig rig;
    char pipeline[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(pipeline, sizeof pipeline, "opening%zu", i);
        kafka_rig_named(&rig, pipeline);
        kafka_broker_say(&kafka_shared, "fail %d %d 1%s%s%s", cases[i].key, cases[i].code,
                         cases[i].key == CREATE ? " millrace.shop." : "",
                         cases[i].key == CREATE ? pipeline : "",
                         cases[i].key == CREATE ? ".checkpoint" : "");
        assert_int_equal(kafka_rig_open(&rig, "one"), MR_CONFIG);
        assert_string_equal(rig.err.code, cases[i].says);
        assert_int_equal(kafka_rig_open(&rig, "one"), 0);
        kafka_rig_close(&rig);
    }
}

static void test_an_event_too_large_for_the_client_stops(void **state)
{
    static char huge[2000000];
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "huge");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    struct mr_batch *batch = kafka_rig_batch("huge.t", 0, 3, 0);
    batch->records[1].value = mr_arena_copy(&batch->arena, mr_slice(huge, sizeof huge));
    assert_int_equal(kafka_rig_write(&rig, batch), 0);
    assert_int_equal(kafka_rig_ask(&rig, "{}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 60), MR_DATA);
    assert_string_equal(rig.err.code, "sink.kafka.too_large");
    kafka_rig_close(&rig);
    struct kafka_seen seen = kafka_read(kafka_shared.address, "huge.t", "read_committed");
    assert_int_equal(seen.count, 0); /* its neighbours did not slip through */
    kafka_seen_free(&seen);
}

static void test_a_frozen_broker_is_waited_for(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "frozen");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "frozen.t", 0, 100, "{\"at\":1}"), 0);
    kill(kafka_shared.pid, SIGSTOP);
    assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("frozen.t", 100, 100, 0)), 0);
    assert_int_equal(kafka_rig_ask(&rig, "{\"at\":2}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 6), 1); /* poll answers all the while */
    kill(kafka_shared.pid, SIGCONT);
    assert_int_equal(kafka_rig_settle(&rig, 60), 0);
    assert_int_equal(kafka_rig_block(&rig, "frozen.t", 200, 100, "{\"at\":3}"), 0);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "frozen.t", 300);
}

static void test_a_transaction_that_timed_out_is_written_again(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "timeout");
    rig.config.transaction_timeout = 2 * MR_SECOND_NS;
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "timeout.t", 0, 10, "{\"at\":1}"), 0);
    assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("timeout.t", 10, 10, 0)), 0);
    struct mr_sink_result result;
    uint64_t retries;
    int64_t until = mr_clock_mono_ns() + 4 * MR_SECOND_NS;
    while (mr_clock_mono_ns() < until)
        assert_int_equal(mr_sink_kafka.poll(rig.sink, until, &result, &rig.err), 0);
    retries = rig.counters.sink_retries;
    assert_int_equal(kafka_rig_ask(&rig, "{\"at\":2}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 60), 0);
    assert_true(rig.counters.sink_retries > retries); /* it took a new handle, a slow machine two */
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "timeout.t", 20);
}

static void test_a_torn_transaction_asks_for_replay(void **state)
{
    struct kafka_rig rig;
    struct mr_batch *released = NULL;

    (void)state;
    kafka_rig_named(&rig, "torn");
    rig.config.commit.bytes = 65536;
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    int next = 0; /* half of what may be held is given back early */
    for (; next < 12000; next += 1000)
        assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("torn.t", next, 1000, 1000)), 0);
    assert_int_equal(kafka_rig_wait_released(&rig, 0, 30), 0);
    kafka_broker_say(&kafka_shared, "fail %d 47 1", END);
    assert_int_equal(kafka_rig_ask(&rig, "{\"at\":1}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 60), MR_REPLAY);
    assert_string_equal(rig.err.code, "sink.kafka.replay");
    assert_int_equal(mr_sink_kafka.abort(rig.sink, &released, &rig.err), 0);
    while (released) {
        struct mr_batch *batch = released;
        released = batch->next;
        mr_batch_free(batch);
    }
    rig.next_commit = 1;
    assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("torn.t", 0, next, 0)), 0);
    assert_int_equal(kafka_rig_ask(&rig, "{\"at\":1}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 60), 0);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "torn.t", next);
}

static void test_a_deleted_checkpoint_is_a_gap(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "lost");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "lost.t", 0, 10, "{\"at\":1}"), 0);
    kafka_broker_say(&kafka_shared, "delete millrace.shop.lost.checkpoint");
    kafka_broker_say(&kafka_shared, "topic millrace.shop.lost.checkpoint 1 cleanup.policy=compact");
    assert_int_equal(kafka_rig_block(&rig, "lost.t", 10, 10, "{\"at\":2}"), MR_GAP);
    assert_string_equal(rig.err.code, "sink.kafka.checkpoint_lost");
    kafka_rig_close(&rig);
}

/* A child that writes blocks from where the checkpoint stands until it is killed or `most` is reached. It says that
 * it has begun. */
static void write_until_killed(const char *pipeline, const char *owner, int most, int say_begun)
{
    struct kafka_rig rig;
    char text[64];

    kafka_rig_init(&rig, &kafka_shared);
    rig.context.pipeline = pipeline;
    if (kafka_rig_open(&rig, owner) < 0)
        _exit(3);
    if (write(say_begun, "b", 1) != 1)
        _exit(6);
    int next = rig.checkpoint[0] ? (int)strtol(rig.checkpoint + 6, NULL, 10) : 0;
    for (; next < most; next += 40) {
        snprintf(text, sizeof text, "{\"at\":%d}", next + 40);
        if (kafka_rig_write(&rig, kafka_rig_batch("killed.t", next, 40, 0)) < 0 ||
            kafka_rig_ask(&rig, text) < 0)
            _exit(4);
    }
    if (kafka_rig_settle(&rig, 60) != 0)
        _exit(5);
    kafka_rig_close(&rig);
    _exit(0);
}

static void test_kill_9_at_any_moment_loses_and_doubles_nothing(void **state)
{
    char owner[32];

    (void)state;
    kafka_shared_needed();
    srandom(20261121);
    for (int round = 0; round < 12; round++) {
        int pipe_fds[2];
        char begun;
        snprintf(owner, sizeof owner, "owner %d", round);
        assert_int_equal(pipe(pipe_fds), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed("killed", owner, 1000000, pipe_fds[1]);
        close(pipe_fds[1]);
        if (round %
            3) /* every third at any moment from its birth on, the others while they write */
            (void)!read(pipe_fds[0], &begun, 1);
        usleep((useconds_t)(10000 + random() % 250000));
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        close(pipe_fds[0]);
        if (!WIFSIGNALED(status))
            fail_msg("the writer of round %d ended with %d", round, WEXITSTATUS(status));
    }
    struct kafka_rig rig;
    kafka_rig_named(&rig, "killed");
    assert_int_equal(kafka_rig_open(&rig, "last"), 0);
    int stands = (int)strtol(rig.checkpoint + 6, NULL, 10);
    assert_true(stands > 0);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "killed.t", stands);
}

/* librdkafka calls ListOffsets a success when the leader did not answer it: that is no empty checkpoint topic. */
static void test_a_leader_that_does_not_answer_hides_no_checkpoint(void **state)
{
    enum { LIST = 2 };
    struct kafka_rig rig;
    struct mr_buf text;

    (void)state;
    kafka_rig_named(&rig, "silent");
    rig.config.transaction_timeout = 2 * MR_SECOND_NS; /* no request lasts longer */
    struct mr_sink_args args = {.context = &rig.context, .config = &rig.config, .owner = "cli"};
    mr_buf_init(&text, 4096);
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "silent.t", 0, 1, "{\"at\":1}"), 0);
    kafka_rig_close(&rig);
    kafka_broker_say(&kafka_shared, "slow %d 4000", LIST);
    assert_int_equal(mr_sink_kafka.checkpoint_read(&args, &text, &rig.err), MR_RETRY);
    assert_string_equal(rig.err.code, "kafka.unreachable");
    kafka_broker_say(&kafka_shared, "slow %d 0", LIST);
    assert_int_equal(mr_sink_kafka.checkpoint_read(&args, &text, &rig.err), 0);
    assert_non_null(strstr(mr_buf_cstr(&text), "{\"at\":1"));
    mr_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_requests_are_sent_again_until_they_pass),
        cmocka_unit_test(test_refusals_for_good_are_told_with_their_code),
        cmocka_unit_test(test_opening_says_why_it_cannot),
        cmocka_unit_test(test_an_event_too_large_for_the_client_stops),
        cmocka_unit_test(test_a_frozen_broker_is_waited_for),
        cmocka_unit_test(test_a_transaction_that_timed_out_is_written_again),
        cmocka_unit_test(test_a_torn_transaction_asks_for_replay),
        cmocka_unit_test(test_a_deleted_checkpoint_is_a_gap),
        cmocka_unit_test(test_a_leader_that_does_not_answer_hides_no_checkpoint),
        cmocka_unit_test(test_kill_9_at_any_moment_loses_and_doubles_nothing),
    };

    return cmocka_run_group_tests(tests, kafka_shared_start, kafka_shared_stop);
}
