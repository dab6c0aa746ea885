/* Floating point numbers as the shortest text that reads back equal.
 *
 * The digits come from Schubfach (Raffaello Giulietti, "The Schubfach way to render doubles", 2020), chosen over
 * printf and strtod because it needs neither: about 30 ns instead of a microsecond, no locale, no rounding mode.
 * The idea in a picture; v is the number, c * 2^q, and every real between the two bounds reads back as v:
 *
 *                     left bound          v          right bound        (the half way points to its neighbours;
 *     ------+-----------(-----+-----------*-----+---------)-+------      the left one is nearer at powers of 2)
 *        10 * sp              s                s + 1     10 * (sp + 1)   times 10^k
 *
 * k is chosen so that multiples of 10^k lie denser than the interval is wide and those of 10^(k+1) less dense.
 * If a multiple of 10^(k+1) is inside, it is the shortest and the only one; else s or s + 1 is, whichever is
 * inside, or nearer to v. All bounds are computed times four, as integers, from a 128-bit power of ten; what the
 * product loses is kept as a sticky last bit (round to odd), which is enough for each comparison to be exact.
 *
 * A float goes the same way with 64 bits: its own interval is wider, so its text is shorter than that of the
 * equal double ("0.1", not "0.10000000149011612").
 *
 * The digits are laid out as Python's repr does: an exponent below 10^-4 or from 10^16 on, else a point. */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/json_pow10.h"

/* digits * 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* c * 2^q, and whether the lower neighbour is at half the distance of the upper one. */
struct binary {
    uint64_t c;
    int q;
    bool lower_closer;
};

static int floor_log2_pow10(int e)
{
    return (e * 1741647) >> 19;
}

/* floor(log10(2^q)), or of 3/4 of it where the interval is that much narrower. */
static int choose_k(const struct binary *binary)
{
    return (binary->q * 1262611 - (binary->lower_closer ? 524031 : 0)) >> 22;
}

/* The bounds and the number itself, times four over 10^k, rounded to odd. */
struct scaled {
    uint64_t lower, number, upper;
};

static struct decimal choose(const struct scaled *scaled, bool even, int k)
{
    /* The bounds themselves read back as v only if v's significand is even (ties to even). */
    uint64_t lower = scaled->lower + !even, upper = scaled->upper - !even;
    uint64_t s = scaled->number / 4, middle = 4 * s + 2;
    bool down, up;

    if (s >= 10) {
        uint64_t sp = s / 10;
        down = lower <= 40 * sp;
        up = 40 * sp + 40 <= upper;
        if (down != up)
            return (struct decimal){sp + up, k + 1};
    }
    down = lower <= 4 * s;
    up = 4 * s + 4 <= upper;
    if (down == up)
        up = scaled->number > middle || (scaled->number == middle && (s & 1));
    return (struct decimal){s + up, k};
}

