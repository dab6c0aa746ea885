/* Arena allocation: a list of blocks, a moving pointer.
 *
 * The blocks form one singly linked list. What is in use comes first, then what an earlier use left behind:
 *
 *     first --> used --> used --> current --> kept --> kept --> NULL
 *                                   ^next ^end
 *
 * Before the first allocation `current` is NULL and every block of the list is kept for use. A request that fits
 * no ordinary block gets a block of its own at the head of the list, so that `current` goes on being filled: one
 * large value in the middle of small ones wastes nothing. Its size is a multiple of block_size, so that the next
 * large value, of nearly the same size, finds it again after a reset.
 *
 * Kept blocks are chosen by best fit. That is what makes a warm cycle free of malloc: the same requests in the
 * same order find blocks of exactly the sizes they made the first time, because an ordinary request always
 * prefers an ordinary block and leaves the large ones to those that need them. The search is over kept blocks
 * only, of which there are at most keep / block_size.
 *
 * A reservation (mr_arena_reserve) is always the tail of `current`. When it outgrows a block that holds nothing
 * else, the block itself is reallocated, so that a huge record which doubles as it grows does not leave a trail
 * of dead blocks of half, a quarter, an eighth of its size.
 *
 * Under AddressSanitizer the bytes of kept blocks are poisoned by a reset, so that reading a piece after the reset
 * that ended its life is reported as a use of freed memory until the block is in use again.
 *
 * Not done here: limits (who reads a length from the wire checks it first), threads, freeing of single pieces. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mr_arena_block {
    struct mr_arena_block *link;
    size_t size; /* of the whole allocation, this header included */
    alignas(16) char bytes[];
};

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(block)   __asan_poison_memory_region((block)->bytes, (block)->size - HEADER)
#define UNPOISON(block) __asan_unpoison_memory_region((block)->bytes, (block)->size - HEADER)
#else
#define POISON(block)   ((void)(block))
#define UNPOISON(block) ((void)(block))
#endif

#define HEADER sizeof(struct mr_arena_block)

void mr_arena_init(struct mr_arena *arena, size_t block_size, size_t keep)
{
    *arena = (struct mr_arena){.block_size = block_size > 2 * HEADER ? block_size : 2 * HEADER,
                               .keep = keep};
}

static void free_block(struct mr_arena *arena, struct mr_arena_block *block)
{
    arena->held -= block->size;
    UNPOISON(block);
    free(block);
}

void mr_arena_done(struct mr_arena *arena)
{
    struct mr_arena_block *block = arena->first;

    while (block) {
        struct mr_arena_block *link = block->link;
        free_block(arena, block);
        block = link;
    }
    mr_arena_init(arena, arena->block_size, arena->keep);
}

void mr_arena_reset(struct mr_arena *arena)
{
    struct mr_arena_block **at = &arena->first;
    size_t kept = 0;

    while (*at) {
        struct mr_arena_block *block = *at;
        if (block->size > arena->keep - kept) {
            *at = block->link;
            free_block(arena, block);
            continue;
        }
        kept += block->size;
        POISON(block);
        at = &block->link;
    }
    arena->current = NULL;
    arena->next = arena->end = NULL;
    arena->used = 0;
}

/* Takes the smallest kept block of at least `size` bytes out of the list, or NULL. */
static struct mr_arena_block *take_kept(struct mr_arena *arena, size_t size)
{
    struct mr_arena_block **at = arena->current ? &arena->current->link : &arena->first;
    struct mr_arena_block **best = NULL, *block;

    for (; *at; at = &(*at)->link) {
        if ((*at)->size >= size && (!best || (*at)->size < (*best)->size))
            best = at;
        if (best && (*best)->size == arena->block_size)
            break;
    }
    if (!best)
        return NULL;
    block = *best;
    *best = block->link;
    return block;
}

/* A block of at least `size` bytes with its header, not in the list. */
static struct mr_arena_block *get_block(struct mr_arena *arena, size_t size)
{
    struct mr_arena_block *block = take_kept(arena, size);

    if (block) {
        UNPOISON(block);
        return block;
    }
    block = mr_alloc(size);
    block->size = size;
    arena->held += size;
    return block;
}

