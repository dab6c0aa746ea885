/* Transactions, step by step, and what to believe when a step fails.
 *
 *     begin            local; then the previous checkpoint is produced once more, so that its partition joins the
 *                      transaction early and not on the way of the commit (commit 1.2 instead of 3.1 ms)
 *     send             records by topic, a thousand a call, without a copy: they stay in the batch's arena
 *                      (when they leave librdkafka: leave.c)
 *     commit           the new checkpoint as last record, a flush, then commit in slices of a second: a broker's
 *                      outage is sat out inside, and a close is obeyed
 *     abort            in slices, up to ABORT_NS in sum: an abort was seen to answer "retriable" without end
 *
 * What cannot be settled on the handle is settled by its replacement (connect):
 *
 *     read the checkpoint as seen     another owner's name in it: fenced, stop, touch nothing
 *     new handle, init_transactions   ends what was open, fences every handle before it
 *     read the checkpoint, settled    it stands in the same transaction as the data, so it tells what was committed
 *
 * A transaction the coordinator timed out and a successor look alike from here (_FENCED); only the owner's name in the
 * checkpoint tells. That is why the first thing a new owner commits is the old checkpoint under its own name. A
 * successor between its init and that commit is not visible yet: after _FENCED the reading waits CLAIM_NS.
 *
 * A commit that succeeded but took longer than half a socket time-out, or during which a broker was lost, may have
 * left a duplicate EndTxn on the way, which could end the next transaction of the same epoch (Jepsen, KIP-890). The
 * handle is then replaced before the next transaction, though nothing failed.
 *
 * commit_ns is what the end alone took. Sending takes the longer the more there is, so a pace that followed it too
 * would gather more for the next commit, which then took longer still: at some rate it would never come back.
 *
 * Without transactions (at_least_once) the same steps are: send, flush, checkpoint, flush. */
#include "connectors/sink_kafka/producer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/kafka/admin.h"
#include "connectors/sink_kafka/counts.h"
#include "connectors/sink_kafka/leave.h"

#define SLICE_MS    1000
#define ABORT_NS    (15 * MR_SECOND_NS)
#define INIT_NS     (30 * MR_SECOND_NS)
#define LOOK_NS     (5 * MR_SECOND_NS)
#define GLANCE_NS   (3 * MR_SECOND_NS)
#define LEAST_BATCH 1024
#define DOUBT_NS    (5 * MR_SECOND_NS)
#define CLAIM_NS    MR_SECOND_NS

void mr_kafka_producer_init(struct mr_kafka_producer *producer, struct mr_kafka_setting *setting)
{
    memset(producer, 0, sizeof *producer);
    producer->setting = setting;
    producer->transactional = setting->config->delivery == MR_KAFKA_EXACTLY_ONCE;
    mr_kafka_topics_init(&producer->topics);
    mr_kafka_checkpoint_init(&producer->last);
}

static void drop_handle(struct mr_kafka_producer *producer)
{
    mr_kafka_topics_detach(&producer->topics);
    mr_kafka_client_close(&producer->client);
    producer->open = false;
}

void mr_kafka_producer_done(struct mr_kafka_producer *producer)
{
    /* one short try: a transaction left open holds readers back until it times out */
    if (producer->open && producer->transactional && !producer->broken)
        rd_kafka_error_destroy(
            rd_kafka_abort_transaction(producer->client.handle.rk, 2 * SLICE_MS));
    drop_handle(producer);
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

static bool is_fencing(rd_kafka_resp_err_t code)
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

/* What a topic refuses is a batch. One of several records is made again in smaller ones, by a new handle; one record
 * that is too large by itself never fits. librdkafka puts a record above batch.size into a batch of its own. */
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
static int judge(struct mr_kafka_producer *producer, rd_kafka_resp_err_t code, const char *text,
                 const char *doing, struct mr_err *err)
{
    struct mr_kafka_client *client = &producer->client;
    char fatal[512] = "";

    mr_kafka_client_serve(client, 0);
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        code = rd_kafka_fatal_error(client->handle.rk, fatal, sizeof fatal);
    if (is_fencing(code) || is_fencing(client->refused))
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
static int judge_error(struct mr_kafka_producer *producer, rd_kafka_error_t *error,
                       const char *doing, struct mr_err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);

    if (!rd_kafka_error_txn_requires_abort(error))
        producer->broken = true;
    else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) /* its records did, and it with them */
        code = RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    int rc = judge(producer, code, rd_kafka_error_string(error), doing, err);
    rd_kafka_error_destroy(error);
    return mr_kafka_topics_explain(&producer->topics, &producer->client, rc, err);
}

