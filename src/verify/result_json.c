// SPDX-License-Identifier: Apache-2.0
#include "verify/result_internal.h"

static const char *outcome_name(enum check_outcome outcome)
{
    switch (outcome) {
    case CHECK_PASSED:
        return "passed";
    case CHECK_FAILED:
        return "failed";
    case CHECK_NOT_CHECKED:
        return "not_checked";
    }
    return "not_checked";
}

static json_t *checks_make(const struct verify_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->row_count; i++) {
        json_t *row = json_object();
        json_set_str(row, "check", r->rows[i].name);
        json_set_str(row, "outcome", outcome_name(r->rows[i].outcome));
        json_set_str(row, "clause", r->rows[i].clause);
        json_set_str(row, "detail", r->rows[i].detail);
        json_array_append_new(list, row);
    }
    return list;
}

fallible verify_result_json(const struct verify_result *r, json_t **out)
{
    const json_t *claims = verify_result_claims(r);
    json_t *advisories = json_object_get(claims, "advisory_ids");
    json_t *j owned(json_free) = json_object();

    json_set_str(j, "verdict", r->verified ? "verified" : "refused");
    json_set_str(j, "type", verify_result_type(r));
    json_object_set_new(j, "version",
                        r->count && r->pieces[0].name ? json_integer(r->pieces[0].version)
                                                      : json_null());
    json_set_str(j, "tcb_status", verify_result_status(r));
    json_object_set_new(j, "advisory_ids", advisories ? json_incref(advisories) : json_array());
    json_object_set(j, "claims", (json_t *)claims);
    json_object_set_new(j, "checks", checks_make(r));
    json_set_str(j, "reason", r->reason);
    if (!claims || json_object_size(j) != 8)
        return FAIL(SYSTEM, "out of memory");
    *out = TAKE(j);
    return OK;
}
