/* What to believe when a step fails, and what a wait tells meanwhile.
 *
 * A failure comes as a code of the call, as a fatal error of the handle, or as the refusal of a record, which explains
 * it best. Three answers follow from it beside the class:
 *
 *     broken    the outcome is not known for sure, or the handle is of no more use: a new one (connect.c)
 *     fenced    the same, and it may have been a successor
 *     neither   the transaction is aborted, and the handle is good
 *
 * What a topic refuses for its size is a batch. One of several records is made again in smaller ones, by a new handle;
 * one record that is too large by itself never fits.
 *
 * A wait that takes long says so, with what is known of the reason: a quota, the brokers' last trouble, a partition
 * without a leader. librdkafka tells of the last not at all, and would wait a minute for a topic that is gone. */
#include "connectors/sink_kafka/producer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/kafka/admin.h"

#define LOOK_NS     (5 * MR_SECOND_NS)
#define GLANCE_NS   (3 * MR_SECOND_NS)
#define LEAST_BATCH 1024
#define PARTING_MS  2000

void mr_kafka_producer_init(struct mr_kafka_producer *producer, struct mr_kafka_setting *setting)
{
    memset(producer, 0, sizeof *producer);
    producer->setting = setting;
    producer->transactional = setting->config->delivery == MR_KAFKA_EXACTLY_ONCE;
    mr_kafka_topics_init(&producer->topics);
    mr_kafka_checkpoint_init(&producer->last);
}

void mr_kafka_producer_drop(struct mr_kafka_producer *producer)
{
    mr_kafka_topics_detach(&producer->topics);
    mr_kafka_client_close(&producer->client);
    producer->open = false;
}

void mr_kafka_producer_done(struct mr_kafka_producer *producer)
{
    /* one short try: a transaction left open holds readers back until it times out */
    if (producer->open && producer->transactional && !producer->broken)
        rd_kafka_error_destroy(rd_kafka_abort_transaction(producer->client.handle.rk, PARTING_MS));
    mr_kafka_producer_drop(producer);
    mr_kafka_topics_done(&producer->topics);
    mr_kafka_checkpoint_done(&producer->last);
}

/* ill: what a look at the topics showed, "" nothing. */
static void tell_stall(struct mr_kafka_producer *producer, const char *doing, const char *ill)
{
    struct mr_err err;

    if (!producer->stalled)
        return;
    if (ill[0] && !mr_kafka_throttled(&producer->client.handle)) {
        mr_err_set(&err, MR_RETRY, "kafka.unavailable", "cannot %s yet: %s", doing, ill);
        mr_err_hint(&err, MR_KAFKA_ILL_HINT);
    } else {
        mr_kafka_unreachable(&err, &producer->client.handle, doing);
    }
    err.class = MR_RETRY;
    producer->stalled(producer->stalled_state, &err);
}

bool mr_kafka_producer_fencing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE;
}

/* max.message.bytes of the topic that refused something; 0 when it cannot be asked for. */
static int64_t topic_limit(struct mr_kafka_client *client)
{
    struct mr_buf value;
    struct mr_err unseen;
    int64_t limit = 0;

    mr_buf_init(&value, 4096);
    if (mr_kafka_admin_setting(&client->handle, client->refused_topic, "max.message.bytes", &value,
                               &unseen) == 0)
        limit = strtoll(mr_buf_cstr(&value), NULL, 10);
    mr_buf_done(&value);
    return limit;
}

/* To leave out the record, as one does with an event, is no way on. */
static int refuse_checkpoint(const struct mr_kafka_client *client, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "sink.kafka.checkpoint_topic",
               "the checkpoint topic %s refuses the position, a record of %zu bytes, for its size",
               client->refused_topic, client->refused_bytes);
    mr_err_hint(err,
                "kafka-configs --alter --entity-type topics --entity-name %s --add-config "
                "max.message.bytes=%zu",
                client->refused_topic, 4 * client->refused_bytes + (1 << 20));
    return MR_CONFIG;
}

