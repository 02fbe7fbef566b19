// SPDX-License-Identifier: Apache-2.0
#include "keyring.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/x509.h"
#include "keyring_internal.h"

#define REFUSAL_SECONDS 2 /* searches that follow a refusal this soon do not ask the KBS again */
#define CERTIFICATE_MAX (64U << 10)

/* Answers that say that the key is not, or no longer, for us: what is held of it goes at once. */
static bool final_word(const struct refusal *why)
{
    static const char *const codes[] = { "key_not_found",
                                         "policy_refused",
                                         "evidence_refused",
                                         "client_refused",
                                         "permission_denied",
                                         "outside_time_window",
                                         "wrapping_refused",
                                         "platform_denied",
                                         "key_disabled",
                                         "attestation_required",
                                         NULL };

    for (size_t i = 0; codes[i]; i++)
        if (strcmp(codes[i], why->code) == 0)
            return true;
    return false;
}

/* Under the write lock: nobody keeps a key alive that the ring has given up. */
static void clients_forget(struct keyring *k)
{
    for (struct keyring_client *c = k->clients; c; c = c->next)
        key_use_forget(c->use);
}

static void entry_done(struct entry *e)
{
    key_line_done(&e->line);
    held_key_free(e->current);
    held_key_free(e->previous);
    session_free(e->session);
    *e = (struct entry){ 0 };
}

/* The first certificate of the file beside the key; an unusable one is only worth a warning. */
static void certificate_load(const struct key_line *line, struct buf *der)
{
    struct buf pem owned(buf_done) = buf_of(CERTIFICATE_MAX);
    struct chain chain owned(chain_done) = { 0 };

    if (!line->certificate)
        return;
    struct err e = file_read(line->certificate, &pem);
    if (!failed(e))
        e = chain_from_pem(buf_span(&pem), &chain);
    if (failed(e) || !chain.count) {
        log_err(e, "certificate left out", "key", line->id, "file", line->certificate);
        return;
    }
    buf_add(der, cert_der(chain.certs[0]));
}

static fallible held_key_make(const struct key_line *line, const struct released *r,
                              struct held_key **out)
{
    struct buf der owned(buf_done) = buf_of(CERT_DER_MAX);

    certificate_load(line, &der);
    struct err e = held_key_new(line, r, buf_span(&der), out);
    if (!failed(e) || !der.len || e.kind == FAIL_SYSTEM)
        return e;
    log_err(e, "certificate left out", "key", line->id, "file", line->certificate);
    return held_key_new(line, r, (struct span){ 0 }, out);
}

/* A lease counts from when it was asked for: never longer than the KBS counts it. */
static void entry_install(struct keyring *k, struct entry *e, struct held_key *key,
                          const struct released *r, int64_t asked)
{
    struct session *session = r->lease_minutes ? fetcher_session(k->fetcher) : NULL;

    pthread_mutex_lock(&k->mutex);
    pthread_rwlock_wrlock(&k->lock);
    clients_forget(k);
    bool rotated = e->current && held_key_version(e->current) != held_key_version(key);
    if (rotated) {
        held_key_free(e->previous);
        e->previous = TAKE(e->current);
    }
    held_key_free(e->current);
    e->current = key;
    pthread_rwlock_unlock(&k->lock);
    session_free(e->session);
    e->session = session;
    memcpy(e->audit_id, r->audit_id, sizeof(e->audit_id));
    e->retry_at = e->renew_at = 0;
    e->lease_ends = session ? asked + (int64_t)r->lease_minutes * 60 * SECOND : 0;
    e->asks_at = session ? lease_asks_at(k, asked, r->lease_minutes) : 0;
    pthread_mutex_unlock(&k->mutex);
}

void entry_give_up(struct keyring *k, struct entry *e, const char *why)
{
    if (!e->current && !e->previous)
        return;
    pthread_mutex_lock(&k->mutex);
    pthread_rwlock_wrlock(&k->lock);
    clients_forget(k);
    held_key_free(TAKE(e->current));
    held_key_free(TAKE(e->previous));
    pthread_rwlock_unlock(&k->lock);
    session_free(TAKE(e->session));
    e->lease_ends = e->renew_at = e->asks_at = 0;
    pthread_mutex_unlock(&k->mutex);
    log_warn("key given up", "key", e->line.id, "why", why);
}

