/* Topics on a kfake broker of the test's own: how they are made, how large a record they take, what becomes of their
 * partitions, and which columns place a record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/sink_kafka/creation.h"
#include "connectors/sink_kafka/placing.h"
#include "connectors/sink_kafka/topics.h"
#include "test/support/kafka_rig.h"

extern const struct mr_sink mr_sink_kafka;

static struct mr_kafka_config with_topics(struct mr_option_map topics)
{
    return (struct mr_kafka_config){.create_topics = {.partitions = 2, .topics = topics}};
}

static void test_the_first_pattern_decides_how_a_topic_is_made(void **state)
{
    const char *keys[] = {"shop.audit", "shop.*"};
    const char *values[] = {"partitions=1  cleanup.policy=compact,delete", "replication=3 a=b=c"};
    const char *general[] = {"retention.ms"}, *hour[] = {"3600000"};
    struct mr_kafka_config config = with_topics((struct mr_option_map){keys, values, 2});
    struct mr_kafka_creation creation;
    struct mr_kafka_new_topic topic;
    struct mr_err err;

    (void)state;
    config.create_topics.config = (struct mr_option_map){general, hour, 1};
    mr_kafka_creation_init(&creation, &config);
    assert_int_equal(mr_kafka_creation_compile(&creation, &err), 0);
    topic = mr_kafka_creation_of(&creation, "shop.audit");
    assert_int_equal(topic.partitions, 1);
    assert_int_equal(topic.replication, -1);
    assert_string_equal(mr_kafka_creation_setting(&topic, "cleanup.policy"), "compact,delete");
    assert_string_equal(mr_kafka_creation_setting(&topic, "retention.ms"), "3600000");
    topic = mr_kafka_creation_of(&creation, "shop.orders");
    assert_int_equal(topic.partitions, 2);
    assert_int_equal(topic.replication, 3);
    assert_string_equal(mr_kafka_creation_setting(&topic, "a"), "b=c");
    topic = mr_kafka_creation_of(&creation, "other");
    assert_int_equal(topic.partitions, 2);
    assert_null(mr_kafka_creation_setting(&topic, "cleanup.policy"));
    mr_kafka_creation_done(&creation);
}

static void test_settings_that_are_none_are_refused(void **state)
{
    static const char *const words[] = {"partitions",       "partitions=0", "partitions=many",
                                        "replication=1000", "=x",           "partitions=3 x"};
    const char *key = "t";

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *value = words[i];
        struct mr_kafka_config config = with_topics((struct mr_option_map){&key, &value, 1});
        struct mr_kafka_creation creation;
        struct mr_err err;
        mr_kafka_creation_init(&creation, &config);
        assert_int_equal(mr_kafka_creation_compile(&creation, &err), MR_CONFIG);
        assert_string_equal(err.code, "sink.kafka.create_topic");
        mr_kafka_creation_done(&creation);
    }
}

static void test_a_topic_of_a_pattern_gets_its_partitions(void **state)
{
    const char *key = "pattern.wide", *value = "partitions=9";
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "pattern");
    rig.config.create_topics.topics = (struct mr_option_map){&key, &value, 1};
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "pattern.wide", 0, 500, "{}"), 0);
    kafka_rig_close(&rig);
    struct kafka_seen seen = kafka_read(kafka_shared.address, "pattern.wide", "read_committed");
    assert_int_equal(seen.partitions[seen.count - 1], 8);
    kafka_seen_free(&seen);
    kafka_expect_sequence(kafka_shared.address, "pattern.wide", 500);
}

/* What became of the keys: highest partition written to by the second run. */
static int grown(struct kafka_rig *rig, int growth, int *ret_highest)
{
    struct kafka_seen seen;

    kafka_broker_say(&kafka_shared, "topic grow.t 2");
    assert_int_equal(kafka_rig_open(rig, "one"), 0);
    assert_int_equal(kafka_rig_block(rig, "grow.t", 0, 100, "{\"at\":1}"), 0);
    kafka_rig_close(rig);
    kafka_grow(kafka_shared.address, "grow.t", 5);
    rig->config.partition_growth = growth;
    rig->notes[0] = 0;
    assert_int_equal(kafka_rig_open(rig, "two"), 0);
    int rc = kafka_rig_block(rig, "grow.t", 0, 100, "{\"at\":2}");
    kafka_rig_close(rig);
    seen = kafka_read(kafka_shared.address, "grow.t", "read_committed");
    *ret_highest = seen.count ? seen.partitions[seen.count - 1] : -1;
    kafka_seen_free(&seen);
    kafka_broker_say(&kafka_shared, "delete grow.t");
    return rc;
}

