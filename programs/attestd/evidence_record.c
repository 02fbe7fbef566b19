// SPDX-License-Identifier: Apache-2.0
#include "attestd/evidence_record.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "attestd/recent.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "crypto/digest.h"

#define QUEUE_MAX 64
#define QUEUE_BYTES_MAX (4U << 20)
#define PAUSE_MS 200   /* between two writes, where nobody waits for one */
#define SETTLE_MS 2000 /* who reads waits no longer for what is not written yet */
#define COMPLAIN_US (60 * 1000000LL)

struct waiting {
    char *jws;
    bool refusal;
    enum evidence_form form;
    char *media_type, *evidence, *runtime_data;
    size_t evidence_len;
};

struct evidence_record {
    struct evidence_store *store;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed, wrote;
    struct waiting queue[QUEUE_MAX];
    size_t count, bytes;
    bool started, stopping, hurry;
    uint64_t taken, written; /* of all time */
    uint64_t lost;
    int64_t complained_us;
};

fallible evidence_record_open(const char *url, const struct evidence_limits *limits,
                              struct evidence_record **out)
{
    pthread_condattr_t attr;
    owned(evidence_record_close) struct evidence_record *r = calloc(1, sizeof(*r));
    if (!r)
        return FAIL(SYSTEM, "memory for evidence to be kept");
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &attr);
    pthread_cond_init(&r->wrote, &attr);
    pthread_condattr_destroy(&attr);
    TRY(evidence_store_open(url, limits, &r->store));
    *out = TAKE(r);
    return OK;
}

static void waiting_done(struct waiting *w)
{
    free(w->jws);
    free(w->media_type);
    free(w->evidence);
    free(w->runtime_data);
    *w = (struct waiting){ 0 };
}

/* The row borrows from both. False: the statement cannot be read. */
static bool row_of(const struct waiting *w, const json_t *words, struct evidence_row *out)
{
    const json_t *warder = json_object_get(words, "warder"), *iat = json_object_get(words, "iat");
    struct evidence_row r = { .at = json_integer_value(iat),
                              .refusal = w->refusal,
                              .form = w->form,
                              .media_type = span_str(w->media_type),
                              .evidence = span_from(w->evidence, w->evidence_len),
                              .runtime_data = span_str(w->runtime_data) };
    if (failed(json_get_str(words, "jti", "jti", &r.id)) ||
        failed(json_get_str(warder, "tenant", "tenant", &r.tenant)) ||
        failed(json_opt_str(warder, "collateral_digest", "digest", &r.collateral)))
        return false;
    *out = r;
    return true;
}

static void write_down(struct evidence_record *r, struct waiting *all, size_t count)
{
    struct evidence_row rows[QUEUE_MAX];
    json_t *words[QUEUE_MAX] = { 0 };
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        if (!failed(recent_words(span_str(all[i].jws), &words[i])) &&
            row_of(&all[i], words[i], &rows[good]))
            good++;
    struct err e = good ? evidence_store_add(r->store, rows, good, clock_now()) : OK;
    if (failed(e))
        log_err(e, "evidence is not kept");
    for (size_t i = 0; i < count; i++) {
        json_free(words[i]);
        waiting_done(&all[i]);
    }
}

