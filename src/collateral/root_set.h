// SPDX-License-Identifier: Apache-2.0
/*
 * Roots of trust: a vendor's, pinned in this program, and those that the configuration names.
 * Evidence and collateral carry roots too; they are compared with these, byte for byte, and never
 * trusted. Each vendor's evidence has a set of its own: Intel's root vouches for nothing of AMD's.
 */
#ifndef COLLATERAL_ROOT_SET_H
#define COLLATERAL_ROOT_SET_H

#include "base/bounds.h"
#include "crypto/x509.h"

#define ROOT_NONE ROOTS_MAX /* no root */
#define ROOT_VENDOR 0       /* index of the first that is pinned */
#define AMD_ROOTS 3

extern const struct span intel_root_der;
extern const struct span amd_root_ders[AMD_ROOTS]; /* Milan, Genoa, Turin */

struct root_set {
    struct cert *certs[ROOTS_MAX];
    size_t count, pinned; /* the first of them */
};

/* Intel's; AMD's. `extra`: PEM or DER, one certificate each. */
fallible root_set_init(struct root_set *s, const struct span *extra, size_t count);
fallible root_set_init_amd(struct root_set *s, const struct span *extra, size_t count);
/* Every vendor's: for a cache, which says what nobody has signed but judges no evidence. */
fallible root_set_init_all(struct root_set *s, const struct span *extra, size_t count);
void root_set_done(struct root_set *s);
/* The index of the same certificate, or ROOT_NONE. */
size_t root_set_find(const struct root_set *s, const struct cert *c);
/* Of a root's index: the claim `root`. */
const char *root_set_origin(const struct root_set *s, size_t root); /* "vendor", "configured" */

#endif
