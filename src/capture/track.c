/* Following transactions, whatever the log.
 *
 * Resuming: the source asks its server for the log from the position on. A transaction that was finished may come again
 * and is dropped whole. The one that the position stands in was split: its first `skip` changes are looked at once
 * more, only to be hashed. The hash covers operation, table and identity of each, as the log alone gives them, wanted
 * or not: a table that was dropped or left out since must not change it. When it differs, the server's history is not
 * the one we read, and going on would lose or double rows: MR_GAP. Where transactions are counted (`boundaries`) such
 * changes are given all the same, as replayed: whoever counts needs them.
 *
 * Numbers: standing->count has all changes of a split transaction already when it comes again; so while they are
 * skipped, a change's number is as far below it as the change is from the last one skipped.
 *
 * A transaction's BEGIN stands before its first change that is not of a skipped operation, captured or not; its END is
 * out when the position has left it. One without such a change has neither: Debezium has its server leave skipped
 * operations out, and newer servers do not send empty transactions, which older ones do. Where truncates alone are
 * skipped, as they are when nothing is said, it has them sent, and they begin a transaction though no event comes of
 * it. */
#include "capture/track.h"

#include <string.h>

#include "base/map.h"

#define HASHED_BYTES ((size_t)256) /* of a value */

int mr_left_out_set(struct mr_left_out *left_out, const struct mr_option_list *list,
                    struct mr_err *err)
{
    *left_out = (struct mr_left_out){.truncates = list->count == 0};
    for (size_t i = 0; i < list->count; i++) {
        const char *item = list->items[i];
        if (strcmp(item, "c") == 0)
            left_out->creates = true;
        else if (strcmp(item, "u") == 0)
            left_out->updates = true;
        else if (strcmp(item, "d") == 0)
            left_out->deletes = true;
        else if (strcmp(item, "t") == 0)
            left_out->truncates = true;
        else if (strcmp(item, "none") != 0 || list->count > 1)
            return mr_err_set(err, MR_CONFIG, "source.skipped_operations",
                              "skipped_operations knows c, u, d, t, or none alone; not \"%s\"",
                              item);
    }
    return 0;
}

bool mr_left_out_has(const struct mr_left_out *left_out, enum mr_op op)
{
    switch (op) {
    case MR_OP_CREATE: return left_out->creates;
    case MR_OP_UPDATE: return left_out->updates;
    case MR_OP_DELETE: return left_out->deletes;
    case MR_OP_TRUNCATE: return left_out->truncates;
    default: return false;
    }
}

void mr_track_init(struct mr_track *track, const struct mr_context *context,
                   struct mr_standing *standing)
{
    *track = (struct mr_track){
        .context = context, .standing = standing, .skip = standing->n, .skip_hash = standing->hash};
}

void mr_track_new_batch(struct mr_track *track, int64_t read_us)
{
    track->shared = NULL;
    track->read_us = read_us;
}

void mr_track_rewind(struct mr_track *track)
{
    struct mr_standing now = mr_track_standing(track);

    track->standing->n = track->skip = now.n;
    track->standing->hash = track->skip_hash = now.hash;
    track->open = track->dropping = false;
    track->shared = NULL;
    track->ordinal = track->hash = 0;
}

void mr_track_forget(struct mr_track *track)
{
    track->skip = track->skip_hash = 0;
}

static void begin(struct mr_track *track, const struct mr_transaction *transaction)
{
    track->shared = NULL;
    track->ordinal = 0;
    track->hash = 0;
    track->transaction = *transaction;
}

void mr_track_begin(struct mr_track *track, const struct mr_transaction *transaction, bool drop)
{
    begin(track, transaction);
    track->open = true;
    track->begun = false;
    track->dropping = drop;
}

void mr_track_single(struct mr_track *track, const struct mr_transaction *transaction)
{
    begin(track, transaction);
}

int mr_track_differs(struct mr_track *track, const char *how, struct mr_err *err)
{
    track->ordinal = 0;
    mr_err_set(err, MR_GAP, "source.replay_differs",
               "the transaction %s was delivered up to its change %llu, and %s", track->resumed,
               (unsigned long long)track->skip, how);
    mr_err_hint(err, "The publication, the list of tables or the server's history changed while "
                     "that transaction was half delivered. Undo that change, or set the position "
                     "by hand: millrace checkpoint set PIPELINE POSITION");
    return MR_GAP;
}

static struct mr_transaction *shared(struct mr_track *track, struct mr_batch *batch)
{
    if (!track->shared) {
        track->shared = MR_ARENA_NEW(&batch->arena, struct mr_transaction);
        *track->shared = track->transaction;
        mr_origin_keep(&track->shared->origin, &batch->arena);
    }
    return track->shared;
}

/* The number of the change counted last. */
static uint64_t number_now(const struct mr_track *track)
{
    uint64_t ahead = track->open && track->ordinal < track->skip ? track->skip - track->ordinal : 0;

    return track->standing->base + track->standing->count - 1 - ahead;
}

static struct mr_milestone *add_boundary(struct mr_track *track, struct mr_batch *batch,
                                         enum mr_op op)
{
    struct mr_milestone *milestone = mr_batch_add_milestone(batch, op);

    milestone->transaction = shared(track, batch);
    milestone->number = number_now(track);
    return milestone;
}

