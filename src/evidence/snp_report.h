// SPDX-License-Identifier: Apache-2.0
/*
 * The attestation report of an AMD SEV-SNP guest (AMD 56860, "ATTESTATION_REPORT"), versions 2, 3
 * and 5, alone or followed by the certificate table that the host hands out with it (AMD 56421,
 * extended guest request): `cat outblob auxblob` of Linux's configfs-tsm.
 *
 * Parsing checks lengths, the version and that reserved bytes are zero, nothing else: no byte here
 * is trusted yet. Spans point into the input.
 */
#ifndef EVIDENCE_SNP_REPORT_H
#define EVIDENCE_SNP_REPORT_H

#include "base/bounds.h"
#include "base/reader.h"

#define SNP_REPORT_SIZE 1184
#define SNP_SIGNED_SIZE 672
#define SNP_TCB_SIZE 8
#define SNP_CHIP_ID_SIZE 64
#define SNP_TURIN_CHIP_ID_SIZE 8 /* what is set of it there; zeros follow */
#define SNP_SIGNATURE_SIZE 96    /* r || s of P-384, big endian */

/* The processor families, which differ in the layout of TCB versions and in their roots. */
enum snp_product { SNP_PRODUCT_UNKNOWN, SNP_MILAN, SNP_GENOA, SNP_TURIN };
const char *snp_product_name(enum snp_product product); /* "Milan", ...; "" */
/* By family and model; SNP_PRODUCT_UNKNOWN for all others. */
enum snp_product snp_product_of_cpuid(uint8_t family, uint8_t model);

/* Security patch levels. */
struct snp_tcb {
    uint8_t fmc; /* Turin; else 0 */
    uint8_t boot_loader, tee, snp, microcode;
};
/* Of 8 bytes, in this product's layout. False: bytes that the layout reserves are not zero. */
bool snp_tcb_read(struct span bytes, enum snp_product product, struct snp_tcb *out);
/* Component by component. */
bool snp_tcb_equal(const struct snp_tcb *a, const struct snp_tcb *b);
bool snp_tcb_reaches(const struct snp_tcb *have, const struct snp_tcb *need);

enum { SNP_SIGNED_BY_VCEK = 0, SNP_SIGNED_BY_VLEK = 1, SNP_SIGNED_BY_NONE = 7 };

#define SNP_POLICY_ABI_MINOR 0xffULL
#define SNP_POLICY_SMT (1ULL << 16)
#define SNP_POLICY_ONE (1ULL << 17) /* must be set */
#define SNP_POLICY_MIGRATE_MA (1ULL << 18)
#define SNP_POLICY_DEBUG (1ULL << 19)
#define SNP_POLICY_SINGLE_SOCKET (1ULL << 20)
#define SNP_POLICY_CXL_ALLOW (1ULL << 21)
#define SNP_POLICY_MEM_AES_256_XTS (1ULL << 22)
#define SNP_POLICY_RAPL_DIS (1ULL << 23)
#define SNP_POLICY_CIPHERTEXT_HIDING (1ULL << 24)
#define SNP_POLICY_PAGE_SWAP_DISABLE (1ULL << 25)
/* Of the SNP firmware ABI 1.58, whose last bit is PAGE_SWAP_DISABLE (as Linux's psp-sev.h has it,
 * too). What a later one defines may be a permission, as CXL_ALLOW is: until it is known here it is
 * refused. */
#define SNP_POLICY_KNOWN 0x3ffffffULL

#define SNP_PLATFORM_SMT_EN (1ULL << 0)
#define SNP_PLATFORM_TSME_EN (1ULL << 1)
#define SNP_PLATFORM_ECC_EN (1ULL << 2)
#define SNP_PLATFORM_RAPL_DIS (1ULL << 3)
#define SNP_PLATFORM_CIPHERTEXT_HIDING (1ULL << 4)
#define SNP_PLATFORM_ALIAS_CHECK (1ULL << 5)

struct snp_firmware {
    uint8_t build, minor, major;
};

struct snp_report {
    uint32_t version, guest_svn, vmpl, signature_algorithm;
    uint64_t policy, platform_info;
    struct span family_id, image_id;
    struct span current_tcb, reported_tcb, committed_tcb, launch_tcb; /* 8 bytes each */
    bool author_key_enabled, chip_key_masked;
    uint8_t signing_key;
    struct span report_data, measurement, host_data, id_key_digest, author_key_digest;
    struct span report_id, report_id_ma, chip_id;
    uint8_t cpuid_family, cpuid_model, cpuid_stepping; /* version 3 and on; else 0 */
    struct snp_firmware current, committed;
    struct span launch_mitigation, current_mitigation; /* version 5; else empty */
    struct span signed_bytes, signature; /* the latter: r, s and padding as they stand */
};

/* Exactly one report. */
fallible snp_report_parse(struct span in, struct snp_report *out);
/* r and s, little endian and padded with zeros, as r || s. False: padding that is not zero. */
bool snp_signature_read(struct span signature, uint8_t out[SNP_SIGNATURE_SIZE]);

/* The certificates of the host's table: DER (or PEM) that nobody has looked at; empty spans are not
 * there. */
struct snp_certificates {
    struct span vcek, vlek, intermediate, root, crl;
};
/* The report at the start, and the table where one follows; entries of other kinds are skipped. */
fallible snp_evidence_split(struct span in, struct span *report, struct snp_certificates *out);

/* True when the bytes can only be meant as a report: its length, and a version of 32 bits (a quote
 * has the type of its key in the upper half). */
bool snp_report_looks_like(struct span in);

#endif
