// SPDX-License-Identifier: Apache-2.0
#include "crypto/jwe_internal.h"

#include "base/base64.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/digest_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"
#include "crypto/rsa_oaep.h"

#define ALG_EC "ECDH-ES+A256KW"
#define ALG_RSA "RSA-OAEP-256"
#define PARTY_MAX 512

const char *jwe_algorithm(const struct key *k)
{
    switch (key_kind_of(k)) {
    case KEY_RSA:
        return ALG_RSA;
    case KEY_P256:
    case KEY_P384:
    case KEY_P521:
        return ALG_EC;
    }
    return NULL;
}

/* A party's name in the header, base64url; absent is empty. */
static fallible add_party(const json_t *header, const char *name, struct buf *info)
{
    struct buf party owned(buf_done) = buf_of(PARTY_MAX);
    struct span text = { 0 };

    TRY(json_opt_str(header, name, "JWE party information", &text));
    TRY(base64url_parse(text, &party));
    write_part(info, buf_span(&party));
    return OK;
}

/* Concat KDF with one round of SHA-256 (RFC 7518 section 4.6.2). */
static fallible derive_kek(const struct secret *z, const json_t *header, struct secret **out)
{
    struct secret *kek owned(secret_free) = secret_new(SHA256_SIZE);
    struct buf info owned(buf_done) = buf_of(2 * PARTY_MAX + 64);

    if (!kek)
        return FAIL(SYSTEM, "secure memory is exhausted");
    write_part(&info, SPAN(ALG_EC));
    TRY(add_party(header, "apu", &info));
    TRY(add_party(header, "apv", &info));
    write_u32be(&info, 8 * SHA256_SIZE);
    TRY(buf_check(&info));
    struct span parts[] = { SPAN("\0\0\0\1"), secret_expose(z), buf_span(&info) };
    TRY(digest_of_all(DIGEST_SHA256, parts, 3, secret_fill(kek)));
    *out = TAKE(kek);
    return OK;
}

static fallible wrap_ec(const struct key *recipient, json_t *header, const struct secret *cek,
                        struct buf *wrapped)
{
    struct key *ephemeral owned(key_free) = NULL;
    struct secret *z owned(secret_free) = NULL, *kek owned(secret_free) = NULL;
    json_t *epk = NULL;

    TRY(ec_agree_ephemeral(recipient, &ephemeral, &z));
    TRY(key_to_jwk(ephemeral, &epk));
    if (json_object_set_new(header, "epk", epk) != 0)
        return FAIL(SYSTEM, "memory is short");
    TRY(derive_kek(z, header, &kek));
    return aes_kw_wrap(kek, cek, wrapped);
}

static fallible unwrap_ec(const struct key *recipient, const json_t *header, struct span wrapped,
                          struct secret **cek)
{
    struct key *ephemeral owned(key_free) = NULL;
    struct secret *z owned(secret_free) = NULL, *kek owned(secret_free) = NULL;
    const json_t *epk = NULL;

    TRY(json_get_object(header, "epk", "JWE epk", &epk));
    TRY(key_from_jwk(epk, &ephemeral));
    if (key_kind_of(ephemeral) != key_kind_of(recipient))
        return FAIL(INPUT, "JWE epk of another curve");
    TRY(ec_agree(recipient, ephemeral, &z));
    TRY(derive_kek(z, header, &kek));
    return aes_kw_unwrap(kek, wrapped, cek);
}

fallible jwe_wrap(const struct key *recipient, json_t *header, const struct secret *cek,
                  struct buf *wrapped)
{
    return key_kind_of(recipient) == KEY_RSA ? rsa_oaep_seal(recipient, cek, wrapped)
                                             : wrap_ec(recipient, header, cek, wrapped);
}

fallible jwe_unwrap(const struct key *recipient, const json_t *header, struct span wrapped,
                    struct secret **cek)
{
    return key_kind_of(recipient) == KEY_RSA ? rsa_oaep_open(recipient, wrapped, cek)
                                             : unwrap_ec(recipient, header, wrapped, cek);
}
