/* How long to wait before the next try: doubling, with jitter, up to a ceiling, for ever. */
#pragma once

#include <stdint.h>

struct mr_backoff {
    int64_t first_ns, most_ns;
    uint32_t attempts; /* failures in a row */
    uint64_t random;   /* state of the jitter; never 0 */
};

void mr_backoff_init(struct mr_backoff *backoff, int64_t first_ns, int64_t most_ns, uint64_t seed);
/* Something went well. */
void mr_backoff_reset(struct mr_backoff *backoff);
/* Counts a failure; the wait in ns lies in [half, whole] of min(first * 2^n, most). */
int64_t mr_backoff_next(struct mr_backoff *backoff);
