/* The sink's handles: a producer, a reader of the checkpoint, or one that only asks.
 *
 * What they share with other clients of brokers stands in client/kafka/handle.c. Here is what a producer adds:
 * delivery reports, and batches no larger than the most a topic takes.
 *
 * With delivery.report.only.error only refused records are reported, so serving costs nothing per record; their first
 * error is kept with the topic, because the commit that fails afterwards does not name it. */
#include "connectors/sink_kafka/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void take_reports(void *state, rd_kafka_event_t *event)
{
    struct mr_kafka_client *client = state;
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

int mr_kafka_client_open(struct mr_kafka_client *client, struct mr_kafka_setting *setting,
                         enum mr_kafka_role role, struct mr_err *err)
{
    rd_kafka_conf_t *conf = NULL;
    bool transactional =
        role == MR_KAFKA_PRODUCER && setting->config->delivery == MR_KAFKA_EXACTLY_ONCE;

    memset(client, 0, sizeof *client);
    client->setting = setting;
    int rc = mr_kafka_conf(setting->config, role,
                           transactional ? setting->names.transactional_id : NULL, &conf, err);
    if (rc < 0)
        return rc;
    client->handle.errors = mr_kafka_sink_errors;
    client->handle.notes = &setting->context->notes;
    client->handle.closing = &setting->closing;
    if (role == MR_KAFKA_PRODUCER) {
        client->batch_bytes = limit_batches(conf, setting->batch_bytes);
        client->handle.reported = take_reports;
        client->handle.reported_state = client;
    }
    return mr_kafka_handle_open(&client->handle,
                                role == MR_KAFKA_READER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                                conf, err);
}

void mr_kafka_client_close(struct mr_kafka_client *client)
{
    mr_kafka_handle_close(&client->handle);
}

void mr_kafka_client_serve(struct mr_kafka_client *client, int wait_ms)
{
    mr_kafka_handle_serve(&client->handle, wait_ms);
}

void mr_kafka_client_forget(struct mr_kafka_client *client)
{
    mr_kafka_handle_forget(&client->handle);
    client->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    client->refused_topic[0] = 0;
    client->refused_count = 0;
    client->refused_bytes = 0;
}
