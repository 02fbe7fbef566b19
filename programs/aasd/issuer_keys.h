// SPDX-License-Identifier: Apache-2.0
/*
 * The keys of the other issuers, from a file, read again when it changes, or from an address, which
 * a thread asks every so often and when a token names a key that is not known. Keys that were
 * fetched are believed for `max_age` and no longer: an issuer that is down lets nobody in by old
 * keys (lesson L33). Safe for many threads.
 */
#ifndef AASD_ISSUER_KEYS_H
#define AASD_ISSUER_KEYS_H

#include "access/issuer.h"
#include "crypto/jose.h"
#include "token/jwt.h"

struct issuer_keys;
/* Makes what needs files before the sandbox; `i` must outlive it. */
fallible issuer_keys_open(const struct issuers *i, struct issuer_keys **out);
void issuer_keys_close(struct issuer_keys *k);
OWNED_TYPE(struct issuer_keys, issuer_keys_close)
/* Starts the thread: after the sandbox. */
fallible issuer_keys_follow(struct issuer_keys *k);

/* Of the issuer at this place. FAIL_UPSTREAM: there are no keys of it that may be believed. A
 * refusal as jwt_verify_foreign() says it. */
fallible issuer_keys_verify(struct issuer_keys *k, size_t at, struct span token, int64_t now,
                            json_t **claims, enum jwt_fault *fault);

#endif
