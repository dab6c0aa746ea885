/* The sink's helper thread and the queue in front of it.
 *
 * The writer thread hands over batches and commits and is never blocked by Kafka; the session's thread owns the
 * producer and makes every call that may wait. Items are kept in order until their commit is durable:
 *
 *     head                      cursor                     tail
 *      | batch 7 | batch 8 | commit 3 | batch 9 | commit 4 |
 *        \____ in the open ____/        \___ waiting ___/
 *              transaction
 *
 * so that after an abort, or with a new handle, the cursor goes back to the head and everything is sent again from
 * memory; the engine notices nothing. Only when part of a large transaction was already given back (its memory was
 * needed) does the engine have to replay: MR_REPLAY. */
#pragma once

#include "base/buf.h"
#include "connectors/sink_kafka/client.h"

#define MR_KAFKA_MESSAGE_COST                                                                      \
    192 /* bytes librdkafka needs for a message besides its payload: measured */

struct mr_kafka_session;

/* Memory of what waits for its commit, at which write() says MR_AGAIN. */
size_t mr_kafka_session_limit(const struct mr_kafka_config *config);

/* Starts the thread, connects, and appends the stored checkpoint. Waits until that is done or has failed. */
int mr_kafka_session_open(const struct mr_sink_args *args, struct mr_kafka_session **ret_session,
                          struct mr_buf *ret_checkpoint, struct mr_err *err) MR_MUST_CHECK;
int mr_kafka_session_write(struct mr_kafka_session *session, struct mr_batch *batch,
                           struct mr_err *err) MR_MUST_CHECK;
int mr_kafka_session_commit(struct mr_kafka_session *session, const struct mr_commit *commit,
                            struct mr_err *err) MR_MUST_CHECK;
int mr_kafka_session_poll(struct mr_kafka_session *session, int64_t deadline_ns,
                          struct mr_sink_result *ret, struct mr_err *err) MR_MUST_CHECK;
/* Drops everything that is not durable and gives all batches back. */
int mr_kafka_session_abort(struct mr_kafka_session *session, struct mr_batch **ret_released,
                           struct mr_err *err) MR_MUST_CHECK;
/* The largest record that this topic ({NULL, 0}: every topic) takes as far as is known, `most` if nothing is. */
size_t mr_kafka_session_record_bytes(struct mr_kafka_session *session, struct mr_slice topic,
                                     size_t most);
/* How long the last commit took, without what was sent before it. */
int64_t mr_kafka_session_commit_ns(struct mr_kafka_session *session);
void mr_kafka_session_close(struct mr_kafka_session *session);
