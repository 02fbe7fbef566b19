// SPDX-License-Identifier: Apache-2.0
#include "tpm_sets.h"

#include "base/hex.h"
#include "evidence/tpm_structures.h"
#include "tpm_set.h"
#include "verify/tpm_verify.h"

#define NOW 1764000000
#define GCE "tpm/gce-gce-cos-85-nonce9009"
#define SWTPM "tpm/swtpm-ecc-logs"

static const struct row {
    const char *set, *quote, *signature, *ak, *pcrs, *log, *ima, *hcl, *hardware, *collateral;
    int64_t at;
} rows[] = {
    { .set = GCE,
      .quote = "quote_sha256.msg",
      .signature = "quote_sha256.sig",
      .ak = "ak_pub.tpmt",
      .pcrs = "pcrs_sha256.json",
      .log = "event_log.bin",
      .at = NOW },
    { .set = GCE,
      .quote = "quote_sha256.msg",
      .signature = "quote_sha256.sig",
      .ak = "ak_pub.tpmt",
      .pcrs = "pcrs_sha256.json",
      .at = NOW },
    { .set = GCE,
      .quote = "quote_sha384.msg",
      .signature = "quote_sha384.sig",
      .ak = "ak_pub.tpmt",
      .pcrs = "pcrs_sha384.json",
      .at = NOW },
    { .set = SWTPM,
      .quote = "quote.msg",
      .signature = "quote.sig",
      .ak = "ak_pub.tpmt",
      .pcrs = "pcrs.json",
      .log = "event_log.bin",
      .ima = "ima.ascii",
      .at = NOW },
    { .set = SWTPM,
      .quote = "quote.msg",
      .signature = "quote.sig",
      .ak = "ak_pub.tpmt",
      .pcrs = "pcrs.json",
      .log = "event_log.bin",
      .at = NOW },
    { .set = SWTPM,
      .quote = "quote.msg",
      .signature = "quote.sig",
      .ak = "ak_pub.tpmt",
      .pcrs = "pcrs.json",
      .ima = "ima.ascii",
      .at = NOW },
    { .set = SWTPM,
      .quote = "quote.msg",
      .signature = "quote.sig",
      .ak = "ak_pub.tpmt",
      .pcrs = "pcrs.json",
      .at = NOW },
    { .set = "azure/snp-coco-evidence-genoa",
      .quote = "tpm_quote.msg",
      .signature = "tpm_quote.sig",
      .pcrs = "pcrs.json",
      .hcl = "hcl_report.bin",
      .collateral = "snp/genoa-vcek-v3-227a641d",
      .at = 1760000000 },
    { .set = "azure/tdx-coco-evidence-v0",
      .quote = "tpm_quote.msg",
      .signature = "tpm_quote.sig",
      .pcrs = "pcrs.json",
      .hcl = "hcl_report.bin",
      .hardware = "td_quote.bin",
      .collateral = "intel/tdx4-plat-00806f050000-a187b0-ev17-1987",
      .at = 1740714290 },
};

size_t tpm_sources(void)
{
    return sizeof(rows) / sizeof(*rows);
}

static void part_load(struct tpm_set *s, enum tpm_part part, const char *folder, const char *name)
{
    if (name)
        assert_true(tpm_set_file(s, part, folder, name));
}

static void enrol(struct span ak, struct buf *out)
{
    uint8_t name[TPM_NAME_MAX];
    char hex[2 * TPM_NAME_MAX + 1];
    size_t len;

    if (!ak.len)
        return;
    assert_ok(tpm_public_name(ak, TPM_ALG_SHA256, name, &len));
    buf_addf(out, "{\"version\":1,\"keys\":[{\"name\":\"%s\",\"by\":\"operator\"}]}",
             hex_str(span_from(name, len), hex));
}

void tpm_source_load(const char *root, size_t which, struct tpm_source *out)
{
    const struct row *row = &rows[which];
    struct tpm_set s owned(tpm_set_done);

    *out = (struct tpm_source){ .at = row->at };
    out->enrolled = buf_of(4096);
    snprintf(out->folder, sizeof(out->folder), "%s/%s", root, row->set);
    if (row->collateral)
        snprintf(out->collateral, sizeof(out->collateral), "%s/%s", root, row->collateral);
    tpm_set_init(&s);
    part_load(&s, TPM_PART_QUOTE, out->folder, row->quote);
    part_load(&s, TPM_PART_SIGNATURE, out->folder, row->signature);
    part_load(&s, TPM_PART_AK, out->folder, row->ak);
    part_load(&s, TPM_PART_EVENT_LOG, out->folder, row->log);
    part_load(&s, TPM_PART_IMA_LOG, out->folder, row->ima);
    part_load(&s, TPM_PART_HCL_REPORT, out->folder, row->hcl);
    part_load(&s, TPM_PART_HARDWARE, out->folder, row->hardware);
    tpm_set_pcrs(&s, out->folder, row->pcrs);
    if (row->hcl)
        tpm_set_wrap_signature(&s);
    tpm_set_make(&s);
    enrol(buf_span(&s.parts[TPM_PART_AK]), &out->enrolled);
    out->evidence = s.evidence;
    s.evidence = buf_of(0);
}

void tpm_source_done(struct tpm_source *s)
{
    buf_done(&s->evidence);
    buf_done(&s->enrolled);
}
