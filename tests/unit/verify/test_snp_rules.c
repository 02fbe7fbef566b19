// SPDX-License-Identifier: Apache-2.0
/*
 * One rule of SNP evidence at a time: a good set of the simulator's in which nothing is wrong but that one thing.
 */
#include "vector_set.h"

#include "crypto/crypto.h"
#include "policy/claim.h"
#include "teesim/snp_forge.h"

#define NOW 1795000000
#define DAY 86400

static struct {
    struct forge_snp_pki milan, genoa, turin, stranger;
    struct key *p256;
    struct verifier *verifier;
} world;

static struct buf kept; /* what a turned knob points to */

static struct span keep(const struct forge_certificate *form)
{
    buf_done(&kept);
    kept = buf_of(FORGE_CERT_MAX);
    assert_ok(forge_certificate_write(form, &kept));
    return buf_span(&kept);
}

static int world_open(void **state)
{
    (void)state;
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    assert_ok(forge_snp_pki_open(NULL, SNP_MILAN, &world.milan));
    assert_ok(forge_snp_pki_open(NULL, SNP_GENOA, &world.genoa));
    assert_ok(forge_snp_pki_open(NULL, SNP_TURIN, &world.turin));
    assert_ok(forge_snp_pki_open(NULL, SNP_MILAN, &world.stranger));
    assert_ok(key_make_ec(KEY_P256, &world.p256));
    const struct span roots[] = { buf_span(&world.milan.ark.der), buf_span(&world.genoa.ark.der), buf_span(&world.turin.ark.der) };
    assert_ok(verifier_new(roots, 3, &world.verifier));
    return 0;
}

static int world_close(void **state)
{
    (void)state;
    buf_done(&kept);
    verifier_free(TAKE(world.verifier));
    key_free(TAKE(world.p256));
    forge_snp_pki_done(&world.milan);
    forge_snp_pki_done(&world.genoa);
    forge_snp_pki_done(&world.turin);
    forge_snp_pki_done(&world.stranger);
    return 0;
}

static struct verify_result *set_verify(const struct forge_snp_set *s, bool vlek, struct span evidence, struct span report_data,
                                        int64_t at)
{
    struct collateral_raw raw = { .snp_chain = buf_span(&s->chain), .snp_crl = buf_span(&s->crl) };
    struct collateral_set *c owned(collateral_set_free) = NULL;
    struct verify_result *r = NULL;

    *(vlek ? &raw.vlek : &raw.vcek) = buf_span(&s->key);
    assert_ok(collateral_set_load(world.verifier, &raw, &c));
    assert_ok(verify_evidence(world.verifier, evidence, c, at, report_data, &r));
    return r;
}

static struct verify_result *knobs_verify(const struct forge_snp_knobs *k)
{
    struct forge_snp_set s owned(forge_snp_set_done);

    forge_snp_set_init(&s);
    assert_ok(forge_snp_make(k, &s));
    return set_verify(&s, k->vlek, buf_span(&s.report), (struct span){ 0 }, NOW);
}

static void good_sets_are_verified(void **state)
{
    (void)state;
    const struct forge_snp_pki *all[] = { &world.milan, &world.genoa, &world.turin };

    for (size_t i = 0; i < 6; i++) {
        struct forge_snp_knobs k;
        forge_snp_defaults(all[i / 2], i % 2, NOW, &k);
        struct verify_result *r owned(verify_result_free) = knobs_verify(&k);
        const json_t *claims = verify_result_claims(r);
        assert_string_equal(verify_result_reason(r), "");
        assert_int_equal(vector_outcome(r, "snp_revocation"), CHECK_PASSED);
        assert_string_equal(json_string_value(json_object_get(claims, "root")), "configured");
        assert_string_equal(json_string_value(json_object_get(claims, "product")), snp_product_name(all[i / 2]->product));
        assert_string_equal(json_string_value(json_object_get(claims, "signing_key")), i % 2 ? "vlek" : "vcek");
        assert_int_equal(json_integer_value(json_object_get(claims, "reported_tcb_snp")), 24);
        assert_int_equal(json_integer_value(json_object_get(claims, "committed_tcb_microcode")), 219);
        assert_true(json_is_true(json_object_get(claims, "revocation_checked")));
        assert_int_equal(json_object_get(claims, "csp_id") != NULL, i % 2);
        assert_int_equal(json_object_get(claims, "chip_id") == NULL, i % 2);
    }
}

