/* The source block of an event: where in which database it comes from.
 *
 * Its schema and the ways of writing it stand side by side, one file per kind of log: source_postgres.c and
 * source_binlog.c. What is the same for a table version is made once (struct mr_source_plan), what is the same for a
 * transaction or a read burst once per transaction or burst (struct mr_source_block); per row a few numbers are left.
 * A block serves one format only. */
#pragma once

#include "base/arena.h"
#include "model/change.h"
#include "schema/form/connect.h"
#include "schema/out/json.h"

/* How source.snapshot is spelled. */
const char *mr_source_mark(enum mr_snapshot_mark mark);

struct mr_source_field {
    const char *name;
    enum mr_connect_type type;
    bool optional;
};

/* io.debezium.connector.<connector>.Source; PostgreSQL's where the connector is unknown. */
const struct mr_connect *mr_source_schema(struct mr_arena *arena, struct mr_slice connector);

/* What a version's rows share. The names are those of the fields that a piece ends before or is about. */
struct mr_source_plan {
    bool binlog;           /* the layout is source_binlog.c's */
    struct mr_slice head;  /* version, connector, name; up to ts_ms */
    struct mr_slice mark;  /* JSON: snapshot "false", and db */
    struct mr_slice db;    /* what follows the marker; in Avro db alone */
    struct mr_slice table; /* schema and table, up to what a row has of its own */
};

/* What a block belongs to. A binlog's table may be {NULL, 0}: none. */
struct mr_source_names {
    struct mr_slice version, connector, server, database, schema, table;
};

/* Makes the pieces in the arena; text is for scratch. */
void mr_source_plan_json(struct mr_arena *arena, const struct mr_source_names *names,
                         struct mr_buf *text, struct mr_source_plan *ret_plan);
void mr_source_plan_avro(struct mr_arena *arena, const struct mr_source_names *names,
                         struct mr_source_plan *ret_plan);

/* A few bytes made once for many rows. */
struct mr_source_piece {
    size_t size;
    char bytes[72];
};

struct mr_source_block {
    const struct mr_transaction *transaction; /* of the cached pieces; NULL: nothing cached */
    struct mr_source_piece commit_ms, commit; /* ts_ms; ts_us and ts_ns */
    struct mr_source_piece previous, id;      /* PostgreSQL: sequence's first part; txId */
    struct mr_buf tail;  /* PostgreSQL, JSON: from xmin on. binlog: server_id to file */
    bool no_origin;      /* tail is that of a transaction without one, as most are */
    int64_t read_us;     /* of the times; INT64_MIN: none */
    struct mr_buf times; /* the envelope's ts_ms, ts_us, ts_ns; of messages only ts_ms */
    struct mr_buf message_time;
};

void mr_source_init(struct mr_source_block *block);
void mr_source_done(struct mr_source_block *block);
/* Forgets the cache: a new batch may have another transaction at the same address. */
void mr_source_reset(struct mr_source_block *block);

/* ,"source":{...} */
void mr_source_postgres_json(struct mr_source_block *block, const struct mr_source_plan *plan,
                             const struct mr_change *change, struct mr_out *out);
void mr_source_binlog_json(struct mr_source_block *block, const struct mr_source_plan *plan,
                           const struct mr_change *change, struct mr_out *out);
/* The record's fields. */
void mr_source_postgres_avro(struct mr_source_block *block, const struct mr_source_plan *plan,
                             const struct mr_change *change, struct mr_out *out);
void mr_source_binlog_avro(struct mr_source_block *block, const struct mr_source_plan *plan,
                           const struct mr_change *change, struct mr_out *out);

static inline void mr_source_json(struct mr_source_block *block, const struct mr_source_plan *plan,
                                  const struct mr_change *change, struct mr_out *out)
{
    if (plan->binlog)
        mr_source_binlog_json(block, plan, change, out);
    else
        mr_source_postgres_json(block, plan, change, out);
}

static inline void mr_source_avro(struct mr_source_block *block, const struct mr_source_plan *plan,
                                  const struct mr_change *change, struct mr_out *out)
{
    if (plan->binlog)
        mr_source_binlog_avro(block, plan, change, out);
    else
        mr_source_postgres_avro(block, plan, change, out);
}

/* The times of the envelope: "ts_ms":..,"ts_us":..,"ts_ns":..} or, for messages, "ts_ms":.. alone. */
void mr_source_times_json(struct mr_source_block *block, const struct mr_change *change,
                          struct mr_out *out);
void mr_source_times_avro(struct mr_source_block *block, const struct mr_change *change,
                          struct mr_out *out);

/* For source_postgres.c and source_binlog.c: the lists of their fields behind the common ones, and the times that all
 * blocks have. */
extern const struct mr_source_field mr_source_postgres_fields[7], mr_source_binlog_fields[8];
/* Of an empty origin too: changes without a transaction stand nowhere. */
const struct mr_transaction *mr_source_transaction(const struct mr_change *change);
/* commit_ms; and commit, which begins with `lead` and ends with `tail`. */
void mr_source_commit_json(struct mr_source_block *block, const char *lead, const char *tail,
                           int64_t commit_us);
void mr_source_commit_avro(struct mr_source_block *block, int64_t commit_us);
void mr_source_mark_json(const struct mr_source_plan *plan, const struct mr_change *change,
                         struct mr_out *out);

static inline void mr_source_put(const struct mr_source_piece *piece, struct mr_out *out)
{
    mr_out_raw(out, mr_slice(piece->bytes, piece->size));
}
