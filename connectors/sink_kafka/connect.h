/* From no handle, or one that is of no more use, to one that is ours alone. */
#pragma once

#include "connectors/sink_kafka/producer.h"

/* A new handle, fenced in, and `last` as the topic says. MR_FENCED: another owner took over. MR_GAP: the position we
 * had stored is gone. MR_RETRY: call again. */
int mr_kafka_connect(struct mr_kafka_producer *producer, struct mr_err *err) MR_MUST_CHECK;
