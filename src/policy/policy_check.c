// SPDX-License-Identifier: Apache-2.0
#include "policy/parse_internal.h"

static bool is_error(const json_t *remark)
{
    const char *level = json_string_value(json_object_get(remark, "level"));
    return level && !strcmp(level, "error");
}

bool policy_check_good(const json_t *remarks)
{
    for (size_t i = 0; i < json_array_size(remarks); i++)
        if (is_error(json_array_get(remarks, i)))
            return false;
    return true;
}

json_t *policy_remark_json(const struct policy_remark *r)
{
    json_t *j = json_object();
    json_set_str(j, "level", r->error ? "error" : "warning");
    json_set_str(j, "path", r->path);
    json_set_str(j, "message", r->message);
    json_set_str(j, "advice", r->advice);
    json_set_str(j, "other", r->other);
    return j;
}

static fallible add_lint(const struct policy *p, json_t *list)
{
    struct policy_remarks found owned(policy_remarks_done) = { 0 };
    TRY(policy_lint(p, &found));
    for (size_t i = 0; i < found.count; i++)
        if (json_array_append_new(list, policy_remark_json(&found.at[i])) != 0)
            return FAIL(SYSTEM, "memory for remarks");
    return OK;
}

fallible policy_check(const json_t *document, struct policy **out, json_t **remarks)
{
    owned(policy_free) struct policy *p = NULL;
    owned(json_free) json_t *list = json_array();
    struct parse run = { .remarks = list };
    if (!list)
        return FAIL(SYSTEM, "memory for remarks");
    struct err e = policy_build(document, &run, &p);
    if (failed(e) && e.kind != FAIL_INPUT)
        return e;
    if (p)
        TRY(add_lint(p, list));
    if (out)
        *out = policy_check_good(list) ? TAKE(p) : NULL;
    *remarks = TAKE(list);
    return OK;
}

fallible policy_check_text(struct span text, struct policy **out, json_t **remarks)
{
    owned(json_free) json_t *document = NULL;
    struct err e = text.len > POLICY_TEXT_MAX ? FAIL(LIMIT, "the policy is too large")
                                              : json_parse_object(text, &document);
    if (!failed(e))
        return policy_check(document, out, remarks);
    json_t *remark = json_object(), *list = json_array();
    struct buf where owned(buf_done) = buf_of(64);
    buf_addf(&where, "byte %u", (unsigned)e.at);
    json_set_str(remark, "level", "error");
    json_set_str(remark, "path", buf_str(&where));
    json_set_str(remark, "message", e.what);
    json_set_str(remark, "advice", "write one JSON object, without a member given twice");
    if (json_array_append_new(list, remark) != 0) {
        json_free(list);
        return FAIL(SYSTEM, "memory for remarks");
    }
    if (out)
        *out = NULL;
    *remarks = list;
    return OK;
}
