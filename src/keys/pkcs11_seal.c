// SPDX-License-Identifier: Apache-2.0
#include "keys/pkcs11_seal.h"

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "keys/pkcs11_hsm_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NONCE_SIZE 12
#define TAG_BITS 128
#define SEAL_TEXT_BYTES 1024 /* RSA-8192 */

enum form { FORM_GCM = 1, FORM_OAEP_SHA256 = 2, FORM_OAEP_SHA1 = 3 };

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_BYTE associated[] = "warder-seal-hsm-v1";

struct seal_job {
    struct hsm_job job; /* first: the work is handed a pointer to it */
    struct span label, in;
    const struct secret *root;
    struct buf *wrapped;
    struct secret **plain;
};

static struct seal_job *seal_of(struct hsm_job *job)
{
    return (struct seal_job *)job;
}

static fallible find(struct hsm_session *s, struct span label, CK_OBJECT_CLASS class,
                     CK_OBJECT_HANDLE *out)
{
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof class },
                                { CKA_TOKEN, &yes, sizeof yes },
                                { CKA_LABEL, (void *)(uintptr_t)label.at, label.len } };
    return hsm_find(s, template, COUNT(template), out);
}

/* One that can leave would make a copy of the store and of the token's user one secret. */
static fallible must_stay(struct hsm_session *s, CK_OBJECT_HANDLE key)
{
    return hsm_flag(s, key, CKA_SENSITIVE) && !hsm_flag(s, key, CKA_EXTRACTABLE)
               ? OK
               : FAIL(DENIED, "the HSM's key for the seal must be sensitive and not extractable");
}

static fallible make_key(struct hsm_session *s, struct span label, CK_OBJECT_HANDLE *out)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_ULONG bytes = AEAD_KEY_SIZE;
    CK_ATTRIBUTE template[] = { { CKA_TOKEN, &yes, sizeof yes },
                                { CKA_PRIVATE, &yes, sizeof yes },
                                { CKA_SENSITIVE, &yes, sizeof yes },
                                { CKA_EXTRACTABLE, &no, sizeof no },
                                { CKA_ENCRYPT, &yes, sizeof yes },
                                { CKA_DECRYPT, &yes, sizeof yes },
                                { CKA_VALUE_LEN, &bytes, sizeof bytes },
                                { CKA_LABEL, (void *)(uintptr_t)label.at, label.len } };
    return hsm_said(s,
                    s->h->f->C_GenerateKey(s->handle, &mechanism, template, COUNT(template), out));
}

static fallible encrypt(struct hsm_session *s, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                        const struct secret *root, struct buf *out)
{
    struct span in = secret_expose(root);
    CK_BYTE text[SEAL_TEXT_BYTES];
    CK_ULONG len = sizeof text;

    TRY(hsm_said(s, s->h->f->C_EncryptInit(s->handle, mechanism, key)));
    TRY(hsm_said(s,
                 s->h->f->C_Encrypt(s->handle, (CK_BYTE *)(uintptr_t)in.at, in.len, text, &len)));
    buf_add(out, span_from(text, len));
    return buf_check(out);
}

static CK_GCM_PARAMS gcm_of(CK_BYTE nonce[NONCE_SIZE])
{
    return (CK_GCM_PARAMS){ .pIv = nonce,
                            .ulIvLen = NONCE_SIZE,
                            .ulIvBits = NONCE_SIZE * 8,
                            .pAAD = associated,
                            .ulAADLen = sizeof associated - 1,
                            .ulTagBits = TAG_BITS };
}

static CK_RSA_PKCS_OAEP_PARAMS oaep_of(enum form form)
{
    bool old = form == FORM_OAEP_SHA1;
    return (CK_RSA_PKCS_OAEP_PARAMS){ .hashAlg = old ? CKM_SHA_1 : CKM_SHA256,
                                      .mgf = old ? CKG_MGF1_SHA1 : CKG_MGF1_SHA256,
                                      .source = CKZ_DATA_SPECIFIED };
}

static fallible wrap_gcm(struct hsm_session *s, CK_OBJECT_HANDLE key, struct seal_job *j)
{
    CK_BYTE nonce[NONCE_SIZE];
    CK_GCM_PARAMS parameters = gcm_of(nonce);
    CK_MECHANISM mechanism = { CKM_AES_GCM, &parameters, sizeof parameters };

    TRY(must_stay(s, key));
    TRY(random_fill(nonce, sizeof nonce));
    write_u8(j->wrapped, FORM_GCM);
    buf_add(j->wrapped, SPAN_OF(nonce));
    return encrypt(s, &mechanism, key, j->root, j->wrapped);
}

