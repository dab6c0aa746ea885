/* What every format with Debezium's events does: plans by table version, subjects in a registry, side records, options.
 *
 * An encoder's config begins with a struct mr_codec_config, its state with a struct mr_codec and its plan with a struct
 * mr_codec_plan; it names its own parts in a struct mr_codec_format, opens the codec, and has the functions below as
 * members of its struct mr_encoder. Rows are written by walk.h, which is compiled into the format. */
#pragma once

#include "plug/encoder.h"
#include "schema/event/envelope.h"
#include "schema/event/event.h"
#include "schema/event/plans.h"
#include "schema/event/source.h"
#include "schema/json/row.h"
#include "schema/registry/subject.h"

/* The options that all formats have; MR_CODEC_OPTIONS lists them. */
struct mr_codec_config {
    struct mr_subject_options subjects;
    struct mr_event_options events;
    struct mr_form_options forms;
};

/* What is known about one table version, or about messages, or about a kind of side records, before the first. */
struct mr_codec_plan {
    struct mr_table *table; /* one reference; NULL in plans for messages and side records */
    struct mr_arena arena;
    struct mr_envelope envelope;
    const struct mr_connect *key_schema, *value_schema; /* key_schema is NULL without a key */
    struct mr_subject key, value; /* without names where nothing is registered */
    struct mr_source_plan source;
    struct mr_slice topic;
    struct mr_slice database; /* of the plan for messages: what `source` says */
    /* For what is told in JSON whatever the format: keys in headers, names of unchanged columns. */
    struct mr_row_column *json_columns, *json_keys;
    uint32_t json_column_count, json_key_count;
    size_t typical; /* bytes of the largest value so far, up to a limit: what to reserve */
};

struct mr_codec;

struct mr_codec_format {
    size_t plan_size;
    const struct mr_schema_kind *kind;
    /* MUST. Fills the format's part of a plan, whose schemas are made: what it writes by, and with mr_codec_subject()
     * what it registers. */
    void (*complete)(struct mr_codec *codec, struct mr_codec_plan *plan);
    /* MUST. The pieces of the source block. */
    void (*source)(struct mr_arena *arena, const struct mr_source_names *names,
                   struct mr_source_plan *ret_plan);
    /* MAY. What the format refuses in a plan; talks to nobody. */
    int (*check)(const struct mr_codec_plan *plan, struct mr_err *err) MR_MUST_CHECK;
};

struct mr_codec {
    const struct mr_codec_format *format;
    const struct mr_context *context;
    const struct mr_codec_config *config; /* the format's, completed; lives as long */
    struct mr_registry *registry;         /* NULL: nothing is registered */
    struct mr_plans plans;
    struct mr_codec_plan *message;                       /* NULL before the first */
    struct mr_codec_plan *boundary, *heartbeat, *schema; /* likewise */
    struct mr_slice transactions; /* topic of BEGIN and END; {NULL, 0}: none */
    struct mr_event_style style;
    struct mr_row_writer writer;
    struct mr_source_block block;
    struct mr_header context_headers[4];
    uint32_t context_header_count;
    char run_id[40];
};

/* Opens the parts of a codec whose config the format has copied and completed; `registered`: with a registry.
 * mr_codec_close() undoes it after a failure too. */
int mr_codec_open(struct mr_codec *codec, const struct mr_codec_format *format,
                  struct mr_codec_config *config, const struct mr_encoder_args *args,
                  bool registered, struct mr_err *err) MR_MUST_CHECK;

/* For complete(): the schema's text as what the registry is asked for. */
void mr_codec_subject(struct mr_codec *codec, struct mr_codec_plan *plan,
                      const struct mr_connect *schema, bool key, struct mr_slice text);

/* The plan of a change, whatever it is; its ids are known unless describe() has not seen it. */
int mr_codec_find(struct mr_codec *codec, const struct mr_change *change,
                  struct mr_codec_plan **ret_plan, struct mr_err *err) MR_MUST_CHECK;

/* The pieces of the source block of a SCHEMA change, in the batch's arena: no two are of the same table. */
void mr_codec_schema_source(struct mr_codec *codec, struct mr_arena *arena,
                            const struct mr_change *change);

/* Members of struct mr_encoder; `state` begins with a struct mr_codec. */
void mr_codec_wait_until(void *state, int64_t deadline_ns);
int mr_codec_describe(void *state, struct mr_table *table, struct mr_err *err) MR_MUST_CHECK;
int mr_codec_describe_messages(void *state, struct mr_err *err) MR_MUST_CHECK;
int mr_codec_describe_side(void *state, const struct mr_change *change,
                           struct mr_err *err) MR_MUST_CHECK;
int mr_codec_check(void *state, struct mr_table *table, struct mr_err *err) MR_MUST_CHECK;
bool mr_codec_leaves_out(void *state, enum mr_op op);
struct mr_slice mr_codec_remember(void *state);
int mr_codec_plan_table(void *state, struct mr_table *table,
                        void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                        struct mr_err *err) MR_MUST_CHECK;
int mr_codec_plan_side(void *state, const struct mr_change *change,
                       void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                       struct mr_err *err) MR_MUST_CHECK;
void mr_codec_close(void *state);

#define MR_CODEC_MEMBERS                                                                           \
    .wait_until = mr_codec_wait_until, .describe = mr_codec_describe,                              \
    .describe_messages = mr_codec_describe_messages, .describe_side = mr_codec_describe_side,      \
    .check = mr_codec_check, .leaves_out = mr_codec_leaves_out, .remember = mr_codec_remember,     \
    .plan = mr_codec_plan_table, .plan_side = mr_codec_plan_side

/* Rows for an encoder's option table; `member` is its struct mr_codec_config; `names` is the default of both name
 * adjustments, registry_flags the flags of the group `registry`. */
#define MR_CODEC_OPTIONS(config, member, names, registry_flags)                                    \
    MR_SUBJECT_OPTIONS(config, member.subjects, registry_flags),                                   \
        MR_EVENT_OPTIONS(config, member.events), MR_FORM_OPTIONS(config, member.forms),            \
        MR_NAME_OPTIONS(config, member.forms, names)
