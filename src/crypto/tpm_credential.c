// SPDX-License-Identifier: Apache-2.0
#include "crypto/tpm_credential.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "base/writer.h"
#include "crypto/digest_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"
#include "crypto/random.h"

#define AES_BYTES_MAX 32
#define IDENTITY_MAX (2 + TPM_CREDENTIAL_SECRET_MAX)
#define INPUT_MAX 1024

static const char label_identity[] = "IDENTITY"; /* with its NUL, here and in what follows */
static const char label_storage[] = "STORAGE";
static const char label_integrity[] = "INTEGRITY";

static const char *digest_name(enum digest_kind kind)
{
    return kind == DIGEST_SHA384 ? "SHA384" : "SHA256";
}

static fallible hmac(enum digest_kind kind, const struct secret *key, struct span in,
                     uint8_t out[DIGEST_MAX])
{
    struct span k = secret_expose(key);
    size_t len = 0;

    if (!EVP_Q_mac(NULL, "HMAC", NULL, digest_name(kind), NULL, k.at, k.len, in.at, in.len, out,
                   DIGEST_MAX, &len) ||
        len != digest_size(kind))
        return FAIL(SYSTEM, "HMAC failed");
    return OK;
}

/* KDFa: one block is enough for every length that is asked for here. */
static fallible kdf_a(enum digest_kind kind, const struct secret *seed, struct span label,
                      struct span context, unsigned bits, struct secret **out)
{
    struct buf in owned(buf_done) = buf_of(INPUT_MAX);
    uint8_t block[DIGEST_MAX];
    struct secret *made owned(secret_free) = secret_new(bits / 8);

    write_u32be(&in, 1);
    buf_add(&in, label);
    buf_add(&in, context);
    write_u32be(&in, bits);
    TRY(buf_check(&in));
    if (!made || bits / 8 > digest_size(kind))
        return FAIL(SYSTEM, "secure memory is exhausted");
    TRY(hmac(kind, seed, buf_span(&in), block));
    memcpy(secret_fill(made), block, bits / 8);
    wipe(block, sizeof(block));
    *out = TAKE(made);
    return OK;
}

static bool set_oaep(EVP_PKEY_CTX *ctx, const EVP_MD *md)
{
    unsigned char *label = OPENSSL_memdup(label_identity, sizeof(label_identity));

    if (!label || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) != 1 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) != 1 ||
        EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, sizeof(label_identity)) != 1) {
        OPENSSL_free(label);
        return false;
    }
    return true;
}

static fallible seed_rsa(const struct tpm_credential_key *k, struct secret **seed,
                         struct buf *encrypted)
{
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        EVP_PKEY_CTX_new_from_pkey(NULL, key_pkey(k->ek), NULL);
    struct secret *made owned(secret_free) = NULL;
    size_t len = (key_bits(k->ek) + 7) / 8;
    uint8_t *to = buf_extend(encrypted, len);

    TRY(buf_check(encrypted));
    TRY(random_secret(digest_size(k->name_alg), &made));
    struct span s = secret_expose(made);
    if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || !set_oaep(ctx, digest_object(k->name_alg)) ||
        EVP_PKEY_encrypt(ctx, to, &len, s.at, s.len) != 1)
        return FAIL(SYSTEM, "cannot encrypt to the endorsement key");
    *seed = TAKE(made);
    return OK;
}

/* KDFe over the shared x, and the ephemeral point. */
static fallible seed_ecc(const struct tpm_credential_key *k, struct secret **seed,
                         struct buf *encrypted)
{
    struct key *ephemeral owned(key_free) = NULL;
    struct secret *z owned(secret_free) = NULL,
                     *made owned(secret_free) = secret_new(digest_size(k->name_alg));
    struct buf own owned(buf_done) = buf_of(POINT_MAX), peer owned(buf_done) = buf_of(POINT_MAX);
    static const uint8_t counter[] = { 0, 0, 0, 1 };

