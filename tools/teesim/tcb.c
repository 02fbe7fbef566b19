// SPDX-License-Identifier: Apache-2.0
#include "teesim/tcb.h"

#include "base/clock.h"
#include "base/hex.h"
#include "crypto/signature.h"

#define DATE_NEW "2026-08-12T00:00:00Z"
#define DATE_OLD "2025-02-12T00:00:00Z"
#define DATE_OLDEST "2023-08-09T00:00:00Z"
#define PCE_SVN 11
#define PCE_SVN_REVOKED 5

/* Rungs differ in components 0, 1 and 4, so that each is matched by no better level than its own.
 */
static const struct {
    const char *status, *date;
    uint8_t microcode, bios;
    uint16_t pce_svn;
    uint8_t tdx_microcode;
    const char *advisories[FORGE_ADVISORIES_MAX];
} rungs[] = {
    [RUNG_UP_TO_DATE] = { "UpToDate", DATE_NEW, 4, 4, PCE_SVN, 4, { NULL } },
    [RUNG_SW_HARDENING_NEEDED] = { "SWHardeningNeeded",
                                   DATE_NEW,
                                   4,
                                   3,
                                   PCE_SVN,
                                   4,
                                   { "INTEL-SA-00615" } },
    [RUNG_CONFIGURATION_NEEDED] = { "ConfigurationNeeded",
                                    DATE_NEW,
                                    4,
                                    2,
                                    PCE_SVN,
                                    4,
                                    { "INTEL-SA-00289" } },
    [RUNG_CONFIGURATION_AND_SW_HARDENING_NEEDED] = { "ConfigurationAndSWHardeningNeeded",
                                                     DATE_NEW,
                                                     4,
                                                     1,
                                                     PCE_SVN,
                                                     4,
                                                     { "INTEL-SA-00289", "INTEL-SA-00615" } },
    [RUNG_OUT_OF_DATE] = { "OutOfDate",
                           DATE_OLD,
                           3,
                           1,
                           PCE_SVN,
                           3,
                           { "INTEL-SA-00828", "INTEL-SA-00837" } },
    [RUNG_OUT_OF_DATE_CONFIGURATION_NEEDED] = { "OutOfDateConfigurationNeeded",
                                                DATE_OLD,
                                                2,
                                                1,
                                                PCE_SVN,
                                                2,
                                                { "INTEL-SA-00289", "INTEL-SA-00828" } },
    [RUNG_REVOKED] = { "Revoked", DATE_OLDEST, 1, 1, PCE_SVN_REVOKED, 1, { "INTEL-SA-00614" } },
    [RUNG_NONE] = { NULL, NULL, 0, 0, 0, 0, { NULL } },
};

void forge_rung_svn(enum forge_rung rung, uint8_t components[16], uint16_t *pce_svn)
{
    static const uint8_t base[16] = { 0, 0, 2, 2, 0, 1, 0, 5 };

    memcpy(components, base, sizeof base);
    components[0] = components[1] = rungs[rung].microcode;
    components[4] = rungs[rung].bios;
    *pce_svn = rungs[rung].pce_svn;
}

static void level_default(enum forge_rung rung, struct forge_level *l)
{
    *l = (struct forge_level){ .status = rungs[rung].status, .date = rungs[rung].date };
    forge_rung_svn(rung, l->sgx, &l->pce_svn);
    l->tdx[0] = 5;
    l->tdx[2] = rungs[rung].tdx_microcode;
    memcpy(l->advisories, rungs[rung].advisories, sizeof l->advisories);
}

static const struct forge_module module_01 = {
    .id = "TDX_01",
    .mask = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
    .levels = { { 11, "UpToDate", DATE_NEW, { NULL } },
                { 6, "OutOfDate", DATE_OLD, { "INTEL-SA-01036" } },
                { 2, "Revoked", DATE_OLDEST, { "INTEL-SA-01099" } } },
    .count = 3,
};
static const struct forge_module module_03 = {
    .id = "TDX_03",
    .mask = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
    .levels = { { 5, "UpToDate", DATE_NEW, { NULL } },
                { 3, "OutOfDate", DATE_OLD, { "INTEL-SA-01245" } } },
    .count = 2,
};

