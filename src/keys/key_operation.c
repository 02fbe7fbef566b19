// SPDX-License-Identifier: Apache-2.0
#include "keys/key_operation.h"

#include "crypto/jose.h"
#include "crypto/private_use.h"
#include "crypto/signature.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const operations[] = { [KEY_OPERATION_SIGN] = "sign",
                                          [KEY_OPERATION_DECRYPT] = "decrypt",
                                          [KEY_OPERATION_DERIVE] = "derive" };

static const struct mechanism {
    const char *name;
    enum key_operation operation;
    enum key_algorithm algorithm;
    enum signature_scheme scheme; /* of a signature */
} mechanisms[] = {
    [KEY_MECHANISM_RSA_PKCS1] = { "RSASSA-PKCS1-v1_5", KEY_OPERATION_SIGN, KEY_ALGORITHM_RSA,
                                  SIGNATURE_RSA_PKCS1 },
    [KEY_MECHANISM_RSA_PSS] = { "RSASSA-PSS", KEY_OPERATION_SIGN, KEY_ALGORITHM_RSA,
                                SIGNATURE_RSA_PSS },
    [KEY_MECHANISM_ECDSA] = { "ECDSA", KEY_OPERATION_SIGN, KEY_ALGORITHM_EC, SIGNATURE_ECDSA },
    [KEY_MECHANISM_RSA_OAEP] = { "RSA-OAEP", KEY_OPERATION_DECRYPT, KEY_ALGORITHM_RSA,
                                 SIGNATURE_ECDSA },
    [KEY_MECHANISM_ECDH] = { "ECDH", KEY_OPERATION_DERIVE, KEY_ALGORITHM_EC, SIGNATURE_ECDSA },
};

static const char *const hashes[] = { [DIGEST_SHA1] = "SHA-1",
                                      [DIGEST_SHA256] = "SHA-256",
                                      [DIGEST_SHA384] = "SHA-384",
                                      [DIGEST_SHA512] = "SHA-512" };

fallible key_operation_parse(struct span name, enum key_operation *out)
{
    for (size_t i = KEY_OPERATION_SIGN; i < COUNT(operations); i++)
        if (span_equal_str(name, operations[i])) {
            *out = (enum key_operation)i;
            return OK;
        }
    return FAIL(INPUT, "an operation is sign, decrypt or derive");
}

const char *key_operation_name(enum key_operation o)
{
    return operations[o];
}

fallible key_mechanism_parse(struct span name, enum key_mechanism *out)
{
    for (size_t i = KEY_MECHANISM_RSA_PKCS1; i < COUNT(mechanisms); i++)
        if (span_equal_str(name, mechanisms[i].name)) {
            *out = (enum key_mechanism)i;
            return OK;
        }
    return FAIL(INPUT, "a mechanism is RSASSA-PKCS1-v1_5, RSASSA-PSS, ECDSA, RSA-OAEP or ECDH");
}

const char *key_mechanism_name(enum key_mechanism m)
{
    return mechanisms[m].name;
}

fallible key_hash_parse(struct span name, enum digest_kind *out)
{
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (span_equal_str(name, hashes[i])) {
            *out = (enum digest_kind)i;
            return OK;
        }
    return FAIL(INPUT, "a hash is SHA-256, SHA-384 or SHA-512, for RSA-OAEP also SHA-1");
}

const char *key_hash_name(enum digest_kind hash)
{
    return hashes[hash];
}

static size_t point_size(unsigned bits)
{
    return 1 + (size_t)2 * ((bits + 7) / 8);
}

fallible key_use_check(const struct key_use *u, const struct key_spec *spec)
{
    const struct mechanism *m = &mechanisms[u->mechanism];

    if (m->operation != u->operation)
        return FAIL(INPUT, "the mechanism is of another operation");
    if (m->algorithm != spec->algorithm)
        return FAIL(INPUT, "the mechanism is for keys of another kind");
    if (u->label.len > KEY_LABEL_INPUT_MAX ||
        (u->label.len && u->mechanism != KEY_MECHANISM_RSA_OAEP))
        return FAIL(INPUT, "a label is for RSA-OAEP, and has at most 256 bytes");
    switch (u->operation) {
    case KEY_OPERATION_SIGN:
        return u->hash != DIGEST_SHA1 && u->input.len == digest_size(u->hash)
                   ? OK
                   : FAIL(INPUT, "what is signed is a hash of SHA-256, SHA-384 or SHA-512");
    case KEY_OPERATION_DECRYPT:
        return u->input.len == spec->bits / 8
                   ? OK
                   : FAIL(INPUT, "what is decrypted is as long as the key's modulus");
    case KEY_OPERATION_DERIVE:
        return u->input.len == point_size(spec->bits) && u->input.at[0] == 4
                   ? OK
                   : FAIL(INPUT, "a key is derived with an uncompressed point of the key's curve");
    }
    return FAIL(INPUT, "unknown operation");
}

fallible key_use_seal(const struct key_use *u, const struct secret *plain, struct buf *result)
{
    return jwe_seal(u->recipient, u->header, plain, result);
}

fallible key_material_use(const struct secret *material, const struct key_spec *spec,
                          const struct key_use *u, struct buf *result)
{
    struct key *k owned(key_free) = NULL;
    struct secret *plain owned(secret_free) = NULL;

    TRY(key_use_check(u, spec));
    TRY(key_from_pkcs8(material, &k));
    switch (u->operation) {
    case KEY_OPERATION_SIGN:
        return signature_make_prehashed(k, mechanisms[u->mechanism].scheme, u->hash, u->input,
                                        result);
    case KEY_OPERATION_DECRYPT:
        TRY(oaep_open(k, u->hash, u->label, u->input, &plain));
        break;
    case KEY_OPERATION_DERIVE:
        TRY(ecdh_derive(k, u->input, &plain));
        break;
    }
    return key_use_seal(u, plain, result);
}

fallible key_material_public(const struct secret *material, const struct key_spec *spec,
                             struct buf *spki)
{
    struct key *k owned(key_free) = NULL;

    if (spec->algorithm != KEY_ALGORITHM_RSA && spec->algorithm != KEY_ALGORITHM_EC)
        return FAIL(INPUT, "only RSA and EC keys are used by handle");
    TRY(key_from_pkcs8(material, &k));
    return key_to_spki(k, spki);
}
