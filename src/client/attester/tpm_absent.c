// SPDX-License-Identifier: Apache-2.0
/* Built without tpm2-tss. */
#include "client/attester/attester_internal.h"

fallible tpm_quote(const char *place, struct span report_data, enum evidence_type *type,
                   struct buf *evidence)
{
    (void)place, (void)report_data, (void)type, (void)evidence;
    return FAIL(ABSENT, "this program was built without support for TPMs (tpm2-tss)");
}
