// SPDX-License-Identifier: Apache-2.0
#include "broker/transfer_lint.h"

#include <ctype.h>

#include "base/clock.h"
#include "broker/policy_shape.h"
#include "broker/seed_policy.h"

#define PATH_MAX_LEN 512
#define WITH_TYPES "allOf[1]" /* where the conditions stand beside the kinds of TEE */

static void add(json_t *remarks, const struct policy_remark *r)
{
    json_array_append_new(remarks, policy_remark_json(r));
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

/* ---- what cannot be read ---- */

static fallible add_conditions(const json_t *document, json_t *remarks)
{
    const json_t *conditions = json_object_get(document, "conditions");
    json_t *found owned(json_free) = NULL, *remark;
    size_t i;

    if (!json_is_object(conditions))
        return OK;
    TRY(policy_check(conditions, NULL, &found));
    json_array_foreach(found, i, remark)
    {
        struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN);
        const char *inner = text_of(remark, "path");
        buf_addf(&path, "conditions%s%s", *inner ? "." : "", inner);
        json_set_str(remark, "path", failed(buf_check(&path)) ? "conditions" : buf_str(&path));
        json_array_append(remarks, remark);
    }
    return OK;
}

/* "#/time/weekly/hours/0" as "time.weekly.hours[0]". */
static void add_path(struct buf *path, const char *pointer)
{
    for (const char *c = pointer + strspn(pointer, "#/"); *c;) {
        size_t len = strcspn(c, "/");
        bool number = strspn(c, "0123456789") == len;
        buf_addf(path, number ? "[%.*s]" : path->len ? ".%.*s" : "%.*s", (int)len, c);
        c += len + (c[len] == '/');
    }
}

/* Every member that its table does not allow. */
static void add_shape(const json_t *document, json_t *remarks)
{
    json_t *errors owned(json_free) = json_shape_errors(document, policy_shape_of(document), false);
    const json_t *error;
    size_t i;

    json_array_foreach(errors, i, error)
    {
        struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN);
        add_path(&path, text_of(error, "pointer"));
        add(remarks, &(struct policy_remark){ true, failed(buf_check(&path)) ? "" : buf_str(&path),
                                              text_of(error, "detail"), NULL, NULL });
    }
}

static bool told(const json_t *remarks, const char *member)
{
    const json_t *remark;
    size_t i, len = strlen(member);

    json_array_foreach(remarks, i, remark)
    {
        const char *path = text_of(remark, "path");
        if (!strncmp(path, member, len) && strchr(".[", path[len])) /* or the path ends there */
            return true;
    }
    return false;
}

/* "where: why", as the parser says it. */
static void add_message(const char *message, json_t *remarks)
{
    const char *colon = strstr(message, ": ");
    char *path owned(free) = colon ? strndup(message, (size_t)(colon - message)) : NULL;

    add(remarks,
        &(struct policy_remark){ true, path ? path : "", colon ? colon + 2 : message, NULL, NULL });
}

/* Each member by itself, where the table has nothing to say: none depends on another. */
static fallible add_members(const json_t *document, json_t *remarks)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)document, name, value)
    {
        struct transfer_policy *p owned(transfer_policy_free) = NULL;
        char *message owned(free) = NULL;
        json_t *alone owned(json_free) = json_object();
        if (told(remarks, name))
            continue;
        json_object_set(alone, name, value);
        struct err e = transfer_policy_parse(alone, &p, &message);
        if (e.kind == FAIL_SYSTEM)
            return e;
        if (failed(e))
            add_message(message ? message : e.what, remarks);
    }
    return OK;
}

static fallible add_unreadable(const json_t *document, const char *message, json_t *remarks)
{
    add_shape(document, remarks);
    if (!seed_policy_is(document))
        TRY(add_members(document, remarks));
    if (!json_array_size(remarks))
        add_message(message, remarks);
    return OK;
}

/* ---- what can never be met ---- */

/* Its place among the conditions alone. */
static const char *own_place(const char *path, struct buf *out)
{
    buf_clear(out);
    if (!strncmp(path, WITH_TYPES, strlen(WITH_TYPES))) {
        path += strlen(WITH_TYPES);
        buf_addf(out, "conditions%s", path);
    } else {
        buf_add_str(out, strcmp(path, "policy") ? "attestation_types" : "conditions");
    }
    return failed(buf_check(out)) ? "conditions" : buf_str(out);
}

/* The conditions and the kinds of TEE as one policy. NULL: too deep for that. */
static fallible with_types(const struct transfer_policy *p, struct policy **out)
{
    json_t *group owned(json_free) = json_copy((json_t *)policy_document(p->conditions));
    char *message owned(free) = NULL;

    json_object_del(group, "version");
    json_object_del(group, "authority");
    json_t *document owned(json_free) =
        json_pack("{s:s,s:[{s:s,s:O},O]}", "version", "1.0.0", "allOf", "claim", "tee", "in",
                  p->attestation_types, group);
    if (!document)
        return FAIL(SYSTEM, "memory for remarks");
    struct err e = policy_from_json(document, out, &message);
    return e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT ? OK : e;
}

fallible transfer_lint_never(const struct transfer_policy *p, json_t *remarks)
{
    struct policy *joined owned(policy_free) = NULL;
    struct policy_remarks found owned(policy_remarks_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN),
                    other owned(buf_done) = buf_of(PATH_MAX_LEN);

    if (!p->conditions)
        return OK;
    TRY(with_types(p, &joined));
    if (!joined)
        return OK;
    TRY(policy_lint(joined, &found));
    for (size_t i = 0; i < found.count; i++)
        if (found.at[i].error)
            add(remarks, &(struct policy_remark){
                             true, own_place(found.at[i].path, &path),
                             "never true: no kind of TEE that attestation_types names has this",
                             "name the kind of TEE in attestation_types, or take it out here",
                             found.at[i].other ? own_place(found.at[i].other, &other)
                                               : "attestation_types" });
    return OK;
}

