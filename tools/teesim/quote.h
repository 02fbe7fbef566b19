// SPDX-License-Identifier: Apache-2.0
/*
 * Quotes in the genuine format: SGX v3, TDX v4, v5 with body types 1 to 4. A form holds every
 * field; the body and the QE report are bytes at the offsets below. The two signatures are made
 * last, over whatever the form says.
 */
#ifndef TEESIM_QUOTE_H
#define TEESIM_QUOTE_H

#include "base/buf.h"
#include "crypto/key.h"

#define FORGE_QUOTE_MAX (128U << 10)
#define FORGE_SGX_BODY_SIZE 384
#define FORGE_TD10_BODY_SIZE 584
#define FORGE_TD15_BODY_SIZE 648
#define FORGE_TD15EX_BODY_SIZE 885
#define FORGE_REPORT_DATA_SIZE 64
#define FORGE_QE_AUTH_MAX 64

/* Offsets in the bodies. */
enum forge_sgx_offset {
    AT_SGX_CPU_SVN = 0,
    AT_SGX_MISCSELECT = 16,
    AT_SGX_ATTRIBUTES = 48,
    AT_SGX_MRENCLAVE = 64,
    AT_SGX_MRSIGNER = 128,
    AT_SGX_CONFIG_ID = 192,
    AT_SGX_ISV_PROD_ID = 256,
    AT_SGX_ISV_SVN = 258,
    AT_SGX_REPORT_DATA = 320
};

enum forge_td_offset {
    AT_TD_TEE_TCB_SVN = 0,
    AT_TD_MRSEAM = 16,
    AT_TD_MRSIGNERSEAM = 64,
    AT_TD_SEAM_ATTRIBUTES = 112,
    AT_TD_ATTRIBUTES = 120,
    AT_TD_XFAM = 128,
    AT_TD_MRTD = 136,
    AT_TD_RTMR0 = 328,
    AT_TD_REPORT_DATA = 520,
    AT_TD_TEE_TCB_SVN_2 = 584,
    AT_TD_MRSERVICETD = 600,
    AT_TD_CURRENT_SERVICETD = 829
};

enum forge_tee {
    FORGE_SGX3,
    FORGE_TDX4,
    FORGE_TDX5_TD10,
    FORGE_TDX5, /* TD 1.5 */
    FORGE_TDX5_TD15EX,
    FORGE_SGX4, /* an SGX body in the newer frames */
    FORGE_SGX5
};
/* "sgx3", "tdx4", "tdx5-td10", "tdx5", "tdx5-td15ex", "sgx4", "sgx5". */
const char *forge_tee_name(enum forge_tee tee);
fallible forge_tee_parse(struct span name, enum forge_tee *out);
bool forge_tee_is_tdx(enum forge_tee tee);

struct forge_quote {
    uint16_t version, key_type;
    uint32_t tee_type;
    uint16_t qe_svn, pce_svn;
    uint8_t vendor[16], user_data[20];
    uint16_t body_type; /* v5 */
    uint32_t body_size; /* v5; the length that is claimed */
    uint8_t body[FORGE_TD15EX_BODY_SIZE];
    size_t body_len;
    uint8_t qe_report[FORGE_SGX_BODY_SIZE];
    bool unbound_qe_report; /* its report data stays as it is in qe_report */
    uint8_t qe_auth[FORGE_QE_AUTH_MAX];
    size_t qe_auth_len;
    uint16_t outer_type, cert_type; /* 6, 5 */
    struct span cert_data;
    const struct key *pck, *attestation; /* private */
    struct span attestation_xy;          /* written in place of the attestation key's point */
    bool broken_signature, broken_qe_signature;
    int64_t auth_size_lie, outer_size_lie, qe_auth_size_lie,
        cert_size_lie; /* added to what is written */
    struct span inside_outer, inside_auth,
        after; /* extra bytes: at the end of the outer data, of the auth data, of all */
};
/* Everything but keys and certification data. */
void forge_quote_default(enum forge_tee tee, struct forge_quote *out);
/* Of the body: 64 bytes; MRTD or MRENCLAVE. */
void forge_quote_set_report_data(struct forge_quote *form,
                                 const uint8_t data[FORGE_REPORT_DATA_SIZE]);
void forge_quote_set_measurement(struct forge_quote *form, struct span measurement);
size_t forge_measurement_size(enum forge_tee tee);
void forge_default_measurement(enum forge_tee tee, uint8_t *out);

fallible forge_quote_write(const struct forge_quote *form, struct buf *out);
/* The same in two steps. The tail, from the QE report on, does not depend on the body: a platform
 * makes it once and needs one signature a quote. */
fallible forge_quote_tail(const struct forge_quote *form, struct buf *tail);
fallible forge_quote_finish(const struct forge_quote *form, struct span tail, struct buf *out);

#endif
