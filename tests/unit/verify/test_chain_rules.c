// SPDX-License-Identifier: Apache-2.0
/* Certificates and revocation lists: each rule broken once, everything else signed anew and good. */
#include "forge_case.h"

static void wrong_root(struct forge_knobs *k)
{
    k->pck_chain.certs[2] = buf_span(&world.stranger.root.der);
}

static void four_certificates(struct forge_knobs *k)
{
    k->pck_chain.certs[3] = k->pck_chain.certs[2];
    k->pck_chain.count = 4;
}

/* Issue list of historic mistakes: long chains, and a decoy whose fields must feed nothing. */
static void five_certificates(struct forge_knobs *k)
{
    four_certificates(k);
    k->pck_chain.certs[4] = k->pck_chain.certs[2];
    k->pck_chain.count = 5;
}

static void decoy_first(struct forge_knobs *k)
{
    struct forge_certificate decoy = k->leaf;
    decoy.serial = SPAN("\x01\x02\x03");
    k->pck_chain.certs[3] = k->pck_chain.certs[2];
    k->pck_chain.certs[2] = k->pck_chain.certs[1];
    k->pck_chain.certs[1] = k->pck_chain.certs[0];
    k->pck_chain.certs[0] = forge_keep_certificate(&decoy);
    k->pck_chain.certs[1] = forge_keep_certificate(&decoy);
    k->pck_chain.count = 4;
}

static void text_before(struct forge_knobs *k)
{
    k->pck_chain.before = "Bag Attributes\n";
}

static void text_after(struct forge_knobs *k)
{
    k->pck_chain.after = "subject=CN = somebody\n";
}

static void nul_before(struct forge_knobs *k)
{
    k->quote.cert_data = SPAN("\0-----BEGIN CERTIFICATE-----\n");
}

static void leaf_signature(struct forge_knobs *k)
{
    k->leaf.broken_signature = true;
}

static void leaf_issuer(struct forge_knobs *k)
{
    k->leaf.issuer = "Intel SGX PCK Processor CA";
}

static void leaf_is_ca(struct forge_knobs *k)
{
    k->leaf.ca = true;
    k->leaf.path_len = -1;
}

static void leaf_unknown_critical(struct forge_knobs *k)
{
    k->leaf.unknown_critical = true;
}

static void leaf_named_otherwise(struct forge_knobs *k)
{
    k->leaf.subject = "Intel SGX TCB Signing";
}

static void leaf_by_stranger(struct forge_knobs *k)
{
    k->leaf.signer = world.stranger.platform.key;
}

static void intermediate_turn(struct forge_knobs *k, void (*turn)(struct forge_certificate *))
{
    struct forge_certificate form = forge_pki_ca_form(&world.pki, FORGE_CA_PLATFORM);
    turn(&form);
    k->pck_chain.certs[1] = forge_keep_certificate(&form);
}

static void not_ca(struct forge_certificate *form)
{
    form->ca = false;
    form->path_len = -1;
}

static void intermediate_not_ca(struct forge_knobs *k)
{
    intermediate_turn(k, not_ca);
}

static void long_path(struct forge_certificate *form)
{
    form->path_len = 1;
}

static void intermediate_long_path(struct forge_knobs *k)
{
    intermediate_turn(k, long_path);
}

static void no_crl_usage(struct forge_certificate *form)
{
    form->key_usage = 0x04; /* keyCertSign alone */
}

static void intermediate_no_crl_usage(struct forge_knobs *k)
{
    intermediate_turn(k, no_crl_usage);
}

static void broken(struct forge_certificate *form)
{
    form->broken_signature = true;
}

static void intermediate_signature(struct forge_knobs *k)
{
    intermediate_turn(k, broken);
}

static void leaf_early(struct forge_knobs *k)
{
    k->leaf.not_before = CASE_NOW + 1;
}

static void leaf_late(struct forge_knobs *k)
{
    k->leaf.not_after = CASE_NOW - 1;
}

static void leaf_last_second(struct forge_knobs *k)
{
    k->leaf.not_before = CASE_NOW;
    k->leaf.not_after = CASE_NOW;
}

