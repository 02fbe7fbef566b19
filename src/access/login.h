// SPDX-License-Identifier: Apache-2.0
/*
 * Who is it: name and password to user. A wrong password and an unknown user look the same from
 * outside, in answer, time and lock-out: for a name that is not there the same hash is computed
 * over a password of nobody.
 */
#ifndef ACCESS_LOGIN_H
#define ACCESS_LOGIN_H

#include "access/lockout.h"
#include "access/user.h"

struct login_config {
    struct password_cost cost;
    struct lockout_rule lockout;
    const char *lockout_key;   /* a file, made where it is not there */
    unsigned hashing, waiting; /* passwords hashed at once, and waiting for it */
};

struct login;
fallible login_new(struct store *store, const struct login_config *config, struct login **out);
void login_free(struct login *l);
OWNED_TYPE(struct login, login_free)

enum login_outcome {
    LOGIN_GOOD,
    LOGIN_REFUSED, /* unknown user or wrong password */
    LOGIN_LOCKED,  /* too many failures: `wait` seconds */
    LOGIN_BUSY     /* too many logins at once */
};
struct login_answer {
    enum login_outcome outcome;
    unsigned wait;
    bool known;       /* there is such a user: for our log only */
    struct user user; /* LOGIN_GOOD, and where known */
};
fallible login_check(struct login *l, const char *tenant, struct span name,
                     const struct secret *password, int64_t now, struct login_answer *out);
/* A hash under the configured cost, in the same queue. FAIL_UPSTREAM: too many at once. */
fallible login_hash(struct login *l, const struct secret *password, char out[PASSWORD_HASH_SIZE]);

#endif
