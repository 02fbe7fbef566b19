// SPDX-License-Identifier: Apache-2.0
#include "broker/transfer_policy.h"

#include "broker/seed_policy.h"
#include "crypto/crypto.h"
#include "unit.h"

#define NOW 1795435200
#define H32 "cd171c56941c6ce49690b455f691d9c8a04c2e43e0a4d30f752fa5285c7ee57f"
#define H48 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* The sample that the original ships, in its later form. */
#define SAMPLE                                                                                                          \
    "{\"attestation_type\":[\"SGX\"],\"sgx\":{\"attributes\":{\"mrsigner\":[\"" H32 "\"],\"isvprodid\":[0],"            \
    "\"mrenclave\":[\"" H32 "\"],\"isvsvn\":1,\"client_permissions\":[\"nginx\",\"USA\"],"                              \
    "\"enforce_tcb_upto_date\":false}},\"cert_issuer\":[\"CMS TLS Client CA\"]}"
#define FLAT "{\"sgx_enclave_issuer_anyof\":[\"" H32 "\"],\"sgx_enclave_issuer_product_id\":1,\"sgx_enclave_svn_minimum\":3}"

static struct transfer_policy *parsed(const char *text)
{
    json_t *document owned(json_free) = NULL;
    struct transfer_policy *p = NULL;
    char *message owned(free) = NULL;
    assert_ok(json_parse_object(span_str(text), &document));
    struct err e = transfer_policy_parse(document, &p, &message);
    if (failed(e))
        fail_msg("%s: %s", text, message ? message : e.what);
    return p;
}

