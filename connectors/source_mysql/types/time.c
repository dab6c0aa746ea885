/* DATE, TIME, DATETIME, TIMESTAMP: the log's coding, today's and the one before 5.6, and their text.
 *
 *     DATE        3 bytes, lowest first: day 5 bits, month 4, year 15
 *     TIME2       3 bytes - 0x800000, highest first: sign, 1 unused, hour 10, minute 6, second 6 bits; + fraction
 *     DATETIME2   5 bytes - 2^39: year * 13 + month 17 bits, day 5, hour 5, minute 6, second 6; + fraction
 *     TIMESTAMP2  4 bytes, highest first, unsigned seconds since 1970; + fraction
 *     fraction    1, 2 or 3 bytes, in units of 1/100, 1/10000, 1/1000000
 *     before 5.6  TIMESTAMP u32, DATETIME u64 YYYYMMDDhhmmss, TIME 3 bytes hhhmmss (signed), lowest first
 *
 * A negative TIME2 is the whole number of seconds and fraction below zero, as one signed number:
 * 7fffffff with two digits is -1 in units of 2^-8 that count as 1/100: -00:00:00.01.
 *
 * Dates that no calendar has (a month or day of 0, the 31st of February) are stored as such, and given on as
 * MR_NO_DATE. A timestamp of 0 is the zero date: the server has no second 0. */
#include "connectors/source_mysql/types/values.h"

#include "base/cursor.h"

#define DAY_US    86400000000LL
#define SECOND_US 1000000LL

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

static int64_t day_number(unsigned year, unsigned month, unsigned day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool mr_my_calendar(unsigned year, unsigned month, unsigned day, int64_t micros,
                    struct mr_value *ret_value)
{
    if (year > 9999 || month > 12 || day > 31 || micros >= DAY_US)
        return false;
    if (month == 0 || day == 0 || year == 0 || day > days_of_month(year, month)) {
        uint32_t second = micros < 0 ? 0 : (uint32_t)(micros / SECOND_US);
        struct mr_parts parts = {.year = year,
                                 .month = month,
                                 .day = day,
                                 .hour = second / 3600,
                                 .minute = second / 60 % 60,
                                 .second = second % 60,
                                 .micros = micros < 0 ? 0 : (uint32_t)(micros % SECOND_US)};
        *ret_value = (struct mr_value){.kind = MR_NO_DATE, .i = mr_parts_pack(parts)};
        return true;
    }
    if (micros < 0)
        *ret_value = (struct mr_value){.kind = MR_DATE, .i = day_number(year, month, day)};
    else
        *ret_value = (struct mr_value){.kind = MR_TIMESTAMP,
                                       .i = day_number(year, month, day) * DAY_US + micros};
    return true;
}

/* Micros of a time of day; -1 when it is none. */
static int64_t clock_us(uint64_t hour, uint64_t minute, uint64_t second, int64_t fraction)
{
    if (hour > 23 || minute > 59 || second > 59 || fraction >= SECOND_US)
        return -1;
    return (int64_t)((hour * 60 + minute) * 60 + second) * SECOND_US + fraction;
}

static bool span(bool negative, uint64_t hours, uint64_t minutes, uint64_t seconds,
                 int64_t fraction, struct mr_value *ret_value)
{
    int64_t us;

    if (hours > 838 || minutes > 59 || seconds > 59 || fraction >= SECOND_US)
        return false;
    us = (int64_t)((hours * 60 + minutes) * 60 + seconds) * SECOND_US + fraction;
    *ret_value = (struct mr_value){.kind = MR_TIME, .i = negative ? -us : us};
    return true;
}

static uint64_t big_endian(struct mr_slice bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes.size; i++)
        number = number << 8 | (uint8_t)bytes.data[i];
    return number;
}

static uint64_t little_endian(struct mr_slice bytes)
{
    struct mr_cur cur = mr_cur(bytes);

    return mr_cur_le(&cur, bytes.size);
}

/* Of a fraction in its unit. */
static int64_t fraction_us(unsigned digits, uint64_t units)
{
    static const int64_t unit[] = {0, 10000, 10000, 100, 100, 1, 1};

    return (int64_t)units * unit[digits];
}

bool mr_my_date(struct mr_slice bytes, struct mr_value *ret_value)
{
    uint64_t bits;

    if (bytes.size != 3)
        return false;
    bits = little_endian(bytes);
    return mr_my_calendar((unsigned)(bits >> 9), (unsigned)(bits >> 5 & 15), (unsigned)(bits & 31),
                          -1, ret_value);
}

bool mr_my_time(struct mr_slice bytes, struct mr_value *ret_value)
{
    int32_t number;

    if (bytes.size != 3)
        return false;
    number = (int32_t)(little_endian(bytes) << 8) >> 8;
    if (number < 0)
        return span(true, (uint64_t)-number / 10000, (uint64_t)-number / 100 % 100,
                    (uint64_t)-number % 100, 0, ret_value);
    return span(false, (uint64_t)number / 10000, (uint64_t)number / 100 % 100,
                (uint64_t)number % 100, 0, ret_value);
}

bool mr_my_time2(unsigned digits, struct mr_slice bytes, struct mr_value *ret_value)
{
    unsigned shift = digits > 6 ? 0 : (digits + 1) / 2 * 8;
    int64_t number;
    uint64_t whole;

    if (digits > 6 || bytes.size != 3 + shift / 8)
        return false;
    number = (int64_t)big_endian(bytes) - (INT64_C(0x800000) << shift);
    whole = (uint64_t)(number < 0 ? -number : number);
    return span(number < 0, whole >> shift >> 12 & 0x3ff, whole >> shift >> 6 & 63,
                whole >> shift & 63, fraction_us(digits, whole & ((1ULL << shift) - 1)), ret_value);
}

