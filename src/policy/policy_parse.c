// SPDX-License-Identifier: Apache-2.0
#include "policy/parse_internal.h"

#include <stdarg.h>

#include "policy/nearest_internal.h"

#define MESSAGE_MAX 512
#define PATH_MAX_LEN 256
#define NAME_SHOWN 64

/* Records where and what; the failure's own text is the same for all, since it must be a literal.
 */
static fallible __attribute__((format(printf, 4, 5)))
wrong(const struct parse *p, const char *path, const char *advice, const char *format, ...)
{
    char detail[MESSAGE_MAX / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    const char *shown = *path ? path : "policy";
    if (p->remarks) {
        json_t *remark = json_object();
        json_set_str(remark, "level", "error");
        json_set_str(remark, "path", shown);
        json_set_str(remark, "message", detail);
        json_set_str(remark, "advice", advice);
        json_array_append_new(p->remarks, remark);
    } else if (p->message) {
        struct buf text owned(buf_done) = buf_of(MESSAGE_MAX);
        buf_addf(&text, "%s: %s", shown, detail);
        free(*p->message);
        *p->message = buf_take_str(&text);
    }
    return FAIL(INPUT, "the policy is not valid");
}

static fallible node_add(struct parse *p, enum node_kind kind, const char *path, size_t *index)
{
    if (p->policy->count >= POLICY_NODES_MAX)
        return wrong(p, path, "split the policy", "more than %d conditions", POLICY_NODES_MAX);
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

static const char *claim_name(size_t at)
{
    return claim_table[at].name;
}

/* NULL: there is no such claim. */
static fallible row_of(struct policy *policy, struct span name, const struct claim_row **out)
{
    const struct claim_row *row = claim_find(name);
    *out = row;
    if (!row || span_equal_str(name, row->name))
        return OK;
    for (size_t i = 0; i < policy->named_count; i++) {
        *out = policy->named[i];
        if (span_equal_str(name, policy->named[i]->name))
            return OK;
    }
    struct claim_row **grown = realloc(policy->named, (policy->named_count + 1) * sizeof(*grown));
    if (!grown)
        return FAIL(SYSTEM, "memory for a policy");
    policy->named = grown;
    grown[policy->named_count] = claim_named(name);
    *out = grown[policy->named_count];
    if (!*out)
        return FAIL(SYSTEM, "memory for a policy");
    policy->named_count++;
    return OK;
}

static fallible find_claim(const struct parse *p, const json_t *j, const char *path,
                           const struct claim_row **out)
{
    const json_t *name = json_object_get(j, "claim");
    if (!json_is_string(name))
        return wrong(p, path, "write \"claim\": \"NAME\"", "\"claim\" must be text");
    TRY(row_of(p->policy, span_from(json_string_value(name), json_string_length(name)), out));
    if (*out)
        return OK;
    char advice[ADVICE_MAX];
    const char *near = nearest_name(json_string_value(name), claim_name);
    snprintf(advice, sizeof(advice),
             near ? "did you mean \"%s\"?" : "docs/claims.md lists the claims%s", near ? near : "");
    return wrong(p, path, advice, "unknown claim \"%.*s\"", NAME_SHOWN, json_string_value(name));
}

static fallible find_operator(const struct parse *p, const json_t *j, const char *path,
                              const struct operator_row **out, const json_t **expected)
{
    const struct operator_row *op = NULL;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)j, key, value)
    {
        if (!strcmp(key, "claim"))
            continue;
        const struct operator_row *found = operator_find(span_str(key));
        if (!found) {
            char advice[ADVICE_MAX];
            const char *near = nearest_name(key, operator_name);
            snprintf(advice, sizeof(advice), "%s%s%s",
                     near ? "did you mean \"" : "docs/policy-language.md",
                     near ? near : " lists the operators", near ? "\"?" : "");
            return wrong(p, path, advice, "unknown operator \"%.*s\"", NAME_SHOWN, key);
        }
        if (op)
            return wrong(p, path, "write a condition for each, in an allOf",
                         "two operators; write two conditions in an allOf");
        op = found;
        *expected = value;
    }
    if (!op)
        return wrong(p, path, "write what the claim must be: \"equals\": VALUE", "no operator");
    *out = op;
    return OK;
}

