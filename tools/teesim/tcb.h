// SPDX-License-Identifier: Apache-2.0
/*
 * TCB info and quoting enclave identities: the vendor's signed JSON (PCS API v4). A form is written
 * as the inner object's text, which a test may edit; then its raw bytes are signed.
 */
#ifndef TEESIM_TCB_H
#define TEESIM_TCB_H

#include "base/buf.h"
#include "crypto/key.h"

#define FORGE_JSON_MAX (256U << 10)
#define FORGE_LEVELS_MAX 10
#define FORGE_ADVISORIES_MAX 4
#define FORGE_MODULES_MAX 4

/* TCB levels that the default documents have, best first: a platform stands on one of these rungs.
 */
enum forge_rung {
    RUNG_UP_TO_DATE,
    RUNG_SW_HARDENING_NEEDED,
    RUNG_CONFIGURATION_NEEDED,
    RUNG_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    RUNG_OUT_OF_DATE,
    RUNG_OUT_OF_DATE_CONFIGURATION_NEEDED,
    RUNG_REVOKED,
    RUNG_NONE /* below every level */
};
#define FORGE_RUNGS RUNG_NONE

struct forge_level {
    const char *status, *date;
    uint8_t sgx[16];
    uint16_t pce_svn;
    uint8_t tdx[16];
    const char *advisories[FORGE_ADVISORIES_MAX];
};
/* What the PCK certificate of a platform on this rung has. */
void forge_rung_svn(enum forge_rung rung, uint8_t components[16], uint16_t *pce_svn);

struct forge_svn_level {
    uint16_t isv_svn;
    const char *status, *date;
    const char *advisories[FORGE_ADVISORIES_MAX];
};

struct forge_module {
    const char *id; /* "TDX_01" */
    uint8_t mrsigner[48], attributes[8], mask[8];
    struct forge_svn_level levels[FORGE_LEVELS_MAX];
    size_t count;
};

struct forge_tcb_info {
    const char *id; /* "SGX", "TDX" */
    unsigned version, tcb_type;
    int64_t issued, next_update;
    uint8_t fmspc[6], pce_id[2];
    uint32_t evaluation_number;
    bool tdx;                   /* has tdxModule, identities, components */
    struct forge_module module; /* tdxModule: for major version 0 */
    struct forge_module modules[FORGE_MODULES_MAX];
    size_t module_count;
    struct forge_level levels[FORGE_LEVELS_MAX];
    size_t count;
};
void forge_tcb_info_default(bool tdx, const uint8_t fmspc[6], int64_t issued, int64_t next_update,
                            struct forge_tcb_info *out);
/* Version 2 is written in its own form. */
fallible forge_tcb_info_text(const struct forge_tcb_info *form, struct buf *inner);

struct forge_identity {
    const char *id; /* "QE", "TD_QE" */
    unsigned version;
    int64_t issued, next_update;
    uint32_t evaluation_number;
    uint8_t miscselect[4], miscselect_mask[4], attributes[16], attributes_mask[16], mrsigner[32];
    uint16_t isv_prod_id;
    struct forge_svn_level levels[FORGE_LEVELS_MAX];
    size_t count;
};
void forge_identity_default(bool tdx, int64_t issued, int64_t next_update,
                            struct forge_identity *out);
fallible forge_identity_text(const struct forge_identity *form, struct buf *inner);

/* {"member":inner,"signature":"..."}: the signature is over the raw bytes of `inner`. */
fallible forge_document_sign(const char *member, struct span inner, const struct key *signer,
                             bool broken, struct buf *out);
/* Replaces the first `from`; FAIL_ABSENT where it is not there. */
fallible forge_text_edit(struct buf *text, const char *from, const char *to);

#endif
