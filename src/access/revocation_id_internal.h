// SPDX-License-Identifier: Apache-2.0
/* The names of entries: hashes of the tenant and what is revoked in it. */
#ifndef ACCESS_REVOCATION_ID_INTERNAL_H
#define ACCESS_REVOCATION_ID_INTERNAL_H

#include "access/bearer.h"

#define REVOCATION_ID_SIZE 44 /* base64url of a SHA-256, and NUL */

fallible revocation_id(const char *kind, const char *tenant, struct span value,
                       char out[REVOCATION_ID_SIZE]);
/* What may have ended a token: itself; its user; its tenant. */
#define REVOCATION_IDS 3
fallible revocation_ids(const struct bearer *b, char out[REVOCATION_IDS][REVOCATION_ID_SIZE]);

#endif
