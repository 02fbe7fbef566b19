// SPDX-License-Identifier: Apache-2.0
#include <p11-kit/pkcs11.h>

#include "base/clock.h"
#include "keyring_internal.h"

struct keyring_client *keyring_join(struct keyring *k)
{
    struct keyring_client *c = calloc(1, sizeof(*c));

    if (c)
        c->use = key_use_new();
    if (!c || !c->use) {
        free(c);
        return NULL;
    }
    c->ring = k;
    pthread_rwlock_wrlock(&k->lock);
    c->next = k->clients;
    if (c->next)
        c->next->link = &c->next;
    c->link = &k->clients;
    k->clients = c;
    pthread_rwlock_unlock(&k->lock);
    return c;
}

void keyring_leave(struct keyring_client *c)
{
    pthread_rwlock_wrlock(&c->ring->lock);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    pthread_rwlock_unlock(&c->ring->lock);
    key_use_free(c->use);
    secret_free(c->pin);
    free(c);
}

static bool pin_fits(const struct entry *e, const struct secret *pin)
{
    return pin && secret_equal(e->line.pin, pin);
}

bool keyring_login(struct keyring_client *c, struct span pin)
{
    struct secret *given owned(secret_free) = pin.len ? secret_copy(pin) : NULL;
    bool fits = false;

    if (!given)
        return false;
    pthread_rwlock_rdlock(&c->ring->lock);
    for (size_t i = 0; i < c->ring->count; i++)
        fits |= pin_fits(&c->ring->entries[i], given);
    pthread_rwlock_unlock(&c->ring->lock);
    if (!fits)
        return false;
    secret_free(c->pin);
    c->pin = TAKE(given);
    return true;
}

void keyring_logout(struct keyring_client *c)
{
    secret_free(c->pin);
    c->pin = NULL;
}

static bool may_see(const struct keyring_client *c, const struct entry *e, const struct object *o)
{
    return !object_is_private(o) || pin_fits(e, c->pin);
}

/* What is known of a key that is not here: its line. */
static bool line_may_match(const struct entry *e, const struct keyring_client *c,
                           const struct agent_attribute *a)
{
    switch (a->type) {
    case CKA_CLASS:
        if (a->number == CKO_SECRET_KEY)
            return e->line.secret_key && pin_fits(e, c->pin);
        if (a->number == CKO_PRIVATE_KEY)
            return !e->line.secret_key && pin_fits(e, c->pin);
        return (a->number == CKO_PUBLIC_KEY ||
                (a->number == CKO_CERTIFICATE && e->line.certificate)) &&
               !e->line.secret_key;
    case CKA_ID:
        return span_equal_str(a->bytes, e->line.id);
    case CKA_LABEL:
        return span_equal_str(a->bytes, e->line.label);
    case CKA_TOKEN:
    case CKA_EXTRACTABLE:
        return a->number == (a->type == CKA_TOKEN);
    default:
        return true;
    }
}

bool entry_may_match(const struct entry *e, const struct keyring_client *c,
                     const struct agent_attribute *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!line_may_match(e, c, &wanted[i]))
            return false;
    /* A secret key has no public object that could be seen without login. */
    return !e->line.secret_key || pin_fits(e, c->pin);
}

static bool still_fetching(struct keyring_client *c, const struct agent_attribute *wanted,
                           size_t count)
{
    for (size_t i = 0; i < c->ring->count; i++)
        if (c->ring->entries[i].state != ENTRY_IDLE && !c->ring->entries[i].current &&
            entry_may_match(&c->ring->entries[i], c, wanted, count))
            return true;
    return false;
}

void entry_want_again(struct entry *e, int64_t now)
{
    if (e->state == ENTRY_IDLE && now >= e->retry_at)
        e->state = ENTRY_WANTED;
}

static void want(struct entry *e, int64_t now)
{
    if (!e->current)
        entry_want_again(e, now);
}

/* `mutex` guards the array against its one writer, so `current` may be looked at under it. */
static void fetch_and_wait(struct keyring_client *c, const struct agent_attribute *wanted,
                           size_t count, unsigned timeout_ms)
{
    struct keyring *k = c->ring;
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    pthread_mutex_lock(&k->mutex);
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < k->count; i++)
        if (entry_may_match(&k->entries[i], c, wanted, count))
            want(&k->entries[i], now);
    if (still_fetching(c, wanted, count))
        pthread_cond_broadcast(&k->changed);
    while (!k->stop && still_fetching(c, wanted, count))
        if (pthread_cond_timedwait(&k->changed, &k->mutex, &deadline))
            break;
    pthread_mutex_unlock(&k->mutex);
}

