// SPDX-License-Identifier: Apache-2.0
#include "broker/planned.h"

#include <pthread.h>

#include "broker/release_internal.h"

struct planned {
    pthread_mutex_t lock;
    size_t next;
    struct plan {
        uint8_t digest[SHA256_SIZE];
        struct release *kept; /* NULL: free */
    } plans[PLANNED_MAX];
};

static void kept_free(struct release *kept)
{
    if (!kept)
        return;
    release_done(kept);
    free(kept);
}
OWNED_TYPE(struct release, kept_free)

fallible planned_open(struct planned **out)
{
    struct planned *p = calloc(1, sizeof *p);

    if (!p)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return OK;
}

void planned_close(struct planned *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < PLANNED_MAX; i++)
        kept_free(p->plans[i].kept);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* What release_authenticate() has made of the request, but for the bearer token. */
static void move_request(struct release *from, struct release *to)
{
    to->body = TAKE(from->body);
    to->challenge_text = from->challenge_text; /* borrows from the body */
    memcpy(to->challenge_digest, from->challenge_digest, sizeof to->challenge_digest);
    to->signing = TAKE(from->signing);
    to->encryption = TAKE(from->encryption);
    memcpy(to->signing_jkt, from->signing_jkt, sizeof to->signing_jkt);
    memcpy(to->encryption_jkt, from->encryption_jkt, sizeof to->encryption_jkt);
    to->evidence_sent = from->evidence_sent;
    to->challenge = from->challenge;
    to->proved = from->proved;
    from->proved = false;
}

void planned_keep(struct planned *p, struct release *r)
{
    owned(kept_free) struct release *kept =
        p && r->proved && !r->brought_token.len ? calloc(1, sizeof *kept) : NULL;

    if (!kept)
        return;
    move_request(r, kept);
    json_object_del(kept->body, "evidence"); /* the most of it, and nobody here reads it */
    pthread_mutex_lock(&p->lock);
    struct plan *plan = &p->plans[p->next++ % PLANNED_MAX];
    struct release *oldest = plan->kept;
    memcpy(plan->digest, r->digest, SHA256_SIZE);
    plan->kept = TAKE(kept);
    pthread_mutex_unlock(&p->lock);
    kept = oldest;
}

bool planned_take(struct planned *p, struct release *r)
{
    owned(kept_free) struct release *kept = NULL;

    if (!p)
        return false;
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < PLANNED_MAX && !kept; i++)
        if (p->plans[i].kept && !memcmp(p->plans[i].digest, r->digest, SHA256_SIZE))
            kept = TAKE(p->plans[i].kept);
    pthread_mutex_unlock(&p->lock);
    if (!kept)
        return false;
    move_request(kept, r);
    return true;
}
