/* The test clock: two atomics behind the functions that base/clock.h asks for.
 *
 * Nothing moves by itself, so that what a test reads does not depend on how busy the machine is. The two clocks
 * move together; a test that wants the wall clock to jump (a step by NTP) sets wall_us on its own. */
#include "test/support/test_clock.h"

#include <stdatomic.h>

static int64_t read_mono(void *state)
{
    struct mr_test_clock *test_clock = state;

    return atomic_load(&test_clock->mono_ns);
}

static int64_t read_wall(void *state)
{
    struct mr_test_clock *test_clock = state;

    return atomic_load(&test_clock->wall_us);
}

void mr_test_clock_install(struct mr_test_clock *test_clock, int64_t wall_us)
{
    atomic_store(&test_clock->mono_ns, 3600 * MR_SECOND_NS);
    atomic_store(&test_clock->wall_us, wall_us);
    test_clock->clock =
        (struct mr_clock){.mono_ns = read_mono, .wall_us = read_wall, .state = test_clock};
    mr_clock_use(&test_clock->clock);
}

void mr_test_clock_advance(struct mr_test_clock *test_clock, int64_t ns)
{
    atomic_fetch_add(&test_clock->mono_ns, ns);
    atomic_fetch_add(&test_clock->wall_us, ns / 1000);
}

void mr_test_clock_remove(void)
{
    mr_clock_use(0);
}
