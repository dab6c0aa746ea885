/* Numbers and places: following a log's transactions from one change to the next.
 *
 *     begin   count (add)  count (add) ...  end        and single, count, add for an event outside a transaction
 *
 * Every change counts, whether or not a filter wants it, so that a replay counts alike: `ordinal` is its place in the
 * transaction, standing->count gives it its number. Of a transaction that a resume stands in, the first n changes are
 * counted and hashed once more and dropped (or given as `replayed`, where transactions are counted).
 *
 * The source decides what a transaction is, whether it was finished before (drop), and what it stands at; this file
 * knows nothing of any log. Its functions are called for every row: they are short and take no memory but the batch's.
 * Single threaded (reader thread). Invariant: standing->n == 0 unless the position held, or rewound to, lies inside a
 * transaction that did not come to its end since. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/option.h"
#include "capture/standing.h"
#include "model/batch.h"
#include "plug/context.h"

/* Operations that give no events (skipped_operations). */
struct mr_left_out {
    bool creates, updates, deletes, truncates;
};
/* MR_CONFIG source.skipped_operations. An empty list leaves out truncates, as Debezium does. */
int mr_left_out_set(struct mr_left_out *left_out, const struct mr_option_list *list,
                    struct mr_err *err) MR_MUST_CHECK;
bool mr_left_out_has(const struct mr_left_out *left_out, enum mr_op op);

struct mr_track {
    const struct mr_context *context;
    struct mr_standing *standing; /* the source's: what is counted, is counted here */
    struct mr_left_out left_out;
    /* Make milestones of transactions' ends, and give dropped changes as replayed. */
    bool boundaries;
    int64_t read_us; /* wall time of the read burst */

    bool open;                         /* inside a transaction */
    bool dropping;                     /* ... that was finished before */
    bool begun;                        /* its BEGIN was made */
    struct mr_transaction transaction; /* its texts are the source's, and live as long as it */
    struct mr_transaction *shared;     /* its copy in the batch's arena; NULL: none there yet */
    uint64_t ordinal, hash;            /* changes of it so far, and their hash */
    uint64_t skip, skip_hash;          /* changes to drop of the one resumed in, and their hash */
    char resumed[128]; /* that one, for errors: "committed at 0/1A2B3C8"; set by the source */
};

/* Begins at `standing`. */
void mr_track_init(struct mr_track *track, const struct mr_context *context,
                   struct mr_standing *standing);
/* A new batch begins: what stood in the old one's arena is forgotten. */
void mr_track_new_batch(struct mr_track *track, int64_t read_us);
/* The log begins again at the position (the session was lost): what is out of the open transaction will be skipped,
 * and checked, when it comes again. The source sets its own place first, by mr_track_inside(). */
void mr_track_rewind(struct mr_track *track);
/* Nothing is to be skipped: another history begins. */
void mr_track_forget(struct mr_track *track);

/* A transaction begins. drop: it was finished before; nothing of it counts. */
void mr_track_begin(struct mr_track *track, const struct mr_transaction *transaction, bool drop);
/* An event outside a transaction, which is a transaction of its own, finished at once. */
void mr_track_single(struct mr_track *track, const struct mr_transaction *transaction);
/* The transaction ends: the position is behind it. What was learnt at its end was put into track->transaction (and into
 * track->shared, if there) before. Nothing for one that was dropped. MR_GAP source.replay_differs. */
int mr_track_end(struct mr_track *track, struct mr_batch *batch, struct mr_err *err) MR_MUST_CHECK;

/* The running hash with (operation, table) in it, to be continued over the row's identity by mr_track_hash(). */
static inline uint64_t mr_track_seed(const struct mr_track *track, uint64_t table_hash,
                                     enum mr_op op)
{
    return track->hash ^ (table_hash + (uint64_t)op);
}
/* At most 256 bytes of a value; values of kinds that have no plain form count by their kind. */
uint64_t mr_track_hash(const struct mr_value *value, uint64_t seed);

/* Takes a change into account; seed: its hash. *ret_skipped: it is out already. MR_GAP source.replay_differs: a
 * replayed transaction is not the one that was split. */
int mr_track_count(struct mr_track *track, uint64_t seed, bool *ret_skipped,
                   struct mr_err *err) MR_MUST_CHECK;
/* Whether the transaction's BEGIN stands before the change counted last, which is of `op`; then mr_track_add_begin()
 * makes it. */
bool mr_track_begins(const struct mr_track *track, enum mr_op op);
void mr_track_add_begin(struct mr_track *track, struct mr_batch *batch);
/* Whether the change counted next is needed only for its hash: it may be decoded into memory that is used again. */
static inline bool mr_track_skips(const struct mr_track *track)
{
    return track->ordinal < track->skip && !track->boundaries;
}
/* The change counted last, with its number, place, transaction and times; the rest is the source's to fill. */
struct mr_change *mr_track_add(struct mr_track *track, struct mr_batch *batch, enum mr_op op);
/* Counts an event in the pipeline's counters. */
void mr_track_tally(const struct mr_track *track, enum mr_op op);
/* What the new row did not carry stands in the old one, as far as that has it: all of it in a whole row, the key in a
 * key-only one. And whether the key changed. */
void mr_track_finish_update(struct mr_change *change);

/* Whether the position now lies inside the open transaction: its first `ordinal` changes are out. */
bool mr_track_inside(const struct mr_track *track);
/* The standing as of now, for the position that is written: n and hash are those of the open transaction. Shares the
 * snapshot's lists with it: not to be freed. */
struct mr_standing mr_track_standing(const struct mr_track *track);
/* Puts the position into the batch; text: as written, copied. */
void mr_track_set_position(const struct mr_track *track, struct mr_batch *batch,
                           struct mr_slice text);
/* MR_GAP source.replay_differs: "..., and <how>". The position stays where it was, for it is what a human looks at. */
int mr_track_differs(struct mr_track *track, const char *how, struct mr_err *err);
