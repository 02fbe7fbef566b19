// SPDX-License-Identifier: Apache-2.0
#include "teesim/platform.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"

#define PATH_ROOM 4096
#define PEM_MAX (64U << 10)
#define EXPIRED_LIFETIME 86400

struct platform {
    pthread_mutex_t lock;
    enum forge_tee tee;
    const char *name; /* of its TEE */
    struct forge_pki pki, stranger;
    uint8_t measurement[48];
    char scenario[SCENARIO_TEXT_MAX];
    struct platform_validity validity;
    int64_t issued;
    /* Made by prepare(). */
    struct forge_knobs knobs;
    struct buf pem, tail;
    bool wrong_report_data;
    struct snp_platform *snp; /* NULL: Intel's */
};

struct guard {
    pthread_mutex_t *lock;
};

static void guard_endp(struct guard *g)
{
    pthread_mutex_unlock(g->lock);
}

static struct guard guard(struct platform *p)
{
    pthread_mutex_lock(&p->lock);
    return (struct guard){ &p->lock };
}
#define GUARDED(p) struct guard guard_ owned(guard_end) = guard(p)

static int64_t issue_date(struct platform *p)
{
    int64_t now = clock_now();

    if (p->validity.issued_ago >= 0 && p->validity.lifetime > p->validity.issued_ago &&
        now > p->issued + p->validity.issued_ago +
                  (p->validity.lifetime - p->validity.issued_ago) / 2)
        p->issued = now - p->validity.issued_ago;
    return p->issued;
}

static struct span measurement_of(const struct platform *p)
{
    return span_from(p->measurement, forge_measurement_size(p->tee));
}

/* Knobs, certificate chain and the constant part of quotes for a scenario. */
static fallible prepare(struct platform *p, struct span scenario, struct span measurement)
{
    if (p->snp)
        return snp_platform_set(p->snp, scenario, measurement);
    struct buf pem owned(buf_done) = buf_of(PEM_MAX),
                   tail owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
    struct forge_knobs k;
    struct scenario_scene scene = {
        .knobs = &k, .issuer = &p->pki, .stranger = &p->stranger, .ca = FORGE_CA_PLATFORM
    };

    TRY(forge_defaults(&p->pki, p->tee, clock_now(), &k));
    forge_quote_set_measurement(&k.quote, measurement);
    TRY(scenario_apply(scenario, &scene));
    TRY(forge_make_pck_chain(&k, &pem));
    k.quote.cert_data = buf_span(&pem);
    TRY(forge_quote_tail(&k.quote, &tail));

    buf_done(&p->pem);
    buf_done(&p->tail);
    p->pem = pem;
    p->tail = tail;
    pem = tail = buf_of(0);
    p->knobs = k;
    p->wrong_report_data = scene.wrong_report_data;
    return OK;
}

static fallible read_measurement(const char *text, enum forge_tee tee, uint8_t out[48])
{
    struct buf file owned(buf_done) = buf_of(4096);
    struct span hex = span_str(text);

    if (hex.len != 2 * forge_measurement_size(tee) || file_exists(text)) {
        TRY(file_read(text, &file));
        hex = buf_span(&file);
        while (hex.len && (hex.at[hex.len - 1] == '\n' || hex.at[hex.len - 1] == ' '))
            hex = span_head(hex, hex.len - 1);
    }
    return hex_parse_exact(hex, out, forge_measurement_size(tee));
}

static fallible open_pki(const struct platform_config *config, struct platform *p)
{
    char path[PATH_ROOM];
    const char *dir = config->dir ? path : NULL;

    int len = snprintf(path, sizeof path, "%s/pki", config->dir ? config->dir : "");
    if (len < 0 || len >= (int)sizeof path)
        return FAIL(LIMIT, "path of the simulator's folder is too long");
    TRY(forge_pki_open(dir, &p->pki));
    if (config->snp == SNP_PRODUCT_UNKNOWN)
        return OK;
    return snp_platform_open(dir, config->snp, measurement_of(p), &p->snp);
}

static const struct {
    const char *name;
    enum snp_product product;
} snp_names[] = { { "snp", SNP_MILAN }, { "snp-genoa", SNP_GENOA }, { "snp-turin", SNP_TURIN } };
#define SNP_NAMES (sizeof snp_names / sizeof snp_names[0])

