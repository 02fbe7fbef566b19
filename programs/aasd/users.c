// SPDX-License-Identifier: Apache-2.0
/* /aas/v1/users */
#include "aasd/aas.h"

#include "access/service_secret.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "crypto/digest.h"

bool aas_take_new_password(struct http_exchange *x, struct aas *a, json_t *body,
                           char hash[PASSWORD_HASH_SIZE])
{
    owned(secret_free) struct secret *password = NULL;

    if (!aas_take_password(x, body, "password", &password))
        return false;
    if (!password_acceptable(password)) {
        aas_answer_invalid(x, "password_refused", "password",
                           "8 to 256 bytes without control characters");
        return false;
    }
    struct err e = login_hash(a->login, password, hash);
    if (failed(e))
        aas_answer_failure(x, e, "user");
    return !failed(e);
}

#define CERTIFICATE                                                                                \
    {                                                                                              \
        "certificate_sha256", SHAPE_HEX, .min = 64, .max = 64                                      \
    }

/* In lower case, as it is compared. */
static fallible set_certificate(struct aas *a, const struct caller *c, struct user *u,
                                struct span certificate)
{
    uint8_t digest[SHA256_SIZE];
    char text[CERTIFICATE_TEXT_SIZE];

    TRY(hex_parse_exact(certificate, digest, sizeof(digest)));
    hex_str(SPAN_OF(digest), text);
    TRY(user_set_certificate(a->store, c->tenant, u->id, span_str(text), clock_now()));
    return user_find(a->store, c->tenant, span_str(u->id), u);
}

/* With the secret, the only time that it is shown. */
static void answer_user(struct http_exchange *x, int status, const struct user *u,
                        const struct secret *secret)
{
    json_t *body = user_json(u);

    if (secret)
        json_set_span(body, "client_secret", secret_expose(secret));
    http_answer_json(x, status, body);
}

struct new_user {
    struct span name, certificate;
    bool service;
    char hash[PASSWORD_HASH_SIZE];
    struct secret *secret;
};
static void new_user_donep(struct new_user *n)
{
    secret_free(n->secret);
}

static bool read_new_user(struct http_exchange *x, const json_t *body, struct new_user *n)
{
    struct span kind = SPAN("person");

    if (failed(json_get_str(body, "username", "username", &n->name)) || !user_name_valid(n->name)) {
        aas_answer_invalid(x, "user_invalid", "username", USER_NAME_RULE);
        return false;
    }
    (void)json_opt_str(body, "kind", "kind", &kind).kind;
    (void)json_opt_str(body, "certificate_sha256", "certificate_sha256", &n->certificate).kind;
    n->service = span_equal_str(kind, "service");
    if (n->service != !json_object_get(body, "password")) {
        aas_answer_invalid(x, "malformed_request", "password",
                           "a person has a password, and a service none");
        return false;
    }
    return true;
}

/* A service that comes with a certificate needs no secret. */
static fallible make_user(struct aas *a, const struct caller *c, struct new_user *n,
                          struct user *out)
{
    int64_t now = clock_now();

    if (n->service && n->certificate.len)
        service_secret_none(n->hash);
    else if (n->service)
        TRY(service_secret_new(&n->secret, n->hash));
    TRY(n->service ? user_create_service(a->store, c->tenant, n->name, n->hash, now, out)
                   : user_create(a->store, c->tenant, n->name, n->hash, now, out));
    return n->certificate.len ? set_certificate(a, c, out, n->certificate) : OK;
}

/* Here: a word list is of this lifetime. */
static const struct json_shape new_user_members[] = { { "username", SHAPE_TEXT, true },
                                                      { "password", SHAPE_TEXT },
                                                      { "kind", SHAPE_TEXT,
                                                        .words = SHAPE_WORDS("person", "service") },
                                                      CERTIFICATE,
                                                      { 0 } };

void aas_user_create(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    owned(json_free) json_t *body = NULL;
    struct new_user n owned(new_user_done) = { 0 };
    struct caller c;
    struct user u;

    if (!aas_authorise(x, a, &c) || !aas_body(x, new_user_members, &body) ||
        !read_new_user(x, body, &n) || (!n.service && !aas_take_new_password(x, a, body, n.hash)))
        return;
    struct err e = make_user(a, &c, &n, &u);
    if (failed(e)) {
        aas_answer_failure(x, e.kind == FAIL_CONFLICT ? FAIL(CONFLICT, "same user exists") : e,
                           "user");
        return;
    }
    log_info("user added", "user", u.name, "by", c.user.name, "request", http_request_id(x));
    answer_user(x, 201, &u, n.secret);
}

