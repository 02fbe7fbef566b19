// SPDX-License-Identifier: Apache-2.0
/*
 * A TPM's evidence as one piece (docs/protocol.md, "Evidence of a TPM"): "WTPM" and the version 1,
 * then parts, each a tag byte, a length of four bytes, big-endian, and the bytes. Tags ascend, so
 * each part is there at most once.
 *
 * PCR values are one run of bytes in the order of the quote's own selection, so a value of a PCR
 * that was not quoted has no place to stand in.
 */
#ifndef EVIDENCE_TPM_EVIDENCE_H
#define EVIDENCE_TPM_EVIDENCE_H

#include "base/bounds.h"
#include "base/buf.h"
#include "base/reader.h"

enum tpm_part {
    TPM_PART_QUOTE = 1,          /* TPMS_ATTEST */
    TPM_PART_SIGNATURE = 2,      /* TPMT_SIGNATURE */
    TPM_PART_AK = 3,             /* TPMT_PUBLIC; not for Azure, whose report names the key */
    TPM_PART_PCRS = 4,           /* the quoted values, in the order of the selection */
    TPM_PART_AK_CERTIFICATE = 5, /* PEM: the key's certificate and its CAs */
    TPM_PART_EVENT_LOG = 6,      /* as the firmware wrote it */
    TPM_PART_IMA_LOG = 7,        /* as text */
    TPM_PART_HCL_REPORT = 8,     /* Azure: what NV index 0x01400001 holds */
    TPM_PART_HARDWARE = 9        /* Azure: SNP: AMD's certificate table; TDX: the TD quote */
};
#define TPM_PARTS 10

struct tpm_evidence {
    struct span parts[TPM_PARTS]; /* by tag; empty: not there */
};

bool tpm_evidence_looks_like(struct span in);
bool tpm_evidence_of_azure(struct span in); /* it carries an HCL report */
fallible tpm_evidence_parse(struct span in, struct tpm_evidence *out);
/* Empty parts are left out. */
fallible tpm_evidence_write(const struct tpm_evidence *e, struct buf *out);

#endif
