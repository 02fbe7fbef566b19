// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/base64.h"
#include "client/use_answer.h"
#include "crypto/crypto.h"
#include "crypto/digest.h"

#define ID "164b41ae-be61-4c7c-a027-4a2ab1e5e4c4"
#define CHALLENGE "challenge-text"
#define INPUT "what was asked for"

static struct {
    struct key *release, *stranger;
    struct jwks *pinned;
    struct session *session, *other;
} it;

static const struct use_order sign_order = { .operation = "sign", .mechanism = "ECDSA", .hash = "SHA-256", .input = { (const uint8_t *)INPUT, sizeof INPUT - 1 } };
static const struct use_order decrypt_order = { .operation = "decrypt", .mechanism = "RSA-OAEP", .hash = "SHA-1", .input = { (const uint8_t *)INPUT, sizeof INPUT - 1 } };

static int set_up(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = buf_of(1U << 16);

    assert_ok(crypto_start(CRYPTO_MEMORY_PLAIN));
    assert_ok(key_make_ec(KEY_P256, &it.release));
    assert_ok(key_make_ec(KEY_P256, &it.stranger));
    assert_ok(session_new(&it.session));
    assert_ok(session_new(&it.other));
    const struct key *pinned[] = { it.release };
    assert_ok(jwks_text(pinned, 1, &text));
    assert_ok(jwks_parse(buf_span(&text), &it.pinned));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    key_free(it.release);
    key_free(it.stranger);
    jwks_free(it.pinned);
    session_free(it.session);
    session_free(it.other);
    return 0;
}

/* What is wrong with an answer; by default nothing. */
struct recipe {
    const char *name;
    const struct use_order *order; /* NULL: described */
    struct key **signer;
    struct session **recipient;
    const char *type;          /* of the JWS */
    const char *member, *value; /* of the statement: replaced, or left out where value is NULL */
    const char *inner, *inner_value; /* the same of the header of what is sealed */
    uint32_t kind;             /* expected */
};

static json_t *statement(const struct use_order *o)
{
    json_t *j = json_object();
    char digest[DIGEST_TEXT_SIZE];

    assert_ok(digest_text(SPAN(CHALLENGE), digest));
    json_set_str(j, "key_id", ID);
    json_set_int(j, "key_version", 3);
    json_set_str(j, "challenge", digest);
    json_set_str(j, "operation", o ? o->operation : "describe");
    if (!o)
        return j;
    json_set_str(j, "mechanism", o->mechanism);
    json_set_str(j, "hash", o->hash);
    assert_ok(digest_text(o->input, digest));
    json_set_str(j, "input_digest", digest);
    return j;
}

static void change(json_t *j, const char *member, const char *value)
{
    if (member && value)
        json_set_str(j, member, value);
    else if (member)
        json_object_del(j, member);
}

static void seal(const struct recipe *r, json_t *says)
{
    json_t *header owned(json_free) = statement(r->order);
    struct secret *plain owned(secret_free) = secret_copy(SPAN("plain text"));
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);

    json_set_str(header, "typ", "warder-use+jwe");
    change(header, r->inner, r->inner_value);
    assert_ok(jwe_seal(session_encryption_key(r->recipient ? *r->recipient : it.session), header, plain, &jwe));
    json_set_span(says, "result", buf_span(&jwe));
}

static void make(const struct recipe *r, struct buf *out)
{
    json_t *header owned(json_free) = json_object(), *says owned(json_free) = statement(r->order);
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    char kid[THUMBPRINT_TEXT_SIZE];

    json_set_str(says, "next_challenge", "next");
    if (!r->order)
        json_set_str(says, "public_key", "c3BraQ");
    else if (r->order == &sign_order)
        json_set_str(says, "signature", "c2lnbmF0dXJl");
    else
        seal(r, says);
    change(says, r->member, r->value);
    assert_ok(json_canonical(says, &text));
    assert_ok(key_thumbprint(it.release, kid));
    json_set_str(header, "typ", r->type ? r->type : "warder-use+jwt");
    json_set_str(header, "kid", kid);
    assert_ok(jws_sign(r->signer ? *r->signer : it.release, header, buf_span(&text), out));
}

static struct err open_answer(const struct recipe *r, struct span answer, struct use_said *out)
{
    const struct use_question q = { it.pinned, it.session, SPAN(ID), SPAN(CHALLENGE), r->order };
    return use_answer_open(answer, &q, out);
}

