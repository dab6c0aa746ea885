/* When records leave librdkafka, and how soon a transaction may follow another. The session's thread. */
#pragma once

#include "connectors/sink_kafka/producer.h"

/* Waits until full batches have left, so that a flush finds the last ones only. */
void mr_kafka_leave_batches(struct mr_kafka_producer *producer);
/* Makes what was sent leave now, if it is enough to be worth it. Waits a few milliseconds at most, so only for a thread
 * that has nothing else to do. */
void mr_kafka_leave_now(struct mr_kafka_producer *producer);
/* Right after a commit: the monotonic time before which the next transaction should not begin; 0: any time. */
int64_t mr_kafka_leave_rest(const struct mr_kafka_producer *producer);
