// SPDX-License-Identifier: Apache-2.0
/*
 * Signatures. A bad signature is a negative answer, not a failure: *good is false. ECDSA signatures
 * are raw r || s of the curve's size (as in quotes, JOSE and PKCS#11); r or s of zero or at least n
 * is "not good"; high s is legal.
 */
#ifndef CRYPTO_SIGNATURE_H
#define CRYPTO_SIGNATURE_H

#include "crypto/digest.h"
#include "crypto/key.h"

#define SIGNATURE_MAX 512 /* RSA-4096 */

enum signature_scheme {
    SIGNATURE_ECDSA, /* raw r || s */
    SIGNATURE_RSA_PKCS1,
    SIGNATURE_RSA_PSS,         /* salt as long as the digest, MGF1 with the same digest */
    SIGNATURE_RSA_PSS_ANY_SALT /* verification only: TPMs choose the salt's length */
};

fallible signature_verify(const struct key *k, enum signature_scheme scheme,
                          enum digest_kind digest, struct span message, struct span signature,
                          bool *good);
/* What the next ECDSA signature by this key needs besides its message, while there is time; does
 * nothing for another key. */
void key_sign_ahead(const struct key *k);
/* Appends the signature. */
fallible signature_make(const struct key *k, enum signature_scheme scheme, enum digest_kind digest,
                        struct span message, struct buf *out);
/* The message is already hashed. */
fallible signature_make_prehashed(const struct key *k, enum signature_scheme scheme,
                                  enum digest_kind digest, struct span hash, struct buf *out);

/* A public key whose private half signs elsewhere, in a token. */
struct key_signer {
    /* Appends what signature_make_prehashed() would. */
    struct err (*sign)(void *context, enum signature_scheme scheme, enum digest_kind digest,
                       struct span hash, struct buf *out);
    void *context; /* outlives the key */
};
fallible key_with_signer(const struct key *public_half, const struct key_signer *signer,
                         struct key **out);

#endif
