// SPDX-License-Identifier: Apache-2.0
/*
 * Collateral from a folder: tcb_info.json, qe_identity.json, tcb_signing_chain.pem, pck_crl.der,
 * pck_crl_issuer_chain.pem, root_ca_crl.der; qe_identity_chain.pem where the identity has a signer
 * of its own, pck_cert_chain.pem for quotes that carry no PCK certificate; of AMD's: vcek.der or
 * vlek.der, cert_chain.pem (its intermediate, root), crl.der. A file that is not there is missing
 * collateral, which verification refuses. A root certificate that lies there too is not read.
 */
#ifndef COLLATERAL_COLLATERAL_DIR_H
#define COLLATERAL_COLLATERAL_DIR_H

#include "base/buf.h"
#include "collateral/raw.h"

struct collateral_dir {
    struct buf parts[COLLATERAL_PARTS]; /* in the order of collateral_part() */
};

/* FAIL_ABSENT: no such folder. Done also after a failure. */
fallible collateral_dir_load(const char *path, struct collateral_dir *out);
void collateral_dir_done(struct collateral_dir *d);
static inline void collateral_dir_donep(struct collateral_dir *d)
{
    collateral_dir_done(d);
}

/* Borrows. */
struct collateral_raw collateral_dir_raw(const struct collateral_dir *d);

#endif
