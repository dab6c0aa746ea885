/* numeric and money.
 *
 * A numeric arrives as text "-12345.678" or in base 10000 (PostgreSQL numeric_send):
 *
 *     i16 ndigits, i16 weight, u16 sign, i16 dscale, ndigits * i16      value = sum digit[i] * 10000^(weight - i)
 *     -12345.678 = 0003 0001 4000 0003 | 0001 0929 1a7c                 sign: 0000 +, 4000 -, c000 NaN,
 *                                                                             d000 Infinity, f000 -Infinity
 *
 * Both become the same value: MR_DECIMAL (number and scale) when the digits without leading zeros are at most
 * 18, else MR_DECIMAL_TEXT with the text the server would print. Small binary numbers are added up directly;
 * larger ones are printed first and then read as text, so that the two forms cannot disagree. */
#include "connectors/source_postgres/types/decode.h"

#include "base/cursor.h"

#define MR_PG_NUMERIC_MAX_DIGITS 18

static bool as_text(struct mr_slice bytes, struct mr_value *ret_value)
{
    *ret_value =
        (struct mr_value){.kind = MR_DECIMAL_TEXT, .size = (uint32_t)bytes.size, .p = bytes.data};
    return true;
}

static bool special(struct mr_slice bytes)
{
    return mr_slice_is(bytes, "NaN") || mr_slice_is(bytes, "Infinity") ||
           mr_slice_is(bytes, "-Infinity");
}

