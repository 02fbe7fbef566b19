// SPDX-License-Identifier: Apache-2.0
/*
 * A quoting enclave of a platform: its report, signed once by the platform's PCK key when the
 * enclave makes its attestation key, and the same in every quote after that. That the signature is
 * good holds for ever, as the chain does, so it is remembered with the platform, by its bytes.
 */
#ifndef VERIFY_QUOTING_ENCLAVE_H
#define VERIFY_QUOTING_ENCLAVE_H

#include "crypto/key.h"
#include "evidence/quote.h"

#define QUOTING_ENCLAVE_SIZE (SGX_REPORT_SIZE + QUOTE_SIGNATURE_SIZE + QUOTE_KEY_SIZE)

struct quoting_enclave {
    uint8_t bytes[QUOTING_ENCLAVE_SIZE]; /* report, its signature, attestation key */
    struct key *attestation_key;
};
void quoting_enclave_free(struct quoting_enclave *e);
OWNED_TYPE(struct quoting_enclave, quoting_enclave_free)

/* As quotes hold them; nothing is checked but lengths, and that the attestation key is a key
 * (FAIL_INPUT). */
fallible quoting_enclave_make(struct span report, struct span signature, struct span key,
                              struct quoting_enclave **out);
fallible quoting_enclave_read(struct span bytes, struct quoting_enclave **out);
bool quoting_enclave_is(const struct quoting_enclave *e, const struct quote *q);
/* *good: the PCK key has signed the report. */
fallible quoting_enclave_check(struct span report, struct span signature, const struct key *pck,
                               bool *good);
fallible quoting_enclave_authentic(const struct quoting_enclave *e, const struct key *pck,
                                   bool *good);

#endif
