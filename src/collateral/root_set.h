// SPDX-License-Identifier: Apache-2.0
/*
 * Roots of trust: Intel's, pinned in this program, and those that the configuration names. Evidence
 * and collateral carry roots too; they are compared with these, byte for byte, and never trusted.
 */
#ifndef COLLATERAL_ROOT_SET_H
#define COLLATERAL_ROOT_SET_H

#include "crypto/x509.h"

#define ROOTS_MAX 8
#define ROOT_NONE ROOTS_MAX /* no root */
#define ROOT_VENDOR 0       /* index of the pinned one */

extern const struct span intel_root_der;

struct root_set {
    struct cert *certs[ROOTS_MAX];
    size_t count;
};

/* `extra`: PEM or DER, one certificate each. */
fallible root_set_init(struct root_set *s, const struct span *extra, size_t count);
void root_set_done(struct root_set *s);
/* The index of the same certificate, or ROOT_NONE. */
size_t root_set_find(const struct root_set *s, const struct cert *c);

#endif
