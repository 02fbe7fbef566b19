// SPDX-License-Identifier: Apache-2.0
#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <pthread.h>

#include "base/hex.h"
#include "crypto/context_internal.h"
#include "crypto/digest_internal.h"
#include "crypto/openssl_internal.h"

#define KINDS (DIGEST_SHA512 + 1)

static const struct {
    const char *name;
    size_t size;
} rows[KINDS] = {
    [DIGEST_SHA1] = { "SHA1", 20 },
    [DIGEST_SHA256] = { "SHA256", SHA256_SIZE },
    [DIGEST_SHA384] = { "SHA384", SHA384_SIZE },
    [DIGEST_SHA512] = { "SHA512", SHA512_SIZE },
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *objects[KINDS];
static EVP_MAC *hmac;

static void fetch(void)
{
    for (size_t i = 0; i < KINDS; i++)
        objects[i] = EVP_MD_fetch(crypto_context(), rows[i].name, NULL);
    hmac = EVP_MAC_fetch(crypto_context(), "HMAC", NULL);
}

const EVP_MD *digest_object(enum digest_kind kind)
{
    (void)pthread_once(&once, fetch);
    return objects[kind];
}

size_t digest_size(enum digest_kind kind)
{
    return rows[kind].size;
}

fallible digest_of_all(enum digest_kind kind, const struct span *parts, size_t count, uint8_t *out)
{
    const EVP_MD *md = digest_object(kind);
    EVP_MD_CTX *ctx owned(EVP_MD_CTX_free) = EVP_MD_CTX_new();
    uint8_t hash[DIGEST_MAX];

    if (!md || !ctx || EVP_DigestInit_ex2(ctx, md, NULL) != 1)
        return FAIL(SYSTEM, "no digest");
    for (size_t i = 0; i < count; i++) {
        if (EVP_DigestUpdate(ctx, parts[i].at, parts[i].len) != 1)
            return FAIL(SYSTEM, "digest failed");
    }
    if (EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
        return FAIL(SYSTEM, "digest failed");
    memcpy(out, hash, digest_size(kind));
    return OK;
}

fallible digest_of(enum digest_kind kind, struct span bytes, uint8_t *out)
{
    return digest_of_all(kind, &bytes, 1, out);
}

fallible sha256(struct span bytes, uint8_t out[SHA256_SIZE])
{
    return digest_of_all(DIGEST_SHA256, &bytes, 1, out);
}

fallible digest_text(struct span bytes, char out[DIGEST_TEXT_SIZE])
{
    uint8_t hash[SHA256_SIZE];

    TRY(sha256(bytes, hash));
    memcpy(out, "sha256:", 7);
    (void)hex_str(SPAN_OF(hash), out + 7);
    return OK;
}

static fallible hmac_of(struct span key, const struct span *parts, size_t count,
                        uint8_t out[SHA256_SIZE])
{
    char name[] = "SHA256";
    uint8_t mac[SHA256_SIZE];
    const OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                  OSSL_PARAM_END };

    (void)pthread_once(&once, fetch);
    EVP_MAC_CTX *ctx owned(EVP_MAC_CTX_free) = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    if (!ctx || EVP_MAC_init(ctx, key.at, key.len, params) != 1)
        return FAIL(SYSTEM, "no HMAC");
    for (size_t i = 0; i < count; i++) {
        if (EVP_MAC_update(ctx, parts[i].at, parts[i].len) != 1)
            return FAIL(SYSTEM, "HMAC failed");
    }
    size_t len = 0;
    if (EVP_MAC_final(ctx, mac, &len, sizeof mac) != 1 || len != sizeof mac)
        return FAIL(SYSTEM, "HMAC failed");
    memcpy(out, mac, sizeof mac);
    wipe(mac, sizeof mac);
    return OK;
}

fallible hmac_sha256(const struct secret *key, struct span bytes, uint8_t out[SHA256_SIZE])
{
    return hmac_of(secret_expose(key), &bytes, 1, out);
}

static fallible expand(const struct secret *prk, struct span label, struct secret *to)
{
    uint8_t *at = secret_fill(to);
    size_t left = secret_len(to);
    struct secret *block owned(secret_free) = secret_new(SHA256_SIZE);

    if (!block)
        return FAIL(SYSTEM, "secure memory is exhausted");
    for (uint8_t i = 1; left > 0; i++) {
        struct span parts[] = { secret_expose(block), label, span_from(&i, 1) };
        size_t skip = i == 1 ? 1 : 0; /* T(0) is empty */

        TRY(hmac_of(secret_expose(prk), parts + skip, 3 - skip, secret_fill(block)));
        size_t len = left < SHA256_SIZE ? left : SHA256_SIZE;
        memcpy(at, secret_fill(block), len);
        at += len;
        left -= len;
    }
    return OK;
}

fallible hkdf_sha256(const struct secret *key, struct span label, size_t len, struct secret **out)
{
    static const uint8_t no_salt[SHA256_SIZE];
    struct span ikm = secret_expose(key);

    if (len == 0 || len > 255 * SHA256_SIZE)
        return FAIL(LIMIT, "HKDF output length (RFC 5869 section 2.3)");
    struct secret *prk owned(secret_free) = secret_new(SHA256_SIZE);
    struct secret *okm owned(secret_free) = secret_new(len);
    if (!prk || !okm)
        return FAIL(SYSTEM, "secure memory is exhausted");
    TRY(hmac_of(SPAN_OF(no_salt), &ikm, 1, secret_fill(prk)));
    TRY(expand(prk, label, okm));
    *out = TAKE(okm);
    return OK;
}
