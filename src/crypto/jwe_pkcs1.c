// SPDX-License-Identifier: Apache-2.0
/* The JWE that guests of Confidential Containers read before release 0.12: alg RSA1_5 (RFC 7518
 * section 4.2), nothing authenticated beside the content. To encrypt so gives away nothing; the
 * weakness of PKCS #1 v1.5 is in programs that open it for others, and none of ours does. */
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/base64.h"
#include "crypto/jose.h"
#include "crypto/jwe_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"
#include "crypto/random.h"

#define CEK_SIZE 32
#define HEADER "{\"alg\":\"RSA1_5\",\"enc\":\"A256GCM\"}"

static fallible encrypt(const struct key *recipient, const struct secret *cek, struct buf *out)
{
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        EVP_PKEY_CTX_new_from_pkey(NULL, key_pkey(recipient), NULL);
    size_t len = (key_bits(recipient) + 7) / 8;
    struct span plain = secret_expose(cek);
    uint8_t *to = buf_extend(out, len);

    TRY(buf_check(out));
    if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_encrypt(ctx, to, &len, plain.at, plain.len) != 1) {
        ERR_clear_error();
        return FAIL(SYSTEM, "cannot encrypt");
    }
    return OK;
}

fallible jwe_seal_unauthenticated(const struct key *recipient, const struct secret *plain,
                                  struct buf *out)
{
    struct secret *cek owned(secret_free) = NULL;
    struct buf wrapped owned(buf_done) = buf_of(RSA_BITS_MAX / 8);

    if (key_kind_of(recipient) != KEY_RSA)
        return FAIL(INPUT, "RSA1_5 needs an RSA key");
    TRY(random_secret(CEK_SIZE, &cek));
    TRY(encrypt(recipient, cek, &wrapped));
    base64url_add(out, SPAN(HEADER));
    buf_add_u8(out, '.');
    base64url_add(out, buf_span(&wrapped));
    buf_add_u8(out, '.');
    return jwe_add_content(cek, (struct span){ 0 }, plain, out);
}
