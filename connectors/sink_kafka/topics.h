/* The topics written to: made when missing, their partitions counted, records placed and gathered.
 *
 * A topic's partition count is taken once, kept while we run, and stored with the position (counts.h): growing a
 * topic moves keys, so what was written before and after would stand in different partitions. A restart that finds
 * more partitions does what partition_growth says. */
#pragma once

#include "base/map.h"
#include "connectors/sink_kafka/client.h"
#include "model/record.h"

#define MR_KAFKA_RUN 1000 /* records handed to librdkafka in one call */

/* The hint beside a sentence of mr_kafka_admin_look. */
#define MR_KAFKA_ILL_HINT                                                                          \
    "look at the brokers: one is away or its disk is full, or min.insync.replicas asks for more "  \
    "than are left"

struct mr_kafka_topic {
    char *name;
    rd_kafka_topic_t *rkt; /* of the present client; NULL: not yet asked for */
    int partitions;        /* records are placed over so many; 0: not yet asked for */
    int recorded;          /* the same as the checkpoint had it; 0: it did not */
    char id[24];           /* of the topic that was written to; "": not known */
    bool compacted;        /* it takes no record without a key */
    uint64_t judged;       /* id of the last table version found to have keys for all its records */
    size_t most;           /* its max.message.bytes: no record of more can be written */
    uint32_t rotation;     /* where records without a key go until the next batch */
    uint64_t transaction;  /* the producer's count when it was last written to */
    bool dirty;            /* on the list of topics with records waiting */
    struct mr_kafka_topic *next_dirty;
    size_t waiting;               /* <= MR_KAFKA_RUN */
    rd_kafka_message_t *messages; /* MR_KAFKA_RUN; NULL: see mr_kafka_topic_begin */
    uint32_t *ends; /* after mr_kafka_topic_sort: where each partition's messages end */
};

struct mr_kafka_topics {
    struct mr_map by_name;
    const char *last_data; /* the last name asked for, by pointer, and its topic */
    struct mr_kafka_topic *last;
    rd_kafka_message_t *sorted; /* MR_KAFKA_RUN: what mr_kafka_topic_sort returns */
};

void mr_kafka_topics_init(struct mr_kafka_topics *topics);
void mr_kafka_topics_done(struct mr_kafka_topics *topics);
/* Gives back everything that belongs to a client about to be closed. Waiting records are forgotten. */
void mr_kafka_topics_detach(struct mr_kafka_topics *topics);
/* The topic of that name, ready to be produced to. May wait for the brokers. */
int mr_kafka_topics_get(struct mr_kafka_topics *topics, struct mr_kafka_client *client,
                        struct mr_slice name, struct mr_kafka_topic **ret_topic,
                        struct mr_err *err) MR_MUST_CHECK;
/* Between these two records may wait for the topic. Few topics keep the room for them. */
void mr_kafka_topic_begin(struct mr_kafka_topic *topic);
void mr_kafka_topic_end(const struct mr_kafka_topics *topics, struct mr_kafka_topic *topic);
/* Whether a compacted topic will take this record and those that may follow it from its table: MR_CONFIG
 * sink.kafka.compact_needs_keys. */
int mr_kafka_topic_check_keys(struct mr_kafka_topic *topic, const struct mr_record *record,
                              struct mr_err *err) MR_MUST_CHECK;
/* The same as an error: `what` ("table public.orders") has no key at all, or truncates without one. */
int mr_kafka_needs_keys(struct mr_err *err, const char *topic, const char *what, bool keyless);
/* MR_CONFIG sink.kafka.topic_collision: the topic holds the position. */
int mr_kafka_name_of_position(struct mr_err *err, const char *topic);
/* Remembers how many partitions records were placed over before this process. */
void mr_kafka_topics_recall(struct mr_kafka_topics *topics, struct mr_slice name, int partitions);
/* The same for a topic's id, unless this process has seen it. */
void mr_kafka_topics_recall_id(struct mr_kafka_topics *topics, struct mr_slice name,
                               const char *id);
/* Whatever topics have these names now is what is written to. */
void mr_kafka_topics_forget_ids(struct mr_kafka_topics *topics);
/* Whether the topics in use are still those that were begun with. MR_GAP sink.kafka.topic_replaced. */
int mr_kafka_topics_check(struct mr_kafka_topics *topics, struct mr_kafka_client *client,
                          struct mr_err *err) MR_MUST_CHECK;
/* Asks the cluster whether all topics in use are still there. MR_CONFIG names one that is not, MR_GAP tells of the
 * checkpoint topic. ret_ill is the gravest illness of a look at any of them, or on the topic in which
 * brokers keep transactions. */
int mr_kafka_topics_verify(struct mr_kafka_topics *topics, struct mr_kafka_client *client,
                           char *ret_ill, size_t room, struct mr_err *err) MR_MUST_CHECK;
/* For a failure that says that a topic is missing, but not which: puts what verify finds in its place, if anything. */
int mr_kafka_topics_explain(struct mr_kafka_topics *topics, struct mr_kafka_client *client, int rc,
                            struct mr_err *err) MR_MUST_CHECK;
/* For a failure that may pass and whose reason the brokers may have named badly: adds the gravest sentence of
 * mr_kafka_admin_look on the topics used before, the checkpoint topic or the topic in which brokers keep transactions.
 * Asks with a client of its own, for a few seconds at most. */
void mr_kafka_topics_tell(struct mr_kafka_topics *topics, struct mr_kafka_setting *setting,
                          struct mr_err *err);
/* The partition Java's default producer takes for this key (murmur2); without a key, the rotation's. */
int32_t mr_kafka_topic_place(const struct mr_kafka_topic *topic, struct mr_slice key);
/* The waiting messages by partition, each partition's in the order they came: partition p's are those from
 * ends[p - 1] (0 for the first) to ends[p]. Valid until the next call. */
rd_kafka_message_t *mr_kafka_topic_sort(struct mr_kafka_topics *topics,
                                        struct mr_kafka_topic *topic);
