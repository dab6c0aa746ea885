/* How many times the heap was asked.
 *
 * Linking this replaces malloc, calloc, realloc and the aligned ones by wrappers that count and pass on; free is
 * not counted. Under a sanitizer, which has its own heap, nothing is counted: mr_counting_available() is false
 * and a test must say so (MR_COUNTING_OR_SKIP) and not pass by doing nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool mr_counting_available(void);
/* Calls so far, by all threads. */
uint64_t mr_counting_calls(void);
/* Calls so far, by the calling thread. */
uint64_t mr_counting_calls_here(void);

/* In a cmocka test: skips it, with the reason on standard error, where calls cannot be counted. */
#define MR_COUNTING_OR_SKIP()                                                                      \
    do {                                                                                           \
        if (!mr_counting_available()) {                                                            \
            print_error("SKIPPED %s: calls of malloc cannot be counted under a sanitizer\n",       \
                        __func__);                                                                 \
            skip();                                                                                \
        }                                                                                          \
    } while (0)
