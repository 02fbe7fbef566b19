// SPDX-License-Identifier: Apache-2.0
/* The PCCS v4 interface over the cache: paths, statuses, headers and texts as Intel's QPL knows
 * them. */
#ifndef ATTESTD_TCS_ROUTES_H
#define ATTESTD_TCS_ROUTES_H

#include "attestd/tcs_cache.h"
#include "http/server.h"

struct tcs_service {
    struct tcs_cache *cache;
    const char *root_crl_url; /* may be asked for by crl?uri= besides Intel's own */
};

/* Ends with method NULL; the context of each is a struct tcs_service. */
extern const struct http_route tcs_routes[];

#endif
