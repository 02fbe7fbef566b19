// SPDX-License-Identifier: Apache-2.0
#include "broker/transfer_lint.h"

#include "crypto/crypto.h"
#include "unit.h"

#define NOW 1795435200
#define H32 "cd171c56941c6ce49690b455f691d9c8a04c2e43e0a4d30f752fa5285c7ee57f"
#define ALL(conditions)                                                                            \
    "{\"conditions\":{\"version\":\"1.0.0\",\"allOf\":[" conditions                                \
    "]},\"attestation_types\":[\"tdx\"]}"

static json_t *remarks_of(const char *text)
{
    json_t *document owned(json_free) = NULL, *remarks = NULL;

    assert_ok(json_parse_object(span_str(text), &document));
    assert_ok(transfer_lint(document, NOW, &remarks));
    return remarks;
}

static bool has(const json_t *remarks, const char *level, const char *path, const char *word)
{
    const json_t *one;
    size_t i;

    json_array_foreach(remarks, i, one)
    {
        const char *message = json_string_value(json_object_get(one, "message"));
        if (!strcmp(json_string_value(json_object_get(one, "level")), level) &&
            !strcmp(json_string_value(json_object_get(one, "path")), path) && strstr(message, word))
            return true;
    }
    return false;
}

struct row {
    const char *text, *level, *path, *word;
};

/* Of appraisal policies' checks one each; then those of the terms. */
static const struct row rows[] = {
    { ALL("{\"claim\":\"mrtdd\",\"exists\":true}"), "error", "conditions.allOf[0]",
      "unknown claim" },
    { ALL("{\"claim\":\"seamsvn\",\"min\":\"5\"}"), "error", "conditions.allOf[0]", "number" },
    { ALL("{\"claim\":\"tee\",\"in\":[]}"), "error", "conditions.allOf[0]", "empty" },
    { ALL("{\"claim\":\"seamsvn\",\"min\":5},{\"claim\":\"seamsvn\",\"max\":4}"), "error",
      "conditions.allOf[1]", "contradicts" },
    { ALL("{\"claim\":\"seamsvn\",\"less\":0}"), "error", "conditions.allOf[0]", "never true" },
    { ALL("{\"claim\":\"seamsvn\",\"min\":0}"), "warning", "conditions.allOf[0]", "always true" },
    { "{\"conditions\":{\"version\":\"1.0.0\",\"anyOf\":[{\"claim\":\"seamsvn\",\"min\":3},"
      "{\"claim\":\"seamsvn\",\"min\":5}]}}",
      "warning", "conditions.anyOf[1]", "shadowed" },
    /* with the kinds of TEE */
    { ALL("{\"claim\":\"mrenclave\",\"equals\":\"" H32 "\"}"), "error", "conditions",
      "attestation_types" },
    { ALL("{\"claim\":\"tee\",\"equals\":\"sgx\"}"), "error", "conditions.allOf[0]",
      "attestation_types" },
    { "{\"attestation_types\":[\"sgx\"],\"conditions\":{\"version\":\"1.0.0\",\"anyOf\":["
      "{\"claim\":\"mrenclave\",\"exists\":true},{\"claim\":\"mrtd\",\"exists\":true}]}}",
      "error", "conditions.anyOf[1]", "attestation_types" },
    { "{\"conditions\":{\"version\":\"1.0.0\",\"allOf\":[{\"claim\":\"ak_trust\",\"exists\":true}]}"
      "}",
      "error", "conditions", "attestation_types" },
    /* terms */
    { "{\"max_releases\":0}", "error", "max_releases", "1 to 1000000000" },
    { "{\"time\":{}}", "error", "time", "not_before" },
    { "{\"time\":{\"not_before\":\"2026-11-24T00:00:00Z\",\"not_after\":\"2026-11-24T00:00:00Z\"}}",
      "error", "not_after", "never true" },
    { "{\"time\":{\"not_before\":\"2026-11-24T00:00:00Z\",\"not_after\":\"2026-11-25T00:00:00Z\","
      "\"weekly\":{\"zone\":\"UTC\",\"hours\":[{\"days\":[\"fri\"],\"from\":\"08:00\",\"to\":\"09:"
      "00\"}]}}}",
      "error", "time", "never true" },
    { "{\"time\":{\"not_after\":\"2026-11-23T11:59:59Z\"}}", "warning", "time", "closed" },
    { "{\"client_networks_anyof\":[\"10.0.0.1/8\"]}", "error", "client_networks_anyof",
      "past the prefix" },
    { "{\"client_networks_anyof\":[\"10.0.0.0/8\",\"10.2.0.0/16\"]}", "warning",
      "client_networks_anyof[1]", "shadowed" },
    { "{\"client_networks_anyof\":[\"2001:db8:1::/48\",\"2001:db8::/32\"]}", "warning",
      "client_networks_anyof[0]", "shadowed" },
    { "{\"client_networks_anyof\":[\"10.0.0.0/8\",\"10.0.0.0/8\"]}", "warning",
      "client_networks_anyof[1]", "shadowed" },
    { "{\"client_permissions_allof\":[\"nginx,USA\"]}", "error", "client_permissions_allof[0]",
      "no role" },
    { "{\"client_permissions_anyof\":[\"nginx\",\"a=b\"]}", "error", "client_permissions_anyof[1]",
      "no role" },
    { "{\"client_permissions_anyof\":[\" nginx\"]}", "error", "client_permissions_anyof[0]",
      "no role" },
    { "{\"client_permissions_anyof\":[\"a\",\"b\"],\"client_permissions_allof\":[\"b\"]}",
      "warning", "client_permissions_anyof", "always true" },
    { "{\"policy_ids\":[\"a\",\"b\",\"a\"]}", "warning", "policy_ids[2]", "twice" },
    { "{\"wrapping_anyof\":[\"ECDH-ES+A256KW\",\"ECDH+A256KWP\"]}", "warning", "wrapping_anyof",
      "always true" },
    { "{\"attestation\":\"none\",\"attestation_types\":[\"tdx\"]}", "warning", "attestation_types",
      "no effect" },
    { "{\"surprise\":1}", "error", "surprise", "unknown" },
    { "{\"attestation\":\"maybe\"}", "error", "attestation", "require" },
    { "{\"attestation_type\":[\"SGX\"]}", "error", "sgx", "needed" },
};

