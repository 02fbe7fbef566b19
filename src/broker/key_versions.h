// SPDX-License-Identifier: Apache-2.0
/*
 * The versions of a key, as its record keeps them. Rotating adds one; who asks for the key gets the
 * newest that is enabled. The rule for the others: an old version is destroyed as soon as more than
 * `keep_old_versions` versions are newer than the ones kept, or its keep_until has passed,
 * whichever comes first. The newest is never destroyed so.
 */
#ifndef BROKER_KEY_VERSIONS_H
#define BROKER_KEY_VERSIONS_H

#include "base/json.h"
#include "keys/keystore.h"

#define KEEP_OLD_VERSIONS 1 /* where nobody said otherwise */

struct key_version {
    uint64_t number;
    struct key_spec spec;
    int64_t created_at, keep_until; /* keep_until 0: no date */
    bool disabled;
    struct span external; /* borrows from the content that was read */
};

struct key_versions {
    bool disabled; /* the whole key */
    uint64_t keep_old;
    size_t count; /* at least 1; the newest last */
    struct key_version at[KEY_VERSIONS_MAX];
};

/* `content` of a key's row. One without a list has its first version alone. */
fallible key_versions_read(const json_t *content, struct key_versions *out);
/* Writes them, and the newest one's kind, into the content. */
fallible key_versions_write(const struct key_versions *v, json_t *content);

const struct key_version *key_versions_newest(const struct key_versions *v);
/* NULL: none is enabled. */
const struct key_version *key_versions_current(const struct key_versions *v);
/* NULL: there is none of this number. */
struct key_version *key_versions_find(struct key_versions *v, uint64_t number);

/* Makes it the newest; the one before is kept until `keep_until` at most (0: no date). FAIL_LIMIT:
 * the numbers are used up. */
fallible key_versions_add(struct key_versions *v, const struct key_version *made,
                          int64_t keep_until);
/* Takes out what is no longer kept, oldest first, into `gone`. */
void key_versions_retire(struct key_versions *v, int64_t now, struct key_versions *gone);
/* The next date on which one goes, 0: none has a date. */
int64_t key_versions_due(const struct key_versions *v);

/* An array for answers and records: number, state, dates. New reference. */
json_t *key_versions_json(const struct key_versions *v);

#endif