void forge_tcb_info_default(bool tdx, const uint8_t fmspc[6], int64_t issued, int64_t next_update,
                            struct forge_tcb_info *out)
{
    *out = (struct forge_tcb_info){ .id = tdx ? "TDX" : "SGX",
                                    .version = 3,
                                    .issued = issued,
                                    .next_update = next_update,
                                    .evaluation_number = 21,
                                    .tdx = tdx,
                                    .count = FORGE_RUNGS };
    memcpy(out->fmspc, fmspc, sizeof out->fmspc);
    if (tdx) {
        out->module =
            (struct forge_module){ .mask = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
        out->modules[0] = module_03;
        out->modules[1] = module_01;
        out->module_count = 2;
    }
    for (size_t i = 0; i < FORGE_RUNGS; i++)
        level_default((enum forge_rung)i, &out->levels[i]);
}

static void add_hex(struct buf *b, const char *name, struct span bytes)
{
    buf_addf(b, "\"%s\":\"", name);
    for (size_t i = 0; i < bytes.len; i++)
        buf_addf(b, "%02X", bytes.at[i]);
    buf_add_str(b, "\"");
}

static void add_dates(struct buf *b, int64_t issued, int64_t next_update)
{
    char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX];

    buf_addf(b, "\"issueDate\":\"%s\",\"nextUpdate\":\"%s\"", clock_format(issued, from),
             clock_format(next_update, to));
}

