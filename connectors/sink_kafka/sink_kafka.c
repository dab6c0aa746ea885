/* The Kafka sink: events and the position they reach commit in one Kafka transaction.
 *
 *     sink_kafka.c   this page: the interface, and how often to commit
 *     session.c      the helper thread, the queue in front of it, sending again from memory
 *     connect.c      a new handle, fenced in, and whose the pipeline is
 *     transaction.c  begin, send, commit, abort
 *     send.c         records handed to librdkafka; leave.c: when they leave it
 *     producer.c     what to believe when any of these fails
 *     checkpoint.c   the position: one record in a compacted topic of one partition
 *     topics.c       topics made, partitions chosen
 *     client.c       a librdkafka handle, its events, and what is refused
 *     errors.c       what an error means to a sink (client/kafka has the rest, and the questions to the cluster)
 *     config.c       options, and what becomes of them
 *     preflight.c    looking without touching
 *
 * How often: a commit costs brokers some 4 ms of CPU and adds its own few milliseconds to what readers see. Caught up,
 * commit.interval decides (20 ms: half of that is what an event waits on average), but never under three times what
 * the end of the last commit took, so that a slow cluster is not drowned in commits. Behind, a block ends at
 * commit.bytes or after a quarter of a second. A source transaction is split only when it takes a third of the time
 * that brokers allow a transaction, or more events than commit.split.
 *
 * Not done here: choosing topics (the engine expands the template), encoding, deciding what to do about a change that
 * is refused. */

#include "client/kafka/conf.h"
#include "connectors/sink_kafka/config.h"
#include "connectors/sink_kafka/preflight.h"
#include "connectors/sink_kafka/session.h"

#include "base/clock.h"

#define BEHIND_NS  (250 * MR_MS_NS)
#define SLOWEST_NS (2 * MR_SECOND_NS) /* one commit that took minutes says nothing of the next */

struct state {
    const struct mr_kafka_config *config;
    struct mr_kafka_session *session; /* NULL: not open */
};

static int kafka_open(void *state, const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                      struct mr_err *err)
{
    struct state *kafka = state;

    kafka->config = args->config;
    kafka->session = NULL;
    return mr_kafka_session_open(args, &kafka->session, ret_checkpoint, err);
}

static int kafka_check(const void *config, const char **ret_key, struct mr_err *err)
{
    rd_kafka_conf_t *conf = NULL;
    int rc;

    *ret_key = "brokers";
    rc = mr_kafka_conf_judge(&((const struct mr_kafka_config *)config)->brokers, err);
    if (rc < 0)
        return rc;
    *ret_key = "client";
    rc = mr_kafka_conf(config, MR_KAFKA_PRODUCER, "check", &conf, err);
    if (rc == 0)
        rc = mr_kafka_conf_files(conf, err);
    if (conf)
        rd_kafka_conf_destroy(conf);
    return rc;
}

/* Another owner of the transactional id fences us, and the position is in the checkpoint topic. */
static void kafka_alone(const struct mr_sink_args *args, struct mr_buf *ret_what)
{
    const struct mr_kafka_config *config = args->config;
    struct mr_kafka_names names;

    mr_kafka_names_init(&names, config, args->context);
    if (config->delivery == MR_KAFKA_EXACTLY_ONCE)
        mr_buf_printf(ret_what, "transactional_id %s", names.transactional_id);
    else
        mr_buf_printf(ret_what, "checkpoint topic %s", names.checkpoint_topic);
    mr_buf_printf(ret_what, " on %s", config->brokers.count ? config->brokers.items[0] : "");
    mr_kafka_names_done(&names);
}

/* What the user allows at most. What topics allow is learnt from them; see mr_kafka_session_record_bytes. */
static size_t record_bytes(const struct mr_kafka_config *config)
{
    size_t most = mr_kafka_config_most(config);

    return most ? most : SIZE_MAX;
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void kafka_pace(void *state, struct mr_sink_pace *ret_pace)
{
    const struct state *kafka = state;
    int64_t least = 3 * mr_kafka_session_commit_ns(kafka->session);
    int64_t split = kafka->config->transaction_timeout / 3;
    /* a transaction is open meanwhile, if there are any */
    int64_t most = kafka->config->delivery == MR_KAFKA_EXACTLY_ONCE ? split : INT64_MAX;
    int64_t interval = longer(kafka->config->commit.interval, shorter(least, SLOWEST_NS));

    *ret_pace = (struct mr_sink_pace){
        .bytes = (size_t)kafka->config->commit.bytes,
        .held = mr_kafka_session_limit(kafka->config) / 2,
        .held_record = MR_KAFKA_MESSAGE_COST,
        .age_ns = shorter(longer(interval, BEHIND_NS), most),
        .caught_up_ns = shorter(interval, most),
        .split_records = (uint64_t)kafka->config->commit.split,
        .split_ns = split,
        .record_bytes = mr_kafka_session_record_bytes(kafka->session, (struct mr_slice){NULL, 0},
                                                      record_bytes(kafka->config)),
        .split_tables = true, /* no Kafka transaction lasts as long as a large table */
    };
}

static size_t kafka_record_bytes(void *state, struct mr_slice topic)
{
    struct state *kafka = state;

    return mr_kafka_session_record_bytes(kafka->session, topic, record_bytes(kafka->config));
}

/* A record's time and columns that place it are looked up in what it was made of. */
static bool kafka_records_suffice(void *state)
{
    const struct state *kafka = state;

    return kafka->config->timestamp != MR_KAFKA_TIME_COMMIT &&
           kafka->config->partition_columns.count == 0;
}

static int kafka_write(void *state, struct mr_batch *batch, struct mr_err *err)
{
    struct state *kafka = state;

    return mr_kafka_session_write(kafka->session, batch, err);
}

static int kafka_commit(void *state, const struct mr_commit *commit, struct mr_err *err)
{
    struct state *kafka = state;

    return mr_kafka_session_commit(kafka->session, commit, err);
}

static int kafka_poll(void *state, int64_t deadline_ns, struct mr_sink_result *ret,
                      struct mr_err *err)
{
    struct state *kafka = state;

    return mr_kafka_session_poll(kafka->session, deadline_ns, ret, err);
}

static int kafka_abort(void *state, struct mr_batch **ret_released, struct mr_err *err)
{
    struct state *kafka = state;

    return mr_kafka_session_abort(kafka->session, ret_released, err);
}

static void kafka_close(void *state)
{
    struct state *kafka = state;

    if (kafka->session)
        mr_kafka_session_close(kafka->session);
    kafka->session = NULL;
}

const struct mr_sink mr_sink_kafka = {
    .name = "kafka",
    .summary = "Kafka topics; events and position commit in one transaction",
    .options = mr_kafka_options,
    .config_size = sizeof(struct mr_kafka_config),
    .state_size = sizeof(struct state),
    .delivery = MR_SINK_TRANSACTIONAL,
    .open = kafka_open,
    .pace = kafka_pace,
    .record_bytes = kafka_record_bytes,
    .records_suffice = kafka_records_suffice,
    .write = kafka_write,
    .commit = kafka_commit,
    .poll = kafka_poll,
    .abort = kafka_abort,
    .check = kafka_check,
    .alone = kafka_alone,
    .preflight = mr_kafka_preflight,
    .fit = mr_kafka_fit,
    .checkpoint_read = mr_kafka_checkpoint_show,
    .checkpoint_write = mr_kafka_checkpoint_set,
    .close = kafka_close,
};
