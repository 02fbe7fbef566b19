// SPDX-License-Identifier: Apache-2.0
#include "pki/authority.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "crypto/crl.h"
#include "crypto/crypto.h"
#include "unit.h"

#define NOW 1795435200
#define DAY 86400

struct fixture {
    char folder[64];
    struct store *store;
    struct authority *a;
    struct key *key;
};

static const struct issuer_order root_order = {
    .common_name = "Test Root", .now = NOW, .years = 10, .intermediate_years = 5
};

static struct err open_it(struct fixture *f, struct authority **out)
{
    const struct authority_config config = { .folder = f->folder, .crl_seconds = 7 * DAY };
    return authority_open(&config, f->store, out);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->folder, "/tmp/warder-pki-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    strcat(f->folder, "/ca");
    assert_ok(store_open("sqlite::memory:", &f->store));
    assert_ok(issuer_create(f->folder, &root_order));
    assert_ok(open_it(f, &f->a));
    assert_ok(key_make_ec(KEY_P256, &f->key));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    authority_close(f->a);
    store_close(f->store);
    key_free(f->key);
    snprintf(command, sizeof(command), "rm -rf %.*s", (int)(strlen(f->folder) - 3), f->folder);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void issue_to(struct fixture *f, const char *tenant, struct chain *out)
{
    const char *const san[] = { "localhost", "127.0.0.1", NULL };
    struct buf pem owned(buf_done) = buf_of(64U << 10);
    struct buf chain owned(buf_done) = buf_of(64U << 10);
    struct csr csr owned(csr_done) = { 0 };

    assert_ok(csr_make(f->key, "nginx", san, &pem));
    assert_ok(csr_parse(buf_span(&pem), &csr));
    const struct authority_order order = { tenant, "ann", &csr, CERT_TLS, NOW, 365 * DAY };
    assert_ok(authority_issue(f->a, &order, &chain));
    assert_ok(chain_from_pem(buf_span(&chain), out));
}

static void the_root(void **state)
{
    struct fixture *f = *state;
    const struct cert *root = authority_cert(f->a);
    char path[96];
    struct stat st;
    bool good = false;

    assert_true(cert_is_ca(root) && cert_may_sign_certs(root) && cert_may_sign_crls(root));
    assert_int_equal(cert_path_len(root), 0);
    assert_int_equal(key_kind_of(cert_key(root)), KEY_P256);
    assert_ok(cert_signed_by(root, cert_key(root), &good));
    assert_true(good);
    snprintf(path, sizeof(path), "%s/%s", f->folder, ISSUER_KEY_FILE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* L50 */
    assert_fails(issuer_create(f->folder, &root_order), FAIL_CONFLICT);
}

static void another_key_is_not_taken(void **state)
{
    struct fixture *f = *state;
    owned(authority_close) struct authority *a = NULL;
    char path[96];

    snprintf(path, sizeof(path), "%s/%s", f->folder, ISSUER_KEY_FILE);
    assert_int_equal(unlink(path), 0);
    assert_ok(key_save(path, f->key));
    assert_fails(open_it(f, &a), FAIL_INPUT);
    assert_int_equal(chmod(path, 0644), 0);
    struct err e = open_it(f, &a);
    assert_true(failed(e));
}

static void issued_certificates(void **state)
{
    struct fixture *f = *state;
    struct chain chain owned(chain_done) = { 0 };
    struct buf cn owned(buf_done) = buf_of(256);
    bool good = false;

    issue_to(f, "default", &chain);
    assert_int_equal(chain.count, 2);
    const struct cert *leaf = chain.certs[0];
    assert_true(cert_equal(chain.certs[1], authority_cert(f->a)));
    assert_ok(cert_signed_by(leaf, cert_key(authority_cert(f->a)), &good));
    assert_true(good);
    assert_false(cert_is_ca(leaf));
    assert_true(key_same_public(cert_key(leaf), f->key));
    assert_ok(cert_subject_cn(leaf, &cn));
    assert_string_equal(buf_str(&cn), "nginx");
    assert_true(cert_not_before(leaf) <= NOW);
    assert_int_equal(cert_not_after(leaf), NOW + 365 * DAY);
    assert_true(span_equal(cert_issuer(leaf), cert_subject(authority_cert(f->a))));
}

static void nothing_outlives_the_root(void **state)
{
    struct fixture *f = *state;
    struct buf pem owned(buf_done) = buf_of(64U << 10);
    struct buf chain owned(buf_done) = buf_of(64U << 10);
    struct csr csr owned(csr_done) = { 0 };
    struct chain certs owned(chain_done) = { 0 };
    int64_t end = cert_not_after(authority_cert(f->a));

    assert_ok(csr_make(f->key, "nginx", NULL, &pem));
    assert_ok(csr_parse(buf_span(&pem), &csr));
    struct authority_order order = {
        "default", "ann", &csr, CERT_TLS_CLIENT, end - DAY, 365 * DAY
    };
    assert_ok(authority_issue(f->a, &order, &chain));
    assert_ok(chain_from_pem(buf_span(&chain), &certs));
    assert_int_equal(cert_not_after(certs.certs[0]), end);
    order.now = end;
    assert_fails(authority_issue(f->a, &order, &chain), FAIL_SYSTEM);
}

static void crl_at(struct fixture *f, int64_t now, struct crl **out)
{
    struct buf der owned(buf_done) = buf_of(CRL_DER_MAX);
    bool good = false;

    assert_ok(authority_crl(f->a, now, &der));
    assert_ok(crl_parse(buf_span(&der), out));
    assert_ok(crl_signed_by(*out, cert_key(authority_cert(f->a)), &good));
    assert_true(good);
}

static void revocation(void **state)
{
    struct fixture *f = *state;
    struct chain one owned(chain_done) = { 0 };
    struct chain two owned(chain_done) = { 0 };
    owned(crl_free) struct crl *before = NULL;
    owned(crl_free) struct crl *same = NULL;
    owned(crl_free) struct crl *after = NULL;
    owned(crl_free) struct crl *much_later = NULL;
    char serial[64];

    issue_to(f, "default", &one);
    issue_to(f, "default", &two);
    crl_at(f, NOW, &before);
    crl_at(f, NOW + 1, &same);
    assert_true(span_equal(crl_der(before), crl_der(same)));
    assert_false(crl_lists(before, cert_serial(one.certs[0])));
    hex_str(cert_serial(one.certs[0]), serial);
    assert_fails(authority_revoke(f->a, "other", span_str(serial), REVOKED_KEY_COMPROMISE, NOW + 2),
                 FAIL_ABSENT); /* another tenant */
    assert_fails(authority_revoke(f->a, "default", SPAN("00"), REVOKED_KEY_COMPROMISE, NOW + 2),
                 FAIL_ABSENT);
    assert_fails(authority_revoke(f->a, "default", SPAN("xyz"), REVOKED_KEY_COMPROMISE, NOW + 2),
                 FAIL_ABSENT);
    assert_fails(authority_revoke(f->a, "default", SPAN(""), REVOKED_KEY_COMPROMISE, NOW + 2),
                 FAIL_ABSENT);
    assert_ok(authority_revoke(f->a, "default", span_str(serial), REVOKED_KEY_COMPROMISE, NOW + 2));
    crl_at(f, NOW + 2, &after);
    assert_true(crl_lists(after, cert_serial(one.certs[0])));
    assert_false(crl_lists(after, cert_serial(two.certs[0])));
    assert_true(crl_next_update(after) > NOW + 2);
    assert_int_equal(crl_number(before).at[0] + 1, crl_number(after).at[0]);
    assert_ok(authority_revoke(f->a, "default", span_str(serial), REVOKED_KEY_COMPROMISE,
                               NOW + 9)); /* again is fine */
    crl_at(f, NOW + 400 * DAY, &much_later);
    assert_false(
        crl_lists(much_later, cert_serial(one.certs[0]))); /* expired: need not be listed */
}

static void the_register(void **state)
{
    struct fixture *f = *state;
    struct chain one owned(chain_done) = { 0 };
    struct chain two owned(chain_done) = { 0 };
    owned(json_free) json_t *list = NULL;
    owned(json_free) json_t *others = NULL;
    char serial[64];

    issue_to(f, "default", &one);
    issue_to(f, "other", &two);
    assert_ok(authority_list(f->a, "default", &list));
    assert_int_equal(json_array_size(list), 1);
    const json_t *c = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(c, "serial")),
                        hex_str(cert_serial(one.certs[0]), serial));
    assert_string_equal(json_string_value(json_object_get(c, "requester")), "ann");
    assert_int_equal(json_array_size(json_object_get(c, "san")), 2);
    assert_null(json_object_get(c, "revoked_at"));
    assert_ok(authority_list(f->a, "nobody", &others));
    assert_int_equal(json_array_size(others), 0);
}

int main(void)
{
#define ROW(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(the_root),
        ROW(another_key_is_not_taken),
        ROW(issued_certificates),
        ROW(nothing_outlives_the_root),
        ROW(revocation),
        ROW(the_register),
    };
    json_start();
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
