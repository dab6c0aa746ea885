/* Time, from one place, so that tests can hold it.
 *
 * Monotonic time is int64 nanoseconds from an arbitrary start: for deadlines and intervals. Wall time is int64
 * microseconds since 1970-01-01 UTC: for what users read. A test may install its own clock before any thread
 * starts (mr_clock_use); product code never does. */
#pragma once

#include <stdint.h>

#define MR_SECOND_NS 1000000000LL
#define MR_MS_NS     1000000LL
#define MR_SECOND_US 1000000LL

int64_t mr_clock_mono_ns(void);
int64_t mr_clock_wall_us(void);

struct mr_clock {
    int64_t (*mono_ns)(void *state);
    int64_t (*wall_us)(void *state);
    void *state;
};
/* NULL gives the real clock back. Not thread safe: before threads start, or after they ended. */
void mr_clock_use(const struct mr_clock *clock);

/* "2026-11-21T09:05:01.123456Z" into at least 32 bytes; returns the length. */
int mr_clock_format(int64_t wall_us, char *ret_text);