#define TURN(name) static void name(struct forge_snp_knobs *k)

TURN(version_1) { k->report[FORGE_SNP_VERSION] = 1; }
TURN(version_4) { k->report[FORGE_SNP_VERSION] = 4; }
TURN(version_6) { k->report[FORGE_SNP_VERSION] = 6; }
TURN(reserved_set) { k->report[0x28f] = 1; }
TURN(policy_without_one) { k->report[FORGE_SNP_POLICY + 2] &= 0xfd; }
TURN(policy_reserved) { k->report[FORGE_SNP_POLICY + 7] = 0x80; }
TURN(policy_bit_26) { k->report[FORGE_SNP_POLICY + 3] = 0x04; }
TURN(mitigation_before_5) { k->report[0x1f8] = 1; }
TURN(algorithm_2) { k->report[FORGE_SNP_ALGORITHM] = 2; }
TURN(signed_by_none) { k->report[FORGE_SNP_KEY_INFO] = SNP_SIGNED_BY_NONE << 2; }
TURN(signed_by_3) { k->report[FORGE_SNP_KEY_INFO] = 3 << 2; }
TURN(says_vlek) { k->report[FORGE_SNP_KEY_INFO] = SNP_SIGNED_BY_VLEK << 2; }
TURN(masked) { k->report[FORGE_SNP_KEY_INFO] |= 2; memset(k->report + FORGE_SNP_CHIP_ID, 0, 64); }
TURN(masked_with_id) { k->report[FORGE_SNP_KEY_INFO] |= 2; }
TURN(chip_other) { k->report[FORGE_SNP_CHIP_ID + 63] ^= 1; }
TURN(chip_turin_tail) { k->report[FORGE_SNP_CHIP_ID + 8] = 1; }
TURN(chip_turin_head) { k->report[FORGE_SNP_CHIP_ID + 7] ^= 1; }
TURN(cpuid_of_genoa) { k->report[FORGE_SNP_CPUID + 1] = 0x11; }
TURN(cpuid_unknown) { k->report[FORGE_SNP_CPUID + 1] = 0x31; }
TURN(turin_as_version_2)
{
    k->report[FORGE_SNP_VERSION] = 2;
    memset(k->report + FORGE_SNP_CPUID, 0, 3);
}
TURN(hosts_report) { memset(k->report + FORGE_SNP_VMPL, 0xff, 4); }
TURN(vmpl_4) { k->report[FORGE_SNP_VMPL] = 4; }
TURN(committed_above) { k->report[FORGE_SNP_COMMITTED_TCB + 7]++; }
TURN(current_lower) { k->report[FORGE_SNP_CURRENT_TCB + 6]--; k->report[FORGE_SNP_CURRENT_TCB + 7]++; }
TURN(launch_reserved) { k->report[FORGE_SNP_LAUNCH_TCB + 4] = 1; }

/* The reported version against the certificate's, part by part; L-17: not the current one, not as one number. */
TURN(tcb_higher) { k->vcek.spl[8] = 218; }
TURN(tcb_lower) { k->vcek.spl[3] = 25; }
TURN(tcb_boot_loader) { k->vcek.spl[1] = 3; }
TURN(tcb_tee) { k->vcek.spl[2] = 1; }
TURN(tcb_fmc) { k->vcek.spl[9] = 0; }
TURN(tcb_of_current)
{
    k->report[FORGE_SNP_REPORTED_TCB + 7] = 200; /* the certificate stands for the current version */
}
TURN(tcb_turned) { k->vcek.spl[1] = 219; k->vcek.spl[8] = 4; }
TURN(tcb_reserved) { k->report[FORGE_SNP_REPORTED_TCB + 3] = 1; }

