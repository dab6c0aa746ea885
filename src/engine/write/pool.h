/* Batches that wait to be used again. Any thread.
 *
 * Two kinds, because what a batch grew to is kept with it: a reader's has changes and rows, a divided one
 * (model/batch.h) records. Were they one kind, each would grow to the size of both. */
#pragma once

#include <pthread.h>
#include <stddef.h>

#include "model/batch.h"

struct mr_pool_shelf {
    struct mr_batch *free;
    size_t free_bytes, keep_bytes; /* free_bytes <= keep_bytes: memory of what waits */
    size_t block_size, keep;       /* for new batches, see base/arena.h */
};

struct mr_pool {
    pthread_mutex_t lock;
    struct mr_pool_shelf whole, divided;
};

void mr_pool_init(struct mr_pool *pool, size_t batch_bytes, size_t keep_bytes);
void mr_pool_done(struct mr_pool *pool);
/* An empty batch, to be read into. */
struct mr_batch *mr_pool_get(struct mr_pool *pool);
/* An empty batch, to be encoded into and divided. */
struct mr_batch *mr_pool_get_divided(struct mr_pool *pool);
/* Gives back one batch, or a list linked by next; resets them. NULL is allowed. */
void mr_pool_put(struct mr_pool *pool, struct mr_batch *batches);
/* Frees what waits, and gives memory back to the system: for a pipeline that has nothing to do. */
void mr_pool_trim(struct mr_pool *pool);
