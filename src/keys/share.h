// SPDX-License-Identifier: Apache-2.0
/*
 * Shamir's secret sharing over GF(256) with the polynomial of AES, byte by byte: any `threshold` of
 * `count` shares give the secret back, fewer say nothing of it. Constant time: no table, no branch
 * and no address depends on a secret. The share at place x (1 to 255) is the value there of random
 * polynomials whose constant terms are the secret.
 */
#ifndef KEYS_SHARE_H
#define KEYS_SHARE_H

#include "base/bounds.h"
#include "crypto/secret.h"

/* shares[i] is the one at place i + 1; all are the caller's. 2 <= threshold <= count. */
fallible share_split(const struct secret *secret, unsigned threshold, unsigned count,
                     struct secret *shares[SHARES_MAX]);
/* From exactly as many as the threshold was, at different places; others give another secret. */
fallible share_combine(struct secret *const *shares, const uint8_t *places, size_t count,
                       struct secret **out);

#endif