static void no_extension(struct forge_knobs *k)
{
    k->leaf.sgx_extension = SPAN("\x30\x00");
}

static void twice_fmspc(struct forge_knobs *k)
{
    k->pck.twice_entry = 4;
}

static void no_pce_id(struct forge_knobs *k)
{
    k->pck.without_entry = 3;
}

static void fifteen_components(struct forge_knobs *k)
{
    k->pck.component_count = 15;
}

static void wide_component(struct forge_knobs *k)
{
    k->pck.wide_component = true;
}

static void processor_ca(struct forge_knobs *k)
{
    forge_use_ca(k, &world.pki, FORGE_CA_PROCESSOR);
    assert_ok(forge_leaf_serial(&k->pck, k->leaf_serial));
}

static void certificates(void **state)
{
    (void)state;
    static const struct forge_case cases[] = {
        { "good SGX", FORGE_SGX3, NULL, NULL, "UpToDate" },
        { "good TDX", FORGE_TDX4, NULL, NULL, "UpToDate" },
        { "processor CA", FORGE_SGX3, processor_ca, NULL, "UpToDate" },
        { "root is a stranger's", FORGE_SGX3, wrong_root, "pck_chain", "" },
        { "four certificates", FORGE_SGX3, four_certificates, "pck_chain", "" },
        { "five certificates", FORGE_TDX4, five_certificates, "pck_chain", "" },
        { "L11 decoy leaf", FORGE_SGX3, decoy_first, "pck_chain", "" },
        { "text before the chain", FORGE_SGX3, text_before, "pck_chain", "" },
        { "text after the chain", FORGE_SGX3, text_after, "pck_chain", "" },
        { "leaf's signature", FORGE_SGX3, leaf_signature, "pck_chain", "" },
        { "leaf's issuer name", FORGE_SGX3, leaf_issuer, "pck_chain", "" },
        { "leaf is a CA", FORGE_SGX3, leaf_is_ca, "pck_chain", "" },
        { "leaf with unknown critical extension", FORGE_SGX3, leaf_unknown_critical, "pck_chain", "" },
        { "leaf is no PCK certificate", FORGE_SGX3, leaf_named_otherwise, "pck_chain", "" },
        { "L11 leaf by another world's CA", FORGE_SGX3, leaf_by_stranger, "pck_chain", "" },
        { "intermediate is no CA", FORGE_SGX3, intermediate_not_ca, "pck_chain", "" },
        { "intermediate's path length", FORGE_SGX3, intermediate_long_path, "pck_chain", "" },
        { "intermediate may not sign CRLs", FORGE_SGX3, intermediate_no_crl_usage, "pck_chain", "" },
        { "intermediate's signature", FORGE_SGX3, intermediate_signature, "pck_chain", "" },
        { "NULs before the chain", FORGE_SGX3, nul_before, "pck_chain", "" },
        { "leaf not yet valid", FORGE_TDX4, leaf_early, "pck_validity", "" },
        { "leaf expired", FORGE_TDX4, leaf_late, "pck_validity", "" },
        { "valid this very second", FORGE_TDX4, leaf_last_second, NULL, "UpToDate" },
        { "empty SGX extension", FORGE_SGX3, no_extension, "pck_extension", "" },
        { "two FMSPCs", FORGE_SGX3, twice_fmspc, "pck_extension", "" },
        { "no PCE-ID", FORGE_SGX3, no_pce_id, "pck_extension", "" },
        { "fifteen components", FORGE_SGX3, fifteen_components, "pck_extension", "" },
        { "component above 255", FORGE_SGX3, wide_component, "pck_extension", "" },
    };
    FORGE_CASES_RUN(cases);
}

static void root_crl_signature(struct forge_knobs *k)
{
    k->root_crl.broken_signature = true;
}

static void root_crl_issuer(struct forge_knobs *k)
{
    k->root_crl.issuer = "Intel SGX PCK Platform CA";
}

static void root_crl_key(struct forge_knobs *k)
{
    k->root_crl.signer = world.stranger.root.key;
}

