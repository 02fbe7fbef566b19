// SPDX-License-Identifier: Apache-2.0
#include "broker/transfer_policy.h"

static void add_check(json_t *checks, const char *name, bool passed, const json_t *expected,
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

static bool list_has_text(const json_t *list, struct span text)
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
    add_check(checks, "policy_ids", all, p->policy_ids, c->applied);
    return all;
}

static bool check_type(const struct transfer_policy *p, const struct transfer_claims *c,
                       json_t *checks)
{
    const json_t *tee = json_object_get(c->claims, "tee");
    const char *text = json_string_value(tee);
    bool passed = text && list_has_text(p->attestation_types, span_str(text));

    add_check(checks, "attestation_types", passed, p->attestation_types, tee);
    return passed;
}

static bool check_status(const struct transfer_policy *p, const struct transfer_claims *c,
                         json_t *checks)
{
    json_t *status owned(json_free) = json_stringn((const char *)c->status.at, c->status.len);
    bool passed = span_equal_str(c->status, "affirming") ||
                  (p->accept_warning && span_equal_str(c->status, "warning"));

    add_check(checks, "attestation_status", passed, NULL, status);
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
    add_check(checks, "conditions", result.met, NULL, NULL);
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
        add_check(checks, "attested", false, NULL, NULL);
        *code = CODE_ATTESTATION_REQUIRED;
        return OK;
    }
    add_check(checks, "attested", true, NULL, NULL);
    bool type = check_type(p, c, checks);
    bool status = check_status(p, c, checks);
    bool applied = check_applied(p, c, checks);
    TRY(check_conditions(p, c, checks, &met));
    *code = type && status && applied && met ? CODE_OK : CODE_POLICY_REFUSED;
    return OK;
}

static bool has_any(const struct bearer *client, const json_t *wanted)
{
    json_t *item;
    size_t i;

    json_array_foreach((json_t *)wanted, i, item)
    {
        json_t *one owned(json_free) = json_pack("[O]", item);
        if (one && client && bearer_has_all(client, "KBS", "KeyTransfer", one))
            return true;
    }
    return false;
}

fallible transfer_policy_check_client(const struct transfer_policy *p,
                                      const struct transfer_claims *c, json_t *checks,
                                      enum code *code)
{
    bool good = true;
    bool needs_bearer = json_array_size(p->permissions_all) || p->permissions_any;

    if (needs_bearer && !c->client) {
        add_check(checks, "bearer_token", false, NULL, NULL);
        *code = CODE_TOKEN_MISSING;
        return OK;
    }
    if (json_array_size(p->permissions_all)) {
        bool all = bearer_has_all(c->client, "KBS", "KeyTransfer", p->permissions_all);
        add_check(checks, "client_permissions_allof", all, p->permissions_all, NULL);
        good = good && all;
    }
    if (p->permissions_any) {
        bool any = has_any(c->client, p->permissions_any);
        add_check(checks, "client_permissions_anyof", any, p->permissions_any, NULL);
        good = good && any;
    }
    if (p->certificate_issuers) {
        bool known = c->certificate_issuer.len &&
                     list_has_text(p->certificate_issuers, c->certificate_issuer);
        add_check(checks, "client_certificate_issuer_anyof", known, p->certificate_issuers, NULL);
        good = good && known;
    }
    *code = good ? CODE_OK : CODE_CLIENT_REFUSED;
    return OK;
}
