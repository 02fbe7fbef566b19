// SPDX-License-Identifier: Apache-2.0
/* as: appraisal of evidence, attestation tokens, appraisal policies. */
#ifndef ATTESTD_ATTEST_ROUTES_H
#define ATTESTD_ATTEST_ROUTES_H

#include "access/pinned_keys.h"
#include "attestd/policy_store.h"
#include "attestd/verifier_link.h"
#include "http/server.h"

struct as_service {
    struct verifier_link *link;
    struct policy_store *policies;
    struct pinned_keys *aas_keys;
    const char *public_keys; /* JWKS of the token issuer; NULL: it is not there */
};

/* Ends with method NULL; the context of each is a struct as_service. */
extern const struct http_route as_routes[];

/* policy_routes.c */
void policies_create(struct http_exchange *x, void *context);
void policies_list(struct http_exchange *x, void *context);
void policies_show(struct http_exchange *x, void *context);
void policies_update(struct http_exchange *x, void *context);
void policies_delete(struct http_exchange *x, void *context);

#endif
