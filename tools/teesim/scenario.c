// SPDX-License-Identifier: Apache-2.0
#include "teesim/scenario.h"

const uint8_t scenario_expired_fmspc[6] = { 'E', 'X', 'P', 'I', 'R', 'E' };
const uint8_t scenario_revoked_serial[FORGE_KEY_ID_SIZE] = {
    0x66, 'r', 'e', 'v', 'o', 'k', 'e', 'd'
};

static void ok(struct scenario_scene *s)
{
    (void)s;
}

static void debug(struct scenario_scene *s)
{
    struct forge_quote *q = &s->knobs->quote;

    if (forge_tee_is_tdx(s->knobs->tee))
        q->body[AT_TD_ATTRIBUTES] |= 0x01;
    else
        q->body[AT_SGX_ATTRIBUTES] |= 0x02;
}

static void wrong_measurement(struct scenario_scene *s)
{
    uint8_t other[48];

    memset(other, 0xbd, sizeof other);
    forge_quote_set_measurement(&s->knobs->quote,
                                span_from(other, forge_measurement_size(s->knobs->tee)));
}

static void wrong_mrsigner(struct scenario_scene *s)
{
    memset(s->knobs->quote.body + AT_SGX_MRSIGNER, 0xbd, 32);
}

static void stand_on(struct scenario_scene *s, enum forge_rung rung)
{
    struct forge_pck *p = &s->knobs->pck;

    forge_rung_svn(rung, p->components, &p->pce_svn);
    memcpy(p->cpu_svn, p->components, sizeof p->cpu_svn);
}

static void out_of_date(struct scenario_scene *s)
{
    stand_on(s, RUNG_OUT_OF_DATE);
}

static void configuration_needed(struct scenario_scene *s)
{
    stand_on(s, RUNG_CONFIGURATION_NEEDED);
}

static void sw_hardening_needed(struct scenario_scene *s)
{
    stand_on(s, RUNG_SW_HARDENING_NEEDED);
}

static void configuration_and_sw_hardening_needed(struct scenario_scene *s)
{
    stand_on(s, RUNG_CONFIGURATION_AND_SW_HARDENING_NEEDED);
}

static void out_of_date_configuration_needed(struct scenario_scene *s)
{
    stand_on(s, RUNG_OUT_OF_DATE_CONFIGURATION_NEEDED);
}

static void tcb_revoked(struct scenario_scene *s)
{
    stand_on(s, RUNG_REVOKED);
}

static void tcb_unknown(struct scenario_scene *s)
{
    stand_on(s, RUNG_NONE);
}

static void revoked(struct scenario_scene *s)
{
    s->revoked = true;
}

static void wrong_signer(struct scenario_scene *s)
{
    s->issuer = s->stranger;
}

static void processor_ca(struct scenario_scene *s)
{
    s->ca = FORGE_CA_PROCESSOR;
}

static void expired_collateral(struct scenario_scene *s)
{
    memcpy(s->knobs->pck.fmspc, scenario_expired_fmspc, sizeof s->knobs->pck.fmspc);
}

static void module_out_of_date(struct scenario_scene *s)
{
    struct forge_quote *q = &s->knobs->quote;

    q->body[AT_TD_TEE_TCB_SVN] = 6;
    if (q->body_len >= FORGE_TD15_BODY_SIZE)
        q->body[AT_TD_TEE_TCB_SVN_2] = 6;
}

static void relaunch_advised(struct scenario_scene *s)
{
    s->knobs->quote.body[AT_TD_TEE_TCB_SVN] =
        6; /* launched with an old module; the current one is good */
}

static void qe_out_of_date(struct scenario_scene *s)
{
    s->knobs->quote.qe_report[AT_SGX_ISV_SVN] = 5;
}

static void forged_signature(struct scenario_scene *s)
{
    s->knobs->quote.broken_signature = true;
}

static void wrong_report_data(struct scenario_scene *s)
{
    s->wrong_report_data = true;
}

enum scope { ANY, SGX_ONLY, TDX_ONLY, TD15_ONLY };

static const struct scenario_row {
    const char *name;
    enum scope scope;
    void (*apply)(struct scenario_scene *s);
    const char *help;
} rows[] = {
    { "ok", ANY, ok, "a good platform, up to date" },
    { "debug", ANY, debug, "the TD or enclave runs in debug mode" },
    { "wrong-measurement", ANY, wrong_measurement, "other MRTD or MRENCLAVE" },
    { "wrong-mrsigner", SGX_ONLY, wrong_mrsigner, "other MRSIGNER (SGX)" },
    { "out-of-date", ANY, out_of_date, "TCB level OutOfDate" },
    { "configuration-needed", ANY, configuration_needed, "TCB level ConfigurationNeeded" },
    { "sw-hardening-needed", ANY, sw_hardening_needed, "TCB level SWHardeningNeeded" },
    { "configuration-and-sw-hardening-needed", ANY, configuration_and_sw_hardening_needed, "both" },
    { "out-of-date-configuration-needed", ANY, out_of_date_configuration_needed, "both" },
    { "tcb-revoked", ANY, tcb_revoked, "TCB level Revoked" },
    { "tcb-unknown", ANY, tcb_unknown, "below every TCB level" },
    { "revoked", ANY, revoked, "the PCK certificate is in the CRL" },
    { "wrong-signer", ANY, wrong_signer, "certificates of another root" },
    { "processor-ca", ANY, processor_ca, "PCK certificate by the processor CA" },
    { "expired-collateral", ANY, expired_collateral,
      "the TCB info of this platform's family has expired" },
    { "module-out-of-date", TDX_ONLY, module_out_of_date, "TDX module level OutOfDate" },
    { "relaunch-advised", TD15_ONLY, relaunch_advised,
      "launched with an old TDX module, updated since" },
    { "qe-out-of-date", ANY, qe_out_of_date, "quoting enclave level OutOfDate" },
    { "forged-signature", ANY, forged_signature, "the quote's signature is wrong" },
    { "wrong-report-data", ANY, wrong_report_data, "quotes other report data than asked for" },
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static bool in_scope(const struct scenario_row *row, const struct forge_knobs *k)
{
    switch (row->scope) {
    case ANY:
        return true;
    case SGX_ONLY:
        return !forge_tee_is_tdx(k->tee);
    case TDX_ONLY:
        return forge_tee_is_tdx(k->tee);
    case TD15_ONLY:
        return k->quote.body_len >= FORGE_TD15_BODY_SIZE;
    }
    return false;
}

static fallible apply_one(struct span name, struct scenario_scene *scene)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!span_equal_str(name, rows[i].name))
            continue;
        if (!in_scope(&rows[i], scene->knobs))
            return FAIL(INPUT, "scenario does not apply to this TEE");
        rows[i].apply(scene);
        return OK;
    }
    return FAIL(INPUT, "unknown scenario: see teesim run --help");
}

fallible scenario_apply(struct span list, struct scenario_scene *scene)
{
    struct span rest = list;

    while (rest.len) {
        struct span name = span_head(rest, span_find(rest, SPAN(",")));
        TRY(apply_one(name, scene));
        rest = span_tail(rest, name.len + 1);
    }
    forge_use_ca(scene->knobs, scene->issuer, scene->ca);
    scene->knobs->quote.pck = scene->issuer->pck;
    if (scene->revoked)
        scene->knobs->leaf.serial = SPAN_OF(scenario_revoked_serial);
    return OK;
}

void scenario_list(struct buf *out)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        buf_addf(out, "  %-39s %s\n", rows[i].name, rows[i].help);
}