static int init_transactions(struct mr_kafka_producer *producer, struct mr_err *err)
{
    int64_t deadline = mr_clock_mono_ns() + INIT_NS;

    while (!mr_kafka_stopping(producer->setting)) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(producer->client.handle.rk, SLICE_MS);
        mr_kafka_client_serve(&producer->client, 0);
        if (!error)
            return 0;
        bool again = rd_kafka_error_is_retriable(error) && !producer->client.handle.denied &&
                     mr_clock_mono_ns() < deadline;
        rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        if (!again && (producer->client.handle.denied || code == RD_KAFKA_RESP_ERR__TIMED_OUT)) {
            rd_kafka_error_destroy(error);
            return mr_kafka_unreachable(err, &producer->client.handle, "start transactions");
        }
        if (!again)
            return judge_error(producer, error, "start transactions", err);
        rd_kafka_error_destroy(error);
    }
    return mr_err_set(err, MR_RETRY, "kafka.unreachable", "stopped while connecting");
}

/* 0: this process has not claimed yet. */
static uint64_t our_start(const struct mr_kafka_producer *producer)
{
    if (producer->claimed)
        return producer->start;
    return producer->kept ? producer->kept->number : 0;
}

/* Does the checkpoint just read say that somebody else took over after us, or that ours was lost? What is seen before
 * init_transactions may be older than our last one: its transaction's marker may still be on the way. */
static int check_owner(const struct mr_kafka_producer *producer,
                       const struct mr_kafka_checkpoint *seen, enum mr_kafka_reading reading,
                       struct mr_err *err)
{
    const struct mr_kafka_names *names = &producer->setting->names;
    bool ours = seen->found && strcmp(seen->owner, producer->setting->owner) == 0;

    if (our_start(producer) == 0)
        return 0;
    if (seen->found && !ours && seen->start >= our_start(producer)) {
        mr_err_set(err, MR_FENCED, "sink.kafka.fenced", "another instance (owner %s) took over %s",
                   seen->owner, names->checkpoint_key);
        mr_err_hint(
            err, "run one instance of a pipeline, or give the other one a transactional_id and a "
                 "checkpoint_topic of its own");
        return MR_FENCED;
    }
    if (producer->claimed && reading == MR_KAFKA_SETTLED &&
        (!ours || seen->commit < producer->last.commit)) {
        mr_err_set(err, MR_GAP, "sink.kafka.checkpoint_lost",
                   "checkpoint %llu was committed to topic %s, but the topic now ends before it",
                   (unsigned long long)producer->last.commit, names->checkpoint_topic);
        mr_err_hint(err, MR_KAFKA_LOST_HINT);
        return MR_GAP;
    }
    return 0;
}

/* librdkafka's queue is full, by queue.buffering.max.messages or .kbytes: what is in it leaves first, also what fills
 * no batch. To give up would abort the transaction, and its next try end at the same place. */
