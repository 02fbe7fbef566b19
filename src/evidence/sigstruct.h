// SPDX-License-Identifier: Apache-2.0
/*
 * SIGSTRUCT: what the author of an SGX enclave signs (Intel SDM, volume 3D, "SIGSTRUCT"). It names
 * the enclave's measurement before the enclave has ever run; MRSIGNER is the SHA-256 of its
 * modulus.
 *
 * Spans point into the input. Its signature is checked in verify/sigstruct_check.h.
 */
#ifndef EVIDENCE_SIGSTRUCT_H
#define EVIDENCE_SIGSTRUCT_H

#include "base/reader.h"

#define SIGSTRUCT_SIZE 1808
#define SIGSTRUCT_RSA_SIZE 384

struct sigstruct {
    uint32_t vendor, date;          /* date: BCD, year month day */
    struct span modulus, signature; /* little-endian, SIGSTRUCT_RSA_SIZE bytes */
    uint32_t exponent;
    struct span miscselect, miscmask;       /* 4 */
    struct span family_id, ext_prod_id;     /* 16 */
    struct span attributes, attribute_mask; /* 16 */
    struct span enclave_hash;               /* 32 */
    uint16_t prod_id, svn;
    struct span header, body; /* the two parts that are signed, one after the other */
};

/* FAIL_INPUT: not exactly of its size, other headers, reserved bytes that are set, an exponent
 * other than 3. */
fallible sigstruct_parse(struct span in, struct sigstruct *out);

#endif