static struct timespec in_ms(int64_t ms)
{
    int64_t us = clock_monotonic_us() + ms * 1000;
    return (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
}

/* With the lock held: what a flood has cost, now and then. */
static uint64_t losses(struct evidence_record *r)
{
    int64_t now = clock_monotonic_us();
    uint64_t lost = r->lost;
    if (!lost || (r->complained_us && now - r->complained_us < COMPLAIN_US))
        return 0;
    r->complained_us = now;
    r->lost = 0;
    return lost;
}

static void *keep_all(void *context)
{
    struct evidence_record *r = context;
    struct waiting all[QUEUE_MAX];
    pthread_mutex_lock(&r->lock);
    while (r->count || !r->stopping) {
        if (!r->count) {
            pthread_cond_wait(&r->changed, &r->lock);
            continue;
        }
        size_t count = r->count;
        memcpy(all, r->queue, count * sizeof(all[0]));
        r->count = r->bytes = 0;
        r->hurry = false;
        uint64_t lost = losses(r);
        pthread_mutex_unlock(&r->lock);
        if (lost)
            log_warn("too much evidence at once: not all is kept");
        write_down(r, all, count);
        pthread_mutex_lock(&r->lock);
        r->written += count;
        pthread_cond_broadcast(&r->wrote);
        const struct timespec until = in_ms(PAUSE_MS);
        while (!r->stopping && !r->hurry &&
               pthread_cond_timedwait(&r->changed, &r->lock, &until) != ETIMEDOUT)
            ;
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

fallible evidence_record_start(struct evidence_record *r)
{
    if (r && pthread_create(&r->thread, NULL, keep_all, r))
        return FAIL(SYSTEM, "a thread that keeps evidence");
    if (r)
        r->started = true;
    return OK;
}

void evidence_record_close(struct evidence_record *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    if (r->started)
        pthread_join(r->thread, NULL);
    for (size_t i = 0; i < r->count; i++)
        waiting_done(&r->queue[i]);
    pthread_cond_destroy(&r->changed);
    pthread_cond_destroy(&r->wrote);
    pthread_mutex_destroy(&r->lock);
    evidence_store_close(r->store);
    free(r);
}

/* What waits cannot be more than what the front holds of requests anyhow. */
static bool has_room(struct evidence_record *r, size_t size)
{
    pthread_mutex_lock(&r->lock);
    bool room = r->count < QUEUE_MAX && size <= QUEUE_BYTES_MAX - r->bytes;
    r->lost += !room;
    pthread_mutex_unlock(&r->lock);
    return room;
}

void evidence_record_keep(struct evidence_record *r, struct span jws, bool refusal,
                          const struct work_request *q)
{
    const size_t size = jws.len + q->media_type.len + q->evidence.len + q->runtime_data.len;
    if (!r || !has_room(r, size))
        return;
    struct waiting w = { .jws = span_dup(jws),
                         .refusal = refusal,
                         .form = q->form,
                         .media_type = span_dup(q->media_type),
                         .evidence = span_dup(q->evidence),
                         .runtime_data = span_dup(q->runtime_data),
                         .evidence_len = q->evidence.len };
    bool whole = w.jws && w.media_type && w.evidence && w.runtime_data;
    pthread_mutex_lock(&r->lock);
    bool room = whole && r->count < QUEUE_MAX && size <= QUEUE_BYTES_MAX - r->bytes;
    if (room) {
        r->queue[r->count++] = w;
        r->bytes += size;
        r->taken++;
        pthread_cond_signal(&r->changed);
    } else {
        r->lost++;
    }
    pthread_mutex_unlock(&r->lock);
    if (!room)
        waiting_done(&w);
}

void evidence_record_collateral(void *record, struct span digest, struct span body)
{
    struct evidence_record *r = record;
    char hex[2 * SHA256_SIZE + 1], text[DIGEST_TEXT_SIZE];
    if (!r || digest.len != SHA256_SIZE)
        return;
    snprintf(text, sizeof(text), "sha256:%s", hex_str(digest, hex));
    struct err e = evidence_store_collateral(r->store, span_str(text), body, clock_now());
    if (failed(e))
        log_err(e, "collateral is not kept");
}

static void settle(struct evidence_record *r)
{
    const struct timespec until = in_ms(SETTLE_MS);
    pthread_mutex_lock(&r->lock);
    const uint64_t mine = r->taken;
    while (r->started && r->written < mine) {
        r->hurry = true;
        pthread_cond_signal(&r->changed);
        if (pthread_cond_timedwait(&r->wrote, &r->lock, &until) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&r->lock);
}

struct evidence_store *evidence_record_store(struct evidence_record *r)
{
    if (!r)
        return NULL;
    settle(r);
    return r->store;
}
