// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_internal.h"

#include <stdarg.h>

#define MESSAGE_MAX 512
#define PATH_MAX_LEN 256
#define NAME_SHOWN 64

struct parse {
    struct policy *policy;
    size_t room;
    char **message;
};

/* Records where and what; the failure's own text is the same for all, since it must be a literal.
 */
static fallible __attribute__((format(printf, 3, 4)))
wrong(const struct parse *p, const char *path, const char *format, ...)
{
    struct buf text owned(buf_done) = buf_of(MESSAGE_MAX);
    buf_addf(&text, "%s: ", *path ? path : "policy");
    char detail[MESSAGE_MAX / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    buf_add_str(&text, detail);
    free(*p->message);
    *p->message = buf_take_str(&text);
    return FAIL(INPUT, "the policy is not valid");
}

static fallible node_add(struct parse *p, enum node_kind kind, const char *path, size_t *index)
{
    if (p->policy->count >= POLICY_NODES_MAX)
        return wrong(p, path, "more than %d conditions", POLICY_NODES_MAX);
    if (p->policy->count == p->room) {
        size_t room = p->room ? 2 * p->room : 16;
        struct node *grown = realloc(p->policy->nodes, room * sizeof(*grown));
        if (!grown)
            return FAIL(SYSTEM, "memory for a policy");
        p->policy->nodes = grown;
        p->room = room;
    }
    char *copy = strdup(path);
    if (!copy)
        return FAIL(SYSTEM, "memory for a policy");
    *index = p->policy->count++;
    p->policy->nodes[*index] = (struct node){ .kind = kind, .end = *index + 1, .path = copy };
    return OK;
}

static fallible parse_condition(struct parse *p, const json_t *j, const char *path)
{
    const json_t *name = json_object_get(j, "claim");
    if (!json_is_string(name))
        return wrong(p, path, "\"claim\" must be text");
    const struct claim_row *claim =
        claim_find(span_from(json_string_value(name), json_string_length(name)));
    if (!claim)
        return wrong(p, path, "unknown claim \"%.*s\"", NAME_SHOWN, json_string_value(name));
    const struct operator_row *op = NULL;
    const json_t *expected = NULL;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)j, key, value)
    {
        if (!strcmp(key, "claim"))
            continue;
        const struct operator_row *found = operator_find(span_str(key));
        if (!found)
            return wrong(p, path, "unknown operator \"%.*s\"", NAME_SHOWN, key);
        if (op)
            return wrong(p, path, "two operators; write two conditions in an allOf");
        op = found;
        expected = value;
    }
    if (!op)
        return wrong(p, path, "no operator");
    const char *bad = operand_check(op, claim, expected);
    if (bad)
        return wrong(p, path, "%s %s: %s", claim->name, op->name, bad);
    size_t index;
    TRY(node_add(p, NODE_CONDITION, path, &index));
    struct node *n = &p->policy->nodes[index];
    n->claim = claim;
    n->op = op;
    n->expected = expected;
    return OK;
}

static fallible parse_node(struct parse *p, const json_t *j, const char *path, int depth);

static fallible parse_list(struct parse *p, const json_t *list, enum node_kind kind,
                           const char *path, int depth)
{
    const char *word = kind == NODE_ANY ? "anyOf" : "allOf";
    if (!json_is_array(list))
        return wrong(p, path, "\"%s\" must be a list", word);
    if (!json_array_size(list))
        return wrong(p, path, "empty \"%s\"", word);
    if (depth > POLICY_DEPTH_MAX)
        return wrong(p, path, "nested deeper than %d", POLICY_DEPTH_MAX);
    size_t index;
    TRY(node_add(p, kind, path, &index));
    for (size_t i = 0; i < json_array_size(list); i++) {
        char inner[PATH_MAX_LEN];
        snprintf(inner, sizeof(inner), "%s%s%s[%zu]", path, *path ? "." : "", word, i);
        TRY(parse_node(p, json_array_get(list, i), inner, depth));
    }
    p->policy->nodes[index].end = p->policy->count;
    return OK;
}

/* {"anyOf": [...]} or {"allOf": [...]}, with "authority" where Azure's files have it. */
static fallible parse_group(struct parse *p, const json_t *j, const char *path, int depth)
{
    const json_t *any = json_object_get(j, "anyOf"), *all = json_object_get(j, "allOf");
    if (!any == !all)
        return wrong(p, path, "exactly one of \"anyOf\" and \"allOf\" must be there");
    return parse_list(p, any ? any : all, any ? NODE_ANY : NODE_ALL, path, depth + 1);
}

static fallible check_members(struct parse *p, const json_t *j, const char *path, bool top)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)j, key, value)
    {
        if (!strcmp(key, "anyOf") || !strcmp(key, "allOf"))
            continue;
        if (top && !strcmp(key, "version"))
            continue;
        if (strcmp(key, "authority") != 0)
            return wrong(p, path, "unknown member \"%.*s\"", NAME_SHOWN, key);
        if (!json_is_string(value))
            return wrong(p, path, "\"authority\" must be text");
        p->policy->has_authority = true;
    }
    return OK;
}

static fallible parse_node(struct parse *p, const json_t *j, const char *path, int depth)
{
    if (!json_is_object(j))
        return wrong(p, path, "must be an object");
    if (json_object_get(j, "claim"))
        return parse_condition(p, j, path);
    TRY(check_members(p, j, path, false));
    return parse_group(p, j, path, depth);
}

static fallible parse_document(struct parse *p)
{
    const json_t *j = p->policy->document;
    if (!json_is_object(j))
        return wrong(p, "", "must be an object");
    const json_t *version = json_object_get(j, "version");
    if (!json_is_string(version))
        return wrong(p, "", "\"version\" is missing: write \"1.0.0\"");
    if (strcmp(json_string_value(version), "1.0.0") != 0)
        return wrong(p, "", "unknown version \"%.*s\": this is \"1.0.0\"", NAME_SHOWN,
                     json_string_value(version));
    TRY(check_members(p, j, "", true));
    return parse_group(p, j, "", 0);
}

fallible policy_from_json(const json_t *document, struct policy **out, char **message)
{
    owned(policy_free) struct policy *policy = calloc(1, sizeof(*policy));
    if (!policy)
        return FAIL(SYSTEM, "memory for a policy");
    char *said owned(free) = NULL;
    struct parse p = { .policy = policy, .message = &said };
    policy->document = json_deep_copy(document);
    struct err e = policy->document ? parse_document(&p) : FAIL(SYSTEM, "memory for a policy");
    if (failed(e)) {
        *message = TAKE(said);
        return e;
    }
    *out = TAKE(policy);
    return OK;
}

fallible policy_parse(struct span text, struct policy **out, char **message)
{
    owned(json_free) json_t *document = NULL;
    struct err e = text.len > POLICY_TEXT_MAX ? FAIL(LIMIT, "the policy is too large")
                                              : json_parse_object(text, &document);
    if (failed(e)) {
        struct buf said owned(buf_done) = buf_of(MESSAGE_MAX);
        buf_addf(&said, "policy: %s (byte %u)", e.what, (unsigned)e.at);
        *message = buf_take_str(&said);
        return e;
    }
    return policy_from_json(document, out, message);
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        free(p->nodes[i].path);
    free(p->nodes);
    json_free(p->document);
    free(p);
}

fallible policy_canonical(const struct policy *p, struct buf *out)
{
    return json_canonical(p->document, out);
}

const json_t *policy_document(const struct policy *p)
{
    return p->document;
}
