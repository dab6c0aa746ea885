/* Questions to the cluster about topics, each one call that waits for its answer. */
#pragma once

#include "base/buf.h"
#include "base/option.h"
#include "client/kafka/handle.h"

/* A topic to be made. */
struct mr_kafka_new_topic {
    const char *name;
    int partitions, replication; /* -1: the broker's default */
    struct mr_option_map config;
    bool validate_only; /* ask whether it could be created */
};

/* *ret_partitions: 0 when there is no such topic. */
int mr_kafka_admin_partitions(struct mr_kafka_handle *handle, const char *topic,
                              int *ret_partitions, struct mr_err *err) MR_MUST_CHECK;
/* What brokers say of a topic. */
struct mr_kafka_look {
    int partitions; /* 0: there is no such topic */
    /* Another topic of the same name has another; "" where brokers give none (before 2.8). */
    char id[24];
    /* A sentence on what may keep records from being taken: a partition without a leader, or with replicas out of sync;
     * "" when all are well. */
    char ill[400];
};
int mr_kafka_admin_look(struct mr_kafka_handle *handle, const char *topic,
                        struct mr_kafka_look *ret_look, struct mr_err *err) MR_MUST_CHECK;
/* The same of several, at once. */
int mr_kafka_admin_looks(struct mr_kafka_handle *handle, const char **topics, size_t count,
                         struct mr_kafka_look *ret_looks, struct mr_err *err) MR_MUST_CHECK;
/* What this user may do with a topic. */
enum mr_kafka_standing { MR_KAFKA_ABSENT, MR_KAFKA_WRITABLE, MR_KAFKA_READ_ONLY, MR_KAFKA_REFUSED };
/* All of them in one request; no two of one name. MR_KAFKA_REFUSED: not even to look; then it may be there or not. */
int mr_kafka_admin_standing(struct mr_kafka_handle *handle, const char **topics, size_t count,
                            enum mr_kafka_standing *ret_standings,
                            struct mr_err *err) MR_MUST_CHECK;
/* A topic that exists already is no error; a name that brokers take for another's is mr_kafka_name_taken().
 * Waits until it can be described, and says how many partitions it has. */
int mr_kafka_admin_create(struct mr_kafka_handle *handle, const struct mr_kafka_new_topic *topic,
                          int *ret_partitions, struct mr_err *err) MR_MUST_CHECK;
/* Shows the names of all topics that this user may see. */
int mr_kafka_admin_names(struct mr_kafka_handle *handle, void (*each)(void *user, const char *name),
                         void *user, struct mr_err *err) MR_MUST_CHECK;
/* MR_CONFIG sink.kafka.topic_collision: brokers create no topic of that name beside the other, which differs from it
 * only by . and _. `what` goes there. */
int mr_kafka_name_taken(struct mr_err *err, const char *what, const char *topic, const char *other);
/* Settings of a topic's configuration, one value a key; "" where the broker does not name it. */
int mr_kafka_admin_settings(struct mr_kafka_handle *handle, const char *topic,
                            const char *const *keys, struct mr_buf *ret_values, size_t count,
                            struct mr_err *err) MR_MUST_CHECK;
/* One of them. */
int mr_kafka_admin_setting(struct mr_kafka_handle *handle, const char *topic, const char *key,
                           struct mr_buf *ret_value, struct mr_err *err) MR_MUST_CHECK;
/* Offsets of partition 0: the first kept one, and the end as readers of that isolation see it. */
int mr_kafka_admin_range(struct mr_kafka_handle *handle, const char *topic, bool committed_only,
                         int64_t *ret_first, int64_t *ret_end, struct mr_err *err) MR_MUST_CHECK;
