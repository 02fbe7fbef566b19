// SPDX-License-Identifier: Apache-2.0
/* Keys that stay in the HSM, used there. */
#include "crypto/aead.h"
#include "keys/pkcs11_hsm_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define INFO_MAX 128

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/* What stands before the hash in a PKCS#1 v1.5 signature (RFC 8017 section 9.2, note 1); and
 * PKCS#11's numbers. */
static const struct hash {
    struct span prefix;
    CK_MECHANISM_TYPE mechanism;
    CK_RSA_PKCS_MGF_TYPE mgf;
} hashes[] = {
    [DIGEST_SHA1] = { { NULL, 0 }, CKM_SHA_1, CKG_MGF1_SHA1 },
    [DIGEST_SHA256] = { { (const uint8_t *)"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04"
                                           "\x02\x01\x05\x00\x04\x20",
                          19 },
                        CKM_SHA256,
                        CKG_MGF1_SHA256 },
    [DIGEST_SHA384] = { { (const uint8_t *)"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04"
                                           "\x02\x02\x05\x00\x04\x30",
                          19 },
                        CKM_SHA384,
                        CKG_MGF1_SHA384 },
    [DIGEST_SHA512] = { { (const uint8_t *)"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04"
                                           "\x02\x03\x05\x00\x04\x40",
                          19 },
                        CKM_SHA512,
                        CKG_MGF1_SHA512 },
};

static fallible run_sign(struct hsm_session *s, CK_OBJECT_HANDLE key, CK_MECHANISM *mechanism,
                         struct span input, struct buf *result)
{
    uint8_t signature[HSM_VALUE_MAX];
    CK_ULONG len = sizeof signature;

    if (!hsm_can(s, mechanism->mechanism, CKF_SIGN))
        return FAIL(INPUT, "this HSM has no such mechanism");
    TRY(hsm_said(s, s->h->f->C_SignInit(s->handle, mechanism, key)));
    TRY(hsm_said(
        s, s->h->f->C_Sign(s->handle, (CK_BYTE *)(uintptr_t)input.at, input.len, signature, &len)));
    buf_add(result, span_from(signature, len));
    return buf_check(result);
}

static fallible sign(struct hsm_session *s, CK_OBJECT_HANDLE key, const struct key_use *u,
                     struct buf *result)
{
    const struct hash *h = &hashes[u->hash];
    struct buf info owned(buf_done) = buf_of(INFO_MAX);
    CK_RSA_PKCS_PSS_PARAMS pss = { h->mechanism, h->mgf, u->input.len };
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };

    switch (u->mechanism) {
    case KEY_MECHANISM_RSA_PKCS1:
        mechanism.mechanism = CKM_RSA_PKCS;
        buf_add(&info, h->prefix);
        break;
    case KEY_MECHANISM_RSA_PSS:
        mechanism = (CK_MECHANISM){ CKM_RSA_PKCS_PSS, &pss, sizeof pss };
        break;
    case KEY_MECHANISM_ECDSA:
        break;
    case KEY_MECHANISM_RSA_OAEP:
    case KEY_MECHANISM_ECDH:
        return FAIL(INPUT, "the mechanism is of another operation");
    }
    buf_add(&info, u->input);
    TRY(buf_check(&info));
    return run_sign(s, key, &mechanism, buf_span(&info), result);
}

