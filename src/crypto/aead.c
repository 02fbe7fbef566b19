// SPDX-License-Identifier: Apache-2.0
#include "crypto/aead.h"

#include <openssl/err.h>
#include <pthread.h>

#include "crypto/context_internal.h"
#include "crypto/gcm_internal.h"
#include "crypto/openssl_internal.h"
#include "crypto/random.h"

#define KW_BLOCK 8

/* Fetched once: looking them up again for each use costs as much as sealing a short text. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *gcm, *key_wrap, *key_wrap_pad;

static void fetch(void)
{
    gcm = EVP_CIPHER_fetch(crypto_context(), "AES-256-GCM", NULL);
    key_wrap = EVP_CIPHER_fetch(crypto_context(), "AES-256-WRAP", NULL);
    key_wrap_pad = EVP_CIPHER_fetch(crypto_context(), "AES-256-WRAP-PAD", NULL);
}

static const EVP_CIPHER *gcm_cipher(void)
{
    (void)pthread_once(&once, fetch);
    return gcm;
}

static const EVP_CIPHER *key_wrap_cipher(void)
{
    (void)pthread_once(&once, fetch);
    return key_wrap;
}

static const EVP_CIPHER *key_wrap_pad_cipher(void)
{
    (void)pthread_once(&once, fetch);
    return key_wrap_pad;
}

static EVP_CIPHER_CTX *start(const EVP_CIPHER *cipher, const struct secret *key,
                             const uint8_t *nonce, bool encrypt)
{
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = EVP_CIPHER_CTX_new();

    if (!ctx || !cipher || secret_len(key) != AEAD_KEY_SIZE)
        return NULL;
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_CipherInit_ex(ctx, cipher, NULL, secret_expose(key).at, nonce, encrypt) != 1)
        return NULL;
    return TAKE(ctx);
}

fallible gcm_seal(const struct secret *key, const uint8_t nonce[GCM_NONCE_SIZE],
                  struct span associated, struct span plain, uint8_t *to, uint8_t tag[GCM_TAG_SIZE])
{
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = start(gcm_cipher(), key, nonce, true);
    int len = 0;

    if (secret_len(key) != AEAD_KEY_SIZE)
        return FAIL(INPUT, "key of the wrong length for AES-256-GCM");
    if (!ctx ||
        (associated.len &&
         EVP_EncryptUpdate(ctx, NULL, &len, associated.at, (int)associated.len) != 1) ||
        (plain.len && EVP_EncryptUpdate(ctx, to, &len, plain.at, (int)plain.len) != 1) ||
        EVP_EncryptFinal_ex(ctx, to + plain.len, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, tag) != 1)
        return FAIL(SYSTEM, "cannot encrypt");
    return OK;
}

fallible gcm_open(const struct secret *key, const uint8_t nonce[GCM_NONCE_SIZE],
                  struct span associated, struct span sealed, const uint8_t tag[GCM_TAG_SIZE],
                  struct secret **plain)
{
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = start(gcm_cipher(), key, nonce, false);
    struct secret *to owned(secret_free) = secret_new(sealed.len);
    int len = 0;

    if (secret_len(key) != AEAD_KEY_SIZE)
        return FAIL(INPUT, "key of the wrong length for AES-256-GCM");
    if (!ctx || !to)
        return FAIL(SYSTEM, "cannot decrypt");
    if ((associated.len &&
         EVP_DecryptUpdate(ctx, NULL, &len, associated.at, (int)associated.len) != 1) ||
        (sealed.len &&
         EVP_DecryptUpdate(ctx, secret_fill(to), &len, sealed.at, (int)sealed.len) != 1) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE, (void *)tag) != 1)
        return FAIL(SYSTEM, "cannot decrypt");
    if (EVP_DecryptFinal_ex(ctx, secret_fill(to) + sealed.len, &len) != 1) {
        ERR_clear_error();
        return FAIL(DENIED, "wrong key, changed bytes or other associated data");
    }
    *plain = TAKE(to);
    return OK;
}

fallible aead_seal(const struct secret *key, struct span associated, const struct secret *plain,
                   struct buf *sealed)
{
    uint8_t nonce[GCM_NONCE_SIZE], tag[GCM_TAG_SIZE];
    struct span p = secret_expose(plain);

    TRY(random_fill(nonce, sizeof nonce));
    buf_add(sealed, SPAN_OF(nonce));
    uint8_t *to = buf_extend(sealed, p.len + GCM_TAG_SIZE);
    TRY(buf_check(sealed));
    TRY(gcm_seal(key, nonce, associated, p, to, tag));
    memcpy(to + p.len, tag, sizeof tag);
    return OK;
}

fallible aead_open(const struct secret *key, struct span associated, struct span sealed,
                   struct secret **plain)
{
    if (sealed.len < AEAD_OVERHEAD || sealed.len - AEAD_OVERHEAD > SECRET_MAX)
        return FAIL(DENIED, "sealed bytes of impossible length");
    struct span content = span_head(span_tail(sealed, GCM_NONCE_SIZE), sealed.len - AEAD_OVERHEAD);
    return gcm_open(key, sealed.at, associated, content,
                    span_tail(sealed, sealed.len - GCM_TAG_SIZE).at, plain);
}

fallible aes_kw_wrap(const struct secret *kek, const struct secret *key, struct buf *out)
{
    struct span k = secret_expose(key);
    int len = 0, rest = 0;

    if (k.len < 2 * KW_BLOCK || k.len % KW_BLOCK || secret_len(kek) != AEAD_KEY_SIZE)
        return FAIL(INPUT, "key that AES key wrap does not take (RFC 3394 section 2)");
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = start(key_wrap_cipher(), kek, NULL, true);
    uint8_t *to = buf_extend(out, k.len + KW_BLOCK);
    TRY(buf_check(out));
    if (!ctx || EVP_EncryptUpdate(ctx, to, &len, k.at, (int)k.len) != 1 ||
        len != (int)k.len + KW_BLOCK || EVP_EncryptFinal_ex(ctx, to + len, &rest) != 1)
        return FAIL(SYSTEM, "cannot wrap the key");
    return OK;
}

fallible aes_kw_unwrap(const struct secret *kek, struct span wrapped, struct secret **out)
{
    int len = 0;

    if (wrapped.len < 3 * KW_BLOCK || wrapped.len % KW_BLOCK || wrapped.len > SECRET_MAX ||
        secret_len(kek) != AEAD_KEY_SIZE)
        return FAIL(INPUT, "wrapped key of impossible length (RFC 3394 section 2)");
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = start(key_wrap_cipher(), kek, NULL, false);
    struct secret *to owned(secret_free) = secret_new(wrapped.len);
    if (!ctx || !to)
        return FAIL(SYSTEM, "cannot unwrap the key");
    if (EVP_DecryptUpdate(ctx, secret_fill(to), &len, wrapped.at, (int)wrapped.len) != 1 ||
        len != (int)wrapped.len - KW_BLOCK) {
        ERR_clear_error();
        return FAIL(DENIED, "wrong wrapping key or changed bytes");
    }
    secret_shorten(to, (size_t)len);
    *out = TAKE(to);
    return OK;
}

fallible aes_kwp_wrap(const struct secret *kek, const struct secret *key, struct buf *out)
{
    struct span k = secret_expose(key);
    size_t padded = (k.len + KW_BLOCK - 1) / KW_BLOCK * KW_BLOCK + KW_BLOCK;
    int len = 0, rest = 0;

    if (!k.len || secret_len(kek) != AEAD_KEY_SIZE)
        return FAIL(INPUT, "key that padded AES key wrap does not take (RFC 5649)");
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = start(key_wrap_pad_cipher(), kek, NULL, true);
    uint8_t *to = buf_extend(out, padded);
    TRY(buf_check(out));
    if (!ctx || EVP_EncryptUpdate(ctx, to, &len, k.at, (int)k.len) != 1 || len != (int)padded ||
        EVP_EncryptFinal_ex(ctx, to + len, &rest) != 1)
        return FAIL(SYSTEM, "cannot wrap the key");
    return OK;
}

fallible aes_kwp_unwrap(const struct secret *kek, struct span wrapped, struct secret **out)
{
    int len = 0;

    if (wrapped.len < 2 * KW_BLOCK || wrapped.len % KW_BLOCK || wrapped.len > SECRET_MAX ||
        secret_len(kek) != AEAD_KEY_SIZE)
        return FAIL(INPUT, "wrapped key of impossible length (RFC 5649)");
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = start(key_wrap_pad_cipher(), kek, NULL, false);
    struct secret *to owned(secret_free) = secret_new(wrapped.len);
    if (!ctx || !to)
        return FAIL(SYSTEM, "cannot unwrap the key");
    if (EVP_DecryptUpdate(ctx, secret_fill(to), &len, wrapped.at, (int)wrapped.len) != 1 ||
        len <= 0 || len > (int)wrapped.len - KW_BLOCK) {
        ERR_clear_error();
        return FAIL(DENIED, "wrong wrapping key or changed bytes");
    }
    secret_shorten(to, (size_t)len);
    *out = TAKE(to);
    return OK;
}
