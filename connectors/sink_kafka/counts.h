/* Partition counts and ids of topics beside the position:
 *
 *     {"format":1,...,"partitions":{"shop.public.orders":6},"topic_ids":{"shop.public.orders":"aB3..."}} */
#pragma once

#include "connectors/sink_kafka/topics.h"

/* Adds them to a checkpoint's text; nothing to an empty one, or when no topic is known. */
void mr_kafka_counts_add(const struct mr_kafka_topics *topics, struct mr_buf *text);
/* Takes them out of a text and, unless topics is NULL, recalls them. A text without them stays as it is. */
void mr_kafka_counts_take(struct mr_kafka_topics *topics, struct mr_buf *text);
