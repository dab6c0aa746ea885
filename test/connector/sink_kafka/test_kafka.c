/* The Kafka sink against a kfake broker of its own: blocks and checkpoints, visibility, fencing, topics. Faults have a
 * program of their own (test_faults.c). */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "test/support/kafka_rig.h"

extern const struct mr_sink mr_sink_kafka;

static void test_blocks_and_their_checkpoint_survive(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "survive");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_string_equal(rig.checkpoint, "");
    assert_int_equal(kafka_rig_block(&rig, "survive.t", 0, 0, "{\"claim\":1}"), 0);
    assert_int_equal(kafka_rig_block(&rig, "survive.t", 0, 2500, "{\"at\":1}"), 0);
    assert_int_equal(kafka_rig_block(&rig, "survive.t", 2500, 10, "{\"at\":2}"), 0);
    assert_int_equal(rig.released, 2);
    assert_int_equal(rig.counters.sink_records, 2510);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "survive.t", 2510);
    assert_int_equal(kafka_rig_open(&rig, "two"), 0);
    assert_string_equal(rig.checkpoint, "{\"at\":2}");
    kafka_rig_close(&rig);
}

static void test_nothing_is_visible_before_its_commit(void **state)
{
    struct kafka_rig rig;
    struct kafka_seen seen;

    (void)state;
    kafka_rig_named(&rig, "hidden");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "hidden.t", 0, 5, "{\"at\":1}"), 0);
    assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("hidden.t", 5, 5, 0)), 0);
    seen = kafka_read(kafka_shared.address, "hidden.t", "read_committed");
    assert_int_equal(seen.count, 5);
    kafka_seen_free(&seen);
    kafka_rig_close(&rig); /* aborts: readers are not held back */
    assert_int_equal(kafka_rig_open(&rig, "two"), 0);
    assert_string_equal(rig.checkpoint, "{\"at\":1}");
    assert_int_equal(kafka_rig_block(&rig, "hidden.t", 5, 1, "{\"at\":2}"), 0);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "hidden.t", 6);
}

static void test_two_commits_go_their_way_at_once(void **state)
{
    struct kafka_rig rig;
    struct mr_commit third = {.id = 3, .text = MR_SLICE("{}")};

    (void)state;
    kafka_rig_named(&rig, "two");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    kill(kafka_shared.pid, SIGSTOP);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("two.t", i * 10, 10, 0)), 0);
        assert_int_equal(kafka_rig_ask(&rig, "{\"at\":1}"), 0);
    }
    assert_int_equal(mr_sink_kafka.commit(rig.sink, &third, &rig.err), MR_AGAIN);
    kill(kafka_shared.pid, SIGCONT);
    assert_int_equal(kafka_rig_settle(&rig, 30), 0);
    assert_int_equal(rig.durable, 2);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "two.t", 20);
}

static void test_a_zombie_is_fenced_and_changes_nothing(void **state)
{
    struct kafka_rig zombie, heir;

    (void)state;
    kafka_rig_named(&zombie, "fenced");
    kafka_rig_named(&heir, "fenced");
    assert_int_equal(kafka_rig_open(&zombie, "one"), 0);
    assert_int_equal(kafka_rig_block(&zombie, "fenced.t", 0, 3, "{\"by\":\"one\"}"), 0);
    assert_int_equal(kafka_rig_write(&zombie, kafka_rig_batch("fenced.t", 3, 3, 0)), 0);
    assert_int_equal(kafka_rig_open(&heir, "two"), 0);
    assert_string_equal(heir.checkpoint, "{\"by\":\"one\"}");
    assert_int_equal(kafka_rig_ask(&zombie, "{\"by\":\"zombie\"}"), 0);
    assert_int_equal(kafka_rig_settle(&zombie, 30), MR_FENCED);
    assert_string_equal(zombie.err.code, "sink.kafka.fenced");
    assert_non_null(strstr(zombie.err.text, "owner two"));
    assert_int_equal(kafka_rig_block(&heir, "fenced.t", 3, 3, "{\"by\":\"two\"}"), 0);
    kafka_rig_close(&zombie);
    assert_int_equal(kafka_rig_block(&heir, "fenced.t", 6, 3, "{\"by\":\"two again\"}"), 0);
    kafka_rig_close(&heir);
    kafka_expect_sequence(kafka_shared.address, "fenced.t", 9);
}

