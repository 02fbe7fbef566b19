// SPDX-License-Identifier: Apache-2.0
/* The policy that always exists, and policies from reference values. */
#include "policy/default_policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "policy/reference.h"

#define NOW 1795435200 /* 2026-11-23T12:00:00Z */
#define SGX(more) "{\"tee\":\"sgx\",\"root\":\"vendor\",\"debug\":false," more "}"
#define TDX(more)                                                                                  \
    "{\"tee\":\"tdx\",\"root\":\"vendor\",\"debug\":false,\"td_attributes_unknown\":false," more "}"
#define SNP(more) "{\"tee\":\"snp\",\"root\":\"vendor\"," more "}"
#define STATUS(s) "\"tcb_status\":\"" s "\""
#define HARDENING STATUS("SWHardeningNeeded")

static json_t *parse(const char *text)
{
    json_t *j = NULL;
    if (failed(json_parse_object(span_str(text), &j)))
        fail_msg("%s", text);
    return j;
}

static struct policy *checked(const json_t *document)
{
    owned(json_free) json_t *remarks = NULL;
    struct policy *p = NULL;
    assert_false(failed(policy_check(document, &p, &remarks)));
    char *all owned(free) = json_text(remarks);
    if (json_array_size(remarks))
        fail_msg("%s", all);
    return p;
}

static struct policy *default_of(const char *advisories, uint64_t days)
{
    owned(json_free) json_t *list = NULL, *document = NULL;
    assert_false(failed(default_policy_advisories(advisories, &list)));
    const struct default_policy d = { .advisories = list, .grace_days = days };
    assert_false(failed(default_policy_document(&d, &document)));
    return checked(document);
}

static bool met(const struct policy *p, const char *claims_text)
{
    owned(json_free) json_t *claims = parse(claims_text);
    struct policy_result r owned(policy_result_done) = { 0 };
    assert_false(failed(policy_evaluate(p, claims, NOW, &r)));
    return r.met;
}

struct row {
    const char *claims;
    bool strict, advisories,
        grace; /* met by the default as it is; with accepted advisories; with 30 days */
};

#define GOOD_TD "\"sept_ve_disable\":true,\"service_td\":false"
#define GOOD_SNP                                                                                   \
    "\"vmpl\":0,\"firmware_provisional\":false,\"policy_migrate_ma\":false,\"revocation_"          \
    "checked\":true"

static void test_default_policy(void **state)
{
    static const struct row rows[] = {
        { SGX(STATUS("UpToDate")), true, true, true },
        { "{\"tee\":\"sgx\",\"root\":\"configured\",\"debug\":false," STATUS("UpToDate") "}", 0, 0,
          0 },
        { "{\"tee\":\"sgx\",\"root\":\"vendor\",\"debug\":true," STATUS("UpToDate") "}", 0, 0, 0 },
        { "{\"tee\":\"sgx\",\"root\":\"vendor\"," STATUS("UpToDate") "}", 0, 0, 0 },
        /* only with accepted advisories: L46 */
        { SGX(HARDENING ",\"advisory_ids\":[\"INTEL-SA-1\"]"), false, true, false },
        { SGX(HARDENING ",\"advisory_ids\":[\"INTEL-SA-1\",\"INTEL-SA-2\"]"), false, true, false },
        { SGX(HARDENING ",\"advisory_ids\":[\"INTEL-SA-1\",\"INTEL-SA-3\"]"), false, false, false },
        { SGX(HARDENING), false, false, false },
        /* only within the days */
        { SGX(STATUS("OutOfDate") ",\"tcb_date\":\"2026-10-25T00:00:00Z\""), false, false, true },
        { SGX(STATUS("OutOfDate") ",\"tcb_date\":\"2026-10-24T00:00:00Z\""), false, false, false },
        { SGX(STATUS("OutOfDate")), false, false, false },
        /* never */
        { SGX(STATUS("Revoked") ",\"tcb_date\":\"2026-11-22T00:00:00Z\",\"advisory_ids\":[]"), 0, 0,
          0 },
        { SGX(STATUS(
              "ConfigurationNeeded") ",\"tcb_date\":\"2026-11-22T00:00:00Z\",\"advisory_ids\":[]"),
          0, 0, 0 },
        { SGX(STATUS("OutOfDateConfigurationNeeded") ",\"tcb_date\":\"2026-11-22T00:00:00Z\""), 0,
          0, 0 },
        { TDX(STATUS("UpToDate") "," GOOD_TD), true, true, true },
        { TDX(STATUS("UpToDate") ",\"sept_ve_disable\":true"), true, true, true },
        { TDX(STATUS("UpToDate") ",\"sept_ve_disable\":true,\"service_td\":true"), 0, 0, 0 },
        { TDX(STATUS("UpToDate") ",\"sept_ve_disable\":false,\"service_td\":false"), 0, 0, 0 },
        { TDX(STATUS("UpToDate") ",\"service_td\":false"), 0, 0, 0 },
        { TDX(HARDENING "," GOOD_TD ",\"advisory_ids\":[\"INTEL-SA-2\"]"), false, true, false },
        { SNP("\"debug\":false," GOOD_SNP), true, true, true },
        { SNP("\"debug\":true," GOOD_SNP), 0, 0, 0 },
        { SNP("\"debug\":false,\"vmpl\":1,\"firmware_provisional\":false,\"policy_migrate_ma\":"
              "false,"
              "\"revocation_checked\":true"),
          0, 0, 0 },
        { SNP("\"debug\":false,\"vmpl\":0,\"firmware_provisional\":true,\"policy_migrate_ma\":"
              "false,"
              "\"revocation_checked\":true"),
          0, 0, 0 },
        { SNP("\"debug\":false,\"vmpl\":0,\"firmware_provisional\":false,\"policy_migrate_ma\":"
              "false,"
              "\"revocation_checked\":false"),
          0, 0, 0 },
        { "{}", 0, 0, 0 },
    };
    owned(policy_free) struct policy *strict = default_of("", 0);
    owned(policy_free) struct policy *advisories =
        default_of("INTEL-SA-1, INTEL-SA-2 INTEL-SA-1", 0);
    owned(policy_free) struct policy *grace = default_of(NULL, 30);
    owned(policy_free) struct policy *both = default_of("INTEL-SA-1 INTEL-SA-2", 30);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (met(strict, rows[i].claims) != rows[i].strict)
            fail_msg("strict: %s", rows[i].claims);
        if (met(advisories, rows[i].claims) != rows[i].advisories)
            fail_msg("advisories: %s", rows[i].claims);
        if (met(grace, rows[i].claims) != rows[i].grace)
            fail_msg("grace: %s", rows[i].claims);
        if (met(both, rows[i].claims) != (rows[i].grace || rows[i].advisories))
            fail_msg("both: %s", rows[i].claims);
    }
    (void)state;
}

