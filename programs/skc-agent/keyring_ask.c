// SPDX-License-Identifier: Apache-2.0
/*
 * Keys that stay at the KBS: each use asks it, in the thread of the client that waits for it. What
 * has gone stale (token, policy, version) the ring's thread attests and asks for anew, once a use.
 */
#include "base/clock.h"
#include "base/log.h"
#include "client/use_answer.h"
#include "keyring_internal.h"

#define COMPLAINTS_APART SECOND

/* References. */
struct asked {
    struct held_key *key;
    struct use_grant *grant; /* NULL: the key is here by now */
};

static void asked_done(struct asked *a)
{
    held_key_free(a->key);
    use_grant_free(a->grant);
    *a = (struct asked){ 0 };
}
static inline void asked_donep(struct asked *a)
{
    asked_done(a);
}

uint32_t keyring_patience(const struct keyring_client *c)
{
    return (uint32_t)c->ring->config.use_timeout * 1000;
}

static struct use_grant *newest_grant(const struct entry *e)
{
    return e->current ? held_key_grant(e->current) : NULL;
}

static enum agent_status look_up(struct keyring_client *c, uint64_t handle, struct asked *out)
{
    struct place p = { 0 };

    pthread_rwlock_rdlock(&c->ring->lock);
    enum agent_status status = keyring_locate(c, handle, &p);
    if (status == AGENT_OK) {
        /* A version before is used by what the current one has earned. */
        struct use_grant *newest = held_key_grant(p.key) ? newest_grant(p.entry) : NULL;
        out->key = held_key_ref(p.key);
        out->grant = use_grant_ref(newest ? newest : held_key_grant(p.key));
    }
    pthread_rwlock_unlock(&c->ring->lock);
    return status == AGENT_NO_OBJECT ? keyring_why_absent(c->ring) : status;
}

/* Under the mutex. */
static struct entry *entry_of(struct keyring *k, const char *id)
{
    for (size_t i = 0; i < k->count; i++)
        if (!strcmp(k->entries[i].line.id, id))
            return &k->entries[i];
    return NULL;
}

/* The thread fetches it anew; nobody waits. */
static void renew_in_time(struct keyring *k, const struct asked *a)
{
    if (!use_grant_ends(a->grant, clock_now()))
        return;
    pthread_mutex_lock(&k->mutex);
    struct entry *e = entry_of(k, held_key_id(a->key));
    if (e && newest_grant(e) == a->grant) {
        entry_want_again(e, clock_monotonic_us());
        pthread_cond_broadcast(&k->changed);
    }
    pthread_mutex_unlock(&k->mutex);
}

/* The same, waited for. False: there is nothing newer. */
static bool renew_now(struct keyring *k, const struct asked *a, int64_t deadline)
{
    const struct timespec until = { .tv_sec = deadline / SECOND,
                                    .tv_nsec = deadline % SECOND * 1000 };
    const char *id = held_key_id(a->key);

    pthread_mutex_lock(&k->mutex);
    struct entry *e = entry_of(k, id);
    if (e && newest_grant(e) == a->grant) {
        entry_want_again(e, clock_monotonic_us());
        pthread_cond_broadcast(&k->changed);
    }
    /* A new keys file may take the entry's place meanwhile. */
    while (!k->stop && (e = entry_of(k, id)) && newest_grant(e) == a->grant &&
           e->state != ENTRY_IDLE)
        if (pthread_cond_timedwait(&k->changed, &k->mutex, &until))
            break;
    bool newer = !k->stop && e && newest_grant(e) != a->grant;
    pthread_mutex_unlock(&k->mutex);
    return newer;
}

static void complain(struct keyring *k, const char *id, const struct refusal *why)
{
    int64_t now = clock_monotonic_us();

    pthread_mutex_lock(&k->mutex);
    bool silent = k->complained_at && now < k->complained_at + COMPLAINTS_APART;
    if (!silent)
        k->complained_at = now;
    pthread_mutex_unlock(&k->mutex);
    if (!silent)
        log_event(LOG_WARNING, "use failed", "key", id, "code", why->code, "detail", why->detail,
                  NULL);
}

/* What the KBS thinks of the operation itself, whoever asks. */
static bool about_the_operation(const struct refusal *why)
{
    return !strcmp(why->code, "key_refused") || !strcmp(why->code, "malformed_request") ||
           !strcmp(why->code, "too_large");
}

static enum agent_status take_result(const struct use_said *said, const struct use_order *order,
                                     uint8_t *out, size_t *len)
{
    struct span result = said->opened ? secret_expose(said->opened) : buf_span(&said->bytes);

    if (result.len > order->result_max || result.len > KEY_USE_MAX ||
        (!said->opened && result.len != order->result_max))
        return AGENT_FAILED;
    if (result.len)
        memcpy(out, result.at, result.len);
    *len = result.len;
    return AGENT_OK;
}

/* `*stale`: the grant may be why it failed. */
static enum agent_status ask_once(struct keyring *k, const struct asked *a,
                                  const struct use_order *order, int64_t deadline, uint8_t *out,
                                  size_t *len, bool *stale)
{
    struct use_said said owned(use_said_done) = { 0 };
    struct refusal why = { 0 };

    struct err e = fetch_use(k->fetcher, a->grant, held_key_id(a->key), held_key_version(a->key),
                             order, deadline, &said, &why);
    *stale = e.kind == FAIL_DENIED && !about_the_operation(&why);
    if (!failed(e))
        return take_result(&said, order, out, len);
    complain(k, held_key_id(a->key), &why);
    if (!about_the_operation(&why))
        return AGENT_FAILED;
    return strcmp(order->operation, "decrypt") ? AGENT_BAD_MECHANISM : AGENT_BAD_DATA;
}

static enum agent_status order_of(const struct asked *a, enum agent_call call,
                                  const struct agent_use *how, struct use_order *order)
{
    bool sign = call == AGENT_SIGN;

    if (!(use_grant_uses(a->grant) & (sign ? USE_SIGN : USE_DECRYPT)))
        return AGENT_BAD_MECHANISM;
    return sign ? use_order_sign(a->key, how, order) : use_order_decrypt(a->key, how, order);
}

enum agent_status keyring_ask(struct keyring_client *c, enum agent_call call,
                              const struct agent_use *how, uint8_t *out, size_t *len)
{
    int64_t deadline = clock_monotonic_us() + (int64_t)c->ring->config.use_timeout * SECOND;
    enum agent_status status = AGENT_FAILED;
    bool stale = true;

    for (int tries = 0; tries < 2 && stale; tries++) {
        struct asked a owned(asked_done) = { 0 };
        struct use_order order;
        status = look_up(c, how->handle, &a);
        if (status != AGENT_OK)
            return status;
        if (!a.grant) /* its policy gives it away by now */
            return call == AGENT_SIGN ? keyring_sign(c, how, out, len)
                                      : keyring_decrypt(c, how, out, len);
        status = order_of(&a, call, how, &order);
        if (status != AGENT_OK)
            return status;
        renew_in_time(c->ring, &a);
        status = ask_once(c->ring, &a, &order, deadline, out, len, &stale);
        if (stale && !tries)
            stale = renew_now(c->ring, &a, deadline);
    }
    return status;
}
