/* Options of the Kafka sink and the client configuration made from them.
 *
 * Three kinds of librdkafka properties meet here, set in this order so that the later win:
 *
 *     ours      defaults that were measured (linger.ms, ...), on top of every client's: `client` may change them
 *     client    whatever the user writes below `client:`, checked by librdkafka itself
 *     fixed     what exactly-once rests on: set last, and refused in `client` with the option to use instead
 *
 * Why these defaults: what every client starts from is said in client/kafka/conf.c; lz4 costs us next to nothing
 * on real envelopes and saves the broker a third; delivery reports only on error, and as events, let a flush
 * wait on a condition variable instead of sleeping in steps of 10 ms (a commit of 3 ms instead of 11).
 *
 * linger.ms is long, because a commit flushes anyway (and leave.c before it), and because librdkafka's broker thread
 * polls without pause while a request of a partition is on its way and records have waited longer than linger.ms:
 * 20 ms cost it a second of CPU per million rows.
 *
 * A reader (of the checkpoint) and an admin client take the same `client` properties; librdkafka ignores those
 * that do not fit their kind and says so in its log, which the log callback drops. */
#include "connectors/sink_kafka/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "client/kafka/conf.h"
#include "schema/names/topic.h"

#define FIELD(member) offsetof(struct mr_kafka_config, member)

static const char *const deliveries[] = {"exactly_once", "at_least_once", NULL};
static const char *const create_modes[] = {"auto", "never", NULL};
static const char *const growths[] = {"keep", "use", "refuse", NULL};
static const char *const timestamps[] = {"produced", "commit", NULL};
const char *const mr_kafka_compressions[] = {"lz4", "zstd", "snappy", "gzip", "none", NULL};

static const struct mr_option create_options[] = {
    {.key = "mode",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct mr_kafka_create_topics, mode),
     .standard = "auto",
     .choices = create_modes,
     .doc = "auto: a topic that does not exist is created before its first event. never: it is an "
            "error. "
            "`create_topics: never` is short for it. Brokers never create topics by themselves for "
            "millrace."},
    {.key = "partitions",
     .type = MR_OPTION_INT,
     .offset = offsetof(struct mr_kafka_create_topics, partitions),
     .standard = "0",
     .min = 0,
     .max = 100000,
     .doc = "Partitions of a new topic; 0 is the broker's own default."},
    {.key = "replication",
     .type = MR_OPTION_INT,
     .offset = offsetof(struct mr_kafka_create_topics, replication),
     .standard = "0",
     .min = 0,
     .max = 100,
     .doc = "Replication factor of a new topic, the checkpoint topic included; 0 is the broker's "
            "own default."},
    {.key = "config",
     .type = MR_OPTION_MAP,
     .offset = offsetof(struct mr_kafka_create_topics, config),
     .doc = "Topic configuration of a new topic, for example cleanup.policy: compact."},
    {.key = "topics",
     .type = MR_OPTION_MAP,
     .offset = offsetof(struct mr_kafka_create_topics, topics),
     .doc =
         "Other settings for some topics: patterns of topics with * and ?, or a regular "
         "expression between slashes, and words separated by spaces, for example "
         "\"partitions=12 replication=3 cleanup.policy=compact\". The first pattern that matches "
         "counts; what it leaves out is as above."},
    {0}};

static const struct mr_option commit_options[] = {
    {.key = "interval",
     .type = MR_OPTION_DURATION,
     .offset = FIELD(commit.interval) - FIELD(commit),
     .standard = "20ms",
     .min = 1000000,
     .max = 60000000000LL,
     .doc = "How long events may wait for their commit when the source is caught up. Shorter is "
            "fresher for "
            "readers and dearer for brokers (about 4 ms of broker CPU per commit)."},
    {.key = "bytes",
     .type = MR_OPTION_SIZE,
     .offset = FIELD(commit.bytes) - FIELD(commit),
     .standard = "8MiB",
     .min = 65536,
     .max = 1073741824,
     .doc = "Commit at the first end of a source transaction after this much, while behind; small "
            "events, "
            "which take more memory than bytes, are committed earlier. What waits for its commit "
            "takes "
            "up to three times as much memory (at least 16 MiB), also during an outage of the "
            "brokers."},
    {.key = "split",
     .type = MR_OPTION_INT,
     .offset = FIELD(commit.split) - FIELD(commit),
     .standard = "1000000",
     .min = 100,
     .max = 1000000000,
     .doc = "A source transaction of more events than this goes into several Kafka transactions. "
            "So does one that takes longer than a third of transaction_timeout."},
    {0}};

