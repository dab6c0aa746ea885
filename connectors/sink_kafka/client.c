/* One librdkafka handle, its events, and the table of its errors.
 *
 * Delivery reports and errors are taken as events from the main queue by whoever calls serve(). With
 * delivery.report.only.error only refused records are reported, so serving costs nothing per record; their first
 * error is kept with the topic, because the commit that fails afterwards does not name it.
 *
 * Errors have three kinds of consequence here:
 *
 *     authorisation, login, missing topic, policy  -> MR_CONFIG   nothing mends it but a human
 *     record too large, record invalid             -> MR_DATA     this event, again and again
 *     everything else                              -> MR_RETRY    brokers come back, leaders move
 *
 * Log lines of librdkafka come from its own threads. Those that a user should see (warnings and worse) become
 * notes; chatter on connections and on properties meant for the other kind of client is dropped. */
#include "connectors/sink_kafka/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define THROTTLE_LASTS_NS (5 * MR_SECOND_NS)

#define ENDED                                                                                      \
    "sink.kafka.transaction_ended",                                                                \
        "it lasted longer than transaction_timeout (brokers away or slow, this process held up), " \
        "or another instance of the pipeline has started: the checkpoint tells which, and what "   \
        "the transaction held is written again; if it recurs, raise transaction_timeout"

static const struct {
    rd_kafka_resp_err_t error;
    int class;
    int exit_code;
    const char *code, *hint;
} table[] = {
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, MR_CONFIG, 77, "sink.kafka.unauthorized",
     "grant Write and Describe on the topics, Read too on the checkpoint topic, and Create if "
     "millrace is to create them: kafka-acls "
     "--add "
     "--allow-principal User:NAME --operation Write --operation Describe --operation Create "
     "--topic PREFIX "
     "--resource-pattern-type prefixed"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, MR_CONFIG, 77, "sink.kafka.unauthorized",
     "grant IdempotentWrite on the cluster (brokers before 2.8), and Create if millrace is to "
     "create topics"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, MR_CONFIG, 77,
     "sink.kafka.unauthorized",
     "grant Write and Describe on the transactional id: kafka-acls --add --allow-principal "
     "User:NAME "
     "--operation Write --operation Describe --transactional-id ID"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, MR_CONFIG, 77, "sink.kafka.login",
     "check sasl.username, sasl.password and sasl.mechanism below `client`"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, MR_CONFIG, 77, "sink.kafka.login",
     "check sasl.username, sasl.password and sasl.mechanism below `client`"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, MR_CONFIG, 77, "sink.kafka.login",
     "set sasl.mechanism below `client` to one that the brokers offer"},
    {RD_KAFKA_RESP_ERR__SSL, MR_CONFIG, 77, "sink.kafka.tls",
     "check security.protocol, ssl.ca.location, ssl.certificate.location and ssl.key.location "
     "below `client`"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, MR_CONFIG, 0, "sink.kafka.transaction_timeout",
     "lower transaction_timeout, or raise transaction.max.timeout.ms on the brokers"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, MR_CONFIG, 0, "sink.kafka.topic_missing",
     "a topic that millrace writes to was deleted or lost partitions; start again to have it "
     "created anew, "
     "and take a new snapshot if its events are needed"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, MR_CONFIG, 0, "sink.kafka.topic_missing",
     "a topic that millrace writes to was deleted; start again to have it created anew, and take a "
     "new "
     "snapshot if its events are needed"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, MR_CONFIG, 0, "sink.kafka.topic_missing",
     "a topic that millrace writes to has fewer partitions than before"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, MR_CONFIG, 0, "sink.kafka.topic_name",
     "a topic's name has up to 249 of the characters a-z A-Z 0-9 . _ - and is not . or ..; change "
     "topic or checkpoint_topic"},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, MR_CONFIG, 0, "sink.kafka.create_topic",
     "change create_topics.partitions"},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, MR_CONFIG, 0, "sink.kafka.create_topic",
     "change create_topics.replication: there are not that many brokers"},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, MR_CONFIG, 0, "sink.kafka.create_topic",
     "change create_topics.config"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, MR_CONFIG, 0, "sink.kafka.create_topic",
     "the brokers' policy forbids it: change create_topics, or create the topic by hand"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, MR_DATA, 0, "sink.kafka.too_large",
     "raise the topic's max.message.bytes (and message.max.bytes below `client`, if it is set "
     "there), leave the column out, or set errors.policy: dead_letter"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, MR_DATA, 0, "sink.kafka.too_large",
     "raise the topic's segment.bytes"},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, MR_DATA, 0, "sink.kafka.invalid_record",
     "a compacted topic takes no record without a key: give the table a primary key, or the topic "
     "cleanup.policy=delete"},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, MR_CONFIG, 0, "sink.kafka.client_property",
     "properties below `client` contradict each other: leave them out one by one"},
    {RD_KAFKA_RESP_ERR__FENCED, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR__STATE, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, MR_CONFIG, 0, "sink.kafka.compression",
     "choose another compression"},
};

