/* The whole configuration, checked and filled in.
 *
 * mr_config_load reads the files, resolves ${env:} and ${file:}, checks every key against the option tables and
 * returns plain structs. All findings are collected (up to 50), not only the first. Everything returned lives
 * until mr_config_free. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
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
    const char *
        topic; /* sink.topic, a template (schema/names/topic.h); default "{name}.{schema}.{table}" */
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
    void *owner;               /* memory of all of the above, for mr_config_free */
};

/* 0 and *ret_config, or MR_CONFIG with every finding as text in *ret_findings (rendered with source line and
 * caret, secrets masked) and the first of them in err. */
int mr_config_load(const char *const *paths, size_t count, struct mr_config **ret_config,
                   struct mr_buf *ret_findings, struct mr_err *err) MR_MUST_CHECK;
/* The same with more to say: files, or a text that stands for one (`tail` makes its own), and the findings as a
 * JSON array too. Either buffer may be NULL. */
struct mr_config_input {
    const char *const *paths;
    size_t count;
    const char *label; /* shown as the text's path */
    struct mr_slice text;
};
int mr_config_read(const struct mr_config_input *input, struct mr_config **ret_config,
                   struct mr_buf *ret_findings, struct mr_buf *ret_json,
                   struct mr_err *err) MR_MUST_CHECK;
void mr_config_free(struct mr_config *config);
