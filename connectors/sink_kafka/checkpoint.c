/* Reading and writing the position.
 *
 * The topic has one partition, so that it has one order, and is compacted, so that it is never empty of the last
 * record. Every commit leaves two offsets behind, the record and the transaction's marker, and aborted
 * transactions leave more; "the last offset minus one" is never the record. So the reader goes back a little from
 * the end and reads forward to it, and goes back sixteen times further if the key was not met:
 *
 *     first kept                           end-1024     end-64      end
 *         |------------------------------------|-----------|---------|
 *                                              2nd try     1st try
 *
 * Which end? A read_committed consumer is told the last stable offset, which lies below records that are already
 * committed as long as anybody's transaction is open in front of them. SETTLED therefore takes the end as an
 * uncommitted reader sees it and reads committed records until that is reached; the wait ends when those
 * transactions end, which init_transactions has made sure of for our own. AS_SEEN takes the last stable offset: it
 * is for the question "has somebody else taken over?", asked while our own transaction may still hang open; it may
 * answer with a record older than our last one, whose transaction marker is still on its way. */
#include "connectors/sink_kafka/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "client/kafka/admin.h"

#define FIRST_STEP 64
#define TEXT_LIMIT (64 << 20)
#define SILENCE_NS (30 * MR_SECOND_NS)

void mr_kafka_checkpoint_init(struct mr_kafka_checkpoint *checkpoint)
{
    memset(checkpoint, 0, sizeof *checkpoint);
    mr_buf_init(&checkpoint->text, TEXT_LIMIT);
}

void mr_kafka_checkpoint_done(struct mr_kafka_checkpoint *checkpoint)
{
    mr_buf_done(&checkpoint->text);
}

static int create(struct mr_kafka_client *client, int *ret_partitions, struct mr_err *err)
{
    static const char *keys[] = {"cleanup.policy", "segment.bytes", "min.cleanable.dirty.ratio"};
    static const char *values[] = {"compact", "16777216", "0.1"};
    const struct mr_kafka_config *config = client->setting->config;
    const char *topic = client->setting->names.checkpoint_topic;

    if (config->create_topics.mode == MR_KAFKA_CREATE_NEVER) {
        mr_err_set(err, MR_CONFIG, "kafka.topic_missing",
                   "the checkpoint topic %s does not exist, and create_topics is never", topic);
        mr_err_hint(
            err, "kafka-topics --create --topic %s --partitions 1 --config cleanup.policy=compact",
            topic);
        return MR_CONFIG;
    }
    struct mr_kafka_new_topic wanted = {
        .name = topic,
        .partitions = 1,
        .replication =
            config->create_topics.replication ? (int)config->create_topics.replication : -1,
        .config = {.keys = keys, .values = values, .count = 3},
    };
    return mr_kafka_admin_create(&client->handle, &wanted, ret_partitions, err);
}

/* A topic that forgets by age would one day forget the position. */
static int check_policy(struct mr_kafka_client *client, struct mr_err *err)
{
    const char *topic = client->setting->names.checkpoint_topic;
    const struct mr_notes *notes = &client->setting->context->notes;
    struct mr_buf policy;
    struct mr_err problem;

    mr_buf_init(&policy, 4096);
    int rc = mr_kafka_admin_setting(&client->handle, topic, "cleanup.policy", &policy, &problem);
    if (rc == MR_RETRY) {
        *err = problem;
    } else if (rc < 0) { /* not allowed to look: no reason to stop */
        if (notes->note)
            notes->note(
                notes->state, MR_LOG_INFO, problem.code,
                "%s: whether it is compacted is not known; DescribeConfigs on it would tell",
                problem.text);
        rc = 0;
    } else if (policy.size && strcmp(mr_buf_cstr(&policy), "compact") != 0) {
        rc = mr_err_set(err, MR_CONFIG, "sink.kafka.checkpoint_topic",
                        "the checkpoint topic %s has cleanup.policy=%s and would lose the position",
                        topic, mr_buf_cstr(&policy));
        mr_err_hint(err,
                    "kafka-configs --alter --entity-type topics --entity-name %s --add-config "
                    "cleanup.policy=compact",
                    topic);
    }
    mr_buf_done(&policy);
    return rc;
}

