// SPDX-License-Identifier: Apache-2.0
/* TCB levels, convergence, relaunch advice, TDX modules, and the claims that come of them. */
#include "forge_case.h"

#include "verify/tcb_rule.h"

static void rung(struct forge_knobs *k, enum forge_rung at)
{
    forge_rung_svn(at, k->pck.components, &k->pck.pce_svn);
    assert_ok(forge_leaf_serial(&k->pck, k->leaf_serial));
}

#define RUNG_TURN(function, at)                                                                                       \
    static void function(struct forge_knobs *k)                                                                       \
    {                                                                                                                 \
        rung(k, at);                                                                                                  \
    }
RUNG_TURN(hardening, RUNG_SW_HARDENING_NEEDED)
RUNG_TURN(configuration, RUNG_CONFIGURATION_NEEDED)
RUNG_TURN(both, RUNG_CONFIGURATION_AND_SW_HARDENING_NEEDED)
RUNG_TURN(out_of_date, RUNG_OUT_OF_DATE)
RUNG_TURN(out_of_date_configuration, RUNG_OUT_OF_DATE_CONFIGURATION_NEEDED)
RUNG_TURN(revoked, RUNG_REVOKED)
RUNG_TURN(below_all, RUNG_NONE)

/* Component-wise: a higher earlier component does not make up for a lower later one. */
static void one_low_component(struct forge_knobs *k)
{
    k->pck.components[0] = 9;
    k->pck.components[7] = 4; /* every level needs 5 */
}

static void low_pce_svn(struct forge_knobs *k)
{
    k->pck.pce_svn = 4; /* the lowest level needs 5 */
}

static void low_tdx_component(struct forge_knobs *k)
{
    k->quote.body[AT_TD_TEE_TCB_SVN + 2] = 0; /* every level needs 1 */
}

/* With a module identity the first two TDX components are the identity's to judge. */
static void module_svn_not_in_levels(struct forge_knobs *k)
{
    for (size_t i = 0; i < k->tcb_info.count; i++)
        k->tcb_info.levels[i].tdx[0] = 200;
}

/* Without one they count. */
static void module_zero(struct forge_knobs *k)
{
    k->quote.body[AT_TD_TEE_TCB_SVN] = 5;
    k->quote.body[AT_TD_TEE_TCB_SVN + 1] = 0;
}

static void module_zero_low(struct forge_knobs *k)
{
    module_zero(k);
    k->quote.body[AT_TD_TEE_TCB_SVN] = 4; /* the levels need 5 */
}

static void unsorted(struct forge_knobs *k)
{
    struct forge_level first = k->tcb_info.levels[0];
    k->tcb_info.levels[0] = k->tcb_info.levels[4];
    k->tcb_info.levels[4] = first;
}

static void unsorted_identity(struct forge_knobs *k)
{
    struct forge_svn_level first = k->identity.levels[0];
    k->identity.levels[0] = k->identity.levels[2];
    k->identity.levels[2] = first;
}

static void alike(struct forge_knobs *k)
{
    k->tcb_info.levels[1] = k->tcb_info.levels[0];
    k->tcb_info.levels[1].status = "OutOfDate";
}

static void qe_out_of_date(struct forge_knobs *k)
{
    memcpy(k->quote.qe_report + AT_SGX_ISV_SVN, "\x05\x00", 2);
}

static void qe_revoked(struct forge_knobs *k)
{
    memcpy(k->quote.qe_report + AT_SGX_ISV_SVN, "\x01\x00", 2);
}

static void module_turn(struct forge_knobs *k, uint8_t svn)
{
    k->quote.body[AT_TD_TEE_TCB_SVN] = svn;
    k->quote.body[AT_TD_TEE_TCB_SVN + 1] = 1;
}

static void module_out_of_date(struct forge_knobs *k)
{
    module_turn(k, 7);
}

static void module_revoked(struct forge_knobs *k)
{
    module_turn(k, 3);
}

static void module_below_all(struct forge_knobs *k)
{
    module_turn(k, 1);
}

static void module_signer(struct forge_knobs *k)
{
    k->quote.body[AT_TD_MRSIGNERSEAM] = 1;
}

