// SPDX-License-Identifier: Apache-2.0
#include "token/signing_keys.h"

#include <stdio.h>

#include "token/signing_state.h"
#include "base/file.h"
#include "token/jwt.h"

#define RSA_BITS 3072
#define PATH_LEN 4096

static const struct {
    const char *name;
    enum key_kind kind;
} algorithms[] = { { "ES256", KEY_P256 }, { "ES384", KEY_P384 }, { "PS384", KEY_RSA } };

struct work {
    const struct signing_keys_config *c;
    char next_path[PATH_LEN], state_path[PATH_LEN];
    struct key *current, *next; /* next: NULL without one */
    struct signing_state state;
    int64_t now;
};

static void work_donep(struct work *w)
{
    key_free(w->current);
    key_free(w->next);
    signing_state_done(&w->state);
}

static bool kind_of(const char *name, enum key_kind *out)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (!strcmp(algorithms[i].name, name)) {
            *out = algorithms[i].kind;
            return true;
        }
    return false;
}

bool signing_algorithm_known(const char *name)
{
    enum key_kind kind;
    return !name || !*name || kind_of(name, &kind);
}

static enum key_kind wanted_kind(const struct work *w)
{
    enum key_kind kind = w->current ? key_kind_of(w->current) : KEY_P256;
    if (w->c->algorithm && *w->c->algorithm)
        kind_of(w->c->algorithm, &kind);
    return kind;
}

static fallible make_key(const struct work *w, const char *path, struct key **out)
{
    owned(key_free) struct key *k = NULL;
    enum key_kind kind = wanted_kind(w);
    TRY(kind == KEY_RSA ? key_make_rsa(RSA_BITS, &k) : key_make_ec(kind, &k));
    TRY(key_save(path, k));
    *out = TAKE(k);
    return OK;
}

static fallible name_files(struct work *w)
{
    int next = snprintf(w->next_path, PATH_LEN, "%s.next", w->c->path);
    int state = snprintf(w->state_path, PATH_LEN, "%s.state", w->c->path);
    return next < PATH_LEN && state < PATH_LEN ? OK : FAIL(LIMIT, "the signing key's path");
}

static fallible load_all(struct work *w)
{
    TRY(name_files(w));
    TRY(signing_state_load(w->state_path, &w->state));
    if (file_exists(w->c->path))
        TRY(key_load(w->c->path, &w->current));
    else
        TRY(make_key(w, w->c->path, &w->current));
    if (file_exists(w->next_path))
        TRY(key_load(w->next_path, &w->next));
    return OK;
}

/* The key of the file is the truth: another one in the state has been replaced by it. */
static fallible reconcile(struct work *w)
{
    struct signing_state *s = &w->state;
    int64_t lifetime = w->c->lifetime;
    if (s->current && !key_same_public(s->current, w->current))
        TRY(signing_state_retire(s, w->now));
    if (!s->current) {
        s->current = key_ref(w->current);
        s->since = w->now;
        s->next_from = 0;
        s->lifetime = 0;
    }
    if (s->lifetime < lifetime)
        s->lifetime = lifetime; /* tokens of the longer one are still out */
    if (!w->next)
        s->next_from = 0;
    else if (!s->next_from)
        s->next_from = w->now + w->c->announce;
    signing_state_expire(s, w->now);
    return OK;
}

static bool is_due(const struct work *w)
{
    int64_t from = w->state.since + w->c->rotate - w->c->announce;
    return wanted_kind(w) != key_kind_of(w->current) || (w->c->rotate && w->now >= from);
}

static fallible announce(struct work *w)
{
    TRY(make_key(w, w->next_path, &w->next));
    w->state.next_from = w->now + w->c->announce;
    return OK;
}

/* With as many retired keys as there may be, the oldest must have served its time first. */
static fallible promote(struct work *w)
{
    struct signing_state *s = &w->state;
    if (s->retired_count == SIGNING_KEYS_RETIRED_MAX) {
        s->next_from = signing_state_first_end(s);
        return OK;
    }
    if (rename(w->next_path, w->c->path) != 0)
        return FAIL(SYSTEM, "the next signing key cannot take its place");
    key_free(w->current);
    w->current = TAKE(w->next);
    return reconcile(w);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a && (!b || a < b) ? a : b;
}

static int64_t next_change(const struct work *w)
{
    int64_t at = signing_state_first_end(&w->state);
    if (w->next)
        return earlier(at, w->state.next_from);
    int64_t due = w->state.since + w->c->rotate - w->c->announce;
    return w->c->rotate ? earlier(at, due > w->now ? due : w->now + 1) : at;
}

static void hand_out(struct work *w, struct signing_keys *out)
{
    struct signing_keys k = { .current = key_ref(w->current), .change_at = next_change(w) };
    k.all[k.count++] = key_ref(w->current);
    if (w->next)
        k.all[k.count++] = key_ref(w->next);
    for (size_t i = 0; i < w->state.retired_count; i++) {
        struct key *old = w->state.retired[i].key;
        if (!key_same_public(old, w->current) && !(w->next && key_same_public(old, w->next)))
            k.all[k.count++] = key_ref(old); /* one that was put back is not there twice */
    }
    *out = k;
}

fallible signing_keys_open(const struct signing_keys_config *c, bool rotate, int64_t now,
                           struct signing_keys *out)
{
    struct work w owned(work_done) = { .c = c, .now = now };
    TRY(load_all(&w));
    TRY(reconcile(&w));
    if (!w.next && (rotate || is_due(&w)))
        TRY(announce(&w));
    TRY(signing_state_save(w.state_path, &w.state));
    if (w.next && w.state.next_from <= now) {
        TRY(promote(&w));
        TRY(signing_state_save(w.state_path, &w.state));
    }
    hand_out(&w, out);
    return OK;
}

void signing_keys_done(struct signing_keys *k)
{
    key_free(k->current);
    for (size_t i = 0; i < k->count; i++)
        key_free(k->all[i]);
    *k = (struct signing_keys){ 0 };
}
