// SPDX-License-Identifier: Apache-2.0
/* POST /aas/v1/token and PATCH /aas/v1/users/changepassword: the two open doors, behind the same
 * lock-out. */
#include "aasd/aas.h"

#include "access/revocation.h"
#include "access/role.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/problem.h"
#include "token/jwt.h"

/* In a header of at most 16 KiB, with room for the rest. */
#define TOKEN_MAX (12U << 10)

#define USERNAME                                                                                   \
    {                                                                                              \
        "username", SHAPE_TEXT, true, .min = 1, .max = USER_NAME_MAX                               \
    }
#define PASSWORD(name, required)                                                                   \
    {                                                                                              \
        name, SHAPE_TEXT, required, .min = 1, .max = PASSWORD_MAX                                  \
    }

struct credentials {
    char tenant[TENANT_NAME_MAX + 1];
    struct span name; /* into the body */
    struct secret *password;
};
static void credentials_donep(struct credentials *c)
{
    secret_free(c->password);
}

static bool read_credentials(struct http_exchange *x, json_t *body, const char *password_member,
                             struct credentials *out)
{
    struct span tenant = SPAN(TENANT_DEFAULT);

    if (failed(json_get_str(body, "username", "username", &out->name)) ||
        failed(json_opt_str(body, "tenant", "tenant", &tenant)) || !tenant_name_valid(tenant)) {
        aas_answer_invalid(x, "malformed_request", "tenant", "1 to 64 of a-z 0-9 -");
        return false;
    }
    memcpy(out->tenant, tenant.at, tenant.len);
    return aas_take_password(x, body, password_member, &out->password);
}

static void answer_locked(struct http_exchange *x, unsigned wait)
{
    char seconds[16];
    owned(json_free) json_t *problem = problem_json(
        429, "too_many_attempts", "too many failed logins of this name", http_request_id(x));

    snprintf(seconds, sizeof(seconds), "%u", wait);
    json_set_int(problem, "retry_after", wait);
    char *text owned(free) = json_text(problem);
    http_answer_header(x, "Retry-After", seconds);
    http_answer(x, 429, "application/problem+json", span_str(text));
}

/* The user, or an answer: the same for an unknown name and for a wrong password. */
static bool log_in(struct http_exchange *x, struct aas *a, const struct credentials *c,
                   struct user *out)
{
    struct login_answer answer = { 0 };

    struct err e = login_check(a->login, c->tenant, c->name, c->password, clock_now(), &answer);
    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return false;
    }
    switch (answer.outcome) {
    case LOGIN_GOOD:
        *out = answer.user;
        return true;
    case LOGIN_REFUSED: /* an unknown name is not logged: it is sometimes a password */
        log_warn("user authentication failed", "user",
                 answer.known ? answer.user.name : "(unknown)", "peer", http_peer(x), "request",
                 http_request_id(x));
        http_answer_problem(x, 401, "credentials_refused", "user name or password is wrong");
        return false;
    case LOGIN_LOCKED:
        log_warn("login locked", "peer", http_peer(x), "request", http_request_id(x));
        answer_locked(x, answer.wait);
        return false;
    case LOGIN_BUSY:
        http_answer_problem(x, 503, "busy", "too many logins at once");
        return false;
    }
    return false;
}

/* From when what was revoked has ended: a token of the same second would have ended with it. */
static fallible make_token(struct aas *a, const char *tenant, const struct user *u, json_t *claims,
                           int64_t now, int64_t lifetime, struct buf *out)
{
    int64_t from;

    TRY(revocation_floor(a->store, tenant, u->name, &from));
    TRY(jwt_stamp(claims, BEARER_ISSUER, BEARER_AUDIENCE, from > now ? from : now, lifetime));
    json_set_str(claims, "sub", u->name);
    json_set_str(claims, "tenant", tenant);
    TRY(token_keys_sign(a->keys, claims, out));
    return buf_check(out);
}

/* RFC 6749 section 5.1, RFC 8693 section 2.2.1. */
static void answer_grant(struct http_exchange *x, struct span token, int64_t seconds)
{
    json_t *body = json_object();

    json_set_span(body, "access_token", token);
    json_set_str(body, "issued_token_type", "urn:ietf:params:oauth:token-type:access_token");
    json_set_str(body, "token_type", "Bearer");
    json_set_int(body, "expires_in", seconds);
    http_answer_header(x, "Cache-Control", "no-store");
    http_answer_json(x, 200, body);
}

/* Old scripts ask for application/json or application/jwt and take either; only an explicit wish
 * for JSON alone gives the object. */
static bool wants_json(struct span accept)
{
    return span_find(accept, SPAN("application/json")) < accept.len &&
           span_find(accept, SPAN("application/jwt")) == accept.len;
}

