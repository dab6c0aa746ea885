/* A clock that stands still until a test moves it. */
#pragma once

#include <stdint.h>

#include "base/clock.h"

struct mr_test_clock {
    _Atomic int64_t mono_ns, wall_us;
    struct mr_clock clock;
};

/* Installs the clock at the given wall time; the monotonic one starts at one hour. Before threads start. */
void mr_test_clock_install(struct mr_test_clock *test_clock, int64_t wall_us);
/* Moves both clocks on. Any thread. */
void mr_test_clock_advance(struct mr_test_clock *test_clock, int64_t ns);
/* Gives the real clock back. */
void mr_test_clock_remove(void);
