// SPDX-License-Identifier: Apache-2.0
#include "broker/transfer_policy.h"

#include "broker/seed_policy.h"
#include "broker/transfer_policy_internal.h"
#include "policy/claim.h"

#define TEXT_MAX 128
#define POLICY_IDS_MAX 16 /* as many as the attestation service takes at once */

static const char *const levels[] = { "none", "observe", "require" };

const char *attestation_level_name(enum attestation_level l)
{
    return levels[l];
}

struct transfer_policy *transfer_policy_ref(struct transfer_policy *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void transfer_policy_free(struct transfer_policy *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) > 1)
        return;
    policy_free(p->conditions);
    json_free(p->document);
    json_free(p->native);
    free(p);
}

json_t *transfer_policy_default(void)
{
    return json_pack("{s:s,s:s,s:[s]}", "name", "default", "attestation", "require", "policy_ids",
                     "default");
}

fallible policy_bad(char **message, const char *where, const char *why)
{
    struct buf text owned(buf_done) = buf_of(512);
    buf_addf(&text, "%s: %s", where, why);
    free(*message);
    *message = buf_take_str(&text);
    return FAIL(INPUT, "malformed transfer policy");
}

fallible policy_texts(const json_t *native, const char *name, bool may_be_empty, const json_t **out,
                      char **message)
{
    const json_t *list = json_object_get(native, name), *item;
    size_t i;

    if (!list)
        return OK;
    if (!json_is_array(list) || json_array_size(list) > POLICY_TEXTS_MAX)
        return policy_bad(message, name, "a list of at most 64 texts is needed");
    if (!json_array_size(list) && !may_be_empty)
        return policy_bad(
            message, name,
            "an empty list never means \"any\": leave the member out, or name values");
    json_array_foreach(list, i,
                       item) if (!json_is_string(item) || !json_string_length(item) ||
                                 json_string_length(item) >
                                     TEXT_MAX) return policy_bad(message, name,
                                                                 "values are non-empty texts");
    *out = list;
    return OK;
}

static fallible level_of(const json_t *native, enum attestation_level *out, char **message)
{
    struct span text = SPAN("require");

    if (failed(json_opt_str(native, "attestation", "attestation", &text)))
        return policy_bad(message, "attestation", "require, observe or none");
    for (enum attestation_level l = ATTESTATION_NONE; l <= ATTESTATION_REQUIRE; l++)
        if (span_equal_str(text, levels[l])) {
            *out = l;
            return OK;
        }
    return policy_bad(message, "attestation", "require, observe or none");
}

/* The values of the claim are a text of words. */
bool names_tee(struct span type)
{
    struct span rest = span_str(claim_find(SPAN("tee"))->values);

    while (rest.len) {
        struct span word = span_head(rest, span_find(rest, SPAN(" ")));
        if (span_equal(word, type))
            return true;
        rest = span_tail(rest, word.len + 1);
    }
    return false;
}

static fallible types_check(const json_t *types, char **message)
{
    const json_t *type;
    size_t i;

    json_array_foreach(types, i, type) if (
        !names_tee(span_str(
            json_string_value(type)))) return policy_bad(message, "attestation_types",
                                                         "known types are the values of the claim "
                                                         "tee: sgx, tdx, snp, ...");
    return OK;
}

static fallible conditions_of(struct transfer_policy *p, char **message)
{
    const json_t *conditions = json_object_get(p->native, "conditions");
    struct policy_remarks remarks owned(policy_remarks_done) = { 0 };

    if (!conditions)
        return OK;
    TRY(policy_from_json(conditions, &p->conditions, message));
    TRY(policy_lint(p->conditions, &remarks));
    for (size_t i = 0; i < remarks.count; i++)
        if (remarks.at[i].error)
            return policy_bad(message, remarks.at[i].path, remarks.at[i].message);
    return OK;
}

static fallible name_check(struct span name, char **message)
{
    if (name.len > POLICY_NAME_MAX)
        return policy_bad(message, "name", "at most 64 characters");
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return policy_bad(message, "name", "letters, digits, '-', '_' and '.' only");
    }
    return OK;
}

static fallible lists_of(struct transfer_policy *p, char **message)
{
    const json_t *n = p->native;

    if (!json_object_get(n, "attestation_types"))
        json_object_set_new(p->native, "attestation_types",
                            json_pack("[s,s,s]", "tdx", "sgx", "snp"));
    if (!json_object_get(n, "policy_ids"))
        json_object_set_new(p->native, "policy_ids", json_pack("[s]", "default"));
    TRY(policy_texts(n, "attestation_types", false, &p->attestation_types, message));
    TRY(types_check(p->attestation_types, message));
    TRY(policy_texts(n, "policy_ids", false, &p->policy_ids,
                     message)); /* the attestation service appraises by at least one */
    if (json_array_size(p->policy_ids) > POLICY_IDS_MAX)
        return policy_bad(message, "policy_ids", "at most 16 appraisal policies");
    return OK;
}

static fallible read_native(struct transfer_policy *p, char **message)
{
    static const char *const members[] = { "name",
                                           "attestation",
                                           "attestation_types",
                                           "conditions",
                                           "policy_ids",
                                           "client_permissions_allof",
                                           "client_permissions_anyof",
                                           "client_certificate_issuer_anyof",
                                           "client_certificate_subject_anyof",
                                           "client_networks_anyof",
                                           "time",
                                           "max_releases",
                                           "wrapping_anyof",
                                           "use",
                                           "four_eyes",
                                           "lease_minutes",
                                           "accept_warning",
                                           "explain_to_caller",
                                           NULL };
    const json_t *n = p->native;

    if (failed(json_only(n, members)))
        return policy_bad(message, "policy", "unknown member");
    if (failed(json_opt_str(n, "name", "name", &p->name)))
        return policy_bad(message, "name", "a text is needed");
    TRY(name_check(p->name, message));
    TRY(level_of(n, &p->attestation, message));
    TRY(lists_of(p, message));
    TRY(conditions_of(p, message));
    TRY(transfer_terms_read(p, message));
    if (failed(json_opt_u64(n, "lease_minutes", LEASE_MINUTES_MAX, "lease", &p->lease_minutes)))
        return policy_bad(message, "lease_minutes", "a number of minutes, at most a year");
    if (failed(json_opt_bool(n, "accept_warning", "warning", &p->accept_warning)))
        return policy_bad(message, "accept_warning", "true or false");
    if (failed(json_opt_bool(n, "explain_to_caller", "explain", &p->explain_to_caller)))
        return policy_bad(message, "explain_to_caller", "true or false");
    if (failed(json_opt_bool(n, "four_eyes", "four_eyes", &p->four_eyes)))
        return policy_bad(message, "four_eyes", "true or false");
    return OK;
}

fallible transfer_policy_parse(const json_t *document, struct transfer_policy **out, char **message)
{
    struct transfer_policy *p owned(transfer_policy_free) = calloc(1, sizeof *p);
    struct buf canonical owned(buf_done) = buf_of(POLICY_TEXT_MAX);

    if (!p)
        return FAIL(SYSTEM, "out of memory");
    p->refs = 1;
    if (!(p->document = json_deep_copy(document)))
        return FAIL(SYSTEM, "out of memory");
    if (seed_policy_is(document))
        TRY(seed_policy_translate(document, &p->native, message));
    else
        p->native = json_deep_copy(document);
    if (!p->native)
        return FAIL(SYSTEM, "out of memory");
    TRY(read_native(p, message));
    TRY(json_canonical(p->document, &canonical));
    TRY(digest_text(buf_span(&canonical), p->digest));
    *out = TAKE(p);
    return OK;
}
