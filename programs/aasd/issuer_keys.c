// SPDX-License-Identifier: Apache-2.0
#include "aasd/issuer_keys.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "http/client.h"

#define JWKS_BODY_MAX PINNED_KEYS_FILE_MAX
#define FETCH_MS 10000
#define TICK 1          /* seconds */
#define ASKED_AGAIN 10  /* seconds between two questions, whatever is asked for */
#define REFRESHES 4     /* within max_age */
#define REFRESH_MAX 300 /* seconds */

struct source {
    const struct issuer *issuer;
    struct http_client *client; /* NULL: a file */
    struct file_mark mark;
    struct jwks *keys; /* NULL: none yet */
    int64_t fetched, asked;
    bool wanted, failing;
};

struct issuer_keys {
    struct source sources[ISSUERS_MAX];
    size_t count;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t keeper;
    bool following, stopping;
};

static void put(struct source *s, struct jwks *keys, int64_t now)
{
    jwks_free(s->keys);
    s->keys = keys;
    s->fetched = now;
}

/* A file that is no set of keys leaves none: it is the operator's, and at hand. */
static void read_file(struct source *s, int64_t now)
{
    struct buf text owned(buf_done) = buf_of(JWKS_BODY_MAX);
    struct file_mark mark = file_mark_of(s->issuer->jwks_file);
    struct jwks *keys = NULL;

    if (s->fetched && file_mark_equal(&mark, &s->mark))
        return;
    s->mark = mark;
    struct err e = file_read(s->issuer->jwks_file, &text);
    if (!failed(e))
        e = jwks_parse_foreign(buf_span(&text), &keys);
    if (failed(e))
        log_err(e, "read an issuer's keys", "issuer", s->issuer->name);
    put(s, keys, now);
}

static fallible fetch(const struct source *s, struct jwks **out)
{
    const struct http_call call = { .method = "GET", .url = s->issuer->jwks_url, .fresh = true };
    struct http_reply reply owned(http_reply_done) = { 0 };

    TRY(http_send(s->client, &call, &reply));
    if (reply.status != 200)
        return FAIL(UPSTREAM, "the issuer does not give its keys");
    return jwks_parse_foreign(buf_span(&reply.body), out);
}

static bool is_due(const struct source *s, int64_t now)
{
    int64_t refresh = s->issuer->max_age / REFRESHES;

    if (refresh > REFRESH_MAX)
        refresh = REFRESH_MAX;
    if (!s->client || (s->asked && now < s->asked + (s->keys && !s->wanted ? 0 : 1)))
        return false;
    if (!s->keys || s->failing)
        return !s->asked || now >= s->asked + TICK;
    return now >= s->fetched + refresh || (s->wanted && now >= s->asked + ASKED_AGAIN);
}

/* Without the lock while it waits for the issuer. */
static void ask(struct issuer_keys *k, struct source *s, int64_t now)
{
    struct jwks *keys = NULL;

    s->asked = now;
    s->wanted = false;
    pthread_mutex_unlock(&k->lock);
    struct err e = fetch(s, &keys);
    pthread_mutex_lock(&k->lock);
    if (!failed(e))
        put(s, keys, clock_now());
    if (failed(e) && !s->failing)
        log_err(e, "fetch an issuer's keys", "issuer", s->issuer->name);
    s->failing = failed(e);
}

static void *follow(void *context)
{
    struct issuer_keys *k = context;
    struct timespec until;

    pthread_mutex_lock(&k->lock);
    while (!k->stopping) {
        for (size_t i = 0; i < k->count && !k->stopping; i++) {
            if (is_due(&k->sources[i], clock_now()))
                ask(k, &k->sources[i], clock_now());
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += TICK;
        pthread_cond_timedwait(&k->wake, &k->lock, &until);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

static fallible open_source(const struct issuer *i, struct source *s)
{
    const struct http_client_config c = { .ca_file = i->ca_file,
                                          .plain_loopback = i->plain_loopback,
                                          .tls12 = true,
                                          .timeout_ms = FETCH_MS,
                                          .body_max = JWKS_BODY_MAX };

    s->issuer = i;
    if (i->jwks_url)
        return http_client_new(&c, &s->client);
    read_file(s, clock_now());
    return s->keys ? OK : FAIL(INPUT, "an issuer's jwks_file holds no keys");
}

fallible issuer_keys_open(const struct issuers *i, struct issuer_keys **out)
{
    owned(issuer_keys_close) struct issuer_keys *k = calloc(1, sizeof(*k));
    pthread_condattr_t monotonic;

    if (!k)
        return FAIL(SYSTEM, "memory for issuers");
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (; k->count < i->count; k->count++)
        TRY(open_source(&i->each[k->count], &k->sources[k->count]));
    *out = TAKE(k);
    return OK;
}

fallible issuer_keys_follow(struct issuer_keys *k)
{
    if (pthread_create(&k->keeper, NULL, follow, k))
        return FAIL(SYSTEM, "a thread cannot be started");
    k->following = true;
    return OK;
}

void issuer_keys_close(struct issuer_keys *k)
{
    if (!k)
        return;
    if (k->following) {
        pthread_mutex_lock(&k->lock);
        k->stopping = true;
        pthread_cond_signal(&k->wake);
        pthread_mutex_unlock(&k->lock);
        pthread_join(k->keeper, NULL);
    }
    for (size_t i = 0; i < k->count; i++) {
        http_client_free(k->sources[i].client);
        jwks_free(k->sources[i].keys);
    }
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

static bool believed(const struct source *s, int64_t now)
{
    return s->keys && jwks_count(s->keys) &&
           (!s->client ||
            (now >= s->fetched - JWT_LEEWAY && now < s->fetched + s->issuer->max_age));
}

fallible issuer_keys_verify(struct issuer_keys *k, size_t at, struct span token, int64_t now,
                            json_t **claims, enum jwt_fault *fault)
{
    struct source *s = &k->sources[at];
    struct err e = FAIL(UPSTREAM, "the issuer's keys are not known, or too old");

    *fault = JWT_MALFORMED;
    pthread_mutex_lock(&k->lock);
    if (!s->client)
        read_file(s, now);
    if (believed(s, now))
        e = jwt_verify_foreign(token, s->keys, s->issuer->issuer, s->issuer->audience, now, claims,
                               fault);
    if (s->client && (e.kind == FAIL_UPSTREAM || *fault == JWT_UNKNOWN_KEY)) {
        s->wanted = true;
        pthread_cond_signal(&k->wake);
    }
    pthread_mutex_unlock(&k->lock);
    return e;
}
