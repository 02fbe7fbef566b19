// SPDX-License-Identifier: Apache-2.0
/*
 * The rules of the vendors' certificate chains, whose length and order are fixed: leaf first, root
 * last and equal to one that is trusted, nothing besides. Dates are the caller's: a chain is
 * checked once and its window is compared with each verification's time.
 */
#ifndef COLLATERAL_CHAIN_RULE_H
#define COLLATERAL_CHAIN_RULE_H

#include "collateral/root_set.h"

/* A span of time, both ends included. */
struct window {
    int64_t from, to;
};
#define WINDOW_ALWAYS ((struct window){ INT64_MIN, INT64_MAX })
struct window window_meet(struct window a, struct window b);
/* NULL, or `early` or `late` when the time lies before or after it. */
const char *window_check(struct window w, int64_t at, const char *early, const char *late);

struct window chain_window(const struct chain *c);

struct chain_rule {
    size_t length;       /* 3: leaf, intermediate, root; 2: signer or CA, root */
    bool leaf_is_ca;     /* of a CRL's issuer chain, which starts with the CA */
    bool crl_by_root;    /* the intermediate signs certificates only: AMD's */
    const char *leaf_cn; /* words that the first certificate's common name contains; NULL: any */
};

/* *wrong becomes NULL, or what breaks a rule; *root the trusted root's index, or ROOT_NONE.
 * `verified` may be NULL, or an intermediate whose signature by that same root has been verified
 * already. */
fallible chain_check(const struct chain *c, const struct chain_rule *rule,
                     const struct root_set *roots, const struct cert *verified, const char **wrong,
                     size_t *root);

#endif
