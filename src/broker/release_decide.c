// SPDX-License-Identifier: Apache-2.0
/* Whether: the attestation token against this request, and the key's transfer policy against both.
 */
#include "broker/release_internal.h"

#include "crypto/x509.h"

static fallible refuse(struct release *r, enum code code, const char *detail)
{
    return outcome_refuse(r->o, code, detail);
}

/* A token brought along may answer an older challenge: its holder has proved S anew. One for
 * evidence sent now must answer this one. */
static const char *token_fault(const struct release *r)
{
    const struct attestation *a = &r->attestation;

    if (!span_equal_str(a->tenant, r->challenge.tenant))
        return "the attestation token is of another tenant";
    if (!span_equal_str(a->signing_jkt, r->signing_jkt))
        return "the attestation token is bound to another signing key";
    if (!span_equal_str(a->encryption_jkt, r->encryption_jkt))
        return "the attestation token is bound to another encryption key";
    if (r->fresh && !span_equal_str(a->challenge, r->challenge_digest))
        return "the attestation token answers another challenge";
    return NULL;
}

static fallible read_token(struct release *r, struct span token)
{
    enum jwt_fault fault;
    struct err e =
        attestation_keys_verify(r->b->as, token, false, r->q->now, &r->attestation, &fault);

    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e))
        return refuse(r, CODE_ATTESTATION_TOKEN_INVALID,
                      fault == JWT_EXPIRED
                          ? "the attestation token has expired: attest again"
                          : "the attestation token is not of the attestation service");
    const char *why = token_fault(r);
    if (why)
        return refuse(r, CODE_ATTESTATION_TOKEN_INVALID, why);
    r->attested = true;
    return OK;
}

/* What the service says of evidence that it refused is for the record; an unsigned word of the
 * front end is not. */
static fallible read_refusal(struct release *r)
{
    enum jwt_fault fault;
    struct err e =
        attestation_keys_verify(r->b->as, r->q->refusal, true, r->q->now, &r->attestation, &fault);

    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e))
        return refuse(r, CODE_ATTESTATION_TOKEN_INVALID,
                      "the refusal is not of the attestation service");
    r->refused_by_service = true;
    return OK;
}

static fallible read_attestation(struct release *r)
{
    attestation_done(&r->attestation);
    r->attested = r->refused_by_service = false;
    r->fresh = r->q->attestation.len > 0;
    if (r->fresh)
        return read_token(r, r->q->attestation);
    if (r->q->refusal.len)
        return read_refusal(r);
    return r->brought_token.len ? read_token(r, r->brought_token) : OK;
}

bool release_fetcher_allowed(const struct bearer *client)
{
    struct bearer_role role;

    if (bearer_allows(client, BROKER_SERVICE, "keys:transfer", SPAN("")))
        return true;
    for (size_t i = 0; bearer_role_at(client, i, &role); i++)
        if (span_equal_str(role.service, BROKER_SERVICE) &&
            span_equal_str(role.name, "KeyTransfer"))
            return true;
    return false;
}

/* Good and better. */
static fallible check_fetcher(struct release *r)
{
    if (!r->has_client)
        return refuse(r, CODE_TOKEN_MISSING,
                      "this key is released to holders of a bearer token only");
    return release_fetcher_allowed(&r->client)
               ? OK
               : refuse(r, CODE_PERMISSION_DENIED,
                        "the token has neither keys:transfer nor the role KBS:KeyTransfer");
}

/* A name that a certificate does not have matches no list. */
fallible client_names(struct span certificate, struct buf *issuer, struct buf *subject)
{
    struct cert *cert owned(cert_free) = NULL;

    if (!certificate.len || failed(cert_from_der(certificate, &cert)))
        return OK;
    if (failed(cert_issuer_cn(cert, issuer)))
        buf_clear(issuer);
    if (failed(cert_subject_cn(cert, subject)))
        buf_clear(subject);
    return OK;
}