static fallible decrypt(struct hsm_session *s, CK_OBJECT_HANDLE key, const struct key_use *u,
                        struct secret **out)
{
    const struct hash *h = &hashes[u->hash];
    CK_RSA_PKCS_OAEP_PARAMS oaep = { h->mechanism, h->mgf, CKZ_DATA_SPECIFIED,
                                     u->label.len ? (void *)(uintptr_t)u->label.at : NULL,
                                     u->label.len };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep };
    struct secret *plain owned(secret_free) = secret_new(HSM_VALUE_MAX);
    CK_ULONG len = HSM_VALUE_MAX;

    if (!plain)
        return FAIL(SYSTEM, "secure memory exhausted");
    CK_RV rv = s->h->f->C_DecryptInit(s->handle, &mechanism, key);
    if (rv == CKR_ARGUMENTS_BAD || rv == CKR_MECHANISM_PARAM_INVALID)
        return FAIL(INPUT, "this HSM does not decrypt with this hash or label");
    TRY(hsm_said(s, rv));
    rv = s->h->f->C_Decrypt(s->handle, (CK_BYTE *)(uintptr_t)u->input.at, u->input.len,
                            secret_fill(plain), &len);
    if (rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE ||
        rv == CKR_GENERAL_ERROR) /* SoftHSM's word for it */
        return FAIL(INPUT, "the text does not open with this key");
    TRY(hsm_said(s, rv));
    if (len > HSM_VALUE_MAX)
        return FAIL(UPSTREAM, "the HSM does not say what it was asked");
    secret_shorten(plain, len);
    *out = TAKE(plain);
    return OK;
}

/* The agreed secret as a key of this session, which is read: it is for the recipient. */
static fallible derive(struct hsm_session *s, CK_OBJECT_HANDLE key, const struct key_spec *spec,
                       const struct key_use *u, struct secret **out)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ULONG bytes = (spec->bits + 7) / 8;
    CK_ATTRIBUTE template[] = {
        { CKA_CLASS, &class, sizeof class },     { CKA_KEY_TYPE, &type, sizeof type },
        { CKA_TOKEN, &no, sizeof no },           { CKA_PRIVATE, &yes, sizeof yes },
        { CKA_SENSITIVE, &no, sizeof no },       { CKA_EXTRACTABLE, &yes, sizeof yes },
        { CKA_VALUE_LEN, &bytes, sizeof bytes },
    };
    CK_ECDH1_DERIVE_PARAMS parameters = { .kdf = CKD_NULL,
                                          .ulPublicDataLen = u->input.len,
                                          .pPublicData = (CK_BYTE *)(uintptr_t)u->input.at };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &parameters, sizeof parameters };
    struct key *peer owned(key_free) = NULL;
    CK_OBJECT_HANDLE agreed;

    /* Looked at here first: not every token refuses a point that is not on the curve. */
    TRY(key_from_point(spec->bits == 256   ? KEY_P256
                       : spec->bits == 384 ? KEY_P384
                                           : KEY_P521,
                       u->input, &peer));
    TRY(hsm_said(
        s, s->h->f->C_DeriveKey(s->handle, &mechanism, key, template, COUNT(template), &agreed)));
    struct err e = hsm_attribute(s, agreed, CKA_VALUE, out);
    (void)s->h->f->C_DestroyObject(s->handle, agreed);
    return e;
}

fallible hsm_use(struct hsm_session *s, CK_OBJECT_HANDLE key, const struct key_spec *spec,
                 const struct key_use *u, struct buf *result)
{
    struct secret *plain owned(secret_free) = NULL;

    switch (u->operation) {
    case KEY_OPERATION_SIGN:
        return sign(s, key, u, result);
    case KEY_OPERATION_DECRYPT:
        TRY(decrypt(s, key, u, &plain));
        break;
    case KEY_OPERATION_DERIVE:
        TRY(derive(s, key, spec, u, &plain));
        break;
    }
    return key_use_seal(u, plain, result);
}

static fallible rsa_public(struct hsm_session *s, CK_OBJECT_HANDLE key, struct key **out)
{
    struct secret *modulus owned(secret_free) = NULL, *exponent owned(secret_free) = NULL;

    TRY(hsm_attribute(s, key, CKA_MODULUS, &modulus));
    TRY(hsm_attribute(s, key, CKA_PUBLIC_EXPONENT, &exponent));
    return key_from_rsa_public(secret_expose(modulus), secret_expose(exponent), out);
}

