// SPDX-License-Identifier: Apache-2.0
#include "teesim/snp_platform.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/hex.h"
#include "teesim/forge.h"
#include "teesim/scenario.h"

struct snp_platform {
    pthread_mutex_t lock;
    struct forge_snp_pki pki, stranger;
    /* Made by a scenario. */
    struct forge_snp_knobs knobs;
    struct buf table; /* made once: a signature anew would be another certificate */
    bool wrong_report_data;
};

struct guard {
    pthread_mutex_t *lock;
};

static void guard_endp(struct guard *g)
{
    pthread_mutex_unlock(g->lock);
}

static struct guard guard(struct snp_platform *p)
{
    pthread_mutex_lock(&p->lock);
    return (struct guard){ &p->lock };
}
#define GUARDED(p) struct guard guard_ owned(guard_end) = guard(p)

/* What a scenario is about to become. */
struct scene {
    struct forge_snp_knobs knobs;
    bool vlek, stranger, no_table, wrong_report_data;
};

static void ok(struct scene *s)
{
    (void)s;
}

static void debug(struct scene *s)
{
    s->knobs.report[FORGE_SNP_POLICY + 2] |= 0x08;
}

static void wrong_measurement(struct scene *s)
{
    memset(s->knobs.report + FORGE_SNP_MEASUREMENT, 0xbd, 48);
}

/* The platform's whole TCB is older, and so is what its key stands for. */
static void out_of_date(struct scene *s)
{
    static const size_t places[] = { FORGE_SNP_CURRENT_TCB, FORGE_SNP_REPORTED_TCB,
                                     FORGE_SNP_COMMITTED_TCB, FORGE_SNP_LAUNCH_TCB };

    s->knobs.vcek.spl[8] = 100;
    for (size_t i = 0; i < 4; i++)
        s->knobs.report[places[i] + 7] = 100;
}

static void tcb_mismatch(struct scene *s)
{
    s->knobs.vcek.spl[8]--;
}

static void provisional(struct scene *s)
{
    s->knobs.report[FORGE_SNP_CURRENT_TCB + 7]++;
}

static void revoked(struct scene *s)
{
    s->knobs.intermediate.serial = SPAN_OF(scenario_revoked_serial);
    s->knobs.intermediate_der = (struct span){ 0 };
}

static void wrong_signer(struct scene *s)
{
    s->stranger = true;
}

static void forged_signature(struct scene *s)
{
    s->knobs.later[0] = (struct forge_snp_later){ FORGE_SNP_SIGNATURE, 1 };
}

static void wrong_report_data(struct scene *s)
{
    s->wrong_report_data = true;
}

static void vlek(struct scene *s)
{
    s->vlek = true;
}

static void masked_chip(struct scene *s)
{
    s->knobs.report[FORGE_SNP_KEY_INFO] |= 2;
    memset(s->knobs.report + FORGE_SNP_CHIP_ID, 0, SNP_CHIP_ID_SIZE);
}

static void other_vmpl(struct scene *s)
{
    s->knobs.report[FORGE_SNP_VMPL] = 2;
}

static void no_certificates(struct scene *s)
{
    s->no_table = true;
}

static const struct scenario_row {
    const char *name;
    void (*apply)(struct scene *s);
    const char *help;
} rows[] = {
    { "ok", ok, "a good platform" },
    { "debug", debug, "the guest policy allows debugging" },
    { "wrong-measurement", wrong_measurement, "other launch measurement" },
    { "out-of-date", out_of_date, "old microcode, and a key that stands for it" },
    { "tcb-mismatch", tcb_mismatch, "the certificate along is for another TCB version" },
    { "provisional", provisional, "runs firmware that is not committed" },
    { "revoked", revoked, "the intermediate along is in the CRL" },
    { "wrong-signer", wrong_signer, "certificates of another root" },
    { "forged-signature", forged_signature, "the report's signature is wrong" },
    { "wrong-report-data", wrong_report_data, "reports other data than asked for" },
    { "masked-chip", masked_chip, "the chip's key is masked" },
    { "other-vmpl", other_vmpl, "asked for at VMPL 2" },
    { "no-certificates", no_certificates,
      "the host has no table of certificates: the KDS has to be asked" },
    { "vlek", vlek, "signed by a VLEK" },
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

void snp_scenario_list(struct buf *out)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        buf_addf(out, "  %-39s %s\n", rows[i].name, rows[i].help);
}

static const struct scenario_row *row_of(struct span name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (span_equal_str(name, rows[i].name))
            return &rows[i];
    return NULL;
}

/* Whose key and whose root it is decides the defaults; the rest turns knobs of them. */
static fallible apply_each(struct span list, bool who, struct scene *s)
{
    for (struct span rest = list; rest.len;) {
        struct span name = span_head(rest, span_find(rest, SPAN(",")));
        const struct scenario_row *row = row_of(name);
        if (!row)
            return FAIL(INPUT, "unknown scenario: see teesim run --help");
        if (who == (row->apply == vlek || row->apply == wrong_signer))
            row->apply(s);
        rest = span_tail(rest, name.len + 1);
    }
    return OK;
}