const struct mr_option mr_kafka_options[] = {
    {.key = "brokers",
     .type = MR_OPTION_LIST,
     .flags = MR_OPTION_REQUIRED,
     .offset = FIELD(brokers),
     .doc = "Brokers to start from, host:port; one that answers is enough."},
    {.key = "delivery",
     .type = MR_OPTION_ENUM,
     .offset = FIELD(delivery),
     .standard = "exactly_once",
     .choices = deliveries,
     .doc = "exactly_once: events and position commit in one Kafka transaction; consumers must "
            "read with "
            "isolation.level=read_committed. at_least_once: no transactions; a restart may repeat "
            "events, and nothing fences a predecessor: one that was frozen and wakes beside its "
            "successor writes older events, and an older position, behind newer ones before it "
            "learns of it. Make sure that the old instance is dead before a new one starts."},
    {.key = "create_topics",
     .type = MR_OPTION_GROUP,
     .flags = MR_OPTION_SHORT,
     .offset = FIELD(create_topics),
     .group = create_options,
     .doc = "Whether and how topics are created."},
    {.key = "commit",
     .type = MR_OPTION_GROUP,
     .offset = FIELD(commit),
     .group = commit_options,
     .doc = "When events become visible."},
    {.key = "transactional_id",
     .type = MR_OPTION_STRING,
     .offset = FIELD(transactional_id),
     .doc = "Kafka's transactional.id: what fences a second instance of this pipeline. Default "
            "millrace.<name>.<pipeline>. Must stay the same over restarts and be used by nothing "
            "else."},
    {.key = "checkpoint_topic",
     .type = MR_OPTION_STRING,
     .offset = FIELD(checkpoint_topic),
     .doc = "Topic of one partition, compacted, that holds the pipeline's position. Default "
            "millrace.<name>.<pipeline>.checkpoint. Created when it is missing."},
    {.key = "transaction_timeout",
     .type = MR_OPTION_DURATION,
     .offset = FIELD(transaction_timeout),
     .standard = "60s",
     .min = 1000000000LL,
     .max = 900000000000LL,
     .doc = "How long brokers let a transaction stay open before they abort it; after a crash, "
            "readers wait at "
            "most this long. Not above the brokers' transaction.max.timeout.ms."},
    {.key = "compression",
     .type = MR_OPTION_ENUM,
     .offset = FIELD(compression),
     .standard = "lz4",
     .choices = mr_kafka_compressions,
     .doc = "Compression of record batches."},
    {.key = "partition_columns",
     .type = MR_OPTION_MAP,
     .offset = FIELD(partition_columns),
     .doc = "Patterns of schema.table and the columns, separated by commas, that decide a record's "
            "partition in place of its key; the key stays. murmur2 over the values as text, joined "
            "by commas. Columns outside the replica identity need REPLICA IDENTITY FULL, and a row "
            "whose column changes goes on in another partition."},
    {.key = "partition_growth",
     .type = MR_OPTION_ENUM,
     .offset = FIELD(partition_growth),
     .standard = "keep",
     .choices = growths,
     .doc = "What to do at a start when a topic has more partitions than at the last commit. keep: "
            "go on with the partitions there were, so that each key stays where it is, and say so. "
            "use: place over all of them from here on; a key's order is lost where it moves. "
            "refuse: stop."},
    {.key = "timestamp",
     .type = MR_OPTION_ENUM,
     .offset = FIELD(timestamp),
     .standard = "produced",
     .choices = timestamps,
     .doc = "The records' timestamp. produced: when they are written, as Kafka Connect does. "
            "commit: when the source committed the change; each record then costs about as much as "
            "two."},
    {.key = "client",
     .type = MR_OPTION_MAP,
     .flags = MR_OPTION_SECRET,
     .offset = FIELD(client),
     .doc = "Any librdkafka property, such as security.protocol, sasl.mechanism, sasl.username, "
            "sasl.password, "
            "ssl.ca.location, linger.ms or message.max.bytes."},
    {0}};

