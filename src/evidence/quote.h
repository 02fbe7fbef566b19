// SPDX-License-Identifier: Apache-2.0
/*
 * The frame of an Intel DCAP quote: header, body, and the signature area with the quoting enclave's
 * report and certification data. Versions 3 (SGX), 4 and 5 (SGX and TDX).
 *
 * Parsing checks lengths, versions and types, nothing else: no byte here is trusted yet. Spans
 * point into the input. Bytes after the signature area are allowed (real quotes are padded) and
 * counted; inside it every byte must be accounted for.
 */
#ifndef EVIDENCE_QUOTE_H
#define EVIDENCE_QUOTE_H

#include "base/bounds.h"
#include "base/reader.h"
#include "evidence/sgx_report.h"
#include "evidence/td_report.h"

#define QUOTE_KEY_SIZE 64
#define QUOTE_SIGNATURE_SIZE 64

enum quote_tee { QUOTE_SGX, QUOTE_TDX };

/* Numbers of the version 5 format; older versions have them by TEE type. */
enum quote_body_type {
    QUOTE_BODY_SGX = 1,
    QUOTE_BODY_TD_10 = 2,
    QUOTE_BODY_TD_15 = 3,
    QUOTE_BODY_TD_15EX = 4
};

/* Certification data types. */
enum {
    QUOTE_CERT_PPID_PLAIN = 1,
    QUOTE_CERT_PPID_RSA2048 = 2,
    QUOTE_CERT_PPID_RSA3072 = 3,
    QUOTE_CERT_PCK_LEAF = 4,
    QUOTE_CERT_PCK_CHAIN = 5,
    QUOTE_CERT_QE_REPORT = 6,
    QUOTE_CERT_PLATFORM_MANIFEST = 7
};

struct quote {
    uint16_t version;
    enum quote_tee tee;
    enum quote_body_type body_type;
    struct span vendor_id;
    struct span body;
    struct span signed_bytes; /* header and body, with what version 5 puts between them */
    struct span signature, attestation_key;
    struct span qe_report, qe_report_signature, qe_auth_data;
    uint16_t certification_type;
    struct span certification_data;
    size_t trailing;
};

fallible quote_parse(struct span in, struct quote *out);
const char *quote_tee_name(enum quote_tee tee); /* "sgx", "tdx" */
/* True when the bytes can only be meant as a quote: a known version number at the start, or another
 * small one before a known type of attestation key. */
bool quote_looks_like(struct span in);

#endif