int mr_kafka_checkpoint_prepare(struct mr_kafka_client *client, struct mr_err *err)
{
    const char *topic = client->setting->names.checkpoint_topic;
    int partitions = 0;
    int rc = mr_kafka_admin_partitions(&client->handle, topic, &partitions, err);

    if (rc < 0)
        return rc;
    if (partitions == 0) /* not looked at again: another broker may not know of it yet */
        return create(client, &partitions, err);
    if (partitions != 1) {
        mr_err_set(err, MR_CONFIG, "sink.kafka.checkpoint_topic",
                   "the checkpoint topic %s has %d partitions and must have one", topic,
                   partitions);
        mr_err_hint(err, "set checkpoint_topic to another name, or delete the topic if it holds "
                         "nothing of value");
        return MR_CONFIG;
    }
    return check_policy(client, err);
}

static void take_header(const rd_kafka_headers_t *headers, const char *name, char *ret_text,
                        size_t room)
{
    const void *value = NULL;
    size_t size = 0;

    ret_text[0] = 0;
    if (rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        value)
        snprintf(ret_text, room, "%.*s", (int)(size < room ? size : room), (const char *)value);
}

static void take_record(const struct mr_kafka_setting *setting, const rd_kafka_message_t *message,
                        struct mr_kafka_checkpoint *checkpoint)
{
    rd_kafka_headers_t *headers = NULL;
    char start[32] = "", number[32] = "";

    if (!mr_slice_is(mr_slice(message->key, message->key_len), setting->names.checkpoint_key))
        return;
    checkpoint->found = message->payload != NULL;
    mr_buf_clear(&checkpoint->text);
    mr_buf_add(&checkpoint->text, message->payload, message->len);
    checkpoint->owner[0] = 0;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        take_header(headers, "owner", checkpoint->owner, sizeof checkpoint->owner);
        take_header(headers, "start", start, sizeof start);
        take_header(headers, "commit", number, sizeof number);
    }
    checkpoint->start = strtoull(start, NULL, 10);
    checkpoint->commit = strtoull(number, NULL, 10);
}

/* A consumer has to name a group, and librdkafka looks for its coordinator, though we never join or commit: that the
 * user has no right to the group is of no matter. */
static bool passes(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
           code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
}

/* Reads forward from where the consumer was assigned until `end`. */
static int read_to(struct mr_kafka_client *client, int64_t end,
                   struct mr_kafka_checkpoint *checkpoint, struct mr_err *err)
{
    const char *topic = client->setting->names.checkpoint_topic;
    int64_t heard = mr_clock_mono_ns(), at = -1;
    int64_t patience = client->setting->config->transaction_timeout + SILENCE_NS;

    while (at < end) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client->handle.rk, 100);
        rd_kafka_resp_err_t code = message ? message->err : RD_KAFKA_RESP_ERR_NO_ERROR;
        char why[256] = "";
        if (message && (!code || code == RD_KAFKA_RESP_ERR__PARTITION_EOF)) {
            if (!code)
                take_record(client->setting, message, checkpoint);
            if (message->offset + !code > at)
                heard = mr_clock_mono_ns();
            at = message->offset + !code;
            code = RD_KAFKA_RESP_ERR_NO_ERROR;
        } else if (code) {
            snprintf(why, sizeof why, "%s", rd_kafka_message_errstr(message));
        }
        if (message)
            rd_kafka_message_destroy(message);
        if (code && !passes(code))
            return mr_kafka_fail(err, mr_kafka_sink_errors, code, why,
                                 "read the checkpoint topic %s", topic);
        if (mr_clock_mono_ns() - heard > patience || mr_kafka_stopping(client->setting))
            return mr_err_set(err, MR_RETRY, "kafka.unreachable",
                              "cannot read the checkpoint topic %s to its end", topic);
    }
    return 0;
}