/* What is accepted beyond the strict default is looser in the eyes of the comparison too. */
static void test_default_compared(void **state)
{
    owned(policy_free) struct policy *strict = default_of("", 0), *grace = default_of("", 30);
    owned(json_free) json_t *there = NULL, *back = NULL;
    assert_false(failed(policy_diff(strict, grace, &there)));
    assert_false(failed(policy_diff(grace, strict, &back)));
    assert_string_equal(json_string_value(json_object_get(there, "effect")), "looser");
    assert_string_equal(json_string_value(json_object_get(back, "effect")), "tighter");
    (void)state;
}

static void test_reference_values(void **state)
{
    owned(json_free) json_t *base = NULL, *document = NULL, *sets = NULL;
    const struct default_policy d = { 0 };
    assert_false(failed(default_policy_document(&d, &base)));
    owned(json_free) json_t *outer = parse(
        "{\"sets\":[{\"name\":\"a\",\"claims\":{\"tee\":\"sgx\",\"mrsigner\":"
        "\"00000000000000000000000000000000000000000000000000000000000000aa\",\"isvsvn\":3}},"
        "{\"name\":\"b\",\"claims\":{\"tee\":\"sgx\",\"isvprodid\":[7,8],\"configsvn\":2}}]}");
    sets = json_incref(json_object_get(outer, "sets"));
    assert_false(failed(reference_policy(base, sets, &document)));
    owned(policy_free) struct policy *p = checked(document);
#define A "\"mrsigner\":\"00000000000000000000000000000000000000000000000000000000000000AA\""
    assert_true(met(p, SGX(STATUS("UpToDate") "," A ",\"isvsvn\":3")));
    assert_true(met(p, SGX(STATUS("UpToDate") "," A ",\"isvsvn\":4"))); /* a minimum: L52 */
    assert_false(met(p, SGX(STATUS("UpToDate") "," A ",\"isvsvn\":2")));
    assert_false(met(p, SGX(STATUS("OutOfDate") "," A ",\"isvsvn\":3")));
    assert_true(met(p, SGX(STATUS("UpToDate") ",\"isvprodid\":8,\"configsvn\":2")));
    assert_false(met(p, SGX(STATUS("UpToDate") ",\"isvprodid\":9,\"configsvn\":2")));
    assert_false(met(p, SGX(STATUS("UpToDate"))));
    (void)state;
}

static void test_reference_set(void **state)
{
    owned(json_free) json_t *claims =
        parse("{\"tee\":\"sgx\",\"root\":\"vendor\",\"mrenclave\":\"aa\",\"mrsigner\":\"bb\","
              "\"isvsvn\":3,\"isvprodid\":7,\"report_data\":\"cc\",\"ppid\":\"dd\"}");
    owned(json_free) json_t *exact = NULL, *signer = NULL, *none = NULL, *wanted = NULL,
                            *by_signer = NULL;
    owned(json_free) json_t *poor = parse("{\"tee\":\"sgx\",\"debug\":false}");
    wanted = parse("{\"claims\":{\"tee\":\"sgx\",\"mrenclave\":\"aa\",\"mrsigner\":\"bb\","
                   "\"isvsvn\":3,\"isvprodid\":7}}");
    by_signer =
        parse("{\"claims\":{\"tee\":\"sgx\",\"mrsigner\":\"bb\",\"isvsvn\":3,\"isvprodid\":7}}");
    assert_false(failed(reference_set(claims, true, &exact)));
    assert_true(json_equal(exact, wanted));
    owned(json_free) json_t *pieces =
        parse("{\"tee\":\"bundle\",\"debug\":false,\"tdx.mrtd\":\"aa\","
              "\"tpm.pcr_sha256_4\":\"bb\",\"tpm.ak_name\":\"cc\"}");
    owned(json_free) json_t *of_pieces = NULL, *both = NULL;
    assert_false(failed(reference_set(pieces, true, &of_pieces)));
    both =
        parse("{\"claims\":{\"tee\":\"bundle\",\"tdx.mrtd\":\"aa\",\"tpm.pcr_sha256_4\":\"bb\"}}");
    assert_true(json_equal(of_pieces, both));
    assert_false(failed(reference_set(claims, false, &signer)));
    assert_true(json_equal(signer, by_signer));
    struct err e = reference_set(poor, true, &none);
    assert_int_equal(e.kind, FAIL_INPUT);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_policy),
        cmocka_unit_test(test_default_compared),
        cmocka_unit_test(test_reference_values),
        cmocka_unit_test(test_reference_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
