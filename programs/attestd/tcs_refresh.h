// SPDX-License-Identifier: Apache-2.0
/* A thread that renews collateral before it ends, and says so in the log where that does not help.
 */
#ifndef ATTESTD_TCS_REFRESH_H
#define ATTESTD_TCS_REFRESH_H

#include "attestd/tcs_cache.h"

struct tcs_refresh;
/* `alarm_seconds`: what ends sooner is told. */
fallible tcs_refresh_start(struct tcs_cache *c, int64_t alarm_seconds, struct tcs_refresh **out);
void tcs_refresh_stop(struct tcs_refresh *r);
OWNED_TYPE(struct tcs_refresh, tcs_refresh_stop)

/* When an upstream is to be asked for it: long not asked, or near its end. */
bool tcs_refresh_is_due(const struct tcs_listed *row, int64_t refresh_seconds, int64_t now);

#endif
