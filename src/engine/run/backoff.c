/* Waiting between tries.
 *
 * A thousand pipelines that lost the same server must not all come back in the same instant, so each wait is
 * drawn from the upper half of a doubling interval. The generator is xorshift: the quality of the dice does not
 * matter, only that two processes roll differently, which the seed sees to. There is no last try: giving up is a
 * human's decision. */
#include "engine/run/backoff.h"

void mr_backoff_init(struct mr_backoff *backoff, int64_t first_ns, int64_t most_ns, uint64_t seed)
{
    *backoff = (struct mr_backoff){first_ns, most_ns, 0, seed ? seed : 1};
}

void mr_backoff_reset(struct mr_backoff *backoff)
{
    backoff->attempts = 0;
}

int64_t mr_backoff_next(struct mr_backoff *backoff)
{
    uint32_t doublings = backoff->attempts < 20 ? backoff->attempts : 20;
    int64_t whole = backoff->first_ns << doublings;

    backoff->attempts++;
    if (whole > backoff->most_ns || whole <= 0)
        whole = backoff->most_ns;
    backoff->random ^= backoff->random << 13;
    backoff->random ^= backoff->random >> 7;
    backoff->random ^= backoff->random << 17;
    return whole / 2 + (int64_t)(backoff->random % (uint64_t)(whole / 2 + 1));
}
