// SPDX-License-Identifier: Apache-2.0
#include "client/key_use.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>

#include "base/owned.h"
#include "client/key_use_internal.h"

OWNED_TYPE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
OWNED_TYPE(ECDSA_SIG, ECDSA_SIG_free)

static const struct use_mechanism mechanisms[] = {
    { CKM_ECDSA, PADDING_EC, 0 },
    { CKM_ECDSA_SHA256, PADDING_EC, CKM_SHA256 },
    { CKM_ECDSA_SHA384, PADDING_EC, CKM_SHA384 },
    { CKM_ECDSA_SHA512, PADDING_EC, CKM_SHA512 },
    { CKM_RSA_PKCS, PADDING_PKCS1, 0 },
    { CKM_SHA256_RSA_PKCS, PADDING_PKCS1, CKM_SHA256 },
    { CKM_SHA384_RSA_PKCS, PADDING_PKCS1, CKM_SHA384 },
    { CKM_SHA512_RSA_PKCS, PADDING_PKCS1, CKM_SHA512 },
    { CKM_RSA_PKCS_PSS, PADDING_PSS, 0 },
    { CKM_SHA256_RSA_PKCS_PSS, PADDING_PSS, CKM_SHA256 },
    { CKM_SHA384_RSA_PKCS_PSS, PADDING_PSS, CKM_SHA384 },
    { CKM_SHA512_RSA_PKCS_PSS, PADDING_PSS, CKM_SHA512 },
};

struct key_use {
    struct held_key *key; /* of `ctx`; a reference */
    const struct use_mechanism *mechanism;
    uint32_t hash, mgf, salt;
    EVP_PKEY_CTX *ctx; /* NULL: nothing is ready */
};

void key_use_forget(struct key_use *u)
{
    EVP_PKEY_CTX_free(u->ctx);
    held_key_free(u->key);
    *u = (struct key_use){ 0 };
}

struct key_use *key_use_new(void)
{
    return calloc(1, sizeof(struct key_use));
}

void key_use_free(struct key_use *u)
{
    if (!u)
        return;
    key_use_forget(u);
    free(u);
}

const struct use_mechanism *use_mechanism_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
        if (mechanisms[i].type == type)
            return &mechanisms[i];
    return NULL;
}

const EVP_MD *use_hash_of(uint32_t type)
{
    switch (type) {
    case CKM_SHA256:
        return EVP_sha256();
    case CKM_SHA384:
        return EVP_sha384();
    case CKM_SHA512:
        return EVP_sha512();
    default: /* a number of PKCS#11's, not an enum of ours */
        return NULL;
    }
}

static const EVP_MD *mgf_of(uint32_t type)
{
    switch (type) {
    case CKG_MGF1_SHA256:
        return EVP_sha256();
    case CKG_MGF1_SHA384:
        return EVP_sha384();
    case CKG_MGF1_SHA512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct use_mechanism *m,
                        const struct agent_use *how)
{
    const EVP_MD *hash = use_hash_of(m->padding == PADDING_PSS ? how->hash : m->hash);
    const EVP_MD *mgf = mgf_of(how->mgf);

    switch (m->padding) {
    case PADDING_EC:
        return true;
    case PADDING_PKCS1:
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0 &&
               (!hash || EVP_PKEY_CTX_set_signature_md(ctx, hash) > 0);
    case PADDING_PSS:
        return hash && mgf && (!m->hash || m->hash == how->hash) && how->salt <= EVP_MAX_MD_SIZE &&
               EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
               EVP_PKEY_CTX_set_signature_md(ctx, hash) > 0 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf) > 0 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)how->salt) > 0;
    }
    return false;
}

static bool ready_for(const struct key_use *u, const struct held_key *k,
                      const struct agent_use *how)
{
    return u->ctx && u->key == k && u->mechanism->type == how->mechanism && u->hash == how->hash &&
           u->mgf == how->mgf && u->salt == how->salt;
}

static enum agent_status make_ready(struct key_use *u, struct held_key *k,
                                    const struct agent_use *how)
{
    const struct use_mechanism *m = use_mechanism_find(how->mechanism);

    if (ready_for(u, k, how))
        return AGENT_OK;
    key_use_forget(u);
    EVP_PKEY *evp = held_key_evp(k);
    if (!m || !evp || (m->padding == PADDING_EC) != (EVP_PKEY_get_base_id(evp) == EVP_PKEY_EC))
        return AGENT_BAD_MECHANISM;
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) = EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);
    if (!ctx || EVP_PKEY_sign_init(ctx) <= 0)
        return AGENT_FAILED;
    if (!set_padding(ctx, m, how))
        return AGENT_BAD_MECHANISM;
    *u = (struct key_use){ held_key_ref(k), m, how->hash, how->mgf, how->salt, TAKE(ctx) };
    return AGENT_OK;
}

