// SPDX-License-Identifier: Apache-2.0
#include "token/attestation.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "crypto/crypto.h"

#define NOW 1795435200
#define JKT_S "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define JKT_E "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

static const struct attestation_terms terms = { .lifetime = 600 };
static struct key *key;
static struct jwks *keys;
static json_t *claims, *policies;

static int set_up(void **state)
{
    struct buf text owned(buf_done) = buf_of(4096);
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(key_make_ec(KEY_P256, &key)) ||
        failed(jwks_text((const struct key *const *)&key, 1, &text)) ||
        failed(jwks_parse(buf_span(&text), &keys)))
        return 1;
    claims = json_pack("{s:s,s:s,s:b}", "tee", "tdx", "tcb_status", "UpToDate", "debug", 0);
    policies = json_pack("[{s:s,s:i,s:s}]", "id", "p-1", "version", 3, "digest", "sha256:00");
    (void)state;
    return 0;
}

static int tear_down(void **state)
{
    key_free(key);
    jwks_free(keys);
    json_free(claims);
    json_free(policies);
    (void)state;
    return 0;
}

static struct attestation_facts facts(bool verified)
{
    return (struct attestation_facts){
        .tenant = SPAN("default"),
        .signing_jkt = SPAN(JKT_S),
        .encryption_jkt = SPAN(JKT_E),
        .challenge = SPAN("sha256:11"),
        .evidence_digest = SPAN("sha256:22"),
        .collateral_digest = SPAN("sha256:33"),
        .claims = claims,
        .policies = policies,
        .verified = verified,
        .reason = verified ? NULL : "because",
    };
}

static json_t *decide(bool verified)
{
    const struct attestation_facts f = facts(verified);
    json_t *decision = NULL;
    assert_false(failed(attestation_decision(&f, &decision)));
    return decision;
}

static struct err issue_under(const struct attestation_terms *t, const json_t *decision,
                              struct buf *text, bool *refusal)
{
    char *written owned(free) = json_text(decision);
    return attestation_issue(key, span_str(written), t, NOW, text, refusal);
}

static void issue(const json_t *decision, struct buf *text, bool *refusal)
{
    assert_false(failed(issue_under(&terms, decision, text, refusal)));
}

static void test_token(void **state)
{
    owned(json_free) json_t *decision = decide(true);
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct attestation a owned(attestation_done) = { 0 };
    bool refusal = true;
    issue(decision, &text, &refusal);
    assert_false(refusal);
    assert_false(failed(attestation_verify(buf_span(&text), keys, NOW, &a, NULL)));
    assert_true(a.verified);
    assert_true(span_equal_str(a.signing_jkt, JKT_S));
    assert_true(span_equal_str(a.encryption_jkt, JKT_E));
    assert_true(span_equal_str(a.challenge, "sha256:11"));
    assert_true(span_equal_str(a.tenant, "default"));
    assert_true(json_equal(a.claims, claims));
    assert_int_equal(a.expires, NOW + 600);
    (void)state;
}

/* L26: what refuses is no token, and a token refuses nothing. */
static void test_refusal_is_no_token(void **state)
{
    owned(json_free) json_t *no = decide(false), *yes = decide(true);
    struct buf refused owned(buf_done) = buf_of(JOSE_TEXT_MAX),
                       token owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct attestation a owned(attestation_done) = { 0 };
    bool refusal = false;
    issue(no, &refused, &refusal);
    assert_true(refusal);
    assert_true(failed(attestation_verify(buf_span(&refused), keys, NOW, &a, NULL)));
    assert_false(failed(refusal_verify(buf_span(&refused), keys, NOW, &a, NULL)));
    assert_false(a.verified);
    assert_int_equal(a.signing_jkt.len, 0);
    assert_true(span_equal_str(a.reason, "because"));
    attestation_done(&a);
    issue(yes, &token, &refusal);
    assert_true(failed(refusal_verify(buf_span(&token), keys, NOW, &a, NULL)));
    (void)state;
}

/* The issuer signs decisions, nothing else, and none that says two things. */
static void test_issuer_refuses_other_things(void **state)
{
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    bool refusal;
    owned(json_free) json_t *extra = decide(true), *both = decide(false), *status = decide(true),
                            *odd = decide(true);
    owned(json_free) json_t *empty = json_object();
    json_set_int(extra, "exp", NOW + 1000000);
    json_object_set_new(both, "cnf", json_pack("{s:s}", "jkt", JKT_S));
    json_object_set_new(json_object_get(json_object_get(status, "submods"), "tee"), "ear.status",
                        json_string("contraindicated"));
    json_object_set_new(json_object_get(odd, "warder"), "verdict", json_string("perhaps"));
    const json_t *wrong[] = { extra, both, status, odd, empty };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_true(failed(issue_under(&terms, wrong[i], &text, &refusal)));
        assert_int_equal(text.len, 0);
    }
    (void)state;
}

