// SPDX-License-Identifier: Apache-2.0
#include "token/ear.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NONE (-1) /* no claim is made */

struct row {
    const char *claims;
    enum ear_outcome outcome;
    bool measured;
    const char *status;
    int instance, hardware, configuration, executables, runtime;
};

static const struct row rows[] = {
    { "{\"tee\":\"tdx\",\"root\":\"vendor\",\"tcb_status\":\"UpToDate\",\"debug\":false}",
      EAR_VERIFIED, true, "affirming", 2, 2, 2, 2, 2 },
    { "{\"tee\":\"sgx\",\"root\":\"vendor\",\"tcb_status\":\"UpToDate\",\"debug\":false}",
      EAR_VERIFIED, false, "affirming", 2, 2, 2, NONE, 2 },
    { "{\"tee\":\"tdx\",\"root\":\"configured\",\"tcb_status\":\"UpToDate\",\"debug\":false}",
      EAR_VERIFIED, false, "affirming", 2, NONE, 2, NONE, 2 },
    { "{\"tee\":\"tdx\",\"root\":\"configured\",\"tcb_status\":\"OutOfDate\",\"debug\":false}",
      EAR_VERIFIED, false, "warning", 2, 32, 2, NONE, 2 },
    { "{\"tee\":\"tdx\",\"root\":\"vendor\",\"tcb_status\":\"SWHardeningNeeded\",\"debug\":false}",
      EAR_VERIFIED, true, "warning", 2, 32, 2, 2, 2 },
    { "{\"tee\":\"tdx\",\"root\":\"vendor\",\"tcb_status\":\"ConfigurationNeeded\"}", EAR_VERIFIED,
      false, "warning", 2, 32, 32, NONE, 2 },
    { "{\"tee\":\"sgx\",\"root\":\"vendor\",\"tcb_status\":\"OutOfDateConfigurationNeeded\"}",
      EAR_VERIFIED, false, "warning", 2, 32, 32, NONE, 2 },
    { "{\"tee\":\"tdx\",\"root\":\"vendor\",\"tcb_status\":\"UpToDate\",\"debug\":true}",
      EAR_VERIFIED, true, "warning", 2, 2, 32, 2, NONE },
    { "{\"tee\":\"snp\",\"root\":\"vendor\",\"debug\":false}", EAR_VERIFIED, false, "affirming", 2,
      2, 2, NONE, 2 },
    { "{\"tee\":\"tpm\",\"root\":\"vendor\"}", EAR_VERIFIED, false, "affirming", 2, 2, 2, NONE,
      NONE },
    { "{\"tee\":\"tdx\",\"root\":\"vendor\",\"tcb_status\":\"UpToDate\",\"debug\":false}",
      EAR_POLICY_REFUSED, false, "contraindicated", 2, 2, 2, NONE, 2 },
    { "{\"tee\":\"tdx\",\"root\":\"vendor\",\"tcb_status\":\"Revoked\"}", EAR_POLICY_REFUSED, false,
      "contraindicated", 2, 96, 2, NONE, 2 },
    { "{\"tee\":\"tdx\",\"root\":\"vendor\",\"tcb_status\":\"UpToDate\"}", EAR_EVIDENCE_REFUSED,
      false, "contraindicated", 96, NONE, NONE, NONE, NONE },
    { "{}", EAR_EVIDENCE_REFUSED, false, "contraindicated", 96, NONE, NONE, NONE, NONE },
};

static int value_of(const json_t *vector, const char *name)
{
    const json_t *j = json_object_get(vector, name);
    return j ? (int)json_integer_value(j) : NONE;
}

static void test_rows(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        owned(json_free) json_t *claims = NULL;
        assert_false(failed(json_parse_object(span_str(r->claims), &claims)));
        const struct ear_facts f = {
            .outcome = r->outcome, .claims = claims, .measured = r->measured, .policy_id = SPAN("p")
        };
        owned(json_free) json_t *tee = ear_submodule(&f);
        const json_t *v = json_object_get(tee, "ear.trustworthiness-vector");
        assert_string_equal(json_string_value(json_object_get(tee, "ear.status")), r->status);
        assert_string_equal(json_string_value(json_object_get(tee, "ear.appraisal-policy-id")),
                            "p");
        assert_int_equal(value_of(v, "instance-identity"), r->instance);
        assert_int_equal(value_of(v, "hardware"), r->hardware);
        assert_int_equal(value_of(v, "configuration"), r->configuration);
        assert_int_equal(value_of(v, "executables"), r->executables);
        assert_int_equal(value_of(v, "runtime-opaque"), r->runtime);
    }
    (void)state;
}

/* The status is never better than the worst of the vector (draft-ietf-rats-ear section 3.1). */
static void test_status_is_the_worst_tier(void **state)
{
    static const char *const words[] = { "affirming", "warning", "contraindicated" };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int all[] = { rows[i].instance, rows[i].hardware, rows[i].configuration,
                            rows[i].executables, rows[i].runtime };
        size_t worst = 0, said = 0;
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
            size_t tier = all[k] >= 96 ? 2 : all[k] >= 32 ? 1 : 0;
            worst = tier > worst ? tier : worst;
        }
        while (strcmp(words[said], rows[i].status) != 0)
            said++;
        assert_true(said >= worst);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_status_is_the_worst_tier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
