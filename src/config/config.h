/* The whole configuration as plain structs, checked and filled in. config/read.h makes them from files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plug/encoder.h"
#include "plug/sink.h"
#include "plug/source.h"
#include "plug/transform.h"

/* What happens to a change that cannot be encoded. All zero: stop. */
enum mr_errors_policy { MR_ERRORS_STOP, MR_ERRORS_DEAD_LETTER };
struct mr_errors_config {
    int policy;              /* enum mr_errors_policy */
    const char *topic;       /* a template that knows {name} */
    int64_t most, within_ns; /* more dead letters than that within that time: stop */
};

/* What events there are besides the rows', and which there are not: keys of `format:` that every encoder has. */
struct mr_events_config {
    bool provide;        /* provide_transaction_metadata */
    const char *topic;   /* transaction_topic, a template that knows {name} */
    bool skip_unchanged; /* skip_messages_without_change */
};

struct mr_pipeline_config {
    const char *name;   /* key below `pipelines:` */
    const char *server; /* source.name; default: the pipeline's name */
    /* sink.topic, a template (schema/names/topic.h); default "{name}.{schema}.{table}" */
    const char *topic;
    const struct mr_source *source;
    const void *source_config;
    const struct mr_encoder *encoder; /* NULL when the sink wants CHANGES */
    const void *encoder_config;
    const struct mr_sink *sink;
    const void *sink_config;
    size_t transform_count;
    const struct mr_transform **transforms;
    const void **transform_configs;
    struct mr_events_config events;
    struct mr_errors_config errors;
    int64_t batch_bytes; /* limits.batch, default 256 KiB */
    int64_t queue_bytes; /* limits.queue, default 8 MiB */
    int64_t drain_ns;    /* limits.drain, default 30 s: how long a stop may take */
};

struct mr_config {
    const char *state_directory; /* state.directory; NULL = none */
    size_t pipeline_count;
    struct mr_pipeline_config *pipelines;
    int log_level, log_format; /* enum mr_log_level, enum mr_log_format */
    void *owner;               /* memory of all of the above; read.h */
};