static void test_a_topic_with_more_partitions_is_treated_as_asked(void **state)
{
    struct kafka_rig rig;
    int highest;

    (void)state;
    kafka_rig_named(&rig, "grow keep");
    assert_int_equal(grown(&rig, MR_KAFKA_GROWTH_KEEP, &highest), 0);
    assert_int_equal(highest, 1);
    assert_non_null(strstr(rig.notes, "sink.kafka.partitions_changed "));
    kafka_rig_named(&rig, "grow use");
    assert_int_equal(grown(&rig, MR_KAFKA_GROWTH_USE, &highest), 0);
    assert_int_equal(highest, 4);
    assert_non_null(strstr(rig.notes, "sink.kafka.partitions_changed "));
    kafka_rig_named(&rig, "grow refuse");
    assert_int_equal(grown(&rig, MR_KAFKA_GROWTH_REFUSE, &highest), MR_CONFIG);
    assert_int_equal(highest, 1); /* as before */
    assert_string_equal(rig.err.code, "sink.kafka.partitions_changed");
    assert_non_null(strstr(rig.err.hint, "partition_growth"));
}

/* Everything about it may be as before, but for its id and for what stood in it. */
static void test_a_topic_deleted_and_made_again_is_refused(void **state)
{
    struct kafka_rig rig;
    struct mr_sink_args args = {.context = &rig.context, .config = &rig.config, .owner = "cli"};
    struct mr_buf text;

    (void)state;
    kafka_rig_named(&rig, "again");
    kafka_broker_say(&kafka_shared, "topic again.t 2");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "again.t", 0, 10, "{\"at\":1}"), 0);
    kafka_rig_close(&rig);
    kafka_broker_say(&kafka_shared, "delete again.t");
    kafka_broker_say(&kafka_shared, "topic again.t 2");
    for (int i = 0; i < 2; i++) { /* it is no better at the second try */
        assert_int_equal(kafka_rig_open(&rig, "two"), 0);
        assert_int_equal(kafka_rig_block(&rig, "again.t", 10, 10, "{\"at\":2}"), MR_GAP);
        assert_string_equal(rig.err.code, "sink.kafka.topic_replaced");
        assert_non_null(strstr(rig.err.text, "again.t"));
        assert_non_null(strstr(rig.err.hint, "millrace resnapshot again"));
        kafka_rig_close(&rig);
    }
    mr_buf_init(&text, 4096);
    assert_int_equal(mr_sink_kafka.checkpoint_read(&args, &text, &rig.err), 0);
    assert_int_equal(mr_sink_kafka.checkpoint_write(&args, mr_buf_slice(&text), &rig.err), 0);
    mr_buf_done(&text);
    assert_int_equal(kafka_rig_open(&rig, "three"), 0);
    assert_int_equal(kafka_rig_block(&rig, "again.t", 0, 10, "{\"at\":2}"), 0);
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "again.t", 10);
}

/* Counted up with each batch, in a process that may run for years. */
static void test_records_without_a_key_go_round_for_ever(void **state)
{
    struct mr_kafka_topic topic = {.partitions = 3, .rotation = INT32_MAX};

    (void)state;
    for (int i = 0; i < 6; i++, topic.rotation++) {
        int32_t partition = mr_kafka_topic_place(&topic, (struct mr_slice){NULL, 0});
        assert_in_range(partition, 0, 2);
    }
}

