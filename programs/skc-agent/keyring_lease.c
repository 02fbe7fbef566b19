// SPDX-License-Identifier: Apache-2.0
/* Leases: asking the KBS about what is held, and obeying. */
#include "base/clock.h"
#include "base/log.h"
#include "keyring_internal.h"

int64_t lease_asks_at(const struct keyring *k, int64_t from, uint64_t minutes)
{
    int64_t half = (int64_t)minutes * 30, poll = (int64_t)k->config.lease_poll;
    return from + (half < poll ? half : poll) * SECOND;
}

/* Only the ring's thread changes these; clients look at none of them but the state. */
static void obey(struct keyring *k, struct entry *e, const struct lease_item *item, int64_t asked)
{
    if (item->word == LEASE_REVOKED) {
        entry_give_up(k, e, item->reason);
        return;
    }
    pthread_mutex_lock(&k->mutex);
    if (item->word == LEASE_RENEWED) {
        e->lease_ends = asked + (int64_t)item->minutes * 60 * SECOND;
        e->asks_at = lease_asks_at(k, asked, item->minutes);
    } else {
        e->asks_at = 0;
        e->state = ENTRY_WANTED;
    }
    pthread_mutex_unlock(&k->mutex);
    if (item->word != LEASE_RENEWED)
        log_info("key is to be fetched anew", "key", e->line.id, "why", item->reason);
}

/* What is held stays held until its lease ends. A KBS that refuses the question, as one that does
 * not know leases, is asked for the key itself. */
static void not_answered(struct keyring *k, struct entry *e, struct err error)
{
    int64_t at = clock_monotonic_us() + RENEW_AGAIN_SECONDS * SECOND;

    pthread_mutex_lock(&k->mutex);
    e->asks_at = at;
    if (error.kind == FAIL_DENIED || error.kind == FAIL_INPUT) {
        e->asks_at = 0;
        e->state = ENTRY_WANTED;
    }
    pthread_mutex_unlock(&k->mutex);
}

void keyring_renew(struct keyring *k, struct entry *due)
{
    struct session *session owned(session_free) = session_ref(due->session);
    struct lease_item items[LEASE_ITEMS_MAX];
    struct entry *asked_for[LEASE_ITEMS_MAX] = { due };
    struct refusal why;
    size_t count = 1;
    int64_t asked = clock_monotonic_us();

    for (size_t i = 0; i < k->count && count < LEASE_ITEMS_MAX; i++)
        if (&k->entries[i] != due && k->entries[i].session == session && k->entries[i].asks_at)
            asked_for[count++] = &k->entries[i];
    for (size_t i = 0; i < count; i++)
        items[i] = (struct lease_item){ .key_id = asked_for[i]->line.id,
                                        .audit_id = asked_for[i]->audit_id };
    struct err error = fetch_leases(k->fetcher, session, items, count, &why);
    if (failed(error))
        log_event(LOG_WARNING, "leases not renewed", "code", why.code, "detail", why.detail, NULL);
    for (size_t i = 0; i < count; i++) {
        if (failed(error))
            not_answered(k, asked_for[i], error);
        else
            obey(k, asked_for[i], &items[i], asked);
    }
}
