/* Transactions, step by step.
 *
 *     begin            local; then the previous checkpoint is produced once more, so that its partition joins the
 *                      transaction early and not on the way of the commit (commit 1.2 instead of 3.1 ms)
 *     send             records (send.c)
 *     commit           the new checkpoint as last record, a flush, then commit in slices of a second: a broker's
 *                      outage is sat out inside, and a close is obeyed
 *     abort            in slices, up to ABORT_NS in sum: an abort was seen to answer "retriable" without end
 *
 * A transaction that ended well may have left a duplicate EndTxn on the way, when its end took longer than half a
 * socket time-out, or when a broker was lost or a connection ended while it was open. That could end the next
 * transaction of the same epoch in its middle (Jepsen, KIP-890). So the handle is replaced before the next
 * transaction, though nothing failed: the new epoch fences whatever is late. That goes for commits and for aborts.
 *
 * commit_ns is what the end alone took. Sending takes the longer the more there is, so a pace that followed it too
 * would gather more for the next commit, which then took longer still: at some rate it would never come back.
 *
 * Without transactions (at_least_once) the same steps are: send, flush, checkpoint, flush. */
#include "connectors/sink_kafka/transaction.h"

#include <string.h>

#include "base/clock.h"
#include "connectors/sink_kafka/counts.h"
#include "connectors/sink_kafka/leave.h"
#include "connectors/sink_kafka/send.h"

#define SLICE_MS 1000
#define ABORT_NS (15 * MR_SECOND_NS)
#define DOUBT_NS (5 * MR_SECOND_NS)
#define CHECK_NS (20 * MR_SECOND_NS)

/* Nobody tells a producer that a topic was deleted and made again between two of its records. */
static int check_topics(struct mr_kafka_producer *producer, struct mr_err *err)
{
    int64_t now_ns = mr_clock_mono_ns();

    if (now_ns < producer->checked_ns + CHECK_NS)
        return 0;
    producer->checked_ns = now_ns;
    return mr_kafka_topics_check(&producer->topics, &producer->client, err);
}

static int begin(struct mr_kafka_producer *producer, struct mr_err *err)
{
    int rc = check_topics(producer, err);

    if (rc < 0)
        return rc;
    mr_kafka_client_forget(&producer->client);
    if (producer->transactional) {
        rd_kafka_error_t *error = rd_kafka_begin_transaction(producer->client.handle.rk);
        if (error) {
            producer->broken = true;
            return mr_kafka_producer_judge_error(producer, error, "begin a transaction", err);
        }
    }
    producer->open = true;
    producer->stuck = false;
    producer->ill[0] = 0;
    producer->records_before = producer->records;
    producer->bytes_before = producer->bytes;
    producer->transactions++;
    producer->touched = 0;
    producer->hurried = producer->bytes;
    if (!producer->transactional || !producer->last.found)
        return 0;
    return mr_kafka_send_checkpoint(producer, &producer->last, err);
}

int mr_kafka_transaction_send(struct mr_kafka_producer *producer, const struct mr_batch *batch,
                              struct mr_err *err)
{
    int rc = producer->open ? 0 : begin(producer, err);

    return rc < 0 ? rc : mr_kafka_send(producer, batch, err);
}

/* Until nothing is on its way, or something was refused. */
static int await_sent(struct mr_kafka_producer *producer, struct mr_err *err)
{
    struct mr_kafka_client *client = &producer->client;
    int64_t start = mr_clock_mono_ns();

    while (rd_kafka_outq_len(client->handle.rk) > 0) {
        int left = rd_kafka_outq_len(client->handle.rk);
        rd_kafka_flush(client->handle.rk, SLICE_MS);
        mr_kafka_client_serve(client, 0);
        producer->stuck |= rd_kafka_outq_len(client->handle.rk) >= left;
        if (client->refused || rd_kafka_fatal_error(client->handle.rk, NULL, 0))
            break;
        if (mr_kafka_stopping(producer->setting))
            return mr_err_set(err, MR_RETRY, "kafka.unreachable", "stopped while writing");
        if (rd_kafka_outq_len(client->handle.rk) > 0) {
            int rc = mr_kafka_producer_look_around(producer, "write", start, err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

int mr_kafka_transaction_flush(struct mr_kafka_producer *producer, struct mr_err *err)
{
    struct mr_kafka_client *client = &producer->client;
    int rc;

    mr_kafka_leave_batches(producer);
    rc = await_sent(producer, err);
    if (rc < 0)
        return rc;
    if (rd_kafka_fatal_error(client->handle.rk, NULL, 0)) {
        producer->broken = true;
        return mr_kafka_producer_judge(producer, RD_KAFKA_RESP_ERR__FATAL, NULL, "write", err);
    }
    if (!client->refused)
        return 0;
    producer->broken =
        !producer->transactional; /* what follows a lost record must not overtake it */
    return mr_kafka_producer_judge(producer, client->refused, NULL, "write", err);
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
            return mr_kafka_producer_judge_error(producer, error, "commit a transaction", err);
        rd_kafka_error_destroy(error);
        int rc = mr_kafka_producer_look_around(producer, "commit a transaction", start, err);
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
        rc = mr_kafka_transaction_flush(producer, err);
    if (rc == 0)
        rc = mr_kafka_send_checkpoint(producer, next, err);
    if (rc == 0 && producer->transactional) /* the commit tells what was refused */
        rc = await_sent(producer, err);
    if (rc < 0)
        return rc;
    start = mr_clock_mono_ns();
    rc = producer->transactional ? end_transaction(producer, err)
                                 : mr_kafka_transaction_flush(producer, err);
    producer->commit_ns = mr_clock_mono_ns() - start;
    return rc;
}

int mr_kafka_transaction_commit(struct mr_kafka_producer *producer, struct mr_slice text,
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
    if (producer->transactional &&
        (took_ns > DOUBT_NS || mr_kafka_handle_doubts(&producer->client.handle)))
        producer->broken = true;
    return 0;
}

void mr_kafka_transaction_abort(struct mr_kafka_producer *producer)
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
            producer->broken = mr_kafka_handle_doubts(&producer->client.handle);
            return;
        }
        bool again = rd_kafka_error_is_retriable(error);
        producer->fenced =
            producer->fenced || mr_kafka_producer_fencing(rd_kafka_error_code(error));
        rd_kafka_error_destroy(error);
        if (!again)
            break;
    }
    producer->broken = true;
}
