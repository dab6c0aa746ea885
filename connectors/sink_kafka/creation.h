/* How a topic that does not exist is made: the general settings, changed by the first pattern that matches its name.
 *
 *     create_topics:
 *       partitions: 6
 *       config: {compression.type: lz4}
 *       topics: {"shop.public.audit": "partitions=1 cleanup.policy=compact", "*.log": "retention.ms=86400000"} */
#pragma once

#include "base/match.h"
#include "client/kafka/admin.h"
#include "connectors/sink_kafka/config.h"

struct mr_kafka_creation {
    const struct mr_kafka_create_topics *config;
    struct mr_match *match;
    struct mr_kafka_new_topic *rules; /* one a pattern, without a name */
    struct mr_arena arena;
};

void mr_kafka_creation_init(struct mr_kafka_creation *creation,
                            const struct mr_kafka_config *config);
void mr_kafka_creation_done(struct mr_kafka_creation *creation);
/* MR_CONFIG config.pattern, sink.kafka.create_topic: a setting that is none. */
int mr_kafka_creation_compile(struct mr_kafka_creation *creation, struct mr_err *err) MR_MUST_CHECK;
/* The settings of a topic of that name; they live as long as `creation`, the name is the caller's. */
struct mr_kafka_new_topic mr_kafka_creation_of(const struct mr_kafka_creation *creation,
                                               const char *name);
/* What the topic's configuration says under `key`; NULL: nothing. */
const char *mr_kafka_creation_setting(const struct mr_kafka_new_topic *topic, const char *key);
/* Every pattern's settings in turn, at 0 the general ones; false after the last. */
bool mr_kafka_creation_each(const struct mr_kafka_creation *creation, size_t i,
                            struct mr_kafka_new_topic *ret_topic);
