// SPDX-License-Identifier: Apache-2.0
#include "crypto/signature.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "crypto/context_internal.h"
#include "crypto/digest_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"

#define SPKI_MAX 1024

static bool suits(const struct key *k, enum signature_scheme scheme)
{
    return (scheme == SIGNATURE_ECDSA) == (k->kind != KEY_RSA);
}

static bool set_rsa(EVP_PKEY_CTX *ctx, enum signature_scheme scheme, enum digest_kind digest)
{
    bool pss = scheme == SIGNATURE_RSA_PSS || scheme == SIGNATURE_RSA_PSS_ANY_SALT;
    int salt = scheme == SIGNATURE_RSA_PSS ? RSA_PSS_SALTLEN_DIGEST : RSA_PSS_SALTLEN_AUTO;

    if (EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(ctx, digest_object(digest)) != 1)
        return false;
    return !pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt) == 1;
}

static fallible verify_rsa(const struct key *k, enum signature_scheme scheme,
                           enum digest_kind digest, struct span hash, struct span signature,
                           bool *good)
{
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        EVP_PKEY_CTX_new_from_pkey(crypto_context(), key_pkey(k), NULL);

    if (!ctx || EVP_PKEY_verify_init(ctx) != 1 || !set_rsa(ctx, scheme, digest))
        return FAIL(SYSTEM, "RSA verification failed to run");
    *good = EVP_PKEY_verify(ctx, signature.at, signature.len, hash.at, hash.len) == 1;
    if (!*good)
        ERR_clear_error();
    return OK;
}

fallible signature_verify(const struct key *k, enum signature_scheme scheme,
                          enum digest_kind digest, struct span message, struct span signature,
                          bool *good)
{
    uint8_t hash[DIGEST_MAX];
    struct span h = span_from(hash, digest_size(digest));

    if (!suits(k, scheme)) {
        *good = false;
        return OK;
    }
    TRY(digest_of(digest, message, hash));
    if (scheme == SIGNATURE_ECDSA)
        return ec_verifier_check(k->verifier, curve_of(k->kind), h, signature, good);
    return verify_rsa(k, scheme, digest, h, signature, good);
}

fallible signature_make_prehashed(const struct key *k, enum signature_scheme scheme,
                                  enum digest_kind digest, struct span hash, struct buf *out)
{
    uint8_t made[SIGNATURE_MAX];
    size_t len = sizeof made;

    if ((!k->is_private && !k->signer.sign) || !suits(k, scheme))
        return FAIL(INPUT, "the key cannot make this kind of signature");
    if (hash.len != digest_size(digest))
        return FAIL(INPUT, "hash of the wrong length");
    if (k->signer.sign)
        return k->signer.sign(k->signer.context, scheme, digest, hash, out);
    if (scheme == SIGNATURE_ECDSA)
        return ec_sign(k, hash, out);
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        EVP_PKEY_CTX_new_from_pkey(NULL, key_pkey(k), NULL);
    if (!ctx || EVP_PKEY_sign_init(ctx) != 1 || !set_rsa(ctx, scheme, digest) ||
        EVP_PKEY_sign(ctx, made, &len, hash.at, hash.len) != 1)
        return FAIL(SYSTEM, "cannot sign");
    buf_add(out, span_from(made, len));
    return buf_check(out);
}

fallible signature_make(const struct key *k, enum signature_scheme scheme, enum digest_kind digest,
                        struct span message, struct buf *out)
{
    uint8_t hash[DIGEST_MAX];

    TRY(digest_of(digest, message, hash));
    return signature_make_prehashed(k, scheme, digest, span_from(hash, digest_size(digest)), out);
}

fallible key_with_signer(const struct key *public_half, const struct key_signer *signer,
                         struct key **out)
{
    struct buf spki owned(buf_done) = buf_of(SPKI_MAX);
    struct key *k owned(key_free) = NULL;

    TRY(key_to_spki(public_half, &spki));
    TRY(key_from_spki(buf_span(&spki), &k));
    k->signer = *signer;
    *out = TAKE(k);
    return OK;
}
