// SPDX-License-Identifier: Apache-2.0
#include "evidence/snp_report.h"

#define VERSION_MAX 15 /* that is taken for a report's at all */
#define SIGNATURE_NUMBER_SIZE 72
#define P384_SIZE 48
#define SIGNATURE_FIELD_SIZE 512

static struct span reserved_take(struct reader *r, size_t len)
{
    struct span s = reader_take(r, len);

    reader_require(r, span_is_zero(s));
    return s;
}

static void key_info_read(struct reader *r, struct snp_report *s)
{
    uint32_t flags = reader_u32le(r);

    s->author_key_enabled = flags & 1;
    s->chip_key_masked = flags & 2;
    s->signing_key = flags >> 2 & 7;
    reader_require(r, flags >> 5 == 0);
    reserved_take(r, 4);
}

static void cpuid_read(struct reader *r, struct snp_report *s)
{
    s->cpuid_family = reader_u8(r);
    s->cpuid_model = reader_u8(r);
    s->cpuid_stepping = reader_u8(r);
    reader_require(r,
                   s->version >= 3 || (!s->cpuid_family && !s->cpuid_model && !s->cpuid_stepping));
    reserved_take(r, 21);
}

static void firmware_read(struct reader *r, struct snp_firmware *f)
{
    f->build = reader_u8(r);
    f->minor = reader_u8(r);
    f->major = reader_u8(r);
    reserved_take(r, 1);
}

static void mitigation_read(struct reader *r, struct snp_report *s)
{
    if (s->version >= 5) {
        s->launch_mitigation = reader_take(r, 8);
        s->current_mitigation = reader_take(r, 8);
    } else {
        reserved_take(r, 16);
    }
    reserved_take(r, 152);
}

static void identity_read(struct reader *r, struct snp_report *s)
{
    s->report_data = reader_take(r, 64);
    s->measurement = reader_take(r, 48);
    s->host_data = reader_take(r, 32);
    s->id_key_digest = reader_take(r, 48);
    s->author_key_digest = reader_take(r, 48);
    s->report_id = reader_take(r, 32);
    s->report_id_ma = reader_take(r, 32);
}

static fallible version_check(uint32_t version)
{
    if (version == 4)
        return FAIL(INPUT, "SNP report of version 4: no firmware is known to make one, and its "
                           "layout is not read here");
    return version == 2 || version == 3 || version == 5
               ? OK
               : FAIL(INPUT, "SNP report is not of version 2, 3 or 5");
}

fallible snp_report_parse(struct span in, struct snp_report *out)
{
    struct reader r = reader_of(in);
    struct snp_report s = { .signed_bytes = span_head(in, SNP_SIGNED_SIZE) };

    if (in.len != SNP_REPORT_SIZE)
        return FAIL(INPUT, "SNP report is not 1184 bytes");
    s.version = reader_u32le(&r);
    TRY(version_check(s.version));
    s.guest_svn = reader_u32le(&r);
    s.policy = reader_u64le(&r);
    s.family_id = reader_take(&r, 16);
    s.image_id = reader_take(&r, 16);
    s.vmpl = reader_u32le(&r);
    s.signature_algorithm = reader_u32le(&r);
    s.current_tcb = reader_take(&r, SNP_TCB_SIZE);
    s.platform_info = reader_u64le(&r);
    key_info_read(&r, &s);
    identity_read(&r, &s);
    s.reported_tcb = reader_take(&r, SNP_TCB_SIZE);
    cpuid_read(&r, &s);
    s.chip_id = reader_take(&r, SNP_CHIP_ID_SIZE);
    s.committed_tcb = reader_take(&r, SNP_TCB_SIZE);
    firmware_read(&r, &s.current);
    firmware_read(&r, &s.committed);
    s.launch_tcb = reader_take(&r, SNP_TCB_SIZE);
    mitigation_read(&r, &s);
    s.signature = reader_take(&r, SIGNATURE_FIELD_SIZE);
    TRY(reader_end(&r, "SNP report has bytes that its version reserves"));
    *out = s;
    return OK;
}

const char *snp_product_name(enum snp_product product)
{
    switch (product) {
    case SNP_MILAN:
        return "Milan";
    case SNP_GENOA:
        return "Genoa";
    case SNP_TURIN:
        return "Turin";
    case SNP_PRODUCT_UNKNOWN:
        break;
    }
    return "";
}

enum snp_product snp_product_of_cpuid(uint8_t family, uint8_t model)
{
    uint8_t line = model >> 4;

    if (family == 0x19 && line == 0)
        return SNP_MILAN;
    if (family == 0x19 && (line == 1 || line == 0xa))
        return SNP_GENOA;
    return family == 0x1a && line <= 1 ? SNP_TURIN : SNP_PRODUCT_UNKNOWN;
}

bool snp_tcb_read(struct span bytes, enum snp_product product, struct snp_tcb *out)
{
    struct reader r = reader_of(bytes);
    struct snp_tcb t = { 0 };

    if (product == SNP_TURIN) {
        t.fmc = reader_u8(&r);
        t.boot_loader = reader_u8(&r);
        t.tee = reader_u8(&r);
        t.snp = reader_u8(&r);
        reserved_take(&r, 3);
    } else {
        t.boot_loader = reader_u8(&r);
        t.tee = reader_u8(&r);
        reserved_take(&r, 4);
        t.snp = reader_u8(&r);
    }
    t.microcode = reader_u8(&r);
    if (product == SNP_PRODUCT_UNKNOWN || failed(reader_end(&r, "TCB version")))
        return false;
    *out = t;
    return true;
}

bool snp_tcb_equal(const struct snp_tcb *a, const struct snp_tcb *b)
{
    return a->fmc == b->fmc && a->boot_loader == b->boot_loader && a->tee == b->tee &&
           a->snp == b->snp && a->microcode == b->microcode;
}

bool snp_tcb_reaches(const struct snp_tcb *have, const struct snp_tcb *need)
{
    return have->fmc >= need->fmc && have->boot_loader >= need->boot_loader &&
           have->tee >= need->tee && have->snp >= need->snp && have->microcode >= need->microcode;
}

static void number_read(struct reader *r, uint8_t out[P384_SIZE])
{
    for (size_t i = P384_SIZE; i-- > 0;)
        out[i] = reader_u8(r);
    reserved_take(r, SIGNATURE_NUMBER_SIZE - P384_SIZE);
}

bool snp_signature_read(struct span signature, uint8_t out[SNP_SIGNATURE_SIZE])
{
    struct reader r = reader_of(signature);

    number_read(&r, out);
    number_read(&r, out + P384_SIZE);
    reserved_take(&r, SIGNATURE_FIELD_SIZE - 2 * SIGNATURE_NUMBER_SIZE);
    return !failed(reader_end(&r, "signature of an SNP report"));
}

bool snp_report_looks_like(struct span in)
{
    struct reader r = reader_of(in);
    uint32_t version = reader_u32le(&r);

    return in.len >= SNP_REPORT_SIZE && version >= 1 && version <= VERSION_MAX;
}
