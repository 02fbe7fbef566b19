// SPDX-License-Identifier: Apache-2.0
/* Calls to the server: one try, patience, and what an answer means. */
#include "keys/vault_internal.h"

#include <time.h>

#include "base/clock.h"

#define PATIENCE_US 2000000
#define PAUSE_FIRST_US 40000
#define PAUSE_MAX_US 320000
/* Who was just kept waiting in vain need not be again: so long after, calls are tried once only. */
#define IMPATIENT_US 1000000
#define TOKEN_MAX 8192

enum status {
    STATUS_OK = 200,
    STATUS_STANDBY = 429, /* of sys/health; else: too many requests */
    STATUS_NEW = 501,     /* of sys/health */
    STATUS_UNAVAILABLE = 503
};

struct trouble {
    const char *what; /* of http/client */
    struct err err;
    bool passing;
};

static const struct trouble troubles[] = {
    { "cannot connect to the server",
      FAIL(UPSTREAM, "Vault is down: nothing answers at its address"), true },
    { "the connection to the server broke", FAIL(UPSTREAM, "the connection to Vault broke"), true },
    { "the server did not answer in time", FAIL(UPSTREAM, "Vault did not answer in time"), false },
    { "the server's name does not resolve",
      FAIL(UPSTREAM, "the name of Vault's host does not resolve"), false },
    { "the TLS handshake with the server failed",
      FAIL(UPSTREAM, "the TLS handshake with Vault failed"), false },
    { "the server's certificate is not trusted, or not for its name",
      FAIL(UPSTREAM, "Vault's certificate is not trusted, or not for its name"), false },
    { "the answer is too large", FAIL(UPSTREAM, "Vault's answer is too large"), false },
};

/* In words about Vault; others stay as they are. */
static struct err say(struct err e, bool *passing)
{
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        if (strcmp(e.what, troubles[i].what))
            continue;
        *passing = troubles[i].passing;
        return troubles[i].err;
    }
    return e;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* NUL-terminated. Failures are ours, not the caller's: no FAIL_ABSENT, no FAIL_DENIED. */
static fallible token_load(const struct vault *v, struct secret **out)
{
    struct secret *file owned(secret_free) = NULL;
    struct err e = secret_load(v->token_file, &file);

    if (e.kind == FAIL_DENIED)
        return FAIL(UPSTREAM,
                    "the file with Vault's token may be read by others: its mode must be 0600");
    if (failed(e))
        return FAIL(UPSTREAM, "the file with Vault's token cannot be read");
    struct span text = secret_expose(file);
    while (text.len && is_space(text.at[text.len - 1]))
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return FAIL(UPSTREAM, "the file with Vault's token holds something else");
    }
    if (!text.len || text.len > TOKEN_MAX)
        return FAIL(UPSTREAM, "the file with Vault's token holds something else");
    struct secret *token = secret_new(text.len + 1);
    if (!token)
        return FAIL(SYSTEM, "secure memory exhausted");
    memcpy(secret_fill(token), text.at, text.len);
    *out = token;
    return OK;
}

fallible vault_token_check(const struct vault *v)
{
    struct secret *token owned(secret_free) = NULL;
    return token_load(v, &token);
}

static fallible send_to(struct vault *v, const char *base, const struct vault_ask *ask,
                        struct http_reply *reply)
{
    struct secret *token owned(secret_free) = NULL;
    struct buf url owned(buf_done) = buf_of(VAULT_PATH_MAX * 2);

    TRY(token_load(v, &token));
    buf_addf(&url, "%s/v1/%s", base, ask->path);
    TRY(buf_check(&url));
    return http_send(v->http,
                     &(struct http_call){ .method = ask->method,
                                          .url = buf_str(&url),
                                          .body = ask->body,
                                          .bearer = (const char *)secret_expose(token).at },
                     reply);
}