/* What the promises of the sink rest on. */
static const struct mr_kafka_fixed fixed[] = {
    {"transactional.id", "use `transactional_id`"},
    {"transaction.timeout.ms", "use `transaction_timeout`"},
    {"compression.codec", "use `compression`"},
    {"compression.type", "use `compression`"},
    {"enable.idempotence", "every delivery mode needs it"},
    {"acks", "every delivery mode needs all replicas in sync"},
    {"request.required.acks", "every delivery mode needs all replicas in sync"},
    {"max.in.flight", "idempotence fixes it"},
    {"max.in.flight.requests.per.connection", "idempotence fixes it"},
    {"queuing.strategy", "idempotence fixes it"},
    {"enable.gapless.guarantee", "the transaction already gives it"},
    {"partitioner", "millrace places records as Java's producer does"},
    {"allow.auto.create.topics", "use `create_topics`"},
    {"delivery.report.only.error", "millrace takes its reports in a form of its own"},
    {"isolation.level", "the checkpoint is read with read_committed"},
    {"enable.partition.eof", "the checkpoint's reader needs it"},
    {"enable.auto.commit", "the checkpoint's reader has no group"},
    {"enable.auto.offset.store", "the checkpoint's reader has no group"},
    {"auto.offset.reset", "the checkpoint's reader seeks by itself"},
    {"group.id", "the checkpoint's reader has no group"},
    {"message.timeout.ms", "use `transaction_timeout`"},
    {"delivery.timeout.ms", "use `transaction_timeout`"},
    {0},
};

static const char *const ours_producer[][2] = {
    {"batch.num.messages", "20000"},
    {"queue.buffering.max.messages", "1000000"},
    {"message.max.bytes", "1000000000"}, /* each topic has its own limit: topics.c */
    {"queue.buffering.max.kbytes", "2097151"},
};

size_t mr_kafka_config_most(const struct mr_kafka_config *config)
{
    for (size_t i = 0; i < config->client.count; i++) {
        if (strcmp(config->client.keys[i], "message.max.bytes") == 0)
            return (size_t)strtoull(config->client.values[i], NULL, 10);
    }
    return 0;
}

static void add_name(char **ret_name, const char *set, const struct mr_context *context,
                     const char *prefix, const char *suffix)
{
    char *text = NULL;

    if (set)
        *ret_name = mr_strdup(set);
    else if (asprintf(&text, "%s%s.%s%s", prefix, context->server, context->pipeline, suffix) < 0)
        mr_out_of_memory(0);
    else
        *ret_name = text;
}

void mr_kafka_legalise(char *name)
{
    for (char *at = name; *at; at++) {
        if (!mr_topic_legal(*at))
            *at = '_';
    }
}

void mr_kafka_names_init(struct mr_kafka_names *names, const struct mr_kafka_config *config,
                         const struct mr_context *context)
{
    add_name(&names->transactional_id, config->transactional_id, context, "millrace.", "");
    add_name(&names->checkpoint_topic, config->checkpoint_topic, context, "millrace.",
             ".checkpoint");
    add_name(&names->checkpoint_key, NULL, context, "", "");
    if (!config->checkpoint_topic)
        mr_kafka_legalise(names->checkpoint_topic);
}

void mr_kafka_names_done(struct mr_kafka_names *names)
{
    free(names->transactional_id);
    free(names->checkpoint_topic);
    free(names->checkpoint_key);
}

