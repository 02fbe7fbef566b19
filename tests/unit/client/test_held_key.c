// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>

#include "base/clock.h"
#include "client/held_key.h"
#include "client/key_use.h"
#include "crypto/crypto.h"
#include "crypto/signature.h"
#include "crypto/x509.h"

#define ID "164b41ae-be61-4c7c-a027-4a2ab1e5e4c4"

static const struct key_line private_line = { .id = ID, .label = "RSAKEY" };
static const struct key_line secret_line = { .id = ID, .label = "AESKEY", .secret_key = true };
static struct key *rsa, *p256, *p384, *other;

static struct held_key *hold(const struct key *k, uint64_t version, struct span certificate)
{
    struct released r owned(released_done) = { .version = version };
    struct held_key *held = NULL;

    assert_ok(key_to_pkcs8(k, &r.key));
    assert_ok(held_key_new(&private_line, &r, certificate, &held));
    return held;
}

static const struct object *object_of(const struct held_key *k, enum object_kind kind)
{
    const struct object *objects = NULL;
    size_t n = held_key_objects(k, &objects);

    for (size_t i = 0; i < n; i++)
        if (objects[i].kind == kind)
            return &objects[i];
    return NULL;
}

static void rsa_objects(void **state)
{
    (void)state;
    struct held_key *k owned(held_key_free) = hold(rsa, 1, (struct span){ 0 });
    const struct object *private = object_of(k, OBJECT_PRIVATE),
                        *public = object_of(k, OBJECT_PUBLIC);

    assert_non_null(private);
    assert_non_null(public);
    assert_null(object_of(k, OBJECT_CERTIFICATE));
    const struct object *both[] = { private, public };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(object_attribute(both[i], CKA_MODULUS)->bytes.len, 256);
        assert_true(
            span_equal(object_attribute(both[i], CKA_PUBLIC_EXPONENT)->bytes, SPAN("\1\0\1")));
        assert_true(span_equal_str(object_attribute(both[i], CKA_ID)->bytes, ID));
        assert_true(span_equal_str(object_attribute(both[i], CKA_LABEL)->bytes, "RSAKEY"));
        assert_int_equal(object_attribute(both[i], CKA_TOKEN)->number, 1);
    }
    assert_int_equal(object_attribute(private, CKA_SENSITIVE)->number, 1);
    assert_int_equal(object_attribute(private, CKA_EXTRACTABLE)->number, 0);
    assert_int_equal(object_attribute(private, CKA_PRIVATE)->number, 1);
    assert_int_equal(object_attribute(public, CKA_PRIVATE)->number, 0);
    static const uint32_t secrets[] = { CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
                                        CKA_EXPONENT_1,       CKA_EXPONENT_2, CKA_COEFFICIENT };
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        assert_null(object_attribute(private, secrets[i]));
        assert_true(object_hides(private, secrets[i]));
        assert_false(object_hides(public, secrets[i]));
    }
}