/* The object of the public half: of the same label, and id where there is one. */
static fallible find_public(struct hsm_session *s, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE *out)
{
    struct secret *label owned(secret_free) = NULL, *id owned(secret_free) = NULL;
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_ATTRIBUTE template[3] = { { CKA_CLASS, &class, sizeof class } };

    TRY(hsm_attribute(s, key, CKA_LABEL, &label));
    TRY(hsm_attribute(s, key, CKA_ID, &id));
    template[1] = (CK_ATTRIBUTE){ CKA_LABEL, secret_fill(label), secret_len(label) };
    template[2] = (CK_ATTRIBUTE){ CKA_ID, secret_fill(id), secret_len(id) };
    struct err e = hsm_find(s, template, COUNT(template), out);
    return e.kind == FAIL_ABSENT ? FAIL(INPUT, "the HSM has no public half of this key") : e;
}

fallible hsm_keep_public(struct hsm_session *s, struct span label, const struct key_spec *spec,
                         const struct secret *material)
{
    struct key *k owned(key_free) = NULL;
    struct buf point owned(buf_done) = buf_of(INFO_MAX * 2),
                     bare owned(buf_done) = buf_of(INFO_MAX * 2);
    struct span curve = hsm_curve_of(spec->bits);
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = CKK_EC;
    CK_OBJECT_HANDLE made;

    TRY(key_from_pkcs8(material, &k));
    TRY(key_to_point(k, &bare));
    buf_add_u8(&point, 0x04); /* OCTET STRING; of P-521 longer than 127 bytes */
    if (bare.len > 127)
        buf_add_u8(&point, 0x81);
    buf_add_u8(&point, (uint8_t)bare.len);
    buf_add(&point, buf_span(&bare));
    TRY(buf_check(&point));
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof class },
                                { CKA_KEY_TYPE, &type, sizeof type },
                                { CKA_TOKEN, &yes, sizeof yes },
                                { CKA_LABEL, (void *)(uintptr_t)label.at, label.len },
                                { CKA_EC_PARAMS, (void *)(uintptr_t)curve.at, curve.len },
                                { CKA_EC_POINT, point.at, point.len } };
    return hsm_said(s, s->h->f->C_CreateObject(s->handle, template, COUNT(template), &made));
}

fallible hsm_destroy_public(struct hsm_session *s, const struct key_ref *ref)
{
    struct buf label owned(buf_done) = buf_of(HSM_LABEL_MAX);
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_OBJECT_HANDLE object;

    TRY(hsm_label_of(s->h, ref, &label));
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof class },
                                { CKA_TOKEN, &yes, sizeof yes },
                                { CKA_LABEL, label.at, label.len } };
    struct err e = hsm_find(s, template, COUNT(template), &object);
    if (e.kind == FAIL_ABSENT)
        return OK;
    TRY(e);
    return hsm_said(s, s->h->f->C_DestroyObject(s->handle, object));
}

static fallible ec_public(struct hsm_session *s, CK_OBJECT_HANDLE key, unsigned bits,
                          struct key **out)
{
    struct secret *point owned(secret_free) = NULL;
    size_t size = 1 + (size_t)2 * ((bits + 7) / 8);
    CK_OBJECT_HANDLE public_half;

    TRY(find_public(s, key, &public_half));
    TRY(hsm_attribute(s, public_half, CKA_EC_POINT, &point));
    struct span at = secret_expose(point);
    if (at.len > size) /* in an OCTET STRING, but some tokens give it bare */
        at = span_tail(at, at.len - size);
    return key_from_point(bits == 256 ? KEY_P256 : bits == 384 ? KEY_P384 : KEY_P521, at, out);
}

fallible hsm_public_half(struct hsm_session *s, CK_OBJECT_HANDLE key, const struct key_spec *spec,
                         struct buf *spki)
{
    struct key *public owned(key_free) = NULL;

    switch (spec->algorithm) {
    case KEY_ALGORITHM_RSA:
        TRY(rsa_public(s, key, &public));
        break;
    case KEY_ALGORITHM_EC:
        TRY(ec_public(s, key, spec->bits, &public));
        break;
    case KEY_ALGORITHM_AES:
    case KEY_ALGORITHM_OPAQUE:
        return FAIL(INPUT, "only RSA and EC keys are used by handle");
    }
    return key_to_spki(public, spki);
}
