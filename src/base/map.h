/* Two hash maps with open addressing: by 64-bit number, and by string.
 *
 * Values are pointers the map does not own. Keys of the string map are copied. Not for the hot path's every
 * row: looked up once per message or table, and the last hit is cached by the caller. Single threaded. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct mr_map_slot;
struct mr_map {
    struct mr_map_slot *slots;
    size_t count, capacity; /* capacity is 0 or a power of two; 4 * count <= 3 * capacity */
};

void mr_map_init(struct mr_map *map);
void mr_map_done(struct mr_map *map);
/* NULL when absent. */
void *mr_map_get_number(const struct mr_map *map, uint64_t key);
void *mr_map_get(const struct mr_map *map, struct mr_slice key);
/* Sets or replaces; returns the value that was there, or NULL. `value` must not be NULL. */
void *mr_map_put_number(struct mr_map *map, uint64_t key, void *value);
void *mr_map_put(struct mr_map *map, struct mr_slice key, void *value);
/* Takes out; returns the value that was there, or NULL. */
void *mr_map_remove_number(struct mr_map *map, uint64_t key);
void *mr_map_remove(struct mr_map *map, struct mr_slice key);
/* Walks all values in no order: start with *at = 0; NULL at the end. No change of the map in between. */
void *mr_map_next(const struct mr_map *map, size_t *at, struct mr_slice *ret_key,
                  uint64_t *ret_number);

/* The hash both maps use (64-bit, well mixed, the same on every run and machine). */
uint64_t mr_hash(struct mr_slice bytes, uint64_t seed);
