// SPDX-License-Identifier: Apache-2.0
/*
 * Whose attestation keys of TPMs are believed. There is no pinned root for TPMs: what is trusted is
 * what the configuration names, that is roots under which a key's certificate stands, and keys that
 * were enrolled (by the operator's word, or after credential activation under a certified
 * endorsement key; `warder tpm`).
 */
#ifndef VERIFY_TPM_TRUST_H
#define VERIFY_TPM_TRUST_H

#include "base/bounds.h"
#include "collateral/chain_rule.h"
#include "crypto/crl.h"
#include "crypto/x509.h"

/* The file of enrolled keys:
 * {"version":1,"keys":[{"name":"<hex>","label":"<text>","by":"operator"|"ek_certificate",
 * "ek_certificate":"sha256:..."?,"enrolled_at":time?}]}. */
struct tpm_key {
    uint8_t name[TPM_NAME_MAX]; /* of TPM 2.0: algorithm and digest of the public area */
    size_t name_len;
    char label[TPM_LABEL_MAX + 1];
    bool by_ek_certificate; /* else by the operator */
};

struct tpm_trust {
    struct cert *roots[TPM_ROOTS_MAX];
    size_t root_count;
    struct crl *lists[TPM_LISTS_MAX]; /* tpm_revocation.h */
    size_t list_count;
    struct tpm_key *keys; /* sorted by name */
    size_t key_count;
};

fallible tpm_trust_init(struct tpm_trust *t, const struct span *roots, size_t count,
                        struct span enrolled);
void tpm_trust_done(struct tpm_trust *t);

/* NULL: not enrolled. */
const struct tpm_key *tpm_trust_key(const struct tpm_trust *t, struct span name);

/* Object identifiers of the purposes, DER content bytes (TCG credential profiles). */
extern const struct span tpm_purpose_ek; /* 2.23.133.8.1 */
extern const struct span tpm_purpose_ak; /* 2.23.133.8.3 */

/* The chain's certificates follow one another, the last stands under (or is) a configured root, the
 * first is no CA and has this purpose. `*wrong` NULL: good. Revocation is a question of its own
 * (tpm_revocation.h). */
fallible tpm_chain_check(const struct tpm_trust *t, const struct chain *c, struct span purpose,
                         int64_t at, const char **wrong);
/* The root that is valid and at which the chain's last certificate ends, or NULL. */
fallible tpm_root_find(const struct tpm_trust *t, const struct chain *c, int64_t at,
                       const struct cert **out);

#endif
