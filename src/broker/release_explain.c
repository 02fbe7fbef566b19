// SPDX-License-Identifier: Apache-2.0
/* A refusal in one sentence: which claim or check failed, what it is, what it would have to be. */
#include "broker/release_internal.h"

#define VALUE_SHOWN 24

/* Values as JSON, cut: a measurement is told by its first digits. */
static void add_value(struct buf *out, const json_t *value)
{
    char *text owned(free) = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    if (!text || json_is_null(value))
        buf_add_str(out, "absent");
    else if (strlen(text) <= VALUE_SHOWN)
        buf_add_str(out, text);
    else
        buf_addf(out, "%.*s...", VALUE_SHOWN, text);
}

/* {claim, operator, expected, actual}: `debug is true, must be false`. */
static void add_finding(struct buf *out, const json_t *finding)
{
    const char *claim = json_string_value(json_object_get(finding, "claim"));
    const char *op = json_string_value(json_object_get(finding, "operator"));

    if (!claim || !op)
        return;
    buf_addf(out, ": %s is ", claim);
    add_value(out, json_object_get(finding, "actual"));
    buf_addf(out, strcmp(op, "equals") ? ", must be %s " : ", must be ", op);
    add_value(out, json_object_get(finding, "expected"));
}

/* What the attestation service found, in its signed refusal. */
static void add_service_finding(struct buf *out, const struct attestation *a)
{
    const json_t *failed = json_array_get(a->failed, 0);
    const char *check = json_string_value(json_object_get(failed, "check"));

    if (json_object_get(failed, "claim"))
        add_finding(out, failed);
    else if (check)
        buf_addf(out, ": %s", check);
}

/* Under `observe` what the TEE lacks refuses nothing, a denied platform aside. */
static const json_t *first_failed(const struct release *r)
{
    bool observed = r->has_policy && r->policy.policy->attestation == ATTESTATION_OBSERVE &&
                    r->o->code != CODE_PLATFORM_DENIED;

    for (size_t i = observed ? r->tee_checks : 0; i < json_array_size(r->checks); i++) {
        const json_t *check = json_array_get(r->checks, i);
        const char *outcome = json_string_value(json_object_get(check, "outcome"));
        if (outcome && !strcmp(outcome, "failed"))
            return check;
    }
    return NULL;
}

/* Of these the words say it all. */
static bool says_all(enum code code)
{
    return code == CODE_ATTESTATION_REQUIRED || code == CODE_ATTESTATION_TOKEN_INVALID;
}

/* Of the alternative that the fewest changes would make pass: what the others lack says less. */
static const json_t *nearest_finding(const json_t *explanation)
{
    const json_t *alternative, *alternatives = json_object_get(explanation, "alternatives");
    const json_t *nearest = json_object_get(explanation, "nearest");
    size_t i;

    json_array_foreach(
        alternatives, i,
        alternative) if (json_equal(json_object_get(alternative, "path"),
                                    nearest)) return json_array_get(json_object_get(alternative,
                                                                                    "failed"),
                                                                    0);
    return NULL;
}

static void add_check(struct buf *out, const json_t *check)
{
    const json_t *finding = nearest_finding(json_object_get(check, "explanation"));

    if (finding)
        add_finding(out, finding);
    else
        buf_addf(out, ": %s", json_string_value(json_object_get(check, "check")) ?: "");
}

const char *release_reason(const struct release *r, char out[OUTCOME_DETAIL_SIZE])
{
    struct buf text owned(buf_done) = buf_of(OUTCOME_DETAIL_SIZE - 1);
    const json_t *check = first_failed(r);

    buf_add_str(&text, r->o->detail);
    if (r->refused_by_service && r->attestation.reason.len) {
        buf_addf(&text, ": %.*s", (int)r->attestation.reason.len,
                 (const char *)r->attestation.reason.at);
        add_service_finding(&text, &r->attestation);
    } else if (check && !says_all(r->o->code)) {
        add_check(&text, check);
    }
    snprintf(out, OUTCOME_DETAIL_SIZE, "%s",
             failed(buf_check(&text)) ? r->o->detail : buf_str(&text));
    return out;
}