/* 72 kB a topic: ten thousand of them would keep 720 MB for ever. */
static void test_many_topics_do_not_keep_room_for_their_records(void **state)
{
    struct mr_kafka_topic topic = {.waiting = 3};
    struct mr_kafka_topics topics;
    char name[16];

    (void)state;
    mr_kafka_topics_init(&topics);
    mr_kafka_topic_begin(&topic);
    mr_kafka_topic_end(&topics, &topic);
    assert_non_null(topic.messages);
    assert_int_equal(topic.waiting, 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "t%d", i);
        mr_kafka_topics_recall(&topics, mr_slice_str(name), 1);
    }
    mr_kafka_topic_end(&topics, &topic);
    assert_null(topic.messages);
    mr_kafka_topics_done(&topics);
}

static void test_a_record_above_its_topics_limit_is_refused_before_it_is_sent(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "limit");
    kafka_broker_say(&kafka_shared, "topic limit.t 1 max.message.bytes=20000");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("limit.t", 0, 1, 30000)), 0);
    assert_int_equal(kafka_rig_ask(&rig, "{}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 30), MR_DATA);
    assert_string_equal(rig.err.code, "sink.kafka.too_large");
    assert_non_null(strstr(rig.err.text, "the topic takes 20000"));
    assert_non_null(strstr(rig.err.text, "key k0"));
    kafka_rig_close(&rig);
}

/* Batches of librdkafka's usual size would be refused by the broker, small as their records are. */
static void test_small_records_reach_a_topic_with_a_small_limit(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "small");
    kafka_broker_say(&kafka_shared, "topic small.t 1 max.message.bytes=20000");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_write(&rig, kafka_rig_batch("small.t", 0, 500, 1000)), 0);
    assert_int_equal(kafka_rig_ask(&rig, "{}"), 0);
    assert_int_equal(kafka_rig_settle(&rig, 60), 0);
    assert_non_null(strstr(rig.notes, "sink.kafka.batch_too_large "));
    kafka_rig_close(&rig);
    kafka_expect_sequence(kafka_shared.address, "small.t", 500);
}