/* A status, whatever it is, or 0 and an err. */
static int status_of(struct vault *v, const char *path, struct http_reply *reply)
{
    struct vault_ask ask = { .method = "GET", .path = path };
    return failed(send_to(v, v->url, &ask, reply)) ? 0 : reply->status;
}

static fallible not_ready(struct vault *v)
{
    struct http_reply reply owned(http_reply_done) = { 0 };

    switch (status_of(v, "sys/health", &reply)) {
    case STATUS_UNAVAILABLE:
        return FAIL(UPSTREAM, "Vault is sealed: unseal it");
    case STATUS_NEW:
        return FAIL(UPSTREAM, "Vault is not initialized");
    default:
        return FAIL(UPSTREAM, "Vault has no active node at this address");
    }
}

/* A wrong token and one that may not go there give the same status. */
static fallible refused(struct vault *v)
{
    struct http_reply reply owned(http_reply_done) = { 0 };

    return status_of(v, "auth/token/lookup-self", &reply) == STATUS_OK
               ? FAIL(UPSTREAM, "Vault's policy of the token does not allow this path, or there is "
                                "no such mount")
               : FAIL(UPSTREAM, "Vault refuses the token: wrong or expired");
}

static bool status_passes(int status)
{
    return status == STATUS_STANDBY || status == 502 || status == STATUS_UNAVAILABLE ||
           status == 504 ||
           (status >= 300 &&
            status < 400); /* to the leader before this one: redirects are not followed */
}

static fallible meaning_of(struct vault *v, const struct http_reply *reply)
{
    int status = reply->status;

    if (status >= 200 && status < 300)
        return OK;
    if (status_passes(status) || status == STATUS_NEW)
        return not_ready(v);
    if (status == 404)
        return FAIL(ABSENT, "Vault does not hold this key");
    if (status == 401 || status == 403)
        return refused(v);
    if (status == 400 && span_find(buf_span(&reply->body), SPAN("check-and-set")) < reply->body.len)
        return FAIL(CONFLICT, "Vault holds a key under this reference");
    return status == 413 ? FAIL(UPSTREAM, "Vault does not take a secret of this size")
                         : FAIL(UPSTREAM, "Vault does not accept the request");
}

static void nap(int64_t us)
{
    nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

/* One answer, or why there is none; whether it is worth another try. */
static fallible try_once(struct vault *v, const struct vault_ask *ask, struct http_reply *reply,
                         bool *passing)
{
    struct err e = send_to(v, v->url, ask, reply);

    *passing = false;
    if (failed(e))
        return say(e, passing);
    *passing = status_passes(reply->status);
    return OK;
}

fallible vault_ask(struct vault *v, struct vault_ask *ask, struct http_reply *reply)
{
    int64_t start = clock_monotonic_us(), pause = PAUSE_FIRST_US;
    bool passing, patient = !ask->impatient && start - v->gave_up_at > IMPATIENT_US;
    struct err e;

    for (;;) {
        e = try_once(v, ask, reply, &passing);
        if (!passing || !patient || clock_monotonic_us() + pause - start > PATIENCE_US)
            break;
        ask->repeated = true;
        http_reply_done(reply);
        *reply = (struct http_reply){ 0 };
        nap(pause);
        pause = pause * 2 < PAUSE_MAX_US ? pause * 2 : PAUSE_MAX_US;
    }
    if (passing && patient)
        v->gave_up_at = clock_monotonic_us();
    TRY(e);
    return meaning_of(v, reply);
}

/* The leader's address, where it is another than the one that we ask. */
static fallible find_leader(struct vault *v, struct buf *address)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    json_t *answer owned(json_free) = NULL;
    struct span leader = { 0 };
    bool self = true;

    if (status_of(v, "sys/leader", &reply) != STATUS_OK)
        return OK;
    TRY(json_parse_object(buf_span(&reply.body), &answer));
    TRY(json_opt_bool(answer, "is_self", "is_self", &self));
    TRY(json_opt_str(answer, "leader_address", "leader_address", &leader));
    while (leader.len && leader.at[leader.len - 1] == '/')
        leader.len--;
    if (!self && leader.len && !span_equal_str(leader, v->url))
        buf_add(address, leader);
    return buf_check(address);
}