static void test_an_idle_zombie_is_fenced_too(void **state)
{
    struct kafka_rig zombie, heir;

    (void)state;
    kafka_rig_named(&zombie, "idle");
    kafka_rig_named(&heir, "idle");
    assert_int_equal(kafka_rig_open(&zombie, "one"), 0);
    assert_int_equal(kafka_rig_open(&heir, "two"), 0);
    assert_int_equal(kafka_rig_block(&zombie, "idle.t", 0, 0, "{\"by\":\"zombie\"}"), MR_FENCED);
    kafka_rig_close(&zombie);
    kafka_rig_close(&heir);
}

static void test_opening_again_takes_nothing_from_an_heir(void **state)
{
    struct kafka_rig zombie, heir;

    (void)state;
    kafka_rig_named(&zombie, "again");
    kafka_rig_named(&heir, "again");
    zombie.keeps_claim = true;
    assert_int_equal(kafka_rig_open(&zombie, "one"), 0);
    assert_int_equal(kafka_rig_block(&zombie, "again.t", 0, 3, "{\"by\":\"one\"}"), 0);
    kafka_rig_close(&zombie);
    assert_int_equal(kafka_rig_open(&zombie, "one"), 0); /* still ours */
    assert_int_equal(kafka_rig_block(&zombie, "again.t", 3, 3, "{\"by\":\"one\"}"), 0);
    kafka_rig_close(&zombie);
    assert_int_equal(kafka_rig_open(&heir, "two"), 0);
    assert_int_equal(kafka_rig_open(&zombie, "one"), MR_FENCED);
    assert_string_equal(zombie.err.code, "sink.kafka.fenced");
    assert_int_equal(kafka_rig_block(&heir, "again.t", 6, 3, "{\"by\":\"two\"}"), 0);
    assert_int_equal(heir.counters.sink_retries, 0); /* it was not even disturbed */
    kafka_rig_close(&heir);
    kafka_expect_sequence(kafka_shared.address, "again.t", 9);
}

/* So much that the zombie's claim lies far behind in the checkpoint topic. */
static void test_an_heir_of_long_standing_is_left_alone(void **state)
{
    struct kafka_rig zombie, heir;

    (void)state;
    kafka_rig_named(&zombie, "long");
    kafka_rig_named(&heir, "long");
    zombie.keeps_claim = true;
    assert_int_equal(kafka_rig_open(&zombie, "one"), 0); /* nothing but its claim */
    kafka_rig_close(&zombie);
    assert_int_equal(kafka_rig_open(&heir, "two"), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(kafka_rig_block(&heir, "long.t", i * 3, 3, "{\"by\":\"two\"}"), 0);
    assert_int_equal(kafka_rig_open(&zombie, "one"), MR_FENCED);
    assert_int_equal(kafka_rig_block(&heir, "long.t", 120, 3, "{\"by\":\"two\"}"), 0);
    assert_int_equal(heir.counters.sink_retries, 0); /* it was not even disturbed */
    kafka_rig_close(&heir);
    kafka_expect_sequence(kafka_shared.address, "long.t", 123);
}

static void test_a_transaction_larger_than_memory_goes_in_pieces(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "large");
    rig.config.commit.bytes = 65536; /* at most 16 MiB held */
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    for (int i = 0; i < 60; i++)
        assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("large.t", i * 1000, 1000, 1000)),
                         0);
    assert_int_equal(kafka_rig_wait_released(&rig, 20, 30), 0);
    assert_true(rig.released > 20); /* memory came back before the commit */
    assert_int_equal(kafka_rig_ask(&rig, "{\"at\":1}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 60), 0);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "large.t", 60000);
}

static void test_abort_gives_everything_back(void **state)
{
    struct kafka_rig rig;
    struct mr_batch *released = NULL;
    int count = 0;

    (void)state;
    kafka_rig_named(&rig, "abort");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("abort.t", i * 10, 10, 0)), 0);
    assert_int_equal(mr_sink_kafka.abort(rig.sink, &released, &rig.err), 0);
    while (released) {
        struct mr_batch *batch = released;
        released = batch->next;
        mr_batch_free(batch);
        count++;
    }
    assert_int_equal(count, 3);
    assert_int_equal(kafka_rig_block(&rig, "abort.t", 0, 20, "{}"), 0);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "abort.t", 20);
}

