/* Which records a change becomes, and the headers they share: the same for every format. */
#pragma once

#include "model/batch.h"

enum mr_deletes { MR_DELETES_TOMBSTONE, MR_DELETES_REWRITE, MR_DELETES_DROP };

/* What the encoder's options say about records. */
struct mr_event_style {
    bool flat;       /* the row alone, no envelope */
    bool tombstones; /* with an envelope: a delete is followed by its key without a value */
    int deletes;     /* flat: enum mr_deletes */
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

/* A record of the change at the end of the batch, with these headers: the other key's text (with a key_header),
 * the context, the unchanged columns' names; each may be missing (data NULL, count 0). */
struct mr_record *mr_event_record(struct mr_batch *batch, const struct mr_change *change,
                                  struct mr_slice topic, const struct mr_event *event,
                                  struct mr_slice other_key, const struct mr_header *context,
                                  uint32_t context_count, struct mr_slice unchanged);

/* Debezium's four __debezium.context.* headers. run_id has room for 40 bytes and lives as long as they do. */
uint32_t mr_event_context(const char *server, char *run_id, struct mr_header headers[4]);
