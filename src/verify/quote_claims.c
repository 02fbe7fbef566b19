// SPDX-License-Identifier: Apache-2.0
/*
 * Claims of a quote, under the names and in the canonical forms of docs/claims.md. Only from what
 * is authenticated: a quote's body once every signature down to it is good, a platform's values
 * once its chain is, a status once every check before it has passed.
 */
#include "base/clock.h"
#include "verify/verify_internal.h"

static void set_time(json_t *j, const char *name, int64_t at)
{
    char text[CLOCK_TEXT_MAX];
    json_set_str(j, name, clock_format(at, text));
}

static void set_status(json_t *j, const char *name, enum tcb_status status)
{
    if (status != TCB_UNRECOGNIZED)
        json_set_str(j, name, tcb_status_name(status));
}

static json_t *advisories_make(const struct quote_state *r)
{
    const char *ids[TCB_ADVISORIES_MAX];
    size_t count = r->has_tcb ? tcb_advisories(&r->tcb, ids) : 0;
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(ids[i]));
    return list;
}

static void tcb_claims(json_t *j, const struct quote_state *r)
{
    struct window w = window_meet(r->collateral->window, r->platform->window);

    set_status(j, "tcb_status", r->tcb.status);
    set_status(j, "platform_tcb_status", r->tcb.platform);
    set_status(j, "qe_tcb_status", r->tcb.qe);
    if (r->tee == QUOTE_TDX)
        set_status(j, "module_tcb_status", r->tcb.module);
    set_time(j, "tcb_date", r->tcb.date);
    json_object_set_new(j, "advisory_ids", advisories_make(r));
    json_set_int(j, "tcb_evaluation_data_number", collateral_set_evaluation_number(r->collateral));
    set_time(j, "collateral_expires", w.to);
    set_time(j, "collateral_issued", w.from);
    set_time(j, "collateral_oldest", collateral_set_oldest(r->collateral));
}

static void platform_claims(json_t *j, const struct platform *p)
{
    const struct pck_extension *x = &p->extension;

    json_set_str(j, "root", p->root == ROOT_VENDOR ? "vendor" : "configured");
    json_set_hex(j, "fmspc", SPAN_OF(x->fmspc));
    json_set_hex(j, "pce_id", SPAN_OF(x->pce_id));
    json_set_int(j, "pce_svn", x->pce_svn);
    json_set_hex(j, "pck_tcb", SPAN_OF(x->components));
    json_set_str(j, "pck_ca", pck_ca_name(p->ca));
    json_set_hex(j, "ppid", SPAN_OF(x->ppid));
    if (x->has_instance_id)
        json_set_hex(j, "platform_instance_id", SPAN_OF(x->instance_id));
    if (x->has_configuration) {
        json_set_bool(j, "dynamic_platform", x->dynamic_platform);
        json_set_bool(j, "cached_keys", x->cached_keys);
        json_set_bool(j, "smt_enabled", x->smt_enabled);
    }
}

static fallible enclave_claims(json_t *j, struct span body)
{
    struct sgx_report e;

    TRY(sgx_report_parse(body, &e));
    json_set_bool(j, "debug", sgx_report_debug(&e));
    json_set_hex(j, "report_data", e.report_data);
    json_set_hex(j, "mrenclave", e.mrenclave);
    json_set_hex(j, "mrsigner", e.mrsigner);
    json_set_int(j, "isvprodid", e.isvprodid);
    json_set_int(j, "isvsvn", e.isvsvn);
    json_set_hex(j, "cpusvn", e.cpusvn);
    json_set_hex(j, "miscselect", e.miscselect);
    json_set_hex(j, "attributes", e.attributes);
    json_set_hex(j, "isvextprodid", e.isvextprodid);
    json_set_hex(j, "isvfamilyid", e.isvfamilyid);
    json_set_hex(j, "configid", e.configid);
    json_set_int(j, "configsvn", e.configsvn);
    return OK;
}

static void td_attribute_claims(json_t *j, const struct td_report *td)
{
    uint64_t bits = td_report_attributes(td);

    json_set_hex(j, "td_attributes", td->td_attributes);
    json_set_bool(j, "debug", bits & TD_BITS_UNTRUSTED);
    json_set_bool(j, "td_attributes_unknown", bits & ~TD_BITS_KNOWN);
    json_set_bool(j, "sept_ve_disable", bits & TD_BIT_SEPT_VE_DISABLE);
    json_set_bool(j, "migratable", bits & TD_BIT_MIGRATABLE);
    json_set_bool(j, "perfmon", bits & TD_BIT_PERFMON);
}

/* TD 1.0 knows no service TDs, which says that none is bound. */
static void service_td_claims(json_t *j, const struct td_report *td)
{
    bool bound = !span_is_zero(td->mrservicetd) || !span_is_zero(td->service_td_initial) ||
                 !span_is_zero(td->service_td_current);

    json_set_bool(j, "service_td", bound);
    if (td->mrservicetd.len) {
        json_set_hex(j, "mrservicetd", td->mrservicetd);
        json_set_hex(j, "tee_tcb_svn_2", td->tee_tcb_svn_2);
    }
    if (td->td_id.len) {
        json_set_hex(j, "service_td_current", td->service_td_current);
        json_set_hex(j, "td_id", td->td_id);
    }
}

static fallible td_claims(json_t *j, struct span body)
{
    static const char *const rtmr[] = { "rtmr0", "rtmr1", "rtmr2", "rtmr3" };
    struct td_report td;

    TRY(td_report_parse(body, &td));
    struct reader svn = reader_of(td.tee_tcb_svn);
    json_set_hex(j, "report_data", td.report_data);
    json_set_hex(j, "mrtd", td.mrtd);
    for (size_t i = 0; i < 4; i++)
        json_set_hex(j, rtmr[i], td.rtmr[i]);
    json_set_hex(j, "mrconfigid", td.mrconfigid);
    json_set_hex(j, "mrowner", td.mrowner);
    json_set_hex(j, "mrownerconfig", td.mrownerconfig);
    json_set_hex(j, "mrseam", td.mrseam);
    json_set_hex(j, "mrsignerseam", td.mrsignerseam);
    json_set_hex(j, "seam_attributes", td.seam_attributes);
    json_set_int(j, "seamsvn", reader_u8(&svn));
    json_set_hex(j, "tee_tcb_svn", td.tee_tcb_svn);
    json_set_hex(j, "xfam", td.xfam);
    td_attribute_claims(j, &td);
    service_td_claims(j, &td);
    return OK;
}

fallible quote_claims(const struct piece *p, json_t *to)
{
    const struct quote_state *r = p->state;

    if (platform_authentic(r->platform))
        platform_claims(to, r->platform);
    if (r->genuine) {
        struct span body = span_from(r->body, r->body_len);
        json_set_str(to, "tee", quote_tee_name(r->tee));
        json_set_int(to, "quote_version", r->version);
        json_set_int(to, "qe_isvsvn", r->qe_isvsvn);
        TRY(r->tee == QUOTE_SGX ? enclave_claims(to, body) : td_claims(to, body));
    }
    if (r->has_tcb)
        tcb_claims(to, r);
    return OK;
}

bool quote_rtmrs(const struct piece *p, struct span rtmr[4])
{
    const struct quote_state *r = p->state;
    struct td_report td;

    if (!r || !r->genuine || r->tee != QUOTE_TDX ||
        failed(td_report_parse(span_from(r->body, r->body_len), &td)))
        return false;
    for (size_t i = 0; i < 4; i++)
        rtmr[i] = td.rtmr[i];
    return true;
}
