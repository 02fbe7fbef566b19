// SPDX-License-Identifier: Apache-2.0
/* Two keys, and a set that has the first alone. */
#ifndef TESTS_TOKEN_SIGNERS_H
#define TESTS_TOKEN_SIGNERS_H

#include "crypto/crypto.h"
#include "crypto/jose.h"

struct fixture {
    struct key *key, *stranger;
    struct jwks *keys;
};

static inline struct err set_of(const struct key *k, struct jwks **out)
{
    struct buf text owned(buf_done) = buf_of(4096);

    TRY(jwks_text(&k, 1, &text));
    return jwks_parse(buf_span(&text), out);
}

static inline int set_up(void **state)
{
    static struct fixture f;

    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(key_make_ec(KEY_P256, &f.key)) ||
        failed(key_make_ec(KEY_P256, &f.stranger)) || failed(set_of(f.key, &f.keys)))
        return 1;
    *state = &f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    key_free(f->key);
    key_free(f->stranger);
    jwks_free(f->keys);
    return 0;
}

#endif
