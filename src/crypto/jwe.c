// SPDX-License-Identifier: Apache-2.0
/* JWE (RFC 7516) with ECDH-ES+A256KW or RSA-OAEP-256 and A256GCM (RFC 7518 sections 4.3, 4.6, 5.3). */
#include <openssl/rsa.h>

#include "base/base64.h"
#include "base/writer.h"
#include "crypto/aead_internal.h"
#include "crypto/digest.h"
#include "crypto/jose_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"
#include "crypto/random.h"

#define PARTS_JWE 5
#define ALG_ECDH "ECDH-ES+A256KW"
#define ALG_OAEP "RSA-OAEP-256"
#define ENC "A256GCM"
#define HEADER_TEXT_MAX (16U << 10)
#define WRAPPED_MAX 512

static bool is_ecdh(const struct key *k)
{
    return key_kind_of(k) == KEY_P256 || key_kind_of(k) == KEY_P384;
}

static fallible shared_secret(const struct key *mine, const struct key *theirs, struct secret **out)
{
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) = EVP_PKEY_CTX_new(key_pkey(mine), NULL);
    size_t len = 0;

    if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, key_pkey(theirs)) != 1 ||
        EVP_PKEY_derive(ctx, NULL, &len) != 1)
        return FAIL(DENIED, "no key agreement with this peer key");
    struct secret *z owned(secret_free) = secret_new(len);
    if (!z || EVP_PKEY_derive(ctx, secret_fill(z), &len) != 1)
        return FAIL(SYSTEM, "key agreement failed");
    *out = TAKE(z);
    return OK;
}

/* Concat KDF, one round of SHA-256 (RFC 7518 section 4.6.2): AlgorithmID, no party info, 256 bits. */
static fallible agreed_kek(const struct key *mine, const struct key *theirs, struct secret **out)
{
    struct secret *z owned(secret_free) = NULL;
    struct secret *kek owned(secret_free) = secret_new(AEAD_KEY_SIZE);
    struct buf info owned(buf_done) = buf_of(256);
    static const uint8_t round[4] = { 0, 0, 0, 1 };

    TRY(shared_secret(mine, theirs, &z));
    write_part(&info, SPAN(ALG_ECDH));
    write_part(&info, SPAN(""));
    write_part(&info, SPAN(""));
    write_u32be(&info, AEAD_KEY_SIZE * 8);
    TRY(buf_check(&info));
    if (!kek)
        return FAIL(SYSTEM, "secure memory is exhausted");
    const struct span parts[] = { SPAN_OF(round), secret_expose(z), buf_span(&info) };
    TRY(digest_of_all(DIGEST_SHA256, parts, 3, secret_fill(kek)));
    *out = TAKE(kek);
    return OK;
}

static EVP_PKEY_CTX *oaep_context(const struct key *k, bool encrypt)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key_pkey(k), NULL);

    if (ctx && (encrypt ? EVP_PKEY_encrypt_init(ctx) : EVP_PKEY_decrypt_init(ctx)) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, "SHA256", NULL) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, "SHA256", NULL) == 1)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

static fallible oaep_encrypt(const struct key *recipient, const struct secret *cek, struct buf *out)
{
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) = oaep_context(recipient, true);
    uint8_t wrapped[WRAPPED_MAX];
    size_t len = sizeof(wrapped);

    if (!ctx || EVP_PKEY_encrypt(ctx, wrapped, &len, secret_expose(cek).at, secret_len(cek)) != 1)
        return FAIL(SYSTEM, "RSA-OAEP encryption failed");
    buf_add(out, span_from(wrapped, len));
    return buf_check(out);
}

static fallible oaep_decrypt(const struct key *recipient, struct span wrapped, struct secret **cek)
{
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) = oaep_context(recipient, false);
    struct secret *out owned(secret_free) = secret_new(WRAPPED_MAX);
    size_t len = WRAPPED_MAX;

    if (!ctx || !out)
        return FAIL(SYSTEM, "RSA-OAEP is not available");
    if (EVP_PKEY_decrypt(ctx, secret_fill(out), &len, wrapped.at, wrapped.len) != 1)
        return FAIL(DENIED, "not encrypted to this key");
    secret_shorten(out, len);
    *cek = TAKE(out);
    return OK;
}

/* The content key, wrapped to the recipient, and the header members that say how. */
static fallible wrap_cek(const struct key *recipient, const struct secret *cek, json_t **more, struct buf *wrapped)
{
    json_t *members owned(json_free) = json_pack("{s:s}", "enc", ENC);

    if (!members)
        return FAIL(SYSTEM, "out of memory for a header");
    if (!is_ecdh(recipient)) {
        TRY(oaep_encrypt(recipient, cek, wrapped));
    } else {
        struct key *ephemeral owned(key_free) = NULL;
        struct secret *kek owned(secret_free) = NULL;
        json_t *epk = NULL;
        TRY(key_make_ec(key_kind_of(recipient), &ephemeral));
        TRY(agreed_kek(ephemeral, recipient, &kek));
        TRY(aes_kw_wrap(kek, cek, wrapped));
        TRY(key_to_jwk(ephemeral, &epk));
        json_object_set_new(members, "epk", epk);
    }
    *more = TAKE(members);
    return OK;
}