TURN(signature_of_stranger) { k->signer = world.stranger.vcek; }
TURN(signature_padding_r) { k->later[0] = (struct forge_snp_later){ FORGE_SNP_SIGNATURE + 48, 1 }; }
TURN(signature_padding_s) { k->later[0] = (struct forge_snp_later){ FORGE_SNP_SIGNATURE + 72 + 71, 1 }; }
TURN(signature_tail) { k->later[0] = (struct forge_snp_later){ SNP_REPORT_SIZE - 1, 1 }; }
TURN(changed_later) { k->later[0] = (struct forge_snp_later){ FORGE_SNP_MEASUREMENT, 1 }; }
TURN(leaf_p256) { k->leaf.key = world.p256; k->signer = world.p256; }

TURN(no_structure) { k->vcek.structure = -1; }
TURN(structure_2) { k->vcek.structure = 2; }
TURN(no_product) { k->vcek.product = NULL; }
TURN(unknown_product) { k->vcek.product = "Venice"; }
TURN(product_genoa) { k->vcek.product = "Genoa-B1"; }
TURN(no_spl) { k->vcek.spl[3] = -1; }
TURN(no_fmc) { k->vcek.spl[9] = -1; }
TURN(fmc_of_milan) { k->vcek.spl[9] = 1; }
TURN(spl_reserved) { k->vcek.spl[5] = 1; }
TURN(spl_long) { k->vcek.spl_long = true; }
TURN(spl_twice) { k->vcek.spl_twice = true; }
TURN(no_hwid) { k->vcek.hwid_len = 0; }
TURN(short_hwid) { k->vcek.hwid_len = 8; }
TURN(long_hwid) { k->vcek.hwid_len = 64; }
TURN(no_csp) { k->vcek.csp_id = NULL; }
TURN(vlek_with_hwid) { k->vcek.hwid_len = 64; }
TURN(leaf_name) { k->leaf.subject = "SEV-VXEK"; }
TURN(leaf_name_vlek) { k->leaf.subject = "SEV-VLEK"; }

TURN(leaf_signature) { k->leaf.broken_signature = true; }
TURN(leaf_issuer) { k->leaf.issuer = "SEV-Genoa"; }
TURN(leaf_ca) { k->leaf.no_constraints = false; k->leaf.ca = true; }
TURN(leaf_critical) { k->leaf.unknown_critical = true; }
TURN(intermediate_signature) { k->intermediate.broken_signature = true; }
TURN(intermediate_no_ca) { k->intermediate.ca = false; }
TURN(intermediate_path) { k->intermediate.path_len = 1; }
TURN(intermediate_usage) { k->intermediate.key_usage = FORGE_USAGE_SIGN; }
TURN(intermediate_of_genoa)
{
    k->intermediate.subject = "SEV-Genoa";
    k->leaf.issuer = "SEV-Genoa";
}
TURN(intermediate_of_vlek)
{
    k->intermediate.subject = "SEV-VLEK-Milan";
    k->leaf.issuer = "SEV-VLEK-Milan";
}
TURN(leaf_by_asvk)
{
    k->leaf.signer = world.milan.asvk.key;
    k->leaf.issuer = world.milan.asvk.name;
}
TURN(leaf_by_root)
{
    k->leaf.signer = world.milan.ark.key;
    k->leaf.issuer = world.milan.ark.name;
}
TURN(root_stranger)
{
    k->root_der = buf_span(&world.stranger.ark.der);
    k->intermediate.signer = world.stranger.ark.key;
}
TURN(root_of_genoa)
{
    k->root_der = buf_span(&world.genoa.ark.der);
    k->intermediate.signer = world.genoa.ark.key;
    k->intermediate.issuer = world.genoa.ark.name;
}
TURN(root_remade)
{
    struct forge_certificate form = forge_snp_root_form(k->pki);
    form.not_after -= DAY;
    k->root_der = keep(&form);
}

