// SPDX-License-Identifier: Apache-2.0
/* What a decision rested on: written into its record, and read again, so that the same request can
 * be judged a second time. */
#include "base/clock.h"
#include "broker/release_internal.h"

static void set_given(json_t *j, const char *name, const char *text)
{
    if (text && *text)
        json_set_str(j, name, text);
}

static bool is_recorded(const json_t *record, const char *claim)
{
    return json_object_get(json_object_get(record, "claims"), claim) ||
           json_object_get(json_object_get(record, "tcb"), claim);
}

/* Those that the policy asks for, beside what every record has of claims. */
static json_t *further_claims(const struct release *r, const json_t *record)
{
    const struct policy *conditions = r->policy.policy->conditions;
    json_t *out = json_object();
    size_t at = 0;
    const char *claim;

    while (conditions && (claim = policy_next_claim(conditions, &at))) {
        json_t *value = json_object_get(r->attestation.claims, claim);
        if (value && !is_recorded(record, claim))
            json_object_set(out, claim, value);
    }
    return out;
}

static void add_attestation(const struct release *r, const json_t *record, json_t *facts)
{
    const json_t *tee = json_object_get(json_object_get(r->attestation.all, "submods"), "tee");
    json_t *claims = r->attested ? further_claims(r, record) : NULL;

    set_given(facts, "token_fault", r->token_fault);
    if (r->evidence_sent)
        json_set_bool(facts, "evidence", true);
    if (r->attested)
        set_given(facts, "status", json_string_value(json_object_get(tee, "ear.status")));
    if (json_object_size(claims))
        json_object_set(facts, "claims", claims);
    json_free(claims);
}

json_t *release_facts(const struct release *r, const json_t *record)
{
    json_t *facts = json_object();

    json_set_str(facts, "decided", code_word(r->decided));
    add_attestation(r, record, facts);
    if (r->has_client)
        json_object_set_new(
            facts, "bearer",
            json_pack("{s:o,s:b}", "roles", transfer_permissions(&r->client), "fetch",
                      bearer_allows(&r->client, BROKER_SERVICE, "keys:transfer", SPAN(""))));
    json_set_span(facts, "source", r->q->source);
    set_given(facts, "certificate_issuer", r->certificate_issuer);
    set_given(facts, "certificate_subject", r->certificate_subject);
    if (r->policy.policy->max_releases)
        json_set_int(facts, "releases", (int64_t)r->count.releases);
    return facts;
}

static fallible recall_attestation(struct release *r, const json_t *record, const json_t *facts)
{
    const json_t *a = json_object_get(record, "attestation");
    const char *status = json_string_value(json_object_get(facts, "status"));
    json_t *claims = json_object();

    json_object_update(claims, json_object_get(record, "claims"));
    json_object_update(claims, json_object_get(record, "tcb"));
    json_object_update(claims, json_object_get(facts, "claims"));
    r->attestation.all = json_pack("{s:{s:{s:s}},s:o}", "submods", "tee", "ear.status",
                                   status ? status : "", "claims", claims);
    if (!r->attestation.all)
        return FAIL(SYSTEM, "out of memory");
    r->attestation.claims = claims;
    r->attestation.policies = json_object_get(a, "policies");
    r->attestation.failed = json_object_get(a, "failed");
    r->attestation.reason = span_str(json_string_value(json_object_get(a, "reason")));
    r->attested = status != NULL;
    r->refused_by_service = a && !status;
    return OK;
}

/* A client as it was, as far as anything asks. */
static fallible recall_client(struct release *r, const json_t *bearer)
{
    json_t *roles = json_array();
    const json_t *context;
    size_t i;

    r->has_client = bearer != NULL;
    json_array_foreach(json_object_get(bearer, "roles"), i, context)
        json_array_append_new(roles, json_pack("{s:s,s:s,s:O}", "service", BROKER_SERVICE, "name",
                                               BROKER_FETCHER, "context", context));
    bool fetch = json_is_true(json_object_get(bearer, "fetch"));
    r->client.claims =
        json_pack("{s:o,s:[{s:s,s:s,s:[s]}]}", "roles", roles, "permissions", "service",
                  BROKER_SERVICE, "context", "", "rules", fetch ? "keys:transfer" : "none:none");
    return r->client.claims ? OK : FAIL(SYSTEM, "out of memory");
}

fallible release_recall(struct release *r, const json_t *record)
{
    const json_t *facts = json_object_get(record, "facts");
    struct span time;

    if (!json_is_object(facts))
        return FAIL(INPUT,
                    "the record is of no decision on a policy, or too long to be kept whole");
    TRY(json_get_str(record, "time", "time of the record", &time));
    TRY(clock_parse_rfc3339(time, &r->at));
    TRY(recall_attestation(r, record, facts));
    r->token_fault = json_string_value(json_object_get(facts, "token_fault"));
    r->evidence_sent = json_is_true(json_object_get(facts, "evidence"));
    TRY(recall_client(r, json_object_get(facts, "bearer")));
    r->certificate_issuer =
        strdup(json_string_value(json_object_get(facts, "certificate_issuer")) ?: "");
    r->certificate_subject =
        strdup(json_string_value(json_object_get(facts, "certificate_subject")) ?: "");
    r->count.releases = (uint64_t)json_integer_value(json_object_get(facts, "releases"));
    return r->certificate_issuer && r->certificate_subject ? OK : FAIL(SYSTEM, "out of memory");
}

json_t *release_unrecorded(const struct transfer_policy *p, const json_t *record)
{
    const json_t *facts = json_object_get(record, "facts");
    json_t *names = json_array();
    size_t at = 0;
    const char *claim;

    while (p->conditions && (claim = policy_next_claim(p->conditions, &at)))
        if (!is_recorded(record, claim) && !record_always_has(claim) &&
            !json_object_get(json_object_get(facts, "claims"), claim))
            json_array_append_new(names, json_string(claim));
    return names;
}
