// SPDX-License-Identifier: Apache-2.0
/* SHA by OpenSSL's low-level functions; deprecated, but not gone, in 3.x. Through EVP a digest of a
 * short text costs three times as much, and in a process just forked the reference counts that it
 * writes cost pages besides. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/digest.h"

#include <openssl/sha.h>
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

static void fetch(void)
{
    for (size_t i = 0; i < KINDS; i++)
        objects[i] = EVP_MD_fetch(crypto_context(), rows[i].name, NULL);
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

union state {
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512; /* SHA-384 too */
};

static bool state_start(enum digest_kind kind, union state *s)
{
    switch (kind) {
    case DIGEST_SHA1:
        return SHA1_Init(&s->sha1) == 1;
    case DIGEST_SHA256:
        return SHA256_Init(&s->sha256) == 1;
    case DIGEST_SHA384:
        return SHA384_Init(&s->sha512) == 1;
    case DIGEST_SHA512:
        return SHA512_Init(&s->sha512) == 1;
    }
    return false;
}

static bool state_add(enum digest_kind kind, union state *s, struct span bytes)
{
    switch (kind) {
    case DIGEST_SHA1:
        return SHA1_Update(&s->sha1, bytes.at, bytes.len) == 1;
    case DIGEST_SHA256:
        return SHA256_Update(&s->sha256, bytes.at, bytes.len) == 1;
    case DIGEST_SHA384:
    case DIGEST_SHA512:
        return SHA512_Update(&s->sha512, bytes.at, bytes.len) == 1;
    }
    return false;
}

static bool state_end(enum digest_kind kind, union state *s, uint8_t *out)
{
    switch (kind) {
    case DIGEST_SHA1:
        return SHA1_Final(out, &s->sha1) == 1;
    case DIGEST_SHA256:
        return SHA256_Final(out, &s->sha256) == 1;
    case DIGEST_SHA384:
        return SHA384_Final(out, &s->sha512) == 1;
    case DIGEST_SHA512:
        return SHA512_Final(out, &s->sha512) == 1;
    }
    return false;
}

static bool run(enum digest_kind kind, union state *s, const struct span *parts, size_t count,
                uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len && !state_add(kind, s, parts[i]))
            return false;
    }
    return state_end(kind, s, out);
}

fallible digest_of_all(enum digest_kind kind, const struct span *parts, size_t count, uint8_t *out)
{
    union state s;
    uint8_t hash[DIGEST_MAX];
    bool good = state_start(kind, &s) && run(kind, &s, parts, count, hash);

    wipe(&s, sizeof s); /* what was hashed may be a secret */
    if (!good)
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

/* RFC 2104: H(key ^ opad, H(key ^ ipad, text)). */
static fallible hmac_of(struct span key, const struct span *parts, size_t count,
                        uint8_t out[SHA256_SIZE])
{
    uint8_t block[SHA256_CBLOCK] = { 0 }, inner[SHA256_SIZE];
    union state s;

    if (key.len > sizeof block)
        TRY(sha256(key, block));
    else if (key.len)
        memcpy(block, key.at, key.len);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    bool good = SHA256_Init(&s.sha256) == 1 && SHA256_Update(&s.sha256, block, sizeof block) == 1 &&
                run(DIGEST_SHA256, &s, parts, count, inner);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    const struct span last = SPAN_OF(inner);
    good = good && SHA256_Init(&s.sha256) == 1 &&
           SHA256_Update(&s.sha256, block, sizeof block) == 1 &&
           run(DIGEST_SHA256, &s, &last, 1, out);
    wipe(block, sizeof block);
    wipe(inner, sizeof inner);
    wipe(&s, sizeof s);
    return good ? OK : FAIL(SYSTEM, "HMAC failed");
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
