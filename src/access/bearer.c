// SPDX-License-Identifier: Apache-2.0
#include "access/bearer.h"

#include "access/permission.h"
#include "access/role.h"
#include "access/role_context.h"
#include "token/jwt.h"

#define NEEDED_MAX 80 /* "resource:action" */

void bearer_done(struct bearer *b)
{
    free(b->subject);
    free(b->tenant);
    free(b->id);
    json_free(b->claims);
    *b = (struct bearer){ 0 };
}

static fallible dup_claim(const json_t *claims, const char *name, char **out)
{
    struct span value;

    TRY(json_get_str(claims, name, "token: sub, tenant or jti", &value));
    if (!value.len)
        return FAIL(INPUT, "token: sub, tenant or jti");
    *out = span_dup(value);
    return *out ? OK : FAIL(SYSTEM, "memory for a token");
}

static bool has_strings(const json_t *object, const char *const *names)
{
    for (; *names; names++) {
        if (!json_is_string(json_object_get(object, *names)))
            return false;
    }
    return true;
}

static bool all_strings(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!json_is_string(json_array_get(list, i)))
            return false;
    }
    return json_is_array(list);
}

/* The form once, here, so that the questions below cannot meet anything else. */
static fallible shape_check(const json_t *claims)
{
    static const char *const role_names[] = { "service", "name", "context", NULL };
    static const char *const permission_names[] = { "service", "context", NULL };
    const json_t *roles, *permissions;

    TRY(json_get_array(claims, "roles", "token: roles", &roles));
    TRY(json_get_array(claims, "permissions", "token: permissions", &permissions));
    if (json_array_size(roles) > BEARER_ROLES_MAX ||
        json_array_size(permissions) > BEARER_ROLES_MAX)
        return FAIL(LIMIT, "token: too many roles");
    for (size_t i = 0; i < json_array_size(roles); i++) {
        if (!has_strings(json_array_get(roles, i), role_names))
            return FAIL(INPUT, "token: roles");
    }
    for (size_t i = 0; i < json_array_size(permissions); i++) {
        const json_t *p = json_array_get(permissions, i);
        if (!has_strings(p, permission_names) || !all_strings(json_object_get(p, "rules")))
            return FAIL(INPUT, "token: permissions");
    }
    return OK;
}

static fallible fill(json_t *claims, struct bearer *out)
{
    struct bearer b owned(bearer_done) = { 0 };
    uint64_t issued_at, expires_at;

    TRY(dup_claim(claims, "sub", &b.subject));
    TRY(dup_claim(claims, "tenant", &b.tenant));
    TRY(dup_claim(claims, "jti", &b.id));
    TRY(json_get_u64(claims, "iat", INT64_MAX, "token: iat", &issued_at));
    TRY(json_get_u64(claims, "exp", INT64_MAX, "token: exp", &expires_at));
    TRY(shape_check(claims));
    *out = (struct bearer){ .subject = TAKE(b.subject),
                            .tenant = TAKE(b.tenant),
                            .id = TAKE(b.id),
                            .issued_at = (int64_t)issued_at,
                            .expires_at = (int64_t)expires_at,
                            .claims = json_incref(claims) };
    return OK;
}

fallible bearer_verify(const struct jwks *keys, struct span text, int64_t now,
                       enum bearer_verdict *verdict, struct bearer *out)
{
    owned(json_free) json_t *claims = NULL;
    enum jwt_fault fault = JWT_MALFORMED;
    struct err e = FAIL(INPUT, "token: too long");

    if (text.len <= BEARER_TEXT_MAX)
        e = jwt_verify(text, keys, "JWT", BEARER_ISSUER, BEARER_AUDIENCE, now, &claims, &fault);
    if (!failed(e))
        e = fill(claims, out);
    if (e.kind == FAIL_SYSTEM)
        return e;
    *verdict = BEARER_GOOD;
    if (failed(e))
        *verdict = fault == JWT_EXPIRED ? BEARER_EXPIRED : BEARER_INVALID;
    return OK;
}

