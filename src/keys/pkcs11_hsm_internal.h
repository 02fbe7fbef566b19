// SPDX-License-Identifier: Apache-2.0
/* Inside the PKCS#11 key manager: module, token and sessions (pkcs11_session.c), objects
 * (pkcs11_object.c), ways out (pkcs11_export.c), meaning (pkcs11_hsm.c). */
#ifndef KEYS_PKCS11_HSM_INTERNAL_H
#define KEYS_PKCS11_HSM_INTERNAL_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/pkcs11x.h>
#include <p11-kit/uri.h>
#include <pthread.h>

#include "base/file.h"
#include "keys/keystore.h"
#include "keys/pkcs11_hsm.h"

#define HSM_IDLE_MAX 8
#define HSM_VALUE_MAX 8192 /* of an attribute or a wrapped key */
#define HSM_LABEL_MAX 1100
#define HSM_MECHANISMS_MAX 512
#define HSM_NO_SECRETS "an HSM holds keys: opaque secrets need another key manager"

/* PKCS#11 3.0; the header that we build with has only the older name. */
#define HSM_AES_KEY_WRAP_KWP 0x210bUL

struct hsm {
    struct keystore face; /* first: a keystore pointer is one to this */
    CK_FUNCTION_LIST *f;
    P11KitUri *token;
    char *pin_file, *prefix;
    bool one_at_a_time;   /* the module does not keep what CKF_OS_LOCKING_OK promises */
    pthread_rwlock_t use; /* held for writing while the module is initialized anew */
    pthread_mutex_t lock; /* of what follows */
    unsigned generation;  /* how often it was */
    bool ready;           /* slot is known, and we are logged in */
    CK_SLOT_ID slot;
    CK_MECHANISM_TYPE mechanisms[HSM_MECHANISMS_MAX]; /* of the token */
    CK_ULONG mechanism_count;
    struct file_mark refused_pin; /* a PIN that was wrong is not tried again: tokens count */
    CK_SESSION_HANDLE idle[HSM_IDLE_MAX];
    size_t idle_count;
};

struct hsm_session {
    struct hsm *h;
    CK_SESSION_HANDLE handle;
    bool gone;   /* the token or the session is: begin anew */
    bool unsure; /* a failure without a reason: try again */
};

/* What one operation of the keystore works on. */
struct hsm_job {
    const struct key_ref *ref;
    struct key_spec *spec;
    const struct secret *material;
    const struct key *recipient;
    const json_t *header;
    const struct key_use *use;
    struct buf *jwe; /* or what else comes of it */
};
typedef struct err hsm_work(struct hsm_session *s, struct hsm_job *job);

/* Loads the module and initializes it. */
fallible hsm_load(struct hsm *h, const struct pkcs11_config *config);
void hsm_unload(struct hsm *h);
/* Works in a session with the user logged in; once more in a new one where the old one was gone,
 * and some times more where the token failed without a reason. */
fallible hsm_run(struct hsm *h, hsm_work *work, struct hsm_job *job);
/* What an answer of the module means; OK for CKR_OK. */
fallible hsm_said(struct hsm_session *s, CK_RV rv);
/* The token has the mechanism for this use (CKF_WRAP, CKF_DERIVE, ...). */
bool hsm_can(const struct hsm_session *s, CK_MECHANISM_TYPE mechanism, CK_FLAGS use);
/* AES key wrap with padding, by the name that the token knows; false: it has none. */
bool hsm_padded_wrap(const struct hsm_session *s, CK_FLAGS use, CK_MECHANISM_TYPE *out);

/* Text of a URI. */
fallible hsm_uri_parse(struct span text, P11KitUriType type, P11KitUri **out);
static inline void p11_kit_uri_freep(P11KitUri **u)
{
    p11_kit_uri_free(*u);
}

CK_OBJECT_CLASS hsm_class_of(enum key_algorithm algorithm);
fallible hsm_label_of(const struct hsm *h, const struct key_ref *ref, struct buf *out);
/* The only object with these attributes. FAIL_ABSENT, FAIL_CONFLICT. */
fallible hsm_find(struct hsm_session *s, CK_ATTRIBUTE *template, size_t count,
                  CK_OBJECT_HANDLE *out);
fallible hsm_find_key(struct hsm_session *s, const struct key_ref *ref,
                      enum key_algorithm algorithm, CK_OBJECT_HANDLE *out);
fallible hsm_attribute(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       struct secret **out);
/* False where the token does not say. */
bool hsm_flag(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
/* What the object is; `spec` has the algorithm that is expected, and gets the size. */
fallible hsm_spec_of(struct hsm_session *s, CK_OBJECT_HANDLE object, struct key_spec *spec);
/* `stays`: it can never leave, and its public half stays with it. */
fallible hsm_generate(struct hsm_session *s, struct span label, const struct key_spec *spec,
                      bool stays);
fallible hsm_store(struct hsm_session *s, struct span label, const struct key_spec *spec,
                   const struct secret *material, bool stays);
/* DER of the named curve. */
struct span hsm_curve_of(unsigned bits);

/* With the key inside (pkcs11_use.c). */
fallible hsm_use(struct hsm_session *s, CK_OBJECT_HANDLE key, const struct key_spec *spec,
                 const struct key_use *u, struct buf *result);
/* Beside an EC key that stays and was made elsewhere: its public half. */
fallible hsm_keep_public(struct hsm_session *s, struct span label, const struct key_spec *spec,
                         const struct secret *material);
/* The public half of a key of ours, where the token kept it. */
fallible hsm_destroy_public(struct hsm_session *s, const struct key_ref *ref);
fallible hsm_public_half(struct hsm_session *s, CK_OBJECT_HANDLE key, const struct key_spec *spec,
                         struct buf *spki);

/* Appends the JWE. */
fallible hsm_export(struct hsm_session *s, CK_OBJECT_HANDLE object, struct hsm_job *job);
/* A session key of one use, of which the token gets a copy. */
fallible hsm_transport_key(struct hsm_session *s, CK_ATTRIBUTE_TYPE use, struct secret **kek,
                           CK_OBJECT_HANDLE *out);

#endif
