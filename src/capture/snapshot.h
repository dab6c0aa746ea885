/* The course of a snapshot: which tables are read in which order, what each row is marked with, and what the position
 * says of it. The rows themselves, and the views they are read in, are the source's.
 *
 *     list   for each table: describe  begin  next*  end        all read: the stream begins
 *
 * Each table may be read in a view of its own, or all in one. When reading is cut off, the table at hand is read again
 * from its first row, in another view: then rows of two views are out, and the stream must leave nothing of it out
 * (mr_snapshot.repeats).
 *
 * Calls cross the operations per batch of rows, never per row. Reader thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "capture/standing.h"
#include "capture/track.h"
#include "model/batch.h"

struct mr_snapshot;

struct mr_snapshot_item {
    struct mr_slice schema, name;
    const char *full;    /* "schema.table", as in the position */
    const char *select;  /* snapshot_select_statement_overrides; NULL: none */
    double rows;         /* an estimate; < 0 unknown */
    size_t rank, listed; /* the order of reading: by pattern, then as they were listed */
    void *own;           /* the source's, in the snapshot's arena */
};

struct mr_snapshot_operations {
    /* MUST. Adds every table that may be read: mr_snapshot_list(). */
    int (*list)(void *state, struct mr_snapshot *snapshot, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Makes ready to read the item: opens its view unless one serves all, sets snapshot->table (the version as
     * the stream would describe it, referenced by the source), transaction, place, and point. MR_RETRY: the view is of
     * no use any more; the session is opened anew. */
    int (*begin)(void *state, struct mr_snapshot *snapshot, const struct mr_snapshot_item *item,
                 struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Takes what rows are there: mr_snapshot_add() for each but the one it holds back (below), until the batch
     * has `limit` bytes, nothing more is there at the deadline, or the table has ended. */
    int (*next)(void *state, struct mr_snapshot *snapshot, struct mr_batch *batch, size_t limit,
                int64_t deadline_ns, bool *ret_end, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. The table is read to its end: checks that it was, and says whether the source still holds a row back. */
    int (*end)(void *state, struct mr_snapshot *snapshot, bool *ret_held,
               struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Whether any item behind the one at hand has a row. Asked once a table, while a row is held back. */
    int (*more)(void *state, struct mr_snapshot *snapshot, bool *ret_more,
                struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Adds the row held back, with this mark. */
    int (*last)(void *state, struct mr_snapshot *snapshot, struct mr_batch *batch,
                enum mr_snapshot_mark mark, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. What the stream may leave out of the table that was read: sets snapshot->lo, hi and key. With
     * snapshot->repeats it may leave out nothing but what it has passed already. */
    void (*covers)(void *state, struct mr_snapshot *snapshot);
    /* MUST. Ends what begin and next have opened; also after a failure, and with nothing open. */
    void (*close)(void *state, struct mr_snapshot *snapshot);
};

/* Room for a place in a log as text, with its NUL: a GTID set of some hundred servers. */
#define MR_SNAPSHOT_PLACE 16384

struct mr_snapshot {
    const struct mr_snapshot_operations *operations;
    void *state;
    struct mr_track *track;
    struct mr_arena arena; /* items */
    struct mr_snapshot_item *items;
    size_t count, capacity, next; /* items[next] is being read or is the next */
    bool reading;                 /* items[next] was begun */
    bool repeats; /* rows of an earlier view of this table are out: the stream leaves nothing out */
    uint64_t rows, table_rows; /* given, of all tables and of this one */

    /* Set by the source in begin. */
    struct mr_table *table;
    struct mr_transaction transaction; /* what its rows belong to: the view */
    union mr_origin_row place;         /* of its rows */
    char point[MR_SNAPSHOT_PLACE];     /* the view, in the source's notation; "" not told */
    /* Set by the source in covers. hi "": as lo. */
    char lo[MR_SNAPSHOT_PLACE], hi[MR_SNAPSHOT_PLACE];
    uint64_t key;

    struct mr_transaction *shared; /* the transaction's copy in the batch; NULL: none yet */
};

/* Lists what is to be read. On failure, too, it is to be closed. */
int mr_snapshot_open(struct mr_snapshot *snapshot, const struct mr_snapshot_operations *operations,
                     void *state, struct mr_track *track, struct mr_err *err) MR_MUST_CHECK;
void mr_snapshot_close(struct mr_snapshot *snapshot);

/* For operations.list: whether a table of that name is still to be read, as far as the position tells. *ret_named: it
 * was asked for by name, so no pattern needs to want it; otherwise patterns decide. */
bool mr_snapshot_remains(const struct mr_snapshot *snapshot, const char *full, bool *ret_named);
/* For operations.list: adds an item; a table that was begun comes first. Its texts live in snapshot->arena. */
void mr_snapshot_list(struct mr_snapshot *snapshot, const struct mr_snapshot_item *item);

/* For operations.next and last: adds a row, table->column_count values in the batch's arena. Which row is its table's
 * last is known only when the next one, or the end, has been seen; so the source holds each row back until then, in the
 * form it came, and gives the table's last one in operations.last. mark: MR_SNAPSHOT_NONE in next, as given in last. */
struct mr_change *mr_snapshot_add(struct mr_snapshot *snapshot, struct mr_batch *batch,
                                  struct mr_value *row, enum mr_snapshot_mark mark);

/* Reads on, as struct mr_source's read(), and puts nothing into batch->position: *ret_close says that the source is to
 * (mr_snapshot_set_position). *ret_finished: all tables are read, and the snapshot may be closed. */
int mr_snapshot_read(struct mr_snapshot *snapshot, struct mr_batch *batch, size_t limit,
                     int64_t deadline_ns, bool *ret_close, bool *ret_finished,
                     struct mr_err *err) MR_MUST_CHECK;
/* As mr_track_set_position, while tables are read: whole at a table's end. */
void mr_snapshot_set_position(const struct mr_track *track, struct mr_batch *batch,
                              struct mr_slice text);