static void bad_policies_say_where(void **state)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        { "{\"attestation\":\"maybe\"}", "attestation" },
        { "{\"attestation\":1}", "attestation" },
        { "{\"attestation_types\":[]}", "attestation_types" },
        { "{\"attestation_types\":[\"sev\"]}", "attestation_types" },
        { "{\"policy_ids\":[]}", "policy_ids" },
        { "{\"policy_ids\":[],\"conditions\":{\"version\":\"1.0.0\",\"allOf\":[{\"claim\":\"debug\",\"equals\":false}]}}", "policy_ids" },
        { "{\"policy_ids\":[\"\"]}", "policy_ids" },
        { "{\"policy_ids\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]}",
          "policy_ids" },
        { "{\"policy_ids\":[1]}", "policy_ids" },
        { "{\"client_permissions_anyof\":[]}", "client_permissions_anyof" },
        { "{\"client_certificate_subject_anyof\":[]}", "client_certificate_subject_anyof" },
        { "{\"client_certificate_subject_anyof\":[1]}", "client_certificate_subject_anyof" },
        { "{\"client_networks_anyof\":[]}", "client_networks_anyof" },
        { "{\"client_networks_anyof\":[\"192.0.2.1/24\"]}", "past the prefix" },
        { "{\"client_networks_anyof\":[\"0.0.0.0/0\"]}", "prefix" },
        { "{\"time\":{}}", "time" },
        { "{\"time\":{\"not_after\":\"soon\"}}", "not_after" },
        { "{\"time\":{\"weekly\":{\"zone\":\"CET\",\"hours\":[]}}}", "weekly" },
        { "{\"max_releases\":0}", "max_releases" },
        { "{\"max_releases\":-1}", "max_releases" },
        { "{\"max_releases\":1000000001}", "max_releases" },
        { "{\"max_releases\":\"1\"}", "max_releases" },
        { "{\"wrapping_anyof\":[]}", "wrapping_anyof" },
        { "{\"wrapping_anyof\":[\"dir\"]}", "wrapping_anyof" },
        { "{\"four_eyes\":1}", "four_eyes" },
        { "{\"surprise\":true}", "unknown" },
        { "{\"lease_minutes\":\"1\"}", "lease_minutes" },
        { "{\"name\":\"a/b\"}", "name" },
        { "{\"conditions\":{\"version\":\"1.0.0\",\"allOf\":[]}}", "allOf" },
        { "{\"conditions\":{\"version\":\"1.0.0\",\"allOf\":[{\"claim\":\"mrtd\",\"equals\":\"00\"}]}}", "mrtd" },
        { "{\"attestation_type\":[]}", "attestation_type" },
        { "{\"attestation_type\":[\"SGX\",\"TDX\"]}", "attestation_type" },
        { "{\"attestation_type\":\"SEV\"}", "attestation_type" },
        { "{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":{\"mrsigner\":[\"" H32 "\"]}}}", "isvprodid" },
        { "{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":{\"mrsigner\":[\"" H32 "\"],\"isvprodid\":[0],\"mrenclave\":[]}}}", "mrenclave" },
        { "{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":{\"mrsigner\":[\"" H32 "\"],\"isvprodid\":[-1]}}}", "isvprodid" },
        { "{\"attestation_type\":\"SGX\",\"tdx\":{}}", "tdx" },
        { "{\"attestation_type\":\"TDX\",\"tdx\":{\"attributes\":{\"mrseam\":[\"" H48 "\"]}}}", "mrsignerseam" },
        { "{\"sgx_enclave_issuer_anyof\":[\"" H32 "\"]}", "sgx_enclave_issuer_product_id" },
        { "{\"sgx_enclave_issuer_product_id\":0}", "sgx_enclave_issuer_anyof" },
        { "{\"sgx_enclave_issuer_anyof\":[\"" H32 "\"],\"sgx_enclave_issuer_product_id\":0,\"extra\":1}", "extra" },
        { "{\"sgx_enclave_issuer_anyof\":[\"" H32 "\"],\"sgx_enclave_issuer_product_id\":0,\"attestation_type_anyof\":[\"TDX\"]}", "SGX only" },
        { "{\"sgx_enclave_issuer_anyof\":[\"" H32 "\"],\"sgx_enclave_issuer_product_id\":0,\"sgx_enforce_tcb_up_to_date\":1}", "sgx_enforce" },
        { "{\"sgx_enclave_issuer_anyof\":[\"00\"],\"sgx_enclave_issuer_product_id\":0}", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *document owned(json_free) = NULL;
        struct transfer_policy *p owned(transfer_policy_free) = NULL;
        char *message owned(free) = NULL;
        assert_ok(json_parse_object(span_str(rows[i].text), &document));
        struct err e = transfer_policy_parse(document, &p, &message);
        if (e.kind != FAIL_INPUT || !message || !strstr(message, rows[i].word))
            fail_msg("%s: %s", rows[i].text, message ? message : "no message");
        assert_null(p);
    }
}

static void native_defaults(void **state)
{
    struct transfer_policy *p owned(transfer_policy_free) = parsed("{\"name\":\"web\"}");
    (void)state;
    assert_int_equal(p->attestation, ATTESTATION_REQUIRE);
    assert_int_equal(json_array_size(p->attestation_types), 3);
    assert_string_equal(json_string_value(json_array_get(p->policy_ids, 0)), "default");
    assert_false(p->explain_to_caller || p->accept_warning);
    assert_null(p->conditions);
    struct transfer_policy *example owned(transfer_policy_free) =
        parsed("{\"name\":\"n\",\"attestation\":\"require\",\"attestation_types\":[\"tdx\"],\"policy_ids\":[\"default\"],"
               "\"client_permissions_allof\":[],\"lease_minutes\":60,\"explain_to_caller\":false}");
    assert_int_equal(example->lease_minutes, 60);
    assert_string_not_equal(p->digest, example->digest);
}

struct question_row {
    const char *claims;
    enum code code;
};

static enum code tee_code(const struct transfer_policy *p, const char *claims, const char *status, const char *applied)
{
    json_t *c owned(json_free) = NULL, *a owned(json_free) = NULL, *checks owned(json_free) = json_array();
    enum code code = CODE_COUNT;
    if (claims)
        assert_ok(json_parse_object(span_str(claims), &c));
    assert_ok(json_parse(span_str(applied), &a));
    const struct transfer_claims q = { .claims = c, .applied = a, .status = span_str(status), .now = NOW };
    assert_ok(transfer_policy_check_tee(p, &q, checks, &code));
    assert_true(json_array_size(checks) > 0);
    return code;
}

static void seed_conditions_hold_together(void **state) /* L52 */
{
    static const struct question_row flat[] = {
        { "{\"tee\":\"sgx\",\"debug\":false,\"mrsigner\":\"" H32 "\",\"isvprodid\":1,\"isvsvn\":3}", CODE_OK },
        { "{\"tee\":\"sgx\",\"debug\":false,\"mrsigner\":\"" H32 "\",\"isvprodid\":1,\"isvsvn\":4}", CODE_OK },
        { "{\"tee\":\"sgx\",\"debug\":false,\"mrsigner\":\"" H32 "\",\"isvprodid\":1,\"isvsvn\":2}", CODE_POLICY_REFUSED },
        { "{\"tee\":\"sgx\",\"debug\":false,\"mrsigner\":\"" H32 "\",\"isvprodid\":2,\"isvsvn\":3}", CODE_POLICY_REFUSED },
        { "{\"tee\":\"sgx\",\"debug\":true,\"mrsigner\":\"" H32 "\",\"isvprodid\":1,\"isvsvn\":3}", CODE_POLICY_REFUSED },
        { "{\"tee\":\"sgx\",\"debug\":false,\"isvprodid\":1,\"isvsvn\":3}", CODE_POLICY_REFUSED },
        { "{\"tee\":\"tdx\",\"debug\":false,\"mrsigner\":\"" H32 "\",\"isvprodid\":1,\"isvsvn\":3}", CODE_POLICY_REFUSED },
        { "{}", CODE_POLICY_REFUSED },
        { NULL, CODE_ATTESTATION_REQUIRED },
    };
    struct transfer_policy *p owned(transfer_policy_free) = parsed(FLAT);
    (void)state;
    for (size_t i = 0; i < sizeof flat / sizeof flat[0]; i++)
        assert_int_equal(tee_code(p, flat[i].claims, "affirming", "[{\"id\":\"default\"}]"), flat[i].code);
    assert_int_equal(tee_code(p, flat[0].claims, "affirming", "[]"), CODE_POLICY_REFUSED);
    assert_int_equal(tee_code(p, flat[0].claims, "affirming", "[{\"id\":\"other\"}]"), CODE_POLICY_REFUSED);
    assert_int_equal(tee_code(p, flat[0].claims, "warning", "[{\"id\":\"default\"}]"), CODE_POLICY_REFUSED);
    assert_int_equal(tee_code(p, flat[0].claims, "", "[{\"id\":\"default\"}]"), CODE_POLICY_REFUSED);
}

static void the_shipped_sample_is_read(void **state)
{
    struct transfer_policy *p owned(transfer_policy_free) = parsed(SAMPLE);
    const char *good = "{\"tee\":\"sgx\",\"debug\":false,\"mrsigner\":\"" H32 "\",\"mrenclave\":\"" H32 "\",\"isvprodid\":0,\"isvsvn\":1}";
    const char *other = "{\"tee\":\"sgx\",\"debug\":false,\"mrsigner\":\"" H32 "\",\"mrenclave\":\"00\",\"isvprodid\":0,\"isvsvn\":1}";
    (void)state;
    assert_true(p->accept_warning); /* it says that the TCB need not be up to date */
    assert_int_equal(json_array_size(p->permissions_all), 2);
    assert_int_equal(json_array_size(p->certificate_issuers), 1);
    assert_int_equal(tee_code(p, good, "warning", "[{\"id\":\"default\"}]"), CODE_OK);
    assert_int_equal(tee_code(p, other, "affirming", "[{\"id\":\"default\"}]"), CODE_POLICY_REFUSED);
}

static void tdx_form(void **state)
{
    struct transfer_policy *p owned(transfer_policy_free) =
        parsed("{\"attestation_type\":[\"TDX\"],\"tdx\":{\"attributes\":{\"mrsignerseam\":[\"" H48 "\"],\"mrseam\":[\"" H48 "\"],"
               "\"seamsvn\":3,\"mrtd\":[\"" H48 "\"],\"rtmr0\":\"" H48 "\",\"enforce_tcb_upto_date\":true},"
               "\"policy_ids\":[\"3fa85f64-5717-4562-b3fc-2c963f66afa6\"]}}");
    const char *good = "{\"tee\":\"tdx\",\"debug\":false,\"mrsignerseam\":\"" H48 "\",\"mrseam\":\"" H48 "\",\"seamsvn\":3,"
                       "\"mrtd\":\"" H48 "\",\"rtmr0\":\"" H48 "\",\"tcb_status\":\"UpToDate\"}";
    const char *old = "{\"tee\":\"tdx\",\"debug\":false,\"mrsignerseam\":\"" H48 "\",\"mrseam\":\"" H48 "\",\"seamsvn\":3,"
                      "\"mrtd\":\"" H48 "\",\"rtmr0\":\"" H48 "\",\"tcb_status\":\"OutOfDate\"}";
    const char *applied = "[{\"id\":\"3fa85f64-5717-4562-b3fc-2c963f66afa6\"}]";
    (void)state;
    assert_int_equal(tee_code(p, good, "affirming", applied), CODE_OK);
    assert_int_equal(tee_code(p, old, "affirming", applied), CODE_POLICY_REFUSED);
    assert_int_equal(tee_code(p, good, "affirming", "[{\"id\":\"default\"}]"), CODE_POLICY_REFUSED);
}

static struct bearer bearer_of(const char *permissions)
{
    struct bearer b = { .subject = strdup("s"), .tenant = strdup("default"), .id = strdup("j") };
    b.claims = json_pack("{s:[{s:s,s:s,s:s}],s:[]}", "roles", "service", "KBS", "name", "KeyTransfer", "context", permissions, "permissions");
    return b;
}

static enum code client_code(const struct transfer_policy *p, const struct bearer *b, const char *issuer)
{
    json_t *checks owned(json_free) = json_array();
    enum code code = CODE_COUNT;
    const struct transfer_claims q = { .client = b, .certificate_issuer = span_str(issuer), .now = NOW };
    assert_ok(transfer_policy_check_client(p, &q, checks, &code));
    return code;
}

static void clients(void **state)
{
    struct transfer_policy *all owned(transfer_policy_free) = parsed("{\"client_permissions_allof\":[\"nginx\",\"USA\"]}");
    struct transfer_policy *any owned(transfer_policy_free) = parsed("{\"client_permissions_anyof\":[\"nginx\",\"USA\"]}");
    struct transfer_policy *both owned(transfer_policy_free) =
        parsed("{\"client_permissions_allof\":[\"nginx\",\"USA\"],\"client_permissions_anyof\":[\"USA\"]}");
    struct transfer_policy *issued owned(transfer_policy_free) = parsed("{\"client_certificate_issuer_anyof\":[\"CMSCA\"]}");
    struct transfer_policy *free_for_all owned(transfer_policy_free) = parsed("{}");
    struct bearer full owned(bearer_done) = bearer_of("permissions=nginx,USA,more");
    struct bearer half owned(bearer_done) = bearer_of("permissions=nginx");
    (void)state;
    assert_int_equal(client_code(all, &full, ""), CODE_OK);
    assert_int_equal(client_code(all, &half, ""), CODE_CLIENT_REFUSED);
    assert_int_equal(client_code(all, NULL, ""), CODE_TOKEN_MISSING);
    assert_int_equal(client_code(any, &half, ""), CODE_OK);
    assert_int_equal(client_code(both, &half, ""), CODE_CLIENT_REFUSED); /* one that matches skips nothing */
    assert_int_equal(client_code(issued, NULL, "CMSCA"), CODE_OK);
    assert_int_equal(client_code(issued, NULL, "Other"), CODE_CLIENT_REFUSED);
    assert_int_equal(client_code(issued, NULL, ""), CODE_CLIENT_REFUSED);
    assert_int_equal(client_code(free_for_all, NULL, ""), CODE_OK);
}

static enum code terms_code(const struct transfer_policy *p, uint64_t releases, int64_t now)
{
    json_t *checks owned(json_free) = json_array();
    enum code code = CODE_COUNT;
    const struct transfer_claims q = { .releases = releases, .now = now };
    assert_ok(transfer_policy_check_terms(p, &q, checks, &code));
    return code;
}

static void where_from(void **state)
{
    struct transfer_policy *p owned(transfer_policy_free) =
        parsed("{\"client_networks_anyof\":[\"10.0.0.0/8\",\"2001:db8::/32\"],\"client_certificate_subject_anyof\":[\"web-1\"]}");
    static const struct {
        const char *subject, *source;
        enum code code;
    } rows[] = {
        { "web-1", "10.1.2.3", CODE_OK },
        { "web-1", "2001:db8::7", CODE_OK },
        { "web-1", "11.0.0.1", CODE_CLIENT_REFUSED },
        { "web-1", "", CODE_CLIENT_REFUSED },
        { "web-2", "10.1.2.3", CODE_CLIENT_REFUSED },
        { "WEB-1", "10.1.2.3", CODE_CLIENT_REFUSED },
        { "", "10.1.2.3", CODE_CLIENT_REFUSED },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *checks owned(json_free) = json_array();
        enum code code = CODE_COUNT;
        const struct transfer_claims q = { .certificate_subject = span_str(rows[i].subject), .source = span_str(rows[i].source), .now = NOW };
        assert_ok(transfer_policy_check_client(p, &q, checks, &code));
        assert_int_equal(code, rows[i].code);
        assert_int_equal(json_array_size(checks), 2);
    }
}

static void when_and_how_often(void **state)
{
    struct transfer_policy *p owned(transfer_policy_free) =
        parsed("{\"max_releases\":2,\"time\":{\"not_after\":\"2026-11-24T00:00:00Z\"}}");
    struct transfer_policy *most owned(transfer_policy_free) = parsed("{\"max_releases\":1000000000}");
    struct transfer_policy *always owned(transfer_policy_free) = parsed("{}");
    const int64_t end = 1795478400;
    (void)state;
    assert_int_equal(terms_code(p, 0, end - 1), CODE_OK);
    assert_int_equal(terms_code(p, 1, end - 1), CODE_OK);
    assert_int_equal(terms_code(p, 2, end - 1), CODE_RELEASES_EXHAUSTED);
    assert_int_equal(terms_code(p, 3, end - 1), CODE_RELEASES_EXHAUSTED);
    assert_int_equal(terms_code(p, 0, end), CODE_OUTSIDE_TIME_WINDOW);
    assert_int_equal(terms_code(p, 2, end), CODE_OUTSIDE_TIME_WINDOW);
    assert_int_equal(terms_code(most, 999999999, 1), CODE_OK);
    assert_int_equal(terms_code(always, UINT64_MAX, 1), CODE_OK);
}

static void how_it_is_wrapped(void **state)
{
    struct transfer_policy *hsm owned(transfer_policy_free) = parsed("{\"wrapping_anyof\":[\"ECDH+A256KWP\"]}");
    struct transfer_policy *any owned(transfer_policy_free) = parsed("{\"name\":\"any\"}");
    json_t *checks owned(json_free) = json_array();
    enum code code = CODE_COUNT;
    (void)state;
    assert_ok(transfer_policy_check_wrapping(any, WRAPPING_BY_KEYD, checks, &code));
    assert_true(code == CODE_OK && !json_array_size(checks));
    assert_ok(transfer_policy_check_wrapping(hsm, WRAPPING_BY_KEYD, checks, &code));
    assert_true(code == CODE_WRAPPING_REFUSED && json_array_size(checks) == 1);
    assert_ok(transfer_policy_check_wrapping(hsm, WRAPPING_IN_HSM, checks, &code));
    assert_int_equal(code, CODE_OK);
}

#define H16 "00112233445566778899aabbccddeeff"
#define H64 H32 H32
/* Every attribute of the seed system's forms, as its documentation names them, and the claim that each is about. */
#define FLAT_FULL                                                                                                       \
    "{\"id\":\"3fa85f64-5717-4562-b3fc-2c963f66afa6\",\"created_at\":\"2026-01-01T00:00:00Z\","                            \
    "\"attestation_type_anyof\":[\"SGX\"],\"sgx_enclave_issuer_anyof\":[\"" H32 "\"],"                                    \
    "\"sgx_enclave_issuer_product_id\":7,\"sgx_enclave_issuer_product_id_anyof\":[6,7],"                                \
    "\"sgx_enclave_issuer_extended_product_id_anyof\":[\"" H16 "\"],\"sgx_enclave_measurement_anyof\":[\"" H32 "\"],"   \
    "\"sgx_enclave_svn_minimum\":3,\"sgx_config_id_svn\":2,\"sgx_config_id_anyof\":[\"" H64 "\"],"                      \
    "\"sgx_enforce_tcb_up_to_date\":true,\"tls_client_certificate_issuer_cn_anyof\":[\"CMSCA\"],"                       \
    "\"client_permissions_allof\":[\"nginx\",\"USA\"],\"client_permissions_anyof\":[\"nginx\",\"other\"]}"
#define SGX_FULL                                                                                                        \
    "{\"attestation_type\":[\"SGX\"],\"sgx\":{\"attributes\":{\"mrsigner\":[\"" H32 "\"],\"isvprodid\":[7],"              \
    "\"mrenclave\":[\"" H32 "\"],\"isvsvn\":3,\"client_permissions\":[\"nginx\"],\"enforce_tcb_upto_date\":true},"     \
    "\"policy_ids\":[\"default\"]},\"cert_issuer\":[\"CMSCA\"],\"updated_at\":\"2026-01-01T00:00:00Z\"}"
#define TDX_FULL                                                                                                        \
    "{\"attestation_type\":[\"TDX\"],\"tdx\":{\"attributes\":{\"mrsignerseam\":[\"" H48 "\"],\"mrseam\":[\"" H48 "\"],"   \
    "\"seamsvn\":3,\"mrtd\":[\"" H48 "\"],\"rtmr0\":\"" H48 "\",\"rtmr1\":\"" H48 "\",\"rtmr2\":\"" H48 "\",\"rtmr3\":"  \
    "\"" H48 "\",\"enforce_tcb_upto_date\":true},\"policy_ids\":[\"default\"]},\"cert_issuer\":[\"CMSCA\"]}"
#define SGX_CLAIMS                                                                                                      \
    "{\"tee\":\"sgx\",\"debug\":false,\"mrsigner\":\"" H32 "\",\"mrenclave\":\"" H32 "\",\"isvprodid\":7,\"isvsvn\":3,"  \
    "\"isvextprodid\":\"" H16 "\",\"configid\":\"" H64 "\",\"configsvn\":2,\"tcb_status\":\"UpToDate\"}"
#define TDX_CLAIMS                                                                                                      \
    "{\"tee\":\"tdx\",\"debug\":false,\"mrsignerseam\":\"" H48 "\",\"mrseam\":\"" H48 "\",\"seamsvn\":3,\"mrtd\":\"" H48 \
    "\",\"rtmr0\":\"" H48 "\",\"rtmr1\":\"" H48 "\",\"rtmr2\":\"" H48 "\",\"rtmr3\":\"" H48 "\",\"tcb_status\":"       \
    "\"UpToDate\"}"

static void seed_claim_counts(const char *policy, const char *good, const char *claim, const char *value)
{
    struct transfer_policy *p owned(transfer_policy_free) = parsed(policy);
    json_t *claims owned(json_free) = NULL, *checks owned(json_free) = json_array(), *wrong = NULL, *applied = NULL;
    enum code code = CODE_COUNT;

    assert_int_equal(tee_code(p, good, "affirming", "[{\"id\":\"default\"}]"), CODE_OK);
    assert_ok(json_parse_object(span_str(good), &claims));
    wrong = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_non_null(wrong);
    assert_ok(json_parse(SPAN("[{\"id\":\"default\"}]"), &applied));
    json_object_set_new(claims, claim, wrong);
    const struct transfer_claims q = { .claims = claims, .applied = applied, .status = SPAN("affirming"), .now = NOW };
    assert_ok(transfer_policy_check_tee(p, &q, checks, &code));
    char *text owned(free) = json_text(checks);
    if (code != CODE_POLICY_REFUSED || !strstr(text, strcmp(claim, "tee") ? claim : "attestation_types"))
        fail_msg("%s: %s: %s", policy, claim, text);
    json_free(applied);
}

static void every_attribute_of_the_seed_counts(void **state)
{
    static const struct {
        const char *policy, *good, *claim, *wrong;
    } rows[] = {
        { FLAT_FULL, SGX_CLAIMS, "tee", "\"tdx\"" },
        { FLAT_FULL, SGX_CLAIMS, "debug", "true" },
        { FLAT_FULL, SGX_CLAIMS, "mrsigner", "\"" H16 H16 "\"" },
        { FLAT_FULL, SGX_CLAIMS, "isvprodid", "6" }, /* one of the list, and not the single one */
        { FLAT_FULL, SGX_CLAIMS, "isvextprodid", "\"ff112233445566778899aabbccddeeff\"" },
        { FLAT_FULL, SGX_CLAIMS, "mrenclave", "\"" H16 H16 "\"" },
        { FLAT_FULL, SGX_CLAIMS, "isvsvn", "2" },
        { FLAT_FULL, SGX_CLAIMS, "configsvn", "1" },
        { FLAT_FULL, SGX_CLAIMS, "configid", "\"" H16 H16 H16 H16 "\"" },
        { FLAT_FULL, SGX_CLAIMS, "tcb_status", "\"OutOfDate\"" },
        { SGX_FULL, SGX_CLAIMS, "mrsigner", "\"" H16 H16 "\"" },
        { SGX_FULL, SGX_CLAIMS, "isvprodid", "8" },
        { SGX_FULL, SGX_CLAIMS, "mrenclave", "\"" H16 H16 "\"" },
        { SGX_FULL, SGX_CLAIMS, "isvsvn", "2" },
        { SGX_FULL, SGX_CLAIMS, "tcb_status", "\"SWHardeningNeeded\"" },
        { SGX_FULL, SGX_CLAIMS, "debug", "true" },
        { TDX_FULL, TDX_CLAIMS, "mrsignerseam", "\"" H16 H32 "\"" },
        { TDX_FULL, TDX_CLAIMS, "mrseam", "\"" H16 H32 "\"" },
        { TDX_FULL, TDX_CLAIMS, "seamsvn", "2" },
        { TDX_FULL, TDX_CLAIMS, "mrtd", "\"" H16 H32 "\"" },
        { TDX_FULL, TDX_CLAIMS, "rtmr0", "\"" H16 H32 "\"" },
        { TDX_FULL, TDX_CLAIMS, "rtmr1", "\"" H16 H32 "\"" },
        { TDX_FULL, TDX_CLAIMS, "rtmr2", "\"" H16 H32 "\"" },
        { TDX_FULL, TDX_CLAIMS, "rtmr3", "\"" H16 H32 "\"" },
        { TDX_FULL, TDX_CLAIMS, "tcb_status", "\"OutOfDate\"" },
        { TDX_FULL, TDX_CLAIMS, "debug", "true" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        seed_claim_counts(rows[i].policy, rows[i].good, rows[i].claim, rows[i].wrong);
}

static void the_seeds_clients_count(void **state)
{
    struct transfer_policy *flat owned(transfer_policy_free) = parsed(FLAT_FULL);
    struct transfer_policy *sgx owned(transfer_policy_free) = parsed(SGX_FULL);
    struct transfer_policy *tdx owned(transfer_policy_free) = parsed(TDX_FULL);
    struct bearer full owned(bearer_done) = bearer_of("permissions=nginx,USA");
    struct bearer half owned(bearer_done) = bearer_of("permissions=USA");
    (void)state;
    assert_int_equal(client_code(flat, &full, "CMSCA"), CODE_OK);
    assert_int_equal(client_code(flat, &half, "CMSCA"), CODE_CLIENT_REFUSED);
    assert_int_equal(client_code(flat, &full, "Other"), CODE_CLIENT_REFUSED);
    assert_int_equal(client_code(flat, NULL, "CMSCA"), CODE_TOKEN_MISSING);
    assert_int_equal(client_code(sgx, &full, "CMSCA"), CODE_OK);
    assert_int_equal(client_code(sgx, &half, "CMSCA"), CODE_CLIENT_REFUSED);
    assert_int_equal(client_code(tdx, NULL, "CMSCA"), CODE_OK);
    assert_int_equal(client_code(tdx, NULL, ""), CODE_CLIENT_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_policies_say_where),    cmocka_unit_test(native_defaults),
        cmocka_unit_test(seed_conditions_hold_together), cmocka_unit_test(the_shipped_sample_is_read),
        cmocka_unit_test(tdx_form),                  cmocka_unit_test(clients),
        cmocka_unit_test(where_from),                cmocka_unit_test(when_and_how_often),
        cmocka_unit_test(how_it_is_wrapped),         cmocka_unit_test(every_attribute_of_the_seed_counts),
        cmocka_unit_test(the_seeds_clients_count),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
