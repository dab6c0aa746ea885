/* Open addressing with linear probing; a removal shifts the followers back, so there are no tombstones.
 *
 *     home slot of a key = hash & (capacity - 1);  an entry stands at its home or in the run right after it:
 *
 *     [ . ][ a ][ a' ][ b ][ . ]     a' has the home of a; b was pushed on by a'. Removing a moves a' and b back
 *                                    unless that would put one before its home.
 *
 * Both kinds of key may live in one map: a slot of a string has key.data (never NULL, also for ""), a slot of a
 * number has not. A slot without a value is free. Growth at three quarters doubles the table.
 *
 * mr_hash reads eight bytes at a time, little-endian on every machine, and mixes each word with a multiply of
 * 128 bits folded to 64 (the idea of wyhash); the length enters the end, so that a run of zero bytes of another
 * length differs. It is no defence against an adversary who picks keys to collide: keys are names of tables
 * and the like, from a catalogue. */
#include "base/map.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"

struct mr_map_slot {
    uint64_t hash;
    uint64_t number;
    struct mr_slice key; /* data == NULL: a number's slot */
    void *value;         /* NULL: free */
};

#define FIRST_CAPACITY 16

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word(const char *at, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, at, size);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

uint64_t mr_hash(struct mr_slice bytes, uint64_t seed)
{
    const uint64_t p0 = 0xa0761d6478bd642fULL, p1 = 0xe7037ed1a0b428dbULL;
    uint64_t hash = seed ^ p0;
    const char *at = bytes.data;
    size_t left = bytes.size;

    for (; left >= 8; at += 8, left -= 8)
        hash = fold(hash ^ word(at, 8), p1) + 0x9e3779b97f4a7c15ULL;
    if (left)
        hash = fold(hash ^ word(at, left), p1) + 0x9e3779b97f4a7c15ULL;
    return fold(hash ^ bytes.size, 0x8ebc6af09c88c6e3ULL) ^ (hash >> 29);
}

static uint64_t hash_number(uint64_t key)
{
    key ^= key >> 30;
    key *= 0xbf58476d1ce4e5b9ULL;
    key ^= key >> 27;
    key *= 0x94d049bb133111ebULL;
    return key ^ (key >> 31);
}

void mr_map_init(struct mr_map *map)
{
    *map = (struct mr_map){0};
}

void mr_map_done(struct mr_map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        free((char *)(uintptr_t)map->slots[i].key.data);
    free(map->slots);
    mr_map_init(map);
}

/* The slot of the key, or the free one where it would go. The table is never full. */
static struct mr_map_slot *probe(const struct mr_map *map, const struct mr_map_slot *wanted)
{
    size_t mask = map->capacity - 1;
    size_t at = wanted->hash & mask;

    for (;; at = (at + 1) & mask) {
        struct mr_map_slot *slot = &map->slots[at];
        if (!slot->value)
            return slot;
        if (slot->hash != wanted->hash || !slot->key.data != !wanted->key.data)
            continue;
        if (wanted->key.data ? mr_slice_equal(slot->key, wanted->key)
                             : slot->number == wanted->number)
            return slot;
    }
}

static void grow(struct mr_map *map)
{
    struct mr_map old = *map;

    map->capacity = old.capacity ? old.capacity * 2 : FIRST_CAPACITY;
    map->slots = mr_alloc_zero(map->capacity * sizeof *map->slots);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].value)
            *probe(map, &old.slots[i]) = old.slots[i];
    free(old.slots);
}

static void *get(const struct mr_map *map, const struct mr_map_slot *wanted)
{
    return map->capacity ? probe(map, wanted)->value : NULL;
}

static void *put(struct mr_map *map, const struct mr_map_slot *wanted)
{
    struct mr_map_slot *slot;
    void *old;

    if (4 * (map->count + 1) > 3 * map->capacity)
        grow(map);
    slot = probe(map, wanted);
    old = slot->value;
    if (!old) {
        *slot = *wanted;
        if (wanted->key.data) {
            char *copy = mr_alloc(wanted->key.size + 1);
            memcpy(copy, wanted->key.data, wanted->key.size);
            copy[wanted->key.size] = 0;
            slot->key.data = copy;
        }
        map->count++;
    }
    slot->value = wanted->value;
    return old;
}

static void *take(struct mr_map *map, const struct mr_map_slot *wanted)
{
    size_t mask = map->capacity - 1, hole, at;
    struct mr_map_slot *slot = map->capacity ? probe(map, wanted) : NULL;
    void *old;

    if (!slot || !slot->value)
        return NULL;
    old = slot->value;
    free((char *)(uintptr_t)slot->key.data);
    hole = (size_t)(slot - map->slots);
    for (at = (hole + 1) & mask; map->slots[at].value; at = (at + 1) & mask) {
        size_t home = map->slots[at].hash & mask;
        /* May stand in the hole only if the hole is not before its home. */
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        map->slots[hole] = map->slots[at];
        hole = at;
    }
    map->slots[hole] = (struct mr_map_slot){0};
    map->count--;
    return old;
}

static struct mr_map_slot of_number(uint64_t key, void *value)
{
    return (struct mr_map_slot){.hash = hash_number(key), .number = key, .value = value};
}

static struct mr_map_slot of_text(struct mr_slice key, void *value)
{
    return (struct mr_map_slot){
        .hash = mr_hash(key, 0), .key = {key.data ? key.data : "", key.size}, .value = value};
}

void *mr_map_get_number(const struct mr_map *map, uint64_t key)
{
    struct mr_map_slot wanted = of_number(key, NULL);

    return get(map, &wanted);
}

void *mr_map_get(const struct mr_map *map, struct mr_slice key)
{
    struct mr_map_slot wanted = of_text(key, NULL);

    return get(map, &wanted);
}

void *mr_map_put_number(struct mr_map *map, uint64_t key, void *value)
{
    struct mr_map_slot wanted = of_number(key, value);

    return put(map, &wanted);
}

void *mr_map_put(struct mr_map *map, struct mr_slice key, void *value)
{
    struct mr_map_slot wanted = of_text(key, value);

    return put(map, &wanted);
}

void *mr_map_remove_number(struct mr_map *map, uint64_t key)
{
    struct mr_map_slot wanted = of_number(key, NULL);

    return take(map, &wanted);
}

void *mr_map_remove(struct mr_map *map, struct mr_slice key)
{
    struct mr_map_slot wanted = of_text(key, NULL);

    return take(map, &wanted);
}

void *mr_map_next(const struct mr_map *map, size_t *at, struct mr_slice *ret_key,
                  uint64_t *ret_number)
{
    for (; *at < map->capacity; (*at)++) {
        const struct mr_map_slot *slot = &map->slots[*at];
        if (!slot->value)
            continue;
        if (ret_key)
            *ret_key = slot->key;
        if (ret_number)
            *ret_number = slot->number;
        (*at)++;
        return slot->value;
    }
    return NULL;
}