static void root_crl_no_number(struct forge_knobs *k)
{
    k->root_crl.no_number = true;
}

static void root_crl_no_authority(struct forge_knobs *k)
{
    k->root_crl.no_authority_id = true;
}

static void root_crl_critical(struct forge_knobs *k)
{
    k->root_crl.unknown_critical = true;
}

static void root_crl_early(struct forge_knobs *k)
{
    k->root_crl.this_update = CASE_NOW + 1;
}

static void root_crl_late(struct forge_knobs *k)
{
    k->root_crl.next_update = CASE_NOW - 1;
}

static void pck_crl_signature(struct forge_knobs *k)
{
    k->pck_crl.broken_signature = true;
}

static void pck_crl_no_number(struct forge_knobs *k)
{
    k->pck_crl.no_number = true;
}

static void pck_crl_no_authority(struct forge_knobs *k)
{
    k->pck_crl.no_authority_id = true;
}

static void pck_crl_critical(struct forge_knobs *k)
{
    k->pck_crl.unknown_critical = true;
}

static void pck_crl_early(struct forge_knobs *k)
{
    k->pck_crl.this_update = CASE_NOW + 1;
}

static void pck_crl_late(struct forge_knobs *k)
{
    k->pck_crl.next_update = CASE_NOW - 1;
}

static void pck_crl_by_root(struct forge_knobs *k)
{
    k->pck_crl.issuer = "Intel SGX Root CA";
    k->pck_crl.signer = world.pki.root.key;
}

static void pck_crl_chain_stranger(struct forge_knobs *k)
{
    k->pck_crl_issuer_chain.certs[0] = buf_span(&world.stranger.platform.der);
    k->pck_crl_issuer_chain.certs[1] = buf_span(&world.stranger.root.der);
    k->pck_crl.signer = world.stranger.platform.key;
}

/* The other CA's list is authentic, but says nothing of this platform. */
static void pck_crl_other_ca(struct forge_knobs *k)
{
    k->pck_crl_issuer_chain.certs[0] = buf_span(&world.pki.processor.der);
    k->pck_crl = forge_pki_pck_crl(&world.pki, FORGE_CA_PROCESSOR, k->root_crl.this_update, k->root_crl.next_update);
}

static void leaf_revoked(struct forge_knobs *k)
{
    static struct span serial;
    serial = SPAN_OF(k->leaf_serial);
    k->pck_crl.serials = &serial;
    k->pck_crl.count = 1;
}

static struct span serial_of(const struct buf *der)
{
    static struct cert *c;
    cert_free(TAKE(c));
    assert_ok(cert_from_der(buf_span(der), &c));
    return cert_serial(c);
}

static void revoke_in_root(struct forge_knobs *k, const struct buf *der)
{
    static struct span serial;
    serial = serial_of(der);
    k->root_crl.serials = &serial;
    k->root_crl.count = 1;
}

static void intermediate_revoked(struct forge_knobs *k)
{
    revoke_in_root(k, &world.pki.platform.der);
}

static void signer_revoked(struct forge_knobs *k)
{
    revoke_in_root(k, &world.pki.signer.der);
}

static void others_revoked(struct forge_knobs *k)
{
    static const struct span serials[] = { { (const uint8_t *)"\x01", 1 }, { (const uint8_t *)"\x7f\xff\x01", 3 } };
    k->pck_crl.serials = k->root_crl.serials = serials;
    k->pck_crl.count = k->root_crl.count = 2;
}

