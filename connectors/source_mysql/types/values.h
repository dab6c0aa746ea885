/* One decoder per kind of value, by file; reader.c chooses among them. Each gives false for bytes that are no such
 * value (*ret_value is then undefined) and keeps no state. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "model/value.h"

/* decimal.c. NEWDECIMAL: big-endian groups of nine digits. */
bool mr_my_decimal(struct mr_arena *arena, unsigned precision, unsigned scale,
                   struct mr_slice bytes, struct mr_value *ret_value);
/* Its text, at most MR_MY_DECIMAL_TEXT - 1 bytes; 0: the bytes are no such number. */
#define MR_MY_DECIMAL_TEXT 80
size_t mr_my_decimal_print(unsigned precision, unsigned scale, struct mr_slice bytes,
                           char *ret_text);
bool mr_my_decimal_text(struct mr_slice text, struct mr_value *ret_value);

/* time.c. `digits` of the fraction. */
bool mr_my_date(struct mr_slice bytes, struct mr_value *ret_value);
bool mr_my_time(struct mr_slice bytes, struct mr_value *ret_value);
bool mr_my_time2(unsigned digits, struct mr_slice bytes, struct mr_value *ret_value);
bool mr_my_datetime(struct mr_slice bytes, struct mr_value *ret_value);
bool mr_my_datetime2(unsigned digits, struct mr_slice bytes, struct mr_value *ret_value);
bool mr_my_timestamp(struct mr_slice bytes, struct mr_value *ret_value);
bool mr_my_timestamp2(unsigned digits, struct mr_slice bytes, struct mr_value *ret_value);
/* "2024-02-29", "-838:59:59.5", "2024-02-29 12:34:56.789" */
bool mr_my_date_text(struct mr_slice text, struct mr_value *ret_value);
bool mr_my_time_text(struct mr_slice text, struct mr_value *ret_value);
bool mr_my_datetime_text(struct mr_slice text, struct mr_value *ret_value);
/* A day number, or MR_NO_DATE where the calendar has no such day; micros of the day for a DATETIME, -1 for a DATE. */
bool mr_my_calendar(unsigned year, unsigned month, unsigned day, int64_t micros,
                    struct mr_value *ret_value);

/* shape.c */
bool mr_my_bits(uint32_t bits, struct mr_slice bytes, struct mr_value *ret_value);
bool mr_my_geometry(struct mr_arena *arena, struct mr_slice bytes, struct mr_value *ret_value);
bool mr_my_vector(struct mr_arena *arena, struct mr_slice bytes, struct mr_value *ret_value);
bool mr_my_inet(struct mr_arena *arena, bool six, struct mr_slice bytes,
                struct mr_value *ret_value);
bool mr_my_uuid(struct mr_arena *arena, struct mr_slice bytes, struct mr_value *ret_value);
