/* The flow of transactions on one handle. On failure, the producer's `broken` says whether abort is enough or a new
 * handle is needed. */
#pragma once

#include "connectors/sink_kafka/producer.h"

/* Begins a transaction if none is open. */
int mr_kafka_transaction_send(struct mr_kafka_producer *producer, const struct mr_batch *batch,
                              struct mr_err *err) MR_MUST_CHECK;
/* Waits until brokers hold all that was sent, so that its memory may go; the transaction stays open. */
int mr_kafka_transaction_flush(struct mr_kafka_producer *producer,
                               struct mr_err *err) MR_MUST_CHECK;
/* Commits with this text as checkpoint number `commit`. Success may still leave `broken` set: then the commit holds,
 * but the handle is not to be used again. */
int mr_kafka_transaction_commit(struct mr_kafka_producer *producer, struct mr_slice text,
                                uint64_t commit, struct mr_err *err) MR_MUST_CHECK;
/* Drops the open transaction. Sets `broken` when that cannot be made sure of in time. */
void mr_kafka_transaction_abort(struct mr_kafka_producer *producer);
