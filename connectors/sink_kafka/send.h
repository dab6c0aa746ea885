/* Records and checkpoints of the open transaction. On failure, the producer's `broken` says whether abort is enough. */
#pragma once

#include "connectors/sink_kafka/producer.h"

int mr_kafka_send(struct mr_kafka_producer *producer, const struct mr_batch *batch,
                  struct mr_err *err) MR_MUST_CHECK;
/* The checkpoint's record (copied). */
int mr_kafka_send_checkpoint(struct mr_kafka_producer *producer,
                             const struct mr_kafka_checkpoint *checkpoint,
                             struct mr_err *err) MR_MUST_CHECK;
