// SPDX-License-Identifier: Apache-2.0
#include "crypto/rsa_oaep.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "crypto/digest_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"

/* RFC 8017 section 7.1.1: two digests and two bytes. */
#define OVERHEAD (2 * SHA256_SIZE + 2)

static bool set_oaep(EVP_PKEY_CTX *ctx)
{
    const EVP_MD *md = digest_object(DIGEST_SHA256);

    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1;
}

fallible rsa_oaep_seal(const struct key *recipient, const struct secret *plain, struct buf *out)
{
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        EVP_PKEY_CTX_new_from_pkey(NULL, key_pkey(recipient), NULL);
    size_t len = (key_bits(recipient) + 7) / 8;
    struct span p = secret_expose(plain);

    if (p.len + OVERHEAD > len)
        return FAIL(LIMIT, "too long for this RSA key");
    uint8_t *to = buf_extend(out, len);
    TRY(buf_check(out));
    if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || !set_oaep(ctx) ||
        EVP_PKEY_encrypt(ctx, to, &len, p.at, p.len) != 1) {
        ERR_clear_error();
        return FAIL(SYSTEM, "cannot encrypt");
    }
    return OK;
}

fallible rsa_oaep_open(const struct key *recipient, struct span sealed, struct secret **plain)
{
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        EVP_PKEY_CTX_new_from_pkey(NULL, key_pkey(recipient), NULL);
    size_t len = (key_bits(recipient) + 7) / 8;
    struct secret *k owned(secret_free) = secret_new(len);

    if (!ctx || !k || EVP_PKEY_decrypt_init(ctx) != 1 || !set_oaep(ctx))
        return FAIL(SYSTEM, "cannot decrypt");
    if (EVP_PKEY_decrypt(ctx, secret_fill(k), &len, sealed.at, sealed.len) != 1) {
        ERR_clear_error();
        return FAIL(DENIED, "the wrapped key does not open");
    }
    secret_shorten(k, len);
    *plain = TAKE(k);
    return OK;
}
