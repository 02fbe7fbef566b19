// SPDX-License-Identifier: Apache-2.0
#include "keys/pkcs11_hsm_internal.h"

static struct hsm *self_of(struct keystore *face)
{
    return (struct hsm *)face;
}

/* The label is free: of either class, for a reference has one key. */
static fallible begin_new(struct hsm_session *s, const struct key_ref *ref, struct buf *label)
{
    static const enum key_algorithm one_of_each[] = { KEY_ALGORITHM_RSA, KEY_ALGORITHM_AES };
    CK_OBJECT_HANDLE there;

    if (ref->external.len)
        return FAIL(INPUT, "a key of another system is registered, not written");
    for (size_t i = 0; i < 2; i++) {
        struct err e = hsm_find_key(s, ref, one_of_each[i], &there);
        if (!failed(e))
            return FAIL(CONFLICT, "the HSM holds a key under this reference");
        if (e.kind != FAIL_ABSENT)
            return e;
    }
    return hsm_label_of(s->h, ref, label);
}

static struct err work_create(struct hsm_session *s, struct hsm_job *job)
{
    struct buf label owned(buf_done) = buf_of(HSM_LABEL_MAX);

    TRY(begin_new(s, job->ref, &label));
    return hsm_generate(s, buf_span(&label), job->spec, job->ref->stays);
}

static struct err work_import(struct hsm_session *s, struct hsm_job *job)
{
    struct buf label owned(buf_done) = buf_of(HSM_LABEL_MAX);

    TRY(begin_new(s, job->ref, &label));
    return hsm_store(s, buf_span(&label), job->spec, job->material, job->ref->stays);
}

static struct err work_describe(struct hsm_session *s, struct hsm_job *job)
{
    CK_OBJECT_HANDLE object;

    TRY(hsm_find_key(s, job->ref, job->spec->algorithm, &object));
    if (!job->ref->stays &&
        !hsm_flag(s, object, CKA_EXTRACTABLE)) /* said now, not at the first release */
        return FAIL(DENIED, "the key may not leave the HSM");
    return hsm_spec_of(s, object, job->spec);
}

static fallible find_wanted(struct hsm_session *s, struct hsm_job *job, CK_OBJECT_HANDLE *out)
{
    struct key_spec found = *job->spec;

    TRY(hsm_find_key(s, job->ref, job->spec->algorithm, out));
    TRY(hsm_spec_of(s, *out, &found));
    return key_spec_equal(&found, job->spec)
               ? OK
               : FAIL(INPUT, "the key in the HSM is another than was registered");
}

static struct err work_wrap(struct hsm_session *s, struct hsm_job *job)
{
    CK_OBJECT_HANDLE object;

    TRY(find_wanted(s, job, &object));
    return hsm_export(s, object, job);
}

static struct err work_use(struct hsm_session *s, struct hsm_job *job)
{
    CK_OBJECT_HANDLE object;

    TRY(find_wanted(s, job, &object));
    return hsm_use(s, object, job->spec, job->use, job->jwe);
}

static struct err work_public_half(struct hsm_session *s, struct hsm_job *job)
{
    CK_OBJECT_HANDLE object;

    TRY(find_wanted(s, job, &object));
    return hsm_public_half(s, object, job->spec, job->jwe);
}

static struct err work_destroy(struct hsm_session *s, struct hsm_job *job)
{
    static const enum key_algorithm one_of_each[] = { KEY_ALGORITHM_RSA, KEY_ALGORITHM_AES };

    TRY(hsm_destroy_public(s, job->ref));
    for (size_t i = 0; i < 2; i++) {
        CK_OBJECT_HANDLE object;
        struct err e = hsm_find_key(s, job->ref, one_of_each[i], &object);
        if (e.kind == FAIL_ABSENT)
            continue;
        TRY(e);
        TRY(hsm_said(s, s->h->f->C_DestroyObject(s->handle, object)));
    }
    return OK;
}

/* The token answers, we are logged in, and may look. */
static struct err work_health(struct hsm_session *s, struct hsm_job *job)
{
    CK_SESSION_INFO info;
    CK_TOKEN_INFO token;

