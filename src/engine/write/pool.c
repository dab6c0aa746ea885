/* The way of a batch back to the reader.
 *
 * A released batch is reset outside the lock and put on a free list, warm: its arena keeps its blocks, so the next
 * read makes no malloc. The lists are bounded by the memory they hold, not by count: after one huge transaction
 * most of its batches are freed for good, and the process shrinks again.
 *
 *     reader <- whole <----------------------- rows, once they are encoded
 *     writer <- divided <--- released by the sink, all those of a commit together
 *
 * So the second list is the longer one. Its blocks are small, since many batches wait at once, each with a last block
 * that is half full. A pipeline that rests keeps neither. */
#include "engine/write/pool.h"

#include <malloc.h>
#include <stddef.h>

#define DIVIDED_BLOCK (64u << 10)

static void shelf_init(struct mr_pool_shelf *shelf, size_t block_size, size_t keep,
                       size_t keep_bytes)
{
    *shelf =
        (struct mr_pool_shelf){.keep_bytes = keep_bytes, .block_size = block_size, .keep = keep};
}

void mr_pool_init(struct mr_pool *pool, size_t batch_bytes, size_t keep_bytes)
{
    size_t block_size = batch_bytes < (64u << 10) ? (64u << 10) : batch_bytes;

    pthread_mutex_init(&pool->lock, NULL);
    shelf_init(&pool->whole, block_size, 8 * block_size, keep_bytes);
    shelf_init(&pool->divided, DIVIDED_BLOCK, 8 * block_size, 2 * keep_bytes);
}

static void free_list(struct mr_batch *list)
{
    while (list) {
        struct mr_batch *batch = list;
        list = batch->next;
        mr_batch_free(batch);
    }
}

void mr_pool_trim(struct mr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct mr_batch *whole = pool->whole.free, *divided = pool->divided.free;
    pool->whole.free = pool->divided.free = NULL;
    pool->whole.free_bytes = pool->divided.free_bytes = 0;
    pthread_mutex_unlock(&pool->lock);
    free_list(whole);
    free_list(divided);
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void mr_pool_done(struct mr_pool *pool)
{
    mr_pool_trim(pool);
    pthread_mutex_destroy(&pool->lock);
}

static struct mr_batch *get(struct mr_pool *pool, struct mr_pool_shelf *shelf)
{
    struct mr_batch *batch;

    pthread_mutex_lock(&pool->lock);
    batch = shelf->free;
    if (batch) {
        shelf->free = batch->next;
        shelf->free_bytes -= mr_batch_held(batch);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!batch)
        return mr_batch_new(shelf->block_size, shelf->keep);
    batch->next = NULL;
    return batch;
}

struct mr_batch *mr_pool_get(struct mr_pool *pool)
{
    return get(pool, &pool->whole);
}

struct mr_batch *mr_pool_get_divided(struct mr_pool *pool)
{
    return get(pool, &pool->divided);
}

static struct mr_batch *keep_one(struct mr_pool *pool, struct mr_pool_shelf *shelf,
                                 struct mr_batch *batch)
{
    struct mr_batch *surplus = batch;

    pthread_mutex_lock(&pool->lock);
    if (shelf->free_bytes + mr_batch_held(batch) <= shelf->keep_bytes) {
        batch->next = shelf->free;
        shelf->free = batch;
        shelf->free_bytes += mr_batch_held(batch);
        surplus = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    return surplus;
}

void mr_pool_put(struct mr_pool *pool, struct mr_batch *batches)
{
    while (batches) {
        struct mr_batch *batch = batches;
        struct mr_pool_shelf *shelf = batch->divided ? &pool->divided : &pool->whole;
        struct mr_batch *surplus;

        batches = batch->next;
        mr_batch_reset(batch);
        surplus = keep_one(pool, shelf, batch);
        if (surplus)
            mr_batch_free(surplus);
    }
}