static void entry_refused(struct keyring *k, struct entry *e, const struct refusal *why)
{
    char status[16];
    int64_t now = clock_monotonic_us();

    snprintf(status, sizeof(status), "%d", why->status);
    log_event(LOG_ERROR, "key refused", "key", e->line.id, "code", why->code, "detail", why->detail,
              "status", why->status ? status : NULL, NULL);
    if (final_word(why))
        entry_give_up(k, e, why->code);
    pthread_mutex_lock(&k->mutex);
    e->retry_at = now + REFUSAL_SECONDS * SECOND;
    e->renew_at = e->current ? now + RENEW_AGAIN_SECONDS * SECOND : 0;
    pthread_mutex_unlock(&k->mutex);
}

/* Without locks: only this thread changes the array and the lines. */
static void entry_fetch(struct keyring *k, struct entry *e)
{
    struct released r owned(released_done) = { 0 };
    struct held_key *key owned(held_key_free) = NULL;
    struct refusal why = { 0 };
    char version[24];
    int64_t asked = clock_monotonic_us();

    struct err error = fetch_key(k->fetcher, e->line.id, &r, &why);
    if (!failed(error)) {
        error = held_key_make(&e->line, &r, &key);
        if (failed(error))
            why = (struct refusal){ .code = "key_unusable" };
        if (failed(error))
            snprintf(why.detail, sizeof(why.detail), "%s", error.what);
    }
    if (failed(error)) {
        entry_refused(k, e, &why);
        return;
    }
    snprintf(version, sizeof(version), "%llu", (unsigned long long)r.version);
    entry_install(k, e, TAKE(key), &r, asked);
    log_info(r.form == RELEASED_STAYS ? "key stays at the KBS" : "key received", "key", e->line.id,
             "label", e->line.label, "version", version, "audit_id", r.audit_id);
}

static struct entry *entry_for(struct keyring *k, const struct key_line *line)
{
    for (size_t i = 0; i < k->count; i++)
        if (strcmp(k->entries[i].line.id, line->id) == 0)
            return &k->entries[i];
    return NULL;
}

/* Keys that stay keep what they hold until their fetch. Under both locks. */
static bool take_lines(struct keyring *k, struct keys_file *keys)
{
    struct entry *entries = calloc(keys->count, sizeof(*entries));

    if (!entries)
        return false;
    for (size_t i = 0; i < keys->count; i++) {
        struct entry *old = entry_for(k, &keys->lines[i]);
        if (old) {
            entries[i].current = TAKE(old->current);
            entries[i].previous = TAKE(old->previous);
            entries[i].lease_ends = old->lease_ends;
            entries[i].state = ENTRY_WANTED;
        }
        entries[i].line = keys->lines[i];
        keys->lines[i] = (struct key_line){ 0 };
    }
    clients_forget(k);
    for (size_t i = 0; i < k->count; i++)
        entry_done(&k->entries[i]);
    free(k->entries);
    k->entries = entries;
    k->count = keys->count;
    return true;
}

/* Under the mutex. */
static void obey_reload(struct keyring *k)
{
    struct keys_file *keys = TAKE(k->reload);

    if (!keys)
        return;
    pthread_rwlock_wrlock(&k->lock);
    bool taken = take_lines(k, keys);
    pthread_rwlock_unlock(&k->lock);
    keys_file_done(keys);
    free(keys);
    if (taken)
        log_info("keys file taken over");
}

/* What is to do next, or NULL; `*wake` is when there may be something. Under the mutex. */
static struct entry *next_job(struct keyring *k, int64_t *wake)
{
    int64_t now = clock_monotonic_us();

    *wake = now + 3600 * SECOND;
    for (size_t i = 0; i < k->count; i++) {
        struct entry *e = &k->entries[i];
        if (e->state == ENTRY_WANTED || (e->renew_at && now >= e->renew_at) ||
            (e->lease_ends && now >= e->lease_ends) || (e->asks_at && now >= e->asks_at))
            return e;
        if (e->renew_at && e->renew_at < *wake)
            *wake = e->renew_at;
        if (e->lease_ends && e->lease_ends < *wake)
            *wake = e->lease_ends;
        if (e->asks_at && e->asks_at < *wake)
            *wake = e->asks_at;
    }
    return NULL;
}

