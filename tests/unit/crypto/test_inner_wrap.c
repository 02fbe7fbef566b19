// SPDX-License-Identifier: Apache-2.0
#include "crypto/inner_wrap.h"

#include "crypto/aead.h"
#include "crypto/key_internal.h"
#include "unit.h"

struct sealed {
    struct key *recipient, *ephemeral;
    json_t *header;
    struct buf wrapped;
};

/* As an HSM does it. */
static void seal(struct sealed *s, struct span plain, const char *type)
{
    struct secret *z owned(secret_free) = NULL, *key owned(secret_free) = secret_copy(plain);

    *s = (struct sealed){ .header = json_object(), .wrapped = buf_of(4096) };
    assert_ok(key_make_ec(KEY_P256, &s->recipient));
    assert_ok(key_make_ec(KEY_P256, &s->ephemeral));
    assert_ok(ec_agree(s->ephemeral, s->recipient, &z));
    assert_ok(aes_kwp_wrap(z, key, &s->wrapped));
    assert_ok(inner_header_set(s->header, s->ephemeral));
    if (type)
        json_set_str(s->header, "cty", type);
}

static void done(struct sealed *s)
{
    key_free(s->recipient);
    key_free(s->ephemeral);
    json_free(s->header);
    buf_done(&s->wrapped);
}

static struct err open_it(const struct sealed *s, struct secret **content)
{
    *content = secret_copy(buf_span(&s->wrapped));
    return inner_open(s->recipient, s->header, content);
}

static void what_is_wrapped_opens(void **state)
{
    struct secret *content = NULL;
    struct sealed s;

    (void)state;
    seal(&s, SPAN("sixteen octets.."), "octets");
    assert_ok(open_it(&s, &content));
    assert_true(span_equal_str(secret_expose(content), "sixteen octets.."));
    secret_free(content);
    /* nobody else's */
    struct key *other owned(key_free) = NULL;
    assert_ok(key_make_ec(KEY_P256, &other));
    content = secret_copy(buf_span(&s.wrapped));
    assert_fails(inner_open(other, s.header, &content), FAIL_DENIED);
    assert_true(span_equal(secret_expose(content), buf_span(&s.wrapped)));
    secret_free(content);
    for (size_t i = 0; i < s.wrapped.len; i++) {
        s.wrapped.at[i] ^= 1;
        assert_fails(open_it(&s, &content), FAIL_DENIED);
        secret_free(content);
        s.wrapped.at[i] ^= 1;
    }
    done(&s);
}

static void without_an_inner_layer_nothing_happens(void **state)
{
    struct secret *content owned(secret_free) = secret_copy(SPAN("as it is"));
    json_t *header owned(json_free) = json_object();
    struct key *recipient owned(key_free) = NULL;

    (void)state;
    assert_ok(key_make_ec(KEY_P256, &recipient));
    assert_ok(inner_open(recipient, header, &content));
    assert_true(span_equal_str(secret_expose(content), "as it is"));
}

/* L35, L50: another algorithm, a private epk, one of another curve, no epk. */
static void headers_that_do_not_fit(void **state)
{
    static const char *const headers[] = {
        "{\"inner\":1}",
        "{\"inner\":{}}",
        "{\"inner\":{\"alg\":\"none\"}}",
        "{\"inner\":{\"alg\":\"ECDH+A256KWP\"}}",
        "{\"inner\":{\"alg\":\"ECDH+A256KWP\",\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}}}",
        "{\"inner\":{\"alg\":\"ECDH+A256KWP\",\"epk\":{\"kty\":\"oct\",\"k\":\"AA\"}}}",
    };
    struct key *other owned(key_free) = NULL;
    struct sealed s;

    (void)state;
    seal(&s, SPAN("sixteen octets.."), "octets");
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct secret *content owned(secret_free) = secret_copy(buf_span(&s.wrapped));
        json_t *header owned(json_free) = NULL;

        assert_ok(json_parse(span_str(headers[i]), &header));
        if (!failed(inner_open(s.recipient, header, &content)))
            fail_msg("%s", headers[i]);
    }
    struct secret *content owned(secret_free) = secret_copy(buf_span(&s.wrapped));
    assert_ok(key_make_ec(KEY_P384, &other));
    assert_ok(inner_header_set(s.header, other));
    assert_fails(inner_open(s.recipient, s.header, &content), FAIL_INPUT);
    done(&s);
}

/* PKCS#8 that was filled with zeros loses them, and nothing else does. */
static void fillings(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t len, left;
    } rows[] = {
        { "exact", "\x30\x03\x02\x01\x05", 5, 5 },
        { "filled", "\x30\x03\x02\x01\x05\0\0\0", 8, 5 },
        { "filled by seven", "\x30\x03\x02\x01\x05\0\0\0\0\0\0\0", 12, 5 },
        { "filled by eight", "\x30\x03\x02\x01\x05\0\0\0\0\0\0\0\0", 13, 13 },
        { "something behind", "\x30\x03\x02\x01\x05\0\0\1", 8, 8 },
        { "no sequence", "\x31\x03\x02\x01\x05\0\0\0", 8, 8 },
        { "cut", "\x30\x09\x02\x01\x05\0\0\0", 8, 8 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct secret *content owned(secret_free) = secret_copy(span_from(rows[i].bytes, rows[i].len));
        inner_trim_pkcs8(content);
        if (secret_len(content) != rows[i].left)
            fail_msg("%s: %zu", rows[i].name, secret_len(content));
    }
    static const char *const types[] = { "octets", "pkcs8" };
    for (size_t i = 0; i < 2; i++) {
        struct secret *content = NULL;
        struct sealed s;
        seal(&s, span_from("\x30\x03\x02\x01\x05\0\0\0", 8), types[i]);
        assert_ok(open_it(&s, &content));
        assert_int_equal(secret_len(content), i ? 5 : 8);
        secret_free(content);
        done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrapped_opens),
        cmocka_unit_test(without_an_inner_layer_nothing_happens),
        cmocka_unit_test(headers_that_do_not_fit),
        cmocka_unit_test(fillings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
