// SPDX-License-Identifier: Apache-2.0
#include "pki/issuer.h"

#include <stdio.h>

#include "crypto/crypto.h"
#include "crypto/signature.h"
#include "unit.h"

#define NOW 1795435200
#define DAY 86400

struct made {
    struct key *key;
    struct cert *cert;
};

static struct made make(const struct made *issuer, bool ca, int path_len, int64_t from, int64_t to)
{
    struct made m = { 0 };

    assert_ok(key_make_ec(KEY_P256, &m.key));
    const struct cert_request req = { .common_name = issuer ? "Below" : "Root",
                                      .key = m.key,
                                      .not_before = from,
                                      .not_after = to,
                                      .ca = ca,
                                      .path_len = path_len };
    assert_ok(
        cert_issue(&req, issuer ? issuer->cert : NULL, issuer ? issuer->key : m.key, &m.cert));
    return m;
}

static void unmake(struct made *m)
{
    key_free(m->key);
    cert_free(m->cert);
}

/* What holds of a chain, each time but one thing. */
static void chains(void **state)
{
    static const struct {
        bool ca;
        int root_path, path;
        int64_t from, to;
        int64_t now;
        bool other_key, other_root, no_root, good;
    } rows[] = {
        { true, 1, 0, NOW - DAY, NOW + DAY, NOW, .good = true },
        { true, -1, -1, NOW - DAY, NOW + DAY, NOW, .good = true },
        { false, 1, -1, NOW - DAY, NOW + DAY, NOW },             /* no CA */
        { true, 0, 0, NOW - DAY, NOW + DAY, NOW },               /* the root allows none below */
        { true, 1, 0, NOW + 60, NOW + DAY, NOW },                /* not yet */
        { true, 1, 0, NOW - DAY, NOW, NOW },                     /* no more */
        { true, 1, 0, NOW - DAY, NOW + DAY, NOW + 4000L * DAY }, /* the root neither */
        { true, 1, 0, NOW - DAY, NOW + DAY, NOW, .other_key = true },
        { true, 1, 0, NOW - DAY, NOW + DAY, NOW, .other_root = true }, /* L11: of the same name */
        { true, 1, 0, NOW - DAY, NOW + DAY, NOW, .no_root = true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct made root = make(NULL, true, rows[i].root_path, NOW - DAY, NOW + 1000L * DAY);
        struct made other = make(NULL, true, 1, NOW - DAY, NOW + 1000L * DAY);
        struct made ca = make(&root, rows[i].ca, rows[i].path, rows[i].from, rows[i].to);
        struct chain chain = { .certs = { ca.cert, rows[i].other_root ? other.cert : root.cert },
                               .count = rows[i].no_root ? 1 : 2 };
        struct err e = issuer_check(&chain, rows[i].other_key ? other.key : ca.key, rows[i].now);
        if (failed(e) == rows[i].good || (failed(e) && e.kind != FAIL_INPUT))
            fail_msg("row %zu: %s", i, e.what ? e.what : "good");
        unmake(&ca);
        unmake(&other);
        unmake(&root);
    }
}

static int signed_elsewhere;

static struct err sign_elsewhere(void *context, enum signature_scheme scheme,
                                 enum digest_kind digest, struct span hash, struct buf *out)
{
    signed_elsewhere++;
    return signature_make_prehashed(context, scheme, digest, hash, out);
}

/* The root's key is read once; a token's key is in no file. */
static void root_stays_away(void **state)
{
    char folder[] = "/tmp/warder-issuer-XXXXXX", a[96], b[64], root_key[64], root_pem[64], rm[64];
    struct key *inside owned(key_free) = NULL, *token owned(key_free) = NULL;
    struct issuer first owned(issuer_done) = { 0 }, second owned(issuer_done) = { 0 };
    struct buf pem owned(buf_done) = buf_of(8192);

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(a, sizeof a, "%s/a", folder);
    snprintf(b, sizeof b, "%s/b", folder);
    snprintf(root_key, sizeof root_key, "%s/root.key", folder);
    snprintf(root_pem, sizeof root_pem, "%s/root.pem", folder);
    struct issuer_order order = { .common_name = "Root",
                                  .now = NOW,
                                  .years = 10,
                                  .root_key = root_key,
                                  .root_certificate = root_pem,
                                  .intermediate_years = 20 };
    assert_ok(issuer_create(a, &order));
    assert_fails(issuer_create(a, &order), FAIL_CONFLICT);
    assert_ok(issuer_load(a, NULL, &first));
    assert_int_equal(first.chain.count, 2);
    assert_int_equal(cert_path_len(issuer_cert(&first)), 0);
    assert_int_equal(cert_not_after(issuer_cert(&first)), cert_not_after(issuer_root(&first)));

    assert_fails(issuer_create(b, &order), FAIL_ABSENT); /* the root's certificate is missing */
    assert_ok(cert_to_pem(issuer_root(&first), &pem));
    FILE *f = fopen(root_pem, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(pem.at, 1, pem.len, f), pem.len);
    assert_int_equal(fclose(f), 0);
    assert_ok(key_make_ec(KEY_P384, &inside));
    const struct key_signer signer = { .sign = sign_elsewhere, .context = inside };
    assert_ok(key_with_signer(inside, &signer, &token));
    assert_false(key_is_private(token));
    order.token = token;
    assert_ok(issuer_create(b, &order));
    snprintf(a, sizeof a, "%s/" ISSUER_KEY_FILE, b);
    assert_int_not_equal(access(a, F_OK), 0);
    assert_ok(issuer_load(b, token, &second));
    assert_true(cert_equal(issuer_root(&first), issuer_root(&second)));

    struct cert *leaf owned(cert_free) = NULL;
    const struct cert_request req = {
        .common_name = "x", .key = inside, .not_before = NOW, .not_after = NOW + DAY, .path_len = -1
    };
    bool good = false;
    assert_ok(cert_issue(&req, issuer_cert(&second), second.key, &leaf));
    assert_int_equal(signed_elsewhere, 1);
    assert_ok(cert_signed_by(leaf, cert_key(issuer_cert(&second)), &good));
    assert_true(good);
    snprintf(rm, sizeof rm, "rm -rf %s", folder);
    assert_int_equal(system(rm), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains),
        cmocka_unit_test(root_stays_away),
    };

    return failed(crypto_start(CRYPTO_MEMORY_PLAIN)) ? 1
                                                     : cmocka_run_group_tests(tests, NULL, NULL);
}
