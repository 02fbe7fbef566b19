// SPDX-License-Identifier: Apache-2.0
/*
 * Intel's SGX extension (1.2.840.113741.1.13.1) of a PCK certificate: what a platform is. Parsed by
 * OID; a duplicate and a missing mandatory value are refused. Copies, because a platform outlives
 * the quote that showed it.
 *
 * pck_peek() finds the extension in a certificate that nobody has verified, without a crypto
 * library: for choosing collateral, never for a decision.
 */
#ifndef EVIDENCE_PCK_EXTENSION_H
#define EVIDENCE_PCK_EXTENSION_H

#include "base/reader.h"

#define SGX_COMPONENTS 16

enum pck_ca { PCK_CA_UNKNOWN, PCK_CA_PROCESSOR, PCK_CA_PLATFORM };

struct pck_extension {
    uint8_t ppid[16], cpusvn[16], pce_id[2], fmspc[6], instance_id[16];
    uint8_t components[SGX_COMPONENTS];
    uint16_t pce_svn;
    uint32_t sgx_type;
    bool has_instance_id, has_configuration;
    bool dynamic_platform, cached_keys, smt_enabled;
};

/* DER content of the OID, for looking the extension up in a parsed certificate. */
extern const struct span pck_extension_oid;

fallible pck_extension_parse(struct span der, struct pck_extension *out);

/* By the words in the issuing CA's common name. */
enum pck_ca pck_ca_of(struct span issuer_cn);
const char *pck_ca_name(enum pck_ca ca); /* "processor", "platform", "unknown" */

struct pck_peek {
    struct span issuer_cn;
    struct span extension;
};
fallible pck_peek(struct span cert_der, struct pck_peek *out);

#endif