bool mr_my_datetime(struct mr_slice bytes, struct mr_value *ret_value)
{
    uint64_t date, time;
    int64_t us;

    if (bytes.size != 8)
        return false;
    date = little_endian(bytes) / 1000000;
    time = little_endian(bytes) % 1000000;
    us = clock_us(time / 10000, time / 100 % 100, time % 100, 0);
    return us >= 0 && date <= 99991231 &&
           mr_my_calendar((unsigned)(date / 10000), (unsigned)(date / 100 % 100),
                          (unsigned)(date % 100), us, ret_value);
}

bool mr_my_datetime2(unsigned digits, struct mr_slice bytes, struct mr_value *ret_value)
{
    unsigned shift = digits > 6 ? 0 : (digits + 1) / 2 * 8;
    uint64_t number, whole, months;
    int64_t us;

    if (digits > 6 || bytes.size != 5 + shift / 8)
        return false;
    number = big_endian(bytes);
    whole = number >> shift;
    if (whole < 0x8000000000ULL)
        return false;
    whole -= 0x8000000000ULL;
    months = whole >> 22;
    us = clock_us(whole >> 12 & 31, whole >> 6 & 63, whole & 63,
                  fraction_us(digits, number & ((1ULL << shift) - 1)));
    return us >= 0 && mr_my_calendar((unsigned)(months / 13), (unsigned)(months % 13),
                                     (unsigned)(whole >> 17 & 31), us, ret_value);
}

static bool instant(uint64_t seconds, int64_t fraction, struct mr_value *ret_value)
{
    if (seconds == 0 && fraction == 0) {
        *ret_value = (struct mr_value){.kind = MR_NO_DATE};
        return true;
    }
    *ret_value =
        (struct mr_value){.kind = MR_TIMESTAMP, .i = (int64_t)seconds * SECOND_US + fraction};
    return fraction < SECOND_US;
}

bool mr_my_timestamp(struct mr_slice bytes, struct mr_value *ret_value)
{
    return bytes.size == 4 && instant(little_endian(bytes), 0, ret_value);
}

bool mr_my_timestamp2(unsigned digits, struct mr_slice bytes, struct mr_value *ret_value)
{
    unsigned shift = digits > 6 ? 0 : (digits + 1) / 2 * 8;
    uint64_t number;

    if (digits > 6 || bytes.size != 4 + shift / 8)
        return false;
    number = big_endian(bytes);
    return instant(number >> shift, fraction_us(digits, number & ((1ULL << shift) - 1)), ret_value);
}

/* Text. */
struct scan {
    const char *at, *end;
    bool failed;
};

static uint64_t number(struct scan *scan, unsigned least, unsigned most)
{
    uint64_t value = 0;
    unsigned count = 0;

    while (scan->at < scan->end && count < most && *scan->at >= '0' && *scan->at <= '9') {
        value = value * 10 + (uint64_t)(*scan->at++ - '0');
        count++;
    }
    scan->failed |= count < least;
    return value;
}

static void expect(struct scan *scan, char c)
{
    if (scan->at < scan->end && *scan->at == c)
        scan->at++;
    else
        scan->failed = true;
}

static int64_t fraction(struct scan *scan)
{
    int64_t us = 0;

    if (scan->at == scan->end)
        return 0;
    expect(scan, '.');
    for (int64_t unit = 100000; unit > 0 && scan->at < scan->end; unit /= 10)
        us += unit * (int64_t)number(scan, 1, 1);
    return us;
}

static bool whole(const struct scan *scan)
{
    return !scan->failed && scan->at == scan->end;
}

bool mr_my_date_text(struct mr_slice text, struct mr_value *ret_value)
{
    struct scan scan = {text.data, text.data + text.size, false};
    uint64_t year = number(&scan, 4, 4), month, day;

    expect(&scan, '-');
    month = number(&scan, 2, 2);
    expect(&scan, '-');
    day = number(&scan, 2, 2);
    return whole(&scan) &&
           mr_my_calendar((unsigned)year, (unsigned)month, (unsigned)day, -1, ret_value);
}

bool mr_my_time_text(struct mr_slice text, struct mr_value *ret_value)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    struct scan scan = {text.data + negative, text.data + text.size, false};
    uint64_t hours = number(&scan, 2, 3), minutes, seconds;
    int64_t us;

    expect(&scan, ':');
    minutes = number(&scan, 2, 2);
    expect(&scan, ':');
    seconds = number(&scan, 2, 2);
    us = fraction(&scan);
    return whole(&scan) && span(negative, hours, minutes, seconds, us, ret_value);
}

bool mr_my_datetime_text(struct mr_slice text, struct mr_value *ret_value)
{
    struct scan scan = {text.data, text.data + text.size, false};
    uint64_t year = number(&scan, 4, 4), month, day, hour, minute, second;
    int64_t us;

    expect(&scan, '-');
    month = number(&scan, 2, 2);
    expect(&scan, '-');
    day = number(&scan, 2, 2);
    expect(&scan, ' ');
    hour = number(&scan, 2, 2);
    expect(&scan, ':');
    minute = number(&scan, 2, 2);
    expect(&scan, ':');
    second = number(&scan, 2, 2);
    us = clock_us(hour, minute, second, fraction(&scan));
    return whole(&scan) && us >= 0 &&
           mr_my_calendar((unsigned)year, (unsigned)month, (unsigned)day, us, ret_value);
}
