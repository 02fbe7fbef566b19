// SPDX-License-Identifier: Apache-2.0
/* The three ways out of the token, the best one first. */
#include "keys/pkcs11_hsm_internal.h"

#include "crypto/aead.h"
#include "crypto/inner_wrap.h"
#include "crypto/jose.h"
#include "crypto/random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FLAG(type, value)                                                                          \
    {                                                                                              \
        (type), &(value), sizeof(CK_BBOOL)                                                         \
    }
#define NUMBER(type, value)                                                                        \
    {                                                                                              \
        (type), &(value), sizeof(value)                                                            \
    }

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

fallible hsm_transport_key(struct hsm_session *s, CK_ATTRIBUTE_TYPE use, struct secret **kek,
                           CK_OBJECT_HANDLE *out)
{
    struct secret *made owned(secret_free) = NULL;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;

    TRY(random_secret(AEAD_KEY_SIZE, &made));
    CK_ATTRIBUTE template[] = {
        NUMBER(CKA_CLASS, class),  NUMBER(CKA_KEY_TYPE, type),
        FLAG(CKA_TOKEN, no),       FLAG(CKA_PRIVATE, yes),
        FLAG(CKA_SENSITIVE, yes),  FLAG(CKA_EXTRACTABLE, no),
        { use, &yes, sizeof yes }, { CKA_VALUE, secret_fill(made), secret_len(made) }
    };
    TRY(hsm_said(s, s->h->f->C_CreateObject(s->handle, template, COUNT(template), out)));
    *kek = TAKE(made);
    return OK;
}

static fallible wrap_under(struct hsm_session *s, CK_MECHANISM_TYPE how, CK_OBJECT_HANDLE kek,
                           CK_OBJECT_HANDLE object, struct secret **out)
{
    struct secret *wrapped owned(secret_free) = secret_new(HSM_VALUE_MAX);
    CK_MECHANISM mechanism = { how, NULL, 0 };
    CK_ULONG len = HSM_VALUE_MAX;

    if (!wrapped)
        return FAIL(SYSTEM, "secure memory exhausted");
    TRY(hsm_said(
        s, s->h->f->C_WrapKey(s->handle, &mechanism, kek, object, secret_fill(wrapped), &len)));
    if (len > HSM_VALUE_MAX)
        return FAIL(UPSTREAM, "the HSM does not say what it was asked");
    secret_shorten(wrapped, len);
    *out = TAKE(wrapped);
    return OK;
}

/* A key pair of one use in the token. */
static fallible make_ephemeral(struct hsm_session *s, CK_OBJECT_HANDLE *private_half,
                               struct key **public_key)
{
    struct span curve = hsm_curve_of(256);
    CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_ATTRIBUTE public[] = { FLAG(CKA_TOKEN, no),
                              { CKA_EC_PARAMS, (void *)(uintptr_t)curve.at, curve.len } };
    CK_ATTRIBUTE private[] = { FLAG(CKA_TOKEN, no), FLAG(CKA_PRIVATE, yes),
                               FLAG(CKA_SENSITIVE, yes), FLAG(CKA_EXTRACTABLE, no),
                               FLAG(CKA_DERIVE, yes) };
    struct secret *point owned(secret_free) = NULL;
    CK_OBJECT_HANDLE public_half, made;

    TRY(hsm_said(s, s->h->f->C_GenerateKeyPair(s->handle, &mechanism, public, COUNT(public),
                                               private, COUNT(private), &public_half, &made)));
    struct err e = hsm_attribute(s, public_half, CKA_EC_POINT, &point);
    (void)s->h->f->C_DestroyObject(s->handle, public_half);
    if (!failed(e)) { /* in an OCTET STRING, but some tokens give it bare */
        struct span at = secret_expose(point);
        e = key_from_point(KEY_P256, at.len == P256_POINT_SIZE + 2 ? span_tail(at, 2) : at,
                           public_key);
    }
    if (failed(e)) {
        (void)s->h->f->C_DestroyObject(s->handle, made);
        return e.kind == FAIL_INPUT ? FAIL(UPSTREAM, "the HSM gives no point of its key") : e;
    }
    *private_half = made;
    return OK;
}

/* Its agreement with the recipient, as an AES key that never leaves. */
static fallible agree(struct hsm_session *s, CK_OBJECT_HANDLE private_half,
                      const struct key *recipient, CK_OBJECT_HANDLE *out)
{
    struct buf point owned(buf_done) = buf_of(P256_POINT_SIZE);
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ULONG bytes = AEAD_KEY_SIZE;
    CK_ATTRIBUTE template[] = { NUMBER(CKA_CLASS, class), NUMBER(CKA_KEY_TYPE, type),
                                FLAG(CKA_TOKEN, no),      FLAG(CKA_PRIVATE, yes),
                                FLAG(CKA_SENSITIVE, yes), FLAG(CKA_EXTRACTABLE, no),
                                FLAG(CKA_WRAP, yes),      NUMBER(CKA_VALUE_LEN, bytes) };

    TRY(key_to_point(recipient, &point));
    CK_ECDH1_DERIVE_PARAMS parameters = { .kdf = CKD_NULL,
                                          .ulPublicDataLen = point.len,
                                          .pPublicData = point.at };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &parameters, sizeof parameters };
    return hsm_said(s, s->h->f->C_DeriveKey(s->handle, &mechanism, private_half, template,
                                            COUNT(template), out));
}

/* First way: wrapped to the recipient inside the token; what is seen here is of use to nobody else.
 */
