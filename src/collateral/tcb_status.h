// SPDX-License-Identifier: Apache-2.0
/* Intel's words for the state of a platform, a quoting enclave or a TDX module. */
#ifndef COLLATERAL_TCB_STATUS_H
#define COLLATERAL_TCB_STATUS_H

#include "base/span.h"

enum tcb_status {
    TCB_UNRECOGNIZED, /* a word that this version does not know: harmless until its level is
                         selected */
    TCB_UP_TO_DATE,
    TCB_SW_HARDENING_NEEDED,
    TCB_CONFIGURATION_NEEDED,
    TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    TCB_OUT_OF_DATE,
    TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    TCB_REVOKED,
    TCB_TD_RELAUNCH_ADVISED,                     /* results only, never served */
    TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED /* likewise */
};

const char *tcb_status_name(enum tcb_status status); /* "" for TCB_UNRECOGNIZED */
/* Of a served document. */
enum tcb_status tcb_status_of(struct span word);

/* Which words a component's levels may have. */
bool tcb_status_fits_platform(enum tcb_status status);
bool tcb_status_fits_qe(enum tcb_status status);
bool tcb_status_fits_module(enum tcb_status status);

#endif
