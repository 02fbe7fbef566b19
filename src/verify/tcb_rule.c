// SPDX-License-Identifier: Apache-2.0
#include "verify/tcb_rule.h"

/* TEE_TCB_SVN: [0] the TDX module's security version, [1] its major version, [2] and on the rest.
 */
static void svn_read(struct span tee_tcb_svn, uint8_t out[TCB_COMPONENTS])
{
    struct reader r = reader_of(tee_tcb_svn);
    reader_copy(&r, out, TCB_COMPONENTS);
}

static bool components_reach(const uint8_t *have, const uint8_t *need, size_t from)
{
    for (size_t i = from; i < TCB_COMPONENTS; i++)
        if (have[i] < need[i])
            return false;
    return true;
}

static const struct tcb_level *level_select(const struct tcb_info *info,
                                            const struct pck_extension *pck, const uint8_t *tdx)
{
    /* With a module identity the first two TDX components are judged by it. */
    size_t from = tdx && tdx[1] > 0 ? 2 : 0;

    for (size_t i = 0; i < info->level_count; i++) {
        const struct tcb_level *level = &info->levels[i];
        if (components_reach(pck->components, level->sgx, 0) && pck->pce_svn >= level->pce_svn &&
            (!tdx || components_reach(tdx, level->tdx, from)))
            return level;
    }
    return NULL;
}

static const char *module_select(const struct tcb_info *info, const uint8_t *tdx,
                                 struct tcb_result *out)
{
    out->module_level = NULL;
    out->module = TCB_UNRECOGNIZED;
    if (tdx[1] == 0)
        return NULL;
    const struct tdx_module_identity *identity = tcb_info_module(info, tdx[1]);
    if (!identity)
        return "TCB info has no identity of this TDX module";
    out->module_level = isv_levels_select(&identity->levels, tdx[0]);
    if (!out->module_level)
        return "the TDX module reaches none of its TCB levels";
    out->module = out->module_level->facts.status;
    return tcb_status_fits_module(out->module) ? NULL
                                               : "the TDX module's TCB level has an unknown status";
}

/* `tdx` NULL: SGX. */
static const char *evaluate_once(const struct tcb_info *info, const struct pck_extension *pck,
                                 const uint8_t *tdx, struct tcb_result *out)
{
    out->platform_level = level_select(info, pck, tdx);
    if (!out->platform_level)
        return "the platform reaches none of the TCB levels";
    out->platform = out->platform_level->facts.status;
    if (!tcb_status_fits_platform(out->platform))
        return "the platform's TCB level has an unknown status";
    const char *wrong = tdx ? module_select(info, tdx, out) : NULL;
    if (wrong)
        return wrong;
    out->status = tcb_converge(out->platform, out->qe, out->module);
    return NULL;
}

static int64_t earliest_date(const struct tcb_result *r)
{
    int64_t date = r->platform_level->facts.date;
    if (r->qe_level->facts.date < date)
        date = r->qe_level->facts.date;
    if (r->module_level && r->module_level->facts.date < date)
        date = r->module_level->facts.date;
    return date;
}

void tcb_select_qe(const struct qe_identity *identity, uint16_t isvsvn, struct tcb_result *out,
                   const char **wrong)
{
    const struct isv_level *level = isv_levels_select(&identity->levels, isvsvn);

    *wrong = NULL;
    if (!level)
        *wrong = "the quoting enclave reaches none of its TCB levels";
    else if (!tcb_status_fits_qe(level->facts.status))
        *wrong = "the quoting enclave's TCB level has an unknown status";
    if (*wrong)
        return;
    out->qe_level = level;
    out->qe = level->facts.status;
}

