// SPDX-License-Identifier: Apache-2.0
#include "attestd/recent.h"

#include <pthread.h>

#include "base/base64.h"
#include "base/clock.h"

struct ring {
    char *at[RECENT_EACH];
    size_t next; /* place of the next one, and of the oldest */
};

struct recent {
    pthread_mutex_t lock;
    struct ring tokens, refusals;
};

fallible recent_new(struct recent **out)
{
    struct recent *r = calloc(1, sizeof(*r));
    if (!r)
        return FAIL(SYSTEM, "memory for decisions");
    if (pthread_mutex_init(&r->lock, NULL)) {
        free(r);
        return FAIL(SYSTEM, "a lock for decisions");
    }
    *out = r;
    return OK;
}

void recent_free(struct recent *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < RECENT_EACH; i++) {
        free(r->tokens.at[i]);
        free(r->refusals.at[i]);
    }
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void recent_keep(struct recent *r, struct span jws, bool refusal)
{
    char *copy = jws.len <= RECENT_TEXT_MAX ? span_dup(jws) : NULL;
    struct ring *ring = refusal ? &r->refusals : &r->tokens;
    if (!copy)
        return;
    pthread_mutex_lock(&r->lock);
    char *oldest = ring->at[ring->next];
    ring->at[ring->next] = copy;
    ring->next = (ring->next + 1) % RECENT_EACH;
    pthread_mutex_unlock(&r->lock);
    free(oldest);
}

fallible recent_words(struct span jws, json_t **out)
{
    struct buf payload owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct span rest = span_tail(jws, span_find(jws, SPAN(".")) + 1);
    TRY(base64url_parse(span_head(rest, span_find(rest, SPAN("."))), &payload));
    return json_parse_object(buf_span(&payload), out);
}

static void copy_member(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value)
        json_object_set(to, name, value);
}

/* NULL: of another tenant, or it cannot be read. */
static json_t *decision_of(const char *jws, struct span tenant, bool whole)
{
    owned(json_free) json_t *payload = NULL;
    struct span of;
    char when[CLOCK_TEXT_MAX];
    if (failed(recent_words(span_str(jws), &payload)))
        return NULL;
    const json_t *w = json_object_get(payload, "warder"), *claims = json_object_get(w, "claims");
    if (failed(json_get_str(w, "tenant", "tenant", &of)) || !span_equal(of, tenant))
        return NULL;
    json_t *j = json_object();
    json_object_set(j, "id", json_object_get(payload, "jti"));
    json_set_str(j, "time",
                 clock_format(json_integer_value(json_object_get(payload, "iat")), when));
    copy_member(j, w, "verdict");
    copy_member(j, claims, "tee");
    copy_member(j, w, "policies");
    copy_member(j, w, "evidence_digest");
    copy_member(j, w, "reason");
    if (whole) {
        copy_member(j, w, "collateral_digest");
        copy_member(j, w, "failed");
        json_object_set(j, "claims", (json_t *)claims);
    }
    return j;
}

static void list_ring(const struct ring *ring, struct span tenant, json_t *list)
{
    for (size_t i = 1; i <= RECENT_EACH; i++) {
        const char *jws = ring->at[(ring->next + RECENT_EACH - i) % RECENT_EACH];
        json_t *one = jws ? decision_of(jws, tenant, false) : NULL;
        if (one)
            json_array_append_new(list, one);
    }
}

static const char *time_at(const json_t *list, size_t at)
{
    const char *text = json_string_value(json_object_get(json_array_get(list, at), "time"));
    return text ? text : "";
}

fallible recent_list(struct recent *r, struct span tenant, json_t **list)
{
    owned(json_free) json_t *tokens = json_array(), *refusals = json_array(), *all = json_array();
    pthread_mutex_lock(&r->lock);
    list_ring(&r->tokens, tenant, tokens);
    list_ring(&r->refusals, tenant, refusals);
    pthread_mutex_unlock(&r->lock);
    for (size_t a = 0, b = 0; a < json_array_size(tokens) || b < json_array_size(refusals);) {
        bool token = strcmp(time_at(tokens, a), time_at(refusals, b)) >= 0;
        json_array_append(all, token ? json_array_get(tokens, a++) : json_array_get(refusals, b++));
    }
    *list = TAKE(all);
    return *list ? OK : FAIL(SYSTEM, "memory for decisions");
}

static json_t *find_in(const struct ring *ring, struct span tenant, struct span id)
{
    for (size_t i = 0; i < RECENT_EACH; i++) {
        json_t *one = ring->at[i] ? decision_of(ring->at[i], tenant, true) : NULL;
        if (one && span_equal_str(id, json_string_value(json_object_get(one, "id"))))
            return one;
        json_free(one);
    }
    return NULL;
}

fallible recent_find(struct recent *r, struct span tenant, struct span id, json_t **decision)
{
    pthread_mutex_lock(&r->lock);
    json_t *found = find_in(&r->tokens, tenant, id);
    if (!found)
        found = find_in(&r->refusals, tenant, id);
    pthread_mutex_unlock(&r->lock);
    if (!found)
        return FAIL(ABSENT, "no such decision is remembered");
    *decision = found;
    return OK;
}
