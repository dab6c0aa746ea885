/* Decimals in the forms that events carry them: big-endian two's complement bytes, double, text.
 *
 * Input is a value of kind DECIMAL or DECIMAL_TEXT as model/value.h defines them. The text comes from a database
 * and is still checked: anything but an optional sign, digits and one point is "not a number" here. */
#pragma once

#include "base/buf.h"
#include "model/value.h"

/* The shortest two's complement bytes of an int64, 1 to 8 of them; returns the new end. */
char *mr_decimal_put_i64(char *at, int64_t value);

/* The bytes of the unscaled value at `scale` (may be negative), into buf, which is cleared first. False for NaN,
 * infinities and text that is no number. Digits below the scale are cut. */
bool mr_decimal_bytes(const struct mr_value *value, int32_t scale, struct mr_buf *buf);

/* As above at the value's own scale without trailing zeros of the fraction (never negative). */
bool mr_decimal_variable(const struct mr_value *value, int32_t *ret_scale, struct mr_buf *buf);

/* NaN and infinities included; 0 for text that is no number. buf is scratch. */
double mr_decimal_double(const struct mr_value *value, struct mr_buf *buf);

/* Plain notation, "-0.0100"; into buf, which is cleared first. False for NaN and infinities, whose Debezium
 * names (NAN, POSITIVE_INFINITY, NEGATIVE_INFINITY) are in buf all the same. */
bool mr_decimal_text(const struct mr_value *value, struct mr_buf *buf);
