// SPDX-License-Identifier: Apache-2.0
/*
 * TCB info: Intel's signed list of the TCB levels of one platform kind (PCS API, "Get TCB Info"),
 * version 3, and version 2 for SGX.
 *
 * tcb_info_parse() takes the inner object, whose signature the caller has verified over the same
 * bytes (collateral/signed_json.h). It keeps nothing of the text.
 */
#ifndef COLLATERAL_TCB_INFO_H
#define COLLATERAL_TCB_INFO_H

#include "base/bounds.h"
#include "base/owned.h"
#include "collateral/isv_level.h"

#define TCB_COMPONENTS 16

struct tcb_level {
    uint8_t sgx[TCB_COMPONENTS];
    uint16_t pce_svn;
    uint8_t tdx[TCB_COMPONENTS]; /* zero for SGX */
    struct level_facts facts;
};

/* What a TDX module's measurement must be; an all-zero signer is Intel's own. */
struct tdx_module {
    uint8_t mrsigner[48], attributes[8], attributes_mask[8];
};

struct tdx_module_identity {
    uint8_t major; /* of "TDX_<two hex digits>" */
    struct tdx_module module;
    struct isv_levels levels;
};

struct tcb_info {
    bool is_tdx;
    uint32_t version, evaluation_number;
    int64_t issue_date, next_update;
    uint8_t fmspc[6], pce_id[2];
    struct tcb_level *levels; /* descending, no two alike */
    size_t level_count;
    struct tdx_module module; /* TDX */
    struct tdx_module_identity *identities;
    size_t identity_count;
};

fallible tcb_info_parse(struct span inner, struct tcb_info **out);
void tcb_info_free(struct tcb_info *t);
OWNED_TYPE(struct tcb_info, tcb_info_free)

/* NULL when the module's major version has no identity. */
const struct tdx_module_identity *tcb_info_module(const struct tcb_info *t, uint8_t major);

#endif
