/* Batches that wait to be used again. Any thread. */
#pragma once

#include <pthread.h>
#include <stddef.h>

#include "model/batch.h"

struct mr_pool {
    pthread_mutex_t lock;
    struct mr_batch *free;
    size_t free_bytes, keep_bytes; /* free_bytes <= keep_bytes: arena memory of what waits */
    size_t block_size, keep;       /* for new batches, see base/arena.h */
};

void mr_pool_init(struct mr_pool *pool, size_t batch_bytes, size_t keep_bytes);
void mr_pool_done(struct mr_pool *pool);
/* An empty batch. */
struct mr_batch *mr_pool_get(struct mr_pool *pool);
/* Gives back one batch, or a list linked by next; resets them. NULL is allowed. */
void mr_pool_put(struct mr_pool *pool, struct mr_batch *batches);