fallible platform_tee_parse(struct span name, struct platform_config *config)
{
    for (size_t i = 0; i < SNP_NAMES; i++) {
        if (!span_equal_str(name, snp_names[i].name))
            continue;
        config->tee =
            FORGE_TDX4; /* what its measurement and the Intel side of the vendor are like */
        config->snp = snp_names[i].product;
        return OK;
    }
    return forge_tee_parse(name, &config->tee);
}

fallible platform_open(const struct platform_config *config, struct platform **out)
{
    struct platform *p owned(platform_close) = calloc(1, sizeof *p);

    if (!p)
        return FAIL(SYSTEM, "memory exhausted");
    pthread_mutex_init(&p->lock, NULL);
    p->tee = config->tee;
    p->validity = (struct platform_validity){ FORGE_ISSUED_AGO, FORGE_LIFETIME, 21 };
    p->issued = clock_now() - FORGE_ISSUED_AGO;
    TRY(forge_pki_open(NULL, &p->stranger));
    if (config->measurement)
        TRY(read_measurement(config->measurement, p->tee, p->measurement));
    else
        forge_default_measurement(p->tee, p->measurement);
    TRY(open_pki(config, p));
    p->name = config->snp == SNP_PRODUCT_UNKNOWN ? forge_tee_name(config->tee)
                                                 : snp_names[config->snp - SNP_MILAN].name;
    TRY(platform_set_scenario(p, span_str(config->scenario ? config->scenario : "ok")));
    *out = TAKE(p);
    return OK;
}

