// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/base64.h"
#include "base/writer.h"
#include "client/session.h"
#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "crypto/signature.h"

static void report_data_binds_everything(void **state)
{
    (void)state;
    struct session *a owned(session_free) = NULL;
    struct session *b owned(session_free) = NULL;
    uint8_t first[REPORT_DATA_SIZE], other[REPORT_DATA_SIZE];

    assert_ok(session_new(&a));
    assert_ok(session_new(&b));
    assert_ok(session_report_data(a, SPAN("c"), SPAN("t"), first));
    assert_ok(session_report_data(a, SPAN("c"), SPAN("t"), other));
    assert_memory_equal(first, other, sizeof(first));
    assert_ok(session_report_data(b, SPAN("c"), SPAN("t"), other)); /* other keys */
    assert_memory_not_equal(first, other, sizeof(first));
    assert_ok(session_report_data(a, SPAN("d"), SPAN("t"), other));
    assert_memory_not_equal(first, other, sizeof(first));
    assert_ok(session_report_data(a, SPAN("ct"), SPAN(""),
                                  other)); /* L48: no moving of bytes between parts */
    assert_memory_not_equal(first, other, sizeof(first));
}

/* What the KBS does with the JWKs and the challenge gives the same bytes (docs/protocol.md, "Report
 * data"). */
static void report_data_is_the_protocols(void **state)
{
    (void)state;
    struct session *s owned(session_free) = NULL;
    json_t *jwks[2] = { NULL, NULL };
    struct buf parts owned(buf_done) = buf_of(4096);
    uint8_t ours[REPORT_DATA_SIZE], theirs[SHA512_SIZE];

    assert_ok(session_new(&s));
    assert_ok(session_jwks(s, &jwks[0], &jwks[1]));
    buf_add(&parts, SPAN("\0\0\0\x0dwarder-kbs-v1\0\0\0\x09"
                         "challenge\0\0\0\x07"
                         "default"));
    for (int i = 0; i < 2; i++) {
        struct key *k owned(key_free) = NULL;
        struct buf point owned(buf_done) = buf_of(P256_POINT_SIZE);
        assert_ok(key_from_jwk(jwks[i], &k));
        assert_false(key_is_private(k));
        assert_ok(key_to_point(k, &point));
        write_part(&parts, buf_span(&point));
        json_free(jwks[i]);
    }
    assert_ok(digest_of(DIGEST_SHA512, buf_span(&parts), theirs));
    assert_ok(session_report_data(s, SPAN("challenge"), SPAN("default"), ours));
    assert_memory_equal(ours, theirs, sizeof(ours));
}

static bool proof_good(const json_t *jwk, struct span proof, struct span path,
                       struct span challenge, struct span body)
{
    struct key *k owned(key_free) = NULL;
    struct buf parts owned(buf_done) = buf_of(4096);
    uint8_t hash[SHA256_SIZE], raw[64];
    bool good = false;

    assert_ok(key_from_jwk(jwk, &k));
    assert_ok(sha256(body, hash));
    write_part(&parts, SPAN("warder-proof-v1"));
    write_part(&parts, SPAN("POST"));
    write_part(&parts, path);
    write_part(&parts, challenge);
    write_part(&parts, SPAN_OF(hash));
    assert_ok(base64url_parse_exact(proof, raw, sizeof(raw)));
    assert_ok(
        signature_verify(k, SIGNATURE_ECDSA, DIGEST_SHA256, buf_span(&parts), SPAN_OF(raw), &good));
    return good;
}

static void proofs_are_for_one_request(void **state)
{
    (void)state;
    struct session *s owned(session_free) = NULL;
    json_t *signing owned(json_free) = NULL;
    json_t *encryption owned(json_free) = NULL;
    struct buf proof owned(buf_done) = buf_of(256);

    assert_ok(session_new(&s));
    assert_ok(session_jwks(s, &signing, &encryption));
    assert_ok(session_proof(s, SPAN("/a"), SPAN("c"), SPAN("{}"), &proof));
    assert_true(proof_good(signing, buf_span(&proof), SPAN("/a"), SPAN("c"), SPAN("{}")));
    assert_false(proof_good(signing, buf_span(&proof), SPAN("/b"), SPAN("c"), SPAN("{}")));
    assert_false(proof_good(signing, buf_span(&proof), SPAN("/a"), SPAN("d"), SPAN("{}")));
    assert_false(proof_good(signing, buf_span(&proof), SPAN("/a"), SPAN("c"), SPAN("{ }")));
    assert_false(proof_good(encryption, buf_span(&proof), SPAN("/a"), SPAN("c"), SPAN("{}")));
}

static void tokens_expire(void **state)
{
    (void)state;
    struct session *s owned(session_free) = NULL;

    assert_ok(session_new(&s));
    assert_null(session_token(s, 0));
    session_keep_token(s, SPAN("a.b.c"), 1000);
    assert_string_equal(session_token(s, 900), "a.b.c");
    assert_null(session_token(s, 970)); /* too close to its end to be of use */
    assert_null(session_token(s, 1001));
    session_drop_token(s);
    assert_null(session_token(s, 0));
}

static void a_challenge_is_answered_once(void **state)
{
    (void)state;
    struct session *s owned(session_free) = NULL;
    char text[16];

    assert_ok(session_new(&s));
    session_keep_token(s, SPAN("a.b.c"), 1000);
    assert_ok(session_take_challenge(s, SPAN("0")));
    assert_fails(session_take_challenge(s, SPAN("0")), FAIL_DENIED);
    for (int i = 1; i < 256; i++) {
        assert_non_null(session_token(s, 0));
        snprintf(text, sizeof(text), "%d", i);
        assert_ok(session_take_challenge(s, span_str(text)));
    }
    assert_fails(session_take_challenge(s, SPAN("0")), FAIL_DENIED);
    assert_fails(session_take_challenge(s, SPAN("256")), FAIL_LIMIT);
    assert_null(session_token(s, 0)); /* new keys, then, and new evidence */
}

static int set_up(void **state)
{
    (void)state;
    return failed(crypto_start(CRYPTO_MEMORY_PLAIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_data_binds_everything),
        cmocka_unit_test(report_data_is_the_protocols),
        cmocka_unit_test(proofs_are_for_one_request),
        cmocka_unit_test(tokens_expire),
        cmocka_unit_test(a_challenge_is_answered_once),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
