// SPDX-License-Identifier: Apache-2.0
/* The KBS's answers, parsed; apart from the conversation so that tests and fuzzing reach them. */
#ifndef CLIENT_FETCH_INTERNAL_H
#define CLIENT_FETCH_INTERNAL_H

#include "client/fetch.h"

#define EXCHANGE_PATH_SIZE 192
#define EXCHANGE_URL_SIZE 512
#define PROOF_HEADER_MAX 128

const struct fetch_config *fetcher_config(const struct fetcher *f);

/* One key's conversation. */
struct exchange {
    const struct fetch_config *c;
    struct fetcher *f; /* NULL: a use, in any thread */
    const char *key_id;
    char path[EXCHANGE_PATH_SIZE], url[EXCHANGE_URL_SIZE];
    int64_t deadline; /* of all of it, monotonic microseconds; 0: each call has the HTTP client's */
    bool by_token;    /* round 2 carried a token instead of evidence */
    struct refusal *why;
};
/* Notes where on our side it ended, for the log. */
struct err exchange_stopped(struct exchange *x, const char *code, struct err e);
/* "keys/", an id and "/use": where it is to be sent, which the proof covers. */
void exchange_name(struct exchange *x, const char *before, const char *id, const char *behind);
fallible exchange_post(struct exchange *x, struct span body, const char *const *headers,
                       struct http_reply *reply);
/* With the proof by the session's S. */
fallible exchange_post_proved(struct exchange *x, const struct session *s, struct span challenge,
                              struct span body, struct http_reply *reply);

enum attestation_mode { ATTESTATION_REQUIRE, ATTESTATION_OBSERVE, ATTESTATION_NONE };

/* Spans borrow from `json`. */
struct challenge {
    json_t *json; /* owned */
    struct span text, tenant;
    enum attestation_mode mode;
    unsigned uses; /* of a key that stays: USE_SIGN, ...; 0: the key comes */
};
void challenge_done(struct challenge *c);
static inline void challenge_donep(struct challenge *c)
{
    challenge_done(c);
}
fallible challenge_parse(struct span body, struct challenge *out);
fallible exchange_challenge(struct exchange *x, struct challenge *out);

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

/* The answer to "describe" in round 2: the public half, and the grant for uses. */
fallible described_open(struct exchange *x, struct session *s, const struct challenge *c,
                        struct span answer, struct released *out);

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
