/* The pipeline's position in Kafka: the last record with our key in a topic of one partition.
 *
 *     key      <name>.<pipeline>
 *     value    the engine's checkpoint, a JSON object; "" when a pipeline was claimed but stands nowhere yet
 *     headers  owner: who wrote it; start: the how many-th owner that is; commit: its number since that owner opened */
#pragma once

#include <librdkafka/rdkafka.h>

#include "base/buf.h"
#include "connectors/sink_kafka/client.h"

struct mr_kafka_checkpoint {
    bool found;
    struct mr_buf text;
    char owner[64];
    uint64_t start, commit;
};

void mr_kafka_checkpoint_init(struct mr_kafka_checkpoint *checkpoint);
void mr_kafka_checkpoint_done(struct mr_kafka_checkpoint *checkpoint);

#define MR_KAFKA_LOST_HINT                                                                         \
    "events may be missing too (a topic deleted, or an unclean leader election); compare, then "   \
    "start again from what is stored, or with millrace checkpoint set, or with a new snapshot"

/* Makes the topic if it is missing and checks that it can hold a checkpoint. */
int mr_kafka_checkpoint_prepare(struct mr_kafka_client *client, struct mr_err *err) MR_MUST_CHECK;

/* MR_KAFKA_SETTLED waits until nothing is open below the topic's present end: what is read is final once
 * init_transactions has returned. MR_KAFKA_AS_SEEN reads what is committed now. */
enum mr_kafka_reading { MR_KAFKA_AS_SEEN, MR_KAFKA_SETTLED };
int mr_kafka_checkpoint_read(struct mr_kafka_setting *setting, enum mr_kafka_reading reading,
                             struct mr_kafka_checkpoint *ret_checkpoint,
                             struct mr_err *err) MR_MUST_CHECK;

/* The topic that held our claim is not there any more: MR_GAP. */
int mr_kafka_checkpoint_gone(const struct mr_kafka_setting *setting,
                             struct mr_err *err) MR_MUST_CHECK;

/* Hands one to librdkafka (copied). */
rd_kafka_resp_err_t mr_kafka_checkpoint_produce(struct mr_kafka_client *client,
                                                const struct mr_kafka_checkpoint *checkpoint);