static void test_at_least_once_keeps_its_checkpoint_behind_the_data(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "least");
    rig.config.delivery = MR_KAFKA_AT_LEAST_ONCE;
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "least.t", 0, 1000, "{\"at\":1}"), 0);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "least.t", 1000);
    assert_int_equal(kafka_rig_open(&rig, "two"), 0);
    assert_string_equal(rig.checkpoint, "{\"at\":1}");
    kafka_rig_close(&rig);
}

static void test_tombstones_headers_and_several_topics(void **state)
{
    static const struct mr_header headers[] = {{MR_SLICE("h"), MR_SLICE("1")},
                                               {MR_SLICE("none"), {NULL, 0}}};
    struct kafka_rig rig;
    struct kafka_seen seen;

    (void)state;
    kafka_rig_named(&rig, "mixed");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    struct mr_batch *batch = kafka_rig_batch("mixed.a", 0, 4, 0);
    batch->records[1].value = (struct mr_slice){NULL, 0};
    batch->records[2].topic = mr_slice_str("mixed.b");
    batch->records[3].headers = headers;
    batch->records[3].header_count = 2;
    for (int i = 0; i < 4; i++)
        batch->records[i].partition = 0;
    assert_int_equal(kafka_rig_write(&rig, batch), 0);
    assert_int_equal(kafka_rig_ask(&rig, "{}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 30), 0);
    kafka_rig_close(&rig);
    seen = kafka_read(kafka_shared.address, "mixed.a", "read_committed");
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.values[0], "v0");
    assert_string_equal(seen.values[1], "(null)");
    assert_string_equal(seen.values[2], "v3");
    kafka_seen_free(&seen);
    seen = kafka_read(kafka_shared.address, "mixed.b", "read_committed");
    assert_int_equal(seen.count, 1);
    kafka_seen_free(&seen);
}

static void test_topics_are_made_as_asked_or_never(void **state)
{
    struct kafka_rig rig;
    struct kafka_seen seen;

    (void)state;
    kafka_rig_named(&rig, "make");
    rig.config.create_topics.partitions = 7;
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "make.t", 0, 500, "{}"), 0);
    kafka_rig_close(&rig);
    seen = kafka_read(kafka_shared.address, "make.t", "read_committed");
    assert_int_equal(seen.partitions[seen.count - 1], 6);
    kafka_seen_free(&seen);
    rig.config.create_topics.mode = MR_KAFKA_CREATE_NEVER;
    assert_int_equal(kafka_rig_open(&rig, "two"), 0);
    assert_int_equal(kafka_rig_block(&rig, "make.other", 0, 1, "{}"), MR_CONFIG);
    assert_string_equal(rig.err.code, "kafka.topic_missing");
    kafka_rig_close(&rig);
    rig.context.pipeline = "make2";
    assert_int_equal(kafka_rig_open(&rig, "one"), MR_CONFIG);
    assert_string_equal(rig.err.code, "kafka.topic_missing");
}

static void test_a_topic_that_vanishes_is_not_made_anew(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "vanish");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "vanish.t", 0, 10, "{\"at\":1}"), 0);
    kafka_broker_say(&kafka_shared, "delete vanish.t");
    assert_int_equal(kafka_rig_block(&rig, "vanish.t", 10, 10, "{\"at\":2}"), MR_CONFIG);
    assert_string_equal(rig.err.code, "kafka.topic_missing");
    kafka_rig_close(&rig);
}

static void test_a_checkpoint_topic_that_cannot_hold_is_refused(void **state)
{
    static const struct {
        const char *topic, *how, *says;
    } cases[] = {
        {"wide", "3 cleanup.policy=compact", "has 3 partitions"},
        {"forgetful", "1 cleanup.policy=delete", "cleanup.policy=delete"},
    };
    struct kafka_rig rig;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kafka_rig_named(&rig, "refused");
        rig.config.checkpoint_topic = cases[i].topic;
        kafka_broker_say(&kafka_shared, "topic %s %s", cases[i].topic, cases[i].how);
        assert_int_equal(kafka_rig_open(&rig, "one"), MR_CONFIG);
        assert_string_equal(rig.err.code, "sink.kafka.checkpoint_topic");
        assert_non_null(strstr(rig.err.text, cases[i].says));
    }
}

