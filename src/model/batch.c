/* Batches: vectors that keep their capacity, around an arena that keeps its blocks.
 *
 * A reset forgets and hardly frees: the vectors stay, the arena keeps blocks up to its high-water mark, foreign
 * buffers and table references are let go. The second and every later filling of the same size therefore makes
 * no malloc, which test/unit/model/test_batch.c counts.
 *
 * Elements of changes and records are handed out zeroed, one at a time. The vectors grow by half, so adding is
 * amortised; they live on the heap and not in the arena because a grown vector in an arena would leave its
 * former self behind.
 *
 * A batch that waits for its commit needs its records only. What they were made of is as large again, so the engine
 * divides the batch once it is encoded:
 *
 *     batch   changes, arena: rows       divert    changes, arena: records      divide    records, arena: records
 *     other   records, arena: empty    -------->   records, arena: rows       -------->   changes, arena: rows
 */
#include "model/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* How many of the latest tables mr_batch_use_table compares: changes of one transaction touch few tables. */
#define RECENT_TABLES 8

struct mr_batch *mr_batch_new(size_t block_size, size_t keep)
{
    struct mr_batch *batch = mr_alloc_zero(sizeof *batch);

    mr_arena_init(&batch->arena, block_size, keep);
    return batch;
}

static void drop_content(struct mr_batch *batch)
{
    for (size_t i = 0; i < batch->table_count; i++)
        mr_table_unref(batch->tables[i]);
    for (size_t i = 0; i < batch->adopted_count; i++)
        batch->adopted_free(batch->adopted[i]);
    batch->table_count = batch->adopted_count = 0;
    batch->change_count = batch->record_count = batch->milestone_count = 0;
}

void mr_batch_free(struct mr_batch *batch)
{
    if (!batch)
        return;
    drop_content(batch);
    mr_arena_done(&batch->arena);
    free(batch->changes);
    free(batch->milestones);
    free(batch->records);
    free(batch->tables);
    free(batch->adopted);
    free(batch);
}

void mr_batch_reset(struct mr_batch *batch)
{
    drop_content(batch);
    mr_arena_reset(&batch->arena);
    batch->position = (struct mr_position){0};
    batch->bytes = 0;
    batch->transactions = 0;
    batch->received_us = 0;
    batch->last = batch->caught_up = batch->transformed = batch->messages = batch->sides = false;
    batch->divided = false;
    batch->next = NULL;
    batch->sequence = 0;
    batch->rows = 0;
}

static void *grow(void *vector, size_t *capacity, size_t element)
{
    size_t larger = *capacity ? *capacity + *capacity / 2 : 16;

    if (larger > SIZE_MAX / 2 / element)
        mr_out_of_memory(SIZE_MAX);
    *capacity = larger;
    return mr_realloc(vector, larger * element);
}

struct mr_change *mr_batch_add_change(struct mr_batch *batch)
{
    struct mr_change *change;

    if (batch->change_count == batch->change_capacity)
        batch->changes = grow(batch->changes, &batch->change_capacity, sizeof *batch->changes);
    change = &batch->changes[batch->change_count++];
    memset(change, 0, sizeof *change);
    return change;
}

void mr_batch_set_changes(struct mr_batch *batch, const struct mr_change *changes, size_t count)
{
    while (batch->change_capacity < count)
        batch->changes = grow(batch->changes, &batch->change_capacity, sizeof *batch->changes);
    if (count > 0)
        memcpy(batch->changes, changes, count * sizeof *changes);
    batch->change_count = count;
}

struct mr_record *mr_batch_add_record(struct mr_batch *batch)
{
    struct mr_record *record;

    if (batch->record_count == batch->record_capacity)
        batch->records = grow(batch->records, &batch->record_capacity, sizeof *batch->records);
    record = &batch->records[batch->record_count++];
    memset(record, 0, sizeof *record);
    return record;
}

struct mr_milestone *mr_batch_add_milestone(struct mr_batch *batch, enum mr_op op)
{
    struct mr_milestone *milestone;

    if (batch->milestone_count == batch->milestone_capacity)
        batch->milestones =
            grow(batch->milestones, &batch->milestone_capacity, sizeof *batch->milestones);
    milestone = &batch->milestones[batch->milestone_count++];
    *milestone = (struct mr_milestone){.op = op, .at = batch->change_count};
    return milestone;
}

void mr_batch_use_table(struct mr_batch *batch, struct mr_table *table)
{
    size_t oldest = batch->table_count > RECENT_TABLES ? batch->table_count - RECENT_TABLES : 0;

    for (size_t i = batch->table_count; i > oldest; i--)
        if (batch->tables[i - 1] == table)
            return;
    if (batch->table_count == batch->table_capacity)
        batch->tables = grow(batch->tables, &batch->table_capacity, sizeof(struct mr_table *));
    batch->tables[batch->table_count++] = mr_table_ref(table);
}

void mr_batch_adopt(struct mr_batch *batch, void *buffer)
{
    if (batch->adopted_count == batch->adopted_capacity)
        batch->adopted = grow(batch->adopted, &batch->adopted_capacity, sizeof(void *));
    batch->adopted[batch->adopted_count++] = buffer;
}

void mr_batch_divert(struct mr_batch *batch, struct mr_batch *other)
{
    struct mr_batch old = *batch;

    batch->arena = other->arena;
    batch->records = other->records;
    batch->record_count = other->record_count;
    batch->record_capacity = other->record_capacity;
    other->arena = old.arena;
    other->records = old.records;
    other->record_count = old.record_count;
    other->record_capacity = old.record_capacity;
}

static void exchange_vectors(struct mr_batch *batch, struct mr_batch *other)
{
    struct mr_batch old = *batch;

    batch->changes = other->changes;
    batch->change_capacity = other->change_capacity;
    batch->milestones = other->milestones;
    batch->milestone_capacity = other->milestone_capacity;
    batch->adopted = other->adopted;
    batch->adopted_capacity = other->adopted_capacity;
    other->changes = old.changes;
    other->change_capacity = old.change_capacity;
    other->milestones = old.milestones;
    other->milestone_capacity = old.milestone_capacity;
    other->adopted = old.adopted;
    other->adopted_capacity = old.adopted_capacity;
    other->adopted_count = old.adopted_count;
    other->adopted_free = old.adopted_free;
}

void mr_batch_divide(struct mr_batch *batch, struct mr_batch *other)
{
    struct mr_slice text = batch->position.text;

    assert(mr_batch_empty(other) && other->adopted_count == 0);
    if (text.data)
        batch->position.text = mr_arena_copy(&batch->arena, text);
    for (size_t i = 0; i < batch->record_count; i++) {
        batch->records[i].change = NULL;
        batch->records[i].row = NULL;
    }
    exchange_vectors(batch, other);
    batch->change_count = batch->milestone_count = batch->adopted_count = 0;
    batch->divided = true;
}

size_t mr_batch_held(const struct mr_batch *batch)
{
    return sizeof *batch + batch->arena.held + (batch->adopted_count > 0 ? batch->bytes : 0) +
           batch->change_capacity * sizeof *batch->changes +
           batch->record_capacity * sizeof *batch->records;
}
