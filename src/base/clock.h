// SPDX-License-Identifier: Apache-2.0
/*
 * Time: the one home of time(2). Everything that decides takes the time as a parameter, in seconds
 * since 1970 (UTC), so that tests and past verifications fix it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/err.h"
#include "base/span.h"

#define CLOCK_TEXT_MAX 32

int64_t clock_now(void);
int64_t clock_now_us(void);       /* wall clock, microseconds */
int64_t clock_monotonic_us(void); /* for deadlines and durations */

/* RFC 3339, "Z" or a numeric offset, fractions of a second dropped; years 1970 to 9999. */
fallible clock_parse_rfc3339(struct span text, int64_t *out);
/* RFC 3339 or decimal seconds since 1970: what --at takes. */
fallible clock_parse(struct span text, int64_t *out);
/* "2026-11-23T12:00:00Z"; `out` has CLOCK_TEXT_MAX bytes. Returns out. */
char *clock_format(int64_t at, char *out);

#endif
