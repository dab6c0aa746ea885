/* Edit distance, for names of a few dozen letters.
 *
 * Three rows of the usual table are enough for insertions, deletions, replacements and the swap of two
 * neighbours (optimal string alignment):
 *
 *            ""  p  o  r  t          d[i][j] = cheapest way from the first i letters of one name
 *        ""   0  1  2  3  4                    to the first j letters of the other
 *        p    1  0  1  2  3
 *        r    2  1  1  1  2          swap: d[i-2][j-2] + 1 when the last two letters are crossed
 *        ...
 *
 * Names longer than LONGEST are not compared: nobody mistypes those into something recognisable. */
#include "base/suggest.h"

#include <string.h>

enum { LONGEST = 63 };

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' || c == '.' ? '_' : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *above = rows[1], *here = rows[2];

    for (size_t j = 0; j <= b_size; j++)
        above[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *spare = before;
        here[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t same = fold(a[i - 1]) == fold(b[j - 1]) ? 0 : 1;
            here[j] = least(least(above[j] + 1, here[j - 1] + 1), above[j - 1] + same);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1]))
                here[j] = least(here[j], before[j - 2] + 1);
        }
        before = above;
        above = here;
        here = spare;
    }
    return above[b_size];
}

struct mr_suggest mr_suggest(const char *wanted)
{
    return (struct mr_suggest){wanted, NULL, 0};
}

void mr_suggest_offer(struct mr_suggest *suggest, const char *candidate)
{
    size_t wanted_size = strlen(suggest->wanted), size = strlen(candidate), cost, allowed;

    if (wanted_size == 0 || wanted_size > LONGEST || size > LONGEST)
        return;
    cost = distance(suggest->wanted, wanted_size, candidate, size);
    allowed = (size > wanted_size ? size : wanted_size) / 3;
    if (allowed < 1)
        allowed = 1;
    if (cost > allowed || cost >= size || (suggest->best && cost >= suggest->distance))
        return;
    suggest->best = candidate;
    suggest->distance = cost;
}
