// SPDX-License-Identifier: Apache-2.0
#include "crypto/private_use.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "crypto/digest_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"

static bool set_label(EVP_PKEY_CTX *ctx, struct span label)
{
    if (!label.len)
        return true;
    unsigned char *copy = OPENSSL_memdup(label.at, label.len);
    if (copy && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)label.len) > 0)
        return true;
    OPENSSL_free(copy);
    return false;
}

fallible oaep_open(const struct key *k, enum digest_kind digest, struct span label,
                   struct span sealed, struct secret **out)
{
    const EVP_MD *md = digest_object(digest);

    if (key_kind_of(k) != KEY_RSA || sealed.len != key_bits(k) / 8)
        return FAIL(INPUT, "not a text of the key's length");
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        EVP_PKEY_CTX_new_from_pkey(NULL, key_pkey(k), NULL);
    size_t len = sealed.len;
    struct secret *plain owned(secret_free) = secret_new(len);
    if (!ctx || !plain || EVP_PKEY_decrypt_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) != 1 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) != 1 ||
        !set_label(ctx, label))
        return FAIL(SYSTEM, "cannot decrypt");
    if (EVP_PKEY_decrypt(ctx, secret_fill(plain), &len, sealed.at, sealed.len) != 1) {
        ERR_clear_error();
        return FAIL(INPUT, "the text does not open with this key");
    }
    secret_shorten(plain, len);
    *out = TAKE(plain);
    return OK;
}

fallible ecdh_derive(const struct key *k, struct span point, struct secret **out)
{
    struct key *peer owned(key_free) = NULL;

    if (key_kind_of(k) == KEY_RSA)
        return FAIL(INPUT, "not an EC key");
    TRY(key_from_point(key_kind_of(k), point, &peer));
    return ec_agree(k, peer, out);
}