/* Already the claim is too large, or the first position is: neither passes by waiting, nor as a dead letter. */
static void test_a_checkpoint_topic_that_takes_only_small_records_is_told(void **state)
{
    char text[40000];
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "tiny");
    rig.config.checkpoint_topic = "tiny.a";
    kafka_broker_say(&kafka_shared, "topic tiny.a 1 cleanup.policy=compact max.message.bytes=100");
    assert_int_equal(kafka_rig_open(&rig, "one"), MR_CONFIG);
    assert_string_equal(rig.err.code, "sink.kafka.checkpoint_topic");
    assert_non_null(strstr(rig.err.hint, "max.message.bytes="));

    rig.config.checkpoint_topic = "tiny.b";
    rig.config.compression = 4;
    kafka_broker_say(&kafka_shared,
                     "topic tiny.b 1 cleanup.policy=compact max.message.bytes=20000");
    snprintf(text, sizeof text, "{\"at\":\"%030000d\"}", 1);
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "tiny.t", 0, 10, text), MR_CONFIG);
    assert_string_equal(rig.err.code, "sink.kafka.checkpoint_topic");
    assert_non_null(strstr(rig.err.text, "tiny.b"));
    kafka_rig_close(&rig);
}

static void test_a_checkpoint_is_found_far_back(void **state)
{
    struct kafka_rig rig, other;

    (void)state;
    kafka_rig_named(&rig, "far");
    kafka_rig_named(&other, "far other");
    rig.config.checkpoint_topic = other.config.checkpoint_topic = "far.checkpoints";
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "far.t", 0, 1, "{\"far\":1}"), 0);
    kafka_rig_close(&rig);
    assert_int_equal(kafka_rig_open(&other, "one"), 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(kafka_rig_block(&other, "far.t", 0, 0, "{\"other\":1}"), 0);
    kafka_rig_close(&other);
    assert_int_equal(kafka_rig_open(&rig, "two"), 0);
    assert_string_equal(rig.checkpoint, "{\"far\":1}");
    kafka_rig_close(&rig);
}

static void test_a_checkpoint_is_shown_and_set(void **state)
{
    struct kafka_rig rig;
    struct mr_buf text;

    (void)state;
    kafka_rig_named(&rig, "show");
    struct mr_sink_args args = {.context = &rig.context, .config = &rig.config, .owner = "cli"};
    mr_buf_init(&text, 4096);
    assert_int_equal(mr_sink_kafka.checkpoint_read(&args, &text, &rig.err), 0);
    assert_int_equal(text.size, 0);
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "show.t", 0, 1, "{\"at\":1}"), 0);
    assert_int_equal(mr_sink_kafka.checkpoint_read(&args, &text, &rig.err), 0);
    assert_non_null(strstr(mr_buf_cstr(&text),
                           "{\"at\":1,\"partitions\":{\"show.t\":3},\"topic_ids\":{\"show.t\":\""));
    struct mr_slice wanted = MR_SLICE("{\"at\":9,\"partitions\":{\"show.t\":7}}");
    assert_int_equal(mr_sink_kafka.checkpoint_write(&args, wanted, &rig.err), 0);
    assert_int_equal(kafka_rig_block(&rig, "show.t", 1, 1, "{\"at\":2}"), MR_FENCED);
    kafka_rig_close(&rig);
    assert_int_equal(kafka_rig_open(&rig, "two"), 0);
    assert_string_equal(rig.checkpoint, "{\"at\":9}");
    kafka_rig_close(&rig);
    mr_buf_clear(&text);
    assert_int_equal(mr_sink_kafka.checkpoint_read(&args, &text, &rig.err), 0);
    assert_string_equal(mr_buf_cstr(&text), "{\"at\":9,\"partitions\":{\"show.t\":3}}");
    mr_buf_done(&text);
}

struct findings {
    char text[4096];
    int fails;
};

static void take_finding(void *state, enum mr_finding_level level, const char *code,
                         const char *text, const char *hint)
{
    struct findings *findings = state;
    size_t used = strlen(findings->text);

    (void)hint;
    findings->fails += level == MR_FINDING_FAIL;
    snprintf(findings->text + used, sizeof findings->text - used, "%d %s %s\n", (int)level, code,
             text);
}

