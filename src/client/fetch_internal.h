// SPDX-License-Identifier: Apache-2.0
/* The KBS's answers, parsed; apart from the conversation so that tests and fuzzing reach them. */
#ifndef CLIENT_FETCH_INTERNAL_H
#define CLIENT_FETCH_INTERNAL_H

#include "client/fetch.h"

enum attestation_mode { ATTESTATION_REQUIRE, ATTESTATION_OBSERVE, ATTESTATION_NONE };

/* Spans borrow from `json`. */
struct challenge {
    json_t *json; /* owned */
    struct span text, tenant;
    enum attestation_mode mode;
};
void challenge_done(struct challenge *c);
static inline void challenge_donep(struct challenge *c)
{
    challenge_done(c);
}
fallible challenge_parse(struct span body, struct challenge *out);

struct transfer {
    json_t *json;              /* owned */
    struct span answer, token; /* token: empty when none */
    int64_t token_expires_at;
};
void transfer_done(struct transfer *t);
static inline void transfer_donep(struct transfer *t)
{
    transfer_done(t);
}
fallible transfer_parse(struct span body, struct transfer *out);

/* The signed answer to a renewal: for this challenge, nonce and S, and of these items in their
 * order. FAIL_DENIED, FAIL_INPUT: it is not. */
struct lease_question {
    struct span challenge;
    const char *nonce, *thumbprint;
};
fallible lease_answer_open(struct span answer, const struct jwks *release_keys,
                           const struct lease_question *q, struct lease_item *items, size_t count);

/* Never fails: what is not a problem document gives code "unexpected_answer". */
void problem_parse(int status, struct span body, struct refusal *out);

#endif
