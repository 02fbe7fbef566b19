// SPDX-License-Identifier: Apache-2.0
#include "crypto/aead.h"

#include <pthread.h>

#include "crypto/aead_internal.h"
#include "crypto/openssl_internal.h"
#include "crypto/random.h"

#define SEALED_MAX (SECRET_MAX + AEAD_OVERHEAD)
#define KW_BLOCK 8

static pthread_once_t ciphers_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *gcm, *key_wrap;

static void fetch_ciphers(void)
{
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    key_wrap = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
}

static bool ciphers_ready(void)
{
    (void)pthread_once(&ciphers_once, fetch_ciphers);
    return gcm && key_wrap;
}

fallible gcm_encrypt(const struct secret *key, struct span nonce, struct span associated, struct span plain, uint8_t *cipher,
                     uint8_t tag[GCM_TAG_SIZE])
{
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = EVP_CIPHER_CTX_new();
    int len = 0;

    if (secret_len(key) != AEAD_KEY_SIZE || nonce.len != GCM_NONCE_SIZE || plain.len > INT32_MAX)
        return FAIL(INPUT, "wrong size of a key or nonce for AES-256-GCM");
    if (!ctx || !ciphers_ready() ||
        EVP_EncryptInit_ex2(ctx, gcm, secret_expose(key).at, nonce.at, NULL) != 1 ||
        (associated.len && EVP_EncryptUpdate(ctx, NULL, &len, associated.at, (int)associated.len) != 1) ||
        (plain.len && EVP_EncryptUpdate(ctx, cipher, &len, plain.at, (int)plain.len) != 1) ||
        EVP_EncryptFinal_ex(ctx, tag, &len) != 1 || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, tag) != 1)
        return FAIL(SYSTEM, "AES-256-GCM failed");
    return OK;
}

fallible gcm_decrypt(const struct secret *key, struct span nonce, struct span associated, struct span cipher, struct span tag,
                     uint8_t *plain)
{
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = EVP_CIPHER_CTX_new();
    uint8_t end[GCM_TAG_SIZE];
    int len = 0;

    if (secret_len(key) != AEAD_KEY_SIZE || nonce.len != GCM_NONCE_SIZE || tag.len != GCM_TAG_SIZE || cipher.len > INT32_MAX)
        return FAIL(INPUT, "wrong size of a key, nonce or tag for AES-256-GCM");
    if (!ctx || !ciphers_ready() || EVP_DecryptInit_ex2(ctx, gcm, secret_expose(key).at, nonce.at, NULL) != 1 ||
        (associated.len && EVP_DecryptUpdate(ctx, NULL, &len, associated.at, (int)associated.len) != 1) ||
        (cipher.len && EVP_DecryptUpdate(ctx, plain, &len, cipher.at, (int)cipher.len) != 1) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE, (void *)tag.at) != 1)
        return FAIL(SYSTEM, "AES-256-GCM failed");
    if (EVP_DecryptFinal_ex(ctx, end, &len) != 1) {
        wipe(plain, cipher.len);
        return FAIL(DENIED, "sealed with another key, or changed");
    }
    return OK;
}

fallible aead_seal(const struct secret *key, struct span associated, const struct secret *plain, struct buf *sealed)
{
    struct buf out owned(buf_done) = buf_of(SEALED_MAX);
    size_t len = secret_len(plain);
    uint8_t *at = buf_extend(&out, len + AEAD_OVERHEAD);

    if (!at)
        return buf_check(&out);
    TRY(random_fill(at, GCM_NONCE_SIZE));
    TRY(gcm_encrypt(key, span_from(at, GCM_NONCE_SIZE), associated, secret_expose(plain), at + GCM_NONCE_SIZE,
                    at + GCM_NONCE_SIZE + len));
    buf_add(sealed, buf_span(&out));
    return buf_check(sealed);
}

fallible aead_open(const struct secret *key, struct span associated, struct span sealed, struct secret **plain)
{
    if (sealed.len < AEAD_OVERHEAD || sealed.len > SEALED_MAX)
        return FAIL(DENIED, "not a sealed value");
    size_t len = sealed.len - AEAD_OVERHEAD;
    struct secret *out owned(secret_free) = secret_new(len);
    if (!out)
        return FAIL(SYSTEM, "secure memory is exhausted");
    struct span body = span_tail(sealed, GCM_NONCE_SIZE);
    TRY(gcm_decrypt(key, span_head(sealed, GCM_NONCE_SIZE), associated, span_head(body, len), span_tail(body, len),
                    secret_fill(out)));
    *plain = TAKE(out);
    return OK;
}

static EVP_CIPHER_CTX *kw_context(const struct secret *kek, bool wrap)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (!ctx || !ciphers_ready())
        return ctx;
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_CipherInit_ex2(ctx, key_wrap, secret_expose(kek).at, NULL, wrap, NULL) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

fallible aes_kw_wrap(const struct secret *kek, const struct secret *key, struct buf *out)
{
    size_t len = secret_len(key);

    if (secret_len(kek) != AEAD_KEY_SIZE || len < 2 * KW_BLOCK || len % KW_BLOCK)
        return FAIL(INPUT, "AES key wrap takes whole blocks of 8 bytes, at least two (RFC 3394 section 2)");
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = kw_context(kek, true);
    uint8_t *to = buf_extend(out, len + KW_BLOCK);
    int done = 0;
    if (!ctx || !to || EVP_CipherUpdate(ctx, to, &done, secret_expose(key).at, (int)len) != 1 || (size_t)done != len + KW_BLOCK)
        return FAIL(SYSTEM, "AES key wrap failed");
    return buf_check(out);
}

fallible aes_kw_unwrap(const struct secret *kek, struct span wrapped, struct secret **out)
{
    if (secret_len(kek) != AEAD_KEY_SIZE || wrapped.len < 3 * KW_BLOCK || wrapped.len % KW_BLOCK || wrapped.len > SECRET_MAX)
        return FAIL(INPUT, "not an AES-wrapped key (RFC 3394 section 2)");
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = kw_context(kek, false);
    struct secret *room owned(secret_free) = secret_new(wrapped.len); /* OpenSSL writes the check block too */
    int done = 0;
    if (!ctx || !room)
        return FAIL(SYSTEM, "AES key unwrap failed");
    if (EVP_CipherUpdate(ctx, secret_fill(room), &done, wrapped.at, (int)wrapped.len) != 1 ||
        (size_t)done != wrapped.len - KW_BLOCK)
        return FAIL(DENIED, "wrapped with another key, or changed (RFC 3394 section 2.2.3)");
    secret_shorten(room, (size_t)done);
    *out = TAKE(room);
    return OK;
}
