// SPDX-License-Identifier: Apache-2.0
/*
 * The front's way to a decision: it passes a request to the zygote, brings collateral when the
 * worker says which is missing, and asks once more. A worker that dies or takes too long fails this
 * one request.
 */
#ifndef ATTESTD_VERIFIER_LINK_H
#define ATTESTD_VERIFIER_LINK_H

#include "attestd/channel.h"
#include "attestd/collateral_source.h"
#include "attestd/request.h"

struct verifier_link;

struct verifier_link_config {
    int work; /* channel to the zygote */
    unsigned deadline_ms;
    struct collateral_source source;
    /* May be NULL: told the PEM chain of each platform that a worker newly verified. */
    void (*seen)(void *context, struct span chain);
    void *seen_context;
    /* May be NULL: told what the verifier has loaded, and its digest. */
    void (*loaded)(void *context, struct span digest, struct span body);
    void *loaded_context;
};
fallible verifier_link_new(const struct verifier_link_config *config, struct verifier_link **out);
void verifier_link_free(struct verifier_link *l);
OWNED_TYPE(struct verifier_link, verifier_link_free)

struct answer {
    enum answer_type type; /* RESULT, TOKEN, REFUSAL or FAILURE */
    struct buf body;
};
void answer_done(struct answer *a);
static inline void answer_donep(struct answer *a)
{
    answer_done(a);
}
/* Safe for many threads. A failure is FAIL_UPSTREAM (retry), and `*code` its word:
 * "collateral_unavailable" or "verification_failed". */
fallible verifier_link_ask(struct verifier_link *l, const struct work_request *request,
                           struct answer *out, const char **code);

struct verifier_health {
    bool verifier, issuer;
};
/* Does a worker answer, and the issuer behind it? Asked at most once a second. */
struct verifier_health verifier_link_health(struct verifier_link *l, bool issuer);

/* Gets the collateral of every platform kind that was asked for again, and warms the zygote where
 * it has changed. */
void verifier_link_refresh(struct verifier_link *l);

#endif