size_t keyring_find(struct keyring_client *c, const struct agent_attribute *wanted, size_t count,
                    unsigned timeout_ms, uint64_t *handles)
{
    struct keyring *k = c->ring;
    size_t found = 0;

    fetch_and_wait(c, wanted, count, timeout_ms);
    pthread_rwlock_rdlock(&k->lock);
    for (size_t i = 0; i < k->count; i++) {
        const struct object *objects = NULL;
        size_t n = k->entries[i].current ? held_key_objects(k->entries[i].current, &objects) : 0;
        for (size_t j = 0; j < n && found < AGENT_FIND_MAX; j++)
            if (may_see(c, &k->entries[i], &objects[j]) &&
                object_matches(&objects[j], wanted, count))
                handles[found++] = objects[j].handle;
    }
    pthread_rwlock_unlock(&k->lock);
    return found;
}

enum agent_status keyring_why_absent(struct keyring *k)
{
    bool missing = false;

    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < k->count; i++) {
        want(&k->entries[i], clock_monotonic_us());
        missing |= !k->entries[i].current;
    }
    if (missing)
        pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->mutex);
    return missing ? AGENT_NOT_READY : AGENT_NO_OBJECT;
}

enum agent_status keyring_locate(struct keyring_client *c, uint64_t handle, struct place *out)
{
    for (size_t i = 0; i < c->ring->count; i++) {
        struct entry *e = &c->ring->entries[i];
        struct held_key *versions[] = { e->current, e->previous };
        for (size_t v = 0; v < 2; v++) {
            const struct object *o = versions[v] ? held_key_object(versions[v], handle) : NULL;
            if (!o)
                continue;
            if (!may_see(c, e, o))
                return AGENT_LOGIN_NEEDED;
            *out = (struct place){ e, versions[v], o };
            return AGENT_OK;
        }
    }
    return AGENT_NO_OBJECT;
}

static void read_attribute(const struct object *o, struct agent_attribute *a)
{
    const struct agent_attribute *found = object_attribute(o, a->type);

    if (found) {
        *a = *found;
        a->outcome = AGENT_VALUE;
        return;
    }
    a->outcome = object_hides(o, a->type) ? AGENT_SENSITIVE : AGENT_NO_SUCH_TYPE;
}

void keyring_read(struct keyring_client *c, uint64_t handle, struct agent_reply *reply,
                  struct agent_message *out)
{
    struct place p = { 0 };

    pthread_rwlock_rdlock(&c->ring->lock);
    reply->status = keyring_locate(c, handle, &p);
    for (size_t i = 0; reply->status == AGENT_OK && i < reply->count; i++)
        read_attribute(p.object, &reply->attributes[i]);
    if (reply->status != AGENT_NO_OBJECT)
        agent_reply_write(out, reply); /* while what it points to is there */
    pthread_rwlock_unlock(&c->ring->lock);
    if (reply->status != AGENT_NO_OBJECT)
        return;
    reply->status = keyring_why_absent(c->ring);
    agent_reply_write(out, reply);
}

enum agent_status keyring_sign(struct keyring_client *c, const struct agent_use *how, uint8_t *out,
                               size_t *len)
{
    struct place p = { 0 };

    pthread_rwlock_rdlock(&c->ring->lock);
    enum agent_status status = keyring_locate(c, how->handle, &p);
    if (status == AGENT_OK)
        status = p.object->kind != OBJECT_PRIVATE ? AGENT_BAD_MECHANISM
                 : held_key_grant(p.key)          ? AGENT_WAITS
                                                  : key_sign(c->use, p.key, how, out, len);
    pthread_rwlock_unlock(&c->ring->lock);
    return status == AGENT_NO_OBJECT ? keyring_why_absent(c->ring) : status;
}

enum agent_status keyring_decrypt(struct keyring_client *c, const struct agent_use *how,
                                  uint8_t *out, size_t *len)
{
    struct place p = { 0 };

    pthread_rwlock_rdlock(&c->ring->lock);
    enum agent_status status = keyring_locate(c, how->handle, &p);
    if (status == AGENT_OK)
        status = p.object->kind != OBJECT_PRIVATE ? AGENT_BAD_MECHANISM
                 : held_key_grant(p.key)          ? AGENT_WAITS
                                                  : key_decrypt(p.key, how, out, len);
    pthread_rwlock_unlock(&c->ring->lock);
    return status == AGENT_NO_OBJECT ? keyring_why_absent(c->ring) : status;
}
