/* A new handle, and whose the pipeline is.
 *
 * What cannot be settled on a handle is settled by its replacement:
 *
 *     read the checkpoint as seen     another owner's name in it: fenced, stop, touch nothing
 *     new handle, init_transactions   ends what was open, fences every handle before it
 *     read the checkpoint, settled    it stands in the same transaction as the data, so it tells what was committed
 *
 * A transaction the coordinator timed out and a successor look alike from here (_FENCED); only the owner's name in the
 * checkpoint tells. That is why the first thing a new owner commits is the old checkpoint under its own name. A
 * successor between its init and that commit is not visible yet: after _FENCED the reading waits CLAIM_NS. */
#include "connectors/sink_kafka/connect.h"

#include <string.h>

#include "base/clock.h"
#include "connectors/sink_kafka/counts.h"
#include "connectors/sink_kafka/transaction.h"

#define SLICE_MS 1000
#define INIT_NS  (30 * MR_SECOND_NS)
#define CLAIM_NS MR_SECOND_NS

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
            return mr_kafka_producer_judge_error(producer, error, "start transactions", err);
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

/* The stored position under our name, before anything else: see the essay. */
static int claim(struct mr_kafka_producer *producer, struct mr_err *err)
{
    struct mr_buf text;

    mr_buf_init(&text, producer->last.text.limit);
    mr_buf_add_slice(&text, mr_buf_slice(&producer->last.text));
    mr_kafka_counts_take(NULL, &text);
    producer->start = producer->last.found ? producer->last.start + 1 : 1;
    producer->last.found = false; /* nothing of ours to repeat yet */
    int rc = mr_kafka_transaction_commit(producer, mr_buf_slice(&text), 0, err);
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

static int connect_once(struct mr_kafka_producer *producer, struct mr_err *err)
{
    int rc = 0;

    if (producer->client.handle.rk && producer->fenced)
        let_successor_claim(producer);
    mr_kafka_producer_drop(producer);
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

/* A claim that leaves doubt has a second handle follow it, as any commit has. */
int mr_kafka_connect(struct mr_kafka_producer *producer, struct mr_err *err)
{
    int rc = connect_once(producer, err);

    return rc == 0 && producer->broken ? connect_once(producer, err) : rc;
}
