// SPDX-License-Identifier: Apache-2.0
#include "token/ear.h"

/* AR4SI section 2.3: 2 to 31 affirming, 32 to 95 warning, 96 to 127 contraindicated. */
enum { TIER_AFFIRMING = 2, TIER_WARNING = 32, TIER_CONTRAINDICATED = 96 };

static bool claim_true(const json_t *claims, const char *name)
{
    return json_is_true(json_object_get(claims, name));
}

static bool claim_is(const json_t *claims, const char *name, const char *value)
{
    const char *text = json_string_value(json_object_get(claims, name));
    return text && !strcmp(text, value);
}

json_t *ear_submodule(const json_t *claims, bool verified, struct span policy_id)
{
    json_t *j = json_object();
    if (policy_id.len)
        json_set_span(j, "ear.appraisal-policy-id", policy_id);
    if (!verified) {
        json_set_str(j, "ear.status", "contraindicated");
        return j;
    }
    bool current = claim_is(claims, "tcb_status", "UpToDate");
    bool debug = claim_true(claims, "debug");
    json_t *vector = json_object();
    json_set_int(vector, "instance-identity", TIER_AFFIRMING);
    json_set_int(vector, "hardware", current ? TIER_AFFIRMING : TIER_WARNING);
    json_set_int(vector, "configuration", debug ? TIER_WARNING : TIER_AFFIRMING);
    json_set_int(vector, "runtime-opaque", debug ? TIER_CONTRAINDICATED : TIER_AFFIRMING);
    if (j)
        json_object_set_new(j, "ear.trustworthiness-vector", vector);
    json_set_str(j, "ear.status", current && !debug ? "affirming" : "warning");
    return j;
}
