// SPDX-License-Identifier: Apache-2.0
/*
 * Inside the embedded key manager: keys (embedded.c), where the root key comes from
 * (embedded_root.c), shares as they are given (embedded_given.c), an operator's acts
 * (embedded_seal.c), a new master key for all keys (embedded_rewrap.c).
 */
#ifndef KEYS_EMBEDDED_INTERNAL_H
#define KEYS_EMBEDDED_INTERNAL_H

#include <pthread.h>

#include "crypto/aead.h"
#include "keys/embedded.h"
#include "keys/seal_record.h"
#include "store/rows.h"

#define SEALED_MAX (OPAQUE_SECRET_MAX + AEAD_OVERHEAD)
#define ASSOCIATED_MAX 1024

/* Shares that were given for one act, until there are enough. */
struct given {
    enum seal_act act;
    struct secret *values[SHARES_MAX];
    uint8_t places[SHARES_MAX];
    size_t count;
    int64_t since_us;
};

struct embedded {
    struct keystore face; /* first: a keystore pointer is one to this */
    struct store *store;
    char *master_key_file;
    enum seal_kind wanted;
    struct seal_hsm *hsm;

    pthread_mutex_t acts; /* one act at a time, and what follows */
    bool initialized;
    bool closed; /* by an operator: not opened again by itself */
    struct seal_record record;
    struct given given;
    const char *trouble;  /* why it does not open by itself, NULL: none */
    int64_t unreadable;   /* keys that cannot be sealed anew */
    struct buf cursor[2]; /* tenant and id of the last of these */
    uint64_t cursor_version;

    pthread_rwlock_t use; /* of the ring: held for reading from looking at it to the commit */
    struct keyring ring;  /* empty: sealed */
};

static inline struct embedded *embedded_of(struct keystore *face)
{
    return (struct embedded *)face;
}

/* struct embedded *using owned(embedded_used) = embedded_use(e): the ring stays as it is. */
static inline struct embedded *embedded_use(struct embedded *e)
{
    pthread_rwlock_rdlock(&e->use);
    return e;
}
static inline void embedded_usedp(struct embedded **e)
{
    pthread_rwlock_unlock(&(*e)->use);
}

/* What a key is sealed with besides its master key: its name. */
void embedded_associated(const struct key_ref *ref, struct buf *out);

/* The root key of a seal that needs nobody, or a passphrase. FAIL_UPSTREAM: the HSM is away. */
fallible root_get(const struct embedded *e, struct span passphrase, struct secret **out);
/* A new one for `r`, whose kind and generation are set; *shares (of SEAL_SHAMIR) are its text. */
fallible root_make(const struct embedded *e, const struct seal_question *q, struct seal_record *r,
                   struct secret **out, struct secret **shares);
/* The file of a root key that is no longer one. */
void root_forget(const struct embedded *e, const struct seal_record *r);
/* The key file of a store from before there were seals. FAIL_ABSENT: none. */
fallible root_adopt(const struct embedded *e, struct secret **master, struct secret **root);
bool root_is_old_file(const struct embedded *e);

/* One more share for this act; *root once there are enough, and then none is left. */
fallible given_add(struct embedded *e, enum seal_act act, struct span text, struct secret **root);
void given_forget(struct given *g);
/* When they were begun too long ago. */
void given_expire(struct given *g);

/* Under `acts`. */
fallible embedded_begin(struct embedded *e);
fallible embedded_rotate(struct embedded *e);
/* Some of the keys that are not under the newest master key; *more where there are others. */
fallible embedded_rewrap(struct embedded *e, bool *more);
fallible embedded_left(struct embedded *e, int64_t *keys, int64_t *left);

struct err embedded_act(struct keystore *self, const struct seal_question *q,
                        struct seal_answer *a);
struct err embedded_tend(struct keystore *self, struct keystore_chore *chore);

#endif
