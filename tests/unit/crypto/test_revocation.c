// SPDX-License-Identifier: Apache-2.0
#include "crypto/revocation.h"

#include <stdio.h>

#include "crypto/crypto.h"
#include "crypto/pem_internal.h"
#include "unit.h"

#define NOW 1795000000
#define HOUR 3600

struct made {
    struct key *key;
    struct cert *cert;
};

static struct made ca, other, leaf;

static struct made make(const char *name, const struct made *issuer)
{
    struct made m = { 0 };

    assert_ok(key_make_ec(KEY_P256, &m.key));
    const struct cert_request req = { .common_name = name,
                                      .key = m.key,
                                      .not_before = NOW - HOUR,
                                      .not_after = NOW + 100 * HOUR,
                                      .ca = !issuer,
                                      .path_len = -1 };
    assert_ok(
        cert_issue(&req, issuer ? issuer->cert : NULL, issuer ? issuer->key : m.key, &m.cert));
    return m;
}

/* A list of the CA's name, PEM. */
static void list(const struct made *signer, bool lists_it, int64_t this, int64_t next,
                 uint64_t number, struct buf *pem)
{
    struct crl *c owned(crl_free) = NULL;
    const uint8_t elsewhere[] = { 0x44, 1, 2 };
    const struct crl_entry entry = {
        .serial = lists_it ? cert_serial(leaf.cert) : SPAN_OF(elsewhere), .at = this, .reason = 1
    };

    assert_ok(crl_issue_entries(signer->cert, signer->key, &entry, 1, this, next, number, &c));
    pem_add(pem, "X509 CRL", crl_der(c));
    assert_ok(buf_check(pem));
}

static void verdicts(void **state)
{
    static const struct {
        bool by_other, lists_it, empty;
        int64_t this, next, grace;
        enum revocation_verdict wanted;
    } rows[] = {
        { .this = NOW - 10, .next = NOW + HOUR, .wanted = REVOCATION_GOOD },
        { .lists_it = true, .this = NOW - 10, .next = NOW + HOUR, .wanted = REVOCATION_REVOKED },
        { .this = NOW - 2 * HOUR, .next = NOW - 1, .wanted = REVOCATION_STALE },
        { .this = NOW - 2 * HOUR, .next = NOW - 1, .grace = 1, .wanted = REVOCATION_GOOD },
        { .this = NOW - 2 * HOUR, .next = NOW - 2, .grace = 1, .wanted = REVOCATION_STALE },
        /* what was revoked stays so, however old the list */
        { .lists_it = true, .this = NOW - 2 * HOUR, .next = NOW - 1, .wanted = REVOCATION_REVOKED },
        { .this = NOW + HOUR, .next = NOW + 2 * HOUR, .wanted = REVOCATION_UNSOUND },
        /* a list of the same name by another key */
        { .by_other = true, .this = NOW - 10, .next = NOW + HOUR, .wanted = REVOCATION_UNSOUND },
        { .by_other = true,
          .lists_it = true,
          .this = NOW - 10,
          .next = NOW + HOUR,
          .wanted = REVOCATION_UNSOUND },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf pem owned(buf_done) = buf_of(64U << 10);
        struct revocation *r owned(revocation_free) = NULL;

        list(rows[i].by_other ? &other : &ca, rows[i].lists_it, rows[i].this, rows[i].next, 1,
             &pem);
        assert_ok(revocation_parse(buf_span(&pem), &r));
        for (int again = 0; again < 2; again++) {
            enum revocation_verdict v = revocation_judge(r, leaf.cert, ca.cert, NOW, rows[i].grace);
            if (v != rows[i].wanted)
                fail_msg("row %zu: %s", i, revocation_text(v));
        }
        /* L11: the issuer that is named must be the issuer */
        assert_int_equal(revocation_judge(r, leaf.cert, leaf.cert, NOW, 0), REVOCATION_UNSOUND);
    }
}

static void several_lists(void **state)
{
    struct buf pem owned(buf_done) = buf_of(256U << 10);
    struct revocation *r owned(revocation_free) = NULL, *none = NULL;
    struct made elsewhere = make("Elsewhere", NULL);
    int64_t this = 0;

    (void)state;
    list(&elsewhere, true, NOW - 30, NOW + 5, 1, &pem);
    assert_ok(revocation_parse(buf_span(&pem), &r));
    assert_int_equal(revocation_judge(r, leaf.cert, ca.cert, NOW, 0), REVOCATION_MISSING);
    assert_false(revocation_covers(r, leaf.cert));
    list(&ca, false, NOW - 20, NOW + HOUR, 1, &pem);
    revocation_free(TAKE(r));
    assert_ok(revocation_parse(buf_span(&pem), &r));
    assert_true(revocation_covers(r, leaf.cert));
    assert_int_equal(revocation_judge(r, leaf.cert, ca.cert, NOW, 0), REVOCATION_GOOD);
    assert_int_equal(revocation_next_update(r, &this), NOW + 5);
    assert_int_equal(this, NOW - 30);
    list(&ca, true, NOW - 10, NOW + HOUR, 2, &pem); /* each may revoke */
    revocation_free(TAKE(r));
    assert_ok(revocation_parse(buf_span(&pem), &r));
    assert_int_equal(revocation_judge(r, leaf.cert, ca.cert, NOW, 0), REVOCATION_REVOKED);
    for (int i = 0; i < REVOCATION_LISTS_MAX; i++)
        list(&ca, false, NOW, NOW + HOUR, 3, &pem);
    assert_fails(revocation_parse(buf_span(&pem), &none), FAIL_LIMIT);
    cert_free(elsewhere.cert);
    key_free(elsewhere.key);
}

static void malformed(void **state)
{
    struct buf pem owned(buf_done) = buf_of(64U << 10);
    struct revocation *r = NULL;

    (void)state;
    list(&ca, true, NOW - 10, NOW + HOUR, 1, &pem);
    for (size_t len = 0; len + 1 < pem.len; len++) /* the line's end is no matter */
        assert_true(failed(revocation_parse(span_head(buf_span(&pem), len), &r)));
    buf_add_str(&pem, "x");
    assert_true(failed(revocation_parse(buf_span(&pem), &r)));
    struct buf cert owned(buf_done) = buf_of(8192);
    assert_ok(cert_to_pem(ca.cert, &cert));
    assert_fails(revocation_parse(buf_span(&cert), &r), FAIL_INPUT);
}

static int set_up(void **state)
{
    (void)state;
    ca = make("CA", NULL);
    other = make("CA", NULL);
    leaf = make("leaf", &ca);
    return 0;
}

static int tear_down(void **state)
{
    struct made *all[] = { &ca, &other, &leaf };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        cert_free(all[i]->cert);
        key_free(all[i]->key);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(several_lists),
        cmocka_unit_test(malformed),
    };

    return failed(crypto_start(CRYPTO_MEMORY_PLAIN))
               ? 1
               : cmocka_run_group_tests(tests, set_up, tear_down);
}