TURN(leaf_expired) { k->leaf.not_after = NOW - 1; }
TURN(leaf_early) { k->leaf.not_before = NOW + 1; }
TURN(intermediate_expired) { k->intermediate.not_after = NOW - 1; }
TURN(intermediate_early) { k->intermediate.not_before = NOW + 1; }

TURN(crl_expired) { k->crl.next_update = NOW - 1; }
TURN(crl_early) { k->crl.this_update = NOW + 1; }
TURN(crl_without_end) { k->crl.no_next_update = true; }
TURN(crl_signature) { k->crl.broken_signature = true; }
TURN(crl_critical) { k->crl.unknown_critical = true; }
TURN(crl_by_intermediate)
{
    k->crl.signer = world.milan.ask.key;
    k->crl.issuer = world.milan.ask.name;
}
TURN(crl_names_root_only) { k->crl.signer = world.stranger.ark.key; }
TURN(crl_of_genoa) { k->crl = forge_snp_crl_form(&world.genoa, NOW - DAY, NOW + DAY); }
TURN(intermediate_revoked)
{
    static uint8_t serial[FORGE_KEY_ID_SIZE];
    static struct span list;
    assert_ok(forge_key_id(k->intermediate.key, serial));
    list = SPAN_OF(serial);
    k->crl.serials = &list;
    k->crl.count = 1;
}

enum { MILAN, GENOA, TURIN, MILAN_VLEK, TURIN_VLEK };

