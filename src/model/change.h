/* One row change, and the transaction it belongs to.
 *
 * Both live in a batch's arena. A change's number is base + count of the changes the source gave before any
 * filter; a replay gives each change its old number. It is the version that an index stores. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/origin.h"
#include "model/table.h"
#include "model/value.h"

enum mr_op {
    MR_OP_READ = 'r',     /* a row of a snapshot: after */
    MR_OP_CREATE = 'c',   /* after */
    MR_OP_UPDATE = 'u',   /* after; before when the source sent an old row or key */
    MR_OP_DELETE = 'd',   /* before */
    MR_OP_TRUNCATE = 't', /* neither; one change per table */
    MR_OP_MESSAGE = 'm',  /* a logical message: message; table is NULL */
    /* A change of schemas, where the log tells of such: schema; table and message are NULL. It is no event of its
     * transaction, and transforms never see it. The source sets batch->sides. */
    MR_OP_SCHEMA = 'S',
    /* No changes of rows: the engine puts them between the changes, from the batch's milestones, where the encoder
     * is to write records of them. table and message are NULL; transforms never see them. */
    MR_OP_BEGIN = 'B',     /* transaction */
    MR_OP_END = 'E',       /* transaction, counts */
    MR_OP_HEARTBEAT = 'h', /* heartbeat */
};

/* Debezium's snapshot markers, in the order of its enum. */
enum mr_snapshot_mark {
    MR_SNAPSHOT_NONE = 0,       /* "false" */
    MR_SNAPSHOT_TRUE,           /* "true" */
    MR_SNAPSHOT_FIRST,          /* "first" */
    MR_SNAPSHOT_FIRST_IN_TABLE, /* "first_in_data_collection" */
    MR_SNAPSHOT_LAST_IN_TABLE,  /* "last_in_data_collection" */
    MR_SNAPSHOT_LAST,           /* "last" */
    MR_SNAPSHOT_INCREMENTAL,    /* "incremental" */
};

struct mr_transaction {
    struct mr_origin origin;
    int64_t commit_us; /* wall time of the commit, microseconds since 1970 */
};

struct mr_message {
    bool transactional;
    struct mr_slice prefix, content;
    struct mr_slice database; /* it was sent in; {NULL, 0} unknown */
};

enum mr_table_action { MR_TABLE_CREATE, MR_TABLE_ALTER, MR_TABLE_DROP };

struct mr_table_change {
    enum mr_table_action action;
    struct mr_slice database, name;
    struct mr_table *table; /* as it is from then on, referenced by the batch; NULL: dropped */
};

/* One statement that changed schemas. */
struct mr_schema_change {
    struct mr_slice connector; /* "mysql", "mariadb" */
    struct mr_slice database;  /* {NULL, 0}: of the whole server */
    struct mr_slice tables;    /* their names by commas; {NULL, 0}: none */
    struct mr_slice ddl;
    uint32_t change_count; /* 0: no table has other columns than before */
    const struct mr_table_change *changes;
};

/* What a transaction consisted of, for its END. Counted as events: a key change is two. */
struct mr_collection_count {
    struct mr_slice name; /* "schema.table", or a message's prefix */
    uint64_t events;
};
struct mr_counts {
    uint64_t events;
    uint32_t collection_count;
    const struct mr_collection_count *collections; /* in Debezium's order */
};

/* A sign of life, and how far everything is when a reader sees it. */
struct mr_heartbeat {
    struct mr_slice topic;
    int64_t time_us;          /* wall time */
    struct mr_slice position; /* JSON text of the position committed with it; {NULL, 0} = none */
};

struct mr_change {
    enum mr_op op;
    enum mr_snapshot_mark mark;
    struct mr_table *table; /* a reference is held by the batch; NULL for a message */
    struct mr_transaction *transaction;
    struct mr_value *before; /* table->column_count values, or NULL */
    struct mr_value *after;  /* likewise */
    struct mr_message *message;
    const struct mr_counts *counts;        /* END only */
    const struct mr_heartbeat *heartbeat;  /* HEARTBEAT only */
    const struct mr_schema_change *schema; /* SCHEMA only */
    uint64_t number;                       /* change number, see above */
    uint64_t ordinal; /* 0-based place among the changes of its transaction, before any filter */
    union mr_origin_row origin; /* its own place in the log, by transaction->origin.kind */
    /* Wall time at which we read it (the envelope's ts_ms); the same for a whole read burst. */
    int64_t read_us;
    /* Places of its (first) event among the events of its transaction, and among those of its table, from 1; set by
     * the engine before the encoder runs; 0: it belongs to no transaction, or nobody wants to know. */
    uint64_t total_order, collection_order;
    uint32_t place;     /* the engine's: its index in the batch as the source made it */
    bool replayed;      /* out already: given again only to be counted, and dropped by the engine */
    bool before_is_key; /* before holds the key columns only; the others are ABSENT */
    /* an update whose key differs from before: becomes delete, tombstone, create */
    bool key_changed;
};
