// SPDX-License-Identifier: Apache-2.0
#include "keys/pkcs11_hsm_internal.h"

#define PIN_MAX 256
#define SLOTS_MAX 256
#define UNSURE_TRIES 4
#define UNSURE_PAUSE_US 1000U

struct meaning {
    CK_RV rv;
    bool gone;
    struct err err;
};

static const struct meaning meanings[] = {
    { CKR_SESSION_HANDLE_INVALID, true, FAIL(UPSTREAM, "the HSM has closed the session") },
    { CKR_SESSION_CLOSED, true, FAIL(UPSTREAM, "the HSM has closed the session") },
    { CKR_USER_NOT_LOGGED_IN, true, FAIL(UPSTREAM, "the HSM has ended the login") },
    { CKR_TOKEN_NOT_PRESENT, true, FAIL(UPSTREAM, "the HSM's token is not there") },
    { CKR_TOKEN_NOT_RECOGNIZED, true, FAIL(UPSTREAM, "the HSM's token is not there") },
    { CKR_SLOT_ID_INVALID, true, FAIL(UPSTREAM, "the HSM's token is not there") },
    { CKR_DEVICE_REMOVED, true, FAIL(UPSTREAM, "the HSM is gone") },
    { CKR_DEVICE_ERROR, true, FAIL(UPSTREAM, "the HSM reports an error of the device") },
    { CKR_CRYPTOKI_NOT_INITIALIZED, true, FAIL(UPSTREAM, "the HSM's module has lost its state") },
    { CKR_DEVICE_MEMORY, false, FAIL(UPSTREAM, "the HSM is full") },
    { CKR_SESSION_COUNT, false, FAIL(UPSTREAM, "the HSM has no session to spare") },
    { CKR_TOKEN_WRITE_PROTECTED, false, FAIL(UPSTREAM, "the HSM's token is write-protected") },
    { CKR_PIN_INCORRECT, false, FAIL(UPSTREAM, "the HSM refuses the PIN") },
    { CKR_PIN_LEN_RANGE, false, FAIL(UPSTREAM, "the HSM refuses the PIN") },
    { CKR_PIN_EXPIRED, false, FAIL(UPSTREAM, "the HSM's PIN has expired") },
    { CKR_PIN_LOCKED, false, FAIL(UPSTREAM, "the HSM's PIN is locked") },
    { CKR_USER_PIN_NOT_INITIALIZED, false, FAIL(UPSTREAM, "the HSM's token has no PIN yet") },
    { CKR_KEY_UNEXTRACTABLE, false, FAIL(DENIED, "the key may not leave the HSM") },
    { CKR_KEY_NOT_WRAPPABLE, false, FAIL(DENIED, "the key may not leave the HSM") },
    { CKR_ATTRIBUTE_SENSITIVE, false, FAIL(DENIED, "the key may not leave the HSM") },
    { CKR_OBJECT_HANDLE_INVALID, false, FAIL(ABSENT, "the HSM does not hold this key") },
    { CKR_MECHANISM_INVALID, false, FAIL(UPSTREAM, "the HSM lacks a mechanism for this") },
    { CKR_MECHANISM_PARAM_INVALID, false, FAIL(UPSTREAM, "the HSM lacks a mechanism for this") },
    { CKR_FUNCTION_NOT_SUPPORTED, false, FAIL(UPSTREAM, "the HSM lacks a function for this") },
    { CKR_HOST_MEMORY, false, FAIL(SYSTEM, "out of memory in the HSM's module") },
};

fallible hsm_said(struct hsm_session *s, CK_RV rv)
{
    if (rv == CKR_OK)
        return OK;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].rv == rv) {
            s->gone |= meanings[i].gone;
            return meanings[i].err;
        }
    s->unsure = true;
    return FAIL(UPSTREAM, "the HSM does not do what it is asked");
}

bool hsm_can(const struct hsm_session *s, CK_MECHANISM_TYPE mechanism, CK_FLAGS use)
{
    CK_MECHANISM_INFO info = { 0 };
    bool listed = false;

    for (CK_ULONG i = 0; i < s->h->mechanism_count; i++)
        listed |= s->h->mechanisms[i] == mechanism;
    return listed && s->h->f->C_GetMechanismInfo(s->h->slot, mechanism, &info) == CKR_OK &&
           (info.flags & use) == use;
}