static void module_attributes(struct forge_knobs *k)
{
    k->quote.body[AT_TD_SEAM_ATTRIBUTES] = 1;
}

static void module_attributes_outside_mask(struct forge_knobs *k)
{
    k->quote.body[AT_TD_SEAM_ATTRIBUTES] = 1;
    for (size_t i = 0; i < k->tcb_info.module_count; i++)
        k->tcb_info.modules[i].mask[0] = 0;
}

static void levels(void **state)
{
    (void)state;
    static const struct forge_case cases[] = {
        { "SWHardeningNeeded", FORGE_SGX3, hardening, NULL, "SWHardeningNeeded" },
        { "ConfigurationNeeded", FORGE_SGX3, configuration, NULL, "ConfigurationNeeded" },
        { "both needed", FORGE_TDX4, both, NULL, "ConfigurationAndSWHardeningNeeded" },
        { "OutOfDate", FORGE_TDX4, out_of_date, NULL, "OutOfDate" },
        { "OutOfDateConfigurationNeeded", FORGE_SGX3, out_of_date_configuration, NULL, "OutOfDateConfigurationNeeded" },
        { "Revoked", FORGE_SGX3, revoked, "tcb_status", "Revoked" },
        { "Revoked TDX", FORGE_TDX4, revoked, "tcb_status", "Revoked" },
        { "below every level", FORGE_TDX4, below_all, "tcb_level", "" },
        { "one component low", FORGE_SGX3, one_low_component, "tcb_level", "" },
        { "PCE low", FORGE_SGX3, low_pce_svn, "tcb_level", "" },
        { "TDX component low", FORGE_TDX4, low_tdx_component, "tcb_level", "" },
        { "module svn above the levels' component", FORGE_TDX4, module_svn_not_in_levels, NULL, "UpToDate" },
        { "module without identity", FORGE_TDX4, module_zero, NULL, "UpToDate" },
        { "module without identity, component low", FORGE_TDX4, module_zero_low, "tcb_level", "" },
        { "L43 unsorted levels", FORGE_SGX3, unsorted, NULL, "UpToDate" },
        { "L43 unsorted identity levels", FORGE_SGX3, unsorted_identity, NULL, "UpToDate" },
        { "levels alike", FORGE_SGX3, alike, "tcb_info_format", "" },
        { "L44 quoting enclave out of date", FORGE_SGX3, qe_out_of_date, NULL, "OutOfDate" },
        { "quoting enclave revoked", FORGE_SGX3, qe_revoked, "tcb_status", "Revoked" },
        { "module out of date", FORGE_TDX4, module_out_of_date, NULL, "OutOfDate" },
        { "module revoked", FORGE_TDX4, module_revoked, "tcb_status", "Revoked" },
        { "module below its levels", FORGE_TDX4, module_below_all, "tcb_level", "" },
        { "module's signer", FORGE_TDX4, module_signer, "tdx_module", "" },
        { "module's attributes", FORGE_TDX4, module_attributes, "tdx_module", "" },
        { "module's attributes outside the mask", FORGE_TDX4, module_attributes_outside_mask, "tdx_module", "" },
    };
    FORGE_CASES_RUN(cases);
}

/* TD 1.5: launched on an old module, which has been updated since. */
static void relaunch(struct forge_knobs *k)
{
    module_turn(k, 7);
    memcpy(k->quote.body + AT_TD_TEE_TCB_SVN_2, k->quote.body + AT_TD_TEE_TCB_SVN, 16);
    k->quote.body[AT_TD_TEE_TCB_SVN_2] = 11;
}

static void relaunch_configuration(struct forge_knobs *k)
{
    relaunch(k);
    rung(k, RUNG_CONFIGURATION_NEEDED);
}

static void current_revoked(struct forge_knobs *k)
{
    module_turn(k, 11);
    memcpy(k->quote.body + AT_TD_TEE_TCB_SVN_2, k->quote.body + AT_TD_TEE_TCB_SVN, 16);
    k->quote.body[AT_TD_TEE_TCB_SVN_2] = 2;
}

