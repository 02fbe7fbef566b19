// SPDX-License-Identifier: Apache-2.0
/* Collateral as its vendor serves it: signed bytes that nobody has looked at yet. */
#ifndef COLLATERAL_RAW_H
#define COLLATERAL_RAW_H

#include "base/bounds.h"
#include "base/span.h"

/* Raw collateral of one platform kind, as served. Empty spans are "not there". A new member needs a
 * row in raw.c, which gives it its name: that of its file in a folder, and of its item in
 * warder/verify.h. */
struct collateral_raw {
    struct span tcb_info;             /* JSON, signed */
    struct span qe_identity;          /* JSON, signed */
    struct span tcb_signing_chain;    /* PEM: signer, root; of both JSON documents */
    struct span qe_identity_chain;    /* PEM; empty: as tcb_signing_chain */
    struct span pck_crl;              /* DER, PEM or hex */
    struct span pck_crl_issuer_chain; /* PEM: intermediate, root */
    struct span root_ca_crl;          /* DER, PEM or hex */
    struct span
        pck_cert_chain; /* PEM: PCK certificate, intermediate, root; for quotes that carry none */
    struct span vcek;   /* DER or PEM: the key of one chip at one TCB */
    struct span vlek;   /* DER or PEM: the key of a cloud provider */
    struct span snp_chain; /* PEM: AMD's intermediate for one of them, root */
    struct span snp_crl;   /* DER, PEM or hex: that root's */
};

#define COLLATERAL_PARTS 12
const char *collateral_part_name(size_t part); /* "tcb_info.json", ...; part < COLLATERAL_PARTS */
struct span *collateral_part(struct collateral_raw *raw, size_t part);
struct span collateral_part_of(const struct collateral_raw *raw, size_t part);
struct span *collateral_part_named(struct collateral_raw *raw,
                                   const char *name); /* NULL: no such part */

/* Which collateral a piece of evidence needs. Members that its kind of TEE has not are empty. */
struct collateral_key {
    char tee[4];     /* "sgx", "tdx", "snp" */
    char fmspc[13];  /* lower-case hex */
    char ca[10];     /* "processor", "platform" */
    char product[6]; /* "Milan", "Genoa", "Turin"; empty: the report does not say */
    char signer[5];  /* "vcek", "vlek" */
    char chip[129];  /* lower-case hex; with `tcb`: the VCEK that is wanted; empty: none is */
    char tcb[17];    /* REPORTED_TCB, lower-case hex */
};

#endif