static void each_mistake_is_told_at_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *remarks owned(json_free) = remarks_of(rows[i].text);
        if (!has(remarks, rows[i].level, rows[i].path, rows[i].word))
            fail_msg("%s: %s", rows[i].text, json_text(remarks));
        assert_int_equal(policy_check_good(remarks), strcmp(rows[i].level, "error") != 0);
    }
}

static void all_of_them_at_once(void **state)
{
    json_t *remarks owned(json_free) = remarks_of(
        "{\"max_releases\":0,\"time\":{},\"surprise\":1,\"client_networks_anyof\":[\"x\"],"
        "\"wrapping_anyof\":[\"dir\"],\"lease_minutes\":-1,\"four_eyes\":\"yes\",\"conditions\":"
        "{\"version\":\"1.0.0\",\"allOf\":[{\"claim\":\"mrtdd\",\"exists\":true},"
        "{\"claim\":\"debug\",\"equals\":1}]}}");
    (void)state;
    assert_int_equal(json_array_size(remarks), 9);
}

/* What is right is told nothing. */
static void good_policies_pass(void **state)
{
    static const char *const good[] = {
        "{}",
        "{\"attestation\":\"none\",\"client_networks_anyof\":[\"10.0.0.0/8\",\"11.0.0.0/8\",\"::1/"
        "128\"]}",
        "{\"client_permissions_allof\":[\"nginx\",\"USA\"],\"client_permissions_anyof\":[\"a "
        "b\",\"c\"]}",
        "{\"time\":{\"not_before\":\"2027-01-01T00:00:00Z\"},\"max_releases\":1}",
        "{\"attestation_types\":[\"sgx\",\"tdx\"],\"conditions\":{\"version\":\"1.0.0\",\"anyOf\":["
        "{\"claim\":\"mrenclave\",\"exists\":true},{\"claim\":\"mrtd\",\"exists\":true}]}}",
        "{\"attestation_types\":[\"bundle\"],\"conditions\":{\"version\":\"1.0.0\",\"allOf\":["
        "{\"claim\":\"tdx.debug\",\"equals\":false},{\"claim\":\"tpm.secure_boot\",\"equals\":true}"
        "]}}",
        "{\"sgx_enclave_issuer_anyof\":[\"" H32 "\"],\"sgx_enclave_issuer_product_id\":1}",
        "{\"attestation_type\":[\"SGX\"],\"sgx\":{\"attributes\":{\"mrsigner\":[\"" H32
        "\"],\"isvprodid\":[0],\"isvsvn\":1,\"enforce_tcb_upto_date\":true}}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        json_t *remarks owned(json_free) = remarks_of(good[i]);
        if (json_array_size(remarks))
            fail_msg("%s: %s", good[i], json_text(remarks));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_told_at_its_place),
        cmocka_unit_test(all_of_them_at_once),
        cmocka_unit_test(good_policies_pass),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