static int await_room(struct mr_kafka_producer *producer, struct mr_err *err)
{
    struct mr_kafka_client *client = &producer->client;
    int left = rd_kafka_outq_len(client->handle.rk);

    mr_kafka_client_serve(client, 10);
    if (left > 0 && rd_kafka_outq_len(client->handle.rk) >= left)
        rd_kafka_flush(client->handle.rk, 100);
    mr_kafka_client_serve(client, 0);
    if (client->refused)
        return judge(producer, client->refused, NULL, "write", err);
    if (client->handle.trouble || mr_kafka_throttled(&client->handle))
        tell_stall(producer, "write", "");
    return mr_kafka_stopping(producer->setting)
               ? mr_err_set(err, MR_RETRY, "kafka.unreachable", "stopped while writing")
               : 0;
}

static int write_checkpoint(struct mr_kafka_producer *producer,
                            const struct mr_kafka_checkpoint *checkpoint, struct mr_err *err)
{
    for (bool empty = false;; empty = rd_kafka_outq_len(producer->client.handle.rk) == 0) {
        rd_kafka_resp_err_t code = mr_kafka_checkpoint_produce(&producer->client, checkpoint);
        if (!code)
            return 0;
        if (code == RD_KAFKA_RESP_ERR__FATAL)
            producer->broken = true;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || empty)
            return judge(producer, code, NULL, "write the checkpoint", err);
        int rc = await_room(producer, err);
        if (rc < 0)
            return rc;
    }
}

static int begin(struct mr_kafka_producer *producer, struct mr_err *err)
{
    mr_kafka_client_forget(&producer->client);
    if (producer->transactional) {
        rd_kafka_error_t *error = rd_kafka_begin_transaction(producer->client.handle.rk);
        if (error) {
            producer->broken = true;
            return judge_error(producer, error, "begin a transaction", err);
        }
    }
    producer->open = true;
    producer->ill[0] = 0;
    producer->records_before = producer->records;
    producer->bytes_before = producer->bytes;
    producer->transactions++;
    producer->touched = 0;
    producer->hurried = producer->bytes;
    if (!producer->transactional || !producer->last.found)
        return 0;
    return write_checkpoint(producer, &producer->last, err);
}

/* The stored position under our name, before anything else: see the essay. */
static int claim(struct mr_kafka_producer *producer, struct mr_err *err)
{
    struct mr_buf text;

    mr_buf_init(&text, producer->last.text.limit);
    mr_buf_add_slice(&text, mr_buf_slice(&producer->last.text));
    mr_kafka_counts_take(NULL, &text);
    producer->start = producer->last.found ? producer->last.start + 1 : 1;
    producer->last.found = false; /* nothing of ours to repeat yet */
    int rc = mr_kafka_producer_commit(producer, mr_buf_slice(&text), 0, err);
    mr_buf_done(&text);
    producer->claimed = rc == 0;
    if (producer->claimed && producer->kept)
        producer->kept->number = producer->start;
    return rc;
}

static int read_checkpoint(struct mr_kafka_producer *producer, enum mr_kafka_reading reading,
                           struct mr_err *err)
{
    struct mr_kafka_checkpoint seen;

    mr_kafka_checkpoint_init(&seen);
    int rc = mr_kafka_checkpoint_read(producer->setting, reading, &seen, err);
    if (rc < 0 && our_start(producer) > 0 && mr_kafka_error_missing(err))
        rc = mr_kafka_checkpoint_gone(producer->setting, err);
    if (rc == 0)
        rc = check_owner(producer, &seen, reading, err);
    if (rc == 0 && reading == MR_KAFKA_SETTLED) {
        struct mr_buf text;
        mr_kafka_checkpoint_done(&producer->last);
        producer->last = seen;
        mr_buf_init(&text, seen.text.limit);
        mr_buf_add_slice(&text, mr_buf_slice(&seen.text));
        mr_kafka_counts_take(&producer->topics, &text);
        mr_buf_done(&text);
    } else {
        mr_kafka_checkpoint_done(&seen);
    }
    return rc;
}

