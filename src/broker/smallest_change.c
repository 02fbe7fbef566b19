// SPDX-License-Identifier: Apache-2.0
#include "broker/smallest_change.h"

#include <string.h>

#define RULE_MAX 512
#define CONDITIONS "conditions"

/* What a check of a transfer policy looks at, and how. */
static const struct meaning {
    const char *check, *claim, *op, *needed;
} meanings[] = {
    { "attested", "attested", "equals", "evidence of a TEE that the attestation service accepts" },
    { "attestation_token", "attestation_token", "exists",
      "a statement of the attestation service that is of this request" },
    { "attestation_types", "tee", "in", "one of these kinds of TEE" },
    { "attestation_status", "ear.status", "in",
      "a platform without reservations, or accept_warning in the policy" },
    { "policy_ids", "policies", "contains_all", "all of these appraisal policies applied" },
    { "deny_list", "deny_list", "notIn",
      "a platform that is not denied, or this entry off the deny list" },
    { "bearer_token", "bearer_token", "exists", "a bearer token" },
    { "client_may_fetch", "permissions", "contains_any",
      "a token with keys:transfer, or with the role KBS:KeyTransfer" },
    { "client_permissions_allof", "client_permissions", "contains_all",
      "all of these permissions in the role KBS:KeyTransfer" },
    { "client_permissions_anyof", "client_permissions", "contains_any",
      "one of these permissions in the role KBS:KeyTransfer" },
    { "client_certificate_issuer_anyof", "client_certificate_issuer", "in",
      "a TLS client certificate by one of these issuers" },
    { "client_certificate_subject_anyof", "client_certificate_subject", "in",
      "a TLS client certificate of one of these names" },
    { "client_networks_anyof", "source", "in", "an address in one of these networks" },
    { "time", "time", "within", "a time within these" },
    { "max_releases", "releases", "less", "a higher max_releases: it was released that often" },
};

static const struct meaning *meaning_of(const char *check)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (!strcmp(meanings[i].check, check))
            return &meanings[i];
    return NULL;
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static void copy(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);

    if (value)
        json_object_set(to, name, value);
    else
        json_object_set_new(to, name, json_null());
}

/* {claim, operator, expected, actual} of a condition under a rule's name. */
static json_t *of_finding(const json_t *finding, const char *prefix, const char *needed)
{
    struct buf rule owned(buf_done) = buf_of(RULE_MAX);
    json_t *one = json_object();

    buf_addf(&rule, "%s%s%s", prefix, *text_of(finding, "path") ? "." : "",
             text_of(finding, "path"));
    json_set_str(one, "rule", failed(buf_check(&rule)) ? prefix : buf_str(&rule));
    copy(one, finding, "claim");
    copy(one, finding, "operator");
    copy(one, finding, "expected");
    copy(one, finding, "actual");
    json_set_str(one, "needed", needed);
    return one;
}

static const json_t *finding_at(const json_t *explanation, const char *path)
{
    const json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(explanation, "findings"), i, finding)
    {
        if (!strcmp(text_of(finding, "path"), path))
            return finding;
    }
    return NULL;
}

static void add_conditions(json_t *list, const json_t *explanation)
{
    const json_t *change;
    size_t i;

    json_array_foreach(json_object_get(explanation, "smallest_change"), i, change)
    {
        const json_t *finding = finding_at(explanation, text_of(change, "path"));
        json_array_append_new(list, of_finding(finding, CONDITIONS, text_of(change, "needed")));
    }
}

static void add_check(json_t *list, const json_t *check)
{
    const struct meaning *m = meaning_of(text_of(check, "check"));
    json_t *one = json_object();

    json_set_str(one, "rule", text_of(check, "check"));
    json_set_str(one, "claim", m ? m->claim : text_of(check, "check"));
    json_set_str(one, "operator", m ? m->op : "equals");
    copy(one, check, "expected");
    copy(one, check, "actual");
    json_set_str(one, "needed", m ? m->needed : "");
    json_array_append_new(list, one);
}

/* A check of verification, by its clause. */
static json_t *of_verification(const json_t *item)
{
    struct buf rule owned(buf_done) = buf_of(RULE_MAX);
    json_t *one = json_object();

    buf_addf(&rule, "evidence.%s", text_of(item, "check"));
    json_set_str(one, "rule", failed(buf_check(&rule)) ? "evidence" : buf_str(&rule));
    json_set_str(one, "claim", text_of(item, "check"));
    json_set_str(one, "operator", "equals");
    json_set_str(one, "expected", "passed");
    json_set_str(one, "actual", *text_of(item, "detail") ? text_of(item, "detail") : "failed");
    json_set_str(one, "needed", text_of(item, "clause"));
    return one;
}

/* The service has put the nearest conditions first, and says which these are. */
static size_t add_refusal(json_t *list, const json_t *refusal)
{
    const json_t *item;
    size_t i, before = json_array_size(list);

    json_array_foreach(refusal, i, item)
    {
        struct buf prefix owned(buf_done) = buf_of(RULE_MAX);
        if (!json_object_get(item, "claim")) {
            json_array_append_new(list, of_verification(item));
            continue;
        }
        if (!json_is_true(json_object_get(item, "nearest")))
            continue;
        buf_addf(&prefix, "appraisal policy %s", text_of(item, "policy"));
        json_array_append_new(list,
                              of_finding(item, failed(buf_check(&prefix)) ? "" : buf_str(&prefix),
                                         "a condition of the appraisal policy"));
    }
    return json_array_size(list) - before;
}

fallible smallest_change(const json_t *checks, const json_t *refusal, json_t **out)
{
    json_t *list owned(json_free) = json_array();
    const json_t *check;
    bool faulty = false; /* the service's word does not count: nobody is attested for that */
    size_t i;

    if (!list)
        return FAIL(SYSTEM, "out of memory");
    json_array_foreach(checks, i, check)
    {
        const json_t *explanation = json_object_get(check, "explanation");
        if (strcmp(text_of(check, "outcome"), "failed") != 0)
            continue;
        if (!strcmp(text_of(check, "check"), "attested") && (faulty || add_refusal(list, refusal)))
            continue;
        faulty |= !strcmp(text_of(check, "check"), "attestation_token");
        if (explanation)
            add_conditions(list, explanation);
        else
            add_check(list, check);
    }
    *out = TAKE(list);
    return OK;
}
