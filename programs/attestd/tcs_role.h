// SPDX-License-Identifier: Apache-2.0
/* The tcs role as the configuration wants it: its store, upstreams, cache and keys, and the thread
 * that refreshes. */
#ifndef ATTESTD_TCS_ROLE_H
#define ATTESTD_TCS_ROLE_H

#include "attestd/config.h"
#include "attestd/tcs_routes.h"

struct tcs_role;
/* Opens every file that it needs: before the process is confined. */
fallible tcs_role_open(const struct attestd_config *c, struct tcs_role **out);
void tcs_role_close(struct tcs_role *r);
OWNED_TYPE(struct tcs_role, tcs_role_close)

/* The refreshing thread. NULL: no role, nothing to do. */
fallible tcs_role_start(struct tcs_role *r);

struct tcs_cache *tcs_role_cache(struct tcs_role *r);     /* NULL for NULL */
struct tcs_service *tcs_role_service(struct tcs_role *r); /* NULL for NULL */
struct tcs_pck tcs_role_pck(struct tcs_role *r);          /* empty for NULL */
/* A platform has attested: the PEM chain of its PCK certificate. `context` is the role. */
void tcs_role_saw(void *context, struct span chain);

#endif
