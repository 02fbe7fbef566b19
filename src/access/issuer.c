// SPDX-License-Identifier: Apache-2.0
#include "access/issuer.h"

#include <stdio.h>

#include "access/name_internal.h"
#include "access/role.h"
#include "access/tenant.h"
#include "base/file.h"
#include "base/json_shape.h"

#define NAME_MAX_LEN 32
#define TEXT_MAX 1024
#define RULES_MAX 64
#define RULE_ROLES_MAX 16
#define CLAIM_DEPTH_MAX 4
#define AGE_DEFAULT 3600
#define AGE_MAX (7 * 86400)

#define TEXT(name, required)                                                                       \
    {                                                                                              \
        name, SHAPE_TEXT, required, .min = 1, .max = TEXT_MAX                                      \
    }

static const struct json_shape role_item[] = { { "", SHAPE_TEXT, .min = 3, .max = TEXT_MAX } };
static const struct json_shape rule_members[] = {
    TEXT("claim", true),
    TEXT("value", true),
    { "roles", SHAPE_LIST, true, .min = 1, .max = RULE_ROLES_MAX, .inner = role_item },
    SHAPE_END,
};
static const struct json_shape rule_item[] = { { "", SHAPE_OBJECT, .inner = rule_members } };
static const struct json_shape issuer_members[] = {
    { "name", SHAPE_TEXT, true, .min = 1, .max = NAME_MAX_LEN },
    TEXT("issuer", true),
    TEXT("audience", true),
    TEXT("jwks_file", false),
    TEXT("jwks_url", false),
    TEXT("ca_file", false),
    { "plain_loopback", SHAPE_BOOL },
    { "max_age_seconds", SHAPE_NUMBER, .min = 1, .max = AGE_MAX },
    TEXT("subject", false),
    TEXT("tenant", false),
    { "roles", SHAPE_LIST, true, .min = 1, .max = RULES_MAX, .inner = rule_item },
    SHAPE_END,
};
static const struct json_shape issuer_item[] = { { "", SHAPE_OBJECT, .inner = issuer_members } };
static const struct json_shape file_members[] = {
    { "issuers", SHAPE_LIST, true, .min = 1, .max = ISSUERS_MAX, .inner = issuer_item },
    SHAPE_END,
};

static const char *text_of(const json_t *j, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(j, name));

    return text ? text : otherwise;
}

static fallible fill(const json_t *j, struct issuer *out)
{
    uint64_t age = AGE_DEFAULT;
    struct issuer i = { .name = text_of(j, "name", ""),
                        .issuer = text_of(j, "issuer", ""),
                        .audience = text_of(j, "audience", ""),
                        .jwks_file = text_of(j, "jwks_file", NULL),
                        .jwks_url = text_of(j, "jwks_url", NULL),
                        .ca_file = text_of(j, "ca_file", NULL),
                        .subject = text_of(j, "subject", "sub"),
                        .tenant = text_of(j, "tenant", TENANT_DEFAULT),
                        .roles = json_object_get(j, "roles") };

    TRY(json_opt_u64(j, "max_age_seconds", AGE_MAX, "max_age_seconds", &age));
    TRY(json_opt_bool(j, "plain_loopback", "plain_loopback", &i.plain_loopback));
    i.max_age = (int64_t)age;
    if (!name_of_charset(span_str(i.name), "-", NAME_MAX_LEN))
        return FAIL(INPUT, "an issuer's name is 1 to 32 of A-Z a-z 0-9 -");
    if (!tenant_name_valid(span_str(i.tenant)))
        return FAIL(INPUT, "an issuer's tenant is 1 to 64 of a-z 0-9 -");
    if (!i.jwks_file == !i.jwks_url)
        return FAIL(INPUT, "an issuer has a jwks_file or a jwks_url");
    bool secure = i.jwks_url && !strncmp(i.jwks_url, "https://", 8);
    if (i.jwks_url && !(secure ? i.ca_file != NULL : i.plain_loopback))
        return FAIL(INPUT, "a jwks_url is https://, with a ca_file");
    *out = i;
    return OK;
}

/* Two of one name would be each other's users, two of one issuer a matter of order. */
static fallible distinct(const struct issuers *all)
{
    for (size_t a = 0; a < all->count; a++) {
        for (size_t b = 0; b < a; b++) {
            if (!strcmp(all->each[a].name, all->each[b].name) ||
                !strcmp(all->each[a].issuer, all->each[b].issuer))
                return FAIL(INPUT, "two issuers have one name, or are one");
        }
    }
    return OK;
}