static fallible parse_condition(struct parse *p, const json_t *j, const char *path)
{
    const struct claim_row *claim = NULL;
    const struct operator_row *op = NULL;
    const json_t *expected = NULL;
    TRY(find_claim(p, j, path, &claim));
    TRY(find_operator(p, j, path, &op, &expected));
    const char *bad = operand_check(op, claim, expected);
    if (bad) {
        char advice[ADVICE_MAX];
        operand_advice(op, claim, advice);
        return wrong(p, path, advice, "%s %s: %s", claim->name, op->name, bad);
    }
    size_t index;
    TRY(node_add(p, NODE_CONDITION, path, &index));
    struct node *n = &p->policy->nodes[index];
    n->name = json_string_value(json_object_get(j, "claim"));
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
        return wrong(p, path, "write a list of conditions and groups", "\"%s\" must be a list",
                     word);
    if (!json_array_size(list))
        return wrong(p, path, "write what must hold; an empty list never means that all is well",
                     "empty \"%s\"", word);
    if (depth > POLICY_DEPTH_MAX)
        return wrong(p, path, "flatten it: an allOf inside an allOf is one allOf",
                     "nested deeper than %d", POLICY_DEPTH_MAX);
    size_t index;
    struct err first = OK; /* where all that is wrong is asked for */
    TRY(node_add(p, kind, path, &index));
    for (size_t i = 0; i < json_array_size(list); i++) {
        char inner[PATH_MAX_LEN];
        snprintf(inner, sizeof(inner), "%s%s%s[%zu]", path, *path ? "." : "", word, i);
        struct err e = parse_node(p, json_array_get(list, i), inner, depth);
        if (failed(e) && (!p->remarks || e.kind != FAIL_INPUT))
            return e;
        first = failed(first) ? first : e;
    }
    p->policy->nodes[index].end = p->policy->count;
    return first;
}

/* {"anyOf": [...]} or {"allOf": [...]}, with "authority" where Azure's files have it. */
static fallible parse_group(struct parse *p, const json_t *j, const char *path, int depth)
{
    const json_t *any = json_object_get(j, "anyOf"), *all = json_object_get(j, "allOf");
    if (!any == !all)
        return wrong(p, path, "write {\"anyOf\": [...]}, {\"allOf\": [...]} or a condition",
                     "exactly one of \"anyOf\" and \"allOf\" must be there");
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
            return wrong(p, path, "take it out", "unknown member \"%.*s\"", NAME_SHOWN, key);
        if (!json_is_string(value))
            return wrong(p, path, "take it out: it has no effect", "\"authority\" must be text");
        p->policy->has_authority = true;
    }
    return OK;
}

static fallible parse_node(struct parse *p, const json_t *j, const char *path, int depth)
{
    if (!json_is_object(j))
        return wrong(p, path, "write a condition {\"claim\", operator} or a group",
                     "must be an object");
    if (json_object_get(j, "claim"))
        return parse_condition(p, j, path);
    TRY(check_members(p, j, path, false));
    return parse_group(p, j, path, depth);
}

static fallible parse_document(struct parse *p)
{
    const json_t *j = p->policy->document;
    if (!json_is_object(j))
        return wrong(p, "", "write {\"version\":\"1.0.0\",\"anyOf\":[...]}", "must be an object");
    const json_t *version = json_object_get(j, "version");
    if (!json_is_string(version))
        return wrong(p, "", "write \"version\": \"1.0.0\"",
                     "\"version\" is missing: write \"1.0.0\"");
    if (strcmp(json_string_value(version), "1.0.0") != 0)
        return wrong(p, "", "write \"version\": \"1.0.0\"",
                     "unknown version \"%.*s\": this is \"1.0.0\"", NAME_SHOWN,
                     json_string_value(version));
    TRY(check_members(p, j, "", true));
    return parse_group(p, j, "", 0);
}

fallible policy_build(const json_t *document, struct parse *p, struct policy **out)
{
    owned(policy_free) struct policy *policy = calloc(1, sizeof(*policy));
    if (!policy || !(policy->document = json_deep_copy(document)))
        return FAIL(SYSTEM, "memory for a policy");
    p->policy = policy;
    TRY(parse_document(p));
    *out = TAKE(policy);
    return OK;
}

fallible policy_from_json(const json_t *document, struct policy **out, char **message)
{
    char *said owned(free) = NULL;
    struct parse p = { .message = &said };
    struct err e = policy_build(document, &p, out);
    if (failed(e))
        *message = TAKE(said);
    return e;
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
    for (size_t i = 0; i < p->named_count; i++)
        claim_named_free(p->named[i]);
    free(p->named);
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
