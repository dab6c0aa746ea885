/* A bare transactional producer: the least that can bring records to Kafka exactly once.
 *
 *     bare_producer BROKERS TOPIC SAMPLE drain ROWS
 *     bare_producer BROKERS TOPIC SAMPLE paced TRANSACTIONS_PER_S ROWS SECONDS INTERVAL_MS
 *
 * It sends the records of SAMPLE (written by topic_reader out of a topic that millrace filled, so keys and values have
 * the same sizes and compress alike) over and over. `drain` goes as fast as it can: ROWS records, a Kafka
 * transaction for every 8 MiB or 250 ms, which is millrace's cadence while it is behind. `paced` lets
 * transactions of ROWS records arrive at random times with the given mean rate, as pgbench -R does, writes the
 * time of arrival over the sixteen digits behind "ts_us": in each value, and commits INTERVAL_MS after the arrival
 * of the first record of each Kafka transaction, or after three times what the end of the last one took, up to 2 s:
 * millrace's cadence while it is caught up. What arrives while a commit blocks keeps its own time, and goes into the
 * next Kafka transaction however much it is.
 *
 * librdkafka is used as well as we know how: arrays of messages without copying, delivery reports as events and
 * for errors only (a flush would otherwise wait in steps of 10 ms). There is no source, no encoding, no
 * checkpoint. Built by bench/run with cc; deliberately without millrace's code. */
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND       1000000000L
#define BLOCK        1000
#define COMMIT_BYTES (8 << 20)
#define COMMIT_NS    (250 * SECOND / 1000)
#define SLOWEST_NS   (2 * SECOND)
#define DIGITS       16

struct record {
    uint32_t key_size, value_size;
    char *key, *value;
};

struct bare {
    rd_kafka_t *rk;
    rd_kafka_queue_t *events;
    rd_kafka_topic_t *topic;
    int partitions;
    struct record *records;
    size_t count, next;
    uint64_t sent;
};

static int64_t now(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bare_producer: %s: %s\n", what, why);
    exit(1);
}

static void check(const char *what, rd_kafka_error_t *error)
{
    if (error)
        fail(what, rd_kafka_error_string(error));
}

static void load(struct bare *bare, const char *path)
{
    FILE *file = fopen(path, "rb");
    struct record record;

    if (!file)
        fail(path, "cannot be read");
    while (fread(&record, 2 * sizeof(uint32_t), 1, file) == 1) {
        record.key = malloc(record.key_size + 1);
        record.value = malloc(record.value_size + 1);
        if (fread(record.key, 1, record.key_size, file) != record.key_size ||
            fread(record.value, 1, record.value_size, file) != record.value_size)
            fail(path, "ends early");
        record.value[record.value_size] = '\0';
        bare->records = realloc(bare->records, (bare->count + 1) * sizeof(record));
        bare->records[bare->count++] = record;
    }
    fclose(file);
    if (bare->count == 0)
        fail(path, "is empty");
}

static void start(struct bare *bare, const char *brokers, const char *topic, const char *linger)
{
    const char *pairs[][2] = {{"bootstrap.servers", brokers},
                              {"transactional.id", topic},
                              {"compression.codec", "lz4"},
                              {"batch.num.messages", "20000"},
                              {"queue.buffering.max.messages", "1000000"},
                              {"linger.ms", linger},
                              {"delivery.report.only.error", "true"},
                              {"enable.metrics.push", "false"}};
    const struct rd_kafka_metadata *metadata;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[300];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (rd_kafka_conf_set(conf, pairs[i][0], pairs[i][1], why, sizeof why) != RD_KAFKA_CONF_OK)
            fail(pairs[i][0], why);
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    bare->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!bare->rk)
        fail("start", why);
    bare->events = rd_kafka_queue_get_main(bare->rk);
    bare->topic = rd_kafka_topic_new(bare->rk, topic, NULL);
    check("init_transactions", rd_kafka_init_transactions(bare->rk, 30000));
    if (rd_kafka_metadata(bare->rk, 0, bare->topic, &metadata, 30000) != 0)
        fail(topic, "no metadata");
    bare->partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    if (bare->partitions == 0)
        fail(topic, "is not there");
}

/* Only errors are told; one of them spoils the run. */
static void take_events(struct bare *bare)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(bare->events, 0);

    if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
        fail("delivery", "failed");
    if (event)
        rd_kafka_event_destroy(event);
}

