// SPDX-License-Identifier: Apache-2.0
/* The token of the Vault key manager: how it is come by (vault_login.c) and kept (vault_tend.c). */
#ifndef KEYS_VAULT_LOGIN_INTERNAL_H
#define KEYS_VAULT_LOGIN_INTERNAL_H

#include <pthread.h>

#include "base/file.h"
#include "keys/vault_internal.h"

/* A login that made no difference is not repeated for so long. */
#define VAULT_IN_VAIN_US 10000000

/* How long a token is good for; monotonic microseconds. */
struct vault_life {
    bool looked_up, renewable, refused; /* refused: a file's that cannot look itself up */
    int64_t ends_at, renew_at;          /* 0: never */
    uint64_t seconds;                   /* at most so long at once */
};

struct vault_login {
    pthread_mutex_t lock;
    char *token_file; /* or these two: */
    char *role_id_file, *secret_id_file, *mount;
    bool wrapped;         /* the secret id's file holds a wrapping token */
    struct secret *token; /* NUL-terminated */
    uint64_t generation;  /* counts tokens */
    struct vault_life life;
    struct secret *unwrapped; /* the secret id */
    struct file_mark unwrapped_mark;
    int64_t pause_us, not_before; /* after refused logins */
    struct file_mark refused_role, refused_secret;
    int64_t patient_until; /* no login because of a refused token */
    bool told_root, told_end;
};

/* What a file of one word may be wrong with. */
struct vault_words {
    struct err open_to_others, unreadable, something_else;
};
fallible vault_word_load(const char *path, const struct vault_words *words, struct secret **out);

/* Takes the token. */
void vault_login_hold(struct vault_login *l, struct secret *token);
/* From now; 0 seconds: for ever. */
void vault_life_set(struct vault_life *life, uint64_t seconds, bool renewable);
bool vault_life_over(const struct vault_life *life);

#endif
