// SPDX-License-Identifier: Apache-2.0
/* as: appraisal of evidence, attestation tokens, appraisal policies. */
#ifndef ATTESTD_ATTEST_ROUTES_H
#define ATTESTD_ATTEST_ROUTES_H

#include "access/pinned_keys.h"
#include "attestd/deny_store.h"
#include "attestd/envelope.h"
#include "attestd/evidence_record.h"
#include "attestd/nonces.h"
#include "attestd/policy_store.h"
#include "attestd/public_keys.h"
#include "attestd/recent.h"
#include "attestd/verifier_link.h"
#include "http/server.h"

struct as_service {
    struct verifier_link *link;
    struct policy_store *policies;
    struct recent *recent;
    struct evidence_record *evidence; /* NULL: none is kept */
    struct jwks *bundle_keys;         /* NULL: no measurement bundles are imported */
    struct pinned_keys *aas_keys;
    struct public_keys *public_keys;
    struct nonces *nonces;
    const char *audiences; /* that tokens may be for */
    struct deny_store *denials;
};

/* Ends with method NULL; the context of each is a struct as_service. */
extern const struct http_route as_routes[];

/* nonce_routes.c */
void nonce_create(struct http_exchange *x, void *context);
/* The audience is listed and the nonce good, where there is one; else false, and it has answered.
 */
bool nonce_admits(struct http_exchange *x, const struct as_service *s, const struct envelope *e);
/* Uses it up; false: it was used already, or it cannot be recorded; and it has answered. */
bool nonce_used(struct http_exchange *x, const struct as_service *s, struct span nonce);

/* signing_routes.c */
void certs_show(struct http_exchange *x, void *context);
void certs_rotate(struct http_exchange *x, void *context);

/* deny_routes.c */
void deny_add(struct http_exchange *x, void *context);
void deny_list(struct http_exchange *x, void *context);
void deny_remove(struct http_exchange *x, void *context);
/* Adds the list in force to the request; `*text` (malloc'ed) backs it. */
fallible deny_gather(const struct as_service *s, struct envelope *envelope, char **text);

/* policy_routes.c */
void policies_create(struct http_exchange *x, void *context);
void policies_list(struct http_exchange *x, void *context);
void policies_show(struct http_exchange *x, void *context);
void policies_update(struct http_exchange *x, void *context);
void policies_delete(struct http_exchange *x, void *context);
void policies_versions(struct http_exchange *x, void *context);
void policies_rollback(struct http_exchange *x, void *context);
void policies_import(struct http_exchange *x, void *context);

/* policy_trial_routes.c */
void policies_lint(struct http_exchange *x, void *context);
void policies_explain(struct http_exchange *x, void *context);
void policies_diff(struct http_exchange *x, void *context);
void policies_test(struct http_exchange *x, void *context);

/* decision_routes.c */
/* What was judged then is judged anew: "then", by that day's collateral; "now", by today's and the
 * deny list. {"verdict", "claims", ..., "at"}; false: it has answered. */
bool decision_verify_anew(struct http_exchange *x, const struct as_service *s, struct span tenant,
                          struct span id, bool then, json_t **result);
void decisions_list(struct http_exchange *x, void *context);
void decisions_show(struct http_exchange *x, void *context);
void decisions_verify(struct http_exchange *x, void *context);

#endif
