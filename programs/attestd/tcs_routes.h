// SPDX-License-Identifier: Apache-2.0
/* The PCCS v4 interface and AMD's KDS paths over the cache: paths, statuses, headers and texts as
 * Intel's QPL and SNP's tools know them; and Warder's own, under /tcs/v1. */
#ifndef ATTESTD_TCS_ROUTES_H
#define ATTESTD_TCS_ROUTES_H

#include "access/pinned_keys.h"
#include "attestd/tcs_pck.h"
#include "crypto/digest.h"
#include "http/server.h"

#define TCS_REQUEST_MAX (8U << 20)  /* of an archive */
#define PCCS_REQUEST_MAX (2U << 20) /* of everything else, as a PCCS has it */

/* SHA-512 of a token that an administrator of platforms, or a platform's user, must show. */
struct pccs_token {
    bool given;
    uint8_t hash[SHA512_SIZE];
};

struct tcs_service {
    struct tcs_cache *cache;
    struct tcs_upstreams *upstreams;
    const struct root_set *roots;
    const char *root_crl_url; /* may be asked for by crl?uri= besides Intel's own */
    struct pccs_token user, admin;
    struct pinned_keys *aas_keys; /* NULL: /tcs/v1 refuses everybody */
    const struct key *export_key; /* NULL: no archives are written */
    struct jwks *import_keys;     /* NULL: no archives are read */
    int64_t alarm_seconds;
};

/* Ends with method NULL; the context of each is a struct tcs_service. */
extern const struct http_route tcs_routes[];
/* The path is a PCCS's, not of our own interface. */
bool pccs_is_asked(const struct http_exchange *x);
/* What a PCCS says where there is no such path, or too long a body. */
bool pccs_foreign_error(struct http_exchange *x, int status);

#endif
