// SPDX-License-Identifier: Apache-2.0
#include "client/use_grant.h"

#include <pthread.h>
#include <stdatomic.h>

#include "crypto/secret.h"

#define CHALLENGES_MAX 64
#define ENDS_SOON 30 /* seconds; session_token() gives none in this time either */

struct use_grant {
    atomic_uint references;
    unsigned uses;
    struct session *session;
    char *token;
    int64_t token_ends;
    pthread_mutex_t mutex;            /* of what follows */
    char *challenges[CHALLENGES_MAX]; /* the newest is taken first: it lives longest */
    size_t count;
};

fallible use_grant_new(struct session *session, unsigned uses, struct use_grant **out)
{
    struct use_grant *g owned(use_grant_free) = calloc(1, sizeof(*g));

    if (!g)
        return FAIL(SYSTEM, "out of memory");
    atomic_init(&g->references, 1);
    pthread_mutex_init(&g->mutex, NULL);
    g->uses = uses;
    g->session = session_ref(session);
    TRY(session_token_copy(session, &g->token, &g->token_ends));
    *out = TAKE(g);
    return OK;
}

struct use_grant *use_grant_ref(struct use_grant *g)
{
    if (g)
        atomic_fetch_add(&g->references, 1);
    return g;
}

void use_grant_free(struct use_grant *g)
{
    if (!g || atomic_fetch_sub(&g->references, 1) != 1)
        return;
    if (g->token)
        wipe(g->token, strlen(g->token));
    free(g->token);
    session_free(g->session);
    for (size_t i = 0; i < g->count; i++)
        free(g->challenges[i]);
    pthread_mutex_destroy(&g->mutex);
    free(g);
}

unsigned use_grant_uses(const struct use_grant *g)
{
    return g->uses;
}

const struct session *use_grant_session(const struct use_grant *g)
{
    return g->session;
}

const char *use_grant_token(const struct use_grant *g)
{
    return g->token;
}

bool use_grant_ends(const struct use_grant *g, int64_t now)
{
    return g->token && now + ENDS_SOON >= g->token_ends;
}

void use_grant_put(struct use_grant *g, struct span challenge)
{
    char *text = span_dup(challenge);

    pthread_mutex_lock(&g->mutex);
    if (text && g->count < CHALLENGES_MAX) {
        g->challenges[g->count++] = text;
        text = NULL;
    }
    pthread_mutex_unlock(&g->mutex);
    free(text);
}

char *use_grant_take(struct use_grant *g)
{
    pthread_mutex_lock(&g->mutex);
    char *taken = g->count ? g->challenges[--g->count] : NULL;
    pthread_mutex_unlock(&g->mutex);
    return taken;
}