void tcb_evaluate(const struct tcb_info *info, const struct pck_extension *pck,
                  const struct td_report *td, struct tcb_result *out, const char **wrong)
{
    uint8_t launch[TCB_COMPONENTS], current[TCB_COMPONENTS];
    struct tcb_result result = *out;

    if (td)
        svn_read(td->tee_tcb_svn, launch);
    *wrong = evaluate_once(info, pck, td ? launch : NULL, &result);
    if (!*wrong && td && td->tee_tcb_svn_2.len) {
        struct tcb_result now = result;
        svn_read(td->tee_tcb_svn_2, current);
        *wrong = evaluate_once(info, pck, current, &now);
        if (!*wrong)
            result.status = tcb_relaunch(result.status, now.status);
    }
    if (*wrong)
        return;
    result.date = earliest_date(&result);
    *out = result;
}

const char *tdx_module_check(const struct tcb_info *info, const struct td_report *td)
{
    uint8_t svn[TCB_COMPONENTS], attributes[8];
    const struct tdx_module *module = &info->module;

    svn_read(td->tee_tcb_svn, svn);
    if (svn[1] > 0) {
        const struct tdx_module_identity *identity = tcb_info_module(info, svn[1]);
        if (!identity)
            return "TCB info has no identity of this TDX module";
        module = &identity->module;
    }
    if (!span_equal(td->mrsignerseam, SPAN_OF(module->mrsigner)))
        return "the TDX module has another signer";
    struct reader r = reader_of(td->seam_attributes);
    reader_copy(&r, attributes, sizeof(attributes));
    for (size_t i = 0; i < sizeof(attributes); i++) {
        uint8_t mask = module->attributes_mask[i];
        if ((attributes[i] & mask) != (module->attributes[i] & mask) || attributes[i] & ~mask)
            return "the TDX module has other attributes";
    }
    return NULL;
}

static enum tcb_status out_of_date_of(enum tcb_status platform)
{
    switch (platform) {
    case TCB_UP_TO_DATE:
    case TCB_SW_HARDENING_NEEDED:
        return TCB_OUT_OF_DATE;
    case TCB_CONFIGURATION_NEEDED:
    case TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED:
        return TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
    case TCB_UNRECOGNIZED:
    case TCB_OUT_OF_DATE:
    case TCB_OUT_OF_DATE_CONFIGURATION_NEEDED:
    case TCB_REVOKED:
    case TCB_TD_RELAUNCH_ADVISED:
    case TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED:
        return platform;
    }
    return platform;
}

enum tcb_status tcb_converge(enum tcb_status platform, enum tcb_status qe, enum tcb_status module)
{
    if (platform == TCB_REVOKED || qe == TCB_REVOKED || module == TCB_REVOKED)
        return TCB_REVOKED;
    if (qe == TCB_OUT_OF_DATE || module == TCB_OUT_OF_DATE)
        return out_of_date_of(platform);
    return platform;
}

static bool needs_configuration(enum tcb_status s)
{
    return s == TCB_CONFIGURATION_NEEDED || s == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
           s == TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

enum tcb_status tcb_relaunch(enum tcb_status launch, enum tcb_status current)
{
    if (current == TCB_REVOKED)
        return TCB_REVOKED;
    bool behind = launch == TCB_OUT_OF_DATE || launch == TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
    bool fine = current == TCB_UP_TO_DATE || current == TCB_SW_HARDENING_NEEDED ||
                current == TCB_CONFIGURATION_NEEDED ||
                current == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED;
    if (!behind || !fine)
        return launch;
    return needs_configuration(launch) || needs_configuration(current)
               ? TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
               : TCB_TD_RELAUNCH_ADVISED;
}

static size_t advisories_add(const struct advisories *list, const char **out, size_t count)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t j = 0;
        while (j < count && strcmp(out[j], list->ids[i]) != 0)
            j++;
        if (j == count)
            out[count++] = list->ids[i];
    }
    return count;
}

size_t tcb_advisories(const struct tcb_result *r, const char *out[TCB_ADVISORIES_MAX])
{
    size_t count = 0;

    if (r->platform_level)
        count = advisories_add(&r->platform_level->facts.advisories, out, count);
    if (r->qe_level)
        count = advisories_add(&r->qe_level->facts.advisories, out, count);
    if (r->module_level)
        count = advisories_add(&r->module_level->facts.advisories, out, count);
    return count;
}
