/* Whether the topics that would be written to can be what is asked of them, for `check --environment`. */
#pragma once

#include "connectors/sink_kafka/client.h"

/* One failure for each thing in the way; contacts the brokers, changes nothing. */
void mr_kafka_survey(struct mr_kafka_client *client, const struct mr_sink_topic *topics,
                     size_t count, const struct mr_findings *findings);
