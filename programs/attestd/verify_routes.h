// SPDX-License-Identifier: Apache-2.0
/* qvs: quote verification. Evidence in, the verdict out; no policy and no token. */
#ifndef ATTESTD_VERIFY_ROUTES_H
#define ATTESTD_VERIFY_ROUTES_H

#include "attestd/deny_store.h"
#include "attestd/verifier_link.h"
#include "http/server.h"

struct qvs_service {
    struct verifier_link *link;
    struct deny_store *denials;
};

/* Ends with method NULL; the context of each is a struct qvs_service. */
extern const struct http_route qvs_routes[];

/* For qvs and as: what is denied cannot be read, so that nothing is decided. */
void answer_denials_unknown(struct http_exchange *x, struct err e);
/* For qvs and as: answers a failed question, or a worker's failure; false when `e` and `a` are
 * neither. */
bool answer_failed_ask(struct http_exchange *x, struct err e, const struct answer *a,
                       const char *code);
/* {"service","status":"ok"|"degraded","version","parts":{"verifier","issuer"?}}: 200, or 503. */
void answer_health(struct http_exchange *x, const char *service, struct verifier_link *link,
                   bool issuer);

#endif
