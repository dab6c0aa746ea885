/* Dates and times as text, as java.time prints them: it is Java's text that consumers of Debezium compare.
 *
 * Years have four digits at least: 0000 is 1 BC, -0043 is 44 BC, +20240 has its sign. All functions write at a
 * raw pointer with room for MR_TIME_TEXT bytes and return the new end. */
#pragma once

#include <stdint.h>

#include "model/value.h"

#define MR_TIME_TEXT 64

/* The last day written, so that rows of one day format it once. Zero it before the first use. */
struct mr_day_cache {
    int64_t day;
    int size; /* 0: nothing cached */
    char text[20];
};

/* "2024-02-29" for days since 1970. */
char *mr_time_put_day(char *at, int64_t days);
/* "-838:59:59", "01:02:03" and the fraction: digits > 0 prints exactly so many, 0 and -1 as few as needed (none for
 * .000000). */
char *mr_time_put_clock(char *at, int64_t micros, int digits);
/* A NO_DATE: "2024-00-05", with the time behind it where that is not zero: "2024-02-31 01:02:03". */
char *mr_time_put_parts(char *at, const struct mr_value *value);
/* "2024-02-29T01:02:03.456000Z". */
char *mr_time_put_timestamp(char *at, int64_t micros, int digits, struct mr_day_cache *cache);
/* The day of a year of two digits, 1 to 99, in the years 2001 to 2069 and 1970 to 1999 instead; others as they are.
 * */
int64_t mr_time_long_year(int64_t days);
/* ZonedTime: the clock in UTC, shortest fraction, Z; 24:00:00Z stays when the zone is UTC. */
char *mr_time_put_timetz(char *at, int64_t micros, int32_t zone);
/* Interval: P1Y2M3DT4H5M6.789S with a sign on each part. */
char *mr_time_put_interval(char *at, const struct mr_interval *interval);
/* MicroDuration: a month is 365.25 / 12 days; saturates at the limits of int64, infinity too. */
int64_t mr_time_interval_micros(const struct mr_interval *interval);