bool hsm_padded_wrap(const struct hsm_session *s, CK_FLAGS use, CK_MECHANISM_TYPE *out)
{
    static const CK_MECHANISM_TYPE names[] = { HSM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (hsm_can(s, names[i], use)) {
            *out = names[i];
            return true;
        }
    return false;
}

/* p11-kit wants a NUL at the end. */
fallible hsm_uri_parse(struct span text, P11KitUriType type, P11KitUri **out)
{
    char copy[KEY_REFERENCE_MAX + 1];
    P11KitUri *uri owned(p11_kit_uri_free) = p11_kit_uri_new();

    if (!uri)
        return FAIL(SYSTEM, "out of memory");
    if (!text.len || text.len > KEY_REFERENCE_MAX || memchr(text.at, 0, text.len))
        return FAIL(INPUT, "not a PKCS#11 URI (RFC 7512)");
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    if (p11_kit_uri_parse(copy, type, uri) != P11_KIT_URI_OK || p11_kit_uri_any_unrecognized(uri))
        return FAIL(INPUT, "not a PKCS#11 URI (RFC 7512)");
    *out = TAKE(uri);
    return OK;
}

/* Not by p11-kit, which says nothing of threads: a module may then do without its locks, and
 * SoftHSM does. */
static CK_RV module_begin(struct hsm *h)
{
    CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
    return h->f->C_Initialize(&threads);
}

/* SoftHSM walks its lists of objects while other threads change them (2.6.1: a crash, or searches
 * that fail for ever). */
static bool is_fragile(CK_FUNCTION_LIST *f)
{
    static const char name[] = "SoftHSM";
    CK_INFO info = { 0 };

    return f->C_GetInfo(&info) == CKR_OK && !memcmp(info.manufacturerID, name, sizeof name - 1);
}

fallible hsm_load(struct hsm *h, const struct pkcs11_config *config)
{
    TRY(hsm_uri_parse(span_str(config->token), P11_KIT_URI_FOR_TOKEN, &h->token));
    h->f = p11_kit_module_load(config->module, P11_KIT_MODULE_UNMANAGED | P11_KIT_MODULE_CRITICAL);
    if (!h->f)
        return FAIL(INPUT, "the HSM's module cannot be loaded");
    if (module_begin(h) != CKR_OK)
        return FAIL(INPUT, "the HSM's module cannot be initialized");
    h->one_at_a_time = is_fragile(h->f);
    return OK;
}

void hsm_unload(struct hsm *h)
{
    if (h->f) {
        (void)h->f->C_Finalize(NULL);
        p11_kit_module_release(h->f);
    }
    p11_kit_uri_free(h->token);
}

static fallible find_slot(struct hsm_session *s, CK_SLOT_ID *out)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX, found = 0;

    TRY(hsm_said(s, s->h->f->C_GetSlotList(CK_TRUE, slots, &count)));
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;
        if (s->h->f->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
            !p11_kit_uri_match_token_info(s->h->token, &info))
            continue;
        *out = slots[i];
        found++;
    }
    if (found > 1)
        return FAIL(UPSTREAM, "several tokens of the HSM match [pkcs11] token");
    s->gone |= !found;
    return found ? OK : FAIL(UPSTREAM, "no token of the HSM matches [pkcs11] token");
}

/* Line ends after the PIN are not of it. */
static fallible login_with(struct hsm_session *s, const struct secret *file)
{
    struct span pin = secret_expose(file);

    while (pin.len && (pin.at[pin.len - 1] == '\n' || pin.at[pin.len - 1] == '\r'))
        pin.len--;
    if (!pin.len || pin.len > PIN_MAX)
        return FAIL(UPSTREAM, "the file with the HSM's PIN holds something else");
    CK_RV rv = s->h->f->C_Login(s->handle, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin.at, pin.len);
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LEN_RANGE)
        s->h->refused_pin = file_mark_of(s->h->pin_file);
    return rv == CKR_USER_ALREADY_LOGGED_IN ? OK : hsm_said(s, rv);
}