fallible issuers_load(const char *path, struct issuers *out, char **message)
{
    struct buf text owned(buf_done) = buf_of(ISSUERS_FILE_MAX);
    owned(json_free) json_t *all = NULL;
    struct issuers i = { 0 };

    TRY(file_read(path, &text));
    TRY(json_parse_object(buf_span(&text), &all));
    owned(json_free) json_t *errors = json_shape_errors(all, file_members, false);
    if (errors) {
        *message = json_text(errors);
        return FAIL(INPUT, "the file of issuers has members that are missing, unknown or wrong");
    }
    const json_t *list = json_object_get(all, "issuers");
    for (; i.count < json_array_size(list); i.count++)
        TRY(fill(json_array_get(list, i.count), &i.each[i.count]));
    TRY(distinct(&i));
    i.all = TAKE(all);
    *out = i;
    return OK;
}

void issuers_done(struct issuers *i)
{
    json_free(i->all);
    *i = (struct issuers){ 0 };
}

fallible issuer_subject(const struct issuer *i, const json_t *claims,
                        char out[EXTERNAL_SUBJECT_MAX + 1])
{
    struct span subject;

    TRY(json_get_str(claims, i->subject, "the token does not say who it is of", &subject));
    if (!name_of_charset(subject, "_.@|+=-", EXTERNAL_SUBJECT_MAX - 1 - strlen(i->name)))
        return FAIL(INPUT, "the token's subject is too long or has other characters");
    snprintf(out, EXTERNAL_SUBJECT_MAX + 1, "%s:%.*s", i->name, (int)subject.len,
             (const char *)subject.at);
    return OK;
}

/* "groups", or "/realm_access/roles" for a member of an object. */
static const json_t *claim_named(const json_t *claims, const char *name)
{
    struct span rest = span_str(name);

    if (name[0] != '/')
        return json_object_get(claims, name);
    for (int depth = 0; rest.len && claims && depth < CLAIM_DEPTH_MAX; depth++) {
        rest = span_tail(rest, 1);
        size_t end = span_find(rest, SPAN("/"));
        char *part owned(free) = span_dup(span_head(rest, end));
        claims = part ? json_object_get(claims, part) : NULL;
        rest = span_tail(rest, end);
    }
    return rest.len ? NULL : claims;
}

static bool is_value(const json_t *claim, const char *value)
{
    return json_is_string(claim) &&
           span_equal_str(span_from(json_string_value(claim), json_string_length(claim)), value);
}

static bool holds(const json_t *claims, const json_t *rule)
{
    const json_t *claim = claim_named(claims, text_of(rule, "claim", ""));
    const char *value = text_of(rule, "value", "");

    for (size_t i = 0; i < json_array_size(claim); i++) {
        if (is_value(json_array_get(claim, i), value))
            return true;
    }
    return is_value(claim, value);
}

/* "SERVICE:NAME[:CONTEXT]"; that the store has none of it is no failure: it gives nothing. */
static fallible add_named(struct store *s, const char *tenant, struct span text, json_t *held)
{
    size_t colon = span_find(text, SPAN(":"));
    struct span service = span_head(text, colon), rest = span_tail(text, colon + 1);

    colon = span_find(rest, SPAN(":"));
    struct span context = span_tail(rest, colon + 1);
    const struct role_filter filter = { .service = service, .name = span_head(rest, colon) };
    owned(json_free) json_t *list = NULL;

    if (!service.len || !filter.name.len)
        return OK;
    TRY(role_list(s, tenant, &filter, &list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *role = json_array_get(list, i);
        const json_t *its = json_object_get(role, "context");
        if (span_equal(span_from(json_string_value(its), json_string_length(its)), context) &&
            json_array_append(held, role))
            return FAIL(SYSTEM, "memory for roles");
    }
    return OK;
}

fallible issuer_role_claims(const struct issuer *i, const json_t *claims, struct store *s,
                            json_t **out)
{
    owned(json_free) json_t *held = json_array(), *made = NULL;
    const json_t *rule, *role;
    size_t at, r;

    json_array_foreach(i->roles, at, rule)
    {
        if (!holds(claims, rule))
            continue;
        json_array_foreach(json_object_get(rule, "roles"), r, role) TRY(add_named(
            s, i->tenant, span_from(json_string_value(role), json_string_length(role)), held));
    }
    if (!json_array_size(held))
        return FAIL(DENIED, "the token's claims give no role here");
    TRY(role_claims(held, &made));
    *out = TAKE(made);
    return OK;
}
