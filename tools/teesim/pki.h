// SPDX-License-Identifier: Apache-2.0
/*
 * The simulator's own world of trust: root, processor and platform CA, TCB signer, the platform's
 * PCK and attestation keys. Common names are the vendor's, since verifiers look at them; the
 * organization says what it is. Kept in DIR, so that a restart has the same root; dates are fixed,
 * 2020 to 2049.
 */
#ifndef TEESIM_PKI_H
#define TEESIM_PKI_H

#include "teesim/certificate.h"

#define FORGE_NOT_BEFORE 1577836800 /* 2020-01-01 */
#define FORGE_NOT_AFTER 2493072000  /* 2049-01-01 */

enum forge_ca { FORGE_CA_PROCESSOR, FORGE_CA_PLATFORM };

struct forge_authority {
    const char *name; /* common name */
    struct key *key;
    struct buf der;
};

struct forge_pki {
    struct forge_authority root, processor, platform, signer;
    struct key *pck, *attestation;
};

/* Loads what is in `dir` and makes what is missing, root_ca.pem for configurations included.
 * NULL: in memory only, new keys. */
fallible forge_pki_open(const char *dir, struct forge_pki *out);
void forge_pki_done(struct forge_pki *pki);
static inline void forge_pki_donep(struct forge_pki *pki)
{
    forge_pki_done(pki);
}

const struct forge_authority *forge_pki_ca(const struct forge_pki *pki, enum forge_ca ca);

/* Forms of the certificates as they are issued, to be changed and written again. */
struct forge_certificate forge_pki_root_form(const struct forge_pki *pki);
struct forge_certificate forge_pki_ca_form(const struct forge_pki *pki, enum forge_ca ca);
struct forge_certificate forge_pki_signer_form(const struct forge_pki *pki);
struct forge_certificate forge_pki_leaf_form(const struct forge_pki *pki, enum forge_ca ca);

/* Empty CRLs of the root and of the CA that issues PCK certificates. */
struct forge_crl forge_pki_root_crl(const struct forge_pki *pki, int64_t this_update,
                                    int64_t next_update);
struct forge_crl forge_pki_pck_crl(const struct forge_pki *pki, enum forge_ca ca,
                                   int64_t this_update, int64_t next_update);

/* Files of the folder, made where they are missing. `dir` NULL: in memory. */
#define FORGE_RSA_BITS 2048
fallible forge_folder_lock(const char *dir, int *fd);
fallible forge_key_open(const char *dir, const char *name, enum key_kind kind, struct key **out);
fallible forge_certificate_open(const char *dir, const char *name,
                                const struct forge_certificate *form, struct buf *der);
fallible forge_root_write(const char *dir, const char *name, const struct forge_authority *root);

#endif
