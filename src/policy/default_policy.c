// SPDX-License-Identifier: Apache-2.0
#include "policy/default_policy.h"

#include "policy/policy.h"

#define EQUALS(claim, value) "{\"claim\":\"" claim "\",\"equals\":" value "}"

/* What each kind of TEE needs besides the vendor's root and no debug: one alternative each. */
static const struct {
    const char *tee;
    bool has_status; /* its vendor says whether a platform is up to date */
    const char *conditions;
} tees[] = {
    { "sgx", true, NULL },
    { "tdx", true,
      "{\"allOf\":[" EQUALS("sept_ve_disable", "true") "," EQUALS(
          "td_attributes_unknown",
          "false") ",{\"anyOf\":[" EQUALS("service_td", "false") ",{\"claim\":\"service_td\","
                                                                 "\"exists\":false}]}]}" },
    { "snp", false,
      "{\"allOf\":[" EQUALS("vmpl", "0") "," EQUALS("firmware_provisional", "false") "," EQUALS(
          "policy_migrate_ma", "false") "," EQUALS("revocation_checked", "true") "]}" },
};

static json_t *parsed(const char *text)
{
    json_t *j = NULL;
    return failed(json_parse_object(span_str(text), &j)) ? NULL : j;
}

static json_t *equals(const char *claim, const char *value)
{
    return json_pack("{s:s,s:s}", "claim", claim, "equals", value);
}

/* Revoked is no status of any alternative. */
static json_t *tcb_group(const struct default_policy *d)
{
    json_t *up_to_date = equals("tcb_status", "UpToDate");
    if (!json_array_size(d->advisories) && !d->grace_days)
        return up_to_date;
    json_t *any = json_pack("[o]", up_to_date);
    if (json_array_size(d->advisories))
        json_array_append_new(
            any, json_pack("{s:[o,{s:s,s:o}]}", "allOf", equals("tcb_status", "SWHardeningNeeded"),
                           "claim", "advisory_ids", "subset_of", json_deep_copy(d->advisories)));
    if (d->grace_days)
        json_array_append_new(any, json_pack("{s:[o,{s:s,s:I}]}", "allOf",
                                             equals("tcb_status", "OutOfDate"), "claim", "tcb_date",
                                             "within_days", (json_int_t)d->grace_days));
    return json_pack("{s:o}", "anyOf", any);
}

static json_t *alternative_for(const struct default_policy *d, size_t at)
{
    owned(json_free) json_t *more = tees[at].conditions ? parsed(tees[at].conditions) : NULL;
    json_t *all = json_pack("[o,o,{s:s,s:b}]", equals("tee", tees[at].tee),
                            equals("root", "vendor"), "claim", "debug", "equals", 0);
    if (tees[at].has_status)
        json_array_append_new(all, tcb_group(d));
    json_array_extend(all, json_object_get(more, "allOf"));
    return json_pack("{s:o}", "allOf", all);
}

fallible default_policy_document(const struct default_policy *d, json_t **out)
{
    json_t *any = json_array();
    for (size_t i = 0; i < sizeof(tees) / sizeof(tees[0]); i++)
        json_array_append_new(any, alternative_for(d, i));
    owned(json_free) json_t *j = json_pack("{s:s,s:o}", "version", "1.0.0", "anyOf", any);
    if (!j)
        return FAIL(SYSTEM, "memory for the default policy");
    *out = TAKE(j);
    return OK;
}

fallible default_policy_advisories(const char *text, json_t **out)
{
    owned(json_free) json_t *list = json_array();
    for (struct span rest = span_str(text ? text : ""); rest.len;) {
        size_t len = strcspn((const char *)rest.at, " ,\t");
        owned(json_free) json_t *word = json_stringn((const char *)rest.at, len);
        bool there = !len;
        for (size_t i = 0; i < json_array_size(list); i++)
            there |= json_equal(json_array_get(list, i), word);
        if (!there)
            json_array_append(list, word);
        rest = span_tail(rest, len + 1);
    }
    if (json_array_size(list) > POLICY_SET_MAX)
        return FAIL(LIMIT, "more than 256 accepted advisories");
    *out = TAKE(list);
    return *out ? OK : FAIL(SYSTEM, "memory for advisories");
}