void aas_user_list(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;
    json_t *list = NULL;
    struct span name = http_query(x, "name"), after = http_query(x, "after");

    if (!aas_authorise(x, a, &c))
        return;
    if ((name.len && !user_name_valid(name)) || (after.len && !user_name_valid(after))) {
        http_answer_invalid(x, "malformed_request", "name and after are user names",
                            json_pack("[{s:s,s:s}]", "parameter",
                                      name.len && !user_name_valid(name) ? "name" : "after",
                                      "detail", "a user name"));
        return;
    }
    struct err e = user_list(a->store, c.tenant, name, after, &list);
    if (failed(e))
        aas_answer_failure(x, e, "user");
    else
        http_answer_json(x, 200, list);
}

/* The user of the path, in the caller's tenant, or a 404. */
static bool find_user(struct http_exchange *x, struct aas *a, const struct caller *c,
                      struct user *out)
{
    struct err e = user_find(a->store, c->tenant, http_param(x, "id"), out);
    if (failed(e))
        aas_answer_failure(x, e, "user");
    return !failed(e);
}

void aas_user_show(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;
    struct user u;

    if (aas_authorise(x, a, &c) && find_user(x, a, &c, &u))
        http_answer_json(x, 200, user_json(&u));
}

static bool read_change(struct http_exchange *x, const json_t *body, const struct user *u,
                        struct span *certificate, bool *password)
{
    *password = json_object_get(body, "password") != NULL;
    (void)json_opt_str(body, "certificate_sha256", "certificate_sha256", certificate).kind;
    if ((*password || certificate->len) && !(*password && u->service))
        return true;
    aas_answer_invalid(x, "malformed_request", "password",
                       "a person's password, a certificate, or both; a service has no password");
    return false;
}

/* Whose tokens from before have ended, everywhere. */
static void answer_changed(struct http_exchange *x, struct aas *a, const struct caller *c,
                           struct user *u, const struct secret *secret)
{
    struct err e = user_find(a->store, c->tenant, span_str(u->id), u);

    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return;
    }
    if (!aas_end_tokens(x, a, c->tenant, u))
        return;
    log_info(u->service ? "service changed" : "password changed", "user", u->name, "by",
             c->user.name, "request", http_request_id(x));
    answer_user(x, 200, u, secret);
}

void aas_user_update(struct http_exchange *x, void *context)
{
    static const struct json_shape members[] = { { "password", SHAPE_TEXT }, CERTIFICATE, { 0 } };
    struct aas *a = context;
    owned(json_free) json_t *body = NULL;
    struct span certificate = { 0 };
    char hash[PASSWORD_HASH_SIZE];
    struct caller c;
    struct user u;
    bool password;

    if (!aas_authorise(x, a, &c) || !find_user(x, a, &c, &u) || !aas_body(x, members, &body) ||
        !read_change(x, body, &u, &certificate, &password) ||
        (password && !aas_take_new_password(x, a, body, hash)))
        return;
    struct err e = certificate.len ? set_certificate(a, &c, &u, certificate) : OK;
    if (!failed(e) && password)
        e = user_set_password(a->store, c.tenant, u.id, hash, clock_now());
    if (failed(e))
        aas_answer_failure(x, e, "user");
    else
        answer_changed(x, a, &c, &u, NULL);
}

/* Another secret of a service. */
void aas_user_secret(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    owned(secret_free) struct secret *secret = NULL;
    char hash[PASSWORD_HASH_SIZE];
    struct caller c;
    struct user u;

    if (!aas_authorise(x, a, &c) || !find_user(x, a, &c, &u))
        return;
    if (!u.service) {
        http_answer_problem(x, 409, "not_a_service", "only a service has a secret");
        return;
    }
    struct err e = service_secret_new(&secret, hash);
    if (!failed(e))
        e = user_set_password(a->store, c.tenant, u.id, hash, clock_now());
    if (failed(e))
        aas_answer_failure(x, e, "user");
    else
        answer_changed(x, a, &c, &u, secret);
}

void aas_user_delete(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;
    struct user u;

    if (!aas_authorise(x, a, &c) || !find_user(x, a, &c, &u))
        return;
    struct err e = user_delete(a->store, c.tenant, u.id);
    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return;
    }
    if (!aas_end_tokens(x, a, c.tenant, &u))
        return;
    log_info("user deleted", "user", u.name, "by", c.user.name, "request", http_request_id(x));
    http_answer_empty(x, 204);
}
