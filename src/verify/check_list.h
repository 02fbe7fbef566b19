// SPDX-License-Identifier: Apache-2.0
/*
 * The checks of a DCAP quote in the order in which each rests on those before it. A list starts with
 * every check that applies as "not checked"; the verdict is the conjunction of all.
 */
#ifndef VERIFY_CHECK_LIST_H
#define VERIFY_CHECK_LIST_H

#include "verify/verify.h"

enum check_id {
    CHECK_QUOTE_FORMAT,
    CHECK_QUOTE_VENDOR,
    CHECK_QUOTE_CERTIFICATION,
    CHECK_COLLATERAL,
    CHECK_ROOT_CRL,
    CHECK_ROOT_CRL_VALIDITY,
    CHECK_PCK_CRL,
    CHECK_PCK_CRL_VALIDITY,
    CHECK_PCK_CHAIN,
    CHECK_PCK_EXTENSION,
    CHECK_PCK_VALIDITY,
    CHECK_PCK_REVOCATION,
    CHECK_TCB_INFO_SIGNATURE,
    CHECK_TCB_INFO_FORMAT,
    CHECK_TCB_INFO_VALIDITY,
    CHECK_QE_IDENTITY_SIGNATURE,
    CHECK_QE_IDENTITY_FORMAT,
    CHECK_QE_IDENTITY_VALIDITY,
    CHECK_TCB_SIGNER_REVOCATION,
    CHECK_FMSPC_MATCH,
    CHECK_QE_REPORT_SIGNATURE,
    CHECK_QE_REPORT_DATA,
    CHECK_QE_IDENTITY_MATCH,
    CHECK_QE_TCB_LEVEL,
    CHECK_QUOTE_SIGNATURE,
    CHECK_TDX_MODULE,
    CHECK_TCB_LEVEL,
    CHECK_TCB_STATUS,
    CHECK_REPORT_DATA,
    CHECK_COUNT
};

struct check_list {
    struct check rows[CHECK_COUNT];
};

void check_list_init(struct check_list *l);
/* `wrong` NULL: passed. */
void check_record(struct check_list *l, enum check_id id, const char *wrong);
bool check_passed(const struct check_list *l, enum check_id id);
/* Every check up to `last`, but those of the mask (1ULL << id), has passed. */
bool check_all_passed(const struct check_list *l, enum check_id last, uint64_t except);

#endif
