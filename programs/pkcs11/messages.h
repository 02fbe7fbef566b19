// SPDX-License-Identifier: Apache-2.0
/* PKCS#11's structures to and from the agent's messages; and the one table from outcomes to CK_RV.
 */
#ifndef PKCS11_MESSAGES_H
#define PKCS11_MESSAGES_H

#include <p11-kit/pkcs11.h>

#include "client/agent_wire.h"

#define LABEL_SIZE 256 /* of OAEP */

/* Which function asks: the same outcome has another name in each one's list of return values. */
enum asker { ASKER_LOGIN, ASKER_FIND, ASKER_READ, ASKER_SIGN, ASKER_DECRYPT };
CK_RV rv_of_status(enum agent_status status, enum asker asker);
CK_RV rv_of_err(struct err e);

/* FIND: a template; its byte values are borrowed. */
CK_RV template_take(const CK_ATTRIBUTE *attributes, CK_ULONG count, struct agent_request *q);
/* READ: types of up to AGENT_TEMPLATE_MAX attributes; and the answer into the caller's buffers. */
void types_take(const CK_ATTRIBUTE *attributes, CK_ULONG count, struct agent_request *q);
/* CKR_OK, or the first of SENSITIVE, TYPE_INVALID, BUFFER_TOO_SMALL; the others are filled in all
 * the same. */
CK_RV template_fill(const struct agent_reply *p, CK_ATTRIBUTE *attributes, CK_ULONG count);

struct mechanism_row {
    CK_MECHANISM_TYPE type;
    CK_ULONG min_bits, max_bits;
    CK_FLAGS flags;
    bool pss, oaep;
    CK_MECHANISM_TYPE hash; /* that the mechanism itself makes; 0: none */
    CK_ULONG data_max;      /* 0: any up to AGENT_DATA_MAX */
    CK_ULONG signature_max; /* an upper bound, for size queries */
};
extern const struct mechanism_row mechanism_rows[];
extern const size_t mechanism_row_count;
const struct mechanism_row *mechanism_row(CK_MECHANISM_TYPE type);
/* Checks mechanism and parameters for `flag` (CKF_SIGN, CKF_DECRYPT); `label` receives a copy of
 * OAEP's. */
CK_RV mechanism_take(const CK_MECHANISM *m, CK_FLAGS flag, struct agent_use *use,
                     uint8_t label[LABEL_SIZE]);

#endif
