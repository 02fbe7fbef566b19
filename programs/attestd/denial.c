// SPDX-License-Identifier: Apache-2.0
#include "attestd/denial.h"

#include "policy/deny.h"

#define CLAUSE "deny list of the attestation service"

static fallible find(struct span denied, const json_t *claims, json_t **name)
{
    owned(json_free) json_t *list = NULL;
    const json_t *entry = NULL;
    *name = NULL;
    if (!denied.len)
        return OK;
    TRY(json_parse(denied, &list));
    TRY(deny_find(list, claims, &entry));
    *name = entry ? json_incref(json_object_get(entry, "id")) : NULL;
    return entry && !*name ? FAIL(INPUT, "the deny list has an entry without a name") : OK;
}

fallible denial_apply_result(struct span denied, json_t *result)
{
    owned(json_free) json_t *name = NULL;
    bool verified = !strcmp(json_string_value(json_object_get(result, "verdict")), "verified");
    TRY(find(denied, json_object_get(result, "claims"), &name));
    json_t *j = json_object();
    json_set_str(j, "check", "deny_list");
    json_set_str(j, "outcome", name ? "failed" : verified ? "passed" : "not_checked");
    json_set_str(j, "clause", CLAUSE);
    if (name)
        json_object_set(j, "detail", name);
    if (json_array_append_new(json_object_get(result, "checks"), j))
        return FAIL(SYSTEM, "memory for a result");
    if (name && verified) {
        json_set_str(result, "verdict", "refused");
        json_set_str(result, "reason", "the platform is on the deny list");
    }
    return OK;
}

fallible denial_apply(struct span denied, const json_t *claims, struct appraisal *a,
                      bool *denied_now)
{
    owned(json_free) json_t *name = NULL;
    TRY(find(denied, claims, &name));
    *denied_now = name != NULL;
    if (!name)
        return OK;
    return appraisal_fail(a, "deny_list", CLAUSE, json_string_value(name));
}