    (void)job;
    TRY(hsm_said(s, s->h->f->C_GetTokenInfo(s->h->slot, &token)));
    TRY(hsm_said(s, s->h->f->C_GetSessionInfo(s->handle, &info)));
    if (info.state != CKS_RW_USER_FUNCTIONS)
        return hsm_said(s, CKR_USER_NOT_LOGGED_IN);
    return OK;
}

static struct err store_create(struct keystore *self, const struct key_ref *ref,
                               const struct key_spec *spec)
{
    struct key_spec made = *spec;

    TRY(key_spec_check(spec));
    if (spec->algorithm == KEY_ALGORITHM_OPAQUE)
        return FAIL(INPUT, HSM_NO_SECRETS);
    return hsm_run(self_of(self), work_create, &(struct hsm_job){ .ref = ref, .spec = &made });
}

static struct err store_import(struct keystore *self, const struct key_ref *ref,
                               const struct key_spec *spec, const struct secret *material)
{
    struct key_spec made = *spec;

    TRY(key_spec_check(spec));
    if (spec->algorithm == KEY_ALGORITHM_OPAQUE)
        return FAIL(INPUT, HSM_NO_SECRETS);
    return hsm_run(self_of(self), work_import,
                   &(struct hsm_job){ .ref = ref, .spec = &made, .material = material });
}

static struct err store_describe(struct keystore *self, const struct key_ref *ref,
                                 struct key_spec *spec)
{
    if (spec->algorithm == KEY_ALGORITHM_OPAQUE)
        return FAIL(INPUT, HSM_NO_SECRETS);
    return hsm_run(self_of(self), work_describe, &(struct hsm_job){ .ref = ref, .spec = spec });
}

static struct err store_wrap_to(struct keystore *self, const struct key_ref *ref,
                                const struct key_spec *spec, const struct key *recipient,
                                const json_t *header, struct buf *jwe)
{
    struct key_spec wanted = *spec;
    struct hsm_job job = {
        .ref = ref, .spec = &wanted, .recipient = recipient, .header = header, .jwe = jwe
    };
    return hsm_run(self_of(self), work_wrap, &job);
}

static struct err store_use(struct keystore *self, const struct key_ref *ref,
                            const struct key_spec *spec, const struct key_use *use,
                            struct buf *result)
{
    struct key_spec wanted = *spec;
    struct hsm_job job = { .ref = ref, .spec = &wanted, .use = use, .jwe = result };
    return hsm_run(self_of(self), work_use, &job);
}

static struct err store_public_half(struct keystore *self, const struct key_ref *ref,
                                    const struct key_spec *spec, struct buf *spki)
{
    struct key_spec wanted = *spec;
    struct hsm_job job = { .ref = ref, .spec = &wanted, .jwe = spki };
    return hsm_run(self_of(self), work_public_half, &job);
}

static struct err store_destroy(struct keystore *self, const struct key_ref *ref)
{
    if (ref->external.len)
        return OK;
    return hsm_run(self_of(self), work_destroy, &(struct hsm_job){ .ref = ref });
}

static struct err store_health(struct keystore *self)
{
    return hsm_run(self_of(self), work_health, &(struct hsm_job){ 0 });
}

static void store_close(struct keystore *self)
{
    struct hsm *h = self_of(self);

    hsm_unload(h);
    pthread_mutex_destroy(&h->lock);
    pthread_rwlock_destroy(&h->use);
    free(h->pin_file);
    free(h->prefix);
    free(h);
}

fallible pkcs11_open(const struct pkcs11_config *config, struct keystore **out)
{
    struct keystore *face owned(keystore_close) = NULL;
    struct hsm *h = calloc(1, sizeof *h);

    if (!h)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&h->lock, NULL);
    pthread_rwlock_init(&h->use, NULL);
    h->face = (struct keystore){ .name = "pkcs11",
                                 .create = store_create,
                                 .import = store_import,
                                 .describe = store_describe,
                                 .wrap_to = store_wrap_to,
                                 .use = store_use,
                                 .public_half = store_public_half,
                                 .destroy = store_destroy,
                                 .health = store_health,
                                 .close = store_close };
    face = &h->face;
    h->pin_file = strdup(config->pin_file);
    h->prefix = strdup(config->prefix);
    if (!h->pin_file || !h->prefix)
        return FAIL(SYSTEM, "out of memory");
    TRY(file_check_private(h->pin_file));
    TRY(hsm_load(h, config));
    *out = TAKE(face);
    return OK;
}
