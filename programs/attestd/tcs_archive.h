// SPDX-License-Identifier: Apache-2.0
/*
 * A cache in one signed file, to be carried across an air gap:
 *   {"signature": JWS, "content": {"items", "platforms", "chains"}}
 * The JWS (typ warder-collateral+jws) is by the writer's archive key over {"format", "created",
 * "digest"}; the digest is over the canonical form of the content.
 */
#ifndef ATTESTD_TCS_ARCHIVE_H
#define ATTESTD_TCS_ARCHIVE_H

#include "attestd/tcs_upload.h"
#include "crypto/jose.h"

#define ARCHIVE_TEXT_MAX JSON_TEXT_MAX

fallible tcs_archive_write(struct tcs_cache *c, const struct key *k, int64_t now, struct buf *out);

struct tcs_archive_read {
    struct tcs_upload upload;
    char created[32];
    char signer[THUMBPRINT_TEXT_SIZE];
};
void tcs_archive_done(struct tcs_archive_read *a);
static inline void tcs_archive_donep(struct tcs_archive_read *a)
{
    tcs_archive_done(a);
}
/* The signature first, by one of `signers`; nothing else is looked at before. FAIL_DENIED. */
fallible tcs_archive_parse(struct span text, const struct jwks *signers,
                           const struct root_set *roots, struct tcs_archive_read *out);

#endif
