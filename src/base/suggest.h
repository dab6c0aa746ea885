/* "Did you mean": the nearest of a few names.
 *
 * Feed the candidates one by one; the nearest one that is near enough to be a slip of the fingers (a third of
 * its letters, two transposed ones count as one) is kept. Case does not count, nor does - against _. */
#pragma once

#include <stddef.h>

struct mr_suggest {
    const char *wanted;
    const char *best; /* NULL: nothing is near */
    size_t distance;  /* of best */
};

struct mr_suggest mr_suggest(const char *wanted);
void mr_suggest_offer(struct mr_suggest *suggest, const char *candidate);