static fallible get_from_leader(struct vault *v, const struct vault_ask *ask,
                                struct http_reply *reply)
{
    struct buf address owned(buf_done) = buf_of(VAULT_PATH_MAX);
    struct http_reply again owned(http_reply_done) = { 0 };
    const struct err absent = FAIL(ABSENT, "Vault does not hold this key");

    if (failed(find_leader(v, &address)) || !address.len)
        return absent;
    struct err e = send_to(v, buf_str(&address), ask, &again);
    if (failed(e) || again.status >= 500 || again.status == STATUS_STANDBY)
        return FAIL(UPSTREAM, "Vault's leader does not answer");
    if (again.status != STATUS_OK)
        return absent;
    http_reply_done(reply);
    *reply = again;
    again = (struct http_reply){ 0 }; /* given away */
    return OK;
}

fallible vault_get(struct vault *v, const char *path, struct http_reply *reply)
{
    struct vault_ask ask = { .method = "GET", .path = path };
    struct err e = vault_ask(v, &ask, reply);

    return e.kind == FAIL_ABSENT ? get_from_leader(v, &ask, reply) : e;
}

static fallible read_version(const json_t *answer, unsigned *out)
{
    const json_t *data, *options;
    struct span type = { 0 }, version = { 0 };

    TRY(json_get_object(answer, "data", "mount", &data));
    TRY(json_get_str(data, "type", "type of the mount", &type));
    options = json_object_get(data, "options");
    if (json_is_object(options))
        TRY(json_opt_str(options, "version", "version of the mount", &version));
    if (!span_equal_str(type, "kv") && !span_equal_str(type, "generic"))
        return FAIL(UPSTREAM, "Vault's mount is not a KV store");
    if (version.len && !span_equal_str(version, "1") && !span_equal_str(version, "2"))
        return FAIL(UPSTREAM, "Vault's mount is a KV store of an unknown version");
    *out = span_equal_str(version, "2") ? 2 : 1;
    return OK;
}

fallible vault_version(struct vault *v, unsigned *out)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);
    json_t *answer owned(json_free) = NULL;
    unsigned version = v->kv_version;

    if (!version) {
        buf_addf(&path, "sys/internal/ui/mounts/%s", v->mount);
        TRY(buf_check(&path));
        struct vault_ask ask = { .method = "GET", .path = buf_str(&path) };
        TRY(vault_ask(v, &ask, &reply));
        if (failed(json_parse_object(buf_span(&reply.body), &answer)))
            return FAIL(UPSTREAM, "Vault's answer is not JSON");
        TRY(read_version(answer, &version));
        v->kv_version = version;
    }
    *out = version;
    return OK;
}

/* Up and unsealed, and the token may read in our folder: 404 is the answer that we want. */
fallible vault_health(struct vault *v)
{
    struct http_reply reply owned(http_reply_done) = { 0 }, probe owned(http_reply_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);
    struct vault_ask health = { .method = "GET",
                                .path = "sys/health?standbyok=true",
                                .impatient = true };
    unsigned version;

    struct err e = vault_ask(v, &health, &reply);
    if (failed(e))
        return e.kind == FAIL_ABSENT ? FAIL(UPSTREAM, "this address is not a Vault server's") : e;
    TRY(vault_version(v, &version));
    buf_addf(&path, "%s/%s%s/health", v->mount, version == 2 ? "data/" : "", v->prefix);
    TRY(buf_check(&path));
    struct vault_ask ask = { .method = "GET", .path = buf_str(&path), .impatient = true };
    e = vault_ask(v, &ask, &probe);
    return e.kind == FAIL_ABSENT ? OK : e;
}
