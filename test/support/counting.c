/* The counting allocator: see counting.h.
 *
 * The wrappers pass on to glibc's own entry points (__libc_malloc and so on), which exist for this purpose and
 * need no dlsym, so that nothing allocates before the wrappers are ready. The counters are one atomic for all
 * threads and one plain variable per thread; TLS of the main program needs no allocation. */
#include "test/support/counting.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define COUNTING_OFF 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define COUNTING_OFF 1
#endif

static _Atomic uint64_t calls;
static _Thread_local uint64_t calls_here;

uint64_t mr_counting_calls(void)
{
    return atomic_load(&calls);
}

uint64_t mr_counting_calls_here(void)
{
    return calls_here;
}

#if defined(COUNTING_OFF)
bool mr_counting_available(void)
{
    return false;
}
#else
bool mr_counting_available(void)
{
    return true;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

static void count_call(void)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    calls_here++;
}

void *malloc(size_t size)
{
    count_call();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    count_call();
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    count_call();
    return __libc_realloc(old, size);
}

void *memalign(size_t align, size_t size)
{
    count_call();
    return __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

int posix_memalign(void **ret_memory, size_t align, size_t size)
{
    void *memory = memalign(align, size);

    if (!memory)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}
#endif
