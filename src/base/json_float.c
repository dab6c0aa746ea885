/* Floating point numbers as the shortest text that reads back equal.
 *
 * Three steps, each tried only when the one before has no answer:
 *   1. integers below 10^15: written as integers, with ".0";
 *   2. the digits that printf gives with the fewest places that read back equal. For a normal double 15 places
 *      are tried first: if they read back, their trailing zeros are dropped and nothing shorter can differ,
 *      because every decimal of up to 15 digits survives the way through a double; subnormals have fewer true
 *      digits, so for them the search begins at one;
 *   3. the digits are laid out as Python's repr does: an exponent below -4 or from 16 on, else a point.
 *
 * Only digits and the exponent are taken from printf's text, never its decimal point, so no locale matters. */
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 0.d1d2d3... * 10^point */
struct decimal {
    char digits[20];
    int count, point;
};

/* Takes apart what "%.*e" wrote: d.ddde[+-]dd. */
static void take_apart(const char *text, struct decimal *ret_decimal)
{
    int count = 0;

    for (; *text != 'e'; text++)
        if (*text >= '0' && *text <= '9')
            ret_decimal->digits[count++] = *text;
    while (count > 1 && ret_decimal->digits[count - 1] == '0')
        count--;
    ret_decimal->count = count;
    ret_decimal->point = atoi(text + 1) + 1;
}

static void shortest_f64(double value, struct decimal *ret_decimal)
{
    char text[40];

    for (int places = value < DBL_MIN ? 1 : 15; places <= 17; places++) {
        snprintf(text, sizeof text, "%.*e", places - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    take_apart(text, ret_decimal);
}

static void shortest_f32(float value, struct decimal *ret_decimal)
{
    char text[40];

    for (int places = value < FLT_MIN ? 1 : 6; places <= 9; places++) {
        snprintf(text, sizeof text, "%.*e", places - 1, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    take_apart(text, ret_decimal);
}

static char *put_exponent(char *at, const struct decimal *decimal)
{
    int exponent = decimal->point - 1;

    *at++ = decimal->digits[0];
    if (decimal->count > 1) {
        *at++ = '.';
        memcpy(at, decimal->digits + 1, (size_t)decimal->count - 1);
        at += decimal->count - 1;
    }
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    exponent = exponent < 0 ? -exponent : exponent;
    if (exponent < 10)
        *at++ = '0';
    return mr_json_put_u64(at, (uint64_t)exponent);
}

static char *put_decimal(char *at, const struct decimal *decimal)
{
    int count = decimal->count, point = decimal->point;

    if (point < -3 || point > 16)
        return put_exponent(at, decimal);
    if (point <= 0) {
        *at++ = '0';
        *at++ = '.';
        for (; point < 0; point++)
            *at++ = '0';
        memcpy(at, decimal->digits, (size_t)count);
        return at + count;
    }
    for (int i = 0; i < point; i++)
        *at++ = i < count ? decimal->digits[i] : '0';
    *at++ = '.';
    if (count <= point) {
        *at++ = '0';
        return at;
    }
    memcpy(at, decimal->digits + point, (size_t)(count - point));
    return at + (count - point);
}

static char *put_special(char *at, double value)
{
    const char *text = isnan(value) ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
    size_t size = strlen(text);

    memcpy(at, text, size);
    return at + size;
}

/* Sign, special values and small integers; NULL when digits are needed. *at moves past a sign. */
static char *put_simple(char **at, double value)
{
    char *end;

    if (!isfinite(value))
        return put_special(*at, value);
    if (signbit(value)) {
        *(*at)++ = '-';
        value = -value;
    }
    if (value >= 1e15 || value != (double)(int64_t)value)
        return NULL;
    end = mr_json_put_u64(*at, (uint64_t)value);
    memcpy(end, ".0", 2);
    return end + 2;
}

char *mr_json_put_f64(char *at, double value)
{
    struct decimal decimal;
    char *end = put_simple(&at, value);

    if (end)
        return end;
    shortest_f64(fabs(value), &decimal);
    return put_decimal(at, &decimal);
}

char *mr_json_put_f32(char *at, float value)
{
    struct decimal decimal;
    char *end;

    /* Above 2^24 a float's integer value is not its shortest text: 16777217.0 would claim too many digits. */
    if (isfinite(value) && fabsf(value) >= 16777216.0F) {
        if (signbit(value))
            *at++ = '-';
        shortest_f32(fabsf(value), &decimal);
        return put_decimal(at, &decimal);
    }
    end = put_simple(&at, (double)value);
    if (end)
        return end;
    shortest_f32(fabsf(value), &decimal);
    return put_decimal(at, &decimal);
}
