// SPDX-License-Identifier: Apache-2.0
/*
 * Users of a tenant. A name keeps its spelling but is unique without regard to case (lesson L20)
 * and never changes: it is the `sub` of tokens. Each call is one transaction and takes the store's
 * lock.
 */
#ifndef ACCESS_USER_H
#define ACCESS_USER_H

#include "access/password.h"
#include "base/json.h"
#include "crypto/random.h"
#include "store/store.h"

#define USER_NAME_MAX 128
#define USER_LIST_MAX 1000
#define CERTIFICATE_TEXT_SIZE 65 /* hexadecimal digits, and NUL */

struct user {
    char id[UUID_TEXT_SIZE], name[USER_NAME_MAX + 1];
    char password_hash[PASSWORD_HASH_SIZE];
    int64_t password_changed_at, version, created_at, updated_at;
    bool service; /* no person: it has a secret of ours, and no password */
    char certificate[CERTIFICATE_TEXT_SIZE]; /* SHA-256 of the one it comes with; empty: none */
};

/* 1 to 128 of [A-Za-z0-9_.@-], a letter or digit first, not the form of an id. */
bool user_name_valid(struct span name);

/* FAIL_CONFLICT: there is such a name. */
fallible user_create(struct store *s, const char *tenant, struct span name,
                     const char *password_hash, int64_t now, struct user *out);
fallible user_create_service(struct store *s, const char *tenant, struct span name,
                             const char *secret_hash, int64_t now, struct user *out);
fallible user_set_certificate(struct store *s, const char *tenant, const char *id,
                              struct span certificate, int64_t now);
/* By id, or else by name. FAIL_ABSENT. */
fallible user_find(struct store *s, const char *tenant, struct span id_or_name, struct user *out);
/* By name, for a login: no such user is one without an id and with this hash, by the same work. */
fallible user_find_or_nobody(struct store *s, const char *tenant, struct span name,
                             const char *nobody_hash, struct user *out);
fallible user_set_password(struct store *s, const char *tenant, const char *id,
                           const char *password_hash, int64_t now);
/* The same password under a new cost: neither version nor the time of change moves. */
fallible user_rehash(struct store *s, const char *tenant, const char *id, const char *old_hash,
                     const char *new_hash);
fallible user_delete(struct store *s, const char *tenant, const char *id);
/* By name, after `after`, at most USER_LIST_MAX; `name` empty: all. A JSON array. */
fallible user_list(struct store *s, const char *tenant, struct span name, struct span after,
                   json_t **out);
/* {"user_id","username",...}: never the hash. New reference. */
json_t *user_json(const struct user *u);

#endif