/* SHA-256 where the token knows it in OAEP; with SHA-1 it is as good, and some know no other. */
static fallible wrap_oaep(struct hsm_session *s, CK_OBJECT_HANDLE private, struct seal_job *j)
{
    static const enum form forms[] = { FORM_OAEP_SHA256, FORM_OAEP_SHA1 };
    CK_OBJECT_HANDLE public;
    struct err e = OK;

    TRY(must_stay(s, private));
    TRY(find(s, j->label, CKO_PUBLIC_KEY, &public));
    for (size_t i = 0; i < COUNT(forms); i++) {
        CK_RSA_PKCS_OAEP_PARAMS parameters = oaep_of(forms[i]);
        CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters };
        buf_clear(j->wrapped);
        write_u8(j->wrapped, forms[i]);
        e = encrypt(s, &mechanism, public, j->root, j->wrapped);
        if (!failed(e))
            return OK;
    }
    return e;
}

static struct err work_wrap(struct hsm_session *s, struct hsm_job *job)
{
    struct seal_job *j = seal_of(job);
    CK_OBJECT_HANDLE key;
    struct err e = find(s, j->label, CKO_PRIVATE_KEY, &key);

    buf_clear(j->wrapped);
    if (!failed(e))
        return wrap_oaep(s, key, j);
    if (e.kind != FAIL_ABSENT)
        return e;
    e = find(s, j->label, CKO_SECRET_KEY, &key);
    if (e.kind == FAIL_ABSENT)
        e = make_key(s, j->label, &key);
    return failed(e) ? e : wrap_gcm(s, key, j);
}

static fallible decrypt(struct hsm_session *s, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                        struct span in, struct secret **out)
{
    struct secret *plain owned(secret_free) = secret_new(SEAL_TEXT_BYTES);
    CK_ULONG len = SEAL_TEXT_BYTES;

    if (!plain)
        return FAIL(SYSTEM, "secure memory exhausted");
    TRY(hsm_said(s, s->h->f->C_DecryptInit(s->handle, mechanism, key)));
    CK_RV rv = s->h->f->C_Decrypt(s->handle, (CK_BYTE *)(uintptr_t)in.at, in.len,
                                  secret_fill(plain), &len);
    if (rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE ||
        rv == CKR_GENERAL_ERROR)
        return FAIL(DENIED, "the HSM's key is not the one that sealed this store");
    TRY(hsm_said(s, rv));
    if (len != AEAD_KEY_SIZE)
        return FAIL(DENIED, "the HSM's key is not the one that sealed this store");
    secret_shorten(plain, len);
    *out = TAKE(plain);
    return OK;
}

static fallible unwrap_gcm(struct hsm_session *s, struct seal_job *j, struct reader *r)
{
    CK_BYTE nonce[NONCE_SIZE];
    CK_GCM_PARAMS parameters = gcm_of(nonce);
    CK_MECHANISM mechanism = { CKM_AES_GCM, &parameters, sizeof parameters };
    CK_OBJECT_HANDLE key;

    reader_copy(r, nonce, sizeof nonce);
    struct span text = reader_rest(r);
    TRY(reader_end(r, "wrapped root key"));
    TRY(find(s, j->label, CKO_SECRET_KEY, &key));
    return decrypt(s, &mechanism, key, text, j->plain);
}

static fallible unwrap_oaep(struct hsm_session *s, struct seal_job *j, enum form form,
                            struct reader *r)
{
    CK_RSA_PKCS_OAEP_PARAMS parameters = oaep_of(form);
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters };
    struct span text = reader_rest(r);
    CK_OBJECT_HANDLE key;

    TRY(reader_end(r, "wrapped root key"));
    TRY(find(s, j->label, CKO_PRIVATE_KEY, &key));
    return decrypt(s, &mechanism, key, text, j->plain);
}

static struct err work_unwrap(struct hsm_session *s, struct hsm_job *job)
{
    struct seal_job *j = seal_of(job);
    struct reader r = reader_of(j->in);
    enum form form = (enum form)reader_u8(&r);

    switch (form) {
    case FORM_GCM:
        return unwrap_gcm(s, j, &r);
    case FORM_OAEP_SHA256:
    case FORM_OAEP_SHA1:
        return unwrap_oaep(s, j, form, &r);
    }
    return FAIL(INPUT, "a wrapped root key of an unknown form");
}

fallible pkcs11_seal_wrap(struct keystore *hsm, struct span label, const struct secret *root,
                          struct buf *wrapped)
{
    struct seal_job j = { .label = label, .root = root, .wrapped = wrapped };
    return hsm_run((struct hsm *)hsm, work_wrap, &j.job);
}

fallible pkcs11_seal_unwrap(struct keystore *hsm, struct span label, struct span wrapped,
                            struct secret **root)
{
    struct seal_job j = { .label = label, .in = wrapped, .plain = root };
    struct err e = hsm_run((struct hsm *)hsm, work_unwrap, &j.job);

    return e.kind == FAIL_ABSENT ? FAIL(UPSTREAM, "the HSM does not hold the seal's key") : e;
}
