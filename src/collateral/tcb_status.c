// SPDX-License-Identifier: Apache-2.0
#include "collateral/tcb_status.h"

static const struct status_row {
    const char *name;
    bool served, qe, module;
} rows[] = {
    [TCB_UNRECOGNIZED] = { "", false, false, false },
    [TCB_UP_TO_DATE] = { "UpToDate", true, true, true },
    [TCB_SW_HARDENING_NEEDED] = { "SWHardeningNeeded", true, false, false },
    [TCB_CONFIGURATION_NEEDED] = { "ConfigurationNeeded", true, true, false },
    [TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = { "ConfigurationAndSWHardeningNeeded", true,
                                                    false, false },
    [TCB_OUT_OF_DATE] = { "OutOfDate", true, true, true },
    [TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = { "OutOfDateConfigurationNeeded", true, true, false },
    [TCB_REVOKED] = { "Revoked", true, true, true },
    [TCB_TD_RELAUNCH_ADVISED] = { "TDRelaunchAdvised", false, false, false },
    [TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = { "TDRelaunchAdvisedConfigurationNeeded",
                                                       false, false, false },
};

#define ROWS (sizeof(rows) / sizeof(*rows))

const char *tcb_status_name(enum tcb_status status)
{
    return rows[status].name;
}

enum tcb_status tcb_status_of(struct span word)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].served && span_equal_str(word, rows[i].name))
            return (enum tcb_status)i;
    return TCB_UNRECOGNIZED;
}

bool tcb_status_fits_platform(enum tcb_status status)
{
    return rows[status].served;
}

bool tcb_status_fits_qe(enum tcb_status status)
{
    return rows[status].qe;
}

bool tcb_status_fits_module(enum tcb_status status)
{
    return rows[status].module;
}
