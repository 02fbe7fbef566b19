// SPDX-License-Identifier: Apache-2.0
/*
 * When a key may be released:
 *   {"not_before":"2026-01-01T00:00:00Z","not_after":"2027-01-01T00:00:00Z",
 *    "weekly":{"zone":"UTC","hours":[{"days":["mon","tue"],"from":"08:00","to":"18:00"}]}}
 * not_before is the first second of it, not_after and "to" are the first past it. All parts hold
 * together. The zone must be written, and UTC is the one there is: summer time would make an hour
 * happen twice.
 */
#ifndef BROKER_TIME_WINDOW_H
#define BROKER_TIME_WINDOW_H

#include "base/json.h"

#define WEEK_MINUTES (7 * 24 * 60)

struct time_window {
    int64_t not_before, not_after; /* INT64_MIN, INT64_MAX: open */
    bool weekly;
    uint8_t minutes[WEEK_MINUTES / 8]; /* from Monday 00:00; a set bit is open */
};

/* FAIL_INPUT: `*where` is the member (literal), the failure's words say what is wrong there. */
fallible time_window_parse(const json_t *document, struct time_window *out, const char **where);
bool time_window_holds(const struct time_window *w, int64_t now);
/* The next second at which it holds, `now` where it does; false: never again. */
bool time_window_next(const struct time_window *w, int64_t now, int64_t *next);

#endif