static uint64_t round_to_odd_128(const struct mr_pow10 *g, uint64_t cp)
{
    unsigned __int128 x = (unsigned __int128)g->low * cp;
    unsigned __int128 y = (unsigned __int128)g->high * cp + (uint64_t)(x >> 64);

    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static uint64_t round_to_odd_64(uint64_t g, uint64_t cp)
{
    unsigned __int128 x = (unsigned __int128)g * cp;

    return (uint64_t)(x >> 64) | ((uint32_t)(x >> 32) > 1);
}

static struct decimal shortest_f64(const struct binary *binary)
{
    int k = choose_k(binary), h = binary->q + floor_log2_pow10(-k) + 1;
    const struct mr_pow10 *g = &mr_json_pow10[-k - MR_POW10_MIN];
    uint64_t cb = 4 * binary->c;
    struct scaled scaled = {
        .lower = round_to_odd_128(g, (cb - 2 + binary->lower_closer) << h),
        .number = round_to_odd_128(g, cb << h),
        .upper = round_to_odd_128(g, (cb + 2) << h),
    };

    return choose(&scaled, binary->c % 2 == 0, k);
}

static struct decimal shortest_f32(const struct binary *binary)
{
    int k = choose_k(binary), h = binary->q + floor_log2_pow10(-k) + 1;
    const struct mr_pow10 *row = &mr_json_pow10[-k - MR_POW10_MIN];
    uint64_t g = row->high + (row->low != 0), cb = 4 * binary->c;
    struct scaled scaled = {
        .lower = round_to_odd_64(g, (cb - 2 + binary->lower_closer) << h),
        .number = round_to_odd_64(g, cb << h),
        .upper = round_to_odd_64(g, (cb + 2) << h),
    };

    return choose(&scaled, binary->c % 2 == 0, k);
}

static char *put_exponent(char *at, const char *digits, int count, int exponent)
{
    *at++ = digits[0];
    if (count > 1) {
        *at++ = '.';
        memcpy(at, digits + 1, (size_t)count - 1);
        at += count - 1;
    }
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    exponent = exponent < 0 ? -exponent : exponent;
    if (exponent < 10)
        *at++ = '0';
    return mr_json_put_u64(at, (uint64_t)exponent);
}

/* A point among, before or behind the digits; the point stands after the first `point` of them. */
static char *put_fixed(char *at, const char *digits, int count, int point)
{
    int whole = point < count ? point : count;

    if (point <= 0) {
        memcpy(at, "0.0000", 6);
        at += 2 - point;
        memcpy(at, digits, (size_t)count);
        return at + count;
    }
    memcpy(at, digits, (size_t)whole);
    at += whole;
    for (; whole < point; whole++)
        *at++ = '0';
    *at++ = '.';
    if (count <= point) {
        *at++ = '0';
        return at;
    }
    memcpy(at, digits + point, (size_t)(count - point));
    return at + (count - point);
}

static char *put_decimal(char *at, struct decimal decimal)
{
    char digits[20];
    int count = (int)(mr_json_put_u64(digits, decimal.digits) - digits);
    int point = count + decimal.exponent;

    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (point < -3 || point > 16)
        return put_exponent(at, digits, count, point - 1);
    return put_fixed(at, digits, count, point);
}

static char *put_special(char *at, double value)
{
    const char *text = isnan(value) ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
    size_t size = strlen(text);

    memcpy(at, text, size);
    return at + size;
}

static char *put_whole(char *at, uint64_t value)
{
    at = mr_json_put_u64(at, value);
    memcpy(at, ".0", 2);
    return at + 2;
}

char *mr_json_put_f64(char *at, double value)
{
    struct binary binary;
    uint64_t bits, fraction;
    int exponent;

    if (!isfinite(value))
        return put_special(at, value);
    if (signbit(value)) {
        *at++ = '-';
        value = -value;
    }
    /* Every integer up to 2^53 is its own shortest text. */
    if (value <= 0x1p53 && value == (double)(uint64_t)value)
        return put_whole(at, (uint64_t)value);
    memcpy(&bits, &value, sizeof bits);
    fraction = bits & 0xfffffffffffffULL;
    exponent = (int)(bits >> 52);
    binary = (struct binary){
        .c = exponent ? fraction | 0x10000000000000ULL : fraction,
        .q = (exponent ? exponent : 1) - 1075,
        .lower_closer = fraction == 0 && exponent > 1,
    };
    return put_decimal(at, shortest_f64(&binary));
}

char *mr_json_put_f32(char *at, float value)
{
    struct binary binary;
    uint32_t bits, fraction;
    int exponent;

    if (!isfinite(value))
        return put_special(at, (double)value);
    if (signbit(value)) {
        *at++ = '-';
        value = -value;
    }
    if (value <= 0x1p24F && value == (float)(uint32_t)value)
        return put_whole(at, (uint32_t)value);
    memcpy(&bits, &value, sizeof bits);
    fraction = bits & 0x7fffff;
    exponent = (int)(bits >> 23);
    binary = (struct binary){
        .c = exponent ? fraction | 0x800000 : fraction,
        .q = (exponent ? exponent : 1) - 150,
        .lower_closer = fraction == 0 && exponent > 1,
    };
    return put_decimal(at, shortest_f32(&binary));
}
