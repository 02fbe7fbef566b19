// SPDX-License-Identifier: Apache-2.0
#include "policy/reference.h"

#include "policy/claim.h"

#define PCR_PREFIX "pcr_sha256_"

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);
    return len >= tail && !strcmp(text + len - tail, end);
}

static bool is_list_claim(const char *name)
{
    const struct claim_row *row = claim_find(span_str(name));
    return row && (row->type == CLAIM_TEXT_LIST || row->type == CLAIM_EVENT_LIST);
}

static const char *operator_for(const char *claim, const json_t *value)
{
    if (json_is_array(value))
        return is_list_claim(claim) ? "contains_all" : "in";
    return json_is_integer(value) && ends_with(claim, "svn") ? "min" : "equals";
}

static json_t *alternative_of(const json_t *claims)
{
    json_t *all = json_array(), *group = json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)claims, name, value)
    {
        json_t *condition = json_object();
        json_set_str(condition, "claim", name);
        json_object_set_new(condition, operator_for(name, value), json_deep_copy(value));
        json_array_append_new(all, condition);
    }
    json_object_set_new(group, "allOf", all);
    return group;
}

/* The base's conditions, without the frame of a document. */
static json_t *parts_of(const json_t *base)
{
    json_t *all = json_object_get(base, "allOf");
    if (all)
        return json_deep_copy(all);
    json_t *list = json_array(), *any = json_object_get(base, "anyOf");
    if (any)
        json_array_append_new(list, json_pack("{s:o}", "anyOf", json_deep_copy(any)));
    return list;
}

fallible reference_policy(const json_t *base, const json_t *sets, json_t **document)
{
    owned(json_free) json_t *j = json_object();
    json_t *any = json_array(), *all = parts_of(base), *group = json_object();
    for (size_t i = 0; i < json_array_size(sets); i++)
        json_array_append_new(any,
                              alternative_of(json_object_get(json_array_get(sets, i), "claims")));
    json_object_set_new(group, "anyOf", any);
    json_array_append_new(all, group);
    json_set_str(j, "version", "1.0.0");
    if (json_object_set_new(j, "allOf", all) != 0)
        return FAIL(SYSTEM, "memory for a policy");
    *document = TAKE(j);
    return OK;
}

struct identity {
    const char *claim;
    bool exact; /* another build by the same signer has another value */
};

static const struct identity identities[] = {
    { "tee", false },           { "mrenclave", true },
    { "mrsigner", false },      { "isvprodid", false },
    { "isvsvn", false },        { "mrtd", true },
    { "rtmr0", true },          { "rtmr1", true },
    { "rtmr2", true },          { "mrconfigid", false },
    { "mrowner", false },       { "mrownerconfig", false },
    { "measurement", true },    { "host_data", false },
    { "id_key_digest", false }, { "author_key_digest", false },
    { "family_id", false },     { "image_id", false },
    { "guest_svn", false },
};

/* "tdx.mrtd" is mrtd of a piece. */
static bool identifies(const char *name, bool exact)
{
    const char *dot = strchr(name, '.'), *claim = dot ? dot + 1 : name;
    if (!strncmp(claim, PCR_PREFIX, strlen(PCR_PREFIX)))
        return exact;
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++)
        if (!strcmp(claim, identities[i].claim))
            return exact || !identities[i].exact;
    return false;
}

fallible reference_set(const json_t *claims, bool exact, json_t **set)
{
    owned(json_free) json_t *chosen = json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)claims, name, value)
    {
        if (identifies(name, exact))
            json_object_set(chosen, name, value);
    }
    if (json_object_size(chosen) < 2)
        return FAIL(INPUT, "the evidence has no claims that say which workload it is");
    *set = json_pack("{s:O}", "claims", chosen);
    return *set ? OK : FAIL(SYSTEM, "memory for reference values");
}
