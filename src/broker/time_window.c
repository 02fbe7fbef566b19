// SPDX-License-Identifier: Apache-2.0
#include "broker/time_window.h"

#include "base/clock.h"

#define HOURS_MAX 64
#define DAY_MINUTES 1440U
#define EPOCH_WEEKDAY 3 /* 1970 began on a Thursday; Monday is 0 */

static const char *const days[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

static fallible instant(const json_t *document, const char *name, int64_t *out, const char **where)
{
    struct span text = { 0 };

    *where = name;
    if (!json_object_get(document, name))
        return OK;
    TRY(json_opt_str(document, name, "a time as 2026-11-23T12:00:00Z is needed", &text));
    return failed(clock_parse_rfc3339(text, out))
               ? FAIL(INPUT, "a time as 2026-11-23T12:00:00Z is needed")
               : OK;
}

static bool digits(const uint8_t *at, unsigned *out)
{
    *out = (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
    return at[0] >= '0' && at[0] <= '9' && at[1] >= '0' && at[1] <= '9';
}

/* "08:00" to "24:00". */
static fallible minute_of_day(const json_t *hours, const char *name, unsigned *out)
{
    struct span text;
    unsigned hour, minute;

    TRY(json_get_str(hours, name, "from and to are needed, as 08:00", &text));
    if (text.len != 5 || text.at[2] != ':' || !digits(text.at, &hour) ||
        !digits(text.at + 3, &minute) || minute > 59 || hour * 60 + minute > DAY_MINUTES)
        return FAIL(INPUT, "from and to are 00:00 to 24:00");
    *out = hour * 60 + minute;
    return OK;
}

static void open_minutes(struct time_window *w, unsigned day, unsigned from, unsigned to)
{
    for (unsigned i = day * DAY_MINUTES + from; i < day * DAY_MINUTES + to; i++)
        w->minutes[i / 8] |= (uint8_t)(1U << i % 8);
}

static fallible add_day(struct time_window *w, const json_t *day, unsigned from, unsigned to)
{
    const char *name = json_string_value(day);

    for (unsigned i = 0; name && i < sizeof days / sizeof days[0]; i++)
        if (!strcmp(name, days[i])) {
            open_minutes(w, i, from, to);
            return OK;
        }
    return FAIL(INPUT, "days are mon, tue, wed, thu, fri, sat and sun");
}

static fallible add_hours(struct time_window *w, const json_t *hours)
{
    static const char *const members[] = { "days", "from", "to", NULL };
    const json_t *list, *day;
    unsigned from, to;
    size_t i;

    if (!json_is_object(hours))
        return FAIL(INPUT, "hours are objects with days, from and to");
    TRY(json_only(hours, members));
    TRY(json_get_array(hours, "days", "days are needed", &list));
    if (!json_array_size(list) || json_array_size(list) > sizeof days / sizeof days[0])
        return FAIL(INPUT, "1 to 7 days are needed");
    TRY(minute_of_day(hours, "from", &from));
    TRY(minute_of_day(hours, "to", &to));
    if (from >= to)
        return FAIL(INPUT, "from is before to; what passes midnight is written as two");
    json_array_foreach(list, i, day) TRY(add_day(w, day, from, to));
    return OK;
}

static fallible weekly(const json_t *document, struct time_window *w, const char **where)
{
    static const char *const members[] = { "zone", "hours", NULL };
    const json_t *section = json_object_get(document, "weekly"), *hours, *one;
    struct span zone = { 0 };
    size_t i;

    *where = "weekly";
    if (!section)
        return OK;
    if (!json_is_object(section))
        return FAIL(INPUT, "an object with zone and hours is needed");
    TRY(json_only(section, members));
    TRY(json_get_str(section, "zone", "the zone must be stated: UTC", &zone));
    if (!span_equal_str(zone, "UTC"))
        return FAIL(INPUT, "the zone is UTC");
    TRY(json_get_array(section, "hours", "hours are needed", &hours));
    if (!json_array_size(hours) || json_array_size(hours) > HOURS_MAX)
        return FAIL(INPUT, "1 to 64 hours are needed");
    json_array_foreach(hours, i, one) TRY(add_hours(w, one));
    w->weekly = true;
    return OK;
}

fallible time_window_parse(const json_t *document, struct time_window *out, const char **where)
{
    static const char *const members[] = { "not_before", "not_after", "weekly", NULL };
    struct time_window w = { .not_before = INT64_MIN, .not_after = INT64_MAX };

    *where = "time";
    if (!json_is_object(document) || !json_object_size(document))
        return FAIL(INPUT, "an object with not_before, not_after or weekly is needed");
    TRY(json_only(document, members));
    TRY(instant(document, "not_before", &w.not_before, where));
    TRY(instant(document, "not_after", &w.not_after, where));
    if (w.not_before >= w.not_after)
        return FAIL(INPUT, "never true: not_before is not before not_after");
    TRY(weekly(document, &w, where));
    int64_t next;
    *where = "time";
    if (!time_window_next(&w, w.not_before > 0 ? w.not_before : 0, &next))
        return FAIL(INPUT, "never true: no open hour lies before not_after");
    *out = w;
    return OK;
}

/* Minutes since some Monday 00:00, in its week; times before 1970 are not met. */
static unsigned minute_of_week(int64_t now)
{
    return (unsigned)((now / 60 + EPOCH_WEEKDAY * (int64_t)DAY_MINUTES) % WEEK_MINUTES);
}

static bool open_at(const struct time_window *w, unsigned minute)
{
    return !w->weekly || w->minutes[minute / 8] >> minute % 8 & 1;
}

bool time_window_holds(const struct time_window *w, int64_t now)
{
    return now >= 0 && now >= w->not_before && now < w->not_after &&
           open_at(w, minute_of_week(now));
}

bool time_window_next(const struct time_window *w, int64_t now, int64_t *next)
{
    int64_t at = now > w->not_before ? now : w->not_before;

    for (unsigned i = 0; i <= WEEK_MINUTES && at < w->not_after; i++) {
        if (time_window_holds(w, at)) {
            *next = at;
            return true;
        }
        at = (at / 60 + 1) * 60;
    }
    return false;
}
