// SPDX-License-Identifier: Apache-2.0
#include "broker/transfer_policy_internal.h"

void check_add(json_t *checks, const char *name, bool passed, const json_t *expected,
               const json_t *actual)
{
    json_t *c = json_object();
    json_set_str(c, "check", name);
    json_set_str(c, "outcome", passed ? "passed" : "failed");
    if (expected)
        json_object_set(c, "expected", (json_t *)expected);
    if (actual)
        json_object_set(c, "actual", (json_t *)actual);
    json_array_append_new(checks, c);
}

bool texts_have(const json_t *list, struct span text)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i,
                       item) if (span_equal_str(text, json_string_value(item))) return true;
    return false;
}

static bool is_applied(const json_t *applied, const char *wanted)
{
    const json_t *policy;
    size_t i;

    json_array_foreach(applied, i, policy)
    {
        const char *id = json_string_value(json_object_get(policy, "id"));
        const char *name = json_string_value(json_object_get(policy, "name"));
        if ((id && !strcmp(id, wanted)) || (name && !strcmp(name, wanted)))
            return true;
    }
    return false;
}

/* Each policy that the key's policy names was applied by the attestation service. */
static bool check_applied(const struct transfer_policy *p, const struct transfer_claims *c,
                          json_t *checks)
{
    bool all = true;
    const json_t *wanted;
    size_t i;

    json_array_foreach(p->policy_ids, i, wanted) all =
        is_applied(c->applied, json_string_value(wanted)) && all;
    check_add(checks, "policy_ids", all, p->policy_ids, c->applied);
    return all;
}

static bool check_type(const struct transfer_policy *p, const struct transfer_claims *c,
                       json_t *checks)
{
    const json_t *tee = json_object_get(c->claims, "tee");
    const char *text = json_string_value(tee);
    bool passed = text && texts_have(p->attestation_types, span_str(text));

    check_add(checks, "attestation_types", passed, p->attestation_types, tee);
    return passed;
}

static bool check_status(const struct transfer_policy *p, const struct transfer_claims *c,
                         json_t *checks)
{
    json_t *status owned(json_free) = json_stringn((const char *)c->status.at, c->status.len);
    json_t *wanted owned(json_free) = p->accept_warning ? json_pack("[s,s]", "affirming", "warning")
                                                        : json_pack("[s]", "affirming");
    bool passed = span_equal_str(c->status, "affirming") ||
                  (p->accept_warning && span_equal_str(c->status, "warning"));

    check_add(checks, "attestation_status", passed, wanted, status);
    return passed;
}

static fallible check_conditions(const struct transfer_policy *p, const struct transfer_claims *c,
                                 json_t *checks, bool *met)
{
    struct policy_result result owned(policy_result_done) = { 0 };
    json_t *explanation = NULL;

    if (!p->conditions) {
        *met = true;
        return OK;
    }
    TRY(policy_evaluate(p->conditions, c->claims, c->now, &result));
    if (!result.met) /* that all were met, policy and claims on record show again */
        TRY(policy_explain(p->conditions, &result, &explanation));
    check_add(checks, "conditions", result.met, NULL, NULL);
    if (explanation)
        json_object_set_new(json_array_get(checks, json_array_size(checks) - 1), "explanation",
                            explanation);
    *met = result.met;
    return OK;
}

fallible transfer_policy_check_tee(const struct transfer_policy *p, const struct transfer_claims *c,
                                   json_t *checks, enum code *code)
{
    bool met;

    if (!c->claims) {
        check_add(checks, "attested", false, NULL, NULL);
        *code = CODE_ATTESTATION_REQUIRED;
        return OK;
    }
    check_add(checks, "attested", true, NULL, NULL);
    bool type = check_type(p, c, checks);
    bool status = check_status(p, c, checks);
    bool applied = check_applied(p, c, checks);
    TRY(check_conditions(p, c, checks, &met));
    *code = type && status && applied && met ? CODE_OK : CODE_POLICY_REFUSED;
    return OK;
}