static void answer_token(struct http_exchange *x, struct span token, int64_t expires_at)
{
    char time[CLOCK_TEXT_MAX];

    if (!wants_json(http_header(x, "accept"))) {
        http_answer(x, 200, "application/jwt", token);
        return;
    }
    json_t *body = json_object();
    json_set_span(body, "token", token);
    json_set_str(body, "expires_at", clock_format(expires_at, time));
    http_answer_json(x, 200, body);
}

void aas_give_token(struct http_exchange *x, struct aas *a, const char *tenant,
                    const struct user *u, bool by_grant)
{
    owned(json_free) json_t *claims = NULL;
    struct buf token owned(buf_done) = buf_of(TOKEN_MAX);
    int64_t now = clock_now(), lifetime = (int64_t)a->token_minutes * 60;

    struct err e = user_role_claims(a->store, tenant, u->id, &claims);
    if (!failed(e) && !aas_certificate_given(x, a, u, claims))
        return;
    if (!failed(e))
        e = make_token(a, tenant, u, claims, now, lifetime, &token);
    if (failed(e)) {
        aas_answer_failure(x, e, "token");
        return;
    }
    log_info("token generated for user", "user", u->name, "peer", http_peer(x), "request",
             http_request_id(x));
    if (by_grant)
        answer_grant(x, buf_span(&token), lifetime);
    else
        answer_token(x, buf_span(&token), now + lifetime);
}

void aas_give_token_of(struct http_exchange *x, struct aas *a, const char *tenant,
                       const struct user *u, json_t *claims, int64_t seconds)
{
    struct buf token owned(buf_done) = buf_of(TOKEN_MAX);
    int64_t lifetime = (int64_t)a->token_minutes * 60;

    if (!aas_certificate_given(x, a, u, claims))
        return;
    if (seconds < lifetime)
        lifetime = seconds;
    struct err e = make_token(a, tenant, u, claims, clock_now(), lifetime, &token);
    if (failed(e)) {
        aas_answer_failure(x, e, "token");
        return;
    }
    log_info("token generated for user", "user", u->name, "peer", http_peer(x), "request",
             http_request_id(x));
    answer_grant(x, buf_span(&token), lifetime);
}

static void by_password(struct http_exchange *x, struct aas *a, json_t *body)
{
    static const struct json_shape members[] = {
        USERNAME, PASSWORD("password", true), { "tenant", SHAPE_TEXT }, { 0 }
    };
    struct credentials c owned(credentials_done) = { 0 };
    struct user u;

    if (aas_body_shaped(x, body, members) && read_credentials(x, body, "password", &c) &&
        log_in(x, a, &c, &u))
        aas_give_token(x, a, c.tenant, &u, false);
}

void aas_token_create(struct http_exchange *x, void *context)
{
    owned(json_free) json_t *body = NULL;

    if (!http_json_body(x, &body))
        return;
    if (json_object_get(body, "grant_type"))
        aas_token_by_grant(x, context, body);
    else
        by_password(x, context, body);
}

static bool confirmed(struct http_exchange *x, json_t *body, const struct secret *password)
{
    owned(secret_free) struct secret *again = NULL;

    if (json_object_get(body, "password_confirm")) {
        if (!aas_take_password(x, body, "password_confirm", &again))
            return false;
        if (!secret_equal(again, password)) {
            aas_answer_invalid(x, "password_not_confirmed", "password_confirm",
                               "password_confirm is another password");
            return false;
        }
    }
    if (password_acceptable(password))
        return true;
    aas_answer_invalid(x, "password_refused", "new_password",
                       "8 to 256 bytes without control characters");
    return false;
}

void aas_password_change(struct http_exchange *x, void *context)
{
    static const struct json_shape members[] = { USERNAME,
                                                 PASSWORD("old_password", true),
                                                 PASSWORD("new_password", true),
                                                 PASSWORD("password_confirm", false),
                                                 { "tenant", SHAPE_TEXT },
                                                 { 0 } };
    struct aas *a = context;
    owned(json_free) json_t *body = NULL;
    owned(secret_free) struct secret *password = NULL;
    struct credentials c owned(credentials_done) = { 0 };
    char hash[PASSWORD_HASH_SIZE];
    struct user u;

    if (!aas_body(x, members, &body) || !read_credentials(x, body, "old_password", &c) ||
        !aas_take_password(x, body, "new_password", &password) || !confirmed(x, body, password) ||
        !log_in(x, a, &c, &u))
        return;
    struct err e = login_hash(a->login, password, hash);
    if (!failed(e))
        e = user_set_password(a->store, c.tenant, u.id, hash, clock_now());
    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return;
    }
    if (!aas_end_tokens(x, a, c.tenant, &u))
        return;
    log_info("password changed", "user", u.name, "by", u.name, "request", http_request_id(x));
    http_answer_empty(x, 200);
}
