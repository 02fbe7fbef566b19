// SPDX-License-Identifier: Apache-2.0
#include "aasd/token_keys.h"

#include <pthread.h>
#include <time.h>

#include "access/pinned_keys.h"
#include "access/revocation.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "token/jwt.h"
#include "token/signing_keys.h"

#define PATH_BYTES_MAX 4096
#define JWKS_BYTES_MAX PINNED_KEYS_FILE_MAX
#define RENEWALS 4 /* of the list within its time */

struct token_keys {
    struct signing_keys_config config;
    char *key_path, *jwks_path, *list_path; /* the last two NULL: not written */
    struct store *store;

    pthread_rwlock_t lock;
    struct signing_keys signing;
    struct jwks *keys;
    struct buf jwks_text, list_text;

    pthread_mutex_t work; /* of who changes any of it; held before the lock */
    char *list_claims;    /* what the list says, without its times */
    int64_t list_made;
    bool list_unwritten;

    pthread_cond_t wake;
    pthread_t keeper;
    bool following, stopping;
};

/* Written only where it differs, so that a daemon whose pinned file was placed by an administrator
 * needs no right to write there. */
static fallible publish(const char *path, struct span text)
{
    struct buf there owned(buf_done) = buf_of(JWT_TEXT_MAX);

    if (!path)
        return OK;
    if (!failed(file_read(path, &there)) && span_equal(buf_span(&there), text))
        return OK;
    return file_write(path, text, 0644);
}

static fallible load_keys(struct token_keys *k, bool rotate, int64_t now)
{
    struct signing_keys s owned(signing_keys_done) = { 0 };
    struct buf text owned(buf_done) = buf_of(JWKS_BYTES_MAX);
    owned(jwks_free) struct jwks *keys = NULL;

    TRY(signing_keys_open(&k->config, rotate, now, &s));
    TRY(jwks_text((const struct key *const *)s.all, s.count, &text));
    TRY(jwks_parse(buf_span(&text), &keys));
    TRY(publish(k->jwks_path, buf_span(&text))); /* before the first signature that needs it */
    pthread_rwlock_wrlock(&k->lock);
    struct signing_keys old = k->signing;
    struct jwks *old_keys = k->keys;
    struct buf old_text = k->jwks_text;
    k->signing = s, k->keys = TAKE(keys), k->jwks_text = text;
    pthread_rwlock_unlock(&k->lock);
    s = old, text = old_text;
    jwks_free(old_keys);
    return OK;
}

static fallible sign(struct token_keys *k, const char *typ, const json_t *claims, struct buf *out)
{
    pthread_rwlock_rdlock(&k->lock);
    struct key *key = key_ref(k->signing.current);
    pthread_rwlock_unlock(&k->lock);
    struct err e = jwt_sign(key, typ, claims, out);
    key_free(key);
    return e;
}

static fallible make_list(struct token_keys *k, json_t *claims, int64_t now)
{
    struct buf text owned(buf_done) = buf_of(JWT_TEXT_MAX);

    TRY(jwt_stamp(claims, BEARER_ISSUER, BEARER_AUDIENCE, now, k->config.lifetime));
    TRY(sign(k, REVOCATIONS_TYP, claims, &text));
    TRY(buf_check(&text));
    pthread_rwlock_wrlock(&k->lock);
    struct buf old = k->list_text;
    k->list_text = text;
    pthread_rwlock_unlock(&k->lock);
    text = old;
    k->list_made = now;
    k->list_unwritten = true;
    return OK;
}

/* The file is for others: that it cannot be written does not stop us, and is said once a list. */
static void write_list(struct token_keys *k)
{
    struct err e = publish(k->list_path, buf_span(&k->list_text));

    if (failed(e))
        log_err(e, "write the list of revoked tokens", "file", k->list_path);
    k->list_unwritten = false;
}

static fallible renew_list(struct token_keys *k, int64_t now)
{
    owned(json_free) json_t *claims = NULL;

    TRY(revocation_claims(k->store, now, &claims));
    char *text owned(free) = json_text(claims);
    if (!text)
        return FAIL(SYSTEM, "memory for the list of revoked tokens");
    bool same = k->list_claims && !strcmp(k->list_claims, text);
    if (!same || now >= k->list_made + k->config.lifetime / RENEWALS || now < k->list_made) {
        TRY(make_list(k, claims, now));
        free(k->list_claims);
        k->list_claims = TAKE(text);
    }
    if (k->list_unwritten)
        write_list(k);
    return OK;
}