/* What is signed: the data, or its hash; its length must suit. */
static enum agent_status input_of(const struct key_use *u, struct span data, uint8_t *hash,
                                  struct span *out)
{
    const EVP_MD *md = use_hash_of(u->mechanism->hash);
    unsigned len = 0;

    *out = data;
    if (md) {
        if (EVP_Digest(data.at, data.len, hash, &len, md, NULL) != 1)
            return AGENT_FAILED;
        *out = span_from(hash, len);
        return AGENT_OK;
    }
    switch (u->mechanism->padding) {
    case PADDING_EC:
        return data.len && data.len <= EVP_MAX_MD_SIZE ? AGENT_OK : AGENT_BAD_DATA;
    case PADDING_PKCS1:
        return data.len + RSA_PKCS1_PADDING_SIZE <= (size_t)EVP_PKEY_get_size(held_key_evp(u->key))
                   ? AGENT_OK
                   : AGENT_BAD_DATA;
    case PADDING_PSS:
        return data.len == (size_t)EVP_MD_get_size(use_hash_of(u->hash)) ? AGENT_OK
                                                                         : AGENT_BAD_DATA;
    }
    return AGENT_FAILED;
}

/* OpenSSL's DER to PKCS#11's r || s. */
static enum agent_status to_raw(EVP_PKEY *evp, uint8_t *signature, size_t *len)
{
    size_t half = ((size_t)EVP_PKEY_get_bits(evp) + 7) / 8;
    const unsigned char *at = signature;
    ECDSA_SIG *sig owned(ECDSA_SIG_free) = d2i_ECDSA_SIG(NULL, &at, (long)*len);

    if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, (int)half) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + half, (int)half) < 0)
        return AGENT_FAILED;
    *len = 2 * half;
    return AGENT_OK;
}

enum agent_status key_sign(struct key_use *u, struct held_key *k, const struct agent_use *how,
                           uint8_t *out, size_t *len)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    struct span input;
    size_t room = KEY_USE_MAX;

    enum agent_status status = make_ready(u, k, how);
    if (status == AGENT_OK)
        status = input_of(u, how->data, hash, &input);
    if (status == AGENT_OK && EVP_PKEY_sign(u->ctx, out, &room, input.at, input.len) <= 0)
        status = AGENT_FAILED;
    if (status == AGENT_OK && u->mechanism->padding == PADDING_EC)
        status = to_raw(held_key_evp(k), out, &room);
    if (status != AGENT_OK) {
        key_use_forget(u);
        ERR_clear_error();
        return status;
    }
    *len = room;
    return AGENT_OK;
}

/* OAEP may use SHA-1, the parameters' default everywhere: it rests on no collision resistance. */
static bool set_oaep(EVP_PKEY_CTX *ctx, const struct agent_use *how)
{
    const EVP_MD *hash = how->hash == CKM_SHA_1 ? EVP_sha1() : use_hash_of(how->hash);
    const EVP_MD *mgf = how->mgf == CKG_MGF1_SHA1 ? EVP_sha1() : mgf_of(how->mgf);

    if (!hash || !mgf || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) <= 0 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash) <= 0 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf) <= 0)
        return false;
    if (!how->label.len)
        return true;
    unsigned char *label = OPENSSL_memdup(how->label.at, how->label.len);
    if (label && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, (int)how->label.len) > 0)
        return true;
    OPENSSL_free(label);
    return false;
}

enum agent_status key_decrypt(struct held_key *k, const struct agent_use *how, uint8_t *out,
                              size_t *len)
{
    EVP_PKEY *evp = held_key_evp(k);
    size_t room = KEY_USE_MAX;

    if (how->mechanism != CKM_RSA_PKCS_OAEP || !evp || EVP_PKEY_get_base_id(evp) != EVP_PKEY_RSA)
        return AGENT_BAD_MECHANISM;
    if (how->data.len != (size_t)EVP_PKEY_get_size(evp))
        return AGENT_BAD_DATA;
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) = EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);
    if (!ctx || EVP_PKEY_decrypt_init(ctx) <= 0)
        return AGENT_FAILED;
    if (!set_oaep(ctx, how))
        return AGENT_BAD_MECHANISM;
    bool good = EVP_PKEY_decrypt(ctx, out, &room, how->data.at, how->data.len) > 0;
    ERR_clear_error();
    if (!good)
        return AGENT_BAD_DATA;
    *len = room;
    return AGENT_OK;
}
