// SPDX-License-Identifier: Apache-2.0
#include "aasd/aas.h"

#include "access/role.h"
#include "base/clock.h"
#include "base/log.h"

static bool refuse_token(struct http_exchange *x, const char *code)
{
    log_warn("unauthorized request", "code", code, "request", http_request_id(x));
    http_answer_header(x, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
    http_answer_problem(x, 401, code, "get a new token");
    return false;
}

/* The token's user as the store has it now. A token from before the last change of password has
 * ended. */
static fallible find_caller(struct aas *a, const struct bearer *b, struct caller *out)
{
    struct caller c = { 0 };

    if (!tenant_name_valid(span_str(b->tenant)))
        return FAIL(ABSENT, "no such tenant");
    memcpy(c.tenant, b->tenant, strlen(b->tenant) + 1);
    if (strchr(b->subject, ':')) { /* of another issuer: its token has ended when theirs has */
        snprintf(c.user.name, sizeof(c.user.name), "%s", b->subject);
        *out = c;
        return OK;
    }
    TRY(user_find(a->store, c.tenant, span_str(b->subject), &c.user));
    if (c.user.password_changed_at > b->issued_at || c.user.created_at > b->issued_at)
        return FAIL(ABSENT, "token of an earlier password");
    *out = c;
    return OK;
}

static bool check_permission(struct http_exchange *x, struct aas *a, const struct bearer *b,
                             const struct caller *c)
{
    owned(json_free) json_t *claims = NULL;
    struct err e = OK;

    if (c->user.id[0])
        e = user_role_claims(a->store, c->tenant, c->user.id, &claims);
    else
        claims = json_incref(b->claims);
    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return false;
    }
    if (!aas_certificate_given(x, a, &c->user, claims))
        return false;
    if (claims_meet(claims, http_needs(x)))
        return true;
    log_warn("unauthorized request", "user", c->user.name, "permission", http_needs(x), "request",
             http_request_id(x));
    http_answer_problem(x, 403, "permission_denied",
                        "no role of the user in service AAS allows this");
    return false;
}

bool aas_authorise(struct http_exchange *x, struct aas *a, struct caller *out)
{
    struct bearer b owned(bearer_done) = { 0 };
    enum bearer_verdict verdict = BEARER_INVALID;
    struct caller c;

    struct err e = token_keys_verify(a->keys, http_bearer(x), clock_now(), &verdict, &b);
    if (failed(e)) {
        aas_answer_failure(x, e, "token");
        return false;
    }
    if (verdict != BEARER_GOOD)
        return refuse_token(x, bearer_problem(verdict));
    e = find_caller(a, &b, &c);
    if (e.kind == FAIL_ABSENT)
        return refuse_token(x, "token_invalid");
    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return false;
    }
    if (!check_permission(x, a, &b, &c))
        return false;
    *out = c;
    return true;
}

bool aas_authorise_operator(struct http_exchange *x, struct aas *a, struct caller *out)
{
    if (!aas_authorise(x, a, out))
        return false;
    if (!strcmp(out->tenant, TENANT_DEFAULT))
        return true;
    log_warn("unauthorized request", "user", out->user.name, "permission", http_needs(x), "request",
             http_request_id(x));
    http_answer_problem(x, 403, "permission_denied",
                        "only the operator's own tenant, default, looks after tenants");
    return false;
}

void aas_answer_invalid(struct http_exchange *x, const char *code, const char *member,
                        const char *detail)
{
    http_answer_invalid(x, code, detail, json_pack("[o]", json_shape_error(member, detail)));
}

bool aas_body_shaped(struct http_exchange *x, const json_t *body, const struct json_shape *members)
{
    json_t *errors = json_shape_errors(body, members, false);

    if (errors)
        http_answer_invalid(x, "malformed_request",
                            "members are missing, unknown, or not what they must be", errors);
    return !errors;
}

bool aas_body(struct http_exchange *x, const struct json_shape *members, json_t **out)
{
    owned(json_free) json_t *body = NULL;

    if (!http_json_body(x, &body) || !aas_body_shaped(x, body, members))
        return false;
    *out = TAKE(body);
    return true;
}

bool aas_take_password(struct http_exchange *x, json_t *body, const char *member,
                       struct secret **out)
{
    struct span text;

    if (failed(json_get_str(body, member, "password", &text)) || !text.len ||
        text.len > PASSWORD_MAX) {
        aas_answer_invalid(x, "malformed_request", member,
                           "a password is a string of 1 to 256 bytes");
        return false;
    }
    struct secret *s = secret_copy(text);
    wipe((void *)(uintptr_t)text.at, text.len);
    if (!s) {
        http_answer_problem(x, 503, "busy", "secure memory is exhausted");
        return false;
    }
    *out = s;
    return true;
}

void aas_answer_failure(struct http_exchange *x, struct err e, const char *noun)
{
    char code[64];

    switch ((enum fail_kind)e.kind) {
    case FAIL_ABSENT:
        snprintf(code, sizeof(code), "%s_not_found", noun);
        break;
    case FAIL_CONFLICT:
        snprintf(code, sizeof(code), "%s_exists", noun);
        break;
    case FAIL_INPUT:
        snprintf(code, sizeof(code), "%s_invalid", noun);
        break;
    case FAIL_LIMIT:
        snprintf(code, sizeof(code), "%s_too_large", noun);
        break;
    case FAIL_DENIED:
        snprintf(code, sizeof(code), "permission_denied");
        break;
    case FAIL_UPSTREAM:
        snprintf(code, sizeof(code), "busy");
        break;
    case FAIL_NONE:
    case FAIL_SYSTEM:
        log_err(e, "request failed", "request", http_request_id(x));
        http_answer_problem(x, 500, "internal_error", NULL); /* the log knows more (lesson L38) */
        return;
    }
    http_answer_failure(x, e, code);
}