static const struct rule {
    const char *name;
    int world;
    void (*turn)(struct forge_snp_knobs *k);
    const char *check;
} rules[] = {
    { "version 1", MILAN, version_1, "snp_report_format" },
    { "version 4", MILAN, version_4, "snp_report_format" },
    { "version 6", TURIN, version_6, "snp_report_format" },
    { "a reserved byte", TURIN, reserved_set, "snp_report_format" },
    { "mitigation vector before version 5", MILAN, mitigation_before_5, "snp_report_format" },
    { "guest policy without its constant bit", MILAN, policy_without_one, "snp_report_format" },
    { "guest policy with a reserved bit", MILAN, policy_reserved, "snp_report_format" },
    { "guest policy with the first reserved bit", MILAN, policy_bit_26, "snp_report_format" },
    { "unknown algorithm", MILAN, algorithm_2, "snp_signing_key" },
    { "signed by no key", MILAN, signed_by_none, "snp_signing_key" },
    { "signed by an unknown kind of key", MILAN, signed_by_3, "snp_signing_key" },
    { "says VLEK, has a VCEK", MILAN, says_vlek, "snp_certificate" },
    { "masked chip key", MILAN, masked, "snp_chip_id" },
    { "masked chip key that names its chip", MILAN, masked_with_id, "snp_chip_id" },
    { "another chip, last byte", MILAN, chip_other, "snp_chip_id" },
    { "Turin: chip id longer than HWID", TURIN, chip_turin_tail, "snp_chip_id" },
    { "Turin: another chip", TURIN, chip_turin_head, "snp_chip_id" },
    { "processor of another product", MILAN, cpuid_of_genoa, "snp_product" },
    { "unknown processor", MILAN, cpuid_unknown, "snp_product" },
    { "version 2 with Turin's layout", TURIN, turin_as_version_2, "snp_product" },
    { "asked for by the host", MILAN, hosts_report, "snp_vmpl" },
    { "VMPL 4", MILAN, vmpl_4, "snp_vmpl" },
    { "committed above current", MILAN, committed_above, "snp_tcb_order" },
    { "current lower in one part, higher in another", MILAN, current_lower, "snp_tcb_order" },
    { "reserved part of the launch version", MILAN, launch_reserved, "snp_tcb_order" },
    { "certificate of a lower microcode", MILAN, tcb_higher, "snp_tcb_match" },
    { "certificate of a higher firmware", MILAN, tcb_lower, "snp_tcb_match" },
    { "certificate of another boot loader", GENOA, tcb_boot_loader, "snp_tcb_match" },
    { "certificate of another TEE", GENOA, tcb_tee, "snp_tcb_match" },
    { "Turin: certificate of another FMC", TURIN, tcb_fmc, "snp_tcb_match" },
    { "VLEK of another version", MILAN_VLEK, tcb_higher, "snp_tcb_match" },
    { "certificate of the current version", MILAN, tcb_of_current, "snp_tcb_match" },
    { "parts turned round", MILAN, tcb_turned, "snp_tcb_match" },
    { "reserved part of the reported version", MILAN, tcb_reserved, "snp_tcb_match" },
    { "signed by another key", MILAN, signature_of_stranger, "snp_report_signature" },
    { "padding of r", MILAN, signature_padding_r, "snp_report_signature" },
    { "padding of s", MILAN, signature_padding_s, "snp_report_signature" },
    { "after the signature", MILAN, signature_tail, "snp_report_signature" },
    { "changed after signing", TURIN_VLEK, changed_later, "snp_report_signature" },
    { "P-256", MILAN, leaf_p256, "snp_extensions" },
    { "no structure version", MILAN, no_structure, "snp_extensions" },
    { "structure version 2", MILAN, structure_2, "snp_extensions" },
    { "no product", MILAN, no_product, "snp_extensions" },
    { "unknown product", MILAN, unknown_product, "snp_extensions" },
    { "no firmware level", MILAN, no_spl, "snp_extensions" },
    { "Turin without FMC", TURIN, no_fmc, "snp_extensions" },
    { "Milan with FMC", MILAN, fmc_of_milan, "snp_extensions" },
    { "reserved level", MILAN, spl_reserved, "snp_extensions" },
    { "a level over 255", MILAN, spl_long, "snp_extensions" },
    { "no HWID", MILAN, no_hwid, "snp_extensions" },
    { "HWID of 8 bytes at Milan", MILAN, short_hwid, "snp_extensions" },
    { "HWID of 64 bytes at Turin", TURIN, long_hwid, "snp_extensions" },
    { "VLEK without provider", MILAN_VLEK, no_csp, "snp_extensions" },
    { "VLEK with HWID", MILAN_VLEK, vlek_with_hwid, "snp_extensions" },
    { "certificate for Genoa", MILAN, product_genoa, "snp_product" },
    { "certificate for Genoa: its issuer", MILAN, product_genoa, "snp_chain" },
    { "leaf of another name", MILAN, leaf_name, "snp_extensions" },
    { "VCEK called VLEK", MILAN, leaf_name_vlek, "snp_extensions" },
    { "leaf with a wrong signature", MILAN, leaf_signature, "snp_chain" },
    { "leaf that names another issuer", MILAN, leaf_issuer, "snp_chain" },
    { "leaf that is a CA", MILAN, leaf_ca, "snp_chain" },
    { "leaf with an unknown critical extension", MILAN, leaf_critical, "snp_chain" },
    { "the same level twice", MILAN, spl_twice, "snp_chain" },
    { "intermediate with a wrong signature", MILAN, intermediate_signature, "snp_chain" },
    { "intermediate that is no CA", MILAN, intermediate_no_ca, "snp_chain" },
    { "intermediate with a path", MILAN, intermediate_path, "snp_chain" },
    { "intermediate that may not sign certificates", MILAN, intermediate_usage, "snp_chain" },
    { "intermediate of another product", MILAN, intermediate_of_genoa, "snp_chain" },
    { "VCEK by the intermediate of VLEKs", MILAN, intermediate_of_vlek, "snp_chain" },
    { "leaf by another intermediate than the chain's", MILAN, leaf_by_asvk, "snp_chain" },
    { "leaf by the root", MILAN, leaf_by_root, "snp_chain" },
    { "root that nobody trusts", MILAN, root_stranger, "snp_chain" },
    { "root of another product", MILAN, root_of_genoa, "snp_chain" },
    { "root with the same key, another certificate", MILAN, root_remade, "snp_chain" },
    { "leaf expired", MILAN, leaf_expired, "snp_validity" },
    { "leaf not yet valid", MILAN_VLEK, leaf_early, "snp_validity" },
    { "intermediate expired", MILAN, intermediate_expired, "snp_validity" },
    { "intermediate not yet valid", MILAN, intermediate_early, "snp_validity" },
    { "18: list expired", MILAN, crl_expired, "snp_crl_validity" },
    { "18: list not yet valid", MILAN, crl_early, "snp_crl_validity" },
    { "18: list without an end", MILAN, crl_without_end, "snp_crl" },
    { "list with a wrong signature", MILAN, crl_signature, "snp_crl" },
    { "list with an unknown critical extension", MILAN, crl_critical, "snp_crl" },
    { "list by the intermediate", MILAN, crl_by_intermediate, "snp_crl" },
    { "list by another key of the root's name", MILAN, crl_names_root_only, "snp_crl" },
    { "list of another product's root", MILAN, crl_of_genoa, "snp_crl" },
    { "intermediate revoked", MILAN, intermediate_revoked, "snp_revocation" },
    { "intermediate of VLEKs revoked", TURIN_VLEK, intermediate_revoked, "snp_revocation" },
};