static const char *tee_detail(enum code code)
{
    if (code == CODE_ATTESTATION_REQUIRED)
        return "this key is released to attested clients only";
    return "the attested client is not what the key's policy asks for";
}

/* The TEE's part: enforced, observed, or not asked for. */
static fallible check_tee(struct release *r, const struct transfer_claims *c)
{
    enum code code = CODE_OK;

    if (r->policy.policy->attestation == ATTESTATION_NONE)
        return OK;
    TRY(transfer_policy_check_tee(r->policy.policy, c, r->checks, &code));
    if (code == CODE_ATTESTATION_REQUIRED && (r->refused_by_service || r->evidence_sent))
        code = CODE_EVIDENCE_REFUSED;
    if (r->policy.policy->attestation == ATTESTATION_OBSERVE) {
        r->would_refuse = code;
        return OK;
    }
    if (code == CODE_EVIDENCE_REFUSED)
        return refuse(r, code, "evidence refused");
    return code == CODE_OK ? OK : refuse(r, code, tee_detail(code));
}

static fallible check_who(struct release *r, const struct transfer_claims *c)
{
    enum code code = CODE_OK;

    if (r->policy.policy->attestation != ATTESTATION_REQUIRE)
        TRY(check_fetcher(r));
    if (r->o->code != CODE_OK)
        return OK;
    TRY(transfer_policy_check_client(r->policy.policy, c, r->checks, &code));
    if (code == CODE_TOKEN_MISSING)
        return refuse(r, code, "the key's policy asks for a bearer token");
    return code == CODE_OK ? OK
                           : refuse(r, code, "the client lacks what the key's policy asks for");
}

static fallible check_terms(struct release *r, const struct transfer_claims *c)
{
    enum code code = CODE_OK;

    TRY(transfer_policy_check_terms(r->policy.policy, c, r->checks, &code));
    if (code == CODE_OUTSIDE_TIME_WINDOW)
        return refuse(r, code, "the key's policy does not release it at this time");
    return code == CODE_OK ? OK
                           : refuse(r, code, "the key was released as often as its policy allows");
}

static struct span status_of(const struct attestation *a)
{
    const json_t *tee = json_object_get(json_object_get(a->all, "submods"), "tee");
    return span_str(json_string_value(json_object_get(tee, "ear.status")));
}

fallible release_decide(struct release *r)
{
    struct buf issuer owned(buf_done) = buf_of(512), subject owned(buf_done) = buf_of(512);
    struct transfer_claims c = { .now = r->q->now };

    json_free(r->checks);
    r->checks = json_array();
    r->would_refuse = CODE_OK;
    bool tee = r->policy.policy->attestation != ATTESTATION_NONE;
    if (tee)
        TRY(read_attestation(r));
    /* Under `observe` a bad token is worth a note, not a refusal; what it says is not of this
     * client. */
    bool noted = r->o->code == CODE_ATTESTATION_TOKEN_INVALID &&
                 r->policy.policy->attestation == ATTESTATION_OBSERVE;
    if (noted) {
        attestation_done(&r->attestation);
        r->o->code = CODE_OK;
    }
    if (r->o->code == CODE_OK && r->attested) /* under `observe` too: who denies means it */
        TRY(release_check_denied(r));
    if (r->o->code != CODE_OK)
        return OK;
    TRY(client_names(r->q->certificate, &issuer, &subject));
    if (r->attested) {
        c.claims = r->attestation.claims;
        c.applied = r->attestation.policies;
        c.status = status_of(&r->attestation);
    }
    c.client = r->has_client ? &r->client : NULL;
    c.certificate_issuer = buf_span(&issuer);
    c.certificate_subject = buf_span(&subject);
    c.source = r->q->source;
    c.releases = r->count.releases;
    TRY(check_tee(r, &c));
    if (noted)
        r->would_refuse = CODE_ATTESTATION_TOKEN_INVALID;
    if (r->o->code == CODE_OK)
        TRY(check_who(r, &c));
    return r->o->code == CODE_OK ? check_terms(r, &c) : OK;
}