static fallible login(struct hsm_session *s)
{
    struct secret *file owned(secret_free) = NULL;
    struct file_mark mark = file_mark_of(s->h->pin_file);

    if (s->h->refused_pin.inode && file_mark_equal(&mark, &s->h->refused_pin))
        return FAIL(UPSTREAM, "the HSM has refused this PIN; it is not tried again before its file "
                              "changes");
    struct err e = secret_load(s->h->pin_file, &file);
    if (e.kind == FAIL_DENIED)
        return FAIL(UPSTREAM, "the file with the HSM's PIN may be read by others: its mode must be "
                              "0600");
    if (failed(e))
        return FAIL(UPSTREAM, "the file with the HSM's PIN cannot be read");
    return login_with(s, file);
}

static fallible open_new(struct hsm_session *s)
{
    return hsm_said(s, s->h->f->C_OpenSession(s->h->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                              NULL, &s->handle));
}

/* Under the lock: slot and login are the whole program's. */
static fallible open_first(struct hsm_session *s)
{
    TRY(find_slot(s, &s->h->slot));
    s->h->mechanism_count = HSM_MECHANISMS_MAX;
    TRY(hsm_said(
        s, s->h->f->C_GetMechanismList(s->h->slot, s->h->mechanisms, &s->h->mechanism_count)));
    TRY(open_new(s));
    struct err e = login(s);
    if (failed(e))
        (void)s->h->f->C_CloseSession(s->handle);
    s->h->ready = !failed(e);
    return e;
}

static fallible session_open(struct hsm_session *s)
{
    struct hsm *h = s->h;
    struct err e = OK;
    bool have = false;

    pthread_mutex_lock(&h->lock);
    if (h->idle_count) {
        s->handle = h->idle[--h->idle_count];
        have = true;
    } else if (!h->ready) {
        e = open_first(s);
        have = true;
    }
    pthread_mutex_unlock(&h->lock);
    return have ? e : open_new(s);
}

static void session_give(struct hsm_session *s)
{
    struct hsm *h = s->h;

    pthread_mutex_lock(&h->lock);
    bool room = h->ready && h->idle_count < HSM_IDLE_MAX;
    if (room)
        h->idle[h->idle_count++] = s->handle;
    pthread_mutex_unlock(&h->lock);
    if (!room)
        (void)h->f->C_CloseSession(s->handle);
}

/* A module may leave an operation open in a session where it failed, which then refuses all others.
 * The new session comes first, for the login ends with the last one. */
static void session_replace(struct hsm_session *s)
{
    CK_SESSION_HANDLE old = s->handle;
    bool opened = !failed(open_new(s));

    (void)s->h->f->C_CloseSession(old);
    if (opened)
        session_give(s);
    else
        s->gone = true;
}

/* When all others are done: the module forgets everything, and finds its device anew. */
static void begin_anew(struct hsm *h, unsigned generation)
{
    pthread_rwlock_wrlock(&h->use);
    if (h->generation == generation) {
        h->generation++;
        h->ready = false;
        h->idle_count = 0;
        (void)h->f->C_Finalize(NULL);
        (void)module_begin(h); /* what is wrong, the next call says */
    }
    pthread_rwlock_unlock(&h->use);
}

static fallible run_once(struct hsm_session *s, hsm_work *work, struct hsm_job *job,
                         unsigned *generation)
{
    struct hsm *h = s->h;

    if (h->one_at_a_time)
        pthread_rwlock_wrlock(&h->use);
    else
        pthread_rwlock_rdlock(&h->use);
    *generation = h->generation;
    struct err e = session_open(s);
    if (!failed(e)) {
        e = work(s, job);
        if (!s->gone && e.kind == FAIL_UPSTREAM)
            session_replace(s);
        else if (!s->gone)
            session_give(s);
    }
    pthread_rwlock_unlock(&h->use);
    return e;
}

/* SoftHSM fails now and then (CKR_GENERAL_ERROR) when another session makes or removes an object
 * at that moment. Work that makes a key looks first whether it is there. */
fallible hsm_run(struct hsm *h, hsm_work *work, struct hsm_job *job)
{
    bool anew = false;

    for (unsigned tries = 0;; tries++) {
        struct hsm_session s = { .h = h };
        unsigned generation;
        struct err e = run_once(&s, work, job, &generation);

        if (s.gone && !anew) {
            begin_anew(h, generation);
            anew = true;
        } else if (failed(e) && s.unsure && !s.gone && tries < UNSURE_TRIES) {
            usleep(UNSURE_PAUSE_US << tries);
        } else {
            return e;
        }
    }
}
