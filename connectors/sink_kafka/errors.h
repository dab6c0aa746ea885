/* How the sink reads errors of librdkafka, where its rights and options are the matter. */
#pragma once

#include "client/kafka/errors.h"

/* For mr_kafka_fail. */
extern const struct mr_kafka_error mr_kafka_sink_errors[];
