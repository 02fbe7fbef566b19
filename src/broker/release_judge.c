// SPDX-License-Identifier: Apache-2.0
/*
 * The decision, as a function of what is known. Releases, trials and replays of recorded requests
 * all come here, so they cannot disagree. Every check is made, whatever the earlier ones said; of
 * several that fail the first one's code is the answer.
 */
#include "broker/release_internal.h"

void release_forget(struct release *r)
{
    attestation_done(&r->attestation);
    r->attested = r->refused_by_service = r->fresh = false;
    r->token_fault = NULL;
    json_free(r->denial);
    json_free(r->checks);
    json_free(r->change);
    r->denial = r->checks = r->change = NULL;
    free(r->certificate_issuer);
    free(r->certificate_subject);
    r->certificate_issuer = r->certificate_subject = NULL;
    r->would_refuse = r->decided = CODE_OK;
    r->judged = false;
    r->tee_checks = 0;
}

/* The first refusal stands. */
static void propose(struct release *r, enum code code, const char *detail)
{
    if (code == CODE_OK || r->o->code != CODE_OK)
        return;
    r->o->code = code;
    snprintf(r->o->detail, sizeof r->o->detail, "%s", detail);
}

static struct span status_of(const struct attestation *a)
{
    const json_t *tee = json_object_get(json_object_get(a->all, "submods"), "tee");
    return span_str(json_string_value(json_object_get(tee, "ear.status")));
}

static struct transfer_claims known_of(const struct release *r)
{
    struct transfer_claims c = {
        .client = r->has_client ? &r->client : NULL,
        .certificate_issuer = span_str(r->certificate_issuer),
        .certificate_subject = span_str(r->certificate_subject),
        .source = r->q->source,
        .releases = r->count.releases,
        .now = r->at,
    };

    if (r->attested) {
        c.claims = r->attestation.claims;
        c.applied = r->attestation.policies;
        c.status = status_of(&r->attestation);
    }
    return c;
}

/* Who denies a platform means it at every level that looks at platforms. */
static void judge_platform(struct release *r)
{
    if (!r->attested)
        return;
    check_add(r->checks, "deny_list", !r->denial, json_object_get(r->denial, "id"), NULL);
    if (r->denial)
        propose(r, CODE_PLATFORM_DENIED, "the platform is on the deny list");
}

static void note_fault(struct release *r)
{
    json_t *fault owned(json_free) = r->token_fault ? json_string(r->token_fault) : NULL;

    if (fault)
        check_add(r->checks, "attestation_token", false, NULL, fault);
}

static const char *tee_detail(const struct release *r, enum code code)
{
    if (code == CODE_ATTESTATION_TOKEN_INVALID)
        return r->token_fault;
    if (code == CODE_EVIDENCE_REFUSED)
        return "evidence refused";
    if (code == CODE_ATTESTATION_REQUIRED)
        return "this key is released to attested clients only";
    return "the attested client is not what the key's policy asks for";
}

/* The TEE's part: enforced, observed, or not asked for. */
static fallible judge_tee(struct release *r, const struct transfer_claims *c)
{
    enum attestation_level level = r->policy.policy->attestation;
    enum code code = CODE_OK;

    if (level == ATTESTATION_NONE)
        return OK;
    judge_platform(r);
    note_fault(r);
    TRY(transfer_policy_check_tee(r->policy.policy, c, r->checks, &code));
    r->tee_checks = json_array_size(r->checks);
    if (r->token_fault)
        code = CODE_ATTESTATION_TOKEN_INVALID;
    else if (code == CODE_ATTESTATION_REQUIRED && (r->refused_by_service || r->evidence_sent))
        code = CODE_EVIDENCE_REFUSED;
    if (level == ATTESTATION_OBSERVE)
        r->would_refuse = code;
    else
        propose(r, code, tee_detail(r, code));
    return OK;
}

static const char *client_detail(const struct release *r, enum code code)
{
    if (code == CODE_TOKEN_MISSING)
        return r->policy.policy->attestation == ATTESTATION_REQUIRE
                   ? "the key's policy asks for a bearer token"
                   : "this key is released to holders of a bearer token only";
    if (code == CODE_PERMISSION_DENIED)
        return "the token has neither keys:transfer nor the role KBS:KeyTransfer";
    return "the client lacks what the key's policy asks for";
}

static fallible judge_client(struct release *r, const struct transfer_claims *c)
{
    enum code code = CODE_OK;

    TRY(transfer_policy_check_client(r->policy.policy, c, r->checks, &code));
    propose(r, code, client_detail(r, code));
    return OK;
}

static fallible judge_terms(struct release *r, const struct transfer_claims *c)
{
    enum code code = CODE_OK;

    TRY(transfer_policy_check_terms(r->policy.policy, c, r->checks, &code));
    propose(r, code,
            code == CODE_OUTSIDE_TIME_WINDOW
                ? "the key's policy does not release it at this time"
                : "the key was released as often as its policy allows");
    return OK;
}

fallible release_judge(struct release *r)
{
    const struct transfer_claims c = known_of(r);

    r->checks = json_array();
    TRY(judge_tee(r, &c));
    TRY(judge_client(r, &c));
    TRY(judge_terms(r, &c));
    r->decided = r->o->code;
    r->judged = true;
    return r->decided == CODE_OK && r->would_refuse == CODE_OK
               ? OK
               : smallest_change(r->checks, r->attestation.failed, &r->change);
}
