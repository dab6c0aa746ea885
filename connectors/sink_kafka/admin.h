/* Questions to the cluster about topics, each one call that waits for its answer. */
#pragma once

#include "base/buf.h"
#include "connectors/sink_kafka/client.h"

/* *ret_partitions: 0 when there is no such topic. */
int mr_kafka_admin_partitions(struct mr_kafka_client *client, const char *topic,
                              int *ret_partitions, struct mr_err *err) MR_MUST_CHECK;
/* The same, and in ret_ill a sentence on what may keep records from being taken: a partition without a leader, or
 * with replicas out of sync; "" when all are well. */
int mr_kafka_admin_look(struct mr_kafka_client *client, const char *topic, int *ret_partitions,
                        char *ret_ill, size_t room, struct mr_err *err) MR_MUST_CHECK;
/* A topic that exists already is no error. Waits until it can be described, and says how many partitions it has. */
int mr_kafka_admin_create(struct mr_kafka_client *client, const struct mr_kafka_new_topic *topic,
                          int *ret_partitions, struct mr_err *err) MR_MUST_CHECK;
/* One setting of a topic's configuration; "" when the broker does not name it. */
int mr_kafka_admin_setting(struct mr_kafka_client *client, const char *topic, const char *key,
                           struct mr_buf *ret_value, struct mr_err *err) MR_MUST_CHECK;
/* Offsets of partition 0: the first kept one, and the end as readers of that isolation see it. */
int mr_kafka_admin_range(struct mr_kafka_client *client, const char *topic, bool committed_only,
                         int64_t *ret_first, int64_t *ret_end, struct mr_err *err) MR_MUST_CHECK;