static size_t send_rows(struct bare *bare, uint64_t rows, int flags, const char *stamp)
{
    rd_kafka_message_t messages[BLOCK];
    size_t bytes = 0;

    for (uint64_t i = 0; i < rows; i++) {
        struct record *record = &bare->records[bare->next];
        bare->next = (bare->next + 1) % bare->count;
        if (stamp) {
            char *place = strstr(record->value, "\"ts_us\":");
            if (!place)
                fail("sample", "has no \"ts_us\":");
            memcpy(place + 8, stamp, DIGITS);
        }
        messages[i] = (rd_kafka_message_t){.partition = (int32_t)(bare->sent++ % bare->partitions),
                                           .payload = record->value,
                                           .len = record->value_size,
                                           .key = record->key,
                                           .key_len = record->key_size};
        bytes += record->key_size + record->value_size;
    }
    if (rd_kafka_produce_batch(bare->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_PARTITION | flags,
                               messages, (int)rows) != (int)rows)
        fail("produce", "not all were taken");
    return bytes;
}

static void commit(struct bare *bare)
{
    check("commit", rd_kafka_commit_transaction(bare->rk, 60000));
    take_events(bare);
}

static void drain(struct bare *bare, uint64_t rows)
{
    while (bare->sent < rows) {
        int64_t first = now(CLOCK_MONOTONIC);
        size_t bytes = 0;
        check("begin", rd_kafka_begin_transaction(bare->rk));
        while (bare->sent < rows && bytes < COMMIT_BYTES &&
               now(CLOCK_MONOTONIC) - first < COMMIT_NS)
            bytes +=
                send_rows(bare, rows - bare->sent < BLOCK ? rows - bare->sent : BLOCK, 0, NULL);
        commit(bare);
    }
}

static void sleep_until(int64_t at)
{
    struct timespec time = {.tv_sec = at / SECOND, .tv_nsec = at % SECOND};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* Samples are changed in place, so librdkafka copies here. */
static void arrive(struct bare *bare, int64_t at, uint64_t rows)
{
    int64_t wall = now(CLOCK_REALTIME) - (now(CLOCK_MONOTONIC) - at);
    char stamp[DIGITS + 1];

    snprintf(stamp, sizeof stamp, "%0*lld", DIGITS, (long long)(wall / 1000));
    for (uint64_t left = rows; left > 0;) {
        uint64_t some = left < BLOCK ? left : BLOCK;
        send_rows(bare, some, RD_KAFKA_MSG_F_COPY, stamp);
        left -= some;
    }
}

/* Timed is the end of the transaction, not what is sent before it: millrace's rule. */
static int64_t timed_commit(struct bare *bare)
{
    int64_t begin, least;

    rd_kafka_flush(bare->rk, 60000);
    begin = now(CLOCK_MONOTONIC);
    commit(bare);
    least = 3 * (now(CLOCK_MONOTONIC) - begin);
    return least < SLOWEST_NS ? least : SLOWEST_NS;
}

static void paced(struct bare *bare, double rate, uint64_t rows, double seconds, int64_t interval)
{
    int64_t next = now(CLOCK_MONOTONIC), end = next + (int64_t)(seconds * SECOND), due = 0,
            least = 0;

    srand48(1);
    while (next < end || due) {
        bool waiting = next < end && next <= now(CLOCK_MONOTONIC);
        if (due && !waiting && (next >= end || due < next)) {
            sleep_until(due);
            least = timed_commit(bare);
            due = 0;
            continue;
        }
        sleep_until(next);
        if (!due) {
            check("begin", rd_kafka_begin_transaction(bare->rk));
            due = next + (interval > least ? interval : least);
        }
        arrive(bare, next, rows);
        next += (int64_t)(-log(1 - drand48()) / rate * SECOND);
    }
}

int main(int argc, char **argv)
{
    struct bare bare = {0};
    int64_t begin;

    if (!(argc == 6 && strcmp(argv[4], "drain") == 0) &&
        !(argc == 9 && strcmp(argv[4], "paced") == 0)) {
        fprintf(stderr, "usage: bare_producer BROKERS TOPIC SAMPLE drain ROWS | paced "
                        "TRANSACTIONS_PER_S ROWS SECONDS INTERVAL_MS\n");
        return 2;
    }
    load(&bare, argv[3]);
    start(&bare, argv[1], argv[2], argc == 6 ? "1000" : "1");
    begin = now(CLOCK_MONOTONIC);
    if (argc == 6)
        drain(&bare, strtoull(argv[5], NULL, 10));
    else
        paced(&bare, atof(argv[5]), strtoull(argv[6], NULL, 10), atof(argv[7]),
              (int64_t)(atof(argv[8]) * SECOND / 1000));
    printf("{\"rows\":%llu,\"seconds\":%.3f}\n", (unsigned long long)bare.sent,
           (double)(now(CLOCK_MONOTONIC) - begin) / SECOND);
    rd_kafka_topic_destroy(bare.topic);
    rd_kafka_queue_destroy(bare.events);
    rd_kafka_destroy(bare.rk);
    return 0;
}
