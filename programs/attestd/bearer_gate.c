// SPDX-License-Identifier: Apache-2.0
#include "attestd/bearer_gate.h"

#include "access/schema.h"
#include "base/clock.h"
#include "base/log.h"

bool bearer_gate(struct http_exchange *x, struct pinned_keys *keys, struct bearer *b)
{
    enum bearer_verdict verdict = BEARER_INVALID;
    struct err e = keys ? pinned_keys_verify(keys, http_bearer(x), clock_now(), &verdict, b) : OK;
    if (failed(e)) {
        http_answer_failure(x, e, "token_invalid");
        return false;
    }
    if (verdict != BEARER_GOOD) {
        http_answer_problem(x, 401, bearer_problem(verdict), "the bearer token is not accepted");
        return false;
    }
    /* Collateral is one for all tenants. */
    bool theirs = strncmp(http_needs(x), "TCS:", 4) || !strcmp(b->tenant, TENANT_DEFAULT);
    if (theirs && bearer_meets(b, http_needs(x)))
        return true;
    log_info("permission denied", "request", http_request_id(x), "user", b->subject, "needed",
             http_needs(x));
    http_answer_problem(x, 403, "permission_denied", "the token's permissions do not allow this");
    return false;
}
