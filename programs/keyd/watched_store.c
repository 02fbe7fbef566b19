// SPDX-License-Identifier: Apache-2.0
/*
 * A key manager with its troubles in the log: when it stops to answer, in its own words, when these
 * change, and when it answers again. The core and kbsd only learn that it is unavailable.
 */
#include "keyd/keyd.h"

#include <pthread.h>

#include "base/log.h"

struct watched {
    struct keystore face; /* first: a keystore pointer is one to this */
    struct keystore *inner;
    pthread_mutex_t lock;
    const char *trouble; /* the last call's, NULL: none; literals, compared by address */
};

static struct watched *self_of(struct keystore *face)
{
    return (struct watched *)face;
}

static struct err tell(struct watched *w, struct err e)
{
    const char *trouble = e.kind == FAIL_UPSTREAM ? e.what : NULL;

    pthread_mutex_lock(&w->lock);
    bool changed = trouble != w->trouble;
    w->trouble = trouble;
    pthread_mutex_unlock(&w->lock);
    if (changed && trouble)
        log_err(e, "the key manager does not answer", "manager", w->inner->name);
    if (changed && !trouble)
        log_info("the key manager answers again", "manager", w->inner->name);
    return e;
}

static struct err watched_create(struct keystore *self, const struct key_ref *ref,
                                 const struct key_spec *spec)
{
    struct keystore *k = self_of(self)->inner;
    return tell(self_of(self), k->create(k, ref, spec));
}

static struct err watched_import(struct keystore *self, const struct key_ref *ref,
                                 const struct key_spec *spec, const struct secret *material)
{
    struct keystore *k = self_of(self)->inner;
    return tell(self_of(self), k->import(k, ref, spec, material));
}

static struct err watched_describe(struct keystore *self, const struct key_ref *ref,
                                   struct key_spec *spec)
{
    struct keystore *k = self_of(self)->inner;
    return tell(self_of(self), k->describe(k, ref, spec));
}

static struct err watched_wrap_to(struct keystore *self, const struct key_ref *ref,
                                  const struct key_spec *spec, const struct key *recipient,
                                  const json_t *header, struct buf *jwe)
{
    struct keystore *k = self_of(self)->inner;
    return tell(self_of(self), k->wrap_to(k, ref, spec, recipient, header, jwe));
}

static struct err watched_use(struct keystore *self, const struct key_ref *ref,
                              const struct key_spec *spec, const struct key_use *use,
                              struct buf *result)
{
    struct keystore *k = self_of(self)->inner;
    return tell(self_of(self), k->use(k, ref, spec, use, result));
}

static struct err watched_public_half(struct keystore *self, const struct key_ref *ref,
                                      const struct key_spec *spec, struct buf *spki)
{
    struct keystore *k = self_of(self)->inner;
    return tell(self_of(self), k->public_half(k, ref, spec, spki));
}

static struct err watched_destroy(struct keystore *self, const struct key_ref *ref)
{
    struct keystore *k = self_of(self)->inner;
    return tell(self_of(self), k->destroy(k, ref));
}

static struct err watched_health(struct keystore *self)
{
    struct keystore *k = self_of(self)->inner;
    return tell(self_of(self), k->health(k));
}

static struct err watched_tend(struct keystore *self, struct keystore_chore *chore)
{
    struct keystore *k = self_of(self)->inner;
    struct err e = tell(self_of(self), k->tend(k, chore));

    if (chore->notice)
        log_warn(chore->notice, "manager", k->name);
    return e;
}

static void watched_close(struct keystore *self)
{
    struct watched *w = self_of(self);

    keystore_close(w->inner);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

fallible keyd_watch_store(struct keystore *inner, struct keystore **out)
{
    struct watched *w = calloc(1, sizeof *w);

    if (!w) {
        keystore_close(inner);
        return FAIL(SYSTEM, "out of memory");
    }
    *w = (struct watched){ .face = { .name = inner->name,
                                     .create = watched_create,
                                     .import = watched_import,
                                     .describe = watched_describe,
                                     .wrap_to = watched_wrap_to,
                                     .use = inner->use ? watched_use : NULL,
                                     .public_half = inner->use ? watched_public_half : NULL,
                                     .destroy = watched_destroy,
                                     .health = watched_health,
                                     .tend = inner->tend ? watched_tend : NULL,
                                     .close = watched_close },
                           .inner = inner };
    pthread_mutex_init(&w->lock, NULL);
    *out = &w->face;
    return OK;
}
