/* An independent read_committed consumer: what is really in a topic, and when it could be seen.
 *
 *     topic_reader BROKERS TOPIC count MOST        records, distinct ids, bytes, the brokers' times, as JSON
 *     topic_reader BROKERS TOPIC sample MOST FILE  the first records, for bare_producer
 *     topic_reader BROKERS TOPIC delays FILE       until SIGTERM: pairs of (time in the record, microseconds later)
 *
 * `count` ends at the end of all partitions, or after MOST records. The id is taken out of the key, {"id":N} in
 * JSON or Confluent's frame of five bytes and a zigzag varint; ids from 1 to MOST are counted once. The times are
 * the topic's, LogAppendTime: the broker's own clock. `half_ms` is the time of the record in the middle of what
 * was read. `delays` prints "ready" when it has reached the end, so that nothing is written before it listens; the
 * time in a record is the first "ts_us": in its value, in Debezium's shape the commit in the database. Clocks:
 * one machine, CLOCK_REALTIME; a record is seen when the application holds it.
 *
 *     SAMPLE file: { key size u32, value size u32, key, value } ...   DELAYS file: { i64 us, i64 us } ...
 *
 * Built by bench/run with cc; deliberately without millrace's code. */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCK 10000

struct tally {
    uint64_t most, records, distinct, bytes;
    int64_t first_ms, last_ms;
    int64_t
        *times; /* of each record: one is wanted from the middle, and how many come is not known */
    unsigned char *seen;
    FILE *file;
    int (*take)(struct tally *tally, const rd_kafka_message_t *message); /* true: enough */
};

static volatile sig_atomic_t ended;

static void end(int number)
{
    ended = number;
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "topic_reader: %s: %s\n", what, why);
    exit(1);
}

static uint64_t id_of(const char *key, size_t size)
{
    static const char name[] = "\"id\":";
    const char *place =
        size > 0 && key[0] == '{' ? memmem(key, size, name, sizeof(name) - 1) : NULL;
    uint64_t number = 0;

    if (place) {
        for (place += sizeof(name) - 1; place < key + size && *place >= '0' && *place <= '9';
             place++)
            number = number * 10 + (uint64_t)(*place - '0');
        return number;
    }
    if (size < 6 || key[0] != 0)
        return 0;
    for (size_t i = 5, shift = 0; i < size && shift < 64; i++, shift += 7) {
        number |= (uint64_t)(key[i] & 0x7f) << shift;
        if (!(key[i] & 0x80))
            break;
    }
    return number >> 1;
}

static int take_count(struct tally *tally, const rd_kafka_message_t *message)
{
    uint64_t id = id_of(message->key, message->key_len);
    int64_t time = rd_kafka_message_timestamp(message, NULL);

    if (id > 0 && id <= tally->most && !(tally->seen[id / 8] & 1 << id % 8)) {
        tally->seen[id / 8] |= (unsigned char)(1 << id % 8);
        tally->distinct++;
    }
    if (tally->records == 0 || time < tally->first_ms)
        tally->first_ms = time;
    if (time > tally->last_ms)
        tally->last_ms = time;
    tally->times[tally->records++] = time;
    tally->bytes += message->len;
    return tally->records == tally->most;
}

static int take_sample(struct tally *tally, const rd_kafka_message_t *message)
{
    uint32_t sizes[2] = {(uint32_t)message->key_len, (uint32_t)message->len};

    fwrite(sizes, sizeof(sizes), 1, tally->file);
    fwrite(message->key, 1, message->key_len, tally->file);
    fwrite(message->payload, 1, message->len, tally->file);
    return ++tally->records == tally->most;
}

static int take_delay(struct tally *tally, const rd_kafka_message_t *message)
{
    static const char name[] = "\"ts_us\":";
    const char *place =
        message->payload ? memmem(message->payload, message->len, name, sizeof(name) - 1) : NULL;
    struct timespec time;
    int64_t pair[2];

    if (!place)
        return 0;
    clock_gettime(CLOCK_REALTIME, &time);
    pair[0] = strtoll(place + sizeof(name) - 1, NULL, 10);
    pair[1] = time.tv_sec * 1000000L + time.tv_nsec / 1000 - pair[0];
    fwrite(pair, sizeof(pair), 1, tally->file);
    tally->records++;
    return 0;
}

