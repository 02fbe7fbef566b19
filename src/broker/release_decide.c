// SPDX-License-Identifier: Apache-2.0
/* Whether: the attestation token against this request, the deny lists, and what else is known of
 * the client, for release_judge(). */
#include "broker/release_internal.h"

#include "broker/attestation_types.h"
#include "crypto/x509.h"

static fallible refuse(struct release *r, enum code code, const char *detail)
{
    return outcome_refuse(r->o, code, detail);
}

/* A token brought along may answer an older challenge: its holder has proved S anew. One for
 * evidence sent now must answer this one. */
static const char *binding_fault(const struct release *r)
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
    if (!r->fresh && r->b->session_seconds && r->q->now >= a->issued + r->b->session_seconds)
        return "the session that the attestation token began is over: attest again";
    return NULL;
}

/* What such a statement says is of nobody. */
static fallible distrust(struct release *r, const char *why)
{
    attestation_done(&r->attestation);
    r->attestation = (struct attestation){ 0 };
    r->token_fault = why;
    return OK;
}

static fallible read_token(struct release *r, struct span token)
{
    enum jwt_fault fault;
    struct err e =
        attestation_keys_verify(r->b->as, token, false, r->q->now, &r->attestation, &fault);

    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e))
        return distrust(r, fault == JWT_EXPIRED
                               ? "the attestation token has expired: attest again"
                               : "the attestation token is not of the attestation service");
    const char *why = r->trial ? NULL : binding_fault(r);
    if (!why && !attestation_type_taken(r->b, r->attestation.claims))
        why = "this broker takes no evidence of this kind of TEE";
    if (why)
        return distrust(r, why);
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
        return distrust(r, "the refusal is not of the attestation service");
    r->refused_by_service = true;
    return OK;
}

fallible release_read_attestation(struct release *r)
{
    r->fresh = r->q->attestation.len > 0;
    if (r->fresh)
        return read_token(r, r->q->attestation);
    if (r->q->refusal.len)
        return read_refusal(r);
    return r->brought_token.len ? read_token(r, r->brought_token) : OK;
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

fallible release_look_for_denial(struct release *r)
{
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);
    struct err e =
        release_find_denial(r->b, s.store, r->challenge.tenant, r->attestation.claims, &r->denial);

    return e.kind == FAIL_DENIED
               ? refuse(r, CODE_RECORD_TAMPERED, "the deny list was changed outside of the broker")
               : e;
}

static fallible name_client(struct release *r)
{
    struct buf issuer owned(buf_done) = buf_of(512), subject owned(buf_done) = buf_of(512);

    TRY(client_names(r->q->certificate, &issuer, &subject));
    r->certificate_issuer = buf_take_str(&issuer);
    r->certificate_subject = buf_take_str(&subject);
    return r->certificate_issuer && r->certificate_subject ? OK : FAIL(SYSTEM, "out of memory");
}

fallible release_decide(struct release *r)
{
    release_forget(r);
    if (r->policy.policy->attestation != ATTESTATION_NONE)
        TRY(release_read_attestation(r));
    if (r->attested)
        TRY(release_look_for_denial(r));
    if (r->o->code != CODE_OK)
        return OK;
    TRY(name_client(r));
    return release_judge(r);
}