fallible snp_platform_set(struct snp_platform *p, struct span scenarios, struct span measurement)
{
    GUARDED(p);
    struct scene s = { .vlek = false };
    struct buf table owned(buf_done) = buf_of(FORGE_SNP_EVIDENCE_MAX);

    TRY(apply_each(scenarios, true, &s));
    if (s.stranger && !p->stranger.vcek) /* making keys takes long */
        TRY(forge_snp_pki_open(NULL, p->pki.product, &p->stranger));
    const struct forge_snp_pki *pki = s.stranger ? &p->stranger : &p->pki;
    forge_snp_defaults(pki, s.vlek, clock_now(), &s.knobs);
    s.knobs.intermediate_der = buf_span(s.vlek ? &pki->asvk.der : &pki->ask.der);
    memcpy(s.knobs.report + FORGE_SNP_MEASUREMENT, measurement.at, measurement.len);
    TRY(apply_each(scenarios, false, &s));
    if (!s.no_table)
        TRY(forge_snp_table(&s.knobs, &table));
    buf_done(&p->table);
    p->table = table;
    table = buf_of(0);
    p->knobs = s.knobs;
    p->wrong_report_data = s.wrong_report_data;
    return OK;
}

fallible snp_platform_open(const char *dir, enum snp_product product, struct span measurement,
                           struct snp_platform **out)
{
    struct snp_platform *p owned(snp_platform_close) = calloc(1, sizeof *p);

    if (!p)
        return FAIL(SYSTEM, "memory exhausted");
    pthread_mutex_init(&p->lock, NULL);
    TRY(forge_snp_pki_open(dir, product, &p->pki));
    TRY(snp_platform_set(p, (struct span){ 0 }, measurement));
    *out = TAKE(p);
    return OK;
}

void snp_platform_close(struct snp_platform *p)
{
    if (!p)
        return;
    buf_done(&p->table);
    forge_snp_pki_done(&p->pki);
    forge_snp_pki_done(&p->stranger);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

const char *snp_platform_product(const struct snp_platform *p)
{
    return snp_product_name(p->pki.product);
}

fallible snp_platform_report(struct snp_platform *p, const uint8_t report_data[64], struct buf *out)
{
    GUARDED(p);
    uint8_t *to = p->knobs.report + FORGE_SNP_REPORT_DATA;

    memcpy(to, report_data, 64);
    if (p->wrong_report_data)
        to[0] ^= 0xff;
    buf_clear(out);
    return forge_snp_sign(&p->knobs, out);
}

fallible snp_platform_table(struct snp_platform *p, struct buf *out)
{
    GUARDED(p);
    buf_add(out, buf_span(&p->table));
    return buf_check(out);
}

static bool names_product(const struct snp_platform *p, struct span product)
{
    return span_equal_str(product, snp_product_name(p->pki.product));
}

fallible snp_platform_vcek(struct snp_platform *p, struct span product, struct span chip,
                           const uint8_t spl[FORGE_SPL_COUNT], struct buf *der)
{
    GUARDED(p);
    struct forge_snp_knobs k;
    uint8_t id[SNP_CHIP_ID_SIZE];

    forge_snp_defaults(&p->pki, false, clock_now(), &k);
    if (!names_product(p, product) || failed(hex_parse_exact(chip, id, k.vcek.hwid_len)) ||
        memcmp(id, k.vcek.hwid, k.vcek.hwid_len) != 0)
        return FAIL(ABSENT, "no such chip");
    for (size_t i = 1; i < FORGE_SPL_COUNT; i++)
        if (k.vcek.spl[i] >= 0)
            k.vcek.spl[i] = spl[i];
    return forge_snp_key_certificate(&k, der);
}

fallible snp_platform_chain(struct snp_platform *p, struct span product, bool of_vlek,
                            struct buf *pem)
{
    GUARDED(p);
    struct forge_snp_knobs k;

    if (!names_product(p, product))
        return FAIL(ABSENT, "no such product");
    forge_snp_defaults(&p->pki, of_vlek, clock_now(), &k);
    k.intermediate_der = buf_span(of_vlek ? &p->pki.asvk.der : &p->pki.ask.der);
    return forge_snp_chain(&k, pem);
}

fallible snp_platform_crl(struct snp_platform *p, struct span product, int64_t issued, int64_t next,
                          struct buf *der)
{
    GUARDED(p);
    struct span list = SPAN_OF(scenario_revoked_serial);
    struct forge_crl crl = forge_snp_crl_form(&p->pki, issued, next);

    if (!names_product(p, product))
        return FAIL(ABSENT, "no such product");
    crl.serials = &list;
    crl.count = 1;
    return forge_crl_write(&crl, der);
}

fallible snp_platform_key(struct snp_platform *p, bool *of_vlek, struct buf *der)
{
    GUARDED(p);
    *of_vlek = p->knobs.vlek;
    return forge_snp_key_certificate(&p->knobs, der);
}

fallible snp_platform_root(struct snp_platform *p, struct buf *pem)
{
    forge_certificate_pem(buf_span(&p->pki.ark.der), pem);
    return buf_check(pem);
}