static rd_kafka_t *open_reader(const char *brokers)
{
    const char *pairs[][2] = {
        {"bootstrap.servers", brokers},        {"group.id", "topic-reader"},
        {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"},
        {"enable.auto.commit", "false"},       {"enable.auto.offset.store", "false"},
        {"queued.min.messages", "1000000"},    {"enable.metrics.push", "false"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    char why[300];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (rd_kafka_conf_set(conf, pairs[i][0], pairs[i][1], why, sizeof why) != RD_KAFKA_CONF_OK)
            fail(pairs[i][0], why);
    }
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk)
        fail("start", why);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

static int assign_all(rd_kafka_t *rk, const char *name)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    const struct rd_kafka_metadata *metadata;
    int count;

    if (rd_kafka_metadata(rk, 0, topic, &metadata, 30000) != 0)
        fail(name, "no metadata");
    count = metadata->topics[0].partition_cnt;
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, name, i)->offset = 0;
    if (count == 0 || rd_kafka_assign(rk, list) != 0)
        fail(name, "cannot be read");
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    return count;
}

/* Until `take` has enough, a signal, or (most > 0) the end of every partition. */
static void read_all(rd_kafka_t *rk, int partitions, struct tally *tally)
{
    static rd_kafka_message_t *messages[BLOCK];
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    size_t most =
        tally->most ? BLOCK : 1; /* it waits until so many are there, or the time is over */
    int left = partitions, enough = 0;

    while (!ended && !enough && (left > 0 || tally->most == 0)) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 100, messages, most);
        for (ssize_t i = 0; i < count; i++) {
            if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                if (--left == 0 && tally->most == 0) {
                    puts("ready");
                    fflush(stdout);
                }
            } else if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR && !enough) {
                enough = tally->take(tally, messages[i]);
            } else if (messages[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                fail("read", rd_kafka_message_errstr(messages[i]));
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
}

static void print_count(const struct tally *tally)
{
    printf("{\"records\":%llu,\"distinct\":%llu,\"bytes\":%llu,\"first_ms\":%lld,\"half_ms\":%lld,"
           "\"last_ms\":%lld}\n",
           (unsigned long long)tally->records, (unsigned long long)tally->distinct,
           (unsigned long long)tally->bytes, (long long)tally->first_ms,
           (long long)(tally->records ? tally->times[tally->records / 2] : 0),
           (long long)tally->last_ms);
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    const char *what = argc > 3 ? argv[3] : "";
    rd_kafka_t *rk;

    if (argc == 5 && strcmp(what, "count") == 0)
        tally.take = take_count;
    else if (argc == 6 && strcmp(what, "sample") == 0)
        tally.take = take_sample;
    else if (argc == 5 && strcmp(what, "delays") == 0)
        tally.take = take_delay;
    else
        fail("usage", "topic_reader BROKERS TOPIC count MOST | sample MOST FILE | delays FILE");
    if (tally.take != take_delay)
        tally.most = strtoull(argv[4], NULL, 10);
    if (tally.take != take_count && !(tally.file = fopen(argv[argc - 1], "wb")))
        fail(argv[argc - 1], "cannot be written");
    tally.seen = calloc(tally.most / 8 + 1, 1);
    tally.times = calloc(tally.most + 1, sizeof(*tally.times));
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = end}, NULL);
    rk = open_reader(argv[1]);
    read_all(rk, assign_all(rk, argv[2]), &tally);
    if (tally.take == take_count)
        print_count(&tally);
    if (tally.file && fclose(tally.file) != 0)
        fail(argv[argc - 1], "cannot be written");
    rd_kafka_destroy(rk);
    return 0;
}