int mr_track_end(struct mr_track *track, struct mr_batch *batch, struct mr_err *err)
{
    bool single = !track->open, dropped = track->dropping;

    track->open = track->dropping = false;
    if (dropped)
        return 0;
    if (!single && track->ordinal < track->skip)
        return mr_track_differs(track, "the server now ends it before that change", err);
    if (!single) {
        track->skip = 0;
        if (track->begun)
            (void)add_boundary(track, batch, MR_OP_END);
        track->standing->commit_us = track->transaction.commit_us;
        track->standing->n = 0;
        mr_count(&track->context->counters->source_transactions, 1);
        atomic_store_explicit(&track->context->counters->source_last_commit_us,
                              track->transaction.commit_us, memory_order_relaxed);
    }
    track->shared = NULL;
    batch->transactions++;
    return 0;
}

static struct mr_slice head(struct mr_slice bytes)
{
    return mr_slice(bytes.data, bytes.size < HASHED_BYTES ? bytes.size : HASHED_BYTES);
}

uint64_t mr_track_hash(const struct mr_value *value, uint64_t seed)
{
    switch (value->kind) {
    case MR_TEXT:
    case MR_BYTES:
    case MR_UUID:
    case MR_DECIMAL_TEXT: return mr_hash(head(mr_value_slice(value)), seed);
    case MR_DECIMAL:
    case MR_BOOL:
    case MR_INT:
    case MR_FLOAT:
    case MR_DATE:
    case MR_TIME:
    case MR_TIMETZ:
    case MR_TIMESTAMP: return mr_hash(mr_slice(&value->i, sizeof(value->i)), seed);
    default: return seed + value->kind;
    }
}

int mr_track_count(struct mr_track *track, uint64_t seed, bool *ret_skipped, struct mr_err *err)
{
    track->hash = seed * 0x9e3779b97f4a7c15u + 1;
    track->ordinal++;
    *ret_skipped = track->open && track->ordinal <= track->skip;
    if (*ret_skipped && track->ordinal == track->skip && track->hash != track->skip_hash)
        return mr_track_differs(track, "the server now sends other changes in its place", err);
    if (!*ret_skipped)
        track->standing->count++;
    return 0;
}

bool mr_track_begins(const struct mr_track *track, enum mr_op op)
{
    const struct mr_left_out *out = &track->left_out;

    if (!track->boundaries || track->begun || !track->open)
        return false;
    return !mr_left_out_has(out, op) ||
           (op == MR_OP_TRUNCATE && !out->creates && !out->updates && !out->deletes);
}

void mr_track_add_begin(struct mr_track *track, struct mr_batch *batch)
{
    track->begun = true;
    add_boundary(track, batch, MR_OP_BEGIN)->replayed = track->ordinal <= track->skip;
}

struct mr_change *mr_track_add(struct mr_track *track, struct mr_batch *batch, enum mr_op op)
{
    struct mr_change *change = mr_batch_add_change(batch);

    change->op = op;
    change->transaction = shared(track, batch);
    change->number = number_now(track);
    change->replayed = track->open && track->ordinal <= track->skip;
    change->ordinal = track->ordinal - 1;
    change->read_us = track->read_us;
    return change;
}

void mr_track_tally(const struct mr_track *track, enum mr_op op)
{
    struct mr_counters *counters = track->context->counters;

    switch (op) {
    case MR_OP_CREATE: mr_count(&counters->source_creates, 1); break;
    case MR_OP_UPDATE: mr_count(&counters->source_updates, 1); break;
    case MR_OP_DELETE: mr_count(&counters->source_deletes, 1); break;
    case MR_OP_TRUNCATE: mr_count(&counters->source_truncates, 1); break;
    case MR_OP_MESSAGE: mr_count(&counters->source_messages, 1); break;
    default: break;
    }
}

void mr_track_finish_update(struct mr_change *change)
{
    const struct mr_table *table = change->table;

    if (!change->before)
        return;
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (change->after[i].kind == MR_UNCHANGED && change->before[i].kind != MR_ABSENT)
            change->after[i] = change->before[i];
    }
    for (uint32_t i = 0; i < table->key_count; i++) {
        uint32_t column = table->key_columns[i];
        if (change->before[column].kind != MR_ABSENT &&
            !mr_value_equal(&change->before[column], &change->after[column]))
            change->key_changed = true;
    }
}

bool mr_track_inside(const struct mr_track *track)
{
    return track->open && !track->dropping && track->ordinal > 0 && track->ordinal >= track->skip;
}

struct mr_standing mr_track_standing(const struct mr_track *track)
{
    struct mr_standing standing = *track->standing;

    if (mr_track_inside(track)) {
        standing.n = track->ordinal;
        standing.hash = track->hash;
    }
    return standing;
}

void mr_track_set_position(const struct mr_track *track, struct mr_batch *batch,
                           struct mr_slice text)
{
    struct mr_standing standing = mr_track_standing(track);
    bool table = standing.snapshot.active && standing.snapshot.current;

    batch->position = (struct mr_position){
        .text = mr_arena_copy(&batch->arena, text),
        .number = mr_standing_number(&standing),
        .commit_us = standing.commit_us,
        .whole = standing.n == 0 && !table,
        .in_table = table,
    };
}
