// SPDX-License-Identifier: Apache-2.0
/* TCB info and QE identity: who signed them, when, and every member; each broken once and signed anew. */
#include "forge_case.h"

#define SIG "tcb_info_signature"
#define FORMAT "tcb_info_format"

static void edit(struct forge_document *d, const char *from, const char *to)
{
    d->edits[0] = (struct forge_edit){ from, to };
}

/* Every case of this file that only edits text is one row. */
struct text_case {
    const char *name;
    enum forge_tee tee;
    bool identity;
    bool after_signing;
    const char *from, *to;
    const char *fails; /* NULL: verified */
};

static void text_case_run(const struct text_case *c)
{
    struct forge_knobs k;

    forge_good(c->tee, &k);
    struct forge_document *d = c->identity ? &k.identity_document : &k.tcb_document;
    if (c->after_signing)
        d->later[0] = (struct forge_edit){ c->from, c->to };
    else
        edit(d, c->from, c->to);
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    if (verify_result_verified(r) != !c->fails)
        fail_msg("%s: %s", c->name, verify_result_verified(r) ? "verified" : verify_result_reason(r));
    if (c->fails && vector_outcome(r, c->fails) != CHECK_FAILED)
        fail_msg("%s: %s did not fail but \"%s\"", c->name, c->fails, verify_result_reason(r));
}

#define SGX FORGE_SGX3, false, false
#define TDX FORGE_TDX4, false, false
#define QE FORGE_SGX3, true, false

