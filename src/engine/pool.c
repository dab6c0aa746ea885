/* The way of a batch back to the reader.
 *
 * A released batch is reset outside the lock and put on a free list, warm: its arena keeps its blocks, so the next
 * read makes no malloc. The list is bounded by the memory it holds, not by count: after one huge transaction
 * most of its batches are freed for good, and the process shrinks again. */
#include "engine/pool.h"

#include <stddef.h>

void mr_pool_init(struct mr_pool *pool, size_t batch_bytes, size_t keep_bytes)
{
    pthread_mutex_init(&pool->lock, NULL);
    pool->free = NULL;
    pool->free_bytes = 0;
    pool->keep_bytes = keep_bytes;
    pool->block_size = batch_bytes < (64u << 10) ? (64u << 10) : batch_bytes;
    pool->keep = 8 * pool->block_size;
}

void mr_pool_done(struct mr_pool *pool)
{
    while (pool->free) {
        struct mr_batch *batch = pool->free;
        pool->free = batch->next;
        mr_batch_free(batch);
    }
    pthread_mutex_destroy(&pool->lock);
}

struct mr_batch *mr_pool_get(struct mr_pool *pool)
{
    struct mr_batch *batch;

    pthread_mutex_lock(&pool->lock);
    batch = pool->free;
    if (batch) {
        pool->free = batch->next;
        pool->free_bytes -= mr_batch_held(batch);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!batch)
        return mr_batch_new(pool->block_size, pool->keep);
    batch->next = NULL;
    return batch;
}

static struct mr_batch *keep_one(struct mr_pool *pool, struct mr_batch *batch)
{
    struct mr_batch *surplus = batch;

    pthread_mutex_lock(&pool->lock);
    if (pool->free_bytes + mr_batch_held(batch) <= pool->keep_bytes) {
        batch->next = pool->free;
        pool->free = batch;
        pool->free_bytes += mr_batch_held(batch);
        surplus = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    return surplus;
}

void mr_pool_put(struct mr_pool *pool, struct mr_batch *batches)
{
    while (batches) {
        struct mr_batch *batch = batches;
        struct mr_batch *surplus;

        batches = batch->next;
        mr_batch_reset(batch);
        surplus = keep_one(pool, batch);
        if (surplus)
            mr_batch_free(surplus);
    }
}
