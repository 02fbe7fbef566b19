// SPDX-License-Identifier: Apache-2.0
/*
 * Who asks: the verified content of a bearer token (docs/protocol.md, "Bearer tokens") and the
 * questions programs put to it. The signature, algorithm, issuer, audience and times are checked
 * before a claim is read; nothing here asks aasd.
 */
#ifndef ACCESS_BEARER_H
#define ACCESS_BEARER_H

#include "base/bounds.h"
#include "base/json.h"
#include "crypto/jose.h"

#define BEARER_ISSUER "warder-aas"
#define BEARER_AUDIENCE "warder"

enum bearer_verdict {
    BEARER_GOOD,
    BEARER_INVALID, /* signature, form, issuer, audience, or from the future: code token_invalid */
    BEARER_EXPIRED, /* well signed, past its exp: code token_expired */
    BEARER_REVOKED, /* ended before its time: code token_revoked */
    BEARER_OUTDATED /* the list of revoked tokens is past its end: code revocations_outdated */
};

struct bearer {
    char *subject, *tenant, *id; /* sub, tenant, jti */
    int64_t issued_at, expires_at;
    json_t *claims; /* whole, verified */
};
void bearer_done(struct bearer *b);
static inline void bearer_donep(struct bearer *b)
{
    bearer_done(b);
}

/* *out is filled only where the verdict is BEARER_GOOD. */
fallible bearer_verify(const struct jwks *keys, struct span text, int64_t now,
                       enum bearer_verdict *verdict, struct bearer *out);
/* Its code, "token_invalid" and so on; a status 401 each. */
const char *bearer_problem(enum bearer_verdict verdict);

/* A rule of the token's permissions for `service` allows `needed` ("keys:create"). `context` may be
 * empty. */
bool bearer_allows(const struct bearer *b, const char *service, const char *needed,
                   struct span context);

/* The same of claims that the caller has read from the store itself:
 * {"permissions":[{service,context,rules}]}. */
bool claims_allow(const json_t *claims, const char *service, const char *needed,
                  struct span context);

/* A route's `needs` (http/server.h): one of its alternatives, each a permission in a service, or a
 * role that the token has under any context: what that is limited to, the handler looks at. */
bool bearer_meets(const struct bearer *b, const char *needs);
bool claims_meet(const json_t *claims, const char *needs);

struct bearer_role {
    struct span service, name, context;
};
/* Borrowed from the claims. False past the end. */
bool bearer_role_at(const struct bearer *b, size_t at, struct bearer_role *out);
/* Each entry of `needed` (strings) is in the list `permissions=` of the contexts of the token's
 * roles service:name: a policy's client_permissions_allof. An empty or absent list is always met.
 */
bool bearer_has_all(const struct bearer *b, const char *service, const char *name,
                    const json_t *needed);

#endif
