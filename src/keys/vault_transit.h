// SPDX-License-Identifier: Apache-2.0
/*
 * Keys that stay inside Vault: its transit engine signs, decrypts and derives with them by name and
 * never hands them out. A key of ours is PREFIX.TENANT.ID.VERSION there, not exportable; one that
 * was there before is named by its name. `vault` is a key manager of vault_open(), whose nodes,
 * token and patience are used.
 *
 * FAIL_UPSTREAM: Vault is down or sealed. FAIL_ABSENT: it does not hold this key. FAIL_INPUT: not
 * with a key of this kind.
 */
#ifndef KEYS_VAULT_TRANSIT_H
#define KEYS_VAULT_TRANSIT_H

#include "crypto/signature.h"
#include "keys/keystore.h"

#define TRANSIT_DERIVED_SIZE 32

/* FAIL_CONFLICT: there is one under this reference. */
fallible vault_transit_create(struct keystore *vault, const struct key_ref *ref,
                              const struct key_spec *spec);
/* Wrapped to a key of the engine on the way. */
fallible vault_transit_import(struct keystore *vault, const struct key_ref *ref,
                              const struct key_spec *spec, const struct secret *material);
/* What kind of key is there, and its public part: NULL for AES. */
fallible vault_transit_describe(struct keystore *vault, const struct key_ref *ref,
                                struct key_spec *spec, struct key **out);
/* Ours only, as keystore's. */
fallible vault_transit_destroy(struct keystore *vault, const struct key_ref *ref);

/* What is signed is a digest; an ECDSA signature is r || s. SHA-256, -384 and -512. */
fallible vault_transit_sign(struct keystore *vault, const struct key_ref *ref,
                            const struct key_spec *spec, enum signature_scheme scheme,
                            enum digest_kind digest, struct span hash, struct buf *out);
/* RSA: OAEP with SHA-256. AES: GCM, nonce (12) || ciphertext || tag (16), with `associated` data.
 * FAIL_DENIED: it does not open. */
fallible vault_transit_decrypt(struct keystore *vault, const struct key_ref *ref,
                               const struct key_spec *spec, struct span sealed,
                               struct span associated, struct secret **plain);
/* AES keys: HMAC-SHA-256 of the context under the HMAC key that the engine keeps with the key. */
fallible vault_transit_derive(struct keystore *vault, const struct key_ref *ref,
                              const struct key_spec *spec, struct span context,
                              struct secret **out);

#endif