static void add_status(struct buf *b, const char *date, const char *status,
                       const char *const *advisories)
{
    buf_addf(b, ",\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"", date, status);
    for (size_t i = 0; i < FORGE_ADVISORIES_MAX && advisories[i]; i++)
        buf_addf(b, "%s\"%s\"", i ? "," : ",\"advisoryIDs\":[", advisories[i]);
    buf_add_str(b, advisories[0] ? "]}" : "}");
}

static void add_svn_levels(struct buf *b, const struct forge_svn_level *levels, size_t count)
{
    buf_add_str(b, "\"tcbLevels\":[");
    for (size_t i = 0; i < count; i++) {
        buf_addf(b, "%s{\"tcb\":{\"isvsvn\":%u}", i ? "," : "", levels[i].isv_svn);
        add_status(b, levels[i].date, levels[i].status, levels[i].advisories);
    }
    buf_add_str(b, "]");
}

static void add_signer(struct buf *b, const struct forge_module *m)
{
    add_hex(b, "mrsigner", SPAN_OF(m->mrsigner));
    buf_add_str(b, ",");
    add_hex(b, "attributes", SPAN_OF(m->attributes));
    buf_add_str(b, ",");
    add_hex(b, "attributesMask", SPAN_OF(m->mask));
}

static void add_modules(struct buf *b, const struct forge_tcb_info *f)
{
    buf_add_str(b, "\"tdxModule\":{");
    add_signer(b, &f->module);
    buf_add_str(b, "},\"tdxModuleIdentities\":[");
    for (size_t i = 0; i < f->module_count; i++) {
        buf_addf(b, "%s{\"id\":\"%s\",", i ? "," : "", f->modules[i].id);
        add_signer(b, &f->modules[i]);
        buf_add_str(b, ",");
        add_svn_levels(b, f->modules[i].levels, f->modules[i].count);
        buf_add_str(b, "}");
    }
    buf_add_str(b, "],");
}

static void add_components(struct buf *b, const char *name, const uint8_t svn[16])
{
    buf_addf(b, "\"%s\":[", name);
    for (size_t i = 0; i < 16; i++)
        buf_addf(b, "%s{\"svn\":%u}", i ? "," : "", svn[i]);
    buf_add_str(b, "]");
}

static void add_level(struct buf *b, const struct forge_tcb_info *f, const struct forge_level *l)
{
    buf_add_str(b, "{\"tcb\":{");
    if (f->version == 2) {
        for (unsigned i = 0; i < 16; i++)
            buf_addf(b, "\"sgxtcbcomp%02usvn\":%u,", i + 1, l->sgx[i]);
    } else {
        add_components(b, "sgxtcbcomponents", l->sgx);
        buf_add_str(b, ",");
    }
    buf_addf(b, "\"pcesvn\":%u", l->pce_svn);
    if (f->tdx) {
        buf_add_str(b, ",");
        add_components(b, "tdxtcbcomponents", l->tdx);
    }
    buf_add_str(b, "}");
    add_status(b, l->date, l->status, l->advisories);
}

fallible forge_tcb_info_text(const struct forge_tcb_info *f, struct buf *b)
{
    buf_add_str(b, "{");
    if (f->version != 2)
        buf_addf(b, "\"id\":\"%s\",", f->id);
    buf_addf(b, "\"version\":%u,", f->version);
    add_dates(b, f->issued, f->next_update);
    buf_add_str(b, ",");
    add_hex(b, "fmspc", SPAN_OF(f->fmspc));
    buf_add_str(b, ",");
    add_hex(b, "pceId", SPAN_OF(f->pce_id));
    buf_addf(b, ",\"tcbType\":%u,\"tcbEvaluationDataNumber\":%u,", f->tcb_type,
             f->evaluation_number);
    if (f->tdx)
        add_modules(b, f);
    buf_add_str(b, "\"tcbLevels\":[");
    for (size_t i = 0; i < f->count; i++) {
        buf_add_str(b, i ? "," : "");
        add_level(b, f, &f->levels[i]);
    }
    buf_add_str(b, "]}");
    return buf_check(b);
}

void forge_identity_default(bool tdx, int64_t issued, int64_t next_update,
                            struct forge_identity *out)
{
    static const uint8_t mask[16] = { 0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

    *out =
        (struct forge_identity){ .id = tdx ? "TD_QE" : "QE",
                                 .version = 2,
                                 .issued = issued,
                                 .next_update = next_update,
                                 .evaluation_number = 21,
                                 .attributes = { 0x11 },
                                 .isv_prod_id = tdx ? 2 : 1,
                                 .levels = { { 8, "UpToDate", DATE_NEW, { NULL } },
                                             { 4, "OutOfDate", DATE_OLD, { "INTEL-SA-00477" } },
                                             { 1, "Revoked", DATE_OLDEST, { "INTEL-SA-00202" } } },
                                 .count = 3 };
    memset(out->miscselect_mask, 0xff, sizeof out->miscselect_mask);
    memcpy(out->attributes_mask, mask, sizeof mask);
    memset(out->mrsigner, tdx ? 0xd0 : 0xe0, sizeof out->mrsigner);
}

fallible forge_identity_text(const struct forge_identity *f, struct buf *b)
{
    buf_addf(b, "{\"id\":\"%s\",\"version\":%u,", f->id, f->version);
    add_dates(b, f->issued, f->next_update);
    buf_addf(b, ",\"tcbEvaluationDataNumber\":%u,", f->evaluation_number);
    const struct {
        const char *name;
        struct span bytes;
    } rows[] = { { "miscselect", SPAN_OF(f->miscselect) },
                 { "miscselectMask", SPAN_OF(f->miscselect_mask) },
                 { "attributes", SPAN_OF(f->attributes) },
                 { "attributesMask", SPAN_OF(f->attributes_mask) },
                 { "mrsigner", SPAN_OF(f->mrsigner) } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        add_hex(b, rows[i].name, rows[i].bytes);
        buf_add_str(b, ",");
    }
    buf_addf(b, "\"isvprodid\":%u,", f->isv_prod_id);
    add_svn_levels(b, f->levels, f->count);
    buf_add_str(b, "}");
    return buf_check(b);
}

fallible forge_document_sign(const char *member, struct span inner, const struct key *signer,
                             bool broken, struct buf *out)
{
    struct buf raw owned(buf_done) = buf_of(SIGNATURE_MAX);

    TRY(signature_make(signer, SIGNATURE_ECDSA, DIGEST_SHA256, inner, &raw));
    if (broken)
        raw.at[raw.len - 1] ^= 1;
    buf_addf(out, "{\"%s\":", member);
    buf_add(out, inner);
    buf_add_str(out, ",\"signature\":\"");
    hex_add(out, buf_span(&raw));
    buf_add_str(out, "\"}");
    return buf_check(out);
}

fallible forge_text_edit(struct buf *text, const char *from, const char *to)
{
    struct buf changed = buf_of(text->max);
    struct span all = buf_span(text), wanted = span_str(from);
    size_t at = span_find(all, wanted);

    if (at == all.len)
        return FAIL(ABSENT, "text to be edited is not there");
    buf_add(&changed, span_head(all, at));
    buf_add_str(&changed, to);
    buf_add(&changed, span_tail(all, at + wanted.len));
    buf_done(text);
    *text = changed;
    return buf_check(text);
}