/* By count, by count with records that go one by one, and by bytes. */
static void test_a_transaction_larger_than_the_clients_queue_is_written(void **state)
{
    static const struct {
        const char *topic, *key, *value;
        int timestamp;
    } cases[] = {
        {"queue.a", "queue.buffering.max.messages", "100", MR_KAFKA_TIME_PRODUCED},
        {"queue.b", "queue.buffering.max.messages", "100", MR_KAFKA_TIME_COMMIT},
        {"queue.c", "queue.buffering.max.kbytes", "4", MR_KAFKA_TIME_PRODUCED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *key = cases[i].key, *value = cases[i].value;
        struct kafka_rig rig;
        kafka_rig_named(&rig, cases[i].topic);
        rig.config.client = (struct mr_option_map){&key, &value, 1};
        rig.config.timestamp = cases[i].timestamp;
        assert_int_equal(kafka_rig_open(&rig, "one"), 0);
        assert_int_equal(kafka_rig_block(&rig, cases[i].topic, 0, 1000, "{}"), 0);
        kafka_rig_close(&rig);
        kafka_expect_sequence(kafka_shared.address, cases[i].topic, 1000);
    }
}

/* A table t(id key, customer, name, at timestamp). */
static struct mr_table *table_new(enum mr_identity identity)
{
    static const char *const names[] = {"id", "customer", "name", "at"};
    static const enum mr_type types[] = {MR_TYPE_INT64, MR_TYPE_INT32, MR_TYPE_TEXT,
                                         MR_TYPE_TIMESTAMP};
    struct mr_table *table = mr_table_new(4);

    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("t");
    table->identity = identity;
    for (uint32_t i = 0; i < 4; i++) {
        table->columns[i].name = mr_slice_str(names[i]);
        table->columns[i].type = types[i];
    }
    table->columns[0].key = 1;
    table->key_count = 1;
    table->key_columns[0] = 0;
    return table;
}

static void test_columns_that_cannot_place_are_refused(void **state)
{
    static const struct {
        const char *columns;
        enum mr_identity identity;
        const char *says; /* NULL: taken */
    } cases[] = {
        {"id", MR_IDENTITY_DEFAULT, NULL},
        {"customer, name", MR_IDENTITY_FULL, NULL},
        {"customer", MR_IDENTITY_NOTHING, NULL},
        {"customer", MR_IDENTITY_DEFAULT, "does not send it with deleted rows"},
        {"Customer", MR_IDENTITY_FULL, "no such column"},
        {"at", MR_IDENTITY_FULL, "no plain text"},
        {" , ", MR_IDENTITY_FULL, "names none"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *key = "public.*", *value = cases[i].columns;
        struct mr_kafka_config config = {.partition_columns = {&key, &value, 1}};
        struct mr_context context = {.server = "s", .pipeline = "p"};
        struct mr_sink_args args = {.context = &context, .config = &config};
        struct mr_table *table = table_new(cases[i].identity);
        struct mr_err err;
        int rc = mr_sink_kafka.fit(&args, table, &err);
        assert_int_equal(rc, cases[i].says ? MR_CONFIG : 0);
        if (rc < 0) {
            assert_string_equal(err.code, "sink.kafka.partition_columns");
            assert_non_null(strstr(err.text, cases[i].says));
        }
        mr_table_unref(table);
    }
}

static void expect_key(struct mr_kafka_placing *placing, const struct mr_record *record,
                       const char *wanted)
{
    struct mr_slice key;
    struct mr_err err;

    assert_int_equal(mr_kafka_placing_key(placing, record, &key, &err), 0);
    assert_true(mr_slice_is(key, wanted));
}

static void test_columns_place_a_record_by_their_text(void **state)
{
    const char *key = "public.t", *value = "customer,name";
    struct mr_kafka_config config = {.partition_columns = {&key, &value, 1}};
    struct mr_table *table = table_new(MR_IDENTITY_FULL), *other = table_new(MR_IDENTITY_FULL);
    struct mr_value before[] = {{.kind = MR_INT, .i = 1},
                                {.kind = MR_INT, .i = -7},
                                {.kind = MR_TEXT, .size = 3, .p = "Ada"},
                                {.kind = MR_NULL}};
    struct mr_value after[] = {before[0], {.kind = MR_NULL}, {.kind = MR_UNCHANGED}, before[3]};
    struct mr_change change = {.before = before, .after = after};
    struct mr_record record = {
        .key = MR_SLICE("key"), .change = &change, .table = table, .row = before};
    struct mr_kafka_placing placing;
    struct mr_err err;

    (void)state;
    mr_kafka_placing_init(&placing, &config);
    assert_int_equal(mr_kafka_placing_compile(&placing, &err), 0);
    expect_key(&placing, &record, "-7,Ada");
    record.row = after;
    expect_key(&placing, &record, ",Ada");
    record.row = NULL;
    expect_key(&placing, &record, "key");
    other->name = mr_slice_str("u");
    record.row = before;
    record.table = other;
    expect_key(&placing, &record, "key");
    mr_kafka_placing_done(&placing);
    mr_table_unref(table);
    mr_table_unref(other);
}

static void take_finding(void *state, enum mr_finding_level level, const char *code,
                         const char *text, const char *hint)
{
    char *found = state;
    size_t used = strlen(found);

    if (level == MR_FINDING_FAIL)
        snprintf(found + used, 4096 - used, "%s: %s\n", code, text);
    assert_true(level != MR_FINDING_FAIL || (hint && *hint));
}

static void expect_findings(struct kafka_rig *rig, const struct mr_sink_topic *topics, size_t count,
                            const char *wanted)
{
    char found[4096] = "";
    struct mr_findings findings = {take_finding, found};
    struct mr_sink_args args = {
        .context = &rig->context, .config = &rig->config, .topics = topics, .topic_count = count};

    assert_int_equal(mr_sink_kafka.preflight(&args, &findings, &rig->err), 0);
    assert_string_equal(found, wanted);
}

/* Brokers do not make the second of two such topics. What is there already is never refused. */
static void test_names_that_differ_by_dots_are_told_before_a_run(void **state)
{
    static const struct mr_sink_topic topics[] = {
        {.name = "near.a_b.c", .what = "table a_b.c"},
        {.name = "near.a.b_c", .what = "table a.b_c"},
        {.name = "near.old.x", .what = "table old.x"},
        {.name = "near.a-b.c", .what = "table a-b.c"},
        {.name = "positions.of", .what = "the heartbeats"}};
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "near");
    rig.config.checkpoint_topic = "positions.of";
    kafka_broker_say(&kafka_shared, "topic near.old_x 1");
#define TAKEN(what, topic, other)                                                                  \
    "sink.kafka.topic_collision: " what " would go to the topic " topic                            \
    ", which brokers do not create beside " other ": the names differ only by . and _, which "     \
    "are one to their metrics\n"
    expect_findings(&rig, topics, 5,
                    TAKEN("table a.b_c", "near.a.b_c", "near.a_b.c") TAKEN(
                        "table old.x", "near.old.x",
                        "near.old_x") "sink.kafka.topic_collision: events would go to the topic "
                                      "positions.of, which holds the pipeline's position\n");
    rig.config.create_topics.mode = MR_KAFKA_CREATE_NEVER;
    kafka_broker_say(&kafka_shared, "topic positions.of 1 cleanup.policy=compact");
#define MISSING(what, topic)                                                                       \
    "kafka.topic_missing: topic " topic ", which is for " what                                     \
    ", does not exist, and create_topics is never\n"
    expect_findings(&rig, topics, 4, /* whatever their names: nobody makes them */
                    MISSING("table a_b.c", "near.a_b.c") MISSING("table a.b_c", "near.a.b_c")
                        MISSING("table old.x", "near.old.x") MISSING("table a-b.c", "near.a-b.c"));
}

static void test_a_topic_that_brokers_do_not_make_beside_another_is_told(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "beside");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "beside.a_b.c", 0, 1, "{}"), 0);
    assert_int_equal(kafka_rig_block(&rig, "beside.a.b_c", 1, 1, "{}"), MR_CONFIG);
    assert_string_equal(rig.err.code, "sink.kafka.topic_collision");
    assert_non_null(strstr(rig.err.text, "beside.a.b_c"));
    assert_non_null(strstr(rig.err.text, "beside.a_b.c"));
    kafka_rig_close(&rig);
    rig.config.checkpoint_topic = "beside.a.b.c";
    assert_int_equal(kafka_rig_open(&rig, "two"), MR_CONFIG);
    assert_string_equal(rig.err.code, "sink.kafka.topic_collision");
}