static void ec_objects(void **state)
{
    (void)state;
    static const struct {
        struct key **key;
        const char *params;
        size_t params_len, point_len;
    } rows[] = { { &p256, "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10, 67 },
                 { &p384, "\x06\x05\x2b\x81\x04\x00\x22", 7, 99 } };

    for (size_t i = 0; i < 2; i++) {
        struct held_key *k owned(held_key_free) = hold(*rows[i].key, 1, (struct span){ 0 });
        const struct object *o = object_of(k, OBJECT_PRIVATE);
        assert_true(span_equal(object_attribute(o, CKA_EC_PARAMS)->bytes,
                               span_from(rows[i].params, rows[i].params_len)));
        struct span point = object_attribute(o, CKA_EC_POINT)->bytes;
        assert_int_equal(point.len, rows[i].point_len);
        assert_int_equal(point.at[0], 4); /* OCTET STRING */
        assert_int_equal(point.at[1], point.len - 2);
        assert_int_equal(point.at[2], 4); /* uncompressed */
        assert_true(object_hides(o, CKA_VALUE));
    }
}

/* The same after a restart, other after a rotation: the engine never asks again about a handle it
 * knows. */
static void handles(void **state)
{
    (void)state;
    struct held_key *first owned(held_key_free) = hold(p256, 1, (struct span){ 0 });
    struct held_key *again owned(held_key_free) = hold(p256, 1, (struct span){ 0 });
    struct held_key *rotated owned(held_key_free) = hold(p256, 2, (struct span){ 0 });
    struct held_key *replaced owned(held_key_free) = hold(other, 1, (struct span){ 0 });
    uint64_t handle = object_of(first, OBJECT_PRIVATE)->handle;

    assert_int_equal(handle, object_of(again, OBJECT_PRIVATE)->handle);
    assert_int_not_equal(handle, object_of(first, OBJECT_PUBLIC)->handle);
    assert_int_not_equal(handle, object_of(rotated, OBJECT_PRIVATE)->handle);
    assert_int_not_equal(handle, object_of(replaced, OBJECT_PRIVATE)->handle);
    assert_int_not_equal(handle, 0);
    assert_non_null(held_key_object(first, handle));
    assert_null(held_key_object(rotated, handle));
}

static void matching(void **state)
{
    (void)state;
    struct held_key *k owned(held_key_free) = hold(p256, 1, (struct span){ 0 });
    const struct object *o = object_of(k, OBJECT_PRIVATE);
    const struct agent_attribute wanted[] = {
        { .type = CKA_CLASS, .kind = AGENT_NUMBER, .number = CKO_PRIVATE_KEY },
        { .type = CKA_LABEL, .kind = AGENT_BYTES, .bytes = SPAN("RSAKEY") },
        { .type = CKA_ID, .kind = AGENT_BYTES, .bytes = SPAN(ID) }
    };
    const struct agent_attribute wrong[] = {
        { .type = CKA_LABEL, .kind = AGENT_BYTES, .bytes = SPAN("RSAKEY2") },
        { .type = CKA_CLASS, .kind = AGENT_BYTES, .bytes = SPAN("\3") },
        { .type = CKA_MODULUS, .kind = AGENT_BYTES },
        { .type = CKA_EXTRACTABLE, .kind = AGENT_FLAG, .number = 1 }
    };

    assert_true(object_matches(o, wanted, 0));
    assert_true(object_matches(o, wanted, 3));
    for (size_t i = 0; i < 4; i++)
        assert_false(object_matches(o, &wrong[i], 1));
}

static struct cert *self_signed(const struct key *k)
{
    struct cert *c = NULL;
    const struct cert_request request = {
        .common_name = "nginx", .key = k, .not_before = 0, .not_after = 4102444800, .path_len = -1
    };

    assert_ok(cert_issue(&request, NULL, k, &c));
    return c;
}

static void certificates(void **state)
{
    (void)state;
    struct cert *c owned(cert_free) = self_signed(p256);
    struct held_key *k owned(held_key_free) = hold(p256, 1, cert_der(c));
    const struct object *o = object_of(k, OBJECT_CERTIFICATE);

    assert_non_null(o);
    assert_true(span_equal(object_attribute(o, CKA_VALUE)->bytes, cert_der(c)));
    assert_true(span_equal(object_attribute(o, CKA_SUBJECT)->bytes, cert_subject(c)));
    struct released r owned(released_done) = { .version = 1 };
    struct held_key *none = NULL;
    assert_ok(key_to_pkcs8(rsa, &r.key));
    assert_fails(held_key_new(&private_line, &r, cert_der(c), &none),
                 FAIL_INPUT); /* not for this key */
    assert_null(none);
}

static void secret_keys(void **state)
{
    (void)state;
    struct released r owned(
        released_done) = { .version = 1, .form = RELEASED_OCTETS, .key = secret_new(32) };
    struct held_key *k owned(held_key_free) = NULL;
    struct held_key *none = NULL;

    assert_ok(held_key_new(&secret_line, &r, (struct span){ 0 }, &k));
    const struct object *o = object_of(k, OBJECT_SECRET);
    assert_int_equal(object_attribute(o, CKA_VALUE_LEN)->number, 32);
    assert_true(object_hides(o, CKA_VALUE));
    assert_null(held_key_evp(k));
    assert_fails(held_key_new(&private_line, &r, (struct span){ 0 }, &none),
                 FAIL_INPUT); /* the line says another type */
    struct released garbage owned(released_done) = { .key = secret_copy(SPAN("not a key")) };
    assert_fails(held_key_new(&private_line, &garbage, (struct span){ 0 }, &none), FAIL_INPUT);
}

static const struct signing_row {
    const char *name;
    struct key **key;
    uint32_t mechanism, hash, mgf, salt;
    enum signature_scheme scheme;
    enum digest_kind digest;
    bool hashed_by_agent;
} signing_rows[] = {
    { "PSS SHA-256", &rsa, CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32, SIGNATURE_RSA_PSS,
      DIGEST_SHA256, false },
    { "PSS SHA-384", &rsa, CKM_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48, SIGNATURE_RSA_PSS,
      DIGEST_SHA384, false },
    { "SHA512-RSA-PSS", &rsa, CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512, 64,
      SIGNATURE_RSA_PSS, DIGEST_SHA512, true },
    { "SHA256-RSA-PKCS", &rsa, CKM_SHA256_RSA_PKCS, 0, 0, 0, SIGNATURE_RSA_PKCS1, DIGEST_SHA256,
      true },
    { "ECDSA P-256", &p256, CKM_ECDSA, 0, 0, 0, SIGNATURE_ECDSA, DIGEST_SHA256, false },
    { "ECDSA P-384", &p384, CKM_ECDSA, 0, 0, 0, SIGNATURE_ECDSA, DIGEST_SHA384, false },
    { "ECDSA-SHA384 P-384", &p384, CKM_ECDSA_SHA384, 0, 0, 0, SIGNATURE_ECDSA, DIGEST_SHA384,
      true },
};

/* Twice with one key_use, since the second comes from the context that is kept. */
static void signatures_verify(void **state)
{
    (void)state;
    struct key_use *use owned(key_use_free) = key_use_new();

    for (size_t i = 0; i < 2 * sizeof(signing_rows) / sizeof(signing_rows[0]); i++) {
        const struct signing_row *row = &signing_rows[i / 2];
        struct held_key *k owned(held_key_free) = hold(*row->key, 1, (struct span){ 0 });
        uint8_t hash[DIGEST_MAX], signature[KEY_USE_MAX];
        size_t len = 0;
        bool good = false;
        assert_ok(digest_of(row->digest, SPAN("message"), hash));
        struct agent_use how = { .mechanism = row->mechanism,
                                 .hash = row->hash,
                                 .mgf = row->mgf,
                                 .salt = row->salt,
                                 .data = row->hashed_by_agent
                                             ? SPAN("message")
                                             : span_from(hash, digest_size(row->digest)) };
        for (int again = 0; again < 2; again++) {
            if (key_sign(use, k, &how, signature, &len) != AGENT_OK)
                fail_msg("%s", row->name);
            assert_ok(signature_verify(*row->key, row->scheme, row->digest, SPAN("message"),
                                       span_from(signature, len), &good));
            if (!good)
                fail_msg("%s: does not verify", row->name);
        }
        key_use_forget(use);
    }
}

static void pkcs1_takes_a_digest_info(void **state)
{
    (void)state;
    static const uint8_t prefix[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
    struct key_use *use owned(key_use_free) = key_use_new();
    struct held_key *k owned(held_key_free) = hold(rsa, 1, (struct span){ 0 });
    uint8_t info[sizeof(prefix) + SHA256_SIZE], signature[KEY_USE_MAX];
    size_t len = 0;
    bool good = false;

    memcpy(info, prefix, sizeof(prefix));
    assert_ok(sha256(SPAN("message"), info + sizeof(prefix)));
    const struct agent_use how = { .mechanism = CKM_RSA_PKCS, .data = SPAN_OF(info) };
    assert_int_equal(key_sign(use, k, &how, signature, &len), AGENT_OK);
    assert_ok(signature_verify(rsa, SIGNATURE_RSA_PKCS1, DIGEST_SHA256, SPAN("message"),
                               span_from(signature, len), &good));
    assert_true(good);
}

static void bad_uses(void **state)
{
    (void)state;
    static const uint8_t data[600];
    static const struct {
        const char *name;
        struct key **key;
        struct agent_use use;
        enum agent_status status;
    } rows[] = {
        { "unknown mechanism", &rsa, { .mechanism = CKM_RSA_X_509 }, AGENT_BAD_MECHANISM },
        { "RSA with an EC key",
          &p256,
          { .mechanism = CKM_RSA_PKCS, .data = { data, 32 } },
          AGENT_BAD_MECHANISM },
        { "ECDSA with an RSA key",
          &rsa,
          { .mechanism = CKM_ECDSA, .data = { data, 32 } },
          AGENT_BAD_MECHANISM },
        { "PSS without a hash",
          &rsa,
          { .mechanism = CKM_RSA_PKCS_PSS, .data = { data, 32 } },
          AGENT_BAD_MECHANISM },
        { "PSS, hash of another length",
          &rsa,
          { .mechanism = CKM_RSA_PKCS_PSS,
            .hash = CKM_SHA256,
            .mgf = CKG_MGF1_SHA256,
            .salt = 32,
            .data = { data, 31 } },
          AGENT_BAD_DATA },
        { "PSS, huge salt",
          &rsa,
          { .mechanism = CKM_RSA_PKCS_PSS,
            .hash = CKM_SHA256,
            .mgf = CKG_MGF1_SHA256,
            .salt = 0xffffffff,
            .data = { data, 32 } },
          AGENT_BAD_MECHANISM },
        { "PKCS#1, too long",
          &rsa,
          { .mechanism = CKM_RSA_PKCS, .data = { data, 246 } },
          AGENT_BAD_DATA },
        { "ECDSA, nothing", &p256, { .mechanism = CKM_ECDSA }, AGENT_BAD_DATA },
        { "ECDSA, too long",
          &p256,
          { .mechanism = CKM_ECDSA, .data = { data, 65 } },
          AGENT_BAD_DATA },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key_use *use owned(key_use_free) = key_use_new();
        struct held_key *k owned(held_key_free) = hold(*rows[i].key, 1, (struct span){ 0 });
        uint8_t out[KEY_USE_MAX];
        size_t len = 0;
        enum agent_status status = key_sign(use, k, &rows[i].use, out, &len);
        if (status != rows[i].status)
            fail_msg("%s: %d", rows[i].name, (int)status);
        assert_int_equal(len, 0);
    }
}

/* Encrypts to the public key with OpenSSL alone. */
static size_t oaep_encrypt(const struct key *k, const EVP_MD *md, uint8_t *out)
{
    struct buf spki owned(buf_done) = buf_of(4096);
    size_t len = 256;

    assert_ok(key_to_spki(k, &spki));
    const unsigned char *at = spki.at;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)spki.len);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    assert_true(EVP_PKEY_encrypt_init(ctx) > 0 &&
                EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0);
    assert_true(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) > 0 &&
                EVP_PKEY_encrypt(ctx, out, &len, (const uint8_t *)"hello", 5) > 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return len;
}