static void rule_knobs(const struct rule *rule, struct forge_snp_knobs *k)
{
    static const struct {
        const struct forge_snp_pki *pki;
        bool vlek;
    } worlds[] = { { &world.milan, false }, { &world.genoa, false }, { &world.turin, false }, { &world.milan, true },
                   { &world.turin, true } };
    forge_snp_defaults(worlds[rule->world].pki, worlds[rule->world].vlek, NOW, k);
    rule->turn(k);
}

static void each_rule_alone_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        struct forge_snp_knobs k;
        rule_knobs(&rules[i], &k);
        struct verify_result *r owned(verify_result_free) = knobs_verify(&k);
        if (verify_result_verified(r) || vector_outcome(r, rules[i].check) != CHECK_FAILED) {
            const struct check *checks;
            size_t count = verify_result_checks(r, &checks);
            for (size_t c = 0; c < count; c++)
                if (checks[c].outcome == CHECK_FAILED)
                    print_error("  %s: %s\n", checks[c].name, checks[c].detail);
            fail_msg("%s: %s is not what fails", rules[i].name, rules[i].check);
        }
        assert_string_not_equal(verify_result_reason(r), "");
    }
}

/* The same with all certificates along with the evidence, and nothing but the list from the collateral. */
static void certificates_along_are_no_way_round(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        struct forge_snp_knobs k;
        struct forge_snp_set s owned(forge_snp_set_done);
        struct collateral_set *c owned(collateral_set_free) = NULL;
        struct verify_result *r owned(verify_result_free) = NULL;

        rule_knobs(&rules[i], &k);
        forge_snp_set_init(&s);
        assert_ok(forge_snp_make(&k, &s));
        struct collateral_raw raw = { .snp_crl = buf_span(&s.crl) };
        assert_ok(collateral_set_load(world.verifier, &raw, &c));
        assert_ok(verify_evidence(world.verifier, buf_span(&s.evidence), c, NOW, (struct span){ 0 }, &r));
        if (verify_result_verified(r))
            fail_msg("%s is verified with certificates that came along", rules[i].name);
    }
}

/* Good certificates in the collateral, others along with the report: the good ones are taken. */
static void a_bad_candidate_hides_no_good_one(void **state)
{
    (void)state;
    struct forge_snp_knobs good, other;
    struct forge_snp_set s owned(forge_snp_set_done), bad owned(forge_snp_set_done);
    struct buf evidence owned(buf_done) = buf_of(FORGE_SNP_EVIDENCE_MAX);

    forge_snp_defaults(&world.milan, false, NOW, &good);
    other = good;
    other.vcek.spl[8] = 1;
    forge_snp_set_init(&s);
    forge_snp_set_init(&bad);
    assert_ok(forge_snp_make(&good, &s));
    assert_ok(forge_snp_make(&other, &bad));
    buf_add(&evidence, buf_span(&s.report));
    buf_add(&evidence, span_tail(buf_span(&bad.evidence), SNP_REPORT_SIZE));
    struct verify_result *r owned(verify_result_free) = set_verify(&s, false, buf_span(&evidence), (struct span){ 0 }, NOW);
    assert_true(verify_result_verified(r));
    assert_int_equal(verify_result_pck_chain(r).len, 0); /* not to be remembered: they came from the collateral */
}

