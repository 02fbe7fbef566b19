// SPDX-License-Identifier: Apache-2.0
/*
 * Revocation lists of the CAs that certify TPMs' keys, as far as the operator has them: a
 * certificate whose issuer's list is there must not be in it, and a list that is there must be
 * good.
 */
#ifndef VERIFY_TPM_REVOCATION_H
#define VERIFY_TPM_REVOCATION_H

#include "verify/tpm_trust.h"

/* Adds lists, each DER or PEM. FAIL_INPUT: one cannot be read. */
fallible tpm_trust_lists(struct tpm_trust *t, const struct span *lists, size_t count);

/* Of a chain that tpm_chain_check found good. `*wrong` NULL: nothing is known against it;
 * `*covered`: each certificate of it has been looked up in a list. */
fallible tpm_chain_revocation(const struct tpm_trust *t, const struct chain *c, int64_t at,
                              bool *covered, const char **wrong);

#endif
