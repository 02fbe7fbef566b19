// SPDX-License-Identifier: Apache-2.0
/*
 * What AMD's key distribution service says of a platform: the certificate of the key that signs its
 * reports, that key's issuers, and the root's revocation list. Verified once, when loaded; dates
 * are looked at each time. All of it may be missing: reports can bring their certificates along,
 * and a folder has no list.
 */
#ifndef VERIFY_AMD_COLLATERAL_H
#define VERIFY_AMD_COLLATERAL_H

#include "collateral/raw.h"
#include "verify/platform.h"

struct amd_collateral {
    bool there;                   /* any part of it is */
    struct platform *vcek, *vlek; /* NULL: not there */
    const char *issuers_wrong;    /* NULL: authentic */
    struct chain issuers;         /* intermediate, root; empty: not there or unreadable */
    bool has_crl;
    struct crl_item crl;
    size_t crl_root;
    struct window window; /* of everything that is there */
};

fallible amd_collateral_load(struct platform_map *platforms, const struct root_set *roots,
                             const struct collateral_raw *raw, struct amd_collateral *out);
void amd_collateral_done(struct amd_collateral *c);
/* Nothing that is there is wrong. */
bool amd_collateral_usable(const struct amd_collateral *c);

#endif
