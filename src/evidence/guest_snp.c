// SPDX-License-Identifier: Apache-2.0
/* AMD's report from JSON, where each field is a number or a list of bytes and what the format
 * reserves is left out; fields are named as the guests' library names them. */
#include "base/writer.h"
#include "evidence/guest_evidence.h"
#include "evidence/snp_report.h"

#define CERTIFICATES_MAX 5
#define TABLE_ENTRY_SIZE 24
#define SIGNATURE_NUMBER 72

struct report_writer {
    const json_t *from;
    struct buf *out;
    struct err wrong; /* the first */
    bool turin;
};

static void fail(struct report_writer *w, struct err e)
{
    if (!failed(w->wrong))
        w->wrong = e;
}

static const json_t *any_of(const json_t *from, const char *name, const char *older)
{
    const json_t *j = json_object_get(from, name);
    return j || !older ? j : json_object_get(from, older);
}

static uint64_t number_of(struct report_writer *w, const json_t *j, uint64_t max)
{
    json_int_t value = json_integer_value(j);

    if (!json_is_integer(j) || value < 0 || (uint64_t)value > max)
        fail(w, FAIL(INPUT, "SNP guest evidence: a number"));
    return failed(w->wrong) ? 0 : (uint64_t)value;
}

static void put_le(struct report_writer *w, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        write_u8(w->out, (uint8_t)(value >> (8 * i)));
}

static void put_number(struct report_writer *w, const char *name, const char *older, size_t size)
{
    uint64_t max = size == 8 ? INT64_MAX : (1ULL << (8 * size)) - 1;
    put_le(w, number_of(w, any_of(w->from, name, older), max), size);
}

static void put_zeros(struct report_writer *w, size_t size)
{
    buf_extend(w->out, size); /* which clears */
}

static void put_list(struct report_writer *w, const json_t *list, size_t size)
{
    if (!json_is_array(list) || json_array_size(list) != size)
        fail(w, FAIL(INPUT, "SNP guest evidence: a list of bytes"));
    for (size_t i = 0; i < size && !failed(w->wrong); i++)
        write_u8(w->out, (uint8_t)number_of(w, json_array_get(list, i), UINT8_MAX));
}

static void put_bytes(struct report_writer *w, const char *name, size_t size)
{
    put_list(w, json_object_get(w->from, name), size);
}

static uint8_t component(struct report_writer *w, const json_t *tcb, const char *name)
{
    return (uint8_t)number_of(w, json_object_get(tcb, name), UINT8_MAX);
}

/* Turin has a component more, at the start, and the others lie elsewhere. */
static void put_tcb(struct report_writer *w, const char *name)
{
    const json_t *tcb = json_object_get(w->from, name), *fmc = json_object_get(tcb, "fmc");

    if (w->turin)
        write_u8(w->out, fmc && !json_is_null(fmc) ? component(w, tcb, "fmc") : 0);
    write_u8(w->out, component(w, tcb, "bootloader"));
    write_u8(w->out, component(w, tcb, "tee"));
    if (w->turin)
        write_u8(w->out, component(w, tcb, "snp"));
    put_zeros(w, w->turin ? 3 : 4);
    if (!w->turin)
        write_u8(w->out, component(w, tcb, "snp"));
    write_u8(w->out, component(w, tcb, "microcode"));
}

/* Build, minor, major; in older releases of the guests' library three members, later one. */
static void put_firmware(struct report_writer *w, const char *prefix)
{
    static const char *const parts[] = { "build", "minor", "major" };
    const json_t *whole = json_object_get(w->from, prefix);

    for (size_t i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%s_%s", prefix, parts[i]);
        const json_t *part =
            whole ? json_object_get(whole, parts[i]) : json_object_get(w->from, name);
        write_u8(w->out, (uint8_t)number_of(w, part, UINT8_MAX));
    }
    put_zeros(w, 1);
}

static void put_optional(struct report_writer *w, const char *name, size_t size)
{
    const json_t *j = json_object_get(w->from, name);

    if (j && !json_is_null(j))
        put_le(w, number_of(w, j, size == 1 ? UINT8_MAX : INT64_MAX), size);
    else
        put_zeros(w, size);
}

/* 0x000 to 0x180 */
static void put_head(struct report_writer *w)
{
    put_number(w, "version", NULL, 4);
    put_number(w, "guest_svn", NULL, 4);
    put_number(w, "policy", NULL, 8);
    put_bytes(w, "family_id", 16);
    put_bytes(w, "image_id", 16);
    put_number(w, "vmpl", NULL, 4);
    put_number(w, "sig_algo", NULL, 4);
    put_tcb(w, "current_tcb");
    put_number(w, "plat_info", NULL, 8);
    put_number(w, "key_info", "_author_key_en", 4);
    put_zeros(w, 4);
    put_bytes(w, "report_data", 64);
    put_bytes(w, "measurement", 48);
    put_bytes(w, "host_data", 32);
    put_bytes(w, "id_key_digest", 48);
    put_bytes(w, "author_key_digest", 48);
    put_bytes(w, "report_id", 32);
    put_bytes(w, "report_id_ma", 32);
}