/* What came along and does not fit is asked for at the vendor's, as if it had not come. */
static void needs_of_certificates_that_do_not_fit(void **state)
{
    (void)state;
    static void (*const turns[])(struct forge_snp_knobs *) = { NULL, tcb_higher, short_hwid, leaf_name };

    for (size_t i = 0; i < sizeof(turns) / sizeof(*turns); i++) {
        struct forge_snp_knobs k;
        struct forge_snp_set s owned(forge_snp_set_done);
        struct collateral_key key;
        forge_snp_defaults(&world.milan, false, NOW, &k);
        if (turns[i])
            turns[i](&k);
        forge_snp_set_init(&s);
        assert_ok(forge_snp_make(&k, &s));
        assert_ok(evidence_needs(buf_span(&s.evidence), &key));
        assert_int_equal(strlen(key.chip), i ? 128 : 0);
        assert_int_equal(strlen(key.tcb), i ? 16 : 0);
        assert_string_equal(key.product, "Milan");
    }
}

/* Known and authentic is not enough: dates and the list are looked at each time. */
static void a_known_platform_is_judged_anew(void **state)
{
    (void)state;
    struct forge_snp_knobs k;
    struct forge_snp_set s owned(forge_snp_set_done);

    forge_snp_defaults(&world.genoa, false, NOW, &k);
    forge_snp_set_init(&s);
    assert_ok(forge_snp_make(&k, &s));
    struct verify_result *first owned(verify_result_free) = set_verify(&s, false, buf_span(&s.evidence), (struct span){ 0 }, NOW);
    assert_true(verify_result_verified(first));
    assert_ok(verifier_remember(world.verifier, verify_result_pck_chain(first), SPAN("")));
    struct verify_result *late owned(verify_result_free) =
        set_verify(&s, false, buf_span(&s.evidence), (struct span){ 0 }, FORGE_NOT_AFTER + DAY);
    assert_int_equal(vector_outcome(late, "snp_validity"), CHECK_FAILED);
    intermediate_revoked(&k);
    assert_ok(forge_snp_make(&k, &s));
    struct verify_result *revoked owned(verify_result_free) = set_verify(&s, false, buf_span(&s.evidence), (struct span){ 0 }, NOW);
    assert_int_equal(vector_outcome(revoked, "snp_revocation"), CHECK_FAILED);
    assert_false(verify_result_verified(revoked));
}

static void without_a_list_it_says_so(void **state)
{
    (void)state;
    struct forge_snp_knobs k;

    forge_snp_defaults(&world.turin, true, NOW, &k);
    k.no_crl = true;
    struct verify_result *r owned(verify_result_free) = knobs_verify(&k);
    assert_true(verify_result_verified(r));
    assert_int_equal(vector_outcome(r, "snp_crl"), CHECK_NOT_CHECKED);
    assert_int_equal(vector_outcome(r, "snp_revocation"), CHECK_NOT_CHECKED);
    assert_true(json_is_false(json_object_get(verify_result_claims(r), "revocation_checked")));
}

static void report_data_is_compared_in_full(void **state)
{
    (void)state;
    uint8_t expected[64];
    struct forge_snp_knobs k;
    struct forge_snp_set s owned(forge_snp_set_done);

    forge_snp_defaults(&world.milan, false, NOW, &k);
    for (size_t i = 0; i < 64; i++)
        expected[i] = k.report[FORGE_SNP_REPORT_DATA + i] = (uint8_t)i;
    forge_snp_set_init(&s);
    assert_ok(forge_snp_make(&k, &s));
    struct verify_result *good owned(verify_result_free) = set_verify(&s, false, buf_span(&s.report), SPAN_OF(expected), NOW);
    assert_int_equal(vector_outcome(good, "report_data"), CHECK_PASSED);
    assert_true(verify_result_verified(good));
    for (size_t i = 0; i < 64; i += 7) {
        expected[i] ^= 1;
        struct verify_result *bad owned(verify_result_free) = set_verify(&s, false, buf_span(&s.report), SPAN_OF(expected), NOW);
        assert_int_equal(vector_outcome(bad, "report_data"), CHECK_FAILED);
        assert_false(verify_result_verified(bad));
        expected[i] ^= 1;
    }
}