const char *bearer_problem(enum bearer_verdict verdict)
{
    switch (verdict) {
    case BEARER_EXPIRED:
        return "token_expired";
    case BEARER_REVOKED:
        return "token_revoked";
    case BEARER_OUTDATED:
        return "revocations_outdated";
    case BEARER_GOOD:
    case BEARER_INVALID:
        break;
    }
    return "token_invalid";
}

static struct span member(const json_t *object, const char *name)
{
    const json_t *s = json_object_get(object, name);

    return span_from(json_string_value(s), json_string_length(s));
}

static bool rules_allow(const json_t *rules, const char *needed, struct span context)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        if (rule_allows(span_from(json_string_value(rule), json_string_length(rule)), needed,
                        context))
            return true;
    }
    return false;
}

bool bearer_allows(const struct bearer *b, const char *service, const char *needed,
                   struct span context)
{
    return claims_allow(b->claims, service, needed, context);
}

bool claims_allow(const json_t *claims, const char *service, const char *needed,
                  struct span context)
{
    const json_t *permissions = json_object_get(claims, "permissions");

    for (size_t i = 0; i < json_array_size(permissions); i++) {
        const json_t *p = json_array_get(permissions, i);
        if (span_equal_str(member(p, "service"), service) &&
            rules_allow(json_object_get(p, "rules"), needed, context))
            return true;
    }
    return false;
}

static bool role_held(const json_t *claims, struct span service, struct span name)
{
    const json_t *roles = json_object_get(claims, "roles");

    for (size_t i = 0; i < json_array_size(roles); i++) {
        const json_t *role = json_array_get(roles, i);
        if (span_equal(member(role, "service"), service) && span_equal(member(role, "name"), name))
            return true;
    }
    return false;
}

static bool meets_one(const json_t *claims, struct span need)
{
    size_t colon = span_find(need, SPAN(":"));
    struct span service = span_head(need, colon), rest = span_tail(need, colon + 1);
    char name[ROLE_SERVICE_MAX + 1], needed[NEEDED_MAX + 1];

    if (colon == need.len || service.len > ROLE_SERVICE_MAX || rest.len > NEEDED_MAX)
        return false;
    if (span_find(rest, SPAN(":")) == rest.len)
        return role_held(claims, service, rest);
    snprintf(name, sizeof(name), "%.*s", (int)service.len, (const char *)service.at);
    snprintf(needed, sizeof(needed), "%.*s", (int)rest.len, (const char *)rest.at);
    return claims_allow(claims, name, needed, (struct span){ 0 });
}

bool claims_meet(const json_t *claims, const char *needs)
{
    struct span rest = span_str(needs);

    while (rest.len) {
        size_t end = span_find(rest, SPAN(" or "));
        if (meets_one(claims, span_head(rest, end)))
            return true;
        rest = span_tail(rest, end < rest.len ? end + strlen(" or ") : end);
    }
    return false;
}

bool bearer_meets(const struct bearer *b, const char *needs)
{
    return claims_meet(b->claims, needs);
}

bool bearer_role_at(const struct bearer *b, size_t at, struct bearer_role *out)
{
    const json_t *role = json_array_get(json_object_get(b->claims, "roles"), at);

    if (!role)
        return false;
    *out = (struct bearer_role){ .service = member(role, "service"),
                                 .name = member(role, "name"),
                                 .context = member(role, "context") };
    return true;
}

static bool has_one(const struct bearer *b, const char *service, const char *name,
                    struct span permission)
{
    struct bearer_role role;

    for (size_t i = 0; bearer_role_at(b, i, &role); i++) {
        struct role_context context;
        if (!span_equal_str(role.service, service) || !span_equal_str(role.name, name) ||
            failed(role_context_parse(role.context, &context)))
            continue;
        if (context_list_has(role_context_get(&context, "permissions"), permission))
            return true;
    }
    return false;
}

bool bearer_has_all(const struct bearer *b, const char *service, const char *name,
                    const json_t *needed)
{
    for (size_t i = 0; i < json_array_size(needed); i++) {
        const json_t *permission = json_array_get(needed, i);
        if (!json_is_string(permission) ||
            !has_one(b, service, name,
                     span_from(json_string_value(permission), json_string_length(permission))))
            return false;
    }
    return true;
}
