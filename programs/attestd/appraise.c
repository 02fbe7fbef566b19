// SPDX-License-Identifier: Apache-2.0
#include "attestd/appraise.h"

#include "crypto/digest.h"
#include "policy/policy.h"

/* A refusal must fit into a message and a record: the policy's digest stands for what is left out.
 */
#define FAILED_MAX 32
#define SET_SHOWN 16

static json_t *shown(const json_t *value)
{
    size_t values = json_array_size(value);
    return values > SET_SHOWN ? json_sprintf("%zu values", values) : json_incref((json_t *)value);
}

static void note_failed(json_t *list, struct span id, const struct policy_finding *f)
{
    json_t *j = json_object();
    json_set_span(j, "policy", id);
    json_set_str(j, "path", f->path);
    json_set_str(j, "alternative", f->alternative);
    json_set_str(j, "claim", f->claim);
    json_set_str(j, "operator", f->op);
    json_object_set_new(j, "expected", shown(f->expected));
    json_object_set_new(j, "actual", f->actual ? shown(f->actual) : json_null());
    json_set_bool(j, "nearest", f->nearest);
    json_array_append_new(list, j);
}

static void note_all_failed(json_t *list, struct span id, const struct policy_result *r)
{
    for (int rest = 0; rest < 2; rest++)
        for (size_t i = 0; i < r->count && json_array_size(list) < FAILED_MAX; i++)
            if (r->findings[i].blocks && r->findings[i].nearest != rest)
                note_failed(list, id, &r->findings[i]);
}

static fallible note_policy(json_t *list, struct span id, struct span name, uint64_t version,
                            const struct policy *p)
{
    struct buf text owned(buf_done) = buf_of(POLICY_TEXT_MAX);
    char digest[DIGEST_TEXT_SIZE];
    TRY(policy_canonical(p, &text));
    TRY(digest_text(buf_span(&text), digest));
    json_t *j = json_object();
    json_set_span(j, "id", id);
    if (name.len)
        json_set_span(j, "name", name);
    json_set_int(j, "version", (int64_t)version);
    json_set_str(j, "digest", digest);
    if (json_array_append_new(list, j) != 0)
        return FAIL(SYSTEM, "memory for an appraisal");
    return OK;
}

static fallible appraise_one(const json_t *one, const json_t *claims, int64_t now,
                             struct appraisal *a)
{
    struct span id, name = { 0 };
    uint64_t version;
    const json_t *document;
    owned(policy_free) struct policy *p = NULL;
    char *message owned(free) = NULL;
    struct policy_result result owned(policy_result_done) = { 0 };
    bool if_met = false;
    TRY(json_opt_bool(one, "if_met", "policy: if_met", &if_met));
    TRY(json_get_str(one, "id", "policy: id", &id));
    TRY(json_opt_str(one, "name", "policy: name", &name));
    TRY(json_get_u64(one, "version", UINT32_MAX, "policy: version", &version));
    TRY(json_get_object(one, "policy", "policy: document", &document));
    TRY(policy_from_json(document, &p, &message));
    TRY(policy_evaluate(p, claims, now, &result));
    if (result.met || !if_met)
        TRY(note_policy(a->policies, id, name, version, p));
    a->met &= result.met || if_met;
    if (!result.met)
        note_all_failed(a->failed, id, &result);
    return OK;
}

fallible appraisal_fail(struct appraisal *a, const char *check, const char *clause,
                        const char *detail)
{
    json_t *j = json_object();
    json_set_str(j, "check", check);
    json_set_str(j, "clause", clause);
    json_set_str(j, "detail", detail);
    a->met = false;
    return json_array_insert_new(a->failed, 0, j) ? FAIL(SYSTEM, "memory for an appraisal") : OK;
}

fallible appraise(const json_t *policies, const json_t *claims, int64_t now, struct appraisal *out)
{
    struct appraisal a owned(
        appraisal_done) = { .met = true, .policies = json_array(), .failed = json_array() };
    size_t count = json_array_size(policies);
    if (!a.policies || !a.failed)
        return FAIL(SYSTEM, "memory for an appraisal");
    if (!count || count > POLICIES_PER_REQUEST_MAX)
        return FAIL(INPUT, "an appraisal needs 1 to 16 policies");
    for (size_t i = 0; i < count; i++)
        TRY(appraise_one(json_array_get(policies, i), claims, now, &a));
    a.met &= json_array_size(a.policies) > 0;
    *out = a;
    a = (struct appraisal){ 0 };
    return OK;
}

void appraisal_done(struct appraisal *a)
{
    json_free(a->policies);
    json_free(a->failed);
    *a = (struct appraisal){ 0 };
}
