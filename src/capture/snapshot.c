/* Reading the tables, as far as it is the same for every database.
 *
 * One row is held back by the source, because whether it is its table's last one is known only when the next one
 * arrives: that is what Debezium's markers tell (first, first_in_data_collection, true, last_in_data_collection, last).
 *
 * Position: while a table is being read it names that table and its rows so far, and is not whole, so that a sink
 * that can commits a table as one. At a table's end it stands in `done`, and is never read again. After a kill the
 * table in progress is read again from its beginning; a sink that had committed part of it sees these rows twice, as
 * reads, and that is noted.
 *
 * When it is read again, rows of two views are out, and what happened between them happened to rows a reader has: a
 * row deleted meanwhile would stay with him for ever. So of such a table the stream leaves nothing out (`repeats`). The
 * same goes for a table that is read again by request.
 *
 * Tables are read in the order of the patterns that name them, as Debezium's are; one that was begun comes first, so
 * that there is never more than one of which a part is out. */
#include "capture/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static struct mr_snapshot_progress *progress_of(const struct mr_snapshot *snapshot)
{
    return &snapshot->track->standing->snapshot;
}

bool mr_snapshot_remains(const struct mr_snapshot *snapshot, const char *full, bool *ret_named)
{
    const struct mr_snapshot_progress *progress = progress_of(snapshot);

    *ret_named = false;
    if (mr_snapshot_find_done(progress, full))
        return false;
    for (size_t i = 0; i < progress->only_count && !*ret_named; i++)
        *ret_named = strcmp(progress->only[i], full) == 0;
    return *ret_named || progress->only_count == 0;
}

void mr_snapshot_list(struct mr_snapshot *snapshot, const struct mr_snapshot_item *item)
{
    const char *begun = progress_of(snapshot)->current;
    struct mr_snapshot_item *added;

    if (snapshot->count == snapshot->capacity) {
        snapshot->capacity = snapshot->capacity ? 2 * snapshot->capacity : 64;
        snapshot->items =
            mr_realloc(snapshot->items, snapshot->capacity * sizeof(snapshot->items[0]));
    }
    added = &snapshot->items[snapshot->count];
    *added = *item;
    added->listed = snapshot->count++;
    added->rank = begun && strcmp(begun, item->full) == 0 ? 0 : 1 + item->rank;
}

static int in_order(const void *one, const void *other)
{
    const struct mr_snapshot_item *a = one, *b = other;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->listed < b->listed ? -1 : a->listed > b->listed;
}

static void set_estimates(const struct mr_snapshot *snapshot)
{
    struct mr_counters *counters = snapshot->track->context->counters;
    size_t done = progress_of(snapshot)->done_count;
    double rows = 0;

    for (size_t i = 0; i < snapshot->count; i++)
        rows += snapshot->items[i].rows > 0 ? snapshot->items[i].rows : 0;
    atomic_store_explicit(&counters->snapshot_rows, 0, memory_order_relaxed);
    atomic_store_explicit(&counters->snapshot_rows_estimated, (uint64_t)rows, memory_order_relaxed);
    atomic_store_explicit(&counters->snapshot_tables, done + snapshot->count, memory_order_relaxed);
    atomic_store_explicit(&counters->snapshot_tables_done, done, memory_order_relaxed);
}

static void note_repeats(const struct mr_snapshot *snapshot)
{
    const struct mr_snapshot_progress *progress = progress_of(snapshot);
    const struct mr_notes *notes = &snapshot->track->context->notes;

    if (progress->current && progress->rows > 0 && notes->note)
        notes->note(notes->state, MR_LOG_WARN, "source.snapshot_repeats",
                    "table %s was being read when the last run ended and is read again: up to %llu "
                    "rows may arrive twice, as reads, where the sink could not hold the table back",
                    progress->current, (unsigned long long)progress->rows);
}

int mr_snapshot_open(struct mr_snapshot *snapshot, const struct mr_snapshot_operations *operations,
                     void *state, struct mr_track *track, struct mr_err *err)
{
    int rc;

    *snapshot = (struct mr_snapshot){.operations = operations, .state = state, .track = track};
    mr_arena_init(&snapshot->arena, 16 << 10, 0);
    rc = operations->list(state, snapshot, err);
    if (rc < 0)
        return rc;
    if (snapshot->count > 0)
        qsort(snapshot->items, snapshot->count, sizeof(snapshot->items[0]), in_order);
    note_repeats(snapshot);
    set_estimates(snapshot);
    return 0;
}

void mr_snapshot_close(struct mr_snapshot *snapshot)
{
    if (!snapshot->operations)
        return;
    snapshot->operations->close(snapshot->state, snapshot);
    free(snapshot->items);
    mr_arena_done(&snapshot->arena);
    *snapshot = (struct mr_snapshot){0};
}

static struct mr_transaction *shared(struct mr_snapshot *snapshot, struct mr_batch *batch)
{
    if (!snapshot->shared) {
        snapshot->shared = MR_ARENA_NEW(&batch->arena, struct mr_transaction);
        *snapshot->shared = snapshot->transaction;
        mr_origin_keep(&snapshot->shared->origin, &batch->arena);
    }
    return snapshot->shared;
}

/* end: what its table's last row is to be marked with; NONE for any other row. */
static enum mr_snapshot_mark mark_of(const struct mr_snapshot *snapshot, enum mr_snapshot_mark end)
{
    bool first = snapshot->table_rows == 0;