/* librdkafka puts a record above batch.size into a batch of its own. */
static int judge_size(struct mr_kafka_producer *producer, struct mr_err *err)
{
    struct mr_kafka_client *client = &producer->client;
    int64_t batch = client->batch_bytes, limit = topic_limit(client);

    if (limit == 0 && client->refused_count > 1)
        limit = batch / 4;
    if (limit < LEAST_BATCH || limit >= batch) {
        if (strcmp(client->refused_topic, producer->setting->names.checkpoint_topic) == 0)
            return refuse_checkpoint(client, err);
        mr_kafka_fail(err, mr_kafka_sink_errors, client->refused, NULL,
                      "write a record of %zu bytes to topic %s", client->refused_bytes,
                      client->refused_topic);
        return (int)err->class;
    }
    producer->setting->batch_bytes = limit;
    producer->broken = true;
    mr_err_set(err, MR_RETRY, "sink.kafka.batch_too_large",
               "topic %s takes no batch of %" PRId64 " bytes: smaller ones, of up to %" PRId64
               " bytes, are made from now on",
               client->refused_topic, batch, limit);
    mr_err_hint(err, "to spare the first try, set batch.size below `client`, or raise "
                     "max.message.bytes of the topic");
    return MR_RETRY;
}

/* Judges a failure by code and text; a record's refusal, when one was reported, explains it better. */
int mr_kafka_producer_judge(struct mr_kafka_producer *producer, rd_kafka_resp_err_t code,
                            const char *text, const char *doing, struct mr_err *err)
{
    struct mr_kafka_client *client = &producer->client;
    char fatal[512] = "";

    mr_kafka_client_serve(client, 0);
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        code = rd_kafka_fatal_error(client->handle.rk, fatal, sizeof fatal);
    if (mr_kafka_producer_fencing(code) || mr_kafka_producer_fencing(client->refused))
        producer->fenced = true;
    else if (client->refused == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return judge_size(producer, err);
    else if (client->refused && client->refused != RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)
        return mr_kafka_fail(err, mr_kafka_sink_errors, client->refused, NULL, "write to topic %s",
                             client->refused_topic);
    if (code == RD_KAFKA_RESP_ERR__STATE)
        text = "the transaction has ended meanwhile";
    return mr_kafka_fail(err, mr_kafka_sink_errors, code, fatal[0] ? fatal : text, "%s", doing);
}

/* The same for an error object, which it consumes. */
int mr_kafka_producer_judge_error(struct mr_kafka_producer *producer, rd_kafka_error_t *error,
                                  const char *doing, struct mr_err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);

    if (!rd_kafka_error_txn_requires_abort(error))
        producer->broken = true;
    else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) /* its records did, and it with them */
        code = RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    int rc = mr_kafka_producer_judge(producer, code, rd_kafka_error_string(error), doing, err);
    rd_kafka_error_destroy(error);
    return mr_kafka_topics_explain(&producer->topics, &producer->client, rc, err);
}

/* librdkafka's queue is full, by queue.buffering.max.messages or .kbytes: what is in it leaves first, also what fills
 * no batch. To give up would abort the transaction, and its next try end at the same place. */
int mr_kafka_producer_await_room(struct mr_kafka_producer *producer, struct mr_err *err)
{
    struct mr_kafka_client *client = &producer->client;
    int left = rd_kafka_outq_len(client->handle.rk);

    mr_kafka_client_serve(client, 10);
    if (left > 0 && rd_kafka_outq_len(client->handle.rk) >= left)
        rd_kafka_flush(client->handle.rk, 100);
    mr_kafka_client_serve(client, 0);
    if (client->refused)
        return mr_kafka_producer_judge(producer, client->refused, NULL, "write", err);
    if (client->handle.trouble || mr_kafka_throttled(&client->handle))
        tell_stall(producer, "write", "");
    return mr_kafka_stopping(producer->setting)
               ? mr_err_set(err, MR_RETRY, "kafka.unreachable", "stopped while writing")
               : 0;
}

/* In a wait that takes long: says so, and looks whether a topic is gone, for which librdkafka would wait a minute, or
 * ill, which it does not tell at all. */
int mr_kafka_producer_look_around(struct mr_kafka_producer *producer, const char *doing,
                                  int64_t start, struct mr_err *err)
{
    int64_t now_ns = mr_clock_mono_ns();
    char *ill = producer->ill;
    int rc = 0;

    if (now_ns < producer->looked_ns + LOOK_NS || now_ns < start + LOOK_NS) {
        if (ill[0] || producer->client.handle.trouble ||
            mr_kafka_throttled(&producer->client.handle))
            tell_stall(producer, doing, ill);
        return 0;
    }
    producer->client.handle.patience_ns = GLANCE_NS;
    rc = mr_kafka_topics_verify(&producer->topics, &producer->client, ill, sizeof producer->ill,
                                err);
    producer->client.handle.patience_ns = MR_KAFKA_PATIENCE_NS;
    producer->looked_ns = mr_clock_mono_ns();
    if (rc == MR_CONFIG || rc == MR_GAP)
        return rc;
    tell_stall(producer, doing, ill);
    return 0;
}
