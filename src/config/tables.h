/* The option tables of what belongs to no connector: the top of the file, a pipeline, and the keys that every
 * source, format, sink and transform shares. A GROUP without a table of its own (source, format, ...) is filled
 * by the loader from these and the connector's table together. */
#pragma once

#include "base/option.h"
#include "config/config.h"

struct mr_config_top {
    int64_t version;
    struct mr_option_list include;
    const char *state_directory;
    int log_level, log_format;
};

struct mr_config_limits {
    int64_t batch_bytes, queue_bytes, drain_ns;
    struct mr_errors_config errors;
};

/* type, and the other keys that the loader itself understands: name of a source, topic of a sink, events of a
 * format. */
struct mr_config_common {
    const char *type, *other;
    struct mr_events_config events;
};

extern const struct mr_option mr_config_top_options[];      /* struct mr_config_top */
extern const struct mr_option mr_config_pipeline_options[]; /* struct mr_config_limits */
extern const struct mr_option
    mr_config_source_options[]; /* struct mr_config_common, as those below */
extern const struct mr_option mr_config_format_options[];
extern const struct mr_option mr_config_transform_options[];
extern const struct mr_option mr_config_sink_options[];
