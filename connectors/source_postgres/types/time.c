/* date, time, timestamp, interval: PostgreSQL's clock to ours.
 *
 * Binary forms count from 2000-01-01: date in days, timestamps in microseconds, with the largest and smallest
 * number for the infinities. Text is ISO under the pinned session (datestyle=ISO, intervalstyle=postgres,
 * timezone=UTC):
 *
 *     2024-02-29        0044-03-15 BC        12024-01-01        infinity
 *     11:14:15.123456   24:00:00             11:14:15+02        11:14:15.5-03:30:15
 *     2024-02-29 11:14:15.123456+00          0044-03-15 10:00:00+00 BC
 *     1 year 2 mons -3 days +04:05:06.789    -1 mons             00:00:00
 *
 * Years are proleptic Gregorian; 1 BC is year 0. Nothing here looks at time zones' rules: what the server sends
 * with an offset is moved by exactly that offset. */
#include "connectors/source_postgres/types/decode.h"

#include "base/cursor.h"
#include "connectors/source_postgres/wire/pgoutput.h"

#define DAY_US 86400000000LL

int64_t mr_pg_days(int64_t year, unsigned month, unsigned day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned of_era = (unsigned)(y - era * 400);
    unsigned of_year = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
    unsigned day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;

    return era * 146097 + (int64_t)day_of_era - 719468;
}

/* Walks over text; a step that does not fit sets failed, as a cursor does. */
struct scan {
    const char *at, *end;
    bool failed;
};