/* aasd gives no role such a permission, and reads none in one. */
static bool can_be_held(const char *permission)
{
    size_t len = strlen(permission);

    for (const char *c = permission; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_/.@:* -", *c))
            return false;
    return len && permission[0] != ' ' && permission[len - 1] != ' ';
}

static void check_permissions(const char *name, const json_t *list, json_t *remarks)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN);
        buf_addf(&path, "%s[%zu]", name, i);
        if (!can_be_held(json_string_value(one)))
            add(remarks, &(struct policy_remark){
                             true, buf_str(&path), "never true: no role can have this permission",
                             "letters, digits, blanks inside and _ / . @ : * - are "
                             "what the context of a role holds",
                             NULL });
    }
}

/* ---- what has no effect ---- */

static void check_twice(const struct transfer_policy *p, json_t *remarks)
{
    static const char *const lists[] = { "attestation_types",
                                         "policy_ids",
                                         "client_permissions_allof",
                                         "client_permissions_anyof",
                                         "client_certificate_issuer_anyof",
                                         "client_certificate_subject_anyof",
                                         "wrapping_anyof",
                                         "use",
                                         NULL };

    for (const char *const *name = lists; *name; name++) {
        const json_t *list = json_object_get(p->native, *name);
        for (size_t i = 1; i < json_array_size(list); i++)
            for (size_t j = 0; j < i; j++) {
                struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN);
                buf_addf(&path, "%s[%zu]", *name, i);
                if (json_equal(json_array_get(list, i), json_array_get(list, j)))
                    add(remarks, &(struct policy_remark){ false, buf_str(&path),
                                                          "a value stands in the list twice",
                                                          "take one of them out", *name });
            }
    }
}

static void check_networks(const struct transfer_policy *p, json_t *remarks)
{
    size_t count = json_array_size(p->networks);

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN),
                            other owned(buf_done) = buf_of(PATH_MAX_LEN);
            bool same = source_network_covers(&p->network[i], &p->network[j]);
            if (i == j || !source_network_covers(&p->network[j], &p->network[i]) || (same && i < j))
                continue;
            buf_addf(&path, "client_networks_anyof[%zu]", i);
            buf_addf(&other, "client_networks_anyof[%zu]", j);
            add(remarks,
                &(struct policy_remark){
                    false, buf_str(&path), "shadowed: another network has all of its addresses",
                    "take it out, or make the other one smaller", buf_str(&other) });
            break;
        }
}

static void check_choices(const struct transfer_policy *p, json_t *remarks)
{
    const json_t *one;
    size_t i, wrappings = json_array_size(p->wrappings);

    json_array_foreach(p->permissions_any, i, one)
    {
        for (size_t j = 0; j < json_array_size(p->permissions_all); j++)
            if (json_equal(one, json_array_get(p->permissions_all, j)))
                add(remarks, &(struct policy_remark){
                                 false, "client_permissions_anyof",
                                 "always true: one of them is asked for anyway",
                                 "take client_permissions_anyof out, or this permission",
                                 "client_permissions_allof" });
    }
    if (wrappings > 1 &&
        !json_equal(json_array_get(p->wrappings, 0), json_array_get(p->wrappings, wrappings - 1)))
        add(remarks, &(struct policy_remark){ false, "wrapping_anyof",
                                              "always true: no wrapping is left out",
                                              "take it out, or name the one that is meant", NULL });
}

static void check_time(const struct transfer_policy *p, int64_t now, json_t *remarks)
{
    int64_t next;

    if (p->time && !time_window_next(&p->window, now, &next))
        add(remarks, &(struct policy_remark){
                         false, "time", "it has closed: nothing is released under it any more",
                         "set a later not_after", NULL });
}

static void check_level(const struct transfer_policy *p, json_t *remarks)
{
    static const char *const of_tees[] = { "attestation_types", "policy_ids", "conditions",
                                           "accept_warning", NULL };

    for (const char *const *name = of_tees; p->attestation == ATTESTATION_NONE && *name; name++)
        if (json_object_get(p->document, *name))
            add(remarks, &(struct policy_remark){
                             false, *name, "has no effect under attestation none",
                             "take it out, or write observe to have it noted", "attestation" });
}

static fallible check_parsed(const struct transfer_policy *p, int64_t now, json_t *remarks)
{
    TRY(transfer_lint_never(p, remarks));
    check_permissions("client_permissions_allof", p->permissions_all, remarks);
    check_permissions("client_permissions_anyof", p->permissions_any, remarks);
    check_twice(p, remarks);
    check_networks(p, remarks);
    check_choices(p, remarks);
    check_time(p, now, remarks);
    check_level(p, remarks);
    return OK;
}

fallible transfer_lint(const json_t *document, int64_t now, json_t **remarks)
{
    struct transfer_policy *p owned(transfer_policy_free) = NULL;
    json_t *list owned(json_free) = json_array();
    char *message owned(free) = NULL;

    if (!list)
        return FAIL(SYSTEM, "memory for remarks");
    TRY(add_conditions(document, list));
    struct err e = transfer_policy_parse(document, &p, &message);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e))
        TRY(add_unreadable(document, message ? message : e.what, list));
    if (p)
        TRY(check_parsed(p, now, list));
    *remarks = TAKE(list);
    return OK;
}