fallible jwe_seal(const struct key *recipient, const json_t *header, const struct secret *plain, struct buf *out)
{
    struct secret *cek owned(secret_free) = NULL;
    struct buf wrapped owned(buf_done) = buf_of(WRAPPED_MAX), text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct buf cipher owned(buf_done) = buf_of(SECRET_MAX);
    uint8_t nonce[GCM_NONCE_SIZE], tag[GCM_TAG_SIZE];
    json_t *more = NULL;

    if (!is_ecdh(recipient) && key_kind_of(recipient) != KEY_RSA)
        return FAIL(INPUT, "no key management algorithm of this profile fits the key");
    TRY(random_secret(AEAD_KEY_SIZE, &cek));
    TRY(random_fill(nonce, sizeof(nonce)));
    TRY(wrap_cek(recipient, cek, &more, &wrapped));
    TRY(jose_add_header(header, is_ecdh(recipient) ? ALG_ECDH : ALG_OAEP, more, &text));
    uint8_t *to = buf_extend(&cipher, secret_len(plain));
    if (secret_len(plain) && !to)
        return buf_check(&cipher);
    TRY(gcm_encrypt(cek, SPAN_OF(nonce), buf_span(&text), secret_expose(plain), to, tag));
    const struct span parts[] = { buf_span(&wrapped), SPAN_OF(nonce), buf_span(&cipher), SPAN_OF(tag) };
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        buf_add_str(&text, ".");
        base64url_add(&text, parts[i]);
    }
    TRY(buf_check(&text));
    buf_add(out, buf_span(&text));
    return buf_check(out);
}

static fallible unwrap_cek(const struct key *recipient, const json_t *header, struct span wrapped, struct secret **cek)
{
    const json_t *epk;
    struct key *ephemeral owned(key_free) = NULL;
    struct secret *kek owned(secret_free) = NULL;

    TRY(jose_wants(header, "enc", ENC, "the header names another content encryption than A256GCM"));
    if (!is_ecdh(recipient)) {
        TRY(jose_wants(header, "alg", ALG_OAEP, "the header names another algorithm than the key's"));
        return oaep_decrypt(recipient, wrapped, cek);
    }
    TRY(jose_wants(header, "alg", ALG_ECDH, "the header names another algorithm than the key's"));
    if (json_object_get(header, "apu") || json_object_get(header, "apv"))
        return FAIL(DENIED, "party information in a JWE header is refused by this profile");
    TRY(json_get_object(header, "epk", "the JWE header has no ephemeral key", &epk));
    TRY(key_from_jwk(epk, &ephemeral));
    if (key_kind_of(ephemeral) != key_kind_of(recipient))
        return FAIL(DENIED, "the ephemeral key is on another curve");
    TRY(agreed_kek(recipient, ephemeral, &kek));
    return aes_kw_unwrap(kek, wrapped, cek);
}

fallible jwe_open(const struct key *recipient, struct span text, json_t **header, struct secret **plain)
{
    struct span parts[PARTS_JWE];
    json_t *h owned(json_free) = NULL;
    struct secret *cek owned(secret_free) = NULL;
    struct buf wrapped owned(buf_done) = buf_of(WRAPPED_MAX), cipher owned(buf_done) = buf_of(SECRET_MAX);
    uint8_t nonce[GCM_NONCE_SIZE], tag[GCM_TAG_SIZE];

    TRY(jose_split(text, PARTS_JWE, parts));
    TRY(jose_header(parts[0], &h));
    TRY(base64url_parse(parts[1], &wrapped));
    TRY(base64url_parse_exact(parts[2], nonce, sizeof(nonce)));
    TRY(base64url_parse(parts[3], &cipher));
    TRY(base64url_parse_exact(parts[4], tag, sizeof(tag)));
    TRY(unwrap_cek(recipient, h, buf_span(&wrapped), &cek));
    struct secret *out owned(secret_free) = secret_new(cipher.len);
    if (!out)
        return FAIL(SYSTEM, "secure memory is exhausted");
    TRY(gcm_decrypt(cek, SPAN_OF(nonce), parts[0], buf_span(&cipher), SPAN_OF(tag), secret_fill(out)));
    if (header)
        *header = TAKE(h);
    *plain = TAKE(out);
    return OK;
}
