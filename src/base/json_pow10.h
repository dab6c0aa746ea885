/* The table of powers of ten behind mr_json_put_f64; for json_float.c and its test only.
 *
 * mr_json_pow10[k - MR_POW10_MIN] is 10^k, scaled by a power of two so that its highest bit is set, rounded up
 * to 128 bits. */
#pragma once

#include <stdint.h>

#define MR_POW10_MIN (-292)
#define MR_POW10_MAX 324

struct mr_pow10 {
    uint64_t high, low;
};

extern const struct mr_pow10 mr_json_pow10[MR_POW10_MAX - MR_POW10_MIN + 1];
