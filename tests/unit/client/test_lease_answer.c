// SPDX-License-Identifier: Apache-2.0
/* The KBS's word on leases: taken where a pinned key signed it for this question, and no other. */
#include "client/fetch_internal.h"

#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "crypto/jose.h"
#include "unit.h"

#define KEY_ID "164b41ae-be61-4c7c-a027-4a2ab1e5e4c4"
#define AUDIT_ID "264b41ae-be61-4c7c-a027-4a2ab1e5e4c4"

static struct key *release, *stranger;
static struct jwks *pinned;
static char challenge_digest[DIGEST_TEXT_SIZE];
static const struct lease_question question = { SPAN("challenge"), "nonce", "thumb" };

static void sign(const struct key *by, const char *typ, const char *payload, struct buf *out)
{
    char kid[THUMBPRINT_TEXT_SIZE];
    assert_ok(key_thumbprint(release, kid));
    json_t *header owned(json_free) = json_pack("{s:s,s:s}", "typ", typ, "kid", kid);
    assert_ok(jws_sign(by, header, span_str(payload), out));
}

static void payload_of(const char *nonce, const char *thumbprint, const char *leases, struct buf *out)
{
    buf_addf(out, "{\"challenge\":\"%s\",\"nonce\":\"%s\",\"signing_key\":\"%s\",\"leases\":[%s]}", challenge_digest, nonce,
             thumbprint, leases);
}

static struct err open_leases(const char *nonce, const char *thumbprint, const char *leases, struct lease_item *item)
{
    struct buf payload owned(buf_done) = buf_of(8192), answer owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    payload_of(nonce, thumbprint, leases, &payload);
    sign(release, "warder-lease+jwt", buf_str(&payload), &answer);
    *item = (struct lease_item){ .key_id = KEY_ID, .audit_id = AUDIT_ID };
    return lease_answer_open(buf_span(&answer), pinned, &question, item, 1);
}

static void words(void **state)
{
    static const struct {
        const char *leases;
        enum lease_word word;
        const char *reason;
    } rows[] = {
        { "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"renewed\",\"lease_minutes\":527040}", LEASE_RENEWED, "" },
        { "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"revoked\",\"reason\":\"key_not_found\"}", LEASE_REVOKED,
          "key_not_found" },
        { "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"rotated\"}", LEASE_ROTATED, "" },
        { "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"attest\",\"later\":1}", LEASE_ATTEST, "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lease_item item;
        assert_ok(open_leases("nonce", "thumb", rows[i].leases, &item));
        assert_int_equal(item.word, rows[i].word);
        assert_string_equal(item.reason, rows[i].reason);
        assert_int_equal(item.minutes, rows[i].word == LEASE_RENEWED ? 527040 : 0);
    }
}

static void answers_to_something_else(void **state)
{
    static const char good[] = "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"rotated\"}";
    static const char *const bad[] = {
        "",
        "1",
        "{}",
        "{\"key_id\":\"" AUDIT_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"rotated\"}",
        "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" KEY_ID "\",\"status\":\"rotated\"}",
        "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"kept\"}",
        "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"renewed\"}",
        "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"renewed\",\"lease_minutes\":0}",
        "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"renewed\",\"lease_minutes\":527041}",
        "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"rotated\"},1",
    };
    struct lease_item item;
    (void)state;
    assert_ok(open_leases("nonce", "thumb", good, &item));
    assert_fails(open_leases("other", "thumb", good, &item), FAIL_DENIED);
    assert_fails(open_leases("nonce", "other", good, &item), FAIL_DENIED);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!failed(open_leases("nonce", "thumb", bad[i], &item)))
            fail_msg("%s was taken", bad[i]);
}

static void signatures(void **state)
{
    struct buf payload owned(buf_done) = buf_of(8192), good owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct buf forged owned(buf_done) = buf_of(JOSE_TEXT_MAX), other owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct lease_item item = { .key_id = KEY_ID, .audit_id = AUDIT_ID };
    (void)state;
    payload_of("nonce", "thumb", "{\"key_id\":\"" KEY_ID "\",\"audit_id\":\"" AUDIT_ID "\",\"status\":\"attest\"}", &payload);
    sign(release, "warder-lease+jwt", buf_str(&payload), &good);
    sign(stranger, "warder-lease+jwt", buf_str(&payload), &forged);
    sign(release, "warder-answer+jwt", buf_str(&payload), &other);
    assert_ok(lease_answer_open(buf_span(&good), pinned, &question, &item, 1));
    assert_true(failed(lease_answer_open(buf_span(&forged), pinned, &question, &item, 1)));
    assert_fails(lease_answer_open(buf_span(&other), pinned, &question, &item, 1), FAIL_DENIED);
    for (size_t len = 0; len < good.len; len++)
        assert_true(failed(lease_answer_open(span_head(buf_span(&good), len), pinned, &question, &item, 1)));
    buf_add_str(&good, "A");
    assert_true(failed(lease_answer_open(buf_span(&good), pinned, &question, &item, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(words), cmocka_unit_test(answers_to_something_else), cmocka_unit_test(signatures) };
    struct buf text owned(buf_done) = buf_of(8192);
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(key_make_ec(KEY_P256, &release)) || failed(key_make_ec(KEY_P256, &stranger)))
        return 1;
    const struct key *keys[] = { release };
    if (failed(jwks_text(keys, 1, &text)) || failed(jwks_parse(buf_span(&text), &pinned)) || failed(digest_text(SPAN("challenge"), challenge_digest)))
        return 1;
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    jwks_free(pinned);
    key_free(release);
    key_free(stranger);
    return result;
}
