// SPDX-License-Identifier: Apache-2.0
#include "keys/pkcs11_hsm_internal.h"

#include "crypto/aead.h"

#define TENANT_UNBOUND "default"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static CK_BBOOL yes = CK_TRUE;

#define FLAG(type, value)                                                                          \
    {                                                                                              \
        (type), &(value), sizeof(CK_BBOOL)                                                         \
    }
#define NUMBER(type, value)                                                                        \
    {                                                                                              \
        (type), &(value), sizeof(value)                                                            \
    }

static const struct {
    unsigned bits;
    struct span parameters; /* DER of the OID */
} curves[] = {
    { 256, { (const uint8_t *)"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10 } },
    { 384, { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x22", 7 } },
    { 521, { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x23", 7 } },
};

struct span hsm_curve_of(unsigned bits)
{
    for (size_t i = 0; i < COUNT(curves); i++)
        if (curves[i].bits == bits)
            return curves[i].parameters;
    return (struct span){ 0 };
}

CK_OBJECT_CLASS hsm_class_of(enum key_algorithm algorithm)
{
    return algorithm == KEY_ALGORITHM_AES ? CKO_SECRET_KEY : CKO_PRIVATE_KEY;
}

static CK_KEY_TYPE type_of(enum key_algorithm algorithm)
{
    switch (algorithm) {
    case KEY_ALGORITHM_RSA:
        return CKK_RSA;
    case KEY_ALGORITHM_EC:
        return CKK_EC;
    case KEY_ALGORITHM_AES:
    case KEY_ALGORITHM_OPAQUE:
        break;
    }
    return CKK_AES;
}

static bool segment_good(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i] | 0x20;
        if (!(c >= 'a' && c <= 'z') && !(s.at[i] >= '0' && s.at[i] <= '9') &&
            !(s.at[i] && strchr("-_.~@:=", s.at[i])))
            return false;
    }
    return s.len;
}

fallible hsm_label_of(const struct hsm *h, const struct key_ref *ref, struct buf *out)
{
    if (!segment_good(ref->tenant) || !segment_good(ref->id))
        return FAIL(INPUT, "a tenant or key id that cannot be a label in an HSM");
    buf_addf(out, "%s/", h->prefix);
    buf_add(out, ref->tenant);
    buf_add_u8(out, '/');
    buf_add(out, ref->id);
    buf_addf(out, "/%llu", (unsigned long long)ref->version);
    return buf_check(out);
}

fallible hsm_find(struct hsm_session *s, CK_ATTRIBUTE *template, size_t count,
                  CK_OBJECT_HANDLE *out)
{
    CK_OBJECT_HANDLE found[2];
    CK_ULONG n = 0;

    TRY(hsm_said(s, s->h->f->C_FindObjectsInit(s->handle, template, count)));
    struct err e = hsm_said(s, s->h->f->C_FindObjects(s->handle, found, COUNT(found), &n));
    (void)s->h->f->C_FindObjectsFinal(s->handle);
    TRY(e);
    if (!n)
        return FAIL(ABSENT, "the HSM does not hold this key");
    if (n > 1)
        return FAIL(CONFLICT, "the HSM holds several such keys");
    *out = found[0];
    return OK;
}

fallible hsm_attribute(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       struct secret **out)
{
    struct secret *value owned(secret_free) = secret_new(HSM_VALUE_MAX);

    if (!value)
        return FAIL(SYSTEM, "secure memory exhausted");
    CK_ATTRIBUTE a = { type, secret_fill(value), HSM_VALUE_MAX };
    TRY(hsm_said(s, s->h->f->C_GetAttributeValue(s->handle, object, &a, 1)));
    if (a.ulValueLen > HSM_VALUE_MAX)
        return FAIL(UPSTREAM, "the HSM does not say what it was asked");
    secret_shorten(value, a.ulValueLen);
    *out = TAKE(value);
    return OK;
}

bool hsm_flag(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE a = { type, &value, sizeof value };

    return s->h->f->C_GetAttributeValue(s->handle, object, &a, 1) == CKR_OK &&
           a.ulValueLen == sizeof value && value == CK_TRUE;
}

static fallible number_of(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                          CK_ULONG *out)
{
    CK_ULONG value = 0;
    CK_ATTRIBUTE a = { type, &value, sizeof value };

    TRY(hsm_said(s, s->h->f->C_GetAttributeValue(s->handle, object, &a, 1)));
    *out = value;
    return OK;
}

static bool is_below(struct span name, struct span folder)
{
    return span_starts(name, folder) && name.len > folder.len && name.at[folder.len] == '/';
}

/* Which of the token's objects may be registered: none of the broker's own, and for tenants other
 * than the default one only what its label says to be theirs. */
static fallible external_check(struct hsm_session *s, const struct key_ref *ref,
                               CK_OBJECT_HANDLE object)
{
    struct secret *label owned(secret_free) = NULL;

    TRY(hsm_attribute(s, object, CKA_LABEL, &label));
    if (is_below(secret_expose(label), span_str(s->h->prefix)))
        return FAIL(DENIED, "this key in the HSM is the key broker's own");
    if (!span_equal_str(ref->tenant, TENANT_UNBOUND) &&
        !is_below(secret_expose(label), ref->tenant))
        return FAIL(DENIED, "a tenant's keys in the HSM have a label TENANT/...");
    return OK;
}

/* Label and id of the URI; its class must be that of the algorithm, its token ours. */
static fallible find_external(struct hsm_session *s, const struct key_ref *ref,
                              enum key_algorithm algorithm, CK_OBJECT_HANDLE *out)
{
    P11KitUri *uri owned(p11_kit_uri_free) = NULL;
    CK_OBJECT_CLASS class = hsm_class_of(algorithm);
    CK_ATTRIBUTE template[4] = { NUMBER(CKA_CLASS, class), FLAG(CKA_TOKEN, yes) };
    size_t count = 2;
    CK_TOKEN_INFO info;
    CK_OBJECT_HANDLE object;

    TRY(hsm_uri_parse(ref->external, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, &uri));
    if (p11_kit_uri_get_module_path(uri) || p11_kit_uri_get_pin_value(uri) ||
        p11_kit_uri_get_pin_source(uri) || !segment_good(ref->tenant))
        return FAIL(INPUT, "the URI of a key names token, object, id and type only");
    const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(uri, CKA_LABEL);
    const CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(uri, CKA_ID);
    const CK_ATTRIBUTE *named = p11_kit_uri_get_attribute(uri, CKA_CLASS);
    if (label)
        template[count++] = *label;
    if (id)
        template[count++] = *id;
    if (count == 2)
        return FAIL(INPUT, "the URI of a key names its object or id");
    if (named && *(CK_OBJECT_CLASS *)named->pValue != class)
        return FAIL(INPUT, "the URI's type is not that of a key of this algorithm");
    TRY(hsm_said(s, s->h->f->C_GetTokenInfo(s->h->slot, &info)));
    if (!p11_kit_uri_match_token_info(uri, &info))
        return FAIL(ABSENT, "the URI names another token than [pkcs11] token");
    TRY(hsm_find(s, template, count, &object));
    TRY(external_check(s, ref, object));
    *out = object;
    return OK;
}

fallible hsm_find_key(struct hsm_session *s, const struct key_ref *ref,
                      enum key_algorithm algorithm, CK_OBJECT_HANDLE *out)
{
    struct buf label owned(buf_done) = buf_of(HSM_LABEL_MAX);
    CK_OBJECT_CLASS class = hsm_class_of(algorithm);

    if (ref->external.len)
        return find_external(s, ref, algorithm, out);
    TRY(hsm_label_of(s->h, ref, &label));
    CK_ATTRIBUTE template[] = { NUMBER(CKA_CLASS, class),
                                FLAG(CKA_TOKEN, yes),
                                { CKA_LABEL, label.at, label.len } };
    return hsm_find(s, template, COUNT(template), out);
}

static fallible rsa_bits(struct hsm_session *s, CK_OBJECT_HANDLE object, unsigned *bits)
{
    struct secret *modulus owned(secret_free) = NULL;

    TRY(hsm_attribute(s, object, CKA_MODULUS, &modulus));
    struct span n = secret_expose(modulus);
    while (n.len && !n.at[0])
        n = span_tail(n, 1);
    *bits = (unsigned)n.len * 8;
    for (uint8_t top = n.len ? n.at[0] : 0xff; !(top & 0x80); top = (uint8_t)(top << 1))
        (*bits)--;
    return OK;
}

static fallible ec_bits(struct hsm_session *s, CK_OBJECT_HANDLE object, unsigned *bits)
{
    struct secret *parameters owned(secret_free) = NULL;

    TRY(hsm_attribute(s, object, CKA_EC_PARAMS, &parameters));
    for (size_t i = 0; i < COUNT(curves); i++)
        if (span_equal(secret_expose(parameters), curves[i].parameters)) {
            *bits = curves[i].bits;
            return OK;
        }
    return FAIL(INPUT, "the key in the HSM is on another curve than P-256, P-384 or P-521");
}

fallible hsm_spec_of(struct hsm_session *s, CK_OBJECT_HANDLE object, struct key_spec *spec)
{
    struct key_spec found = { .algorithm = spec->algorithm };
    CK_ULONG type = 0, bytes = 0;

    TRY(number_of(s, object, CKA_KEY_TYPE, &type));
    if (type != type_of(spec->algorithm))
        return FAIL(INPUT, "the object in the HSM is not a key of this algorithm");
    switch (spec->algorithm) {
    case KEY_ALGORITHM_RSA:
        TRY(rsa_bits(s, object, &found.bits));
        break;
    case KEY_ALGORITHM_EC:
        TRY(ec_bits(s, object, &found.bits));
        break;
    case KEY_ALGORITHM_AES:
        TRY(number_of(s, object, CKA_VALUE_LEN, &bytes));
        found.bits = bytes > HSM_VALUE_MAX ? 0 : (unsigned)bytes * 8;
        break;
    case KEY_ALGORITHM_OPAQUE:
        return FAIL(INPUT, HSM_NO_SECRETS);
    }
    if (failed(key_spec_check(&found)))
        return FAIL(INPUT, "the key in the HSM has a size that is not released");
    *spec = found;
    return OK;
}

static fallible generate_pair(struct hsm_session *s, struct span label, const struct key_spec *spec,
                              bool stays)
{
    bool rsa = spec->algorithm == KEY_ALGORITHM_RSA;
    CK_MECHANISM mechanism = { rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_ULONG bits = spec->bits;
    CK_BYTE exponent[] = { 1, 0, 1 };
    struct span curve = hsm_curve_of(spec->bits);
    void *text = (void *)(uintptr_t)label.at;
    CK_BBOOL may_leave = !stays, kept = stays;
    /* The public half of a key that leaves is gone with the session: it can be had from the private
     * one. */
    CK_ATTRIBUTE of_rsa[] = { FLAG(CKA_TOKEN, kept),
                              FLAG(CKA_VERIFY, yes),
                              NUMBER(CKA_MODULUS_BITS, bits),
                              { CKA_PUBLIC_EXPONENT, exponent, sizeof exponent },
                              { CKA_LABEL, text, label.len } };
    CK_ATTRIBUTE of_ec[] = { FLAG(CKA_TOKEN, kept),
                             FLAG(CKA_VERIFY, yes),
                             { CKA_EC_PARAMS, (void *)(uintptr_t)curve.at, curve.len },
                             { CKA_LABEL, text, label.len } };
    CK_ATTRIBUTE private[] = { FLAG(CKA_TOKEN, yes),
                               FLAG(CKA_PRIVATE, yes),
                               FLAG(CKA_SENSITIVE, yes),
                               FLAG(CKA_EXTRACTABLE, may_leave),
                               FLAG(CKA_SIGN, yes),
                               { CKA_LABEL, text, label.len },
                               FLAG(rsa ? CKA_DECRYPT : CKA_DERIVE,
                                    yes) }; /* only where it stays */
    CK_OBJECT_HANDLE public_half, private_half;

    TRY(hsm_said(s,
                 s->h->f->C_GenerateKeyPair(s->handle, &mechanism, rsa ? of_rsa : of_ec,
                                            rsa ? COUNT(of_rsa) : COUNT(of_ec), private,
                                            COUNT(private) - !stays, &public_half, &private_half)));
    if (!stays)
        (void)s->h->f->C_DestroyObject(s->handle, public_half);
    return OK;
}

fallible hsm_generate(struct hsm_session *s, struct span label, const struct key_spec *spec,
                      bool stays)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_ULONG bytes = spec->bits / 8;
    CK_ATTRIBUTE template[] = {
        FLAG(CKA_TOKEN, yes),         FLAG(CKA_PRIVATE, yes),
        FLAG(CKA_SENSITIVE, yes),     FLAG(CKA_EXTRACTABLE, yes),
        FLAG(CKA_ENCRYPT, yes),       FLAG(CKA_DECRYPT, yes),
        NUMBER(CKA_VALUE_LEN, bytes), { CKA_LABEL, (void *)(uintptr_t)label.at, label.len }
    };
    CK_OBJECT_HANDLE made;

    if (spec->algorithm != KEY_ALGORITHM_AES)
        return generate_pair(s, label, spec, stays);
    return hsm_said(
        s, s->h->f->C_GenerateKey(s->handle, &mechanism, template, COUNT(template), &made));
}

/* Octets are given as they are: a token that unwraps them may not know their length afterwards. */
static fallible store_octets(struct hsm_session *s, struct span label,
                             const struct secret *material)
{
    struct span value = secret_expose(material);
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE template[] = { NUMBER(CKA_CLASS, class),
                                NUMBER(CKA_KEY_TYPE, type),
                                FLAG(CKA_TOKEN, yes),
                                FLAG(CKA_PRIVATE, yes),
                                FLAG(CKA_SENSITIVE, yes),
                                FLAG(CKA_EXTRACTABLE, yes),
                                { CKA_LABEL, (void *)(uintptr_t)label.at, label.len },
                                { CKA_VALUE, (void *)(uintptr_t)value.at, value.len } };
    CK_OBJECT_HANDLE made;

    return hsm_said(s, s->h->f->C_CreateObject(s->handle, template, COUNT(template), &made));
}

/* Into the token as PKCS#8 under a key of one use, so that one way serves both kinds. */
fallible hsm_store(struct hsm_session *s, struct span label, const struct key_spec *spec,
                   const struct secret *material, bool stays)
{
    bool rsa = spec->algorithm == KEY_ALGORITHM_RSA;
    struct secret *kek owned(secret_free) = NULL;
    struct buf wrapped owned(buf_done) = buf_of(HSM_VALUE_MAX);
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BBOOL may_leave = !stays;
    CK_KEY_TYPE type = type_of(spec->algorithm);
    CK_ATTRIBUTE template[] = { NUMBER(CKA_CLASS, class),
                                NUMBER(CKA_KEY_TYPE, type),
                                FLAG(CKA_TOKEN, yes),
                                FLAG(CKA_PRIVATE, yes),
                                FLAG(CKA_SENSITIVE, yes),
                                FLAG(CKA_EXTRACTABLE, may_leave),
                                FLAG(CKA_SIGN, yes),
                                { CKA_LABEL, (void *)(uintptr_t)label.at, label.len },
                                FLAG(rsa ? CKA_DECRYPT : CKA_DERIVE,
                                     yes) }; /* only where it stays */
    CK_MECHANISM mechanism = { 0 };
    CK_OBJECT_HANDLE transport, made;

    if (spec->algorithm == KEY_ALGORITHM_AES)
        return store_octets(s, label, material);
    if (!hsm_padded_wrap(s, CKF_UNWRAP, &mechanism.mechanism))
        return FAIL(INPUT,
                    "this HSM takes no such key from outside: it lacks AES key wrap with padding");
    TRY(hsm_transport_key(s, CKA_UNWRAP, &kek, &transport));
    struct err e = aes_kwp_wrap(kek, material, &wrapped);
    if (!failed(e))
        e = hsm_said(s,
                     s->h->f->C_UnwrapKey(s->handle, &mechanism, transport, wrapped.at, wrapped.len,
                                          template, COUNT(template) - !stays, &made));
    (void)s->h->f->C_DestroyObject(s->handle, transport);
    return failed(e) || !stays || rsa ? e : hsm_keep_public(s, label, spec, material);
}