static void decryption(void **state)
{
    (void)state;
    struct held_key *k owned(held_key_free) = hold(rsa, 1, (struct span){ 0 });
    uint8_t sealed[256], out[KEY_USE_MAX];
    size_t len = 0;
    struct agent_use how = { .mechanism = CKM_RSA_PKCS_OAEP,
                             .hash = CKM_SHA256,
                             .mgf = CKG_MGF1_SHA256 };

    how.data = span_from(sealed, oaep_encrypt(rsa, EVP_sha256(), sealed));
    assert_int_equal(key_decrypt(k, &how, out, &len), AGENT_OK);
    assert_true(span_equal_str(span_from(out, len), "hello"));
    sealed[9] ^= 1;
    assert_int_equal(key_decrypt(k, &how, out, &len), AGENT_BAD_DATA);
    how.mechanism = CKM_RSA_PKCS; /* would be a padding oracle */
    assert_int_equal(key_decrypt(k, &how, out, &len), AGENT_BAD_MECHANISM);
}

static int set_up(void **state)
{
    (void)state;
    assert_ok(crypto_start(CRYPTO_MEMORY_PLAIN));
    assert_ok(key_make_rsa(2048, &rsa));
    assert_ok(key_make_ec(KEY_P256, &p256));
    assert_ok(key_make_ec(KEY_P384, &p384));
    assert_ok(key_make_ec(KEY_P256, &other));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    key_free(rsa);
    key_free(p256);
    key_free(p384);
    key_free(other);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsa_objects),       cmocka_unit_test(ec_objects),
        cmocka_unit_test(handles),           cmocka_unit_test(matching),
        cmocka_unit_test(certificates),      cmocka_unit_test(secret_keys),
        cmocka_unit_test(signatures_verify), cmocka_unit_test(pkcs1_takes_a_digest_info),
        cmocka_unit_test(bad_uses),          cmocka_unit_test(decryption),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