void platform_close(struct platform *p)
{
    if (!p)
        return;
    snp_platform_close(p->snp);
    buf_done(&p->pem);
    buf_done(&p->tail);
    forge_pki_done(&p->pki);
    forge_pki_done(&p->stranger);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

enum forge_tee platform_tee(const struct platform *p)
{
    return p->tee;
}

const char *platform_tee_name(const struct platform *p)
{
    return p->name;
}

struct snp_platform *platform_snp(struct platform *p)
{
    return p->snp;
}

const struct forge_pki *platform_pki(const struct platform *p)
{
    return &p->pki;
}

fallible platform_set_scenario(struct platform *p, struct span list)
{
    GUARDED(p);
    if (list.len >= sizeof p->scenario)
        return FAIL(LIMIT, "scenario list is too long");
    TRY(prepare(p, list, measurement_of(p)));
    memcpy(p->scenario, list.at, list.len);
    p->scenario[list.len] = 0;
    return OK;
}

fallible platform_set_measurement(struct platform *p, struct span hex)
{
    GUARDED(p);
    uint8_t fresh[48];
    size_t len = forge_measurement_size(p->tee);

    TRY(hex_parse_exact(hex, fresh, len));
    TRY(prepare(p, span_str(p->scenario), span_from(fresh, len)));
    memcpy(p->measurement, fresh, len);
    return OK;
}

void platform_describe(struct platform *p, char scenario[SCENARIO_TEXT_MAX], char measurement[97])
{
    GUARDED(p);
    memcpy(scenario, p->scenario, sizeof p->scenario);
    hex_str(measurement_of(p), measurement);
}

fallible platform_quote(struct platform *p, const uint8_t report_data[FORGE_REPORT_DATA_SIZE],
                        struct buf *out)
{
    GUARDED(p);
    uint8_t data[FORGE_REPORT_DATA_SIZE];

    if (p->snp)
        return snp_platform_report(p->snp, report_data, out);
    memcpy(data, report_data, sizeof data);
    if (p->wrong_report_data)
        data[0] ^= 0xff;
    forge_quote_set_report_data(&p->knobs.quote, data);
    return forge_quote_finish(&p->knobs.quote, buf_span(&p->tail), out);
}

fallible platform_auxiliary(struct platform *p, struct buf *out)
{
    return p->snp ? snp_platform_table(p->snp, out) : OK;
}

void platform_set_validity(struct platform *p, const struct platform_validity *validity)
{
    GUARDED(p);
    p->validity = *validity;
    p->issued = clock_now() - validity->issued_ago;
}

void platform_validity(struct platform *p, struct platform_validity *out)
{
    GUARDED(p);
    *out = p->validity;
}

/* Default knobs of the vendor with the dates in force. */
static fallible vendor_knobs(struct platform *p, bool tdx, struct forge_knobs *k)
{
    int64_t issued = issue_date(p), next = issued + p->validity.lifetime;

    TRY(forge_defaults(&p->pki, tdx ? FORGE_TDX4 : FORGE_SGX3, issued, k));
    k->tcb_info.issued = k->identity.issued = issued;
    k->tcb_info.next_update = k->identity.next_update = next;
    k->tcb_info.evaluation_number = k->identity.evaluation_number = p->validity.evaluation_number;
    k->root_crl.this_update = k->pck_crl.this_update = issued;
    k->root_crl.next_update = k->pck_crl.next_update = next;
    return OK;
}

fallible platform_tcb_info(struct platform *p, bool tdx, const uint8_t fmspc[6], struct buf *out)
{
    GUARDED(p);
    struct forge_knobs k;
    bool expired = memcmp(fmspc, scenario_expired_fmspc, 6) == 0;

    if (!expired && memcmp(fmspc, forge_fmspc, 6) != 0)
        return FAIL(ABSENT, "no such FMSPC");
    TRY(vendor_knobs(p, tdx, &k));
    memcpy(k.tcb_info.fmspc, fmspc, sizeof k.tcb_info.fmspc);
    if (expired) {
        k.tcb_info.issued -= FORGE_LIFETIME;
        k.tcb_info.next_update = k.tcb_info.issued + EXPIRED_LIFETIME;
    }
    return forge_make_tcb_info(&k, out);
}

void platform_fmspc(struct platform *p, uint8_t out[6])
{
    GUARDED(p);
    memcpy(out, p->knobs.pck.fmspc, 6);
}

enum forge_ca platform_ca(struct platform *p)
{
    GUARDED(p);
    return p->knobs.pck.platform_ca ? FORGE_CA_PLATFORM : FORGE_CA_PROCESSOR;
}

fallible platform_identity(struct platform *p, bool tdx, struct buf *out)
{
    GUARDED(p);
    struct forge_knobs k;

    TRY(vendor_knobs(p, tdx, &k));
    return forge_make_identity(&k, out);
}

fallible platform_pck_crl(struct platform *p, enum forge_ca ca, struct buf *der)
{
    GUARDED(p);
    struct span revoked = SPAN_OF(scenario_revoked_serial);
    struct forge_knobs k;

    TRY(vendor_knobs(p, false, &k));
    struct forge_crl crl =
        forge_pki_pck_crl(&p->pki, ca, k.root_crl.this_update, k.root_crl.next_update);
    crl.serials = &revoked;
    crl.count = 1;
    return forge_crl_write(&crl, der);
}

fallible platform_root_crl(struct platform *p, struct buf *der)
{
    GUARDED(p);
    struct forge_knobs k;

    TRY(vendor_knobs(p, false, &k));
    return forge_crl_write(&k.root_crl, der);
}

fallible platform_snp_crl(struct platform *p, struct span product, struct buf *der)
{
    GUARDED(p);
    int64_t issued = issue_date(p);

    if (!p->snp)
        return FAIL(ABSENT, "no such product");
    return snp_platform_crl(p->snp, product, issued, issued + p->validity.lifetime, der);
}

fallible platform_signing_chain(struct platform *p, struct buf *pem)
{
    forge_certificate_pem(buf_span(&p->pki.signer.der), pem);
    forge_certificate_pem(buf_span(&p->pki.root.der), pem);
    return buf_check(pem);
}

fallible platform_crl_chain(struct platform *p, enum forge_ca ca, struct buf *pem)
{
    forge_certificate_pem(buf_span(&forge_pki_ca(&p->pki, ca)->der), pem);
    forge_certificate_pem(buf_span(&p->pki.root.der), pem);
    return buf_check(pem);
}

fallible platform_pck_chain(struct platform *p, struct buf *pem, char tcbm[37])
{
    GUARDED(p);
    uint8_t tcb[18];

    memcpy(tcb, p->knobs.pck.cpu_svn, 16);
    tcb[16] = (uint8_t)p->knobs.pck.pce_svn;
    tcb[17] = (uint8_t)(p->knobs.pck.pce_svn >> 8);
    hex_str(SPAN_OF(tcb), tcbm);
    buf_add(pem, buf_span(&p->pem));
    return buf_check(pem);
}