static void put_signature(struct report_writer *w)
{
    const json_t *signature = json_object_get(w->from, "signature");

    put_list(w, json_object_get(signature, "r"), SIGNATURE_NUMBER);
    put_list(w, json_object_get(signature, "s"), SIGNATURE_NUMBER);
    put_zeros(w, SNP_REPORT_SIZE - SNP_SIGNED_SIZE - 2 * SIGNATURE_NUMBER);
}

/* 0x180 to the end */
static void put_tail(struct report_writer *w)
{
    put_tcb(w, "reported_tcb");
    put_optional(w, "cpuid_fam_id", 1);
    put_optional(w, "cpuid_mod_id", 1);
    put_optional(w, "cpuid_step", 1);
    put_zeros(w, 21);
    put_bytes(w, "chip_id", SNP_CHIP_ID_SIZE);
    put_tcb(w, "committed_tcb");
    put_firmware(w, "current");
    put_firmware(w, "committed");
    put_tcb(w, "launch_tcb");
    put_optional(w, "launch_mit_vector", 8);
    put_optional(w, "current_mit_vector", 8);
    put_zeros(w, 152);
    put_signature(w);
}

/* A report of version 3 and on names the processor; a version 2 is from before Turin. */
static bool is_turin(const json_t *report)
{
    const json_t *family = json_object_get(report, "cpuid_fam_id"),
                 *model = json_object_get(report, "cpuid_mod_id");
    json_int_t f = json_integer_value(family), m = json_integer_value(model);

    return f >= 0 && f <= UINT8_MAX && m >= 0 && m <= UINT8_MAX &&
           snp_product_of_cpuid((uint8_t)f, (uint8_t)m) == SNP_TURIN;
}

static const struct {
    const char *name;
    uint8_t guid[16];
} certificate_kinds[] = {
    { "VCEK",
      { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac,
        0xcd } },
    { "VLEK",
      { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8,
        0xa1 } },
    { "ASK",
      { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
        0x82 } },
    { "ARK",
      { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0,
        0xae } },
    { "CRL",
      { 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67,
        0xea } },
};

static const uint8_t *guid_of(const json_t *entry)
{
    const char *name = json_string_value(json_object_get(entry, "cert_type"));

    for (size_t i = 0; name && i < sizeof(certificate_kinds) / sizeof(*certificate_kinds); i++)
        if (strcmp(name, certificate_kinds[i].name) == 0)
            return certificate_kinds[i].guid;
    return NULL;
}

/* The table of AMD 56421; certificates of other kinds are of no use here. */
static void put_certificates(struct report_writer *w, const json_t *chain)
{
    const json_t *used[CERTIFICATES_MAX];
    size_t count = 0;

    if (!json_is_array(chain) || json_array_size(chain) > SNP_CERTIFICATES_MAX) {
        fail(w, FAIL(INPUT, "SNP guest evidence: cert_chain"));
        return;
    }
    for (size_t i = 0; i < json_array_size(chain); i++)
        if (guid_of(json_array_get(chain, i)) && count < CERTIFICATES_MAX)
            used[count++] = json_array_get(chain, i);
    size_t at = (count + 1) * TABLE_ENTRY_SIZE;
    for (size_t i = 0; i < count; i++) {
        size_t len = json_array_size(json_object_get(used[i], "data"));
        buf_add(w->out, span_from(guid_of(used[i]), 16));
        put_le(w, at, 4);
        put_le(w, len, 4);
        at += len;
    }
    put_zeros(w, TABLE_ENTRY_SIZE);
    for (size_t i = 0; i < count; i++) {
        const json_t *data = json_object_get(used[i], "data");
        put_list(w, data, json_array_size(data));
    }
}

fallible guest_snp_read(const json_t *evidence, struct buf *out)
{
    static const char *const members[] = { "attestation_report", "cert_chain", NULL };
    const json_t *chain = json_object_get(evidence, "cert_chain"), *report;
    struct report_writer w = { .out = out, .wrong = OK };

    TRY(json_only(evidence, members));
    TRY(json_get_object(evidence, "attestation_report", "SNP guest evidence: report", &report));
    w.from = report;
    w.turin = is_turin(report);
    put_head(&w);
    put_tail(&w);
    if (chain && !json_is_null(chain) && (!json_is_array(chain) || json_array_size(chain)))
        put_certificates(&w, chain);
    TRY(w.wrong);
    return buf_check(out);
}