static void test_preflight_looks_and_touches_nothing(void **state)
{
    struct kafka_rig rig;
    struct findings found = {0};
    struct mr_findings findings = {take_finding, &found};

    (void)state;
    kafka_rig_named(&rig, "preflight");
    struct mr_sink_args args = {.context = &rig.context, .config = &rig.config};
    assert_int_equal(mr_sink_kafka.preflight(&args, &findings, &rig.err), 0);
    assert_int_equal(found.fails, 0);
    assert_non_null(strstr(found.text, "1 broker reached"));
    assert_non_null(strstr(found.text, "will be created"));
    struct mr_buf text;
    mr_buf_init(&text, 4096);
    assert_int_equal(mr_sink_kafka.checkpoint_read(&args, &text, &rig.err), 0);
    mr_buf_done(&text);
    rig.brokers[0] = "127.0.0.1:1";
    memset(&found, 0, sizeof found);
    assert_int_equal(mr_sink_kafka.preflight(&args, &findings, &rig.err), MR_RETRY);
    assert_string_equal(rig.err.code, "kafka.unreachable");
    assert_int_equal(found.fails, 1);
}

/* Where a record's time or place is looked up in its row, rows have to stay. */
static void test_rows_stay_where_they_are_looked_at(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "rows");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_true(mr_sink_kafka.records_suffice(rig.sink));
    rig.config.timestamp = MR_KAFKA_TIME_COMMIT;
    assert_false(mr_sink_kafka.records_suffice(rig.sink));
    rig.config.timestamp = MR_KAFKA_TIME_PRODUCED;
    rig.config.partition_columns.count = 1;
    assert_false(mr_sink_kafka.records_suffice(rig.sink));
    rig.config.partition_columns.count = 0;
    kafka_rig_close(&rig);
}

static void test_a_pace_follows_the_commits(void **state)
{
    struct kafka_rig rig;
    struct mr_sink_pace pace;

    (void)state;
    kafka_rig_named(&rig, "pace");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    mr_sink_kafka.pace(rig.sink, &pace);
    assert_int_equal(pace.bytes, 8 << 20);
    assert_true(pace.caught_up_ns >= 20 * MR_MS_NS);
    assert_true(pace.caught_up_ns <= pace.age_ns);
    assert_int_equal(pace.split_ns, 20 * MR_SECOND_NS);
    assert_int_equal(pace.split_records, 1000000);
    assert_int_equal(pace.held, 12 << 20); /* of the 24 MiB that may wait */
    assert_true(pace.held_record > 0);
    rig.config.commit.interval = 60 * MR_SECOND_NS; /* brokers would end each transaction first */
    mr_sink_kafka.pace(rig.sink, &pace);
    assert_int_equal(pace.caught_up_ns, 20 * MR_SECOND_NS);
    assert_int_equal(pace.age_ns, 20 * MR_SECOND_NS);
    kafka_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_and_their_checkpoint_survive),
        cmocka_unit_test(test_nothing_is_visible_before_its_commit),
        cmocka_unit_test(test_two_commits_go_their_way_at_once),
        cmocka_unit_test(test_a_zombie_is_fenced_and_changes_nothing),
        cmocka_unit_test(test_an_idle_zombie_is_fenced_too),
        cmocka_unit_test(test_opening_again_takes_nothing_from_an_heir),
        cmocka_unit_test(test_an_heir_of_long_standing_is_left_alone),
        cmocka_unit_test(test_a_transaction_larger_than_memory_goes_in_pieces),
        cmocka_unit_test(test_abort_gives_everything_back),
        cmocka_unit_test(test_at_least_once_keeps_its_checkpoint_behind_the_data),
        cmocka_unit_test(test_tombstones_headers_and_several_topics),
        cmocka_unit_test(test_topics_are_made_as_asked_or_never),
        cmocka_unit_test(test_a_topic_that_vanishes_is_not_made_anew),
        cmocka_unit_test(test_a_checkpoint_topic_that_cannot_hold_is_refused),
        cmocka_unit_test(test_a_checkpoint_topic_that_takes_only_small_records_is_told),
        cmocka_unit_test(test_a_checkpoint_is_found_far_back),
        cmocka_unit_test(test_a_checkpoint_is_shown_and_set),
        cmocka_unit_test(test_preflight_looks_and_touches_nothing),
        cmocka_unit_test(test_rows_stay_where_they_are_looked_at),
        cmocka_unit_test(test_a_pace_follows_the_commits),
    };

    return cmocka_run_group_tests(tests, kafka_shared_start, kafka_shared_stop);
}