/* What is there counts; what would be made is judged by its settings. */
static void test_compacted_topics_want_keys_of_all_events(void **state)
{
    static const struct mr_sink_topic topics[] = {
        {.name = "keys.there", .what = "table there", .keyless = true},
        {.name = "keys.kept", .what = "table kept", .keyless = true, .truncates = true},
        {.name = "keys.made", .what = "table made", .truncates = true},
        {.name = "keys.well", .what = "table well"}};
    const char *key = "cleanup.policy", *value = "compact";
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "keys");
    rig.config.create_topics.config = (struct mr_option_map){&key, &value, 1};
    kafka_broker_say(&kafka_shared, "topic keys.there 1 cleanup.policy=compact,delete");
    kafka_broker_say(&kafka_shared, "topic keys.kept 1 cleanup.policy=delete");
    expect_findings(&rig, topics, 4,
                    "sink.kafka.compact_needs_keys: table there has no key, and the topic "
                    "keys.there is compacted: brokers refuse records without a key there\n"
                    "sink.kafka.compact_needs_keys: truncates of table made are events without a "
                    "key, and the topic keys.made is compacted: brokers refuse them there\n");
}

/* Told with the first event of a table, not with the truncate that comes one night. */
static void test_a_run_refuses_events_that_a_compacted_topic_will_not_take(void **state)
{
    static const struct {
        uint32_t key_count;
        bool truncates;
        const char *says; /* NULL: taken */
    } cases[] = {{1, false, NULL}, {0, false, "no key"}, {1, true, "truncates of table public.t"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_table *table = table_new(MR_IDENTITY_DEFAULT);
        struct mr_batch *batch = kafka_rig_batch("tidy.t", 0, 1, 0);
        struct kafka_rig rig;
        kafka_rig_named(&rig, "tidy");
        if (i == 0)
            kafka_broker_say(&kafka_shared, "topic tidy.t 1 cleanup.policy=compact");
        table->topic = mr_slice_str("tidy.t");
        table->key_count = cases[i].key_count;
        table->truncates = cases[i].truncates;
        batch->records[0].table = table;
        if (table->key_count == 0)
            batch->records[0].key = (struct mr_slice){NULL, 0};
        assert_int_equal(kafka_rig_open(&rig, "one"), 0);
        assert_int_equal(kafka_rig_write(&rig, batch), 0);
        assert_int_equal(kafka_rig_ask(&rig, "{}"), 0);
        assert_int_equal(kafka_rig_settle(&rig, 30), cases[i].says ? MR_CONFIG : 0);
        if (cases[i].says) {
            assert_string_equal(rig.err.code, "sink.kafka.compact_needs_keys");
            assert_non_null(strstr(rig.err.text, cases[i].says));
        }
        kafka_rig_close(&rig);
        mr_table_unref(table);
    }
}

static void test_no_event_goes_where_the_position_is(void **state)
{
    struct kafka_rig rig;

    (void)state;
    kafka_rig_named(&rig, "place");
    assert_int_equal(kafka_rig_open(&rig, "one"), 0);
    assert_int_equal(kafka_rig_block(&rig, "millrace.shop.place.checkpoint", 0, 1, "{}"),
                     MR_CONFIG);
    assert_string_equal(rig.err.code, "sink.kafka.topic_collision");
    kafka_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_pattern_decides_how_a_topic_is_made),
        cmocka_unit_test(test_settings_that_are_none_are_refused),
        cmocka_unit_test(test_a_topic_of_a_pattern_gets_its_partitions),
        cmocka_unit_test(test_a_topic_with_more_partitions_is_treated_as_asked),
        cmocka_unit_test(test_a_topic_deleted_and_made_again_is_refused),
        cmocka_unit_test(test_records_without_a_key_go_round_for_ever),
        cmocka_unit_test(test_many_topics_do_not_keep_room_for_their_records),
        cmocka_unit_test(test_a_record_above_its_topics_limit_is_refused_before_it_is_sent),
        cmocka_unit_test(test_small_records_reach_a_topic_with_a_small_limit),
        cmocka_unit_test(test_a_transaction_larger_than_the_clients_queue_is_written),
        cmocka_unit_test(test_columns_that_cannot_place_are_refused),
        cmocka_unit_test(test_columns_place_a_record_by_their_text),
        cmocka_unit_test(test_names_that_differ_by_dots_are_told_before_a_run),
        cmocka_unit_test(test_a_topic_that_brokers_do_not_make_beside_another_is_told),
        cmocka_unit_test(test_compacted_topics_want_keys_of_all_events),
        cmocka_unit_test(test_a_run_refuses_events_that_a_compacted_topic_will_not_take),
        cmocka_unit_test(test_no_event_goes_where_the_position_is),
    };

    return cmocka_run_group_tests(tests, kafka_shared_start, kafka_shared_stop);
}
