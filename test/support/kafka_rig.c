/* The rig for tests of the Kafka sink: see the header.
 *
 * kfake is built once into the cache folder by test/support/kfake/build, which prints the binary's path. It ends when
 * its standard input does, and with its parent (PR_SET_PDEATHSIG), so nothing is left behind.
 *
 * The reader is librdkafka too, but a handle of its own with nothing of the sink's configuration. */
#include "test/support/kafka_rig.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"

extern const struct mr_sink mr_sink_kafka;

static bool find_kfake(char *ret_path, size_t room)
{
    FILE *build = popen("test/support/kfake/build", "r");
    bool there = build && fgets(ret_path, (int)room, build);

    if (build)
        there = pclose(build) == 0 && there;
    ret_path[strcspn(ret_path, "\n")] = 0;
    return there;
}

bool kafka_broker_start(struct kafka_broker *broker, const char *const *arguments)
{
    char path[512] = "";
    const char *argv[32] = {path};
    int in[2], out[2], count = 1;

    if (!find_kfake(path, sizeof path)) {
        print_message("SKIPPED: kfake cannot be built here\n");
        return false;
    }
    for (; arguments && *arguments && count < 31; arguments++)
        argv[count++] = *arguments;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    broker->pid = fork();
    if (broker->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execv(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    broker->to = fdopen(in[1], "w");
    broker->from = fdopen(out[0], "r");
    assert_non_null(fgets(broker->address, sizeof broker->address, broker->from));
    broker->address[strcspn(broker->address, "\n")] = 0;
    return true;
}

void kafka_broker_stop(struct kafka_broker *broker)
{
    if (broker->pid <= 0)
        return;
    kill(broker->pid, SIGKILL);
    waitpid(broker->pid, NULL, 0);
    fclose(broker->to);
    fclose(broker->from);
    broker->pid = 0;
}

struct kafka_broker kafka_shared;

int kafka_shared_start(void **state)
{
    static const char *const arguments[] = {"-partitions", "3", NULL};

    (void)state;
    (void)kafka_broker_start(&kafka_shared, arguments);
    return 0;
}

int kafka_shared_stop(void **state)
{
    (void)state;
    kafka_broker_stop(&kafka_shared);
    return 0;
}

void kafka_shared_needed(void)
{
    if (kafka_shared.pid <= 0)
        skip();
}

void kafka_broker_say(struct kafka_broker *broker, const char *format, ...)
{
    char answer[512] = "";
    va_list args;

    va_start(args, format);
    vfprintf(broker->to, format, args);
    va_end(args);
    fputc('\n', broker->to);
    fflush(broker->to);
    assert_non_null(fgets(answer, sizeof answer, broker->from));
    assert_string_equal(answer, "ok\n");
}

__attribute__((format(printf, 4, 5))) static void
take_note(void *state, int level, const char *code, const char *format, ...)
{
    struct kafka_rig *rig = state;
    size_t used = strlen(rig->notes);
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (getenv("MR_TEST_NOTES"))
        fprintf(stderr, "note %d %s: %s\n", level, code, text);
    snprintf(rig->notes + used, sizeof rig->notes - used, "%s ", code);
}

void kafka_rig_init(struct kafka_rig *rig, const struct kafka_broker *broker)
{
    memset(rig, 0, sizeof *rig);
    rig->brokers[0] = broker->address;
    rig->config = (struct mr_kafka_config){
        .brokers = {.items = rig->brokers, .count = 1},
        .delivery = MR_KAFKA_EXACTLY_ONCE,
        .commit = {.interval = 20 * MR_MS_NS, .bytes = 8 << 20, .split = 1000000},
        .transaction_timeout = 60 * MR_SECOND_NS,
    };
    rig->context = (struct mr_context){
        .pipeline = "orders",
        .server = "shop",
        .notes = {take_note, rig},
        .counters = &rig->counters,
        .stopping = &rig->stopping,
    };
}

void kafka_rig_named(struct kafka_rig *rig, const char *pipeline)
{
    kafka_shared_needed();
    kafka_rig_init(rig, &kafka_shared);
    rig->context.pipeline = pipeline;
}

int kafka_rig_open(struct kafka_rig *rig, const char *owner)
{
    struct mr_sink_args args = {.context = &rig->context,
                                .config = &rig->config,
                                .owner = owner,
                                .claim = rig->keeps_claim ? &rig->claim : NULL};
    struct mr_buf text;

    mr_buf_init(&text, sizeof rig->checkpoint - 1);
    rig->sink = mr_alloc_zero(mr_sink_kafka.state_size);
    rig->next_commit = rig->durable = 0;
    int rc = mr_sink_kafka.open(rig->sink, &args, &text, &rig->err);
    snprintf(rig->checkpoint, sizeof rig->checkpoint, "%s", mr_buf_cstr(&text));
    mr_buf_done(&text);
    if (rc < 0)
        kafka_rig_close(rig);
    return rc;
}

void kafka_rig_close(struct kafka_rig *rig)
{
    if (!rig->sink)
        return;
    mr_sink_kafka.close(rig->sink);
    free(rig->sink);
    rig->sink = NULL;
}

struct mr_batch *kafka_rig_batch(const char *topic, int first, int count, size_t pad)
{
    struct mr_batch *batch = mr_batch_new(64 << 10, 64 << 10);

    for (int n = first; n < first + count; n++) {
        struct mr_record *record = mr_batch_add_record(batch);
        record->topic = mr_slice_str(topic);
        record->key = mr_slice_str(mr_arena_printf(&batch->arena, "k%d", n % 97));
        record->value = mr_slice_str(mr_arena_printf(&batch->arena, "v%d%*s", n, (int)pad, ""));
        record->partition = -1;
    }
    return batch;
}

static int poll_once(struct kafka_rig *rig, int64_t wait_ns)
{
    struct mr_sink_result result = {0};
    int rc = mr_sink_kafka.poll(rig->sink, mr_clock_mono_ns() + wait_ns, &result, &rig->err);

    while (result.released) {
        struct mr_batch *batch = result.released;
        result.released = batch->next;
        mr_batch_free(batch);
        rig->released++;
    }
    rig->durable = result.durable;
    rig->full = result.full;
    return rc;
}

int kafka_rig_write(struct kafka_rig *rig, struct mr_batch *batch)
{
    int rc;

    while ((rc = mr_sink_kafka.write(rig->sink, batch, &rig->err)) == MR_AGAIN) {
        rc = poll_once(rig, 100 * MR_MS_NS);
        if (rc < 0)
            break;
    }
    if (rc < 0)
        mr_batch_free(batch);
    return rc;
}

int kafka_rig_wait_released(struct kafka_rig *rig, uint64_t more_than, int seconds)
{
    int64_t deadline_ns = mr_clock_mono_ns() + seconds * MR_SECOND_NS;
    int rc = 0;

    while (rc == 0 && (uint64_t)rig->released <= more_than && mr_clock_mono_ns() < deadline_ns)
        rc = poll_once(rig, 100 * MR_MS_NS);
    return rc;
}

int kafka_rig_ask(struct kafka_rig *rig, const char *text)
{
    struct mr_commit commit = {
        .id = rig->next_commit + 1, .text = mr_slice_str(text), .whole = true};
    int rc;

    while ((rc = mr_sink_kafka.commit(rig->sink, &commit, &rig->err)) == MR_AGAIN) {
        rc = poll_once(rig, 100 * MR_MS_NS);
        if (rc < 0)
            return rc;
    }
    if (rc == 0)
        rig->next_commit++;
    return rc;
}

int kafka_rig_settle(struct kafka_rig *rig, int seconds)
{
    int64_t deadline = mr_clock_mono_ns() + seconds * MR_SECOND_NS;
    int rc = 0;

    while (rc == 0 && rig->durable < rig->next_commit) {
        rc = poll_once(rig, 50 * MR_MS_NS);
        if (rc == 0 && mr_clock_mono_ns() > deadline)
            return 1;
    }
    return rc;
}

int kafka_rig_block(struct kafka_rig *rig, const char *topic, int first, int count,
                    const char *text)
{
    int rc = count ? kafka_rig_write(rig, kafka_rig_batch(topic, first, count, 0)) : 0;

    if (rc == 0)
        rc = kafka_rig_ask(rig, text);
    return rc < 0 ? rc : kafka_rig_settle(rig, 60);
}

static rd_kafka_t *reader_new(const char *brokers, const char *isolation)
{
    const char *const pairs[][2] = {
        {"bootstrap.servers", brokers},   {"isolation.level", isolation},
        {"enable.partition.eof", "true"}, {"group.id", "test-reader"},
        {"enable.auto.commit", "false"},  {"fetch.wait.max.ms", "20"},
        {"enable.metrics.push", "false"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        rd_kafka_conf_set(conf, pairs[i][0], pairs[i][1], why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    assert_non_null(rk);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

static int count_partitions(rd_kafka_t *rk, const char *topic)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;

    assert_int_equal(rd_kafka_metadata(rk, 0, rkt, &metadata, 10000), 0);
    int count = metadata->topics[0].err ? 0 : metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(rkt);
    return count;
}

static void seen_add(struct kafka_seen *seen, const rd_kafka_message_t *message)
{
    seen->values = mr_realloc(seen->values, (size_t)(seen->count + 1) * sizeof *seen->values);
    seen->partitions =
        mr_realloc(seen->partitions, (size_t)(seen->count + 1) * sizeof *seen->partitions);
    char *text = mr_alloc(message->len + 8);
    snprintf(text, message->len + 8, "%.*s", message->payload ? (int)message->len : 6,
             message->payload ? (const char *)message->payload : "(null)");
    seen->values[seen->count] = text;
    seen->partitions[seen->count++] = message->partition;
}

static void read_partition(rd_kafka_t *rk, const char *topic, int partition,
                           struct kafka_seen *seen)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    int64_t deadline = mr_clock_mono_ns() + 90 * MR_SECOND_NS;
    bool ended = false;

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    assert_int_equal(rd_kafka_assign(rk, list), 0);
    while (!ended) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 200);
        assert_true(mr_clock_mono_ns() < deadline);
        if (!message)
            continue;
        if (!message->err)
            seen_add(seen, message);
        ended = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

struct kafka_seen kafka_read(const char *brokers, const char *topic, const char *isolation)
{
    rd_kafka_t *rk = reader_new(brokers, isolation);
    struct kafka_seen seen = {0};
    int partitions = count_partitions(rk, topic);

    for (int p = 0; p < partitions; p++)
        read_partition(rk, topic, p, &seen);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return seen;
}

void kafka_seen_free(struct kafka_seen *seen)
{
    for (int i = 0; i < seen->count; i++)
        free(seen->values[i]);
    free(seen->values);
    free(seen->partitions);
}

void kafka_expect_sequence(const char *brokers, const char *topic, int count)
{
    struct kafka_seen seen = kafka_read(brokers, topic, "read_committed");
    int *times = mr_alloc_zero((size_t)(count + 1) * sizeof *times), last = -1, partition = -1;

    for (int i = 0; i < seen.count; i++) {
        int n = (int)strtol(seen.values[i] + 1, NULL, 10);
        if (seen.partitions[i] != partition)
            last = -1;
        partition = seen.partitions[i];
        if (n <= last || n >= count)
            fail_msg("v%d comes after v%d in partition %d of %s (%d expected)", n, last, partition,
                     topic, count);
        last = n;
        times[n]++;
    }
    for (int n = 0; n < count; n++) {
        if (times[n] != 1)
            fail_msg("v%d is there %d times in %s", n, times[n], topic);
    }
    free(times);
    kafka_seen_free(&seen);
}

void kafka_grow(const char *brokers, const char *topic, int partitions)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256] = "";

    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "enable.metrics.push", "false", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_NewPartitions_t *wanted =
        rd_kafka_NewPartitions_new(topic, (size_t)partitions, why, sizeof why);
    rd_kafka_CreatePartitions(rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20000);
    size_t count = 0;
    const rd_kafka_topic_result_t **grown = rd_kafka_CreatePartitions_result_topics(
        rd_kafka_event_CreatePartitions_result(event), &count);
    assert_int_equal(count, 1);
    assert_int_equal(rd_kafka_topic_result_error(grown[0]), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}
