// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

static json_t *policy_change(const struct policy_result *r, int64_t now)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->count; i++) {
        if (!r->findings[i].nearest)
            continue;
        json_t *one = json_object(), *instead = policy_finding_loosened(&r->findings[i], now);
        json_set_str(one, "path", r->findings[i].path);
        json_object_set_new(one, "instead", instead ? instead : json_null());
        json_array_append_new(list, one);
    }
    return list;
}

fallible policy_trial(const struct policy *p, const json_t *claims, int64_t now, json_t **out)
{
    struct policy_result result owned(policy_result_done) = { 0 };
    json_t *j = NULL;
    TRY(policy_evaluate(p, claims, now, &result));
    TRY(policy_explain(p, &result, &j));
    if (!result.met)
        json_object_set_new(j, "policy_change", policy_change(&result, now));
    *out = j;
    return OK;
}
