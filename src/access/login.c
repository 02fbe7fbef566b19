// SPDX-License-Identifier: Apache-2.0
#include "access/login.h"

#include "access/work_gate.h"

struct login {
    struct store *store;
    struct password_cost cost;
    struct lockout *lockout;
    struct work_gate *gate;
    char nobody[PASSWORD_HASH_SIZE];
};

fallible login_new(struct store *store, const struct login_config *config, struct login **out)
{
    struct secret *password owned(secret_free) = NULL;
    owned(login_free) struct login *l = calloc(1, sizeof(*l));

    if (!l)
        return FAIL(SYSTEM, "memory for logins");
    l->store = store;
    l->cost = config->cost;
    TRY(lockout_new(store, config->lockout_key, config->lockout, &l->lockout));
    TRY(work_gate_new(config->hashing, config->waiting, &l->gate));
    TRY(random_secret(32, &password));
    TRY(password_hash(password, l->cost, l->nobody));
    *out = TAKE(l);
    return OK;
}

void login_free(struct login *l)
{
    if (!l)
        return;
    lockout_free(l->lockout);
    work_gate_free(l->gate);
    free(l);
}

/* Best effort: a login does not fail because its hash could not be made anew. */
static void renew_hash(struct login *l, const char *tenant, struct user *u,
                       const struct secret *password)
{
    char hash[PASSWORD_HASH_SIZE];

    if (password_outdated(u->password_hash, l->cost) &&
        !failed(password_hash(password, l->cost, hash)))
        (void)user_rehash(l->store, tenant, u->id, u->password_hash, hash).kind;
}

static fallible compare(struct login *l, const char *tenant, struct span name,
                        const struct secret *password, struct login_answer *out)
{
    struct login_answer a = { .outcome = LOGIN_REFUSED };
    bool good = false;

    /* By its name alone: under its id a user would have the attempts of another name. */
    TRY(user_find_or_nobody(l->store, tenant, name, l->nobody, &a.user));
    a.known = a.user.id[0] != 0;
    bool person = a.known && !a.user.service; /* a service has no password to be guessed */
    TRY(password_check(password, a.user.service ? l->nobody : a.user.password_hash, &good));
    if (good && person) {
        a.outcome = LOGIN_GOOD;
        renew_hash(l, tenant, &a.user, password);
    }
    *out = a;
    return OK;
}

static enum lockout_result result_of(struct err e, enum login_outcome outcome)
{
    if (failed(e))
        return LOCKOUT_UNDECIDED;
    return outcome == LOGIN_GOOD ? LOCKOUT_GOOD : LOCKOUT_FAILED;
}

fallible login_check(struct login *l, const char *tenant, struct span name,
                     const struct secret *password, int64_t now, struct login_answer *out)
{
    struct span t = span_str(tenant);
    struct login_answer a = { .outcome = LOGIN_BUSY };
    unsigned wait = 0;

    TRY(lockout_enter(l->lockout, t, name, now, &wait));
    if (wait) {
        *out = (struct login_answer){ .outcome = LOGIN_LOCKED, .wait = wait };
        return OK;
    }
    if (!work_gate_enter(l->gate)) {
        TRY(lockout_leave(l->lockout, t, name, now, LOCKOUT_UNDECIDED));
        *out = a;
        return OK;
    }
    struct err e = compare(l, tenant, name, password, &a);
    work_gate_leave(l->gate);
    struct err left = lockout_leave(l->lockout, t, name, now, result_of(e, a.outcome));
    TRY(e);
    TRY(left);
    *out = a;
    return OK;
}

fallible login_hash(struct login *l, const struct secret *password, char out[PASSWORD_HASH_SIZE])
{
    if (!work_gate_enter(l->gate))
        return FAIL(UPSTREAM, "too many passwords are being hashed");
    struct err e = password_hash(password, l->cost, out);
    work_gate_leave(l->gate);
    return e;
}