static int read_from(struct mr_kafka_client *client, int64_t from, int64_t end,
                     struct mr_kafka_checkpoint *checkpoint, struct mr_err *err)
{
    rd_kafka_topic_partition_list_t *where = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(where, client->setting->names.checkpoint_topic, 0)->offset =
        from;
    rd_kafka_resp_err_t code = rd_kafka_assign(client->handle.rk, where);
    rd_kafka_topic_partition_list_destroy(where);
    if (code)
        return mr_kafka_fail(err, mr_kafka_sink_errors, code, NULL, "read the checkpoint topic");
    return read_to(client, end, checkpoint, err);
}

static int read_back(struct mr_kafka_client *client, enum mr_kafka_reading reading,
                     struct mr_kafka_checkpoint *checkpoint, struct mr_err *err)
{
    int64_t first = 0, end = 0;
    int rc = mr_kafka_admin_range(&client->handle, client->setting->names.checkpoint_topic,
                                  reading == MR_KAFKA_AS_SEEN, &first, &end, err);

    if (rc < 0)
        return rc;
    rd_kafka_poll_set_consumer(client->handle.rk);
    for (int64_t step = FIRST_STEP; end > first; step *= 16) {
        int64_t from = end - first > step ? end - step : first;
        rc = read_from(client, from, end, checkpoint, err);
        if (rc < 0 || checkpoint->found || from == first)
            return rc;
    }
    return 0;
}

int mr_kafka_checkpoint_gone(const struct mr_kafka_setting *setting, struct mr_err *err)
{
    mr_err_set(err, MR_GAP, "sink.kafka.checkpoint_lost",
               "the checkpoint topic %s was deleted, and with it the position",
               setting->names.checkpoint_topic);
    mr_err_hint(err, MR_KAFKA_LOST_HINT);
    return MR_GAP;
}

int mr_kafka_checkpoint_read(struct mr_kafka_setting *setting, enum mr_kafka_reading reading,
                             struct mr_kafka_checkpoint *ret_checkpoint, struct mr_err *err)
{
    struct mr_kafka_client client;
    int rc = mr_kafka_client_open(&client, setting, MR_KAFKA_READER, err);

    if (rc < 0)
        return rc;
    ret_checkpoint->found = false;
    mr_buf_clear(&ret_checkpoint->text);
    rc = read_back(&client, reading, ret_checkpoint, err);
    mr_kafka_client_close(&client);
    return rc;
}

rd_kafka_resp_err_t mr_kafka_checkpoint_produce(struct mr_kafka_client *client,
                                                const struct mr_kafka_checkpoint *checkpoint)
{
    const struct mr_kafka_setting *setting = client->setting;
    char start[24], number[24];
    int start_digits = snprintf(start, sizeof start, "%" PRIu64, checkpoint->start);
    int digits = snprintf(number, sizeof number, "%" PRIu64, checkpoint->commit);

    /* an empty value is not a tombstone: the pointer must not be NULL */
    return rd_kafka_producev(
        client->handle.rk, RD_KAFKA_V_TOPIC(setting->names.checkpoint_topic),
        RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(setting->names.checkpoint_key, strlen(setting->names.checkpoint_key)),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)(checkpoint->text.size ? checkpoint->text.data : ""),
                         checkpoint->text.size),
        RD_KAFKA_V_HEADER("owner", checkpoint->owner, (ssize_t)strlen(checkpoint->owner)),
        RD_KAFKA_V_HEADER("start", start, start_digits),
        RD_KAFKA_V_HEADER("commit", number, digits), RD_KAFKA_V_END);
}
