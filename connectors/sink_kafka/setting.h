/* What every part of the sink is given: who it is, what is configured, and when to give up. Outlives all clients. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "connectors/sink_kafka/config.h"
#include "connectors/sink_kafka/creation.h"
#include "connectors/sink_kafka/placing.h"

struct mr_kafka_setting {
    const struct mr_kafka_config *config;
    const struct mr_context *context;
    struct mr_kafka_names names;
    struct mr_kafka_creation creation;
    struct mr_kafka_placing placing; /* used by the producer's thread only */
    int64_t batch_bytes; /* no larger batches, for a topic that takes none; 0: as configured */
    char owner[64];
    atomic_bool closing; /* the sink is being closed: every wait ends soon */
};

/* Compiles what the options name; `owner` stands in where args has none. MR_CONFIG: what is wrong with them. To be
 * followed by done, also after a failure. */
int mr_kafka_setting_init(struct mr_kafka_setting *setting, const struct mr_sink_args *args,
                          const char *owner, struct mr_err *err) MR_MUST_CHECK;
void mr_kafka_setting_done(struct mr_kafka_setting *setting);
bool mr_kafka_stopping(const struct mr_kafka_setting *setting);
