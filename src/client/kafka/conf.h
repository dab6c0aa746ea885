/* A configuration for librdkafka, built in an order in which the later wins.
 *
 *     start     defaults that were measured: `client` may change them
 *     client    whatever the user writes, but for what is `fixed`
 *     brokers   where to begin
 *     set ...   what the connector's promises rest on
 *
 * All of them: MR_CONFIG kafka.client_property names the property that is unknown, wrong or not for users. */
#pragma once

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "base/option.h"

/* A property that is not for users, and what to use instead. Tables end in {0}. */
struct mr_kafka_fixed {
    const char *key, *instead;
};

/* Never fails: librdkafka knows our own defaults. The caller's until rd_kafka_new takes it. */
rd_kafka_conf_t *mr_kafka_conf_start(void);
int mr_kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value,
                      struct mr_err *err) MR_MUST_CHECK;
int mr_kafka_conf_set_number(rd_kafka_conf_t *conf, const char *key, int64_t value,
                             struct mr_err *err) MR_MUST_CHECK;
/* Pairs of key and value. */
int mr_kafka_conf_set_pairs(rd_kafka_conf_t *conf, const char *const (*pairs)[2], size_t count,
                            struct mr_err *err) MR_MUST_CHECK;
/* `fixed` is the connector's; what is fixed for everybody is known here. */
int mr_kafka_conf_client(rd_kafka_conf_t *conf, const struct mr_option_map *client,
                         const struct mr_kafka_fixed *fixed, struct mr_err *err) MR_MUST_CHECK;
/* Whether they are host:port. MR_CONFIG kafka.client_property. */
int mr_kafka_conf_judge(const struct mr_option_list *brokers, struct mr_err *err) MR_MUST_CHECK;
/* Whether the files that a finished configuration names can be read: librdkafka says so only when it connects.
 * MR_CONFIG kafka.client_property. */
int mr_kafka_conf_files(const rd_kafka_conf_t *conf, struct mr_err *err) MR_MUST_CHECK;
int mr_kafka_conf_brokers(rd_kafka_conf_t *conf, const struct mr_option_list *brokers,
                          struct mr_err *err) MR_MUST_CHECK;
