// SPDX-License-Identifier: Apache-2.0
/* An enclave author's signature, and the reference values that it vouches for. */
#ifndef VERIFY_SIGSTRUCT_CHECK_H
#define VERIFY_SIGSTRUCT_CHECK_H

#include "base/json.h"
#include "evidence/sigstruct.h"

/* RSA-3072 with exponent 3, PKCS #1 v1.5, SHA-256, over the signed parts. A bad signature is
 * FAIL_DENIED. It shows who signed, not that the signer is to be trusted: compare mrsigner.
 * *claims: {"mrenclave","mrsigner","isvprodid","isvsvn"}, as docs/claims.md names them. */
fallible sigstruct_check(const struct sigstruct *s, json_t **claims);
/* The enclave is made for debugging: DEBUG is set in ATTRIBUTES, and the mask enforces it. */
bool sigstruct_is_debug(const struct sigstruct *s);

#endif