    if (end == MR_SNAPSHOT_LAST)
        return end;
    if (first && snapshot->rows == 0 && progress_of(snapshot)->done_count == 0)
        return MR_SNAPSHOT_FIRST;
    if (end != MR_SNAPSHOT_NONE)
        return end;
    return first ? MR_SNAPSHOT_FIRST_IN_TABLE : MR_SNAPSHOT_TRUE;
}

struct mr_change *mr_snapshot_add(struct mr_snapshot *snapshot, struct mr_batch *batch,
                                  struct mr_value *row, enum mr_snapshot_mark mark)
{
    struct mr_standing *standing = snapshot->track->standing;
    struct mr_counters *counters = snapshot->track->context->counters;
    struct mr_change *change = mr_batch_add_change(batch);

    change->op = MR_OP_READ;
    change->mark = mark_of(snapshot, mark);
    change->table = snapshot->table;
    change->transaction = shared(snapshot, batch);
    change->after = row;
    change->number = standing->base + standing->count++;
    change->ordinal = snapshot->rows++;
    change->origin = snapshot->place;
    change->read_us = snapshot->track->read_us;
    mr_batch_use_table(batch, change->table);
    standing->snapshot.rows++;
    snapshot->table_rows++;
    mr_count(&counters->source_reads, 1);
    mr_count(&counters->snapshot_rows, 1);
    return change;
}

/* Where the view stands, told in the position. */
static void set_point(struct mr_snapshot_progress *progress, const char *point)
{
    if (point[0] == '\0' || (progress->point && strcmp(progress->point, point) == 0))
        return;
    free(progress->point);
    progress->point = mr_strdup(point);
}

static int begin_table(struct mr_snapshot *snapshot, struct mr_err *err)
{
    const struct mr_snapshot_item *item = &snapshot->items[snapshot->next];
    struct mr_snapshot_progress *progress = progress_of(snapshot);
    int rc = snapshot->operations->begin(snapshot->state, snapshot, item, err);

    if (rc < 0)
        return rc;
    snapshot->reading = true;
    snapshot->shared = NULL;
    snapshot->table_rows = 0;
    set_point(progress, snapshot->point);
    mr_snapshot_set_current(progress, item->full);
    snapshot->repeats = progress->again || progress->rows > 0;
    return 0;
}

static int end_table(struct mr_snapshot *snapshot, struct mr_batch *batch, struct mr_err *err)
{
    const struct mr_snapshot_operations *operations = snapshot->operations;
    struct mr_snapshot_progress *progress = progress_of(snapshot);
    bool held = false, more = false;
    int rc = operations->end(snapshot->state, snapshot, &held, err);

    if (rc == 0 && held)
        rc = operations->more(snapshot->state, snapshot, &more, err);
    if (rc == 0 && held)
        rc = operations->last(snapshot->state, snapshot, batch,
                              more ? MR_SNAPSHOT_LAST_IN_TABLE : MR_SNAPSHOT_LAST, err);
    if (rc < 0)
        return rc;
    snapshot->hi[0] = '\0';
    operations->covers(snapshot->state, snapshot);
    mr_snapshot_add_done(progress, snapshot->items[snapshot->next].full, snapshot->lo,
                         snapshot->hi[0] ? snapshot->hi : NULL, snapshot->key);
    mr_snapshot_set_current(progress, NULL);
    snapshot->reading = false;
    snapshot->next++;
    mr_count(&snapshot->track->context->counters->snapshot_tables_done, 1);
    return 0;
}

/* One step: a table's begin, some of its rows, or its end. */
static int step(struct mr_snapshot *snapshot, struct mr_batch *batch, size_t limit,
                int64_t deadline_ns, bool *ret_table_end, struct mr_err *err)
{
    bool end = false;
    int rc;

    if (!snapshot->reading)
        return begin_table(snapshot, err);
    rc =
        snapshot->operations->next(snapshot->state, snapshot, batch, limit, deadline_ns, &end, err);
    if (rc < 0 || !end)
        return rc;
    *ret_table_end = true;
    return end_table(snapshot, batch, err);
}

int mr_snapshot_read(struct mr_snapshot *snapshot, struct mr_batch *batch, size_t limit,
                     int64_t deadline_ns, bool *ret_close, bool *ret_finished, struct mr_err *err)
{
    bool table_end = false;
    int rc = 0;

    snapshot->shared = NULL;
    while (rc == 0 && snapshot->next < snapshot->count && batch->bytes < limit) {
        rc = step(snapshot, batch, limit, deadline_ns, &table_end, err);
        if ((table_end && batch->change_count > 0) || mr_clock_mono_ns() >= deadline_ns)
            break;
    }
    *ret_finished = rc == 0 && snapshot->next == snapshot->count;
    if (*ret_finished) {
        mr_snapshot_finish(progress_of(snapshot));
        table_end = true;
    }
    *ret_close = batch->change_count > 0 || table_end;
    if (*ret_close)
        batch->transactions += table_end;
    return rc;
}

void mr_snapshot_set_position(const struct mr_track *track, struct mr_batch *batch,
                              struct mr_slice text)
{
    mr_track_set_position(track, batch, text);
    /* Tables read again while the stream stands inside a transaction: it is not that which is cut here. */
    batch->position.whole = !batch->position.in_table;
}
