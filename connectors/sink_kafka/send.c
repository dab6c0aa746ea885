/* Records to librdkafka: placed, gathered by topic and partition, a thousand a call.
 *
 * They go in without a copy: they stay in the batch's arena until their transaction has ended. A record with headers or
 * a time of its own goes by itself, behind those of its topic that wait, because the batch call knows neither.
 *
 * Every record goes in or the call fails: one left out would be lost in silence. librdkafka's queue may be full, by
 * queue.buffering.max.messages or .kbytes; then what is in it leaves first. When records leave librdkafka: leave.c. */
#include "connectors/sink_kafka/send.h"

#include <assert.h>
#include <stdio.h>

int mr_kafka_send_checkpoint(struct mr_kafka_producer *producer,
                             const struct mr_kafka_checkpoint *checkpoint, struct mr_err *err)
{
    for (bool empty = false;; empty = rd_kafka_outq_len(producer->client.handle.rk) == 0) {
        rd_kafka_resp_err_t code = mr_kafka_checkpoint_produce(&producer->client, checkpoint);
        if (!code)
            return 0;
        if (code == RD_KAFKA_RESP_ERR__FATAL)
            producer->broken = true;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || empty)
            return mr_kafka_producer_judge(producer, code, NULL, "write the checkpoint", err);
        int rc = mr_kafka_producer_await_room(producer, err);
        if (rc < 0)
            return rc;
    }
}

/* Why librdkafka took fewer than all of these. */
static int judge_batch(struct mr_kafka_producer *producer, const rd_kafka_message_t *messages,
                       size_t count, struct mr_err *err)
{
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = messages[i].err;
        if (code == RD_KAFKA_RESP_ERR__STATE &&
            rd_kafka_fatal_error(producer->client.handle.rk, NULL, 0))
            code = RD_KAFKA_RESP_ERR__FATAL;
        if (code == RD_KAFKA_RESP_ERR__FATAL)
            producer->broken = true;
        if (code)
            return mr_kafka_producer_judge(producer, code, NULL, "write", err);
    }
    assert(0 && "librdkafka took fewer records than it was given and named no reason");
    return MR_BUG;
}

/* Messages of one partition. All must go in: a record left out would be lost in silence. Behind the first one that
 * finds the queue full librdkafka takes none, so the rest may follow later. */
static int produce(struct mr_kafka_producer *producer, struct mr_kafka_topic *topic,
                   int32_t partition, rd_kafka_message_t *messages, size_t count,
                   struct mr_err *err)
{
    for (bool empty = false;; empty = rd_kafka_outq_len(producer->client.handle.rk) == 0) {
        size_t done =
            (size_t)rd_kafka_produce_batch(topic->rkt, partition, 0, messages, (int)count);
        if (done == count)
            return 0;
        if (messages[done].err != RD_KAFKA_RESP_ERR__QUEUE_FULL || (empty && done == 0))
            return judge_batch(producer, messages, count, err);
        messages += done;
        count -= done;
        int rc = mr_kafka_producer_await_room(producer, err);
        if (rc < 0)
            return rc;
    }
}

/* Hands over what waits for a topic. */
static int hand_over(struct mr_kafka_producer *producer, struct mr_kafka_topic *topic,
                     struct mr_err *err)
{
    rd_kafka_message_t *messages = mr_kafka_topic_sort(&producer->topics, topic);
    uint32_t from = 0;
    int rc = 0;

    topic->waiting = 0;
    for (int32_t p = 0; p < topic->partitions && rc == 0; p++) {
        if (topic->ends[p] > from)
            rc = produce(producer, topic, p, messages + from, topic->ends[p] - from, err);
        from = topic->ends[p];
    }
    return rc;
}

static int produce_one(struct mr_kafka_producer *producer, const rd_kafka_vu_t *parts, size_t count,
                       struct mr_err *err)
{
    for (bool empty = false;; empty = rd_kafka_outq_len(producer->client.handle.rk) == 0) {
        rd_kafka_error_t *error = rd_kafka_produceva(producer->client.handle.rk, parts, count);
        if (!error)
            return 0;
        rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        if (code == RD_KAFKA_RESP_ERR__FATAL)
            producer->broken = true;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || empty)
            return mr_kafka_producer_judge(producer, code, NULL, "write", err);
        int rc = mr_kafka_producer_await_room(producer, err);
        if (rc < 0)
            return rc;
    }
}

/* A record with headers or a time of its own goes by itself: the batch call knows none. */
static int send_alone(struct mr_kafka_producer *producer, struct mr_kafka_topic *topic,
                      const struct mr_record *record, int32_t partition, struct mr_err *err)
{
    int rc = topic->waiting ? hand_over(producer, topic, err) : 0;

    if (rc < 0)
        return rc;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    const struct mr_transaction *transaction =
        producer->setting->config->timestamp == MR_KAFKA_TIME_COMMIT && record->change
            ? record->change->transaction
            : NULL;
    for (uint32_t i = 0; i < record->header_count; i++) {
        const struct mr_header *header = &record->headers[i];
        rd_kafka_header_add(headers, header->name.data, (ssize_t)header->name.size,
                            header->value.data,
                            header->value.data ? (ssize_t)header->value.size : 0);
    }
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic->rkt},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {(void *)(uintptr_t)record->key.data, record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)record->value.data, record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, /* 0: now */
         .u.i64 = transaction ? transaction->commit_us / 1000 : 0},
    };
    rc = produce_one(producer, parts, sizeof parts / sizeof *parts, err);
    if (rc < 0)
        rd_kafka_headers_destroy(headers);
    return rc;
}

