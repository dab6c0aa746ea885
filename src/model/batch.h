/* The unit of ownership: changes, what was made of them, and the memory they stand in.
 *
 *     reader: read() fills changes, transactions, values   --push-->   writer: transform, encode fills records
 *     writer: sink.write() gives it to the sink            --poll-->   released: mr_batch_reset, back to the reader
 *
 * One owner at a time; to push is to give away; no row is ever locked. The vectors (changes, records, tables)
 * keep their capacity over a reset, the arena keeps its blocks up to the high-water mark: a warm batch makes no
 * malloc. A batch lives until the sink releases it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/change.h"
#include "model/position.h"
#include "model/record.h"

/* Something that stands between changes and is none: where a transaction begins or ends, or a heartbeat. Sources make
 * BEGIN and END only when asked to (struct mr_source_args.boundaries). */
struct mr_milestone {
    enum mr_op op; /* MR_OP_BEGIN, MR_OP_END, MR_OP_HEARTBEAT */
    size_t at;     /* it stands before the change of this index */
    struct mr_transaction *transaction;
    struct mr_heartbeat *heartbeat; /* its position is filled in by the engine */
    uint64_t number;                /* of the change it opens or follows */
    bool replayed;                  /* as of a change: its record is out already */
};

struct mr_batch {
    struct mr_arena arena;
    struct mr_change *changes; /* mr_batch_add_change() */
    size_t change_count, change_capacity;
    struct mr_milestone *milestones; /* mr_batch_add_milestone(); in order of `at` */
    size_t milestone_count, milestone_capacity;
    struct mr_record *records; /* mr_batch_add_record(); filled by the encoder */
    size_t record_count, record_capacity;
    struct mr_table **tables; /* one reference each; mr_batch_use_table() */
    size_t table_count, table_capacity;
    void **adopted; /* foreign buffers freed by adopted_free at reset (large libpq messages) */
    size_t adopted_count, adopted_capacity;
    void (*adopted_free)(void *buffer);
    /* after the last change; text {NULL, 0} = this batch moves nothing */
    struct mr_position position;
    size_t bytes;          /* wire bytes taken in */
    uint64_t transactions; /* transactions that end in this batch */
    int64_t received_us;   /* wall time of the first byte */
    bool messages;         /* some change is a logical message; set by the source */
    /* BEGIN, END or HEARTBEAT is among the changes, set by the engine; or SCHEMA, set by the source. */
    bool sides;
    bool last;             /* the source reached `until`: nothing follows */
    bool transformed;      /* the engine's transforms have run over it */
    bool caught_up;        /* the source had nothing more to read when it closed the batch */
    struct mr_batch *next; /* for lists of whoever owns it */
    uint64_t sequence;     /* set by the engine: 1, 2, 3 ... in the order of writes since open */
    size_t rows;           /* set by the engine: changes it was encoded from */
    bool divided;          /* mr_batch_divide: it holds records and nothing they were made of */
};

struct mr_batch *mr_batch_new(size_t block_size, size_t keep);
void mr_batch_free(struct mr_batch *batch);
/* Forgets all content, drops references, frees adopted buffers, keeps memory up to the high-water mark. */
void mr_batch_reset(struct mr_batch *batch);
/* A zeroed element at the end; valid until the next add of the same kind (the vectors move). */
struct mr_change *mr_batch_add_change(struct mr_batch *batch);
struct mr_record *mr_batch_add_record(struct mr_batch *batch);
/* One that stands behind the changes there are. */
struct mr_milestone *mr_batch_add_milestone(struct mr_batch *batch, enum mr_op op);
/* These instead of the changes there are; they are copied, and stand elsewhere. */
void mr_batch_set_changes(struct mr_batch *batch, const struct mr_change *changes, size_t count);
/* Whether it holds anything that goes out. */
static inline bool mr_batch_empty(const struct mr_batch *batch)
{
    return batch->change_count == 0 && batch->milestone_count == 0;
}
/* Takes a reference unless the batch already has one (it looks at the last few only: duplicates are legal). */
void mr_batch_use_table(struct mr_batch *batch, struct mr_table *table);
/* The batch frees `buffer` at reset by adopted_free. */
void mr_batch_adopt(struct mr_batch *batch, void *buffer);
/* Exchanges arena and records with `other`: between two calls, what is encoded stands apart from what it is made of. */
void mr_batch_divert(struct mr_batch *batch, struct mr_batch *other);
/* Of a batch that is diverted to an empty `other` and encoded: keeps records, tables and position; everything that they
 * were made of goes to `other`, which has no other content. Changes and rows of records are NULL from then on. */
void mr_batch_divide(struct mr_batch *batch, struct mr_batch *other);
/* The memory it holds now, used or not: what every limit on batches counts. */
size_t mr_batch_held(const struct mr_batch *batch);
