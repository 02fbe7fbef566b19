// SPDX-License-Identifier: Apache-2.0
#include "attestd/appraise.h"

#include "crypto/digest.h"
#include "policy/policy.h"

const char default_policy_text[] = "{\"version\":\"1.0.0\",\"allOf\":["
                                   "{\"claim\":\"root\",\"equals\":\"vendor\"},"
                                   "{\"claim\":\"debug\",\"equals\":false},"
                                   "{\"claim\":\"tcb_status\",\"equals\":\"UpToDate\"},"
                                   "{\"anyOf\":["
                                   "{\"claim\":\"tee\",\"equals\":\"sgx\"},"
                                   "{\"allOf\":["
                                   "{\"claim\":\"tee\",\"equals\":\"tdx\"},"
                                   "{\"claim\":\"sept_ve_disable\",\"equals\":true},"
                                   "{\"claim\":\"td_attributes_unknown\",\"equals\":false},"
                                   "{\"anyOf\":["
                                   "{\"claim\":\"service_td\",\"equals\":false},"
                                   "{\"claim\":\"service_td\",\"exists\":false}]}]}]}]}";

/* A refusal must fit into a message and a record: the policy's digest stands for what is left out.
 */
#define FAILED_MAX 32
#define SET_SHOWN 16

static json_t *shown(const json_t *expected)
{
    size_t values = json_array_size(expected);
    return values > SET_SHOWN ? json_sprintf("one of %zu values", values)
                              : json_incref((json_t *)expected);
}

static void note_failed(json_t *list, struct span id, const struct policy_finding *f)
{
    json_t *j = json_object();
    json_set_span(j, "policy", id);
    json_set_str(j, "path", f->path);
    json_set_str(j, "claim", f->claim);
    json_set_str(j, "operator", f->op);
    json_object_set_new(j, "expected", shown(f->expected));
    json_object_set_new(j, "actual", f->actual ? json_incref((json_t *)f->actual) : json_null());
    json_array_append_new(list, j);
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
    TRY(json_get_str(one, "id", "policy: id", &id));
    TRY(json_opt_str(one, "name", "policy: name", &name));
    TRY(json_get_u64(one, "version", UINT32_MAX, "policy: version", &version));
    TRY(json_get_object(one, "policy", "policy: document", &document));
    TRY(policy_from_json(document, &p, &message));
    TRY(policy_evaluate(p, claims, now, &result));
    TRY(note_policy(a->policies, id, name, version, p));
    a->met &= result.met;
    for (size_t i = 0; i < result.count && !result.met && json_array_size(a->failed) < FAILED_MAX;
         i++)
        if (result.findings[i].blocks)
            note_failed(a->failed, id, &result.findings[i]);
    return OK;
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
