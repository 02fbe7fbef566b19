// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define LAST_SECOND 253402300799 /* 9999-12-31T23:59:59Z */

static int64_t read_us(clockid_t which)
{
    struct timespec now = { 0 };

    (void)clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_now(void)
{
    return clock_now_us() / 1000000;
}

int64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar; month 1 to 12. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Walks the text; `good` sticks at false. */
struct scan {
    struct span rest;
    bool good;
};

static int take_digits(struct scan *s, size_t count)
{
    int v = 0;

    if (s->rest.len < count)
        s->good = false;
    for (size_t i = 0; s->good && i < count; i++) {
        uint8_t c = s->rest.at[i];
        s->good = c >= '0' && c <= '9';
        v = v * 10 + (c - '0');
    }
    if (!s->good)
        return 0;
    s->rest = span_tail(s->rest, count);
    return v;
}

static char take_any(struct scan *s)
{
    if (!s->good || s->rest.len == 0) {
        s->good = false;
        return 0;
    }
    char c = (char)s->rest.at[0];
    s->rest = span_tail(s->rest, 1);
    return c;
}

static void take_char(struct scan *s, char a, char b)
{
    char c = take_any(s);

    if (c != a && c != b)
        s->good = false;
}

static void drop_fraction(struct scan *s)
{
    if (!s->good || s->rest.len == 0 || s->rest.at[0] != '.')
        return;
    (void)take_any(s);
    (void)take_digits(s, 1);
    while (s->rest.len && s->rest.at[0] >= '0' && s->rest.at[0] <= '9')
        (void)take_any(s);
}

/* Seconds to be taken off. */
static int64_t take_offset(struct scan *s)
{
    char sign = take_any(s);

    if (sign == 'Z' || sign == 'z')
        return 0;
    if (sign != '+' && sign != '-')
        s->good = false;
    int hours = take_digits(s, 2);
    take_char(s, ':', ':');
    int minutes = take_digits(s, 2);
    if (hours > 23 || minutes > 59)
        s->good = false;
    int64_t seconds = hours * 3600 + minutes * 60;
    return sign == '-' ? -seconds : seconds;
}

fallible clock_parse_rfc3339(struct span text, int64_t *out)
{
    struct scan s = { text, true };
    int year = take_digits(&s, 4);
    take_char(&s, '-', '-');
    int month = take_digits(&s, 2);
    take_char(&s, '-', '-');
    int day = take_digits(&s, 2);
    take_char(&s, 'T', 't');
    int hour = take_digits(&s, 2);
    take_char(&s, ':', ':');
    int minute = take_digits(&s, 2);
    take_char(&s, ':', ':');
    int second = take_digits(&s, 2);
    drop_fraction(&s);
    int64_t offset = take_offset(&s);

    if (!s.good || s.rest.len)
        return FAIL(INPUT, "not an RFC 3339 time");
    /* A leap second (60) reads as the second after it. */
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return FAIL(INPUT, "RFC 3339 time that does not exist");
    int64_t at = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    if (at < 0 || at > LAST_SECOND)
        return FAIL(INPUT, "time outside the years 1970 to 9999");
    *out = at;
    return OK;
}

fallible clock_parse(struct span text, int64_t *out)
{
    int64_t v = 0;

    if (text.len == 0 || text.len > 12)
        return clock_parse_rfc3339(text, out);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return clock_parse_rfc3339(text, out);
        v = v * 10 + (text.at[i] - '0');
    }
    if (v > LAST_SECOND)
        return FAIL(INPUT, "time outside the years 1970 to 9999");
    *out = v;
    return OK;
}

/* The inverse of days_of(). */
static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t shifted = days + 719468, era = shifted / 146097, of_era = shifted - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;

    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = y + era * 400 + (*month <= 2);
}

/* Not gmtime_r(): that opens the file of the local time zone. */
char *clock_format(int64_t at, char *out)
{
    int64_t t = at < 0 ? 0 : at > LAST_SECOND ? LAST_SECOND : at, year, month, day;

    date_of(t / 86400, &year, &month, &day);
    (void)snprintf(out, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year,
                   (unsigned)month, (unsigned)day, (unsigned)(t % 86400 / 3600),
                   (unsigned)(t % 3600 / 60), (unsigned)(t % 60));
    return out;
}
