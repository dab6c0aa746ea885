/* Errors whose remedy is an option of the sink, or a right that only a producer needs.
 *
 * This table is looked at before the one of client/kafka/errors.c, which has the rest.
 *
 * A transaction that brokers ended, a successor and a time-out look alike (ENDED): what it was only the checkpoint
 * tells, so none of them is more than a reason to try again with a new handle. */
#include "connectors/sink_kafka/errors.h"

#define ENDED                                                                                      \
    "sink.kafka.transaction_ended",                                                                \
        "it lasted longer than transaction_timeout (brokers away or slow, this process held up), " \
        "or another instance of the pipeline has started: the checkpoint tells which, and what "   \
        "the transaction held is written again; if it recurs, raise transaction_timeout"

const struct mr_kafka_error mr_kafka_sink_errors[] = {
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, MR_CONFIG, 77, "kafka.unauthorized",
     "grant Write and Describe on the topics, Read too on the checkpoint topic, and Create if "
     "millrace is to create them: kafka-acls "
     "--add "
     "--allow-principal User:NAME --operation Write --operation Describe --operation Create "
     "--topic PREFIX "
     "--resource-pattern-type prefixed"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, MR_CONFIG, 77, "kafka.unauthorized",
     "grant IdempotentWrite on the cluster (brokers before 2.8), and Create if millrace is to "
     "create topics"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, MR_CONFIG, 77, "kafka.unauthorized",
     "grant Write and Describe on the transactional id: kafka-acls --add --allow-principal "
     "User:NAME "
     "--operation Write --operation Describe --transactional-id ID"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, MR_CONFIG, 0, "sink.kafka.transaction_timeout",
     "lower transaction_timeout, or raise transaction.max.timeout.ms on the brokers"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, MR_CONFIG, 0, "kafka.topic_missing",
     "a topic that millrace writes to was deleted or lost partitions; start again to have it "
     "created anew, "
     "and take a new snapshot if its events are needed"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, MR_CONFIG, 0, "kafka.topic_missing",
     "a topic that millrace writes to was deleted; start again to have it created anew, and take a "
     "new "
     "snapshot if its events are needed"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, MR_CONFIG, 0, "kafka.topic_missing",
     "a topic that millrace writes to has fewer partitions than before"},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, MR_CONFIG, 0, "sink.kafka.create_topic",
     "change create_topics.partitions"},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, MR_CONFIG, 0, "sink.kafka.create_topic",
     "change create_topics.replication: there are not that many brokers"},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, MR_CONFIG, 0, "sink.kafka.create_topic",
     "change create_topics.config"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, MR_CONFIG, 0, "sink.kafka.create_topic",
     "the brokers' policy forbids it: change create_topics, or create the topic by hand"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, MR_DATA, 0, "sink.kafka.too_large",
     "raise the topic's max.message.bytes (and message.max.bytes below `client`, if it is set "
     "there), leave the column out, or set errors.policy: dead_letter"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, MR_DATA, 0, "sink.kafka.too_large",
     "raise the topic's segment.bytes"},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, MR_DATA, 0, "sink.kafka.invalid_record",
     "a compacted topic takes no record without a key: give the table a primary key, or the topic "
     "cleanup.policy=delete"},
    {RD_KAFKA_RESP_ERR__FENCED, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR__STATE, MR_RETRY, 0, ENDED},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, MR_CONFIG, 0, "sink.kafka.compression",
     "choose another compression"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, MR_CONFIG, 0, "kafka.topic_name",
     "a topic's name has up to 249 of the characters a-z A-Z 0-9 . _ - and is not . or ..; change "
     "topic or checkpoint_topic"},
    {0},
};