    TRY(ec_agree_ephemeral(k->ek, &ephemeral, &z));
    TRY(key_to_point(ephemeral, &own));
    TRY(key_to_point(k->ek, &peer));
    if (!made)
        return FAIL(SYSTEM, "secure memory is exhausted");
    size_t size = (own.len - 1) / 2;
    struct span x = span_head(span_tail(buf_span(&own), 1), size),
                y = span_tail(buf_span(&own), 1 + size);
    struct span peer_x = span_head(span_tail(buf_span(&peer), 1), size);
    const struct span parts[] = { SPAN_OF(counter), secret_expose(z), SPAN_OF(label_identity), x,
                                  peer_x };
    TRY(digest_of_all(k->name_alg, parts, sizeof(parts) / sizeof(*parts), secret_fill(made)));
    write_u16be(encrypted, (uint16_t)size);
    buf_add(encrypted, x);
    write_u16be(encrypted, (uint16_t)size);
    buf_add(encrypted, y);
    *seed = TAKE(made);
    return buf_check(encrypted);
}

static fallible identity_encrypt(const struct secret *key, struct span secret, struct buf *out)
{
    static const uint8_t iv[16];
    EVP_CIPHER_CTX *ctx owned(EVP_CIPHER_CTX_free) = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher =
        secret_len(key) == AES_BYTES_MAX ? EVP_aes_256_cfb128() : EVP_aes_128_cfb128();
    uint8_t plain[IDENTITY_MAX] = { (uint8_t)(secret.len >> 8), (uint8_t)secret.len };
    size_t size = 2 + secret.len;
    int len = 0;

    memcpy(plain + 2, secret.at, secret.len);
    uint8_t *to = buf_extend(out, size);
    bool done = to && ctx &&
                EVP_EncryptInit_ex(ctx, cipher, NULL, secret_expose(key).at, iv) == 1 &&
                EVP_EncryptUpdate(ctx, to, &len, plain, (int)size) == 1 && (size_t)len == size;
    wipe(plain, sizeof(plain));
    return done ? OK : FAIL(SYSTEM, "cannot encrypt the credential");
}

static fallible seal(const struct tpm_credential_key *k, const struct secret *seed,
                     struct span name, struct span secret, struct buf *id_object)
{
    struct secret *storage owned(secret_free) = NULL, *integrity owned(secret_free) = NULL;
    struct buf identity owned(buf_done) = buf_of(IDENTITY_MAX),
                        outer owned(buf_done) = buf_of(INPUT_MAX);
    uint8_t mac[DIGEST_MAX];

    TRY(kdf_a(k->name_alg, seed, SPAN_OF(label_storage), name, k->aes_bits, &storage));
    TRY(kdf_a(k->name_alg, seed, SPAN_OF(label_integrity), (struct span){ 0 },
              (unsigned)digest_size(k->name_alg) * 8, &integrity));
    TRY(identity_encrypt(storage, secret, &identity));
    buf_add(&outer, buf_span(&identity));
    buf_add(&outer, name);
    TRY(buf_check(&outer));
    TRY(hmac(k->name_alg, integrity, buf_span(&outer), mac));
    write_u16be(id_object, (uint16_t)digest_size(k->name_alg));
    buf_add(id_object, span_from(mac, digest_size(k->name_alg)));
    buf_add(id_object, buf_span(&identity));
    return buf_check(id_object);
}

fallible tpm_credential_make(const struct tpm_credential_key *k, struct span object_name,
                             struct span secret, struct buf *id_object, struct buf *encrypted_seed)
{
    struct secret *seed owned(secret_free) = NULL;

    if (k->name_alg != DIGEST_SHA256 && k->name_alg != DIGEST_SHA384)
        return FAIL(INPUT, "the endorsement key's name is by neither SHA-256 nor SHA-384");
    if (k->aes_bits != 128 && k->aes_bits != 256)
        return FAIL(INPUT,
                    "the endorsement key's symmetric algorithm is neither AES-128 nor AES-256");
    if (!secret.len || secret.len > TPM_CREDENTIAL_SECRET_MAX ||
        secret.len > digest_size(k->name_alg))
        return FAIL(INPUT, "a credential has 1 to 32 bytes");
    TRY(key_kind_of(k->ek) == KEY_RSA ? seed_rsa(k, &seed, encrypted_seed)
                                      : seed_ecc(k, &seed, encrypted_seed));
    return seal(k, seed, object_name, secret, id_object);
}
