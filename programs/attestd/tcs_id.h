// SPDX-License-Identifier: Apache-2.0
/* Names of the signed things that tcs keeps: the key in cache, store and archive, and where an
 * upstream has them. */
#ifndef ATTESTD_TCS_ID_H
#define ATTESTD_TCS_ID_H

#include "base/buf.h"

#define TCS_KEY_MAX 192
#define FMSPC_DIGITS 12
#define CHIP_ID_DIGITS 128 /* Turin: 16 */

enum tcs_kind {
    TCS_TCB_INFO,
    TCS_QE_IDENTITY,
    TCS_QVE_IDENTITY,
    TCS_PCK_CRL,
    TCS_ROOT_CRL,
    TCS_AMD_CHAIN, /* ASK or ASVK, and ARK */
    TCS_AMD_CRL,
    TCS_VCEK
};

enum amd_product { AMD_MILAN, AMD_GENOA, AMD_TURIN };

/* Which VCEK: the chip, and the TCB that the key is derived from. */
struct vcek_id {
    char chip[CHIP_ID_DIGITS + 1]; /* lower case */
    uint8_t boot_loader, tee, snp, microcode, fmc;
};

struct tcs_id {
    enum tcs_kind kind;
    bool tdx;                     /* TCB info, QE identity */
    bool early;                   /* update=early; else standard */
    bool platform_ca;             /* PCK CRL; else processor */
    bool vlek;                    /* AMD chain and CRL; else VCEK's */
    char fmspc[FMSPC_DIGITS + 1]; /* upper case */
    enum amd_product product;
    struct vcek_id vcek;
};

/* "tdx/tcb/00806F050000/standard" */
void tcs_id_key(const struct tcs_id *id, char out[TCS_KEY_MAX]);
/* The other way round: only what tcs_id_key() writes. FAIL_INPUT. */
fallible tcs_id_parse(struct span key, struct tcs_id *out);

bool tcs_id_is_amd(const struct tcs_id *id);
/* "/tdx/certification/v4/tcb?fmspc=00806F050000&update=standard" */
void tcs_id_path(const struct tcs_id *id, struct buf *out);
/* The header that carries the issuer chain, as it is usually written; NULL: none. */
const char *tcs_chain_header(const struct tcs_id *id);

/* 12 hex digits, either case, to upper case. */
bool tcs_fmspc_parse(struct span text, char out[FMSPC_DIGITS + 1]);
/* "Milan", "Genoa", "Turin" */
const char *amd_product_name(enum amd_product product);
bool amd_product_parse(struct span name, enum amd_product *out);
/* The chip id's digits as this product has them, to lower case. */
bool amd_chip_parse(enum amd_product product, struct span text, char out[CHIP_ID_DIGITS + 1]);

#endif
