// SPDX-License-Identifier: Apache-2.0
#include "attestd/denial.h"

#include "policy/deny.h"

fallible denial_apply(struct span denied, const json_t *claims, struct appraisal *a,
                      bool *denied_now)
{
    owned(json_free) json_t *list = NULL;
    const json_t *entry = NULL;
    *denied_now = false;
    if (!denied.len)
        return OK;
    TRY(json_parse(denied, &list));
    TRY(deny_find(list, claims, &entry));
    if (!entry)
        return OK;
    json_t *j = json_object();
    json_set_str(j, "check", "deny_list");
    json_set_str(j, "clause", "deny list of the attestation service");
    json_object_set(j, "detail", json_object_get(entry, "id"));
    a->met = false;
    *denied_now = true;
    return json_array_insert_new(a->failed, 0, j) ? FAIL(SYSTEM, "memory for an appraisal") : OK;
}