MR_PG_DECODE(mr_pg_numeric_text)
{
    bool negative = bytes.size > 0 && bytes.data[0] == '-', point = false;
    size_t digits = 0, scale = 0, seen = 0;
    int64_t number = 0;

    (void)arena, (void)type;
    if (bytes.size > UINT32_MAX)
        return false;
    for (size_t i = negative; i < bytes.size; i++) {
        unsigned digit = (unsigned char)bytes.data[i] - '0';
        if (bytes.data[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (digit > 9)
            return special(bytes) && as_text(bytes, ret_value);
        seen++;
        scale += point;
        digits += digits > 0 || digit > 0;
        if (digits <= MR_PG_NUMERIC_MAX_DIGITS)
            number = number * 10 + (int64_t)digit;
    }
    if (seen == 0)
        return false;
    if (digits > MR_PG_NUMERIC_MAX_DIGITS || scale > INT16_MAX)
        return as_text(bytes, ret_value);
    *ret_value = (struct mr_value){
        .kind = MR_DECIMAL, .scale = (int16_t)scale, .i = negative ? -number : number};
    return true;
}

struct numeric {
    uint16_t digits, sign, scale;
    int16_t weight;
    const uint8_t *base10000;
};

/* The digit group of weight `weight`, 0 where none is stored. */
static unsigned group(const struct numeric *numeric, int weight)
{
    int i = numeric->weight - weight;

    if (i < 0 || i >= numeric->digits)
        return 0;
    return (unsigned)numeric->base10000[2 * i] << 8 | numeric->base10000[2 * i + 1];
}

static char *put_group(char *out, unsigned value)
{
    *out++ = (char)('0' + value / 1000);
    *out++ = (char)('0' + value / 100 % 10);
    *out++ = (char)('0' + value / 10 % 10);
    *out++ = (char)('0' + value % 10);
    return out;
}

/* As numeric_out prints it: no leading zeros but one before the point, exactly dscale digits behind it. */
static struct mr_slice print(struct mr_arena *arena, const struct numeric *numeric)
{
    size_t whole = numeric->weight >= 0 ? ((size_t)numeric->weight + 1) * 4 : 1;
    char *start = mr_arena_alloc(arena, whole + numeric->scale + 8, 1);
    char *out = start, *first, *point;

    if (numeric->sign == 0x4000)
        *out++ = '-';
    first = out;
    for (int weight = numeric->weight; weight >= 0; weight--)
        out = put_group(out, group(numeric, weight));
    while (first < out - 1 && *first == '0')
        first++;
    if (first == out)
        *out++ = '0';
    point = out;
    if (numeric->scale > 0)
        *out++ = '.';
    for (int weight = -1; out - point - 1 < numeric->scale && numeric->scale > 0; weight--)
        out = put_group(out, group(numeric, weight));
    if (numeric->scale > 0)
        out = point + 1 + numeric->scale;
    if (numeric->sign == 0x4000 && first > start)
        *--first = '-';
    return mr_slice(first, (size_t)(out - first));
}

/* At most four groups: added up as an integer. False: too large for that. */
static bool add_up(const struct numeric *numeric, struct mr_value *ret_value)
{
    static const int64_t power[] = {1, 10, 100, 1000};
    int behind = (numeric->scale + 3) / 4;
    int64_t number = 0;

    if (numeric->weight > 3 || numeric->weight + 1 + behind > 4 || behind > 4)
        return false;
    for (int weight = numeric->weight > 0 ? numeric->weight : 0; weight >= -behind; weight--)
        number = number * 10000 + group(numeric, weight);
    number /= power[4 * behind - numeric->scale];
    *ret_value = (struct mr_value){.kind = MR_DECIMAL,
                                   .scale = (int16_t)numeric->scale,
                                   .i = numeric->sign == 0x4000 ? -number : number};
    return true;
}

static bool groups_valid(const struct numeric *numeric)
{
    for (int i = 0; i < numeric->digits; i++) {
        if (group(numeric, numeric->weight - i) > 9999)
            return false;
    }
    return true;
}

MR_PG_DECODE(mr_pg_numeric_binary)
{
    struct mr_cur cur = mr_cur(bytes);
    struct numeric numeric;

    numeric.digits = mr_cur_be16(&cur);
    numeric.weight = (int16_t)mr_cur_be16(&cur);
    numeric.sign = mr_cur_be16(&cur);
    numeric.scale = mr_cur_be16(&cur);
    numeric.base10000 = mr_cur_take(&cur, (size_t)numeric.digits * 2);
    if (cur.failed || mr_cur_left(&cur) != 0)
        return false;
    switch (numeric.sign) {
    case 0xc000: return as_text((struct mr_slice)MR_SLICE("NaN"), ret_value);
    case 0xd000: return as_text((struct mr_slice)MR_SLICE("Infinity"), ret_value);
    case 0xf000: return as_text((struct mr_slice)MR_SLICE("-Infinity"), ret_value);
    case 0x0000:
    case 0x4000: break;
    default: return false;
    }
    if (numeric.scale > 16383 || !groups_valid(&numeric))
        return false;
    if (add_up(&numeric, ret_value))
        return true;
    return mr_pg_numeric_text(arena, type, print(arena, &numeric), ret_value);
}

/* "-$1,234.50" under lc_monetary=C: the digits, in hundredths. */
MR_PG_DECODE(mr_pg_money_text)
{
    int64_t number = 0;
    bool negative = false;

    (void)arena, (void)type;
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned digit = (unsigned char)bytes.data[i] - '0';
        negative |= bytes.data[i] == '-' || bytes.data[i] == '(';
        if (digit <= 9 && (__builtin_mul_overflow(number, 10, &number) ||
                           __builtin_sub_overflow(number, (int64_t)digit, &number)))
            return false;
    }
    if (!negative && number == INT64_MIN)
        return false;
    *ret_value =
        (struct mr_value){.kind = MR_DECIMAL, .scale = 2, .i = negative ? number : -number};
    return bytes.size > 0;
}

MR_PG_DECODE(mr_pg_money_binary)
{
    struct mr_cur cur = mr_cur(bytes);

    (void)arena, (void)type;
    *ret_value = (struct mr_value){.kind = MR_DECIMAL, .scale = 2, .i = (int64_t)mr_cur_be64(&cur)};
    return bytes.size == 8;
}