static int set_producer(rd_kafka_conf_t *conf, const struct mr_kafka_config *config,
                        const char *transactional_id, struct mr_err *err)
{
    int rc = mr_kafka_conf_set(conf, "enable.idempotence", "true", err);

    if (rc == 0)
        rc = mr_kafka_conf_set(conf, "delivery.report.only.error", "true", err);
    if (rc == 0)
        rc = mr_kafka_conf_set(conf, "allow.auto.create.topics", "false", err);
    if (rc == 0)
        rc = mr_kafka_conf_set(conf, "compression.codec",
                               mr_kafka_compressions[config->compression], err);
    if (rc == 0 && transactional_id)
        rc = mr_kafka_conf_set(conf, "transactional.id", transactional_id, err);
    if (rc == 0 && transactional_id)
        rc = mr_kafka_conf_set_number(conf, "transaction.timeout.ms",
                                      config->transaction_timeout / 1000000, err);
    if (rc == 0 && !transactional_id) /* nothing bounds it: an outage is waited out */
        rc = mr_kafka_conf_set(conf, "message.timeout.ms", "0", err);
    return rc;
}

static int set_reader(rd_kafka_conf_t *conf, struct mr_err *err)
{
    static const char *const pairs[][2] = {
        {"group.id",
         "millrace-checkpoint-reader"}, /* assign() asks for one; nothing is ever committed */
        {"isolation.level", "read_committed"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"allow.auto.create.topics", "false"},
        {"fetch.wait.max.ms", "50"},
        {"fetch.error.backoff.ms", "50"},
    };

    return mr_kafka_conf_set_pairs(conf, pairs, sizeof pairs / sizeof *pairs, err);
}

/* librdkafka would refuse each record with a mere "invalid argument". */
static int check_linger(rd_kafka_conf_t *conf, int64_t timeout_ms, struct mr_err *err)
{
    char text[32] = "";
    size_t size = sizeof text;

    rd_kafka_conf_get(conf, "linger.ms", text, &size);
    if (strtod(text, NULL) < (double)timeout_ms)
        return 0;
    mr_err_set(err, MR_CONFIG, "kafka.client_property",
               "client property linger.ms: %s ms are not below transaction_timeout", text);
    mr_err_hint(err, "a commit does not wait for linger.ms: leave it out");
    return MR_CONFIG;
}

int mr_kafka_conf(const struct mr_kafka_config *config, enum mr_kafka_role role,
                  const char *transactional_id, rd_kafka_conf_t **ret_conf, struct mr_err *err)
{
    rd_kafka_conf_t *conf = mr_kafka_conf_start();
    int64_t timeout_ms = config->transaction_timeout / 1000000;
    int rc = 0;

    if (role == MR_KAFKA_PRODUCER)
        rc = mr_kafka_conf_set_pairs(conf, ours_producer,
                                     sizeof ours_producer / sizeof *ours_producer, err);
    if (rc == 0 && role == MR_KAFKA_PRODUCER)
        rc = mr_kafka_conf_set_number(conf, "linger.ms",
                                      timeout_ms < 30000 ? timeout_ms / 3 : 10000, err);
    if (rc == 0) /* one request must fit into a transaction */
        rc = mr_kafka_conf_set_number(conf, "socket.timeout.ms",
                                      timeout_ms < 10000 ? timeout_ms : 10000, err);
    if (rc == 0)
        rc = mr_kafka_conf_client(conf, &config->client, fixed, err);
    if (rc == 0)
        rc = mr_kafka_conf_brokers(conf, &config->brokers, err);
    if (rc == 0 && role == MR_KAFKA_PRODUCER)
        rc = set_producer(conf, config, transactional_id, err);
    if (rc == 0 && transactional_id)
        rc = check_linger(conf, timeout_ms, err);
    if (rc == 0 && role == MR_KAFKA_READER)
        rc = set_reader(conf, err);
    if (rc < 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    *ret_conf = conf;
    return 0;
}
