/* What stands in every configuration file, whatever connectors it names.
 *
 *     version: 1                       mr_config_top_options
 *     include: [...]
 *     state: {directory: ...}
 *     log: {level: ..., format: ...}
 *     pipelines:
 *       NAME:                          mr_config_pipeline_options
 *         source: {type, name, ...}    mr_config_source_options + the source's own table
 *         transforms: [{type, ...}]
 *         format: {type, ...}
 *         sink: {type, topic, ...}
 *         limits: {batch, queue, drain}
 *
 * The same tables make the reference page and the JSON schema, so a doc text here is what users read. */
#include "config/tables.h"

#include <stddef.h>

static const char *const levels[] = {"trace", "debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"auto", "logfmt", "json", NULL};

static const struct mr_option state_options[] = {
    {.key = "directory",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct mr_config_top, state_directory),
     .doc =
         "A directory of millrace's own. So far nothing is kept in it, and nothing that is needed "
         "to go on ever will be: the position is stored in the sink. `check` sees whether it can "
         "be written."},
    {0}};

static const struct mr_option log_options[] = {
    {.key = "level",
     .type = MR_OPTION_ENUM,
     .flags = MR_OPTION_RELOADABLE,
     .offset = offsetof(struct mr_config_top, log_level),
     .standard = "info",
     .choices = levels,
     .doc = "The least severe level that is written to standard error."},
    {.key = "format",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct mr_config_top, log_format),
     .standard = "auto",
     .choices = formats,
     .doc = "auto writes logfmt when standard error is a terminal and JSON lines otherwise."},
    {0}};

const struct mr_option mr_config_top_options[] = {
    {.key = "version",
     .type = MR_OPTION_INT,
     .flags = MR_OPTION_REQUIRED,
     .offset = offsetof(struct mr_config_top, version),
     .min = 1,
     .max = 1,
     .doc = "The version of this file format. Always 1."},
    {.key = "include",
     .type = MR_OPTION_LIST,
     .offset = offsetof(struct mr_config_top, include),
     .doc = "Further files, as paths or patterns (conf.d/*.yaml) relative to this file. They are "
            "read in the order "
            "given, those of a pattern by name. Mappings merge, other values replace, later wins; "
            "the same pipeline in two files is an error."},
    {.key = "state",
     .type = MR_OPTION_GROUP,
     .group = state_options,
     .doc = "Local, disposable state."},
    {.key = "log",
     .type = MR_OPTION_GROUP,
     .group = log_options,
     .doc = "The log on standard error."},
    {.key = "pipelines",
     .type = MR_OPTION_GROUP,
     .flags = MR_OPTION_REQUIRED,
     .doc = "The pipelines, by name. A name is made of letters, digits, _ and -, at most 63."},
    {0}};

static const struct mr_option limit_options[] = {
    {.key = "batch",
     .type = MR_OPTION_SIZE,
     .offset = offsetof(struct mr_config_limits, batch_bytes),
     .standard = "256KiB",
     .min = 4096,
     .max = 1LL << 30,
     .doc = "A batch is closed at about this many bytes from the source."},
    {.key = "queue",
     .type = MR_OPTION_SIZE,
     .offset = offsetof(struct mr_config_limits, queue_bytes),
     .standard = "8MiB",
     .min = 65536,
     .max = 16LL << 30,
     .doc = "What may wait between the source's thread and the sink's. When it is full, the source "
            "is not "
            "read: this is the only back-pressure."},
    {.key = "drain",
     .type = MR_OPTION_DURATION,
     .offset = offsetof(struct mr_config_limits, drain_ns),
     .standard = "30s",
     .min = 0,
     .max = 3600LL * 1000000000LL,
     .doc = "How long a stop may take to deliver and commit what was read. What is not committed "
            "by then is "
            "read again at the next start."},
    {0}};

static const char *const policies[] = {"stop", "dead_letter", NULL};

#define ERRORS_AT(field) offsetof(struct mr_errors_config, field)