static int find(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].error == code)
            return (int)i;
    }
    return -1;
}

int mr_kafka_fail(struct mr_err *err, rd_kafka_resp_err_t code, const char *detail,
                  const char *doing, ...)
{
    char what[600];
    va_list args;
    int at = find(code);
    const char *why = detail && detail[0] ? detail : rd_kafka_err2str(code);

    va_start(args, doing);
    vsnprintf(what, sizeof what, doing, args);
    va_end(args);
    mr_err_set(err, at < 0 ? MR_RETRY : (enum mr_class)table[at].class,
               at < 0 ? "sink.kafka.unavailable" : table[at].code, "cannot %s: %s", what, why);
    mr_err_native(err, rd_kafka_err2name(code));
    if (at < 0)
        return MR_RETRY;
    if (table[at].hint)
        mr_err_hint(err, "%s", table[at].hint);
    if (err)
        err->exit_code = table[at].exit_code;
    return table[at].class;
}

bool mr_kafka_throttled(const struct mr_kafka_client *client)
{
    int64_t ago = mr_clock_mono_ns() - client->throttled_ns;

    return client->throttled_ns && ago < client->throttle_ms * MR_MS_NS + THROTTLE_LASTS_NS;
}

static int throttled(struct mr_err *err, const struct mr_kafka_client *client, const char *doing)
{
    mr_err_set(err, MR_RETRY, "sink.kafka.throttled",
               "cannot %s yet: a quota of the brokers holds this client back (broker %s, by %d ms "
               "at its last answer)",
               doing, client->throttled_by, client->throttle_ms);
    mr_err_hint(err, "raise producer_byte_rate or request_percentage of this user or client.id: "
                     "kafka-configs --describe --entity-type users --entity-type clients shows "
                     "them");
    return MR_RETRY;
}

int mr_kafka_unreachable(struct mr_err *err, const struct mr_kafka_client *client,
                         const char *doing)
{
    if (client->denied)
        return mr_kafka_fail(err, client->trouble, client->trouble_text, "%s", doing);
    if (mr_kafka_throttled(client))
        return throttled(err, client, doing);
    mr_err_set(err, MR_RETRY, "sink.kafka.unreachable", "cannot %s: %s", doing,
               client->trouble_text[0] ? client->trouble_text : "no broker answers");
    if (client->trouble)
        mr_err_native(err, rd_kafka_err2name(client->trouble));
    mr_err_hint(err, "check `brokers`, and that this machine reaches their advertised listeners");
    return MR_RETRY;
}

static void take_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct mr_kafka_client *client = rd_kafka_opaque(rk);
    const struct mr_notes *notes = &client->setting->context->notes;

    if (level > 4 || strcmp(facility, "CONFWARN") == 0 || strcmp(facility, "FAIL") == 0 ||
        !notes->note)
        return;
    notes->note(notes->state, MR_LOG_DEBUG, "sink.kafka.client", "%s: %s", facility, text);
}