static bool accept(struct scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

static int64_t digits(struct scan *scan, int least, int most)
{
    int64_t number = 0;
    int count = 0;

    while (scan->at < scan->end && count < most && *scan->at >= '0' && *scan->at <= '9') {
        number = number * 10 + (*scan->at++ - '0');
        count++;
    }
    if (count < least)
        scan->failed = true;
    return number;
}

static void expect(struct scan *scan, char c)
{
    if (!accept(scan, c))
        scan->failed = true;
}

static bool rest_is(const struct scan *scan, const char *text)
{
    return mr_slice_is(mr_slice(scan->at, (size_t)(scan->end - scan->at)), text);
}

static int64_t fraction(struct scan *scan)
{
    int64_t micros = 0;

    if (!accept(scan, '.'))
        return 0;
    for (int64_t unit = 100000; unit > 0; unit /= 10) {
        if (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
            micros += unit * (*scan->at++ - '0');
    }
    return micros;
}

/* Hours may have more than two digits in an interval. */
static int64_t clock_micros(struct scan *scan, int hour_digits)
{
    int64_t hours = digits(scan, 2, hour_digits), minutes, seconds;

    expect(scan, ':');
    minutes = digits(scan, 2, 2);
    expect(scan, ':');
    seconds = digits(scan, 2, 2);
    return ((hours * 60 + minutes) * 60 + seconds) * 1000000 + fraction(scan);
}

/* "+02", "-03:30", "+00:00:15": seconds east of UTC. */
static int32_t zone(struct scan *scan)
{
    bool west = accept(scan, '-');
    int64_t seconds;

    if (!west)
        expect(scan, '+');
    seconds = digits(scan, 2, 2) * 3600;
    if (accept(scan, ':'))
        seconds += digits(scan, 2, 2) * 60;
    if (accept(scan, ':'))
        seconds += digits(scan, 2, 2);
    return (int32_t)(west ? -seconds : seconds);
}

struct date {
    int64_t year;
    unsigned month, day;
};

static struct date date(struct scan *scan)
{
    struct date parts;

    parts.year = digits(scan, 4, 7);
    expect(scan, '-');
    parts.month = (unsigned)digits(scan, 2, 2);
    expect(scan, '-');
    parts.day = (unsigned)digits(scan, 2, 2);
    if (parts.month < 1 || parts.month > 12 || parts.day < 1 || parts.day > 31)
        scan->failed = true;
    return parts;
}

/* Era and end of text: the last thing in a date or timestamp. */
static int64_t finish_days(struct scan *scan, struct date parts)
{
    if (rest_is(scan, " BC")) {
        scan->at = scan->end;
        parts.year = 1 - parts.year;
    }
    if (scan->at != scan->end)
        scan->failed = true;
    return scan->failed ? 0 : mr_pg_days(parts.year, parts.month, parts.day);
}

static bool infinite(struct mr_slice bytes, enum mr_kind kind, struct mr_value *ret_value)
{
    bool negative = mr_slice_is(bytes, "-infinity");

    *ret_value = (struct mr_value){.kind = (uint8_t)kind,
                                   .i = negative ? MR_TIME_NEG_INFINITY : MR_TIME_INFINITY};
    return negative || mr_slice_is(bytes, "infinity");
}

static struct scan scan_of(struct mr_slice bytes)
{
    return (struct scan){bytes.data, bytes.data + bytes.size, false};
}

MR_PG_DECODE(mr_pg_date_text)
{
    struct scan scan = scan_of(bytes);
    struct date parts;

    (void)arena, (void)type;
    if (infinite(bytes, MR_DATE, ret_value))
        return true;
    parts = date(&scan);
    *ret_value = (struct mr_value){.kind = MR_DATE, .i = finish_days(&scan, parts)};
    return !scan.failed;
}

MR_PG_DECODE(mr_pg_date_binary)
{
    struct mr_cur cur = mr_cur(bytes);
    int32_t days = (int32_t)mr_cur_be32(&cur);

    (void)arena, (void)type;
    *ret_value = (struct mr_value){.kind = MR_DATE, .i = (int64_t)days + MR_PG_EPOCH_DAYS};
    if (days == INT32_MAX)
        ret_value->i = MR_TIME_INFINITY;
    if (days == INT32_MIN)
        ret_value->i = MR_TIME_NEG_INFINITY;
    return bytes.size == 4;
}

MR_PG_DECODE(mr_pg_time_text)
{
    struct scan scan = scan_of(bytes);

    (void)arena, (void)type;
    *ret_value = (struct mr_value){.kind = MR_TIME, .i = clock_micros(&scan, 2)};
    return !scan.failed && scan.at == scan.end && ret_value->i <= DAY_US;
}

MR_PG_DECODE(mr_pg_time_binary)
{
    struct mr_cur cur = mr_cur(bytes);

    (void)arena, (void)type;
    *ret_value = (struct mr_value){.kind = MR_TIME, .i = (int64_t)mr_cur_be64(&cur)};
    return bytes.size == 8 && ret_value->i >= 0 && ret_value->i <= DAY_US;
}

MR_PG_DECODE(mr_pg_timetz_text)
{
    struct scan scan = scan_of(bytes);

    (void)arena, (void)type;
    *ret_value = (struct mr_value){.kind = MR_TIMETZ, .i = clock_micros(&scan, 2)};
    ret_value->zone = zone(&scan);
    return !scan.failed && scan.at == scan.end && ret_value->i <= DAY_US;
}

/* The wire counts the zone in seconds west. */
MR_PG_DECODE(mr_pg_timetz_binary)
{
    struct mr_cur cur = mr_cur(bytes);
    int32_t west;

    (void)arena, (void)type;
    *ret_value = (struct mr_value){.kind = MR_TIMETZ, .i = (int64_t)mr_cur_be64(&cur)};
    west = (int32_t)mr_cur_be32(&cur);
    ret_value->zone = west == INT32_MIN ? 0 : -west;
    return bytes.size == 12 && ret_value->i >= 0 && ret_value->i <= DAY_US;
}

/* The last 29 years of PostgreSQL's range (from 294247) lie beyond int64 microseconds since 1970: they become the
 * last moment that is not infinity. */
static int64_t saturate(__int128 micros)
{
    return micros < MR_TIME_INFINITY ? (int64_t)micros : MR_TIME_INFINITY - 1;
}

/* timestamp and timestamptz: the same but for an offset. */
MR_PG_DECODE(mr_pg_timestamp_text)
{
    struct scan scan = scan_of(bytes);
    struct date parts;
    int64_t micros, days;
    int32_t east = 0;

    (void)arena, (void)type;
    if (infinite(bytes, MR_TIMESTAMP, ret_value))
        return true;
    parts = date(&scan);
    expect(&scan, ' ');
    micros = clock_micros(&scan, 2);
    if (scan.at < scan.end && (*scan.at == '+' || *scan.at == '-'))
        east = zone(&scan);
    days = finish_days(&scan, parts);
    micros -= (int64_t)east * 1000000;
    *ret_value =
        (struct mr_value){.kind = MR_TIMESTAMP, .i = saturate((__int128)days * DAY_US + micros)};
    return !scan.failed;
}

MR_PG_DECODE(mr_pg_timestamp_binary)
{
    struct mr_cur cur = mr_cur(bytes);
    int64_t micros = (int64_t)mr_cur_be64(&cur);

    (void)arena, (void)type;
    *ret_value = (struct mr_value){.kind = MR_TIMESTAMP, .i = micros};
    if (bytes.size != 8)
        return false;
    if (micros == INT64_MAX || micros == INT64_MIN)
        return true;
    ret_value->i = saturate((__int128)micros + MR_PG_EPOCH_US);
    return true;
}

static bool set_interval(struct mr_arena *arena, struct mr_interval parts,
                         struct mr_value *ret_value)
{
    struct mr_interval *interval = MR_ARENA_NEW(arena, struct mr_interval);

    *interval = parts;
    *ret_value = (struct mr_value){.kind = MR_INTERVAL, .interval = interval};
    return true;
}

MR_PG_DECODE(mr_pg_interval_binary)
{
    struct mr_cur cur = mr_cur(bytes);
    struct mr_interval parts;

    (void)type;
    parts.micros = (int64_t)mr_cur_be64(&cur);
    parts.days = (int32_t)mr_cur_be32(&cur);
    parts.months = (int32_t)mr_cur_be32(&cur);
    return bytes.size == 16 && set_interval(arena, parts, ret_value);
}

static bool accept_word(struct scan *scan, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return false;
    scan->at += size;
    (void)accept(scan, 's');
    return true;
}

/* One element: "-3 days" or "+04:05:06.789". */
static void interval_part(struct scan *scan, struct mr_interval *parts)
{
    bool negative = accept(scan, '-');
    const char *start;
    int64_t number;

    if (!negative)
        (void)accept(scan, '+');
    start = scan->at;
    number = digits(scan, 1, 10);
    if (scan->at < scan->end && *scan->at == ':') {
        scan->at = start;
        number = clock_micros(scan, 10);
        parts->micros = negative ? -number : number;
        return;
    }
    expect(scan, ' ');
    if (negative)
        number = -number;
    if (accept_word(scan, "year"))
        parts->months = (int32_t)(parts->months + number * 12);
    else if (accept_word(scan, "mon"))
        parts->months = (int32_t)(parts->months + number);
    else if (accept_word(scan, "day"))
        parts->days = (int32_t)number;
    else
        scan->failed = true;
}

MR_PG_DECODE(mr_pg_interval_text)
{
    struct scan scan = scan_of(bytes);
    struct mr_interval parts = {0};

    (void)type;
    if (mr_slice_is(bytes, "infinity"))
        return set_interval(arena, (struct mr_interval){INT32_MAX, INT32_MAX, INT64_MAX},
                            ret_value);
    if (mr_slice_is(bytes, "-infinity"))
        return set_interval(arena, (struct mr_interval){INT32_MIN, INT32_MIN, INT64_MIN},
                            ret_value);
    if (bytes.size == 0)
        return false;
    while (scan.at < scan.end && !scan.failed) {
        interval_part(&scan, &parts);
        (void)accept(&scan, ' ');
    }
    return !scan.failed && set_interval(arena, parts, ret_value);
}