/* What is for a policy to judge is a claim, not a failed check. */
static void claims_for_policies(void **state)
{
    (void)state;
    struct forge_snp_knobs k;

    forge_snp_defaults(&world.milan, false, NOW, &k);
    k.report[FORGE_SNP_POLICY + 2] |= 0x0d; /* SMT, migration agent, debug */
    k.report[FORGE_SNP_POLICY + 3] |= 0x02; /* page swap disabled, the last bit that is known */
    k.report[FORGE_SNP_VMPL] = 2;
    k.report[FORGE_SNP_CURRENT_TCB + 7]++;
    struct verify_result *r owned(verify_result_free) = knobs_verify(&k);
    const json_t *c = verify_result_claims(r);
    assert_true(verify_result_verified(r));
    assert_true(json_is_true(json_object_get(c, "debug")));
    assert_true(json_is_true(json_object_get(c, "policy_migrate_ma")));
    assert_true(json_is_true(json_object_get(c, "policy_page_swap_disable")));
    assert_true(json_is_true(json_object_get(c, "firmware_provisional")));
    assert_int_equal(json_integer_value(json_object_get(c, "vmpl")), 2);
    assert_null(json_object_get(c, "author_key_digest"));
    k.report[FORGE_SNP_KEY_INFO] |= 1;
    struct verify_result *authored owned(verify_result_free) = knobs_verify(&k);
    assert_non_null(json_object_get(verify_result_claims(authored), "author_key_digest"));
}

/* The vendor's roots vouch for nothing of the other's, and AMD's chain is no PCK chain. */
static void roots_are_apart(void **state)
{
    (void)state;
    struct forge_snp_knobs k;
    struct forge_snp_set s owned(forge_snp_set_done);
    struct verifier *v owned(verifier_free) = NULL;

    forge_snp_defaults(&world.milan, false, NOW, &k);
    forge_snp_set_init(&s);
    assert_ok(forge_snp_make(&k, &s));
    assert_ok(verifier_new(NULL, 0, &v));
    struct collateral_raw raw = { .vcek = buf_span(&s.key), .snp_chain = buf_span(&s.chain), .snp_crl = buf_span(&s.crl) };
    struct collateral_set *c owned(collateral_set_free) = NULL;
    struct verify_result *r owned(verify_result_free) = NULL;
    assert_ok(collateral_set_load(v, &raw, &c));
    assert_ok(verify_evidence(v, buf_span(&s.report), c, NOW, (struct span){ 0 }, &r));
    assert_int_equal(vector_outcome(r, "snp_chain"), CHECK_FAILED);
    assert_int_equal(vector_outcome(r, "snp_crl"), CHECK_FAILED);
    assert_fails(verifier_remember(v, buf_span(&s.chain), SPAN("")), FAIL_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_sets_are_verified),
        cmocka_unit_test(each_rule_alone_refuses),
        cmocka_unit_test(certificates_along_are_no_way_round),
        cmocka_unit_test(a_bad_candidate_hides_no_good_one),
        cmocka_unit_test(needs_of_certificates_that_do_not_fit),
        cmocka_unit_test(a_known_platform_is_judged_anew),
        cmocka_unit_test(without_a_list_it_says_so),
        cmocka_unit_test(report_data_is_compared_in_full),
        cmocka_unit_test(claims_for_policies),
        cmocka_unit_test(roots_are_apart),
    };
    return cmocka_run_group_tests(tests, world_open, world_close);
}
