// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "client/unwrap.h"
#include "crypto/crypto.h"
#include "crypto/digest.h"

#define ID "164b41ae-be61-4c7c-a027-4a2ab1e5e4c4"
#define OTHER_ID "264b41ae-be61-4c7c-a027-4a2ab1e5e4c4"
#define AUDIT "0b0f6b5e-0000-4000-8000-000000000001"
#define CHALLENGE "challenge-text"

static struct {
    struct key *release, *stranger, *encryption, *other_encryption, *released;
    struct jwks *pinned;
    struct secret *pkcs8;
} it;

static int set_up(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = buf_of(1U << 16);

    assert_ok(crypto_start(CRYPTO_MEMORY_PLAIN));
    assert_ok(key_make_ec(KEY_P256, &it.release));
    assert_ok(key_make_ec(KEY_P256, &it.stranger));
    assert_ok(key_make_ec(KEY_P256, &it.encryption));
    assert_ok(key_make_ec(KEY_P256, &it.other_encryption));
    assert_ok(key_make_ec(KEY_P384, &it.released));
    assert_ok(key_to_pkcs8(it.released, &it.pkcs8));
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
    key_free(it.encryption);
    key_free(it.other_encryption);
    key_free(it.released);
    jwks_free(it.pinned);
    secret_free(it.pkcs8);
    return 0;
}

/* What may be wrong with an answer; by default all is well. */
struct recipe {
    const char *name;
    struct key **signer, **recipient;
    const char *jws_type,
        *kid_of_release;        /* kid_of_release: sign as a stranger under the pinned key's kid */
    const char *member, *value; /* of the JWE's header: replaced, or left out where value is NULL */
    enum released_form form;
    uint32_t kind; /* expected */
};

static void seal(const struct recipe *r, struct buf *out)
{
    json_t *header owned(json_free) = json_object();
    char hash[DIGEST_TEXT_SIZE];
    struct secret *aes owned(secret_free) = secret_new(32);

    assert_ok(digest_text(SPAN(CHALLENGE), hash));
    json_set_str(header, "typ", "warder-key+jwe");
    static const char *const types[] = { "pkcs8", "octets", "secret" }, *const algorithms[] = { "EC", "AES", "OPAQUE" };
    json_set_str(header, "cty", types[r->form]);
    json_set_str(header, "key_id", ID);
    json_set_int(header, "key_version", 3);
    json_set_str(header, "algorithm", algorithms[r->form]);
    json_set_str(header, "curve_type", "secp384r1");
    json_set_str(header, "policy_digest", "sha256:00");
    json_set_str(header, "challenge", hash);
    json_set_str(header, "audit_id", AUDIT);
    json_set_int(header, "lease_minutes", 60);
    if (r->member && !r->value)
        json_object_del(header, r->member);
    else if (r->member)
        json_set_str(header, r->member, r->value);
    assert_ok(jwe_seal(r->recipient ? *r->recipient : it.encryption, header,
                       r->form == RELEASED_PKCS8 ? it.pkcs8 : aes, out));
}

static void make_answer(const struct recipe *r, struct buf *out)
{
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    json_t *header owned(json_free) = json_object();
    const struct key *signer = r->signer ? *r->signer : it.release;
    char kid[THUMBPRINT_TEXT_SIZE];

    seal(r, &jwe);
    assert_ok(key_thumbprint(r->kid_of_release ? it.release : signer, kid));
    json_set_str(header, "typ", r->jws_type ? r->jws_type : "warder-answer+jwt");
    json_set_str(header, "kid", kid);
    assert_ok(jws_sign(signer, header, buf_span(&jwe), out));
}

static struct err open_answer(struct span answer, struct released *out)
{
    return answer_open(answer, it.pinned, it.encryption, SPAN(ID), SPAN(CHALLENGE), out);
}

