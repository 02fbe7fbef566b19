// SPDX-License-Identifier: Apache-2.0
/*
 * Attestation tokens (docs/protocol.md, "Attestation service"): what a verify worker decided, as an
 * EAT in EAR's shape, signed by the token issuer; and the signed statement of a refusal, which is
 * no token: it has a typ of its own, the status "contraindicated" and no confirmation key.
 *
 * worker: attestation_decision() -> issuer: attestation_issue() -> relying party:
 * attestation_verify()
 */
#ifndef TOKEN_ATTESTATION_H
#define TOKEN_ATTESTATION_H

#include "base/bounds.h"
#include "token/jwt.h"

#define ATTESTATION_ISSUER "warder-as"
#define ATTESTATION_AUDIENCE "warder-kbs"
#define ATTESTATION_PROFILE "tag:warder.dev,2026:attestation-v1"
#define ATTESTATION_TYP "JWT"
#define REFUSAL_TYP "warder-refusal+jwt"
#define ATTESTATION_MINUTES_MAX 1440

/* What the decision is about. Empty spans are "not there". */
struct attestation_facts {
    struct span tenant;
    struct span signing_jkt;      /* thumbprint of S: the token is of use only with a proof by it */
    struct span encryption_jkt;   /* thumbprint of E */
    const json_t *encryption_key; /* E's public JWK, where keyd is to take it from here; or NULL */
    struct span guest_protocol; /* of Confidential Containers, that the attester speaks: "0.4.0" */
    struct span challenge;      /* "sha256:..." of the challenge's text */
    struct span evidence_digest, collateral_digest; /* "sha256:..." */
    const json_t *claims;                           /* flat: docs/claims.md */
    const json_t *policies;    /* [{"id","version","digest"}] that were applied */
    struct span audience;      /* whom the token is for; empty: keyd */
    struct span nonce;         /* the text that the report data answers */
    const json_t *signing_key; /* public JWK of S; may be NULL */
    bool verified;
    bool genuine;         /* of a refusal: the evidence holds, a policy refuses */
    bool measured;        /* a policy says what may run */
    const char *reason;   /* of a refusal */
    const json_t *failed; /* of a refusal: [{"check","clause"} |
                             {"policy","claim","operator","expected","actual"}] */
};
/* The members that say what was decided: "aud", "cnf" (verified only), "eat_nonce", "submods",
 * "warder". New reference. */
fallible attestation_decision(const struct attestation_facts *facts, json_t **out);

/* What the issuer's configuration says about every token. */
struct attestation_terms {
    int64_t lifetime;      /* seconds */
    const char *audiences; /* names separated by spaces; NULL: keyd alone */
};
/* Signs a decision (JSON) byte for byte; adds iss, jti, times, profile, verifier. A decision
 * "refused" becomes a refusal (*refusal true) whatever else it says; one that has more members than
 * a decision has, or is for an audience that is not listed, is FAIL_INPUT. */
fallible attestation_issue(const struct key *k, struct span decision,
                           const struct attestation_terms *terms, int64_t now, struct buf *out,
                           bool *refusal);
bool attestation_audience_listed(const char *audiences, struct span audience);

/* A token, or a refusal, verified: signature, issuer, audience, times, profile, shape. Spans borrow
 * from `all`. */
struct attestation {
    json_t *all;
    struct span jti, tenant;
    struct span signing_jkt, encryption_jkt,
        challenge;                /* empty: report data was not bound by this protocol */
    const json_t *encryption_key; /* object, or NULL */
    struct span guest_protocol;
    struct span evidence_digest, collateral_digest;
    const json_t *claims;   /* object */
    const json_t *policies; /* array */
    int64_t issued, expires;
    bool verified;        /* false: a refusal */
    struct span reason;   /* of a refusal */
    const json_t *failed; /* of a refusal, else NULL */
};
void attestation_done(struct attestation *a);
static inline void attestation_donep(struct attestation *a)
{
    attestation_done(a);
}
fallible attestation_verify(struct span text, const struct jwks *keys, int64_t now,
                            struct attestation *out, enum jwt_fault *fault);
/* For the audit log: why the service refused. */
fallible refusal_verify(struct span text, const struct jwks *keys, int64_t now,
                        struct attestation *out, enum jwt_fault *fault);

#endif