/* What is signed is the text of the decision, not what somebody else would have written for it. */
static void test_text_is_kept(void **state)
{
    owned(json_free) json_t *decision = decide(true), *payload = NULL;
    char *dense owned(free) = json_text(decision);
    struct buf spaced owned(buf_done) = buf_of(JOSE_TEXT_MAX),
                      text owned(buf_done) = buf_of(JOSE_TEXT_MAX),
                      body owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    bool refusal;
    buf_addf(&spaced, "{ %s \n", dense + 1);
    assert_false(failed(attestation_issue(key, buf_span(&spaced), &terms, NOW, &text, &refusal)));
    assert_false(failed(jws_verify(key, buf_span(&text), NULL, &body)));
    assert_memory_equal(body.at, spaced.at, strlen(dense));
    assert_false(failed(json_parse_object(buf_span(&body), &payload)));
    assert_string_equal(json_string_value(json_object_get(payload, "aud")), ATTESTATION_AUDIENCE);
    assert_int_equal(json_integer_value(json_object_get(payload, "exp")), NOW + 600);
    (void)state;
}

/* Texts that are no one object, or say a thing twice. */
static void test_issuer_refuses_other_texts(void **state)
{
    owned(json_free) json_t *decision = decide(true);
    char *dense owned(free) = json_text(decision);
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    bool refusal;
    static const char *const around[][2] = {
        { "", "}" }, { "", "{}" }, { "[", "]" }, { "", ",{}" }, { "{\"aud\":\"x\",", "" }
    };
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        struct buf wrong owned(buf_done) = buf_of(JOSE_TEXT_MAX);
        bool twice = around[i][0][0] == '{';
        json_set_str(decision, "aud", "warder-kbs");
        char *named owned(free) = json_text(decision);
        buf_addf(&wrong, "%s%s%s", around[i][0], twice ? named + 1 : dense, around[i][1]);
        assert_true(failed(attestation_issue(key, buf_span(&wrong), &terms, NOW, &text, &refusal)));
    }
    for (size_t len = 0; len < strlen(dense); len++)
        assert_true(
            failed(attestation_issue(key, span_from(dense, len), &terms, NOW, &text, &refusal)));
    assert_int_equal(text.len, 0);
    (void)state;
}

static void test_status_follows_claims(void **state)
{
    static const struct {
        const char *status;
        int debug;
        const char *ear;
    } rows[] = { { "UpToDate", 0, "affirming" },
                 { "OutOfDate", 0, "warning" },
                 { "UpToDate", 1, "warning" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *c =
            json_pack("{s:s,s:b}", "tcb_status", rows[i].status, "debug", rows[i].debug);
        struct attestation_facts f = facts(true);
        f.claims = c;
        owned(json_free) json_t *decision = NULL;
        assert_false(failed(attestation_decision(&f, &decision)));
        const json_t *tee = json_object_get(json_object_get(decision, "submods"), "tee");
        assert_string_equal(json_string_value(json_object_get(tee, "ear.status")), rows[i].ear);
    }
    (void)state;
}

/* A worker cannot have a token signed for somebody whom the configuration does not name. */
static void test_audience(void **state)
{
    static const struct attestation_terms listed = { .lifetime = 600,
                                                     .audiences = "warder-kbs  relying.example x" };
    static const struct {
        const char *audience;
        bool good;
    } rows[] = { { "", true },         { "relying.example", true },
                 { "x", true },        { "warder-kbs", true },
                 { "relying", false }, { "relying.example x", false },
                 { " ", false } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct attestation_facts f = facts(true);
        f.audience = span_str(rows[i].audience);
        f.nonce = SPAN("the-nonce");
        owned(json_free) json_t *decision = NULL, *payload = NULL;
        struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX),
                        body owned(buf_done) = buf_of(JOSE_TEXT_MAX);
        bool refusal;
        assert_false(failed(attestation_decision(&f, &decision)));
        assert_int_equal(!failed(issue_under(&listed, decision, &text, &refusal)), rows[i].good);
        if (!rows[i].good)
            continue;
        assert_false(failed(jws_verify(key, buf_span(&text), NULL, &body)));
        assert_false(failed(json_parse_object(buf_span(&body), &payload)));
        assert_string_equal(json_string_value(json_object_get(payload, "aud")),
                            *rows[i].audience ? rows[i].audience : ATTESTATION_AUDIENCE);
        assert_string_equal(json_string_value(json_object_get(payload, "eat_nonce")), "the-nonce");
        /* keyd takes only what is for it. */
        struct attestation a owned(attestation_done) = { 0 };
        bool for_keyd = !*rows[i].audience || !strcmp(rows[i].audience, ATTESTATION_AUDIENCE);
        assert_int_equal(!failed(attestation_verify(buf_span(&text), keys, NOW, &a, NULL)),
                         for_keyd);
    }
    (void)state;
}

static void test_expires(void **state)
{
    owned(json_free) json_t *decision = decide(true);
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct attestation a owned(attestation_done) = { 0 };
    enum jwt_fault fault;
    bool refusal;
    issue(decision, &text, &refusal);
    assert_true(
        failed(attestation_verify(buf_span(&text), keys, NOW + 600 + JWT_LEEWAY, &a, &fault)));
    assert_int_equal(fault, JWT_EXPIRED);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_refusal_is_no_token),
        cmocka_unit_test(test_issuer_refuses_other_things),
        cmocka_unit_test(test_text_is_kept),
        cmocka_unit_test(test_issuer_refuses_other_texts),
        cmocka_unit_test(test_status_follows_claims),
        cmocka_unit_test(test_audience),
        cmocka_unit_test(test_expires),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
