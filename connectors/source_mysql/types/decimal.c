/* NEWDECIMAL, as the log has it (MySQL source, strings/decimal.cc: decimal2bin), and its text.
 *
 *     digits before the point, then behind it, in groups of nine: 4 bytes each, big-endian; the group that is not
 * full
 *     stands outermost and takes 0 1 1 2 2 3 3 4 4 bytes for 0..8 digits. The first bit is inverted; of a negative
 *     number all bits are.
 *
 *     DECIMAL(20,6)  7fcfc6 d788ca0d f755ad   inverted: 80|3039 2877.. = -12345 678901234 . 567890
 *     DECIMAL(10,0)  81 0dfb38d2              1 234567890
 *
 * A number of at most 18 digits becomes MR_DECIMAL, a larger one the text that the server would print: the same rule
 * as for text, so that a row read by SQL equals the same row in the log. */
#include "connectors/source_mysql/types/values.h"

#include <string.h>

#define MOST_DIGITS 18

static const uint8_t bytes_of[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

bool mr_my_decimal_text(struct mr_slice text, struct mr_value *ret_value)
{
    bool negative = text.size > 0 && text.data[0] == '-', point = false;
    size_t digits = 0, scale = 0, seen = 0;
    int64_t number = 0;

    if (text.size > 128)
        return false;
    for (size_t i = negative; i < text.size; i++) {
        unsigned digit = (unsigned char)text.data[i] - '0';
        if (text.data[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (digit > 9)
            return false;
        seen++;
        scale += point;
        digits += digits > 0 || digit > 0;
        if (digits <= MOST_DIGITS)
            number = number * 10 + (int64_t)digit;
    }
    if (seen == 0)
        return false;
    if (digits > MOST_DIGITS)
        *ret_value =
            (struct mr_value){.kind = MR_DECIMAL_TEXT, .size = (uint32_t)text.size, .p = text.data};
    else
        *ret_value = (struct mr_value){
            .kind = MR_DECIMAL, .scale = (int16_t)scale, .i = negative ? -number : number};
    return true;
}

/* The next `digits` digits, at most nine, as text. False: the bytes hold a larger number. */
static bool group(const uint8_t **at, unsigned digits, uint8_t mask, uint8_t first, char *out)
{
    static const uint32_t past[] = {1,      10,      100,      1000,      10000,
                                    100000, 1000000, 10000000, 100000000, 1000000000};
    uint32_t number = 0;

    for (unsigned i = 0; i < bytes_of[digits]; i++)
        number = number << 8 | (uint8_t)(*(*at)++ ^ mask ^ (i == 0 ? first : 0));
    if (number >= past[digits])
        return false;
    for (unsigned i = digits; i > 0; i--) {
        out[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    return true;
}

/* Digits before the point begin with the group that is not full, those behind it end with it. */
static bool digits_of(unsigned whole, unsigned scale, struct mr_slice bytes, char *out)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    uint8_t mask = at[0] & 0x80 ? 0 : 0xff, first = 0x80;
    unsigned sizes[24], count = 0;

    if (whole % 9 > 0)
        sizes[count++] = whole % 9;
    for (unsigned i = 0; i < whole / 9; i++)
        sizes[count++] = 9;
    for (unsigned i = 0; i < scale / 9; i++)
        sizes[count++] = 9;
    if (scale % 9 > 0)
        sizes[count++] = scale % 9;
    for (unsigned i = 0; i < count; i++, first = 0) {
        if (!group(&at, sizes[i], mask, first, out))
            return false;
        out += sizes[i];
    }
    return true;
}

size_t mr_my_decimal_print(unsigned precision, unsigned scale, struct mr_slice bytes,
                           char *ret_text)
{
    char digits[80], *out = ret_text;
    unsigned whole, skip = 0;

    if (precision < 1 || precision > 65 || scale > precision)
        return 0;
    whole = precision - scale;
    if (bytes.size != whole / 9 * 4U + bytes_of[whole % 9] + scale / 9 * 4U + bytes_of[scale % 9] ||
        !digits_of(whole, scale, bytes, digits))
        return 0;
    if (!(bytes.data[0] & 0x80))
        *out++ = '-';
    while (skip + 1 < whole && digits[skip] == '0')
        skip++;
    if (whole == 0)
        *out++ = '0';
    memcpy(out, digits + skip, whole - skip);
    out += whole - skip;
    if (scale > 0) {
        *out++ = '.';
        memcpy(out, digits + whole, scale);
        out += scale;
    }
    return (size_t)(out - ret_text);
}

bool mr_my_decimal(struct mr_arena *arena, unsigned precision, unsigned scale,
                   struct mr_slice bytes, struct mr_value *ret_value)
{
    char text[MR_MY_DECIMAL_TEXT];
    struct mr_slice printed = mr_slice(text, mr_my_decimal_print(precision, scale, bytes, text));

    if (printed.size == 0 || !mr_my_decimal_text(printed, ret_value))
        return false;
    if (ret_value->kind == MR_DECIMAL_TEXT)
        ret_value->p = mr_arena_copy(arena, printed).data;
    return true;
}
