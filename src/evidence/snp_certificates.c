// SPDX-License-Identifier: Apache-2.0
/* The certificate table of an extended guest request (AMD 56421): entries of {GUID, offset,
 * length}, an entry of zeros, and the certificates. */
#include "evidence/snp_report.h"

#define GUID_SIZE 16
#define ENTRY_SIZE 24

enum certificate_kind { CERT_VCEK, CERT_VLEK, CERT_INTERMEDIATE, CERT_ROOT, CERT_CRL };

/* As texts read; tables have them so, or with the first three fields turned round as UEFI has it.
 */
static const struct {
    uint8_t guid[GUID_SIZE];
    enum certificate_kind kind;
} guids[] = {
    { { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac,
        0xcd },
      CERT_VCEK },
    { { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8,
        0xa1 },
      CERT_VLEK },
    { { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
        0x82 },
      CERT_INTERMEDIATE },
    { { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0,
        0xae },
      CERT_ROOT },
    { { 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67,
        0xea },
      CERT_CRL },
};

static bool guid_equal(struct span have, const uint8_t text[GUID_SIZE])
{
    static const uint8_t turned[GUID_SIZE] = {
        3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15
    };
    uint8_t other[GUID_SIZE];

    for (size_t i = 0; i < GUID_SIZE; i++)
        other[i] = text[turned[i]];
    return span_equal(have, span_from(text, GUID_SIZE)) || span_equal(have, SPAN_OF(other));
}

static struct span *place_of(struct snp_certificates *c, enum certificate_kind kind)
{
    switch (kind) {
    case CERT_VCEK:
        return &c->vcek;
    case CERT_VLEK:
        return &c->vlek;
    case CERT_INTERMEDIATE:
        return &c->intermediate;
    case CERT_ROOT:
        return &c->root;
    case CERT_CRL:
        return &c->crl;
    }
    return NULL;
}

static fallible entry_add(struct span guid, struct span certificate, struct snp_certificates *c)
{
    for (size_t i = 0; i < sizeof(guids) / sizeof(*guids); i++) {
        if (!guid_equal(guid, guids[i].guid))
            continue;
        struct span *place = place_of(c, guids[i].kind);
        if (place->len)
            return FAIL(INPUT, "the certificate table has two certificates of one kind");
        *place = certificate;
    }
    return OK;
}

static fallible table_parse(struct span table, struct snp_certificates *out)
{
    struct reader r = reader_of(table);
    struct snp_certificates c = { 0 };

    for (size_t i = 0; i <= SNP_CERTIFICATES_MAX; i++) {
        struct span guid = reader_take(&r, GUID_SIZE);
        uint32_t at = reader_u32le(&r);
        uint32_t len = reader_u32le(&r);
        TRY(reader_good(&r, "the certificate table after the SNP report is cut off"));
        if (span_is_zero(guid)) {
            *out = c;
            return OK;
        }
        struct reader body = reader_of(table);
        reader_take(&body, at);
        struct span certificate = reader_take(&body, len);
        if (body.failed || !len || at < (i + 2) * ENTRY_SIZE)
            return FAIL(INPUT, "the certificate table after the SNP report points outside itself");
        TRY(entry_add(guid, certificate, &c));
    }
    return FAIL(LIMIT, "the certificate table after the SNP report has more than 16 entries");
}

fallible snp_evidence_split(struct span in, struct span *report, struct snp_certificates *out)
{
    struct snp_certificates c = { 0 };

    if (in.len > SNP_EVIDENCE_MAX)
        return FAIL(LIMIT, "SNP evidence is larger than 64 KiB");
    if (in.len < SNP_REPORT_SIZE)
        return FAIL(INPUT, "SNP report is not 1184 bytes");
    if (in.len > SNP_REPORT_SIZE)
        TRY(table_parse(span_tail(in, SNP_REPORT_SIZE), &c));
    *report = span_head(in, SNP_REPORT_SIZE);
    *out = c;
    return OK;
}
