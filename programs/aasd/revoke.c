// SPDX-License-Identifier: Apache-2.0
/* /aas/v1/jwks and /aas/v1/revocations: what other programs verify tokens with; and what ends them
 * before their time. */
#include "access/revocation.h"

#include "aasd/aas.h"
#include "base/clock.h"
#include "base/log.h"

#define PUBLIC_CACHE "public, max-age=60"

void aas_jwks(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct buf text owned(buf_done) = buf_of(PINNED_KEYS_FILE_MAX);

    struct err e = token_keys_jwks(a->keys, &text);
    if (failed(e)) {
        aas_answer_failure(x, e, "keys");
        return;
    }
    http_answer_header(x, "Cache-Control", PUBLIC_CACHE);
    http_answer(x, 200, "application/jwk-set+json", buf_span(&text));
}

void aas_jwks_rotate(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct buf text owned(buf_done) = buf_of(PINNED_KEYS_FILE_MAX);
    struct caller c;

    if (!aas_authorise_operator(x, a, &c))
        return;
    struct err e = token_keys_rotate(a->keys, clock_now());
    if (!failed(e))
        e = token_keys_jwks(a->keys, &text);
    if (failed(e)) {
        aas_answer_failure(x, e, "keys");
        return;
    }
    log_info("a next token signing key is asked for", "by", c.user.name, "request",
             http_request_id(x));
    http_answer(x, 202, "application/jwk-set+json", buf_span(&text));
}

void aas_revocations(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct buf text owned(buf_done) = buf_of(JWT_TEXT_MAX);

    struct err e = token_keys_revocations(a->keys, &text);
    if (failed(e)) {
        aas_answer_failure(x, e, "revocations");
        return;
    }
    http_answer_header(x, "Cache-Control", "no-cache");
    http_answer(x, 200, "application/jwt", buf_span(&text));
}

bool aas_end_tokens(struct http_exchange *x, struct aas *a, const char *tenant,
                    const struct user *u)
{
    struct err e = revoke_subject(a->store, tenant, u ? u->name : "", clock_now());

    if (failed(e)) {
        aas_answer_failure(x, e, "revocation");
        return false;
    }
    token_keys_revoked(a->keys, clock_now());
    return true;
}

/* In the store, or, with a colon, of another issuer: whoever that is. */
static fallible find_user(struct aas *a, const char *tenant, struct span id, struct user *out)
{
    if (span_find(id, SPAN(":")) == id.len || id.len > EXTERNAL_SUBJECT_MAX)
        return user_find(a->store, tenant, id, out);
    *out = (struct user){ 0 };
    snprintf(out->name, sizeof(out->name), "%.*s", (int)id.len, (const char *)id.at);
    return OK;
}

void aas_user_revoke(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;
    struct user u;

    if (!aas_authorise(x, a, &c))
        return;
    struct err e = find_user(a, c.tenant, http_param(x, "id"), &u);
    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return;
    }
    if (!aas_end_tokens(x, a, c.tenant, &u))
        return;
    log_info("tokens revoked", "user", u.name, "by", c.user.name, "request", http_request_id(x));
    http_answer_empty(x, 204);
}

void aas_token_revoke(struct http_exchange *x, void *context)
{
    static const struct json_shape members[] = { { "jti", SHAPE_UUID, true }, { 0 } };
    struct aas *a = context;
    owned(json_free) json_t *body = NULL;
    struct span jti = { 0 };
    struct caller c;

    if (!aas_authorise(x, a, &c) || !aas_body(x, members, &body))
        return;
    struct err e = json_get_str(body, "jti", "jti", &jti);
    if (!failed(e))
        e = revoke_token(a->store, c.tenant, jti, clock_now());
    if (failed(e)) {
        aas_answer_failure(x, e, "revocation");
        return;
    }
    token_keys_revoked(a->keys, clock_now());
    log_info("token revoked", "by", c.user.name, "request", http_request_id(x));
    http_answer_empty(x, 204);
}
