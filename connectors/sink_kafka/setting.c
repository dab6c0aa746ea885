/* Names, rules and owner, made once for a session, a preflight or a command, and shared by its handles.
 *
 * Everything that can be wrong about the options by themselves is found here, before a broker is asked for anything:
 * patterns that are none, topic settings that are no settings. What needs a table waits for its first version
 * (placing.c), what needs brokers for a connection (topics.c). */
#include "connectors/sink_kafka/setting.h"

#include <stdio.h>

int mr_kafka_setting_init(struct mr_kafka_setting *setting, const struct mr_sink_args *args,
                          const char *owner, struct mr_err *err)
{
    setting->config = args->config;
    setting->context = args->context;
    mr_kafka_names_init(&setting->names, args->config, args->context);
    snprintf(setting->owner, sizeof setting->owner, "%s", args->owner ? args->owner : owner);
    atomic_init(&setting->closing, false);
    setting->batch_bytes = 0;
    mr_kafka_placing_init(&setting->placing, setting->config);
    mr_kafka_creation_init(&setting->creation, setting->config);
    int rc = mr_kafka_placing_compile(&setting->placing, err);
    return rc < 0 ? rc : mr_kafka_creation_compile(&setting->creation, err);
}

void mr_kafka_setting_done(struct mr_kafka_setting *setting)
{
    mr_kafka_creation_done(&setting->creation);
    mr_kafka_placing_done(&setting->placing);
    mr_kafka_names_done(&setting->names);
}

bool mr_kafka_stopping(const struct mr_kafka_setting *setting)
{
    return atomic_load_explicit(&setting->closing, memory_order_relaxed);
}