static void current_not_appraisable(struct forge_knobs *k)
{
    relaunch(k);
    k->quote.body[AT_TD_TEE_TCB_SVN_2] = 1;
}

static void both_out_of_date(struct forge_knobs *k)
{
    relaunch(k);
    k->quote.body[AT_TD_TEE_TCB_SVN_2] = 7;
}

static void relaunch_advice(void **state)
{
    (void)state;
    static const struct forge_case cases[] = {
        { "relaunch advised", FORGE_TDX5, relaunch, NULL, "TDRelaunchAdvised" },
        { "relaunch advised, body 4", FORGE_TDX5_TD15EX, relaunch, NULL, "TDRelaunchAdvised" },
        { "relaunch and configuration", FORGE_TDX5, relaunch_configuration, NULL, "TDRelaunchAdvisedConfigurationNeeded" },
        { "revoked meanwhile", FORGE_TDX5, current_revoked, "tcb_status", "Revoked" },
        { "current one reaches no level", FORGE_TDX5, current_not_appraisable, "tcb_level", "" },
        { "both out of date", FORGE_TDX5, both_out_of_date, NULL, "OutOfDate" },
    };
    FORGE_CASES_RUN(cases);
}

#define UTD TCB_UP_TO_DATE
#define SW TCB_SW_HARDENING_NEEDED
#define CF TCB_CONFIGURATION_NEEDED
#define CS TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED
#define OOD TCB_OUT_OF_DATE
#define OC TCB_OUT_OF_DATE_CONFIGURATION_NEEDED
#define REV TCB_REVOKED
#define RL TCB_TD_RELAUNCH_ADVISED
#define RC TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
#define NO TCB_UNRECOGNIZED

/* The published table of convergence, cell by cell. */
static void convergence(void **state)
{
    (void)state;
    static const struct {
        enum tcb_status platform, out_of_date, other;
    } rows[] = {
        { UTD, OOD, UTD }, { SW, OOD, SW }, { CF, OC, CF }, { CS, OC, CS }, { OOD, OOD, OOD }, { OC, OC, OC }, { REV, REV, REV },
    };
    static const enum tcb_status others[] = { UTD, CF, OC };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        enum tcb_status p = rows[i].platform;
        assert_int_equal(tcb_converge(p, REV, NO), REV);
        assert_int_equal(tcb_converge(p, UTD, REV), REV);
        assert_int_equal(tcb_converge(p, OOD, REV), REV);
        assert_int_equal(tcb_converge(p, OOD, NO), rows[i].out_of_date);
        assert_int_equal(tcb_converge(p, UTD, OOD), rows[i].out_of_date);
        assert_int_equal(tcb_converge(p, OOD, OOD), rows[i].out_of_date);
        for (size_t j = 0; j < sizeof(others) / sizeof(*others); j++)
            assert_int_equal(tcb_converge(p, others[j], NO), rows[i].other);
    }
}