/* Called by serve(): a quota makes the broker answer late, or answer no more for a while. */
static void take_throttle(rd_kafka_t *rk, const char *broker, int32_t id, int delay_ms,
                          void *opaque)
{
    struct mr_kafka_client *client = opaque;

    (void)rk;
    (void)id;
    if (delay_ms <= 0)
        return;
    client->throttled_ns = mr_clock_mono_ns();
    client->throttle_ms = delay_ms;
    snprintf(client->throttled_by, sizeof client->throttled_by, "%s", broker);
}

/* Lowers batch.size to `most`, if it is above; returns what it then is. */
static int64_t limit_batches(rd_kafka_conf_t *conf, int64_t most)
{
    char text[32] = "";
    size_t size = sizeof text;

    rd_kafka_conf_get(conf, "batch.size", text, &size);
    int64_t bytes = strtoll(text, NULL, 10);
    if (most == 0 || bytes <= most)
        return bytes;
    snprintf(text, sizeof text, "%" PRId64, most);
    rd_kafka_conf_set(conf, "batch.size", text, NULL, 0);
    return most;
}

int mr_kafka_client_open(struct mr_kafka_client *client, struct mr_kafka_setting *setting,
                         enum mr_kafka_role role, struct mr_err *err)
{
    rd_kafka_conf_t *conf = NULL;
    char why[512] = "";
    bool transactional =
        role == MR_KAFKA_PRODUCER && setting->config->delivery == MR_KAFKA_EXACTLY_ONCE;

    memset(client, 0, sizeof *client);
    client->setting = setting;
    client->patience_ns = MR_KAFKA_PATIENCE_NS;
    int rc = mr_kafka_conf(setting->config, role,
                           transactional ? setting->names.transactional_id : NULL, &conf, err);
    if (rc < 0)
        return rc;
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, take_log);
    rd_kafka_conf_set_throttle_cb(conf, take_throttle);
    if (role == MR_KAFKA_PRODUCER)
        client->batch_bytes = limit_batches(conf, setting->batch_bytes);
    else
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR);
    client->rk = rd_kafka_new(role == MR_KAFKA_READER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf,
                              why, sizeof why);
    if (!client->rk) {
        rd_kafka_conf_destroy(conf);
        return mr_err_set(err, MR_CONFIG, "sink.kafka.client_property",
                          "librdkafka refuses `client`: %s", why);
    }
    client->main = rd_kafka_queue_get_main(client->rk);
    return 0;
}

void mr_kafka_client_close(struct mr_kafka_client *client)
{
    if (!client->rk)
        return;
    rd_kafka_queue_destroy(client->main);
    rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    client->rk = NULL;
    client->main = NULL;
}

static void take_error(struct mr_kafka_client *client, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    int at = find(code);

    /* a fatal error comes back from the next call with its text */
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        return;
    client->doubt = true;
    /* "all brokers down" follows the error that says why: keep that */
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->trouble)
        return;
    client->trouble = code;
    client->denied = at >= 0 && table[at].exit_code == 77;
    snprintf(client->trouble_text, sizeof client->trouble_text, "%s",
             rd_kafka_event_error_string(event));
}

static void take_reports(struct mr_kafka_client *client, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;

    while ((message = rd_kafka_event_message_next(event))) {
        /* purged ones follow from an abort or from another one's refusal */
        if (!message->err || message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
            message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
            continue;
        client->refused_count++;
        if (message->len + message->key_len > client->refused_bytes)
            client->refused_bytes = message->len + message->key_len;
        if (client->refused)
            continue;
        client->refused = message->err;
        snprintf(client->refused_topic, sizeof client->refused_topic, "%s",
                 rd_kafka_topic_name(message->rkt));
    }
}

void mr_kafka_client_serve(struct mr_kafka_client *client, int wait_ms)
{
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(client->main, wait_ms))) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
            take_error(client, event);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
            take_reports(client, event);
        rd_kafka_event_destroy(event);
        wait_ms = 0;
    }
}

void mr_kafka_client_forget(struct mr_kafka_client *client)
{
    client->doubt = false;
    client->denied = false;
    client->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    client->trouble_text[0] = 0;
    client->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    client->refused_topic[0] = 0;
    client->refused_count = 0;
    client->refused_bytes = 0;
}
