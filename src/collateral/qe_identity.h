// SPDX-License-Identifier: Apache-2.0
/*
 * Identity of an Intel quoting enclave (PCS API, "Get Quoting Enclave Identity"): what its report
 * must say. qe_identity_parse() takes the inner object, whose signature the caller has verified
 * over the same bytes. It keeps nothing of the text.
 */
#ifndef COLLATERAL_QE_IDENTITY_H
#define COLLATERAL_QE_IDENTITY_H

#include "base/owned.h"
#include "collateral/isv_level.h"

enum enclave_id { ENCLAVE_QE, ENCLAVE_TD_QE, ENCLAVE_QVE, ENCLAVE_QAE };

struct qe_identity {
    enum enclave_id id;
    uint32_t evaluation_number;
    int64_t issue_date, next_update;
    uint8_t miscselect[4], miscselect_mask[4]; /* in memory order */
    uint8_t attributes[16], attributes_mask[16];
    uint8_t mrsigner[32];
    uint16_t isvprodid;
    struct isv_levels levels;
};

fallible qe_identity_parse(struct span inner, struct qe_identity **out);
void qe_identity_free(struct qe_identity *q);
OWNED_TYPE(struct qe_identity, qe_identity_free)

#endif