static const struct mr_option errors_options[] = {
    {.key = "policy",
     .type = MR_OPTION_ENUM,
     .offset = ERRORS_AT(policy),
     .standard = "stop",
     .choices = policies,
     .doc = "stop ends the pipeline with the position before the change. dead_letter writes the "
            "change as JSON, with the reason, into a topic of its own, in the same commit as the "
            "events around it, and goes on."},
    {.key = "topic",
     .type = MR_OPTION_STRING,
     .offset = ERRORS_AT(topic),
     .standard = "{name}.dead_letters",
     .doc = "The topic of dead letters. {name} is the source's logical name; there are no other "
            "placeholders."},
    {.key = "most",
     .type = MR_OPTION_INT,
     .offset = ERRORS_AT(most),
     .standard = "100",
     .min = 1,
     .max = 1000000000,
     .doc = "More dead letters than this within the time of `within` stop the pipeline."},
    {.key = "within",
     .type = MR_OPTION_DURATION,
     .offset = ERRORS_AT(within_ns),
     .standard = "1m",
     .min = 1000000000,
     .max = 86400LL * 1000000000LL,
     .doc = "The time in which dead letters are counted."},
    {0}};

const struct mr_option mr_config_pipeline_options[] = {
    {.key = "source",
     .type = MR_OPTION_GROUP,
     .flags = MR_OPTION_REQUIRED,
     .doc = "Where changes come from."},
    {.key = "transforms",
     .type = MR_OPTION_GROUP,
     .doc = "A list of transforms that every change passes, in this order."},
    {.key = "format",
     .type = MR_OPTION_GROUP,
     .doc = "How a change is written into a record. Not given where the sink stores typed values "
            "by itself."},
    {.key = "sink",
     .type = MR_OPTION_GROUP,
     .flags = MR_OPTION_REQUIRED,
     .doc = "Where changes go, and where the position is stored with them."},
    {.key = "errors",
     .type = MR_OPTION_GROUP,
     .offset = offsetof(struct mr_config_limits, errors),
     .group = errors_options,
     .doc =
         "What to do with a change that cannot be encoded, or whose record the sink would refuse "
         "as too large."},
    {.key = "limits", .type = MR_OPTION_GROUP, .group = limit_options, .doc = "Memory and time."},
    {0}};

#define COMMON_TYPE(what)                                                                          \
    {                                                                                              \
        .key = "type", .type = MR_OPTION_STRING, .flags = MR_OPTION_REQUIRED,                      \
        .offset = offsetof(struct mr_config_common, type), .doc = what                             \
    }

const struct mr_option mr_config_source_options[] = {
    COMMON_TYPE("The kind of source."),
    {.key = "name",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct mr_config_common, other),
     .doc = "Logical name of the server: the {name} of topics and the source.name of events, as "
            "topic.prefix is "
            "in Debezium. The pipeline's name when absent."},
    {0}};

#define EVENTS_AT(field)                                                                           \
    (offsetof(struct mr_config_common, events) + offsetof(struct mr_events_config, field))

const struct mr_option mr_config_format_options[] = {
    {.key = "type",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct mr_config_common, type),
     .standard = "json",
     .doc = "The kind of format."},
    {.key = "provide_transaction_metadata",
     .type = MR_OPTION_BOOL,
     .offset = EVENTS_AT(provide),
     .standard = "false",
     .doc = "Say of each event which transaction it belongs to and its place there (the "
            "envelope's `transaction`), and write a BEGIN and an END for each transaction, with "
            "the number of its events for each table, to transaction_topic. As in Debezium."},
    {.key = "transaction_topic",
     .type = MR_OPTION_STRING,
     .offset = EVENTS_AT(topic),
     .standard = "{name}.transaction",
     .doc = "Where BEGIN and END go. {name} is the source's logical name; there are no other "
            "placeholders."},
    {.key = "skip_messages_without_change",
     .type = MR_OPTION_BOOL,
     .offset = EVENTS_AT(skip_unchanged),
     .standard = "false",
     .doc = "Leave out updates that change no column that is sent: those of left-out columns "
            "alone, and UPDATEs that write what was there. Only of tables with REPLICA IDENTITY "
            "FULL, whose old rows are known."},
    {0}};

const struct mr_option mr_config_transform_options[] = {COMMON_TYPE("The kind of transform."), {0}};

const struct mr_option mr_config_sink_options[] = {
    COMMON_TYPE("The kind of sink."),
    {.key = "topic",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct mr_config_common, other),
     .standard = "{name}.{schema}.{table}",
     .doc = "Where a table's events go. Placeholders: {name}, {database}, {schema}, {table}. "
            "Where the database has no schemas (MySQL, MariaDB), {schema} is the database. "
            "Characters that a topic cannot have become _."},
    {0}};