static fallible wrap_inside(struct hsm_session *s, CK_MECHANISM_TYPE how, CK_OBJECT_HANDLE object,
                            struct hsm_job *job)
{
    struct key *ephemeral owned(key_free) = NULL;
    struct secret *wrapped owned(secret_free) = NULL;
    json_t *header owned(json_free) = job->header ? json_deep_copy(job->header) : json_object();
    CK_OBJECT_HANDLE private_half = CK_INVALID_HANDLE, kek = CK_INVALID_HANDLE;

    if (!header)
        return FAIL(SYSTEM, "out of memory");
    TRY(make_ephemeral(s, &private_half, &ephemeral));
    struct err e = agree(s, private_half, job->recipient, &kek);
    (void)s->h->f->C_DestroyObject(s->handle, private_half);
    TRY(e);
    e = wrap_under(s, how, kek, object, &wrapped);
    (void)s->h->f->C_DestroyObject(s->handle, kek);
    TRY(e);
    TRY(inner_header_set(header, ephemeral));
    return jwe_seal(job->recipient, header, wrapped, job->jwe);
}

static fallible seal(struct hsm_job *job, const struct secret *given)
{
    struct secret *material owned(secret_free) = NULL;
    struct key_spec found;

    if (failed(key_material_parse(given, job->spec->algorithm, &material, &found)) ||
        !key_spec_equal(&found, job->spec))
        return FAIL(INPUT, "the HSM gives another key than it described");
    return key_material_wrap(material, job->spec, job->recipient, job->header, job->jwe);
}

/* Second way: out under a key of one use that we know. */
static fallible wrap_here(struct hsm_session *s, CK_MECHANISM_TYPE how, CK_OBJECT_HANDLE object,
                          struct hsm_job *job)
{
    struct secret *kek owned(secret_free) = NULL, *wrapped owned(secret_free) = NULL;
    struct secret *given owned(secret_free) = NULL;
    CK_OBJECT_HANDLE transport;

    TRY(hsm_transport_key(s, CKA_WRAP, &kek, &transport));
    struct err e = wrap_under(s, how, transport, object, &wrapped);
    (void)s->h->f->C_DestroyObject(s->handle, transport);
    TRY(e);
    if (failed(aes_kwp_unwrap(kek, secret_expose(wrapped), &given)))
        return FAIL(UPSTREAM, "the HSM's AES key wrap is not that of RFC 5649");
    if (job->spec->algorithm != KEY_ALGORITHM_AES)
        inner_trim_pkcs8(given);
    return seal(job, given);
}

static fallible read_rsa(struct hsm_session *s, CK_OBJECT_HANDLE object, struct key **out)
{
    static const CK_ATTRIBUTE_TYPE types[RSA_PARTS] = { CKA_MODULUS,          CKA_PUBLIC_EXPONENT,
                                                        CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
                                                        CKA_PRIME_2,          CKA_EXPONENT_1,
                                                        CKA_EXPONENT_2,       CKA_COEFFICIENT };
    struct secret *values[RSA_PARTS] = { 0 };
    struct span parts[RSA_PARTS];
    struct err e = OK;

    for (size_t i = 0; i < RSA_PARTS && !failed(e); i++) {
        e = hsm_attribute(s, object, types[i], &values[i]);
        if (!failed(e))
            parts[i] = secret_expose(values[i]);
    }
    if (!failed(e))
        e = key_from_rsa_private(parts, out);
    for (size_t i = 0; i < RSA_PARTS; i++)
        secret_free(values[i]);
    return e;
}

static fallible read_ec(struct hsm_session *s, CK_OBJECT_HANDLE object, unsigned bits,
                        struct key **out)
{
    struct secret *scalar owned(secret_free) = NULL;

    TRY(hsm_attribute(s, object, CKA_VALUE, &scalar));
    return key_from_ec_number(bits == 256   ? KEY_P256
                              : bits == 384 ? KEY_P384
                                            : KEY_P521,
                              secret_expose(scalar), out);
}

/* Third way: read, where the token shows it. */
static fallible read_value(struct hsm_session *s, CK_OBJECT_HANDLE object, struct hsm_job *job)
{
    struct secret *given owned(secret_free) = NULL;
    struct key *k owned(key_free) = NULL;

    switch (job->spec->algorithm) {
    case KEY_ALGORITHM_AES:
        TRY(hsm_attribute(s, object, CKA_VALUE, &given));
        return seal(job, given);
    case KEY_ALGORITHM_RSA:
        TRY(read_rsa(s, object, &k));
        break;
    case KEY_ALGORITHM_EC:
        TRY(read_ec(s, object, job->spec->bits, &k));
        break;
    case KEY_ALGORITHM_OPAQUE:
        return FAIL(INPUT, HSM_NO_SECRETS);
    }
    TRY(key_to_pkcs8(k, &given));
    return seal(job, given);
}

fallible hsm_export(struct hsm_session *s, CK_OBJECT_HANDLE object, struct hsm_job *job)
{
    CK_MECHANISM_TYPE how;

    if (!hsm_flag(s, object, CKA_EXTRACTABLE))
        return FAIL(DENIED, "the key may not leave the HSM");
    if (!hsm_padded_wrap(s, CKF_WRAP, &how))
        return hsm_flag(s, object, CKA_SENSITIVE)
                   ? FAIL(DENIED, "the key may leave the HSM only wrapped, and it lacks AES key "
                                  "wrap with padding")
                   : read_value(s, object, job);
    if (key_kind_of(job->recipient) == KEY_P256 && !key_header_is_bare(job->header) &&
        hsm_can(s, CKM_ECDH1_DERIVE, CKF_DERIVE) &&
        hsm_can(s, CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR))
        return wrap_inside(s, how, object, job);
    return wrap_here(s, how, object, job);
}