static void revocation(void **state)
{
    (void)state;
    static const struct forge_case cases[] = {
        { "root CRL's signature", FORGE_SGX3, root_crl_signature, "root_crl", "" },
        { "root CRL's issuer", FORGE_SGX3, root_crl_issuer, "root_crl", "" },
        { "root CRL by another key", FORGE_SGX3, root_crl_key, "root_crl", "" },
        { "root CRL without number", FORGE_SGX3, root_crl_no_number, "root_crl", "" },
        { "root CRL without authority key id", FORGE_SGX3, root_crl_no_authority, "root_crl", "" },
        { "root CRL with unknown critical extension", FORGE_SGX3, root_crl_critical, "root_crl", "" },
        { "L42 root CRL from the future", FORGE_SGX3, root_crl_early, "root_crl_validity", "" },
        { "L42 root CRL expired", FORGE_SGX3, root_crl_late, "root_crl_validity", "" },
        { "PCK CRL's signature", FORGE_TDX4, pck_crl_signature, "pck_crl", "" },
        { "PCK CRL without number", FORGE_TDX4, pck_crl_no_number, "pck_crl", "" },
        { "PCK CRL without authority key id", FORGE_TDX4, pck_crl_no_authority, "pck_crl", "" },
        { "PCK CRL with unknown critical extension", FORGE_TDX4, pck_crl_critical, "pck_crl", "" },
        { "PCK CRL by the root", FORGE_TDX4, pck_crl_by_root, "pck_crl", "" },
        { "PCK CRL under a stranger's root", FORGE_TDX4, pck_crl_chain_stranger, "pck_crl", "" },
        { "L42 PCK CRL from the future", FORGE_TDX4, pck_crl_early, "pck_crl_validity", "" },
        { "L42 PCK CRL expired", FORGE_TDX4, pck_crl_late, "pck_crl_validity", "" },
        { "PCK CRL of the other CA", FORGE_TDX4, pck_crl_other_ca, "pck_revocation", "" },
        { "leaf revoked", FORGE_SGX3, leaf_revoked, "pck_revocation", "" },
        { "intermediate revoked", FORGE_SGX3, intermediate_revoked, "pck_revocation", "" },
        { "TCB signer revoked", FORGE_SGX3, signer_revoked, "tcb_signer_revocation", "" },
        { "others revoked", FORGE_SGX3, others_revoked, NULL, "UpToDate" },
    };
    FORGE_CASES_RUN(cases);
    serial_of(&world.pki.root.der); /* lets go of the last one's certificate */
}

/* Without nextUpdate both the list and its date are wrong. */
static void crl_without_next_update(void **state)
{
    (void)state;
    struct forge_knobs k;
    forge_good(FORGE_SGX3, &k);
    k.root_crl.no_next_update = k.pck_crl.no_next_update = true;
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_false(verify_result_verified(r));
    assert_int_equal(vector_outcome(r, "root_crl"), CHECK_FAILED);
    assert_int_equal(vector_outcome(r, "pck_crl"), CHECK_FAILED);
}

/* The root that comes with evidence is compared with the trusted ones, never trusted. */
static void a_stranger_is_refused_whatever_it_signs(void **state)
{
    (void)state;
    struct forge_knobs k;
    assert_ok(forge_defaults(&world.stranger, FORGE_TDX4, CASE_NOW, &k));
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_false(verify_result_verified(r));
    assert_string_equal(verify_result_status(r), "");
    assert_int_equal(vector_outcome(r, "pck_chain"), CHECK_FAILED);
    assert_int_equal(vector_outcome(r, "tcb_info_signature"), CHECK_FAILED);
    assert_int_equal(vector_outcome(r, "qe_identity_signature"), CHECK_FAILED);
    assert_int_equal(vector_outcome(r, "pck_crl"), CHECK_FAILED);
    assert_int_equal(vector_outcome(r, "root_crl"), CHECK_FAILED);
    assert_null(json_object_get(verify_result_claims(r), "mrtd"));
    assert_null(json_object_get(verify_result_claims(r), "root"));
}

static void claims_say_that_the_root_is_configured(void **state)
{
    (void)state;
    struct forge_knobs k;
    forge_good(FORGE_TDX4, &k);
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_true(verify_result_verified(r));
    assert_string_equal(json_string_value(json_object_get(verify_result_claims(r), "root")), "configured");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates),
        cmocka_unit_test(revocation),
        cmocka_unit_test(crl_without_next_update),
        cmocka_unit_test(a_stranger_is_refused_whatever_it_signs),
        cmocka_unit_test(claims_say_that_the_root_is_configured),
    };
    return cmocka_run_group_tests(tests, world_open, world_close);
}
