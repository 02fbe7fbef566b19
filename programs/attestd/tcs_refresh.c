// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_refresh.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"

#define LOOK_SECONDS 5
#define TELL_SECONDS 3600 /* an alarm is repeated */
#define DAY 86400
#define CERTIFICATE_DAYS 30

struct tcs_refresh {
    struct tcs_cache *cache;
    int64_t alarm_seconds, told_at;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool stopping;
};

bool tcs_refresh_is_due(const struct tcs_listed *row, int64_t refresh_seconds, int64_t now)
{
    int64_t age = now - row->fetched_at, left = row->next_update - now;
    int64_t life = row->next_update - row->issued;
    if (tcs_item_is_certificate(&row->id))
        return left < CERTIFICATE_DAYS * DAY && age >= DAY;
    if (age >= refresh_seconds)
        return true;
    int64_t pause = life / 20 > 3600 ? 3600 : life / 20; /* in the last quarter of its life */
    return left < life / 4 && age >= (pause ? pause : 1);
}

struct work {
    struct tcs_id *ids;
    size_t count, room, ending;
    int64_t refresh_seconds, alarm_seconds, now;
    char first[TCS_KEY_MAX]; /* that ends */
    int64_t first_end;
};

static fallible note(const struct tcs_listed *row, void *context)
{
    struct work *w = context;
    if (row->next_update - w->now < w->alarm_seconds && !w->ending++) {
        tcs_id_key(&row->id, w->first);
        w->first_end = row->next_update;
    }
    if (!tcs_refresh_is_due(row, w->refresh_seconds, w->now))
        return OK;
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 16;
        struct tcs_id *more = reallocarray(w->ids, room, sizeof(*more));
        if (!more)
            return FAIL(SYSTEM, "memory for what is to be refreshed");
        w->ids = more;
        w->room = room;
    }
    w->ids[w->count++] = row->id;
    return OK;
}

static bool is_stopping(struct tcs_refresh *r)
{
    pthread_mutex_lock(&r->lock);
    bool stopping = r->stopping;
    pthread_mutex_unlock(&r->lock);
    return stopping;
}

static void tell_alarm(struct tcs_refresh *r, const struct work *w)
{
    char when[CLOCK_TEXT_MAX], count[24];
    if (!w->ending || w->now - r->told_at < TELL_SECONDS)
        return;
    r->told_at = w->now;
    snprintf(count, sizeof(count), "%zu", w->ending);
    log_warn("collateral nears its end", "item", w->first, "end", clock_format(w->first_end, when),
             "items", count, "upstream", tcs_cache_failing(r->cache) ? "failing" : "ok");
}

static void look(struct tcs_refresh *r)
{
    struct store *s = tcs_cache_store(r->cache);
    struct work w = { .refresh_seconds = tcs_cache_source(r->cache)->refresh_seconds,
                      .alarm_seconds = r->alarm_seconds,
                      .now = clock_now() };
    store_lock(s);
    struct err e = tcs_store_list(s, note, &w);
    store_unlock(s);
    if (failed(e))
        log_err(e, "collateral cannot be looked through");
    tell_alarm(r, &w);
    for (size_t i = 0; i < w.count && !is_stopping(r); i++)
        tcs_cache_refresh(r->cache, &w.ids[i], clock_now());
    free(w.ids);
}

static void *run(void *context)
{
    struct tcs_refresh *r = context;
    while (!is_stopping(r)) {
        look(r);
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += LOOK_SECONDS;
        pthread_mutex_lock(&r->lock);
        if (!r->stopping)
            pthread_cond_timedwait(&r->told, &r->lock, &until);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

fallible tcs_refresh_start(struct tcs_cache *c, int64_t alarm_seconds, struct tcs_refresh **out)
{
    struct tcs_refresh *r = calloc(1, sizeof(*r));
    if (!r)
        return FAIL(SYSTEM, "memory for refreshing");
    r->cache = c;
    r->alarm_seconds = alarm_seconds;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->told, NULL);
    if (pthread_create(&r->thread, NULL, run, r)) {
        free(r);
        return FAIL(SYSTEM, "a thread cannot be started");
    }
    *out = r;
    return OK;
}

void tcs_refresh_stop(struct tcs_refresh *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->told);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->told);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
