// SPDX-License-Identifier: Apache-2.0
/*
 * Keys that stay: where a transit engine is configured they are made in it and used there. A key
 * that lies in the KV store, because it was made before or there is no such engine, is used in this
 * process.
 */
#include "keys/vault_stay_internal.h"

#include "keys/vault_internal.h"
#include "keys/vault_transit.h"

static bool has_engine(struct keystore *self)
{
    return ((const struct vault *)self)->transit != NULL;
}

bool vault_stays_inside(struct keystore *self, const struct key_ref *ref)
{
    return ref->stays && has_engine(self);
}

static fallible sign(struct keystore *self, const struct key_ref *ref, const struct key_spec *spec,
                     const struct key_use *u, struct buf *result)
{
    enum signature_scheme scheme = u->mechanism == KEY_MECHANISM_ECDSA     ? SIGNATURE_ECDSA
                                   : u->mechanism == KEY_MECHANISM_RSA_PSS ? SIGNATURE_RSA_PSS
                                                                           : SIGNATURE_RSA_PKCS1;
    return vault_transit_sign(self, ref, spec, scheme, u->hash, u->input, result);
}

static fallible decrypt(struct keystore *self, const struct key_ref *ref,
                        const struct key_spec *spec, const struct key_use *u, struct buf *result)
{
    struct secret *plain owned(secret_free) = NULL;

    if (u->hash != DIGEST_SHA256 || u->label.len)
        return FAIL(INPUT, "Vault decrypts RSA-OAEP with SHA-256 and without a label only");
    TRY(vault_transit_decrypt(self, ref, spec, u->input, (struct span){ 0 }, &plain));
    return key_use_seal(u, plain, result);
}

struct err vault_stay_use(struct keystore *self, const struct key_ref *ref,
                          const struct key_spec *spec, const struct key_use *u, struct buf *result)
{
    if (!has_engine(self))
        return FAIL(ABSENT, "there is no transit engine");
    switch (u->operation) {
    case KEY_OPERATION_SIGN:
        return sign(self, ref, spec, u, result);
    case KEY_OPERATION_DECRYPT:
        return decrypt(self, ref, spec, u, result);
    case KEY_OPERATION_DERIVE:
        break;
    }
    struct key_spec found = *spec;
    struct key *k owned(key_free) = NULL;
    TRY(vault_transit_describe(self, ref, &found, &k)); /* else it may be in the KV store */
    return FAIL(INPUT, "Vault's transit engine derives nothing with an EC key");
}

struct err vault_stay_public(struct keystore *self, const struct key_ref *ref,
                             const struct key_spec *spec, struct buf *spki)
{
    struct key_spec found = *spec;
    struct key *k owned(key_free) = NULL;

    if (!has_engine(self))
        return FAIL(ABSENT, "there is no transit engine");
    TRY(vault_transit_describe(self, ref, &found, &k));
    if (!key_spec_equal(&found, spec))
        return FAIL(INPUT, "the key in Vault is another than was registered");
    return k ? key_to_spki(k, spki) : FAIL(INPUT, "only RSA and EC keys are used by handle");
}

struct err vault_stay_describe(struct keystore *self, const struct key_ref *ref,
                               struct key_spec *spec)
{
    struct key *k owned(key_free) = NULL;
    return vault_transit_describe(self, ref, spec, &k);
}

struct err vault_stay_destroy(struct keystore *self, const struct key_ref *ref)
{
    if (ref->external.len || !has_engine(self))
        return OK;
    return vault_transit_destroy(self, ref);
}
