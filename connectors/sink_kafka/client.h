/* A librdkafka handle of the sink: what it was opened for, and which records brokers refused.
 *
 * Threads as in client/kafka/handle.h. */
#pragma once

#include "client/kafka/handle.h"
#include "connectors/sink_kafka/errors.h"
#include "connectors/sink_kafka/setting.h"

struct mr_kafka_client {
    struct mr_kafka_handle handle;
    struct mr_kafka_setting *setting;
    int64_t batch_bytes;         /* of a producer: its batch.size */
    rd_kafka_resp_err_t refused; /* first record refused since this was last cleared, 0 none */
    char refused_topic[256];
    uint64_t refused_count;
    size_t refused_bytes; /* the largest of them, key and value */
};

int mr_kafka_client_open(struct mr_kafka_client *client, struct mr_kafka_setting *setting,
                         enum mr_kafka_role role, struct mr_err *err) MR_MUST_CHECK;
/* Never waits for brokers. After it no byte handed to librdkafka is referenced any more. */
void mr_kafka_client_close(struct mr_kafka_client *client);
/* Takes events for up to wait_ms; returns at once after the first when something came. */
void mr_kafka_client_serve(struct mr_kafka_client *client, int wait_ms);
/* Forgets doubt and refusals, as at the start of a transaction. */
void mr_kafka_client_forget(struct mr_kafka_client *client);