static void relaunch_table(void **state)
{
    (void)state;
    static const struct {
        enum tcb_status launch, current, result;
    } rows[] = {
        { OOD, UTD, RL }, { OOD, SW, RL }, { OOD, CF, RC }, { OC, UTD, RC }, { OC, CF, RC },  { OOD, OOD, OOD }, { OC, OOD, OC },
        { UTD, UTD, UTD }, { UTD, OOD, UTD }, { SW, CF, SW }, { OOD, REV, REV }, { UTD, REV, REV }, { REV, UTD, REV },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(tcb_relaunch(rows[i].launch, rows[i].current), rows[i].result);
}

static const json_t *claim(const struct verify_result *r, const char *name)
{
    const json_t *value = json_object_get(verify_result_claims(r), name);
    if (!value)
        fail_msg("no claim %s", name);
    return value;
}

static const char *text_claim(const struct verify_result *r, const char *name)
{
    return json_string_value(claim(r, name));
}

/* Advisories are a union in the order of platform, QE, module; the date is the earliest; the number the smaller. */
static void what_levels_say_becomes_claims(void **state)
{
    (void)state;
    struct forge_knobs k;
    forge_good(FORGE_TDX4, &k);
    rung(&k, RUNG_OUT_OF_DATE);
    qe_out_of_date(&k);
    module_out_of_date(&k);
    k.identity.levels[1].advisories[1] = "INTEL-SA-00828"; /* names one that the platform has too */
    k.identity.evaluation_number = 19;
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_true(verify_result_verified(r));
    static const char *const union_of_all[] = { "INTEL-SA-00828", "INTEL-SA-00837", "INTEL-SA-00477", "INTEL-SA-01036" };
    const json_t *ids = claim(r, "advisory_ids");
    assert_int_equal(json_array_size(ids), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(json_string_value(json_array_get(ids, i)), union_of_all[i]);
    assert_string_equal(text_claim(r, "tcb_status"), "OutOfDate");
    assert_string_equal(text_claim(r, "platform_tcb_status"), "OutOfDate");
    assert_string_equal(text_claim(r, "qe_tcb_status"), "OutOfDate");
    assert_string_equal(text_claim(r, "module_tcb_status"), "OutOfDate");
    assert_string_equal(text_claim(r, "tcb_date"), "2025-02-12T00:00:00Z");
    assert_int_equal(json_integer_value(claim(r, "tcb_evaluation_data_number")), 19);
}

/* Advisories with UpToDate are neither a failure nor dropped. */
static void advisories_with_up_to_date(void **state)
{
    (void)state;
    struct forge_knobs k;
    forge_good(FORGE_SGX3, &k);
    k.tcb_info.levels[0].advisories[0] = "INTEL-SA-09999";
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_true(verify_result_verified(r));
    assert_string_equal(verify_result_status(r), "UpToDate");
    assert_string_equal(json_string_value(json_array_get(claim(r, "advisory_ids"), 0)), "INTEL-SA-09999");
}

static void debug_and_attributes_are_claims(void **state)
{
    (void)state;
    static const struct {
        size_t byte;
        uint8_t bit;
        const char *claim;
        bool value;
    } rows[] = {
        { 0, 0x01, "debug", true },          { 0, 0x40, "debug", true },      { 0, 0x02, "td_attributes_unknown", true },
        { 3, 0x10, "sept_ve_disable", false }, { 3, 0x20, "migratable", true }, { 7, 0x80, "perfmon", true },
        { 4, 0x01, "td_attributes_unknown", true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct forge_knobs k;
        forge_good(FORGE_TDX4, &k);
        k.quote.body[AT_TD_ATTRIBUTES + rows[i].byte] ^= rows[i].bit;
        struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
        assert_true(verify_result_verified(r));
        assert_int_equal(json_is_true(claim(r, rows[i].claim)), rows[i].value);
    }
    struct forge_knobs k;
    forge_good(FORGE_SGX3, &k);
    k.quote.body[AT_SGX_ATTRIBUTES] |= 2;
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_true(verify_result_verified(r));
    assert_true(json_is_true(claim(r, "debug")));
}

static void service_td_is_a_claim(void **state)
{
    (void)state;
    struct forge_knobs k;
    forge_good(FORGE_TDX5, &k);
    struct verify_result *none owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_false(json_is_true(claim(none, "service_td")));
    k.quote.body[AT_TD_MRSERVICETD] = 1;
    struct verify_result *initial owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_true(json_is_true(claim(initial, "service_td")));
    forge_good(FORGE_TDX5_TD15EX, &k);
    k.quote.body[AT_TD_CURRENT_SERVICETD + 47] = 1; /* bound after launch: only the current hash shows it */
    struct verify_result *later owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_true(verify_result_verified(later));
    assert_true(json_is_true(claim(later, "service_td")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),
        cmocka_unit_test(relaunch_advice),
        cmocka_unit_test(convergence),
        cmocka_unit_test(relaunch_table),
        cmocka_unit_test(what_levels_say_becomes_claims),
        cmocka_unit_test(advisories_with_up_to_date),
        cmocka_unit_test(debug_and_attributes_are_claims),
        cmocka_unit_test(service_td_is_a_claim),
    };
    return cmocka_run_group_tests(tests, world_open, world_close);
}