static void good_answer(void **state)
{
    (void)state;
    struct buf answer owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct released r owned(released_done) = { 0 };
    const struct recipe recipe = { 0 };

    make_answer(&recipe, &answer);
    assert_ok(open_answer(buf_span(&answer), &r));
    assert_true(secret_equal(r.key, it.pkcs8));
    assert_int_equal(r.version, 3);
    assert_int_equal(r.lease_minutes, 60);
    assert_string_equal(r.audit_id, AUDIT);
    assert_int_equal(r.form, RELEASED_PKCS8);
}

static void aes_answer(void **state)
{
    (void)state;
    struct buf answer owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct released r owned(released_done) = { 0 };
    const struct recipe recipe = { .form = RELEASED_OCTETS };

    make_answer(&recipe, &answer);
    assert_ok(open_answer(buf_span(&answer), &r));
    assert_int_equal(r.form, RELEASED_OCTETS);
    assert_int_equal(secret_len(r.key), 32);
}

static void secret_answer(void **state)
{
    (void)state;
    struct buf answer owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct released r owned(released_done) = { 0 };
    const struct recipe recipe = { .form = RELEASED_SECRET };

    make_answer(&recipe, &answer);
    assert_ok(open_answer(buf_span(&answer), &r));
    assert_int_equal(r.form, RELEASED_SECRET);
    assert_int_equal(secret_len(r.key), 32);
}

/* A substituted key, an answer to someone else or to something else (L41), a JWS of another kind:
 * nothing comes out. */
static void bad_answers(void **state)
{
    (void)state;
    static const struct recipe rows[] = {
        { .name = "not a pinned release key", .signer = &it.stranger, .kind = FAIL_DENIED },
        { .name = "a stranger under the pinned kid",
          .signer = &it.stranger,
          .kid_of_release = "",
          .kind = FAIL_DENIED },
        { .name = "another kind of JWS", .jws_type = "JWT", .kind = FAIL_DENIED },
        { .name = "sealed to another", .recipient = &it.other_encryption, .kind = FAIL_DENIED },
        { .name = "another key", .member = "key_id", .value = OTHER_ID, .kind = FAIL_DENIED },
        { .name = "no key id", .member = "key_id", .kind = FAIL_INPUT },
        { .name = "another challenge",
          .member = "challenge",
          .value = "sha256:00",
          .kind = FAIL_DENIED },
        { .name = "no challenge", .member = "challenge", .kind = FAIL_INPUT },
        { .name = "another kind of JWE", .member = "typ", .value = "JOSE", .kind = FAIL_DENIED },
        { .name = "unknown content", .member = "cty", .value = "jwk", .kind = FAIL_INPUT },
        { .name = "content of another algorithm",
          .member = "algorithm",
          .value = "AES",
          .kind = FAIL_INPUT },
        { .name = "no audit record", .member = "audit_id", .kind = FAIL_INPUT },
        { .name = "audit id is no UUID", .member = "audit_id", .value = "1", .kind = FAIL_INPUT },
        { .name = "version is text", .member = "key_version", .value = "3", .kind = FAIL_INPUT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf answer owned(buf_done) = buf_of(JOSE_TEXT_MAX);
        struct released r = { 0 };
        make_answer(&rows[i], &answer);
        struct err e = open_answer(buf_span(&answer), &r);
        if (e.kind != rows[i].kind)
            fail_msg("%s: %s (%s)", rows[i].name, fail_kind_name(e.kind), e.what ? e.what : "");
        assert_null(r.key); /* L26: an error and a secret exclude each other */
    }
}

static void changed_bytes_fail(void **state)
{
    (void)state;
    struct buf answer owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    const struct recipe recipe = { 0 };

    make_answer(&recipe, &answer);
    for (size_t i = 0; i < answer.len; i += 7) {
        struct released r = { 0 };
        answer.at[i] ^= 1;
        assert_true(failed(open_answer(buf_span(&answer), &r)));
        assert_true(failed(open_answer(span_head(buf_span(&answer), i), &r)));
        assert_null(r.key);
        answer.at[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_answer),
        cmocka_unit_test(aes_answer), cmocka_unit_test(secret_answer),
        cmocka_unit_test(bad_answers),
        cmocka_unit_test(changed_bytes_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
