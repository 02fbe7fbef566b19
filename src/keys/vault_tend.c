// SPDX-License-Identifier: Apache-2.0
/*
 * The token is kept alive: looked up once, renewed at half of its time, and with AppRole replaced
 * by a new login when renewing gives no more than half of what it gave at first (its maximum is
 * near). The lock is not held while Vault is asked, so that calls go on.
 */
#include "keys/vault_login_internal.h"

#include "base/clock.h"

#define SECOND_US 1000000LL
#define SOON_MS 500
#define LATER_MS 30000
#define ENDS_SOON_S 3600

void vault_life_set(struct vault_life *life, uint64_t seconds, bool renewable)
{
    int64_t now = clock_monotonic_us(), span = (int64_t)seconds * SECOND_US;

    life->ends_at = seconds ? now + span : 0;
    life->renew_at = seconds ? now + span / 2 : 0;
    life->renewable = renewable;
    if (seconds > life->seconds)
        life->seconds = seconds;
}

bool vault_life_over(const struct vault_life *life)
{
    return life->ends_at && clock_monotonic_us() >= life->ends_at;
}

static fallible ask(struct vault *v, const char *method, const char *path,
                    const struct secret *token, struct http_reply *reply)
{
    const char *url;
    bool passing;

    TRY(vault_active(v, &url, &passing));
    return vault_send(
        v, &(struct vault_request){ .base = url, .method = method, .path = path, .token = token },
        reply, &passing);
}

enum vault_token_state vault_token_look(struct vault *v, const struct secret *token,
                                        struct http_reply *reply)
{
    struct err e = ask(v, "GET", "auth/token/lookup-self", token, reply);

    if (failed(e))
        return TOKEN_UNKNOWN;
    return reply->status == 200 ? TOKEN_GOOD : reply->status == 403 ? TOKEN_REFUSED : TOKEN_UNKNOWN;
}

static void learn(struct vault_login *l, struct span answer, struct keystore_chore *chore)
{
    struct span renewable = { 0 }, policies = { 0 };
    uint64_t seconds = 0;

    (void)vault_number_find(answer, "data", "ttl", &seconds);
    if (failed(vault_raw_find(answer, "data", "renewable", &renewable)))
        renewable = SPAN("false");
    vault_life_set(&l->life, seconds, span_equal_str(renewable, "true"));
    if (failed(vault_raw_find(answer, "data", "policies", &policies)) || l->told_root)
        return;
    if (span_find(policies, SPAN("\"root\"")) < policies.len) {
        chore->notice = "Vault's token is a root token: give keyd one of the policy in "
                        "docs/vault.md";
        l->told_root = true;
    }
}

static void look_up(struct vault *v, const struct secret *token, uint64_t generation,
                    struct keystore_chore *chore)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    enum vault_token_state state = vault_token_look(v, token, &reply);
    struct vault_login *l = v->login;

    pthread_mutex_lock(&l->lock);
    if (l->generation == generation && state != TOKEN_UNKNOWN) {
        l->life.looked_up = true;
        l->life.refused = state == TOKEN_REFUSED && l->token_file;
        if (state == TOKEN_GOOD)
            learn(l, buf_span(&reply.body), chore);
    }
    pthread_mutex_unlock(&l->lock);
}

/* Under the lock. True: a new login is due. */
static bool take_renewal(struct vault_login *l, struct span answer, struct keystore_chore *chore)
{
    uint64_t seconds = 0;

    if (!vault_number_find(answer, "auth", "lease_duration", &seconds) || !seconds)
        return true;
    vault_life_set(&l->life, seconds, true);
    if (seconds * 2 > l->life.seconds)
        return false;
    if (l->token_file && !l->told_end) {
        chore->notice =
            "Vault's token nears its maximum and is not renewed beyond: write a new one "
            "into token_file";
        l->told_end = true;
    }
    return true;
}

static fallible renew(struct vault *v, const struct secret *token, uint64_t generation,
                      struct keystore_chore *chore)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct vault_login *l = v->login;
    bool anew = false;

    TRY(ask(v, "POST", "auth/token/renew-self", token, &reply));
    if (vault_status_passes(reply.status))
        return FAIL(UPSTREAM, "Vault cannot renew the token now");
    pthread_mutex_lock(&l->lock);
    if (l->generation == generation) {
        if (reply.status == 200) {
            anew = take_renewal(l, buf_span(&reply.body), chore);
        } else { /* not allowed, or gone */
            l->life.renewable = false;
            anew = true;
        }
    }
    pthread_mutex_unlock(&l->lock);
    return anew ? vault_login_anew(v, generation, &anew) : OK;
}

/* Under the lock: milliseconds until there is something to do. */
static unsigned next_of(struct vault_login *l, struct keystore_chore *chore)
{
    int64_t now = clock_monotonic_us();

    if (!l->life.renew_at || l->life.refused)
        return LATER_MS;
    int64_t ms = (l->life.renew_at - now) / 1000;
    if (!l->life.renewable && l->token_file) {
        if (!l->told_end && l->life.ends_at - now < ENDS_SOON_S * SECOND_US) {
            chore->notice = "Vault's token cannot be renewed and ends within the hour: write a new "
                            "one into token_file";
            l->told_end = true;
        }
        return LATER_MS;
    }
    return ms < SOON_MS ? SOON_MS : ms > LATER_MS ? LATER_MS : (unsigned)ms;
}

fallible vault_tend(struct vault *v, struct keystore_chore *chore)
{
    struct secret *token owned(secret_free) = NULL;
    struct vault_login *l = v->login;
    uint64_t generation;

    *chore = (struct keystore_chore){ .again_ms = SOON_MS * 4 };
    TRY(vault_token(v, &token, &generation));
    pthread_mutex_lock(&l->lock);
    struct vault_life life = l->life;
    pthread_mutex_unlock(&l->lock);
    bool due = life.renew_at && clock_monotonic_us() >= life.renew_at && !life.refused;
    if (!life.looked_up)
        look_up(v, token, generation, chore);
    else if (due && life.renewable)
        TRY(renew(v, token, generation, chore));
    else if (due)
        TRY(vault_login_anew(v, generation, &due));
    pthread_mutex_lock(&l->lock);
    chore->again_ms = next_of(l, chore);
    pthread_mutex_unlock(&l->lock);
    return OK;
}
