/* What a user may set for the Kafka sink, and the client configuration made from it.
 *
 * The option table fills struct mr_kafka_config. From it mr_kafka_conf makes a librdkafka configuration for one
 * of three roles; what the sink's promises rest on (idempotence, isolation, transaction id, ...) is set by us and
 * refused in `client`. */
#pragma once

#include <librdkafka/rdkafka.h>

#include "plug/sink.h"

enum mr_kafka_delivery { MR_KAFKA_EXACTLY_ONCE, MR_KAFKA_AT_LEAST_ONCE };
enum mr_kafka_create { MR_KAFKA_CREATE_AUTO, MR_KAFKA_CREATE_NEVER };
/* When a topic has more partitions than our records in it were placed over. */
enum mr_kafka_growth { MR_KAFKA_GROWTH_KEEP, MR_KAFKA_GROWTH_USE, MR_KAFKA_GROWTH_REFUSE };
enum mr_kafka_timestamp { MR_KAFKA_TIME_PRODUCED, MR_KAFKA_TIME_COMMIT };

struct mr_kafka_create_topics {
    int mode;                    /* enum mr_kafka_create */
    int64_t partitions;          /* 0: the broker's default */
    int64_t replication;         /* 0: the broker's default */
    struct mr_option_map config; /* topic configuration, as kafka-topics --config */
    /* pattern of topics -> "partitions=12 key=value"; see creation.h */
    struct mr_option_map topics;
};

struct mr_kafka_config {
    struct mr_option_list brokers;
    int delivery; /* enum mr_kafka_delivery */
    struct mr_kafka_create_topics create_topics;
    struct {
        int64_t interval, bytes, split; /* ns, bytes, events */
    } commit;
    const char *transactional_id;           /* NULL: millrace.<name>.<pipeline> */
    const char *checkpoint_topic;           /* NULL: millrace.<name>.<pipeline>.checkpoint */
    int64_t transaction_timeout;            /* ns */
    int compression;                        /* index into mr_kafka_compressions */
    struct mr_option_map partition_columns; /* pattern of tables -> columns; see placing.h */
    int partition_growth;                   /* enum mr_kafka_growth */
    int timestamp;                          /* enum mr_kafka_timestamp */
    struct mr_option_map client;
};

extern const struct mr_option mr_kafka_options[];
extern const char *const mr_kafka_compressions[];

/* message.max.bytes as the user set it; 0: not set. */
size_t mr_kafka_config_most(const struct mr_kafka_config *config);

/* The names that follow from configuration and pipeline; all heap, freed by mr_kafka_names_done. */
struct mr_kafka_names {
    char *transactional_id;
    char *checkpoint_topic;
    char *checkpoint_key; /* <name>.<pipeline> */
};
void mr_kafka_names_init(struct mr_kafka_names *names, const struct mr_kafka_config *config,
                         const struct mr_context *context);
void mr_kafka_names_done(struct mr_kafka_names *names);

/* Replaces what a topic's name may not hold. */
void mr_kafka_legalise(char *name);

enum mr_kafka_role { MR_KAFKA_PRODUCER, MR_KAFKA_READER, MR_KAFKA_ADMIN };

/* A configuration for rd_kafka_new; the caller's until that takes it. MR_CONFIG names the property that is
 * unknown, wrong or not for users. */
int mr_kafka_conf(const struct mr_kafka_config *config, enum mr_kafka_role role,
                  const char *transactional_id, rd_kafka_conf_t **ret_conf,
                  struct mr_err *err) MR_MUST_CHECK;
