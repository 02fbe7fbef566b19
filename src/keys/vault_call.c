// SPDX-License-Identifier: Apache-2.0
/* Calls to the active node: one try, patience, and what an answer means. */
#include "keys/vault_internal.h"

#include <time.h>

#include "base/clock.h"

/* A cluster's next leader is elected in about two seconds (raft's multiplier 1). */
#define PATIENCE_US 2000000
#define PATIENCE_OF_CLUSTER_US 5000000
#define PAUSE_FIRST_US 40000
#define PAUSE_MAX_US 320000
/* Who was just kept waiting in vain need not be again: so long after, calls are tried once only. */
#define IMPATIENT_US 1000000

enum status { STATUS_REFUSED = 403, STATUS_ABSENT = 404, STATUS_TOO_MANY = 429 };

bool vault_status_passes(int status)
{
    return status == STATUS_TOO_MANY || status == 502 || status == 503 || status == 504 ||
           (status >= 300 && status < 400); /* a standby's, to a leader that may be gone */
}

/* A wrong token and one that may not go there give the same status. */
static fallible refused(struct vault *v, bool fresh)
{
    struct secret *token owned(secret_free) = NULL;
    struct http_reply reply owned(http_reply_done) = { 0 };
    uint64_t generation;

    TRY(vault_token(v, &token, &generation));
    return fresh || vault_token_look(v, token, &reply) == TOKEN_GOOD
               ? FAIL(UPSTREAM, "Vault's policy of the token does not allow this path, or there is "
                                "no such mount")
               : FAIL(UPSTREAM, "Vault refuses the token: wrong or expired");
}

/* The node says that it cannot now: what does it say of its health? */
static fallible not_ready(struct vault *v, int status)
{
    const char *url;
    bool passing;

    vault_active_doubt(v);
    TRY(vault_active(v, &url, &passing));
    return status == STATUS_TOO_MANY ? FAIL(UPSTREAM, "Vault limits the rate of our requests")
                                     : FAIL(UPSTREAM, "Vault cannot answer now");
}

static bool body_says(const struct http_reply *reply, const char *words)
{
    return span_find(buf_span(&reply->body), span_str(words)) < reply->body.len;
}

static fallible meaning_of(struct vault *v, const struct vault_ask *ask,
                           const struct http_reply *reply)
{
    int status = reply->status;

    if (status >= 200 && status < 300)
        return OK;
    if (vault_status_passes(status))
        return not_ready(v, status);
    if (status == STATUS_ABSENT)
        return body_says(reply, "namespace not found")
                   ? FAIL(UPSTREAM, "Vault has no such namespace")
                   : FAIL(ABSENT, "Vault does not hold this key");
    if (status == 401 || status == STATUS_REFUSED)
        return refused(v, ask->fresh);
    if (status == 400 && body_says(reply, "check-and-set"))
        return FAIL(CONFLICT, "Vault holds a key under this reference");
    return status == 413 ? FAIL(UPSTREAM, "Vault does not take a secret of this size")
                         : FAIL(UPSTREAM, "Vault does not accept the request");
}

static void nap(int64_t us)
{
    nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static void reply_clear(struct http_reply *reply)
{
    http_reply_done(reply);
    *reply = (struct http_reply){ 0 };
}

/* To the active node, with the token that is held now. */
static fallible send_once(struct vault *v, struct vault_ask *ask, struct http_reply *reply,
                          struct secret **token, uint64_t *generation, bool *passing)
{
    TRY(vault_active(v, &ask->node, passing));
    *passing = false;
    TRY(vault_token(v, token, generation));
    struct err e = vault_send(v,
                              &(struct vault_request){ .base = ask->node,
                                                       .method = ask->method,
                                                       .path = ask->path,
                                                       .body = ask->body,
                                                       .token = *token },
                              reply, passing);
    if (failed(e) || vault_status_passes(reply->status))
        vault_active_doubt(v);
    return e;
}

/* Was the token at fault, and is there another now? */
static fallible other_token(struct vault *v, const struct secret *token, uint64_t generation,
                            bool *other)
{
    struct http_reply reply owned(http_reply_done) = { 0 };

    *other = false;
    return vault_token_look(v, token, &reply) == TOKEN_REFUSED
               ? vault_login_anew(v, generation, other)
               : OK;
}

/* One answer, or why there is none; whether it is worth another try. A token that is refused is
 * replaced once. */
static fallible try_once(struct vault *v, struct vault_ask *ask, struct http_reply *reply,
                         bool *passing)
{
    struct secret *token owned(secret_free) = NULL, *next owned(secret_free) = NULL;
    uint64_t generation = 0;

    bool other = false;

    TRY(send_once(v, ask, reply, &token, &generation, passing));
    if (reply->status == STATUS_REFUSED)
        TRY(other_token(v, token, generation, &other));
    if (other) {
        reply_clear(reply);
        TRY(send_once(v, ask, reply, &next, &generation, passing));
        ask->fresh = true;
        if (reply->status == STATUS_REFUSED)
            vault_login_in_vain(v);
    }
    *passing = vault_status_passes(reply->status);
    return OK;
}

fallible vault_ask(struct vault *v, struct vault_ask *ask, struct http_reply *reply)
{
    int64_t start = clock_monotonic_us(), pause = PAUSE_FIRST_US;
    int64_t patience = vault_nodes_count(v->nodes) > 1 ? PATIENCE_OF_CLUSTER_US : PATIENCE_US;
    bool passing, patient = !ask->impatient && start - v->gave_up_at > IMPATIENT_US;
    struct err e;

    for (;;) {
        e = try_once(v, ask, reply, &passing);
        if (!passing || !patient || clock_monotonic_us() + pause - start > patience)
            break;
        ask->repeated = true;
        reply_clear(reply);
        nap(pause);
        pause = pause * 2 < PAUSE_MAX_US ? pause * 2 : PAUSE_MAX_US;
    }
    if (passing && patient)
        v->gave_up_at = clock_monotonic_us();
    TRY(e);
    return meaning_of(v, ask, reply);
}

fallible vault_get(struct vault *v, const char *path, struct http_reply *reply)
{
    struct vault_ask ask = { .method = "GET", .path = path };
    struct err e = vault_ask(v, &ask, reply);
    const char *active;
    bool passing;

    if (e.kind != FAIL_ABSENT)
        return e;
    vault_active_doubt(v);
    TRY(vault_active(v, &active, &passing));
    if (active == ask.node)
        return e;
    reply_clear(reply);
    return vault_ask(v, &ask, reply);
}