static void make_current(struct mr_arena *arena, struct mr_arena_block *block)
{
    struct mr_arena_block **at = arena->current ? &arena->current->link : &arena->first;

    block->link = *at;
    *at = block;
    arena->current = block;
    arena->next = block->bytes;
    arena->end = (char *)block + block->size;
}

/* Bytes of a block that holds `size` bytes: block_size, or the next multiple of it. */
static size_t block_bytes(const struct mr_arena *arena, size_t size)
{
    size_t blocks;

    if (size > SIZE_MAX / 2)
        mr_out_of_memory(size);
    blocks = (size + HEADER + arena->block_size - 1) / arena->block_size;
    return blocks <= 1 ? arena->block_size : blocks * arena->block_size;
}

void *mr_arena_grow(struct mr_arena *arena, size_t size, size_t align)
{
    size_t bytes = block_bytes(arena, size);
    struct mr_arena_block *block = get_block(arena, bytes);

    assert(align && align <= 16 && (align & (align - 1)) == 0);
    if (bytes == arena->block_size || !arena->current) {
        make_current(arena, block);
        arena->next += size;
    } else {
        block->link = arena->first;
        arena->first = block;
    }
    arena->used += size;
    return block->bytes;
}

/* Makes the current block, which holds nothing but the `written` bytes at its start, larger. */
static void enlarge_current(struct mr_arena *arena, size_t bytes)
{
    struct mr_arena_block **at = &arena->first, *block;

    while (*at != arena->current)
        at = &(*at)->link;
    arena->held += bytes - arena->current->size;
    block = mr_realloc(arena->current, bytes);
    block->size = bytes;
    *at = arena->current = block;
    arena->next = block->bytes;
    arena->end = (char *)block + bytes;
}

char *mr_arena_reserve(struct mr_arena *arena, size_t least, const char *written_at, size_t written,
                       size_t *ret_room)
{
    assert(written == 0 || written_at == arena->next);
    if (arena->next == NULL || least > (size_t)(arena->end - arena->next)) {
        size_t bytes = block_bytes(arena, least);
        if (arena->current && arena->next == arena->current->bytes &&
            bytes > arena->current->size) {
            enlarge_current(arena, bytes);
        } else {
            make_current(arena, get_block(arena, bytes));
            if (written)
                memcpy(arena->next, written_at, written);
        }
    }
    *ret_room = (size_t)(arena->end - arena->next);
    return arena->next;
}

void mr_arena_commit(struct mr_arena *arena, size_t written)
{
    assert(written <= (size_t)(arena->end - arena->next));
    arena->next += written;
    arena->used += written;
}

struct mr_slice mr_arena_copy(struct mr_arena *arena, struct mr_slice bytes)
{
    char *copy = mr_arena_alloc(arena, bytes.size, 1);

    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    return mr_slice(bytes.data ? copy : NULL, bytes.size);
}

char *mr_arena_str(struct mr_arena *arena, struct mr_slice bytes)
{
    char *copy = mr_arena_alloc(arena, bytes.size + 1, 1);

    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = 0;
    return copy;
}

char *mr_arena_printf(struct mr_arena *arena, const char *format, ...)
{
    va_list args, again;
    char *text;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    assert(size >= 0);
    text = mr_arena_alloc(arena, (size_t)size + 1, 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

_Noreturn void mr_out_of_memory(size_t wanted)
{
    char line[96];
    int size = snprintf(line, sizeof line, "millrace: out of memory (%zu bytes wanted)\n", wanted);

    /* The logger allocates; this does not. */
    if (write(STDERR_FILENO, line, (size_t)size) < 0)
        abort();
    abort();
}

void *mr_alloc(size_t size)
{
    void *got = malloc(size ? size : 1);

    if (!got)
        mr_out_of_memory(size);
    return got;
}

void *mr_alloc_zero(size_t size)
{
    void *got = calloc(1, size ? size : 1);

    if (!got)
        mr_out_of_memory(size);
    return got;
}

void *mr_realloc(void *old, size_t size)
{
    void *got = realloc(old, size ? size : 1);

    if (!got)
        mr_out_of_memory(size);
    return got;
}

char *mr_strdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(mr_alloc(size), text, size);
}
