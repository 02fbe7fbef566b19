// SPDX-License-Identifier: Apache-2.0
/*
 * Intel's evaluation of a platform's TCB: which level it reaches, component by component, and how
 * the statuses of platform, quoting enclave and TDX module converge. Pure functions of parsed
 * collateral.
 */
#ifndef VERIFY_TCB_RULE_H
#define VERIFY_TCB_RULE_H

#include "base/bounds.h"
#include "collateral/qe_identity.h"
#include "collateral/tcb_info.h"
#include "evidence/pck_extension.h"
#include "evidence/td_report.h"

struct tcb_result {
    enum tcb_status status;               /* converged; after relaunch advice */
    enum tcb_status platform, qe, module; /* module: TCB_UNRECOGNIZED where it has no levels */
    const struct tcb_level *platform_level;
    const struct isv_level *qe_level, *module_level; /* module: NULL where it has none */
    int64_t date;
};

/* Each: `*wrong` NULL, or why no status can be given. */
void tcb_select_qe(const struct qe_identity *identity, uint16_t isvsvn, struct tcb_result *out,
                   const char **wrong);
/* `td` NULL: SGX. Needs the QE's part of the result; launch and, for TD 1.5, current state. */
void tcb_evaluate(const struct tcb_info *info, const struct pck_extension *pck,
                  const struct td_report *td, struct tcb_result *out, const char **wrong);
/* Measurement of the TDX module against what TCB info says of it. */
const char *tdx_module_check(const struct tcb_info *info, const struct td_report *td);

enum tcb_status tcb_converge(enum tcb_status platform, enum tcb_status qe, enum tcb_status module);
/* TD 1.5: the status at launch, and with what runs now. */
enum tcb_status tcb_relaunch(enum tcb_status launch, enum tcb_status current);

/* The union in order of platform, QE, module; returns how many. */
size_t tcb_advisories(const struct tcb_result *r, const char *out[TCB_ADVISORIES_MAX]);

#endif
