// SPDX-License-Identifier: Apache-2.0
#include "client/held_key.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>
#include <stdatomic.h>

#include "base/writer.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "crypto/x509.h"

#define MATERIAL_MAX (2 * CERT_DER_MAX)
#define HANDLE_KIND_MASK 7U

struct held_key {
    atomic_uint references;
    EVP_PKEY *evp;
    struct secret *octets;   /* of a secret key */
    struct use_grant *grant; /* of one that stays at the KBS */
    uint64_t version;
    char id[KEY_ID_SIZE + 1], label[KEY_LABEL_MAX + 1];
    struct buf modulus, exponent, ec_params, ec_point, spki;
    struct cert *certificate;
    struct buf serial; /* of the certificate: DER INTEGER */
    struct object objects[OBJECT_KINDS];
    size_t object_count;
};

static const struct curve {
    enum key_kind kind;
    struct span oid; /* DER of namedCurve */
} curves[] = {
    { KEY_P256, { (const uint8_t *)"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10 } },
    { KEY_P384, { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x22", 7 } },
    { KEY_P521, { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x23", 7 } },
};

struct held_key *held_key_ref(struct held_key *k)
{
    atomic_fetch_add(&k->references, 1);
    return k;
}

void held_key_free(struct held_key *k)
{
    if (!k || atomic_fetch_sub(&k->references, 1) != 1)
        return;
    EVP_PKEY_free(k->evp);
    secret_free(k->octets);
    use_grant_free(k->grant);
    buf_done(&k->modulus);
    buf_done(&k->exponent);
    buf_done(&k->ec_params);
    buf_done(&k->ec_point);
    buf_done(&k->spki);
    buf_done(&k->serial);
    cert_free(k->certificate);
    free(k);
}

static void add_bytes(struct object *o, uint32_t type, struct span bytes)
{
    o->attributes[o->count++] =
        (struct agent_attribute){ .type = type, .kind = AGENT_BYTES, .bytes = bytes };
}

static void add_number(struct object *o, uint32_t type, uint64_t number)
{
    o->attributes[o->count++] =
        (struct agent_attribute){ .type = type, .kind = AGENT_NUMBER, .number = number };
}

static void add_flag(struct object *o, uint32_t type, bool on)
{
    o->attributes[o->count++] =
        (struct agent_attribute){ .type = type, .kind = AGENT_FLAG, .number = on };
}

/* DER of tag and length before `len` bytes; enough for what we hold (under 64 KiB). */
static void add_der_head(struct buf *b, uint8_t tag, size_t len)
{
    write_u8(b, tag);
    if (len < 0x80) {
        write_u8(b, (uint8_t)len);
    } else if (len <= 0xff) {
        write_u8(b, 0x81);
        write_u8(b, (uint8_t)len);
    } else {
        write_u8(b, 0x82);
        write_u16be(b, (uint16_t)len);
    }
}

/* The handle is made from what the key is, so that it is the same after a restart and new after a
 * rotation. */
static fallible handle_base(const struct held_key *k, uint64_t *out)
{
    struct buf parts owned(buf_done) = buf_of(MATERIAL_MAX);
    uint8_t hash[SHA256_SIZE];

    write_part(&parts, SPAN("warder-object-v1"));
    write_part(&parts, span_str(k->id));
    write_u64be(&parts, k->version);
    write_part(&parts, buf_span(&k->spki));
    TRY(buf_check(&parts));
    TRY(sha256(buf_span(&parts), hash));
    struct reader r = reader_of(SPAN_OF(hash));
    *out = (reader_u64be(&r) >> 1) & ~(uint64_t)HANDLE_KIND_MASK;
    return OK;
}

static struct object *object_new(struct held_key *k, enum object_kind kind, uint64_t class,
                                 uint64_t base)
{
    struct object *o = &k->objects[k->object_count++];

    *o = (struct object){ .kind = kind, .handle = base | kind };
    add_number(o, CKA_CLASS, class);
    add_flag(o, CKA_TOKEN, true);
    add_flag(o, CKA_PRIVATE, object_is_private(o));
    add_flag(o, CKA_MODIFIABLE, false);
    add_flag(o, CKA_COPYABLE, false);
    add_flag(o, CKA_DESTROYABLE, false);
    add_bytes(o, CKA_LABEL, span_str(k->label));
    add_bytes(o, CKA_ID, span_str(k->id));
    return o;
}

static void add_public_parts(const struct held_key *k, struct object *o)
{
    bool rsa = EVP_PKEY_get_base_id(k->evp) == EVP_PKEY_RSA;

    add_number(o, CKA_KEY_TYPE, rsa ? CKK_RSA : CKK_EC);
    add_flag(o, CKA_LOCAL, false);
    add_flag(o, CKA_DERIVE, false);
    add_bytes(o, CKA_START_DATE, (struct span){ 0 });
    add_bytes(o, CKA_END_DATE, (struct span){ 0 });
    add_number(o, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
    add_bytes(o, CKA_PUBLIC_KEY_INFO, buf_span(&k->spki));
    if (rsa) {
        add_bytes(o, CKA_MODULUS, buf_span(&k->modulus));
        add_bytes(o, CKA_PUBLIC_EXPONENT, buf_span(&k->exponent));
        return;
    }
    add_bytes(o, CKA_EC_PARAMS, buf_span(&k->ec_params));
    add_bytes(o, CKA_EC_POINT, buf_span(&k->ec_point));
}

static void add_secrecy(struct object *o)
{
    add_flag(o, CKA_SENSITIVE, true);
    add_flag(o, CKA_EXTRACTABLE, false);
    add_flag(o, CKA_ALWAYS_SENSITIVE, false); /* it came over the wire, wrapped */
    add_flag(o, CKA_NEVER_EXTRACTABLE, false);
    add_flag(o, CKA_WRAP_WITH_TRUSTED, false);
    add_flag(o, CKA_UNWRAP, false);
}

static bool may(const struct held_key *k, unsigned use)
{
    return !k->grant || use_grant_uses(k->grant) & use;
}

static void add_private_object(struct held_key *k, uint64_t base)
{
    bool rsa = EVP_PKEY_get_base_id(k->evp) == EVP_PKEY_RSA;
    struct object *o = object_new(k, OBJECT_PRIVATE, CKO_PRIVATE_KEY, base);

    add_public_parts(k, o);
    add_bytes(o, CKA_SUBJECT, k->certificate ? cert_subject(k->certificate) : (struct span){ 0 });
    add_secrecy(o);
    add_flag(o, CKA_SIGN, may(k, USE_SIGN));
    add_flag(o, CKA_SIGN_RECOVER, false);
    add_flag(o, CKA_DECRYPT, rsa && may(k, USE_DECRYPT));
    add_flag(o, CKA_ALWAYS_AUTHENTICATE, false);
    if (rsa)
        add_number(o, CKA_MODULUS_BITS, (uint64_t)EVP_PKEY_get_bits(k->evp));
}

static void add_public_object(struct held_key *k, uint64_t base)
{
    struct object *o = object_new(k, OBJECT_PUBLIC, CKO_PUBLIC_KEY, base);

    add_public_parts(k, o);
    add_bytes(o, CKA_SUBJECT, k->certificate ? cert_subject(k->certificate) : (struct span){ 0 });
    add_flag(o, CKA_ENCRYPT, false); /* public keys are for the caller's own library to use */
    add_flag(o, CKA_VERIFY, false);
    add_flag(o, CKA_VERIFY_RECOVER, false);
    add_flag(o, CKA_WRAP, false);
    add_flag(o, CKA_TRUSTED, false);
    if (EVP_PKEY_get_base_id(k->evp) == EVP_PKEY_RSA)
        add_number(o, CKA_MODULUS_BITS, (uint64_t)EVP_PKEY_get_bits(k->evp));
}

static void add_certificate_object(struct held_key *k, uint64_t base)
{
    struct object *o = object_new(k, OBJECT_CERTIFICATE, CKO_CERTIFICATE, base);

    add_number(o, CKA_CERTIFICATE_TYPE, CKC_X_509);
    add_number(o, CKA_CERTIFICATE_CATEGORY, 0);
    add_flag(o, CKA_TRUSTED, false);
    add_bytes(o, CKA_SUBJECT, cert_subject(k->certificate));
    add_bytes(o, CKA_ISSUER, cert_issuer(k->certificate));
    add_bytes(o, CKA_SERIAL_NUMBER, buf_span(&k->serial));
    add_bytes(o, CKA_VALUE, cert_der(k->certificate));
}

static void add_secret_object(struct held_key *k, uint64_t base)
{
    struct object *o = object_new(k, OBJECT_SECRET, CKO_SECRET_KEY, base);

    add_number(o, CKA_KEY_TYPE, CKK_AES);
    add_number(o, CKA_VALUE_LEN, secret_len(k->octets));
    add_flag(o, CKA_LOCAL, false);
    add_secrecy(o);
    add_flag(o, CKA_ENCRYPT, false);
    add_flag(o, CKA_DECRYPT, false);
    add_flag(o, CKA_SIGN, false);
    add_flag(o, CKA_VERIFY, false);
    add_flag(o, CKA_WRAP, false);
    add_flag(o, CKA_DERIVE, false);
}

static fallible take_ec_public(struct held_key *k, const struct key *key)
{
    struct buf point owned(buf_done) = buf_of(256);

    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (curves[i].kind == key_kind_of(key))
            buf_add(&k->ec_params, curves[i].oid);
    TRY(key_to_point(key, &point));
    add_der_head(&k->ec_point, 0x04, point.len); /* OCTET STRING, PKCS#11 2.40 section 2.3.3 */
    buf_add(&k->ec_point, buf_span(&point));
    TRY(buf_check(&k->ec_params));
    return buf_check(&k->ec_point);
}

static fallible take_public(struct held_key *k, const struct key *key)
{
    TRY(key_to_spki(key, &k->spki));
    if (key_kind_of(key) != KEY_RSA)
        return take_ec_public(k, key);
    if (key_bits(key) < RSA_BITS_MIN || key_bits(key) > RSA_BITS_MAX)
        return FAIL(INPUT, "released RSA key is not within 2048 and 4096 bits");
    return key_rsa_public(key, &k->modulus, &k->exponent);
}

static fallible take_certificate(struct held_key *k, struct span der, const struct key *key)
{
    TRY(cert_from_der(der, &k->certificate));
    if (!key_same_public(cert_key(k->certificate), key))
        return FAIL(INPUT, "certificate is not for the released key");
    struct span serial = cert_serial(k->certificate);
    bool high = serial.len && serial.at[0] & 0x80;
    add_der_head(&k->serial, 0x02, serial.len + high);
    if (high)
        write_u8(&k->serial, 0);
    buf_add(&k->serial, serial);
    return buf_check(&k->serial);
}

static fallible take_private_key(struct held_key *k, const struct secret *pkcs8,
                                 struct span certificate)
{
    struct key *key owned(key_free) = NULL;

    TRY(key_from_pkcs8(pkcs8, &key));
    TRY(take_public(k, key));
    if (certificate.len)
        TRY(take_certificate(k, certificate, key));
    struct span der = secret_expose(pkcs8);
    const unsigned char *at = der.at;
    k->evp = d2i_AutoPrivateKey_ex(NULL, &at, (long)der.len, NULL, NULL);
    return k->evp ? OK : FAIL(INPUT, "released key is not a private key that OpenSSL takes");
}

static fallible take_public_half(struct held_key *k, const struct released *r,
                                 struct span certificate)
{
    struct key *key owned(key_free) = NULL;
    const unsigned char *at = r->spki.at;

    TRY(key_from_spki(buf_span(&r->spki), &key));
    TRY(take_public(k, key));
    if (certificate.len)
        TRY(take_certificate(k, certificate, key));
    k->grant = use_grant_ref(r->grant);
    k->evp = d2i_PUBKEY(NULL, &at, (long)r->spki.len);
    return k->evp ? OK : FAIL(INPUT, "public half is not one that OpenSSL takes");
}

static fallible take_material(struct held_key *k, const struct released *r, struct span certificate)
{
    switch (r->form) {
    case RELEASED_SECRET:
        break;
    case RELEASED_PKCS8:
        return take_private_key(k, r->key, certificate);
    case RELEASED_OCTETS:
        k->octets = secret_copy(secret_expose(r->key));
        return k->octets ? OK : FAIL(SYSTEM, "secure memory exhausted");
    case RELEASED_STAYS:
        return take_public_half(k, r, certificate);
    }
    return FAIL(INPUT, "this is an opaque secret, not a key: 'skc-agent fetch' delivers it");
}

static void add_objects(struct held_key *k, uint64_t base)
{
    if (!k->evp) {
        add_secret_object(k, base);
        return;
    }
    add_private_object(k, base);
    add_public_object(k, base);
    if (k->certificate)
        add_certificate_object(k, base);
}

fallible held_key_new(const struct key_line *line, const struct released *released,
                      struct span certificate, struct held_key **out)
{
    struct held_key *k owned(held_key_free) = calloc(1, sizeof(*k));
    uint64_t base;

    if (!k)
        return FAIL(SYSTEM, "out of memory");
    atomic_init(&k->references, 1);
    k->modulus = k->exponent = k->ec_params = k->ec_point = k->spki = k->serial =
        buf_of(MATERIAL_MAX);
    k->version = released->version;
    memcpy(k->id, line->id, sizeof(k->id));
    memcpy(k->label, line->label, sizeof(k->label));
    if (released->form != RELEASED_SECRET &&
        (released->form == RELEASED_OCTETS) != line->secret_key)
        return FAIL(INPUT, "released key is not of the type that the keys file says");
    TRY(take_material(k, released, certificate));
    TRY(handle_base(k, &base));
    add_objects(k, base);
    *out = TAKE(k);
    return OK;
}

size_t held_key_objects(const struct held_key *k, const struct object **out)
{
    *out = k->objects;
    return k->object_count;
}

const struct object *held_key_object(const struct held_key *k, uint64_t handle)
{
    for (size_t i = 0; i < k->object_count; i++)
        if (k->objects[i].handle == handle)
            return &k->objects[i];
    return NULL;
}

EVP_PKEY *held_key_evp(const struct held_key *k)
{
    return k->evp;
}

struct use_grant *held_key_grant(const struct held_key *k)
{
    return k->grant;
}

const char *held_key_id(const struct held_key *k)
{
    return k->id;
}

uint64_t held_key_version(const struct held_key *k)
{
    return k->version;
}