static void wait_until(struct keyring *k, int64_t wake)
{
    struct timespec at = { .tv_sec = wake / SECOND, .tv_nsec = wake % SECOND * 1000 };

    pthread_cond_timedwait(&k->changed, &k->mutex, &at);
}

/* Asking about a lease is enough, unless the key itself is to be fetched. */
static bool only_asks(const struct entry *e, int64_t now)
{
    return e->state == ENTRY_IDLE && e->asks_at && now >= e->asks_at &&
           !(e->renew_at && now >= e->renew_at) && now < e->lease_ends;
}

static void do_fetch(struct keyring *k, struct entry *e, int64_t now)
{
    e->state = ENTRY_FETCHING;
    bool ended = e->lease_ends && now >= e->lease_ends;
    pthread_mutex_unlock(&k->mutex);
    if (ended)
        entry_give_up(k, e, "lease ended");
    entry_fetch(k, e);
    pthread_mutex_lock(&k->mutex);
    e->state = ENTRY_IDLE;
    pthread_cond_broadcast(&k->changed);
}

static void do_job(struct keyring *k, struct entry *e)
{
    int64_t now = clock_monotonic_us();

    if (!only_asks(e, now)) {
        do_fetch(k, e, now);
        return;
    }
    pthread_mutex_unlock(&k->mutex);
    keyring_renew(k, e);
    pthread_mutex_lock(&k->mutex);
}

static void *keyring_run(void *arg)
{
    struct keyring *k = arg;

    pthread_mutex_lock(&k->mutex);
    while (!k->stop) {
        int64_t wake;
        obey_reload(k);
        struct entry *e = next_job(k, &wake);
        if (e)
            do_job(k, e);
        else
            wait_until(k, wake);
    }
    pthread_mutex_unlock(&k->mutex);
    return NULL;
}

static bool locks_init(struct keyring *k)
{
    pthread_rwlockattr_t lock;
    pthread_condattr_t cond;

    /* A stream of signatures must not keep the one writer waiting for ever. */
    bool good =
        pthread_rwlockattr_init(&lock) == 0 &&
        pthread_rwlockattr_setkind_np(&lock, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0 &&
        pthread_rwlock_init(&k->lock, &lock) == 0;
    good = good && pthread_condattr_init(&cond) == 0 &&
           pthread_condattr_setclock(&cond, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(&k->changed, &cond) == 0;
    return good && pthread_mutex_init(&k->mutex, NULL) == 0;
}

fallible keyring_new(struct fetcher *fetcher, struct keys_file *keys,
                     const struct keyring_config *config, struct keyring **out)
{
    struct keyring *k = calloc(1, sizeof(*k));

    if (!k)
        return FAIL(SYSTEM, "out of memory");
    k->fetcher = fetcher;
    k->config = *config;
    if (!locks_init(k) || !take_lines(k, keys) ||
        pthread_create(&k->thread, NULL, keyring_run, k)) {
        for (size_t i = 0; i < k->count; i++)
            entry_done(&k->entries[i]);
        free(k->entries);
        free(k);
        return FAIL(SYSTEM, "cannot start the thread that fetches keys");
    }
    *out = k;
    return OK;
}

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&k->mutex);
    k->stop = true;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->mutex);
    pthread_join(k->thread, NULL);
    if (k->reload)
        keys_file_done(k->reload);
    free(k->reload);
    for (size_t i = 0; i < k->count; i++)
        entry_done(&k->entries[i]);
    free(k->entries);
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->mutex);
    pthread_rwlock_destroy(&k->lock);
    free(k);
}

void keyring_reload(struct keyring *k, struct keys_file *keys)
{
    struct keys_file *order = malloc(sizeof(*order));

    if (!order)
        return;
    *order = *keys;
    *keys = (struct keys_file){ 0 };
    pthread_mutex_lock(&k->mutex);
    struct keys_file *older = k->reload;
    k->reload = order;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->mutex);
    if (older)
        keys_file_done(older);
    free(older);
}

void keyring_prefetch(struct keyring *k)
{
    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < k->count; i++)
        if (!k->entries[i].current && k->entries[i].state == ENTRY_IDLE)
            k->entries[i].state = ENTRY_WANTED;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->mutex);
}
