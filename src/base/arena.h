/* Memory that is let go all together.
 *
 * An arena hands out pieces of large blocks by moving a pointer and takes nothing back one by one:
 *
 *     block 0            block 1               block 2 (oversize: one piece larger than block_size)
 *     [####....]  ---->  [##########......]    [################################]
 *                                   ^next  ^end
 *
 * mr_arena_reset() makes all pieces invalid and keeps up to `keep` bytes of blocks, so that a warm batch makes
 * no malloc at all; what one huge transaction needed above that goes back to the system. Single threaded: an
 * arena has one owner at a time, as the batch that holds it. Out of memory aborts (mr_out_of_memory), so a
 * result is never NULL. Limits are checked by who reads a length from the wire, not here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct mr_arena_block;

struct mr_arena {
    struct mr_arena_block *first; /* list of blocks in order of use */
    /* the one `next` points into; NULL before the first allocation */
    struct mr_arena_block *current;
    char *next, *end;  /* next <= end, both inside `current` */
    size_t block_size; /* size of an ordinary block in bytes */
    size_t keep;       /* bytes of blocks that survive a reset */
    size_t held;       /* bytes of all blocks now held: the arena's cost */
    size_t used;       /* bytes handed out since the last reset, padding included */
};

void mr_arena_init(struct mr_arena *arena, size_t block_size, size_t keep);
void mr_arena_done(struct mr_arena *arena);
void mr_arena_reset(struct mr_arena *arena);

/* The slow path of mr_arena_alloc: takes the next kept block or a new one. */
void *mr_arena_grow(struct mr_arena *arena, size_t size, size_t align);

/* `size` bytes, aligned to `align` (a power of two up to 16), not zeroed, valid until reset or done. */
static inline void *mr_arena_alloc(struct mr_arena *arena, size_t size, size_t align)
{
    uintptr_t at = ((uintptr_t)arena->next + (align - 1)) & ~(uintptr_t)(align - 1);

    if (arena->next == NULL || at > (uintptr_t)arena->end || size > (uintptr_t)arena->end - at)
        return mr_arena_grow(arena, size, align);
    arena->used += (size_t)(at + size - (uintptr_t)arena->next);
    arena->next = (char *)at + size;
    return (void *)at;
}

/* Room of at least `least` contiguous bytes at the arena's end, for writers that learn the length as they go:
 * reserve, write up to *ret_room bytes, then commit what was written. Nothing else may allocate in between.
 * To grow, reserve again with a larger `least` and the number of bytes `written` so far: they are moved along. */
char *mr_arena_reserve(struct mr_arena *arena, size_t least, const char *written_at, size_t written,
                       size_t *ret_room);
void mr_arena_commit(struct mr_arena *arena, size_t written);

/* Copies of bytes into the arena. mr_arena_str adds a NUL. */
struct mr_slice mr_arena_copy(struct mr_arena *arena, struct mr_slice bytes);
char *mr_arena_str(struct mr_arena *arena, struct mr_slice bytes);
char *mr_arena_printf(struct mr_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define MR_ARENA_NEW(arena, type) ((type *)mr_arena_alloc((arena), sizeof(type), _Alignof(type)))
#define MR_ARENA_ARRAY(arena, type, count)                                                         \
    ((type *)mr_arena_alloc((arena), sizeof(type) * (count), _Alignof(type)))

/* The one place where the process ends for lack of memory. */
_Noreturn void mr_out_of_memory(size_t wanted);

/* malloc and friends that abort instead of returning NULL, for process-lifetime objects. */
void *mr_alloc(size_t size);
void *mr_alloc_zero(size_t size);
void *mr_realloc(void *old, size_t size);
char *mr_strdup(const char *text);
