// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/options.h"
#include "collateral/collateral_dir.h"
#include "collateral/root_set.h"
#include "crypto/crypto.h"
#include "crypto/digest.h"

#define SET "tdx4-plat-b0c06f000000-0c699d-ev20-eb07"

static void path_of(const char *name, char out[1024])
{
    snprintf(out, 1024, "%s/intel/" SET "/%s", options_env("WARDER_VECTORS"), name);
}

static void the_pinned_root_is_intels(void **state)
{
    (void)state;
    struct root_set roots = { 0 };
    uint8_t hash[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1], path[1024];
    struct buf pem owned(buf_done) = buf_of(4096);
    struct chain chain owned(chain_done) = { 0 };
    bool good = false;

    assert_ok(sha256(intel_root_der, hash));
    assert_string_equal(hex_str(SPAN_OF(hash), text), "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3");
    assert_ok(root_set_init(&roots, NULL, 0));
    assert_int_equal(roots.count, 1);
    assert_ok(cert_signed_by(roots.certs[ROOT_VENDOR], cert_key(roots.certs[ROOT_VENDOR]), &good));
    assert_true(good);
    path_of("root_ca.pem", path);
    assert_ok(file_read(path, &pem));
    assert_ok(chain_from_pem(buf_span(&pem), &chain));
    assert_int_equal(root_set_find(&roots, chain.certs[0]), ROOT_VENDOR);
    root_set_done(&roots);
}

/* Only a self-signed CA may be named as a root; the pinned one counts once. */
static void what_a_configuration_may_name(void **state)
{
    (void)state;
    struct root_set roots = { 0 };
    struct buf chain owned(buf_done) = buf_of(16384), root owned(buf_done) = buf_of(4096);
    char path[1024];

    path_of("pck_crl_issuer_chain.pem", path);
    assert_ok(file_read(path, &chain));
    path_of("root_ca.pem", path);
    assert_ok(file_read(path, &root));
    struct span two = buf_span(&chain), same = buf_span(&root);
    struct span intermediate = span_head(two, span_find(two, SPAN("-----END CERTIFICATE-----")) + 26);
    struct span text = SPAN("root"), cut = span_head(intel_root_der, 100);
    assert_fails(root_set_init(&roots, &two, 1), FAIL_INPUT);
    assert_fails(root_set_init(&roots, &intermediate, 1), FAIL_INPUT);
    assert_fails(root_set_init(&roots, &text, 1), FAIL_INPUT);
    assert_fails(root_set_init(&roots, &cut, 1), FAIL_INPUT);
    assert_ok(root_set_init(&roots, &same, 1));
    assert_int_equal(roots.count, 1);
    root_set_done(&roots);
    assert_ok(root_set_init(&roots, &intel_root_der, 1));
    assert_int_equal(roots.count, 1);
    root_set_done(&roots);
}

static void folders(void **state)
{
    (void)state;
    struct collateral_dir d owned(collateral_dir_done) = { 0 };
    struct collateral_dir empty owned(collateral_dir_done) = { 0 };
    char path[1024];

    assert_fails(collateral_dir_load("/nonexistent/folder", &d), FAIL_ABSENT);
    path_of(".", path);
    assert_ok(collateral_dir_load(path, &d));
    struct collateral_raw raw = collateral_dir_raw(&d);
    assert_true(raw.tcb_info.len && raw.qe_identity.len && raw.tcb_signing_chain.len && raw.pck_crl.len &&
                raw.pck_crl_issuer_chain.len && raw.root_ca_crl.len);
    assert_int_equal(raw.qe_identity_chain.len, 0);
    assert_ok(collateral_dir_load("/", &empty));
    assert_int_equal(collateral_dir_raw(&empty).tcb_info.len, 0);
}

/* Each is what it says, signed by itself, and AMD's and Intel's are apart. */
static void amd_roots_are_pinned(void **state)
{
    (void)state;
    static const char *const names[AMD_ROOTS] = { "ARK-Milan", "ARK-Genoa", "ARK-Turin" };
    struct root_set amd, intel, all;

    assert_ok(root_set_init_amd(&amd, NULL, 0));
    assert_ok(root_set_init(&intel, NULL, 0));
    assert_ok(root_set_init_all(&all, NULL, 0));
    assert_int_equal(amd.count, AMD_ROOTS);
    assert_int_equal(all.count, 1 + AMD_ROOTS);
    for (size_t i = 0; i < AMD_ROOTS; i++) {
        struct buf cn owned(buf_done) = buf_of(64);
        bool good = false;
        assert_ok(cert_subject_cn(amd.certs[i], &cn));
        assert_true(span_equal_str(buf_span(&cn), names[i]));
        assert_ok(cert_signed_by(amd.certs[i], cert_key(amd.certs[i]), &good));
        assert_true(good);
        assert_int_equal(key_bits(cert_key(amd.certs[i])), 4096);
        assert_int_equal(root_set_find(&intel, amd.certs[i]), ROOT_NONE);
        assert_int_equal(root_set_find(&all, amd.certs[i]), 1 + i);
        assert_string_equal(root_set_origin(&amd, i), "vendor");
    }
    assert_int_equal(root_set_find(&amd, intel.certs[0]), ROOT_NONE);
    root_set_done(&amd);
    root_set_done(&intel);
    root_set_done(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amd_roots_are_pinned),
        cmocka_unit_test(the_pinned_root_is_intels),
        cmocka_unit_test(what_a_configuration_may_name),
        cmocka_unit_test(folders),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
