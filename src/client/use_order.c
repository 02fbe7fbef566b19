// SPDX-License-Identifier: Apache-2.0
#include "client/use_order.h"

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>

#include "base/base64.h"
#include "client/key_use_internal.h"

#define INPUT_TEXT_MAX 2048
#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

/* `info`: what stands before the hash in PKCS#1's DigestInfo (RFC 8017 section 9.2). */
static const struct hash_row {
    const char *name;
    uint32_t type, mgf;
    size_t size;
    struct span info;
} hashes[] = {
    { "SHA-1", CKM_SHA_1, CKG_MGF1_SHA1, 20, { 0 } }, /* of OAEP only */
    { "SHA-256", CKM_SHA256, CKG_MGF1_SHA256, 32,
      BYTES("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20") },
    { "SHA-384", CKM_SHA384, CKG_MGF1_SHA384, 48,
      BYTES("\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30") },
    { "SHA-512", CKM_SHA512, CKG_MGF1_SHA512, 64,
      BYTES("\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40") },
};
#define HASHES (sizeof(hashes) / sizeof(hashes[0]))
#define OF_SIGNATURES (&hashes[1])

static const struct hash_row *hash_by_type(uint32_t type)
{
    for (const struct hash_row *h = OF_SIGNATURES; h < hashes + HASHES; h++)
        if (h->type == type)
            return h;
    return NULL;
}

static const struct hash_row *hash_by_size(size_t size)
{
    for (const struct hash_row *h = OF_SIGNATURES; h < hashes + HASHES; h++)
        if (h->size == size)
            return h;
    return NULL;
}

/* `data` is a DigestInfo; what is left of it is the hash. */
static const struct hash_row *hash_by_info(struct span *data)
{
    for (const struct hash_row *h = OF_SIGNATURES; h < hashes + HASHES; h++)
        if (data->len == h->info.len + h->size && span_starts(*data, h->info)) {
            *data = span_tail(*data, h->info.len);
            return h;
        }
    return NULL;
}

static bool hash_data(struct use_order *o, uint32_t type, struct span data)
{
    unsigned len = 0;

    if (EVP_Digest(data.at, data.len, o->hashed, &len, use_hash_of(type), NULL) != 1)
        return false;
    o->input = span_from(o->hashed, len);
    return true;
}

static enum agent_status sign_already_hashed(const struct use_mechanism *m,
                                             const struct agent_use *how, struct use_order *o)
{
    const struct hash_row *h = NULL;

    o->input = how->data;
    switch (m->padding) {
    case PADDING_EC:
        h = hash_by_size(how->data.len);
        break;
    case PADDING_PKCS1:
        h = hash_by_info(&o->input);
        break;
    case PADDING_PSS:
        h = hash_by_type(how->hash);
        break;
    }
    if (!h || o->input.len != h->size)
        return AGENT_BAD_DATA;
    o->hash = h->name;
    return AGENT_OK;
}

static bool is_rsa(const struct held_key *k)
{
    return EVP_PKEY_get_base_id(held_key_evp(k)) == EVP_PKEY_RSA;
}

/* PSS as the KBS makes it: a salt as long as the hash, MGF1 with the same one. */
static bool pss_suits(const struct use_mechanism *m, const struct agent_use *how)
{
    const struct hash_row *h = hash_by_type(how->hash);
    return h && how->mgf == h->mgf && how->salt == h->size && (!m->hash || m->hash == how->hash);
}

enum agent_status use_order_sign(const struct held_key *k, const struct agent_use *how,
                                 struct use_order *o)
{
    static const char *const names[] = {
        [PADDING_EC] = "ECDSA", [PADDING_PKCS1] = "RSASSA-PKCS1-v1_5", [PADDING_PSS] = "RSASSA-PSS"
    };
    const struct use_mechanism *m = use_mechanism_find(how->mechanism);
    size_t bytes = ((size_t)EVP_PKEY_get_bits(held_key_evp(k)) + 7) / 8;

    if (!m || (m->padding == PADDING_EC) == is_rsa(k) ||
        (m->padding == PADDING_PSS && !pss_suits(m, how)))
        return AGENT_BAD_MECHANISM;
    *o = (struct use_order){ .operation = "sign", .mechanism = names[m->padding] };
    o->result_max = is_rsa(k) ? bytes : 2 * bytes;
    if (!m->hash)
        return sign_already_hashed(m, how, o);
    o->hash = hash_by_type(m->hash)->name;
    return hash_data(o, m->hash, how->data) ? AGENT_OK : AGENT_FAILED;
}

enum agent_status use_order_decrypt(const struct held_key *k, const struct agent_use *how,
                                    struct use_order *o)
{
    const struct hash_row *h = NULL;

    for (size_t i = 0; i < HASHES; i++)
        if (hashes[i].type == how->hash)
            h = &hashes[i];
    if (how->mechanism != CKM_RSA_PKCS_OAEP || !is_rsa(k) || !h || how->mgf != h->mgf)
        return AGENT_BAD_MECHANISM;
    *o = (struct use_order){ .operation = "decrypt",
                             .mechanism = "RSA-OAEP",
                             .hash = h->name,
                             .input = how->data,
                             .label = how->label };
    o->result_max = (size_t)EVP_PKEY_get_size(held_key_evp(k));
    return how->data.len == o->result_max ? AGENT_OK : AGENT_BAD_DATA;
}

static bool set_bytes(json_t *to, const char *name, struct span bytes)
{
    struct buf text owned(buf_done) = buf_of(INPUT_TEXT_MAX);

    base64url_add(&text, bytes);
    json_set_span(to, name, buf_span(&text));
    return !failed(buf_check(&text));
}

json_t *use_order_json(const struct use_order *o, uint64_t version)
{
    json_t *j = json_object();

    json_set_str(j, "name", o->operation);
    json_set_int(j, "key_version", (int64_t)version);
    json_set_str(j, "mechanism", o->mechanism);
    json_set_str(j, "hash", o->hash);
    if (set_bytes(j, "input", o->input) && (!o->label.len || set_bytes(j, "label", o->label)))
        return j;
    json_free(j);
    return NULL;
}
