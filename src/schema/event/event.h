/* Which records a change becomes, the headers they share, and what is said when one cannot be made: the same for every
 * format. */
#pragma once

#include "base/option.h"
#include "model/batch.h"
#include "plug/context.h"
#include "schema/form/form.h"

enum mr_envelope_kind { MR_ENVELOPE_DEBEZIUM, MR_ENVELOPE_FLAT };
enum mr_deletes { MR_DELETES_TOMBSTONE, MR_DELETES_REWRITE, MR_DELETES_DROP };
extern const char *const mr_envelope_kinds[], *const mr_deletes_kinds[];

/* A part of every encoder's configuration; MR_EVENT_OPTIONS lists it in the encoder's option table. */
struct mr_event_options {
    int envelope;    /* enum mr_envelope_kind */
    int deletes;     /* flat: enum mr_deletes */
    bool tombstones; /* debezium: a delete is followed by its key without a value */
    bool context_headers;
    const char *source_version;
};

/* What the encoder's options say about records. */
struct mr_event_style {
    bool flat;       /* the row alone, no envelope */
    bool tombstones; /* as of the options */
    int deletes;     /* likewise */
};

/* One record to make. Rows are those of the change; NULL where the event has none. */
struct mr_event {
    enum mr_op op;
    bool tombstone; /* no value */
    const struct mr_value *before, *after;
    const struct mr_value *key;       /* the row whose key columns make the key; NULL: a null key */
    const struct mr_value *other_key; /* of a key change: the row with the other key; else NULL */
    const char *key_header; /* "__debezium.newkey" or "__debezium.oldkey" with other_key */
};

#define MR_EVENTS_MAX 3

/* Fills events in the order of their records and returns their number, 0 to MR_EVENTS_MAX. Not for messages. */
uint32_t mr_event_list(const struct mr_change *change, bool has_key,
                       const struct mr_event_style *style, struct mr_event events[MR_EVENTS_MAX]);

/* How many events of the change come before its event of this operation: the second event of a key change is its
 * create. */
static inline uint64_t mr_event_before(const struct mr_change *change, enum mr_op op)
{
    return change->op == MR_OP_UPDATE && op == MR_OP_CREATE;
}

/* A record of the change at the end of the batch, with these headers: the other key's text (with a key_header),
 * the context, the unchanged columns' names; each may be missing (data NULL, count 0). */
struct mr_record *mr_event_record(struct mr_batch *batch, const struct mr_change *change,
                                  struct mr_slice topic, const struct mr_event *event,
                                  struct mr_slice other_key, const struct mr_header *context,
                                  uint32_t context_count, struct mr_slice unchanged);

/* What the options say about records. */
static inline struct mr_event_style mr_event_style(const struct mr_event_options *options)
{
    return (struct mr_event_style){.flat = options->envelope == MR_ENVELOPE_FLAT,
                                   .tombstones = options->tombstones,
                                   .deletes = options->deletes};
}

/* Debezium's four __debezium.context.* headers. run_id has room for 40 bytes and lives as long as they do. */
uint32_t mr_event_context(const char *server, char *run_id, struct mr_header headers[4]);

/* The topic of records without a table: "<server>.<what>", or "<server>" with what NULL, made legal. */
struct mr_slice mr_event_topic(struct mr_arena *arena, const char *server, const char *what);

/* Puts table, column and position in front of a conversion's error; returns MR_DATA. */
int mr_event_fail(struct mr_err *err, const struct mr_table *table, const struct mr_column *column,
                  const struct mr_change *change);
/* True when the failure of one event is to be passed over: then it is counted and noted. */
bool mr_event_skipped(const struct mr_context *context, int failure_mode, int rc,
                      const struct mr_err *err);
/* Counts and notes the values that were made null since it was last asked. */
void mr_event_nulled(const struct mr_context *context, struct mr_form_losses *losses);

/* Rows for an encoder's option table; `member` is its struct mr_event_options. */
#define MR_EVENT_OPTIONS(config, member)                                                           \
    {.key = "envelope",                                                                            \
     .type = MR_OPTION_ENUM,                                                                       \
     .offset = offsetof(config, member.envelope),                                                  \
     .standard = "debezium",                                                                       \
     .choices = mr_envelope_kinds,                                                                 \
     .doc = "debezium: before, after, source, op and times around the row, as Debezium sends it. " \
            "flat: the row alone."},                                                               \
        {.key = "tombstones",                                                                      \
         .type = MR_OPTION_BOOL,                                                                   \
         .offset = offsetof(config, member.tombstones),                                            \
         .standard = "true",                                                                       \
         .doc = "After a delete, send the key once more without a value, so that compaction "      \
                "forgets it. Envelope debezium; for flat see deletes."},                           \
        {.key = "deletes",                                                                         \
         .type = MR_OPTION_ENUM,                                                                   \
         .offset = offsetof(config, member.deletes),                                               \
         .standard = "tombstone",                                                                  \
         .choices = mr_deletes_kinds,                                                              \
         .doc = "What a delete becomes with envelope flat: the key without a value, the old row "  \
                "with __deleted \"true\" (all other rows then carry \"false\"), or nothing."},     \
        {.key = "context_headers",                                                                 \
         .type = MR_OPTION_BOOL,                                                                   \
         .offset = offsetof(config, member.context_headers),                                       \
         .standard = "false",                                                                      \
         .doc = "Send Debezium's four __debezium.context.* headers with every record: about 230 "  \
                "bytes each time that few consumers read."},                                       \
    {                                                                                              \
        .key = "source_version", .type = MR_OPTION_STRING,                                         \
        .offset = offsetof(config, member.source_version), .standard = "3.7.0.Final",              \
        .doc = "The text of source.version: the Debezium version whose events these are equal "    \
               "to, since consumers parse it."                                                     \
    }
