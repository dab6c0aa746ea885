/* Calendar arithmetic and text forms, proleptic Gregorian throughout.
 *
 * Days are turned into year, month, day by eras of 400 years of 146097 days, counted from 0000-03-01, so that
 * the leap day is the last day of its year and no table is needed. One timestamp costs two divisions by
 * 86400000000 and, when the day is the cached one, a copy of its text.
 *
 *     micros since 1970  --floor-->  day | micros of day
 *     2024-02-29T11:14:15.120000Z        digits 6: as many as the column declares, padded
 *     11:14:15.12Z                       digits -1: shortest
 *
 * Infinities are the caller's: each target type has its own way to say them. */
#include "schema/form/timetext.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"

#define DAY_US (86400 * MR_SECOND_US)

static char *put_padded(char *at, uint64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + width;
}

static char *put_year(char *at, int64_t year)
{
    uint64_t size = (uint64_t)llabs(year);

    if (year < 0)
        *at++ = '-';
    else if (year > 9999)
        *at++ = '+';
    return size > 9999 ? mr_json_put_u64(at, size) : put_padded(at, size, 4);
}

char *mr_time_put_day(char *at, int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;

    month += month < 10 ? 3 : -9;
    at = put_year(at, year_of_era + era * 400 + (month <= 2));
    *at++ = '-';
    at = put_padded(at, (uint64_t)month, 2);
    *at++ = '-';
    return put_padded(at, (uint64_t)day, 2);
}

/* 0 digits print none of what has none, and the shortest fraction of a default that has one: as Debezium does. */
static char *put_fraction(char *at, int64_t micros, int digits)
{
    int width = digits <= 0 ? 6 : digits;

    if (digits <= 0 && micros == 0)
        return at;
    for (int i = 6; i > width; i--)
        micros /= 10;
    while (digits <= 0 && micros % 10 == 0) {
        micros /= 10;
        width--;
    }
    *at++ = '.';
    return put_padded(at, (uint64_t)micros, width);
}

char *mr_time_put_clock(char *at, int64_t micros, int digits)
{
    int64_t seconds;

    if (micros < 0) {
        *at++ = '-';
        micros = -micros;
    }
    seconds = micros / MR_SECOND_US;
    at = put_padded(at, (uint64_t)(seconds / 3600), seconds < 100 * 3600 ? 2 : 3);
    *at++ = ':';
    at = put_padded(at, (uint64_t)(seconds / 60 % 60), 2);
    *at++ = ':';
    at = put_padded(at, (uint64_t)(seconds % 60), 2);
    return put_fraction(at, micros % MR_SECOND_US, digits);
}

char *mr_time_put_parts(char *at, const struct mr_value *value)
{
    struct mr_parts parts = mr_parts_of(value);

    at = put_padded(at, parts.year, 4);
    *at++ = '-';
    at = put_padded(at, parts.month, 2);
    *at++ = '-';
    at = put_padded(at, parts.day, 2);
    if (parts.hour + parts.minute + parts.second + parts.micros == 0)
        return at;
    *at++ = ' ';
    return mr_time_put_clock(at,
                             (int64_t)((parts.hour * 60 + parts.minute) * 60 + parts.second) *
                                     MR_SECOND_US +
                                 parts.micros,
                             -1);
}

char *mr_time_put_timestamp(char *at, int64_t micros, int digits, struct mr_day_cache *cache)
{
    int64_t day = micros / DAY_US;
    int64_t rest = micros % DAY_US;

    if (rest < 0) {
        rest += DAY_US;
        day--;
    }
    if (cache->size == 0 || cache->day != day) {
        cache->size = (int)(mr_time_put_day(cache->text, day) - cache->text);
        cache->day = day;
    }
    memcpy(at, cache->text, (size_t)cache->size);
    at += cache->size;
    *at++ = 'T';
    at = mr_time_put_clock(at, rest, digits);
    *at++ = 'Z';
    return at;
}

int64_t mr_time_long_year(int64_t days)
{
    enum { YEAR_1 = -719162, YEAR_70 = -693960, YEAR_100 = -683003 }; /* their first days */
    enum { YEARS_2000 = 730485, YEARS_1900 = 693960 };

    if (days < YEAR_1 || days >= YEAR_100)
        return days;
    return days + (days < YEAR_70 ? YEARS_2000 : YEARS_1900);
}

char *mr_time_put_timetz(char *at, int64_t micros, int32_t zone)
{
    if (zone != 0) {
        micros = (micros - zone * MR_SECOND_US) % DAY_US;
        if (micros < 0)
            micros += DAY_US;
    }
    at = mr_time_put_clock(at, micros, -1);
    *at++ = 'Z';
    return at;
}

static char *put_part(char *at, int64_t value, char unit)
{
    at = mr_json_put_i64(at, value);
    *at++ = unit;
    return at;
}

static bool infinite(const struct mr_interval *interval, bool *ret_negative)
{
    *ret_negative = interval->months == INT32_MIN;
    return (interval->months == INT32_MAX && interval->days == INT32_MAX &&
            interval->micros == INT64_MAX) ||
           (interval->months == INT32_MIN && interval->days == INT32_MIN &&
            interval->micros == INT64_MIN);
}

char *mr_time_put_interval(char *at, const struct mr_interval *interval)
{
    int64_t micros = interval->micros;
    bool negative;

    if (infinite(interval, &negative)) {
        const char *text = negative ? "-infinity" : "infinity";
        memcpy(at, text, strlen(text));
        return at + strlen(text);
    }
    *at++ = 'P';
    at = put_part(at, interval->months / 12, 'Y');
    at = put_part(at, interval->months % 12, 'M');
    at = put_part(at, interval->days, 'D');
    *at++ = 'T';
    at = put_part(at, micros / (3600 * MR_SECOND_US), 'H');
    at = put_part(at, micros / (60 * MR_SECOND_US) % 60, 'M');
    micros %= 60 * MR_SECOND_US;
    if (micros < 0)
        *at++ = '-';
    at = mr_json_put_i64(at, llabs(micros / MR_SECOND_US));
    at = put_fraction(at, llabs(micros % MR_SECOND_US), -1);
    *at++ = 'S';
    return at;
}

int64_t mr_time_interval_micros(const struct mr_interval *interval)
{
    const int64_t month_us = 2629800 * MR_SECOND_US; /* 365.25 days / 12 */
    bool negative;
    __int128 sum;

    if (infinite(interval, &negative))
        return negative ? INT64_MIN : INT64_MAX;
    sum = (__int128)interval->months * month_us + (__int128)interval->days * DAY_US +
          interval->micros;
    if (sum > INT64_MAX)
        return INT64_MAX;
    return sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}
