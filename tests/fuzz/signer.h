// SPDX-License-Identifier: Apache-2.0
/* A key that signs what a target makes up, so that what lies behind a signature is reached too. */
#ifndef FUZZ_SIGNER_H
#define FUZZ_SIGNER_H

#include "crypto/jose.h"

const struct key *signer_key(void);
const struct jwks *signer_keys(void); /* that key alone */
/* A JWS by it, with `typ` and its kid. */
void signer_sign(const char *typ, struct span payload, struct buf *out);

#endif