static void good_answers(void **state)
{
    static const struct use_order *const orders[] = { NULL, &sign_order, &decrypt_order };
    static const char *const results[] = { "spki", "signature", "plain text" };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct buf answer owned(buf_done) = buf_of(JOSE_TEXT_MAX);
        struct use_said said owned(use_said_done) = { 0 };
        const struct recipe r = { .order = orders[i] };
        make(&r, &answer);
        assert_ok(open_answer(&r, buf_span(&answer), &said));
        assert_int_equal(said.version, 3);
        assert_string_equal(said.next, "next");
        assert_true(span_equal_str(said.opened ? secret_expose(said.opened) : buf_span(&said.bytes), results[i]));
        assert_true((said.opened != NULL) == (orders[i] == &decrypt_order));
    }
}

static void bad_answers(void **state)
{
    static const struct recipe rows[] = {
        { "not a pinned release key", &sign_order, .signer = &it.stranger, .kind = FAIL_DENIED },
        { "another kind of JWS", &sign_order, .type = "warder-answer+jwt", .kind = FAIL_DENIED },
        { "another key", &sign_order, .member = "key_id", .value = "264b41ae-be61-4c7c-a027-4a2ab1e5e4c4", .kind = FAIL_DENIED },
        { "another challenge", &sign_order, .member = "challenge", .value = "sha256:00", .kind = FAIL_DENIED },
        { "no challenge", &sign_order, .member = "challenge", .kind = FAIL_INPUT },
        { "another operation", &sign_order, .member = "operation", .value = "decrypt", .kind = FAIL_DENIED },
        { "another mechanism", &sign_order, .member = "mechanism", .value = "RSASSA-PSS", .kind = FAIL_DENIED },
        { "another hash", &sign_order, .member = "hash", .value = "SHA-512", .kind = FAIL_DENIED },
        { "another input", &sign_order, .member = "input_digest", .value = "sha256:00", .kind = FAIL_DENIED },
        { "no input", &sign_order, .member = "input_digest", .kind = FAIL_INPUT },
        { "no signature", &sign_order, .member = "signature", .kind = FAIL_INPUT },
        { "signature is no base64url", &sign_order, .member = "signature", .value = "a+", .kind = FAIL_INPUT },
        { "version is text", &sign_order, .member = "key_version", .value = "3", .kind = FAIL_INPUT },
        { "described: another key", NULL, .member = "key_id", .value = "x", .kind = FAIL_DENIED },
        { "described: no key", NULL, .member = "public_key", .kind = FAIL_INPUT },
        { "sealed to another", &decrypt_order, .recipient = &it.other, .kind = FAIL_DENIED },
        { "sealed as a key", &decrypt_order, .inner = "typ", .inner_value = "warder-key+jwe", .kind = FAIL_DENIED },
        { "sealed for another challenge", &decrypt_order, .inner = "challenge", .inner_value = "sha256:00", .kind = FAIL_DENIED },
        { "sealed for another input", &decrypt_order, .inner = "input_digest", .inner_value = "sha256:00", .kind = FAIL_DENIED },
        { "sealed without a key", &decrypt_order, .inner = "key_id", .kind = FAIL_INPUT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf answer owned(buf_done) = buf_of(JOSE_TEXT_MAX);
        struct use_said said = { 0 };
        make(&rows[i], &answer);
        struct err e = open_answer(&rows[i], buf_span(&answer), &said);
        if (e.kind != rows[i].kind)
            fail_msg("%s: %s (%s)", rows[i].name, fail_kind_name(e.kind), e.what ? e.what : "");
        assert_null(said.opened); /* L26 */
        assert_null(said.bytes.at);
    }
}

static void a_grant_keeps_challenges(void **state)
{
    struct use_grant *g owned(use_grant_free) = NULL;
    (void)state;
    assert_ok(use_grant_new(it.session, USE_SIGN, &g));
    assert_null(use_grant_take(g));
    assert_null(use_grant_token(g));
    assert_false(use_grant_ends(g, INT64_MAX / 2)); /* there is no token that could */
    for (int i = 0; i < 200; i++)
        use_grant_put(g, SPAN("challenge"));
    size_t kept = 0;
    for (char *c; (c = use_grant_take(g)); kept++)
        free(c);
    assert_true(kept && kept < 200);
    session_keep_token(it.session, SPAN("token"), 1000);
    struct use_grant *later owned(use_grant_free) = NULL;
    assert_ok(use_grant_new(it.session, USE_SIGN, &later));
    session_drop_token(it.session);
    assert_string_equal(use_grant_token(later), "token");
    assert_false(use_grant_ends(later, 900));
    assert_true(use_grant_ends(later, 980));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_answers),
        cmocka_unit_test(bad_answers),
        cmocka_unit_test(a_grant_keeps_challenges),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