static fallible set_paths(struct token_keys *k, const struct token_keys_config *c)
{
    if (asprintf(&k->key_path, "%s/signing.key", c->folder) < 0)
        return FAIL(SYSTEM, "memory for token keys");
    if (c->jwks_file && (asprintf(&k->jwks_path, "%s", c->jwks_file) < 0 ||
                         asprintf(&k->list_path, "%s" PINNED_KEYS_REVOKED, c->jwks_file) < 0))
        return FAIL(SYSTEM, "memory for token keys");
    k->config = (struct signing_keys_config){ .path = k->key_path,
                                              .algorithm = c->algorithm,
                                              .lifetime = c->lifetime,
                                              .rotate = c->rotate,
                                              .announce = c->announce };
    return OK;
}

fallible token_keys_open(const struct token_keys_config *c, struct store *s,
                         struct token_keys **out)
{
    owned(token_keys_close) struct token_keys *k = calloc(1, sizeof(*k));
    pthread_condattr_t monotonic;

    if (!k)
        return FAIL(SYSTEM, "memory for token keys");
    k->store = s;
    pthread_rwlock_init(&k->lock, NULL);
    pthread_mutex_init(&k->work, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    TRY(set_paths(k, c));
    bool made = !file_exists(k->key_path);
    TRY(load_keys(k, false, clock_now()));
    if (made)
        log_info("token signing key made");
    TRY(renew_list(k, clock_now()));
    *out = TAKE(k);
    return OK;
}

void token_keys_close(struct token_keys *k)
{
    if (!k)
        return;
    if (k->following) {
        pthread_mutex_lock(&k->work);
        k->stopping = true;
        pthread_cond_signal(&k->wake);
        pthread_mutex_unlock(&k->work);
        pthread_join(k->keeper, NULL);
    }
    signing_keys_done(&k->signing);
    jwks_free(k->keys);
    buf_done(&k->jwks_text);
    buf_done(&k->list_text);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->work);
    pthread_rwlock_destroy(&k->lock);
    free(k->list_claims);
    free(k->key_path);
    free(k->jwks_path);
    free(k->list_path);
    free(k);
}

static void keep(struct token_keys *k)
{
    int64_t now = clock_now();

    if (k->signing.change_at && now >= k->signing.change_at) {
        struct err e = load_keys(k, false, now);
        if (failed(e))
            log_err(e, "change the token signing key");
        else
            log_info("the token signing keys have changed");
    }
    struct err e = renew_list(k, now);
    if (failed(e))
        log_err(e, "make the list of revoked tokens");
}

static void *follow(void *context)
{
    struct token_keys *k = context;
    struct timespec until;

    pthread_mutex_lock(&k->work);
    while (!k->stopping) {
        keep(k);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += TOKEN_KEYS_TICK;
        pthread_cond_timedwait(&k->wake, &k->work, &until);
    }
    pthread_mutex_unlock(&k->work);
    return NULL;
}

fallible token_keys_follow(struct token_keys *k)
{
    if (pthread_create(&k->keeper, NULL, follow, k))
        return FAIL(SYSTEM, "a thread cannot be started");
    k->following = true;
    return OK;
}

fallible token_keys_sign(struct token_keys *k, const json_t *claims, struct buf *out)
{
    return sign(k, "JWT", claims, out);
}

fallible token_keys_verify(struct token_keys *k, struct span text, int64_t now,
                           enum bearer_verdict *verdict, struct bearer *out)
{
    bool ended = false;

    pthread_rwlock_rdlock(&k->lock);
    struct err e = bearer_verify(k->keys, text, now, verdict, out);
    pthread_rwlock_unlock(&k->lock);
    if (failed(e) || *verdict != BEARER_GOOD)
        return e;
    e = revocation_check(k->store, out, &ended);
    if (ended)
        *verdict = BEARER_REVOKED;
    if (failed(e) || ended)
        bearer_done(out);
    return e;
}

fallible token_keys_rotate(struct token_keys *k, int64_t now)
{
    pthread_mutex_lock(&k->work);
    struct err e = load_keys(k, true, now);
    pthread_mutex_unlock(&k->work);
    return e;
}

static fallible copy(struct token_keys *k, const struct buf *from, struct buf *out)
{
    pthread_rwlock_rdlock(&k->lock);
    buf_add(out, buf_span(from));
    pthread_rwlock_unlock(&k->lock);
    return buf_check(out);
}

fallible token_keys_jwks(struct token_keys *k, struct buf *out)
{
    return copy(k, &k->jwks_text, out);
}

fallible token_keys_revocations(struct token_keys *k, struct buf *out)
{
    return copy(k, &k->list_text, out);
}

void token_keys_revoked(struct token_keys *k, int64_t now)
{
    pthread_mutex_lock(&k->work);
    struct err e = renew_list(k, now);
    if (failed(e))
        log_err(e, "make the list of revoked tokens");
    pthread_mutex_unlock(&k->work);
}
