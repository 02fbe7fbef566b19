// SPDX-License-Identifier: Apache-2.0
#include "attestd/attest_routes.h"
#include "base/clock.h"
#include "http/problem.h"
#include "token/attestation.h"

#define TENANT_MAX 64

static bool audience_admitted(struct http_exchange *x, const struct as_service *s,
                              struct span audience)
{
    if (attestation_audience_listed(s->audiences, audience))
        return true;
    http_answer_problem(x, 400, "audience_unknown",
                        "this service issues no tokens for that audience");
    return false;
}

/* Not one that a nonce is good for. */
static bool answer_verdict(struct http_exchange *x, struct err e, enum nonce_verdict verdict)
{
    if (failed(e)) {
        http_answer_problem(x, 503, "verification_failed", "the nonce cannot be checked");
        return false;
    }
    switch (verdict) {
    case NONCE_GOOD:
        return true;
    case NONCE_INVALID:
        http_answer_problem(x, 400, "nonce_invalid",
                            "the nonce is not one of ours for this tenant and audience");
        return false;
    case NONCE_EXPIRED:
        http_answer_problem(x, 400, "nonce_expired", "the nonce has expired: ask for another");
        return false;
    case NONCE_SPENT:
        http_answer_problem(x, 409, "nonce_spent",
                            "a token was issued for this nonce: ask for another");
        return false;
    }
    return false;
}

bool nonce_admits(struct http_exchange *x, const struct as_service *s, const struct envelope *e)
{
    const struct nonce_bounds b = { e->request.tenant, e->request.audience };
    enum nonce_verdict verdict = NONCE_GOOD;
    struct err failure = OK;
    if (!audience_admitted(x, s, b.audience))
        return false;
    if (e->nonce.len)
        failure = nonces_check(s->nonces, e->nonce, &b, clock_now(), &verdict);
    return answer_verdict(x, failure, verdict);
}

bool nonce_used(struct http_exchange *x, const struct as_service *s, struct span nonce)
{
    enum nonce_verdict verdict = NONCE_GOOD;
    struct err e = nonces_spend(s->nonces, nonce, clock_now(), &verdict);
    return answer_verdict(x, e, verdict);
}

static fallible read_bounds(const json_t *body, struct nonce_bounds *out)
{
    static const char *const members[] = { "tenant", "audience", NULL };
    TRY(json_only(body, members));
    TRY(json_opt_str(body, "tenant", "tenant", &out->tenant));
    TRY(json_opt_str(body, "audience", "audience", &out->audience));
    if (!out->tenant.len || out->tenant.len > TENANT_MAX ||
        out->audience.len > ATTESTATION_AUDIENCE_MAX)
        return FAIL(INPUT, "tenant or audience");
    return OK;
}

static void answer_nonce(struct http_exchange *x, const struct nonce_bounds *b, const char *text,
                         int64_t expires)
{
    char when[CLOCK_TEXT_MAX];
    json_t *j = json_object();
    json_set_str(j, "nonce", text);
    json_set_str(j, "expires_at", clock_format(expires, when));
    json_set_span(j, "tenant", b->tenant);
    json_set_span(j, "audience", b->audience);
    http_answer_header(x, "Cache-Control", "no-store");
    http_answer_json(x, 200, j);
}

void nonce_create(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct nonce_bounds b = { SPAN("default"), SPAN(ATTESTATION_AUDIENCE) };
    owned(json_free) json_t *body = NULL;
    char text[NONCE_TEXT_SIZE];
    int64_t expires;
    if (!http_json_body(x, &body))
        return;
    struct err e = read_bounds(body, &b);
    if (failed(e)) {
        http_answer_failure(x, e, "malformed_request");
        return;
    }
    if (!audience_admitted(x, s, b.audience))
        return;
    e = nonces_make(s->nonces, &b, clock_now(), text, &expires);
    if (failed(e))
        http_answer_failure(x, e, "internal_error");
    else
        answer_nonce(x, &b, text, expires);
}
