// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "crypto/crl.h"
#include "crypto/x509.h"
#include "teesim/pki.h"

static char dir[] = "/tmp/warder-test-pki-XXXXXX";

static void parse(const struct buf *der, struct cert **out)
{
    struct err e = cert_from_der(buf_span(der), out);
    assert_string_equal(e.what ? e.what : "", "");
}

static void assert_issued(const struct forge_authority *subject, const struct forge_authority *issuer)
{
    struct cert *c owned(cert_free) = NULL, *by owned(cert_free) = NULL;
    bool good = false;

    parse(&subject->der, &c);
    parse(&issuer->der, &by);
    assert_true(span_equal(cert_issuer(c), cert_subject(by)));
    assert_false(failed(cert_signed_by(c, cert_key(by), &good)));
    assert_true(good);
    assert_true(span_equal(cert_authority_key_id(c), cert_subject_key_id(by)));
    assert_false(cert_has_unknown_critical(c));
}

static void certificates_are_what_the_vendors_are(void **state)
{
    (void)state;
    struct forge_pki pki owned(forge_pki_done) = { 0 };
    struct cert *root owned(cert_free) = NULL, *ca owned(cert_free) = NULL, *signer owned(cert_free) = NULL;
    struct buf name owned(buf_done) = buf_of(128);

    assert_false(failed(forge_pki_open(NULL, &pki)));
    assert_issued(&pki.root, &pki.root);
    assert_issued(&pki.platform, &pki.root);
    assert_issued(&pki.processor, &pki.root);
    assert_issued(&pki.signer, &pki.root);
    parse(&pki.root.der, &root);
    parse(&pki.platform.der, &ca);
    parse(&pki.signer.der, &signer);
    assert_true(cert_is_ca(root) && cert_may_sign_certs(root) && cert_may_sign_crls(root));
    assert_true(cert_is_ca(ca) && cert_may_sign_certs(ca) && cert_may_sign_crls(ca));
    assert_int_equal(cert_path_len(ca), 0);
    assert_false(cert_is_ca(signer));
    assert_int_equal(cert_not_before(root), FORGE_NOT_BEFORE);
    assert_int_equal(cert_not_after(root), FORGE_NOT_AFTER);
    assert_false(failed(cert_subject_cn(signer, &name)));
    assert_string_equal(buf_str(&name), "Intel SGX TCB Signing");
}

static void a_restart_has_the_same_root(void **state)
{
    (void)state;
    struct forge_pki first owned(forge_pki_done) = { 0 }, second owned(forge_pki_done) = { 0 };
    struct stat st;
    char path[64];

    assert_false(failed(forge_pki_open(dir, &first)));
    assert_false(failed(forge_pki_open(dir, &second)));
    assert_true(span_equal(buf_span(&first.root.der), buf_span(&second.root.der)));
    assert_true(span_equal(buf_span(&first.platform.der), buf_span(&second.platform.der)));
    assert_true(key_same_public(first.pck, second.pck));
    snprintf(path, sizeof path, "%s/root_ca.pem", dir);
    assert_int_equal(stat(path, &st), 0);
    snprintf(path, sizeof path, "%s/root.key", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
}

static void two_at_once_make_one_root(void **state)
{
    (void)state;
    char fresh[64];
    pid_t child[4];

    snprintf(fresh, sizeof fresh, "%s/race", dir);
    for (size_t i = 0; i < 4; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            struct forge_pki pki = { 0 };
            bool same = !failed(forge_pki_open(fresh, &pki));
            struct forge_pki again = { 0 };
            same = same && !failed(forge_pki_open(fresh, &again)) &&
                   span_equal(buf_span(&pki.root.der), buf_span(&again.root.der));
            _exit(same ? 0 : 1);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        int status = -1;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
}

static void crl_faults_show(void **state)
{
    (void)state;
    static const uint8_t serial[] = { 0x81, 1, 2 };
    struct span revoked[] = { SPAN_OF(serial) };
    struct forge_pki pki owned(forge_pki_done) = { 0 };
    struct buf der owned(buf_done) = buf_of(1 << 16), bare owned(buf_done) = buf_of(1 << 16);
    struct crl *crl owned(crl_free) = NULL, *other owned(crl_free) = NULL;
    bool good = false;

    assert_false(failed(forge_pki_open(NULL, &pki)));
    struct forge_crl form = forge_pki_pck_crl(&pki, FORGE_CA_PLATFORM, 1700000000, 1800000000);
    form.serials = revoked;
    form.count = 1;
    assert_false(failed(forge_crl_write(&form, &der)));
    assert_false(failed(crl_parse(buf_span(&der), &crl)));
    assert_true(crl_lists(crl, SPAN_OF(serial)));
    assert_int_equal(crl_this_update(crl), 1700000000);
    assert_int_equal(crl_next_update(crl), 1800000000);
    assert_int_equal(crl_number(crl).len, 1);
    assert_int_equal(crl_authority_key_id(crl).len, FORGE_KEY_ID_SIZE);
    assert_false(failed(crl_signed_by(crl, pki.platform.key, &good)));
    assert_true(good);

    form.no_next_update = form.no_number = form.no_authority_id = form.broken_signature = true;
    form.count = 0;
    assert_false(failed(forge_crl_write(&form, &bare)));
    assert_false(failed(crl_parse(buf_span(&bare), &other)));
    assert_false(crl_has_next_update(other));
    assert_int_equal(crl_number(other).len, 0);
    assert_false(crl_lists(other, SPAN_OF(serial)));
    assert_false(failed(crl_signed_by(other, pki.platform.key, &good)));
    assert_false(good);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_what_the_vendors_are),
        cmocka_unit_test(a_restart_has_the_same_root),
        cmocka_unit_test(two_at_once_make_one_root),
        cmocka_unit_test(crl_faults_show),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
