/* The two clocks, and the one place that can hold them still.
 *
 * `installed` is the only state: NULL functions mean the real clock. It is a plain variable, because it changes
 * only in tests and only while there is one thread; a product run never writes it.
 *
 * mr_clock_format does its own calendar arithmetic (days to civil date, after Howard Hinnant's "chrono-compatible
 * low-level date algorithms") instead of gmtime_r: no locale, no time zone files, any int64 year. The year is
 * written with at least four digits and a sign only when it is negative. */
#include "base/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

static struct mr_clock installed;

static int64_t real_ns(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * MR_SECOND_NS + now.tv_nsec;
}

int64_t mr_clock_mono_ns(void)
{
    return installed.mono_ns ? installed.mono_ns(installed.state) : real_ns(CLOCK_MONOTONIC);
}

int64_t mr_clock_wall_us(void)
{
    return installed.wall_us ? installed.wall_us(installed.state) : real_ns(CLOCK_REALTIME) / 1000;
}

void mr_clock_use(const struct mr_clock *clock)
{
    installed = clock ? *clock : (struct mr_clock){0};
}

struct civil {
    long long year;
    int month, day;
};

static struct civil civil_from_days(int64_t days)
{
    int64_t shifted = days + 719468; /* days since 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* March is 0 */

    return (struct civil){
        .year = (long long)(year_of_era + era * 400 + (month >= 10)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

int mr_clock_format(int64_t wall_us, char *ret_text)
{
    const int64_t day_us = 86400 * MR_SECOND_US;
    int64_t rest = wall_us % day_us;
    int64_t days = wall_us / day_us;
    struct civil date;
    int second;

    if (rest < 0) {
        rest += day_us;
        days--;
    }
    date = civil_from_days(days);
    second = (int)(rest / MR_SECOND_US);
    return snprintf(ret_text, 32, "%04lld-%02d-%02dT%02d:%02d:%02d.%06dZ", date.year, date.month,
                    date.day, second / 3600, second / 60 % 60, second % 60,
                    (int)(rest % MR_SECOND_US));
}