static int open_handle(struct mr_kafka_producer *producer, struct mr_err *err)
{
    int rc = mr_kafka_client_open(&producer->client, producer->setting, MR_KAFKA_PRODUCER, err);

    if (rc < 0)
        return rc;
    if (!producer->claimed)
        rc = mr_kafka_checkpoint_prepare(&producer->client, err);
    if (rc == 0 && producer->transactional)
        rc = init_transactions(producer, err);
    return rc;
}

static void let_successor_claim(struct mr_kafka_producer *producer)
{
    int64_t until = mr_clock_mono_ns() + CLAIM_NS;

    while (mr_clock_mono_ns() < until && !mr_kafka_stopping(producer->setting))
        mr_kafka_client_serve(&producer->client, 50);
}

int mr_kafka_producer_connect(struct mr_kafka_producer *producer, struct mr_err *err)
{
    int rc = 0;

    if (producer->client.handle.rk && producer->fenced)
        let_successor_claim(producer);
    drop_handle(producer);
    if (our_start(producer) > 0)
        rc = read_checkpoint(producer, MR_KAFKA_AS_SEEN, err);
    if (rc == 0)
        rc = open_handle(producer, err);
    if (rc == 0)
        rc = read_checkpoint(producer, MR_KAFKA_SETTLED, err);
    producer->broken = rc < 0;
    producer->begin_ns = 0;
    if (rc == 0 && !producer->claimed)
        rc = claim(producer, err);
    if (rc < 0)
        producer->broken = true;
    else
        producer->fenced = false;
    return rc;
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
            return judge(producer, code, NULL, "write", err);
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
        int rc = await_room(producer, err);
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
            return judge(producer, code, NULL, "write", err);
        int rc = await_room(producer, err);
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

int mr_kafka_producer_send(struct mr_kafka_producer *producer, const struct mr_batch *batch,
                           struct mr_err *err)
{
    struct mr_kafka_topic *dirty = NULL, *topic;
    int rc = producer->open ? 0 : begin(producer, err);

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

/* In a wait that takes long: says so, and looks whether a topic is gone, for which librdkafka would wait a minute, or
 * ill, which it does not tell at all. */
static int look_around(struct mr_kafka_producer *producer, const char *doing, int64_t start,
                       struct mr_err *err)
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

/* Until nothing is on its way, or something was refused. */
static int await_sent(struct mr_kafka_producer *producer, struct mr_err *err)
{
    struct mr_kafka_client *client = &producer->client;
    int64_t start = mr_clock_mono_ns();

    while (rd_kafka_outq_len(client->handle.rk) > 0) {
        rd_kafka_flush(client->handle.rk, SLICE_MS);
        mr_kafka_client_serve(client, 0);
        if (client->refused || rd_kafka_fatal_error(client->handle.rk, NULL, 0))
            break;
        if (mr_kafka_stopping(producer->setting))
            return mr_err_set(err, MR_RETRY, "kafka.unreachable", "stopped while writing");
        if (rd_kafka_outq_len(client->handle.rk) > 0) {
            int rc = look_around(producer, "write", start, err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

int mr_kafka_producer_flush(struct mr_kafka_producer *producer, struct mr_err *err)
{
    struct mr_kafka_client *client = &producer->client;
    int rc;

    mr_kafka_leave_batches(producer);
    rc = await_sent(producer, err);
    if (rc < 0)
        return rc;
    if (rd_kafka_fatal_error(client->handle.rk, NULL, 0)) {
        producer->broken = true;
        return judge(producer, RD_KAFKA_RESP_ERR__FATAL, NULL, "write", err);
    }
    if (!client->refused)
        return 0;
    producer->broken =
        !producer->transactional; /* what follows a lost record must not overtake it */
    return judge(producer, client->refused, NULL, "write", err);
}

static int end_transaction(struct mr_kafka_producer *producer, struct mr_err *err)
{
    int64_t start = mr_clock_mono_ns();

    while (!mr_kafka_stopping(producer->setting)) {
        rd_kafka_error_t *error = rd_kafka_commit_transaction(producer->client.handle.rk, SLICE_MS);
        mr_kafka_client_serve(&producer->client, 0);
        if (!error)
            return 0;
        if (!rd_kafka_error_is_retriable(error) || rd_kafka_error_txn_requires_abort(error))
            return judge_error(producer, error, "commit a transaction", err);
        rd_kafka_error_destroy(error);
        int rc = look_around(producer, "commit a transaction", start, err);
        if (rc < 0) {
            producer->broken = true; /* a commit under way cannot be taken back */
            return rc;
        }
    }
    producer->broken = true;
    return mr_err_set(err, MR_RETRY, "kafka.unreachable", "stopped while committing");
}

/* What librdkafka copied or holds of it is finished when this returns 0. */
static int finish(struct mr_kafka_producer *producer, const struct mr_kafka_checkpoint *next,
                  struct mr_err *err)
{
    int64_t start;
    int rc = 0;

    if (producer->transactional)
        mr_kafka_leave_batches(producer);
    else
        rc = mr_kafka_producer_flush(producer, err);
    if (rc == 0)
        rc = write_checkpoint(producer, next, err);
    if (rc == 0 && producer->transactional) /* the commit tells what was refused */
        rc = await_sent(producer, err);
    if (rc < 0)
        return rc;
    start = mr_clock_mono_ns();
    rc = producer->transactional ? end_transaction(producer, err)
                                 : mr_kafka_producer_flush(producer, err);
    producer->commit_ns = mr_clock_mono_ns() - start;
    return rc;
}

int mr_kafka_producer_commit(struct mr_kafka_producer *producer, struct mr_slice text,
                             uint64_t commit, struct mr_err *err)
{
    struct mr_kafka_checkpoint next;
    int64_t start = mr_clock_mono_ns(), took_ns;
    int rc = producer->open ? 0 : begin(producer, err);

    if (rc < 0)
        return rc;
    mr_kafka_checkpoint_init(&next);
    next.found = true;
    next.start = producer->start;
    next.commit = commit;
    memcpy(next.owner, producer->setting->owner, sizeof next.owner);
    mr_buf_add_slice(&next.text, text);
    mr_kafka_counts_add(&producer->topics, &next.text);
    rc = finish(producer, &next, err);
    if (rc < 0) {
        mr_kafka_checkpoint_done(&next);
        return rc;
    }
    producer->open = false;
    producer->begin_ns = mr_kafka_leave_rest(producer);
    took_ns = mr_clock_mono_ns() - start;
    mr_kafka_checkpoint_done(&producer->last);
    producer->last = next;
    if (producer->transactional && (took_ns > DOUBT_NS || producer->client.handle.doubt))
        producer->broken = true;
    return 0;
}

void mr_kafka_producer_abort(struct mr_kafka_producer *producer)
{
    int64_t deadline = mr_clock_mono_ns() + ABORT_NS;

    if (!producer->open || producer->broken)
        return;
    if (!producer->transactional) {
        producer->broken = true;
        return;
    }
    while (!mr_kafka_stopping(producer->setting) && mr_clock_mono_ns() < deadline) {
        rd_kafka_error_t *error = rd_kafka_abort_transaction(producer->client.handle.rk, SLICE_MS);
        mr_kafka_client_serve(&producer->client, 0);
        if (!error) {
            producer->open = false;
            mr_kafka_topics_detach(&producer->topics); /* asked for anew: one may be gone */
            /* doubt as after a commit: an EndTxn may still be on its way */
            producer->broken = producer->client.handle.doubt;
            return;
        }
        bool again = rd_kafka_error_is_retriable(error);
        producer->fenced = producer->fenced || is_fencing(rd_kafka_error_code(error));
        rd_kafka_error_destroy(error);
        if (!again)
            break;
    }
    producer->broken = true;
}
