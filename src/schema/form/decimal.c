/* Decimals of any size to big-endian two's complement, as Java's BigInteger.toByteArray prints them.
 *
 *     "-123.45" at scale 2  ->  -12345  ->  CF C7            the shortest bytes that keep the sign
 *     "12.5"    at scale 2  ->   1250   ->  04 E2
 *     "1200"    at scale -2 ->     12   ->  0C
 *
 * Almost every value fits an int64 and takes the short way. The long way collects the digits, multiplies an
 * array of 32-bit limbs by 10^9 per nine digits, and writes it out, negated limb by limb when the sign says so.
 * That is quadratic in the digits: PostgreSQL's largest numeric (147455 digits) costs some tens of
 * milliseconds, which is why no faster algorithm is here. */
#include "schema/form/decimal.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"

#define LIMBS_ON_STACK 64 /* 500 digits and more without an allocation */

struct digits {
    bool negative;
    const char *whole, *fraction; /* digits before and after the point */
    size_t whole_size, fraction_size;
};

static bool all_digits(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
    }
    return true;
}

static bool parse(struct mr_slice text, struct digits *ret)
{
    const char *at = text.data, *end = text.data + text.size, *point;

    *ret = (struct digits){0};
    if (at < end && (*at == '-' || *at == '+'))
        ret->negative = *at++ == '-';
    point = memchr(at, '.', (size_t)(end - at));
    ret->whole = at;
    ret->whole_size = (size_t)((point ? point : end) - at);
    ret->fraction = point ? point + 1 : end;
    ret->fraction_size = (size_t)(end - ret->fraction);
    return ret->whole_size + ret->fraction_size > 0 && all_digits(ret->whole, ret->whole_size) &&
           all_digits(ret->fraction, ret->fraction_size);
}

char *mr_decimal_put_i64(char *at, int64_t value)
{
    int size = 1;

    while (size < 8 && (value >> (8 * size - 1)) != 0 && (value >> (8 * size - 1)) != -1)
        size++;
    for (int i = size - 1; i >= 0; i--)
        *at++ = (char)((uint64_t)value >> (8 * i));
    return at;
}

/* The decimal digit at place `i` (0 = first of whole) of whole and fraction written as one, then zeros. */
static unsigned digit_at(const struct digits *digits, size_t i)
{
    if (i < digits->whole_size)
        return (unsigned)(digits->whole[i] - '0');
    i -= digits->whole_size;
    return i < digits->fraction_size ? (unsigned)(digits->fraction[i] - '0') : 0;
}

static size_t multiply_add(uint32_t *limbs, size_t count, uint32_t factor, uint32_t more)
{
    uint64_t carry = more;

    for (size_t i = 0; i < count; i++) {
        carry += (uint64_t)limbs[i] * factor;
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry)
        limbs[count++] = (uint32_t)carry;
    return count;
}

/* Little-endian limbs as shortest big-endian two's complement. */
static void put_limbs(const uint32_t *limbs, size_t count, bool negative, struct mr_buf *buf)
{
    size_t size = 4 * count + 1, skip = 0;
    unsigned carry = negative;

    if (!mr_buf_room(buf, size))
        return;
    for (size_t i = 0; i < size; i++) {
        unsigned byte = i < 4 * count ? (limbs[i / 4] >> (8 * (i % 4))) & 0xff : 0;
        if (negative) {
            byte = (~byte & 0xff) + carry;
            carry = byte >> 8;
        }
        buf->data[size - 1 - i] = (char)byte;
    }
    while (skip + 1 < size) {
        unsigned char byte = (unsigned char)buf->data[skip],
                      next = (unsigned char)buf->data[skip + 1];
        if (!(byte == 0 && next < 0x80) && !(byte == 0xff && next >= 0x80))
            break;
        skip++;
    }
    memmove(buf->data, buf->data + skip, size - skip);
    buf->size = size - skip;
}

static void put_digits(const struct digits *digits, size_t count, struct mr_buf *buf)
{
    uint32_t on_stack[LIMBS_ON_STACK], *limbs = on_stack;
    size_t limb_count = 0;
    int64_t small = 0;

    if (count <= 18) {
        for (size_t i = 0; i < count; i++)
            small = small * 10 + digit_at(digits, i);
        if (mr_buf_room(buf, 8))
            buf->size = (size_t)(mr_decimal_put_i64(buf->data, digits->negative ? -small : small) -
                                 buf->data);
        return;
    }
    if (count / 9 + 2 > LIMBS_ON_STACK)
        limbs = mr_alloc((count / 9 + 2) * sizeof(*limbs));
    for (size_t i = 0; i < count;) {
        uint32_t chunk = 0, factor = 1;
        for (; i < count && factor < 1000000000; i++, factor *= 10)
            chunk = chunk * 10 + digit_at(digits, i);
        limb_count = multiply_add(limbs, limb_count, factor, chunk);
    }
    put_limbs(limbs, limb_count, digits->negative && limb_count > 0, buf);
    if (limbs != on_stack)
        free(limbs);
}