static void tcb_info_text(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        { "white space", SGX, "\"version\":3", " \"version\" : 3\n", NULL },
        { "unknown member", SGX, "\"version\":3", "\"version\":3,\"later\":[{\"x\":\"}\\\"]\"}]", NULL },
        { "version 4", SGX, "\"version\":3", "\"version\":4", FORMAT },
        { "version 1", SGX, "\"version\":3", "\"version\":1", FORMAT },
        { "version as text", SGX, "\"version\":3", "\"version\":\"3\"", FORMAT },
        { "no version", SGX, "\"version\":3,", "", FORMAT },
        { "no id", SGX, "\"id\":\"SGX\",", "", FORMAT },
        { "unknown id", SGX, "\"id\":\"SGX\"", "\"id\":\"sgx\"", FORMAT },
        { "id twice", SGX, "\"id\":\"SGX\"", "\"id\":\"SGX\",\"id\":\"SGX\"", FORMAT },
        { "date without Z", SGX, "Z\",\"nextUpdate", "+\",\"nextUpdate", FORMAT },
        { "no issue date", SGX, "issueDate", "issuedAt", FORMAT },
        { "no next update", SGX, "nextUpdate", "validTo", FORMAT },
        { "short FMSPC", SGX, "\"fmspc\":\"54", "\"fmspc\":\"", FORMAT },
        { "FMSPC no hex", SGX, "\"fmspc\":\"54", "\"fmspc\":\"5g", FORMAT },
        { "no pceId", SGX, "pceId", "pceid", FORMAT },
        { "tcbType 1", SGX, "\"tcbType\":0", "\"tcbType\":1", FORMAT },
        { "no tcbType", SGX, "\"tcbType\":0,", "", FORMAT },
        { "no evaluation number", SGX, "tcbEvaluationDataNumber", "number", FORMAT },
        { "evaluation number above 32 bits", SGX, "Number\":21", "Number\":4294967296", FORMAT },
        { "levels empty", SGX, "\"tcbLevels\":[", "\"tcbLevels\":[],\"older\":[", FORMAT },
        { "levels no list", SGX, "\"tcbLevels\":[", "\"tcbLevels\":{},\"older\":[", FORMAT },
        { "negative component", SGX, "{\"svn\":4}", "{\"svn\":-4}", SIG },
        { "negative zero", SGX, "{\"svn\":0}", "{\"svn\":-0}", SIG },
        { "fraction", SGX, "{\"svn\":4}", "{\"svn\":4.0}", SIG },
        { "exponent", SGX, "{\"svn\":4}", "{\"svn\":4e0}", FORMAT },
        { "leading zero", SGX, "{\"svn\":4}", "{\"svn\":04}", FORMAT },
        { "component 256", SGX, "{\"svn\":4}", "{\"svn\":256}", FORMAT },
        { "component as text", SGX, "{\"svn\":4}", "{\"svn\":\"4\"}", FORMAT },
        { "component null", SGX, "{\"svn\":4}", "null", FORMAT },
        { "L43 fifteen components", SGX, "{\"svn\":4},", "", FORMAT },
        { "seventeen components", SGX, "{\"svn\":4},", "{\"svn\":4},{\"svn\":4},", FORMAT },
        { "component twice", SGX, "{\"svn\":4}", "{\"svn\":4,\"svn\":4}", FORMAT },
        { "no components", SGX, "sgxtcbcomponents", "components", FORMAT },
        { "pcesvn above 16 bits", SGX, "\"pcesvn\":11", "\"pcesvn\":65536", FORMAT },
        { "no pcesvn", SGX, "\"pcesvn\":11", "\"pce\":11", FORMAT },
        { "no tcbStatus", SGX, "tcbStatus", "status", FORMAT },
        { "no tcbDate", SGX, "tcbDate", "date", FORMAT },
        { "bad tcbDate", SGX, "\"tcbDate\":\"2026-08-12", "\"tcbDate\":\"2026-13-12", FORMAT },
        { "advisories no list", SGX, "\"advisoryIDs\":[", "\"advisoryIDs\":\"x\",\"more\":[", FORMAT },
        { "advisory no text", SGX, "\"advisoryIDs\":[", "\"advisoryIDs\":[1,", FORMAT },
        { "advisory with a control character", SGX, "\"INTEL-SA-00615\"", "\"INTEL\\u0007\"", FORMAT },
        { "L43 unknown status of another level", SGX, "\"OutOfDate\"", "\"OutOfDateTomorrow\"", NULL },
        { "L43 unknown status of the selected level", SGX, "\"UpToDate\"", "\"UpToTomorrow\"", "tcb_level" },
        { "module missing", TDX, "\"tdxModule\":", "\"module\":", FORMAT },
        { "module's signer short", TDX, "\"mrsigner\":\"00", "\"mrsigner\":\"", FORMAT },
        { "no TDX components", TDX, "tdxtcbcomponents", "components", FORMAT },
        { "fifteen TDX components", TDX, "\"tdxtcbcomponents\":[{\"svn\":5},", "\"tdxtcbcomponents\":[", FORMAT },
        { "module id", TDX, "\"TDX_03\"", "\"TDX_3\"", FORMAT },
        { "module ids alike", TDX, "\"TDX_03\"", "\"TDX_01\"", FORMAT },
        { "module levels alike", TDX, "\"isvsvn\":6", "\"isvsvn\":11", FORMAT },
        { "L43 module identity missing", TDX, "\"TDX_01\"", "\"TDX_09\"", "tdx_module" },
        { "module identities missing", TDX, "tdxModuleIdentities", "identities", "tdx_module" },
        { "module id in lower case", TDX, "\"TDX_03\"", "\"TDX_0a\"", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        text_case_run(&cases[i]);
}

static void identity_text(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        { "version 1", QE, "\"version\":2", "\"version\":1", "qe_identity_format" },
        { "unknown id", QE, "\"id\":\"QE\"", "\"id\":\"XE\"", "qe_identity_format" },
        { "L44 identity of another enclave", QE, "\"id\":\"QE\"", "\"id\":\"QVE\"", "qe_identity_match" },
        { "identity of the TDX enclave", QE, "\"id\":\"QE\"", "\"id\":\"TD_QE\"", "qe_identity_match" },
        { "no mrsigner", QE, "mrsigner", "signer", "qe_identity_format" },
        { "mrsigner empty", QE, "\"mrsigner\":\"E0E0", "\"mrsigner\":\"\",\"x\":\"E0E0", "qe_identity_format" },
        { "mrsigner of another", QE, "\"mrsigner\":\"E0", "\"mrsigner\":\"E1", "qe_identity_match" },
        { "no miscselect", QE, "\"miscselect\"", "\"misc\"", "qe_identity_format" },
        { "no miscselectMask", QE, "\"miscselectMask\"", "\"miscMask\"", "qe_identity_format" },
        { "no attributes", QE, "\"attributes\"", "\"attrs\"", "qe_identity_format" },
        { "no attributesMask", QE, "\"attributesMask\"", "\"attrsMask\"", "qe_identity_format" },
        { "attributes of another", QE, "\"attributes\":\"11", "\"attributes\":\"15", "qe_identity_match" },
        { "no isvprodid", QE, "isvprodid", "prodid", "qe_identity_format" },
        { "isvprodid of another", QE, "\"isvprodid\":1", "\"isvprodid\":3", "qe_identity_match" },
        { "no levels", QE, "tcbLevels", "levels", "qe_identity_format" },
        { "levels alike", QE, "\"isvsvn\":4", "\"isvsvn\":8", "qe_identity_format" },
        { "isvsvn above 16 bits", QE, "\"isvsvn\":4", "\"isvsvn\":70000", "qe_identity_format" },
        { "unknown status of the selected level", QE, "\"UpToDate\"", "\"SWHardeningNeeded\"", "qe_tcb_level" },
        { "no evaluation number", QE, "tcbEvaluationDataNumber", "number", "qe_identity_format" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        text_case_run(&cases[i]);
}

static void envelope(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        { "byte of the content", FORGE_SGX3, false, true, "\"pcesvn\":11", "\"pcesvn\":10", SIG },
        { "white space added", FORGE_SGX3, false, true, "\"version\":3", "\"version\": 3", SIG },
        { "the same text, escaped", FORGE_SGX3, false, true, "UpToDate", "UpTo\\u0044ate", SIG },
        { "L43 trailing object", FORGE_SGX3, false, true, ",\"signature\":", ",\"x\":1,\"signature\":", SIG },
        { "another member's name", FORGE_SGX3, false, true, "{\"tcbInfo\":", "{\"tcbinfo\":", SIG },
        { "content twice", FORGE_SGX3, false, true, "{\"tcbInfo\":", "{\"tcbInfo\":{},\"tcbInfo\":", SIG },
        { "no signature", FORGE_SGX3, false, true, "\"signature\"", "\"sig\"", SIG },
        { "signature with a blank", FORGE_SGX3, false, true, "\"signature\":\"", "\"signature\":\" ", SIG },
        { "identity's content", FORGE_SGX3, true, true, "\"isvprodid\":1", "\"isvprodid\":2", "qe_identity_signature" },
        { "identity as TCB info", FORGE_SGX3, true, true, "{\"enclaveIdentity\":", "{\"tcbInfo\":", "qe_identity_signature" },
        { "white space around", FORGE_SGX3, false, true, "{\"tcbInfo\":", "  {\n\"tcbInfo\" :", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        text_case_run(&cases[i]);
}

static void tcb_signature(struct forge_knobs *k)
{
    k->tcb_document.broken_signature = true;
}

static void identity_signature(struct forge_knobs *k)
{
    k->identity_document.broken_signature = true;
}

/* A PCK key is under the root too: it must not sign collateral. */
static void signed_by_pck(struct forge_knobs *k)
{
    struct forge_certificate leaf = k->leaf;
    struct buf extension owned(buf_done) = buf_of(FORGE_CERT_MAX);

    assert_ok(forge_pck_extension(&k->pck, &extension));
    leaf.sgx_extension = buf_span(&extension);
    leaf.serial = SPAN("\x05\x06");
    k->tcb_signing_chain.certs[0] = forge_keep_certificate(&leaf);
    k->tcb_signing_chain.certs[1] = buf_span(&world.pki.platform.der);
    k->tcb_signing_chain.certs[2] = buf_span(&world.pki.root.der);
    k->tcb_signing_chain.count = 3;
    k->tcb_document.signer = k->identity_document.signer = world.pki.pck;
}

/* A TCB signer by name, but issued by an intermediate. */
static void signer_under_intermediate(struct forge_knobs *k)
{
    struct forge_certificate form = forge_pki_signer_form(&world.pki);
    form.issuer = world.pki.platform.name;
    form.signer = world.pki.platform.key;
    k->tcb_signing_chain.certs[0] = forge_keep_certificate(&form);
    k->tcb_signing_chain.certs[1] = buf_span(&world.pki.platform.der);
    k->tcb_signing_chain.certs[2] = buf_span(&world.pki.root.der);
    k->tcb_signing_chain.count = 3;
}

/* Issued by the root, but for another purpose: an intermediate CA's key. */
static void signed_by_ca(struct forge_knobs *k)
{
    k->tcb_signing_chain.certs[0] = buf_span(&world.pki.platform.der);
    k->tcb_document.signer = k->identity_document.signer = world.pki.platform.key;
}

static void signer_early(struct forge_knobs *k)
{
    struct forge_certificate form = forge_pki_signer_form(&world.pki);
    form.not_before = CASE_NOW + 1;
    k->tcb_signing_chain.certs[0] = forge_keep_certificate(&form);
}

static void signer_late(struct forge_knobs *k)
{
    struct forge_certificate form = forge_pki_signer_form(&world.pki);
    form.not_after = CASE_NOW - 1;
    k->tcb_signing_chain.certs[0] = forge_keep_certificate(&form);
}

static void tcb_early(struct forge_knobs *k)
{
    k->tcb_info.issued = CASE_NOW + 1;
}

static void tcb_late(struct forge_knobs *k)
{
    k->tcb_info.next_update = CASE_NOW - 1;
}

static void identity_early(struct forge_knobs *k)
{
    k->identity.issued = CASE_NOW + 1;
}

static void identity_late(struct forge_knobs *k)
{
    k->identity.next_update = CASE_NOW - 1;
}

static void other_fmspc(struct forge_knobs *k)
{
    k->tcb_info.fmspc[5] ^= 1;
}

static void other_pce(struct forge_knobs *k)
{
    k->tcb_info.pce_id[0] = 1;
}

/* TCB info of the other kind of TEE, in itself faultless. */
static void tdx_info_for_sgx(struct forge_knobs *k)
{
    forge_tcb_info_default(true, forge_fmspc, k->tcb_info.issued, k->tcb_info.next_update, &k->tcb_info);
}

static void sgx_info_for_tdx(struct forge_knobs *k)
{
    forge_tcb_info_default(false, forge_fmspc, k->tcb_info.issued, k->tcb_info.next_update, &k->tcb_info);
}

static void version_2(struct forge_knobs *k)
{
    k->tcb_info.version = 2;
}

static void version_2_names_tdx(struct forge_knobs *k)
{
    k->tcb_info.version = 2;
    edit(&k->tcb_document, "{\"version\":2", "{\"id\":\"TDX\",\"version\":2");
}

static void lower_case_hex(struct forge_knobs *k)
{
    edit(&k->tcb_document, "53494D", "53494d");
}

static void signers_and_dates(void **state)
{
    (void)state;
    static const struct forge_case cases[] = {
        { "TCB info's signature", FORGE_SGX3, tcb_signature, "tcb_info_signature", "" },
        { "identity's signature", FORGE_SGX3, identity_signature, "qe_identity_signature", "" },
        { "L42 TCB info from the future", FORGE_SGX3, tcb_early, "tcb_info_validity", "" },
        { "L42 TCB info expired", FORGE_SGX3, tcb_late, "tcb_info_validity", "" },
        { "L42 identity from the future", FORGE_TDX4, identity_early, "qe_identity_validity", "" },
        { "L42 identity expired", FORGE_TDX4, identity_late, "qe_identity_validity", "" },
        { "another FMSPC", FORGE_SGX3, other_fmspc, "fmspc_match", "" },
        { "another PCE", FORGE_SGX3, other_pce, "fmspc_match", "" },
        { "TCB info of TDX for SGX", FORGE_SGX3, tdx_info_for_sgx, "fmspc_match", "" },
        { "TCB info of SGX for TDX", FORGE_TDX4, sgx_info_for_tdx, "fmspc_match", "" },
        { "TCB info version 2", FORGE_SGX3, version_2, NULL, "UpToDate" },
        { "TCB info version 2 for TDX", FORGE_TDX4, version_2_names_tdx, "tcb_info_format", "" },
        { "FMSPC in lower case", FORGE_SGX3, lower_case_hex, NULL, "UpToDate" },
    };
    FORGE_CASES_RUN(cases);
}

/* L11: who may sign collateral; a chain to the root is not enough. Both documents fail together. */
static void only_the_signer_signs(void **state)
{
    (void)state;
    static void (*const turns[])(struct forge_knobs *) = { signed_by_pck, signer_under_intermediate, signed_by_ca };

    for (size_t i = 0; i < sizeof(turns) / sizeof(*turns); i++) {
        struct forge_knobs k;
        forge_good(FORGE_SGX3, &k);
        turns[i](&k);
        struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
        assert_false(verify_result_verified(r));
        assert_int_equal(vector_outcome(r, "tcb_info_signature"), CHECK_FAILED);
        assert_int_equal(vector_outcome(r, "qe_identity_signature"), CHECK_FAILED);
        assert_int_equal(vector_outcome(r, "tcb_level"), CHECK_NOT_CHECKED);
    }
}

static void signers_have_dates_too(void **state)
{
    (void)state;
    static void (*const turns[])(struct forge_knobs *) = { signer_early, signer_late };

    for (size_t i = 0; i < sizeof(turns) / sizeof(*turns); i++) {
        struct forge_knobs k;
        forge_good(FORGE_SGX3, &k);
        turns[i](&k);
        struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
        assert_false(verify_result_verified(r));
        assert_int_equal(vector_outcome(r, "tcb_info_validity"), CHECK_FAILED);
        assert_int_equal(vector_outcome(r, "qe_identity_validity"), CHECK_FAILED);
    }
}

/* Each part of the collateral left out, and all of it. */
static void missing_collateral_is_refused(void **state)
{
    (void)state;
    static const char *const checks[] = { "tcb_info_signature", "qe_identity_signature", "tcb_info_signature", "pck_crl",
                                          "pck_crl", "root_crl" };
    struct forge_set set owned(forge_set_done) = { 0 };
    struct forge_knobs k;

    forge_good(FORGE_TDX4, &k);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        struct collateral_set *c owned(collateral_set_free) = NULL;
        struct verify_result *r owned(verify_result_free) = NULL;
        struct collateral_raw raw = forge_set_raw(&set);
        struct span *parts[] = { &raw.tcb_info, &raw.qe_identity, &raw.tcb_signing_chain, &raw.pck_crl,
                                 &raw.pck_crl_issuer_chain, &raw.root_ca_crl };
        *parts[i] = (struct span){ 0 };
        assert_ok(collateral_set_load(world.verifier, &raw, &c));
        assert_int_equal(collateral_set_expires(c), 0);
        assert_ok(verify_evidence(world.verifier, buf_span(&set.quote), c, CASE_NOW, (struct span){ 0 }, &r));
        assert_false(verify_result_verified(r));
        assert_int_equal(vector_outcome(r, checks[i]), CHECK_FAILED);
    }
    struct verify_result *r owned(verify_result_free) = NULL;
    assert_ok(verify_evidence(world.verifier, buf_span(&set.quote), NULL, CASE_NOW, (struct span){ 0 }, &r));
    assert_false(verify_result_verified(r));
    assert_int_equal(vector_outcome(r, "collateral"), CHECK_FAILED);
}

/* A set that is loaded once is looked at anew for each verification's time. */
static void one_set_at_many_times(void **state)
{
    (void)state;
    struct forge_set set owned(forge_set_done) = { 0 };
    struct collateral_set *c owned(collateral_set_free) = NULL;
    struct forge_knobs k;

    forge_good(FORGE_TDX4, &k);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    struct collateral_raw raw = forge_set_raw(&set);
    assert_ok(collateral_set_load(world.verifier, &raw, &c));
    assert_int_equal(collateral_set_issued(c), CASE_NOW - FORGE_ISSUED_AGO);
    assert_int_equal(collateral_set_expires(c), CASE_NOW - FORGE_ISSUED_AGO + FORGE_LIFETIME);
    assert_int_equal(collateral_set_evaluation_number(c), 21);
    const struct {
        int64_t at;
        bool verified;
    } rows[] = { { CASE_NOW, true },
                 { collateral_set_issued(c), true },
                 { collateral_set_issued(c) - 1, false },
                 { collateral_set_expires(c), true },
                 { collateral_set_expires(c) + 1, false },
                 { CASE_NOW, true } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct verify_result *r owned(verify_result_free) = NULL;
        assert_ok(verify_evidence(world.verifier, buf_span(&set.quote), c, rows[i].at, (struct span){ 0 }, &r));
        assert_int_equal(verify_result_verified(r), rows[i].verified);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcb_info_text),
        cmocka_unit_test(identity_text),
        cmocka_unit_test(envelope),
        cmocka_unit_test(signers_and_dates),
        cmocka_unit_test(only_the_signer_signs),
        cmocka_unit_test(signers_have_dates_too),
        cmocka_unit_test(missing_collateral_is_refused),
        cmocka_unit_test(one_set_at_many_times),
    };
    return cmocka_run_group_tests(tests, world_open, world_close);
}