/* As if the brokers had refused it, so that it is handled as such a record is; with the size they would refuse. */
static int refuse_large(struct mr_kafka_client *client, const struct mr_kafka_topic *topic,
                        const struct mr_record *record, struct mr_err *err)
{
    struct mr_slice key = record->key;
    char detail[400];

    client->refused = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    client->refused_bytes = topic->most + 1 - mr_record_size(&(struct mr_record){0});
    snprintf(client->refused_topic, sizeof client->refused_topic, "%s", topic->name);

    snprintf(detail, sizeof detail,
             "the record with key %.*s has %zu bytes, and the topic takes %zu (max.message.bytes)",
             (int)(key.size < 100 ? key.size : 100), key.data ? key.data : "",
             mr_record_size(record), topic->most);
    return mr_kafka_fail(err, mr_kafka_sink_errors, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, detail,
                         "write to topic %s", topic->name);
}

static int place(struct mr_kafka_producer *producer, const struct mr_kafka_topic *topic,
                 const struct mr_record *record, int32_t *ret_partition, struct mr_err *err)
{
    struct mr_kafka_placing *placing = &producer->setting->placing;
    struct mr_slice key = record->key;

    if (record->partition >= 0) {
        *ret_partition = record->partition % topic->partitions;
        return 0;
    }
    int rc = mr_kafka_placing_any(placing) ? mr_kafka_placing_key(placing, record, &key, err) : 0;
    if (rc == 0)
        *ret_partition = mr_kafka_topic_place(topic, key);
    return rc;
}

static int send_record(struct mr_kafka_producer *producer, struct mr_kafka_topic *topic,
                       const struct mr_record *record, struct mr_err *err)
{
    int32_t partition = 0;
    int rc = topic->compacted ? mr_kafka_topic_check_keys(topic, record, err) : 0;

    if (rc == 0)
        rc = mr_record_size(record) > topic->most
                 ? refuse_large(&producer->client, topic, record, err)
                 : place(producer, topic, record, &partition, err);
    if (rc < 0)
        return rc;
    producer->records++;
    producer->bytes += record->key.size + record->value.size;
    if (record->header_count || producer->setting->config->timestamp == MR_KAFKA_TIME_COMMIT)
        return send_alone(producer, topic, record, partition, err);
    topic->messages[topic->waiting++] = (rd_kafka_message_t){
        .partition = partition,
        .payload = (void *)(uintptr_t)record->value.data,
        .len = record->value.size,
        .key = (void *)(uintptr_t)record->key.data,
        .key_len = record->key.size,
    };
    return topic->waiting < MR_KAFKA_RUN ? 0 : hand_over(producer, topic, err);
}

static int topic_of(struct mr_kafka_producer *producer, struct mr_slice name,
                    struct mr_kafka_topic **ret_topic, struct mr_err *err)
{
    int rc = mr_kafka_topics_get(&producer->topics, &producer->client, name, ret_topic, err);

    if (rc < 0 && producer->setting->batch_bytes &&
        producer->setting->batch_bytes < producer->client.batch_bytes)
        producer->broken = true; /* to be opened again with smaller batches */
    return rc;
}

int mr_kafka_send(struct mr_kafka_producer *producer, const struct mr_batch *batch,
                  struct mr_err *err)
{
    struct mr_kafka_topic *dirty = NULL, *topic;
    int rc = 0;

    producer->topics.last =
        NULL; /* names are told apart by address only as long as the batch lives */
    for (size_t i = 0; i < batch->record_count && rc == 0; i++) {
        const struct mr_record *record = &batch->records[i];
        rc = topic_of(producer, record->topic, &topic, err);
        if (rc < 0)
            break;
        if (topic->transaction != producer->transactions) {
            topic->transaction = producer->transactions;
            producer->touched += (uint64_t)topic->partitions;
        }
        if (!topic->dirty) {
            topic->dirty = true;
            topic->rotation++;
            mr_kafka_topic_begin(topic);
            topic->next_dirty = dirty;
            dirty = topic;
        }
        rc = send_record(producer, topic, record, err);
    }
    for (; dirty; dirty = dirty->next_dirty) {
        dirty->dirty = false;
        if (rc == 0 && dirty->waiting)
            rc = hand_over(producer, dirty, err);
        mr_kafka_topic_end(&producer->topics, dirty);
    }
    mr_kafka_client_serve(&producer->client, 0);
    return rc;
}