/* The value as digits; a DECIMAL is printed into room, which must have 32 bytes. */
static bool digits_of(const struct mr_value *value, struct mr_buf *buf, struct digits *ret)
{
    if (value->kind == MR_DECIMAL_TEXT || value->kind == MR_TEXT)
        return parse(mr_value_slice(value), ret);
    return mr_decimal_text(value, buf) && parse(mr_buf_slice(buf), ret);
}

/* value->i at another scale, if that fits an int64. */
static bool rescale(const struct mr_value *value, int32_t scale, int64_t *ret)
{
    int64_t number = value->i;
    int32_t at = value->scale;

    for (; at < scale; at++) {
        if (__builtin_mul_overflow(number, 10, &number))
            return false;
    }
    for (; at > scale && number != 0; at--)
        number /= 10;
    *ret = number;
    return true;
}

bool mr_decimal_bytes(const struct mr_value *value, int32_t scale, struct mr_buf *buf)
{
    struct digits digits;
    struct mr_buf copy;
    int64_t count, number;

    if (value->kind == MR_DECIMAL && rescale(value, scale, &number)) {
        mr_buf_clear(buf);
        if (mr_buf_room(buf, 8))
            buf->size = (size_t)(mr_decimal_put_i64(buf->data, number) - buf->data);
        return true;
    }
    mr_buf_init(&copy, 1 << 20);
    if (!digits_of(value, &copy, &digits)) {
        mr_buf_done(&copy);
        return false;
    }
    mr_buf_clear(buf);
    count = (int64_t)digits.whole_size + scale;
    put_digits(&digits, count > 0 ? (size_t)count : 0, buf);
    mr_buf_done(&copy);
    return true;
}

bool mr_decimal_variable(const struct mr_value *value, int32_t *ret_scale, struct mr_buf *buf)
{
    struct mr_value stripped = *value;
    struct digits digits;

    if (value->kind == MR_DECIMAL) {
        while (stripped.scale > 0 && stripped.i % 10 == 0) {
            stripped.i /= 10;
            stripped.scale--;
        }
        *ret_scale = stripped.scale > 0 ? stripped.scale : 0;
        return mr_decimal_bytes(&stripped, *ret_scale, buf);
    }
    if (!parse(mr_value_slice(value), &digits))
        return false;
    while (digits.fraction_size > 0 && digits.fraction[digits.fraction_size - 1] == '0')
        digits.fraction_size--;
    *ret_scale = (int32_t)digits.fraction_size;
    mr_buf_clear(buf);
    put_digits(&digits, digits.whole_size + digits.fraction_size, buf);
    return true;
}

double mr_decimal_double(const struct mr_value *value, struct mr_buf *buf)
{
    if (value->kind == MR_DECIMAL && value->scale == 0)
        return (double)value->i;
    if (value->kind != MR_DECIMAL_TEXT) {
        mr_decimal_text(value, buf);
        return strtod(mr_buf_cstr(buf), NULL);
    }
    mr_buf_clear(buf);
    mr_buf_add_slice(buf, mr_value_slice(value));
    return buf->failed ? NAN : strtod(mr_buf_cstr(buf), NULL);
}

/* value->i shifted by its scale, as text. */
static void put_scaled(const struct mr_value *value, struct mr_buf *buf)
{
    char text[24];
    const char *at = text;
    size_t size = (size_t)(mr_json_put_i64(text, value->i) - text);
    int32_t scale = value->scale;

    if (*at == '-') {
        mr_buf_add_char(buf, '-');
        at++;
        size--;
    }
    if (scale <= 0) {
        mr_buf_add(buf, at, size);
        for (; scale < 0 && value->i != 0; scale++)
            mr_buf_add_char(buf, '0');
        return;
    }
    if (size <= (size_t)scale)
        mr_buf_add_char(buf, '0');
    else
        mr_buf_add(buf, at, size - (size_t)scale);
    mr_buf_add_char(buf, '.');
    for (size_t zeros = (size_t)scale; zeros > size; zeros--)
        mr_buf_add_char(buf, '0');
    if (size <= (size_t)scale)
        mr_buf_add(buf, at, size);
    else
        mr_buf_add(buf, at + size - (size_t)scale, (size_t)scale);
}

bool mr_decimal_text(const struct mr_value *value, struct mr_buf *buf)
{
    struct digits digits;
    struct mr_slice text = mr_value_slice(value);

    mr_buf_clear(buf);
    if (value->kind == MR_DECIMAL) {
        put_scaled(value, buf);
        return true;
    }
    if (parse(text, &digits)) {
        mr_buf_add_slice(buf, text);
        return true;
    }
    if (mr_slice_is(text, "Infinity"))
        mr_buf_add_str(buf, "POSITIVE_INFINITY");
    else if (mr_slice_is(text, "-Infinity"))
        mr_buf_add_str(buf, "NEGATIVE_INFINITY");
    else
        mr_buf_add_str(buf, "NAN");
    return false;
}
