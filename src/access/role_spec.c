// SPDX-License-Identifier: Apache-2.0
#include "access/role_spec_internal.h"

#include "access/name_internal.h"
#include "access/permission.h"

/* Roles whose context another program decides on: what it could not read must not be stored. */
static const struct {
    const char *service, *name;
    const char *required[3];
} known_contexts[] = {
    { "KBS", "KeyTransfer", { NULL } },
    { "CMS", "CertApprover", { "CN", "CERTTYPE", NULL } },
};

void role_text_done(struct role_text *t)
{
    free(t->permissions);
    t->permissions = NULL;
}

fallible role_rules_check(const json_t *permissions, char **out)
{
    if (permissions && !json_is_array(permissions))
        return FAIL(INPUT, "role: permissions is a list of rules");
    if (json_array_size(permissions) > ROLE_RULES_MAX)
        return FAIL(LIMIT, "role: more than 32 permissions");
    for (size_t i = 0; i < json_array_size(permissions); i++) {
        const json_t *rule = json_array_get(permissions, i);
        if (!json_is_string(rule) ||
            !rule_valid(span_from(json_string_value(rule), json_string_length(rule))))
            return FAIL(INPUT, "role: a permission is resource:action or resource:action:context");
    }
    char *text = permissions ? json_text(permissions) : strdup("[]");
    if (!text)
        return FAIL(SYSTEM, "memory for a role");
    *out = text;
    return OK;
}

static fallible context_check(const struct role_text *t)
{
    for (size_t i = 0; i < sizeof(known_contexts) / sizeof(known_contexts[0]); i++) {
        struct role_context c;
        if (strcmp(t->service, known_contexts[i].service) ||
            strcmp(t->name, known_contexts[i].name))
            continue;
        TRY(role_context_parse(span_str(t->context), &c));
        for (const char *const *key = known_contexts[i].required; *key; key++) {
            if (!role_context_get(&c, *key).len)
                return FAIL(INPUT,
                            "role: CertApprover needs a context CN=...;SAN=...;CERTTYPE=...");
        }
    }
    return OK;
}

static void copy(struct span from, char *to)
{
    if (from.len)
        memcpy(to, from.at, from.len);
    to[from.len] = 0;
}

fallible role_spec_check(const struct role_spec *spec, struct role_text *out)
{
    struct role_text t owned(role_text_done) = { 0 };

    if (!name_of_charset(spec->service, "_-", ROLE_SERVICE_MAX))
        return FAIL(INPUT, "role: service is 1 to 20 of A-Z a-z 0-9 _ -");
    if (!name_of_charset(spec->name, "_/.@,-", ROLE_NAME_MAX))
        return FAIL(INPUT, "role: name is 1 to 40 of A-Z a-z 0-9 _ / . @ , -");
    if (spec->context.len && !name_of_charset(spec->context, "_/.@,=;: *-", ROLE_CONTEXT_MAX))
        return FAIL(INPUT,
                    "role: context is up to 512 of A-Z a-z 0-9 _ / . @ , = ; : * - and blank");
    copy(spec->service, t.service);
    copy(spec->name, t.name);
    copy(spec->context, t.context);
    for (char *c = t.service; *c; c++)
        *c = name_upper(*c);
    TRY(context_check(&t));
    TRY(role_rules_check(spec->permissions, &t.permissions));
    *out = t;
    t.permissions = NULL;
    return OK;
}

const char *role_spec_fault(const struct role_spec *spec)
{
    struct role_text t owned(role_text_done) = { 0 };
    struct role_spec s = { spec->service, spec->name, { 0 }, NULL };

    if (!name_of_charset(spec->service, "_-", ROLE_SERVICE_MAX))
        return "service";
    if (!name_of_charset(spec->name, "_/.@,-", ROLE_NAME_MAX))
        return "name";
    s.context = spec->context;
    if (failed(role_spec_check(&s, &t)))
        return "context";
    role_text_done(&t);
    s.permissions = spec->permissions;
    return failed(role_spec_check(&s, &t)) ? "permissions" : NULL;
}
