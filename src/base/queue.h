/* A bounded queue between two threads, counted in bytes.
 *
 * One side pushes, the other pops; to push is to give the item away. The queue holds at most `limit` bytes (by
 * the cost each push names), but always takes one item when empty, so an item larger than the limit still
 * passes. One lock per item, and an item is a batch, never a row. mr_queue_close() wakes both sides: pushes
 * fail from then on, pops drain what is left and then say closed. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_queue_item {
    void *item;
    size_t cost;
};

struct mr_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct mr_queue_item *ring;
    size_t slots, head, count; /* count <= slots */
    size_t bytes, limit;       /* bytes <= limit, or count == 1 */
    bool closed;
};

enum mr_queue_result { MR_QUEUE_OK, MR_QUEUE_TIMEOUT, MR_QUEUE_CLOSED };

void mr_queue_init(struct mr_queue *queue, size_t slots, size_t limit);
void mr_queue_done(struct mr_queue *queue);
/* Waits until there is room, the queue is closed or the monotonic deadline (ns; 0 = do not wait) passes. */
enum mr_queue_result mr_queue_push(struct mr_queue *queue, void *item, size_t cost,
                                   int64_t deadline_ns);
enum mr_queue_result mr_queue_pop(struct mr_queue *queue, void **ret_item, int64_t deadline_ns);
void mr_queue_close(struct mr_queue *queue);
size_t mr_queue_bytes(struct mr_queue *queue);
