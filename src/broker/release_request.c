// SPDX-License-Identifier: Apache-2.0
/* Who asks: the request's parts, in the order in which each can be trusted. */
#include "broker/release_internal.h"
#include "broker/tenant.h"

#include "base/writer.h"
#include "broker/proof.h"

#define TOKEN_MAX (64U << 10)

void release_done(struct release *r)
{
    json_free(r->body);
    release_forget(r);
    key_free(r->signing);
    key_free(r->encryption);
    bearer_done(&r->client);
    key_entry_done(&r->key);
    policy_entry_done(&r->policy);
}

static fallible refuse(struct release *r, enum code code, const char *detail)
{
    return outcome_refuse(r->o, code, detail);
}

static fallible p256_of(const json_t *body, const char *name, struct key **out,
                        char jkt[THUMBPRINT_TEXT_SIZE])
{
    const json_t *jwk;

    TRY(json_get_object(body, name, "signing_key and encryption_key are P-256 JWKs", &jwk));
    TRY(key_from_jwk(jwk, out));
    if (key_kind_of(*out) != KEY_P256)
        return FAIL(INPUT, "signing_key and encryption_key are P-256 JWKs");
    return key_thumbprint(*out, jkt);
}

static fallible read_body(struct release *r)
{
    static const char *const members[] = { "challenge", "signing_key",       "encryption_key",
                                           "evidence",  "attestation_token", NULL };
    static const char *const members_of_use[] = {
        "challenge", "signing_key", "encryption_key", "evidence", "attestation_token",
        "operation", NULL
    };

    TRY(json_parse_object(r->q->body, &r->body));
    TRY(json_only(r->body, r->for_use ? members_of_use : members));
    TRY(json_get_str(r->body, "challenge", "a challenge is needed: send {} first to get one",
                     &r->challenge_text));
    TRY(json_opt_str(r->body, "attestation_token", "attestation_token is a text",
                     &r->brought_token));
    r->evidence_sent = json_object_get(r->body, "evidence") != NULL;
    if (r->evidence_sent && r->brought_token.len)
        return FAIL(INPUT, "either evidence or attestation_token, not both");
    if (r->brought_token.len > TOKEN_MAX)
        return FAIL(LIMIT, "attestation_token is too long");
    TRY(release_read_use(r));
    TRY(p256_of(r->body, "signing_key", &r->signing, r->signing_jkt));
    TRY(p256_of(r->body, "encryption_key", &r->encryption, r->encryption_jkt));
    return digest_text(r->challenge_text, r->challenge_digest);
}

static fallible check_expiry(struct release *r)
{
    if (r->q->now >= r->challenge.expires_at)
        return refuse(r, CODE_CHALLENGE_EXPIRED, "the challenge has expired: ask for a new one");
    return OK;
}

static fallible open_challenge(struct release *r)
{
    struct err e = challenge_open(r->b->secrets.challenge_root, span_str(r->b->kbs_id),
                                  r->challenge_text, &r->challenge);

    if (e.kind == FAIL_DENIED)
        return refuse(r, CODE_CHALLENGE_INVALID,
                      "the challenge is not of this broker, or was changed");
    TRY(e);
    TRY(check_expiry(r));
    if (r->o->code != CODE_OK)
        return OK;
    if (!span_equal_str(r->q->id, r->challenge.key_id))
        return refuse(r, CODE_CHALLENGE_OF_ANOTHER_KEY, "the challenge was made for another key");
    return OK;
}

static fallible check_proof(struct release *r)
{
    bool good = false;
    struct err e =
        proof_check(r->signing, r->q->path, r->challenge_text, r->body_hash, r->q->proof, &good);

    if (e.kind == FAIL_INPUT)
        return refuse(r, CODE_PROOF_INVALID,
                      "header Warder-Proof: a signature by signing_key is needed");
    TRY(e);
    if (!good)
        return refuse(r, CODE_PROOF_INVALID,
                      "the proof is not signing_key's signature over this request");
    r->proved = true;
    return OK;
}

static fallible check_client(struct release *r)
{
    bool good;

    TRY(admit_bearer(r->b, r->q, true, &r->client, &r->has_client, r->o, &good));
    if (!good)
        return OK;
    /* A challenge given to one subject is of no use to another, nor with no token at all. */
    if (strcmp(r->challenge.subject, r->has_client ? r->client.subject : ""))
        return refuse(r, CODE_CHALLENGE_OF_ANOTHER_SUBJECT,
                      "the challenge was given to another subject");
    if (!span_equal_str(tenant_of(r->q, r->has_client ? &r->client : NULL), r->challenge.tenant))
        return refuse(r, CODE_CHALLENGE_OF_ANOTHER_SUBJECT,
                      "the challenge was given to another tenant");
    return OK;
}

/* Over every byte that read_body, open_challenge and check_proof look at. */
static fallible request_digest(struct release *r)
{
    struct buf parts owned(buf_done) = buf_of(256U << 10);

    TRY(sha256(r->q->body, r->body_hash));
    write_part(&parts, r->q->id);
    write_part(&parts, r->q->path);
    write_part(&parts, r->q->proof);
    write_part(&parts, SPAN_OF(r->body_hash));
    TRY(buf_check(&parts));
    return sha256(buf_span(&parts), r->digest);
}

static fallible prove(struct release *r)
{
    struct err e = read_body(r);

    if (e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT)
        return refuse(r, e.kind == FAIL_LIMIT ? CODE_TOO_LARGE : CODE_MALFORMED_REQUEST, e.what);
    TRY(e);
    TRY(open_challenge(r));
    return r->o->code == CODE_OK ? check_proof(r) : OK;
}

fallible release_authenticate(struct release *r)
{
    TRY(request_digest(r));
    r->for_use = broker_is_use(r->q);
    if (planned_take(r->b->planned, r)) {
        TRY(release_read_use(r));
        TRY(check_expiry(r));
    } else {
        TRY(prove(r));
    }
    return r->o->code == CODE_OK ? check_client(r) : OK;
}

static fallible look_up_failure(struct release *r, struct err e, enum code absent,
                                const char *detail)
{
    if (e.kind == FAIL_ABSENT)
        return refuse(r, absent, detail);
    if (e.kind == FAIL_DENIED)
        return refuse(r, CODE_RECORD_TAMPERED, "a stored record was changed outside of the broker");
    return e;
}

fallible release_look_up(struct release *r)
{
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);
    const struct secret *integrity = r->b->secrets.integrity;

    key_entry_done(&r->key);
    policy_entry_done(&r->policy);
    r->has_key = r->has_policy = false;
    r->version = NULL;
    struct err e =
        key_entry_read(s.store, integrity, span_str(r->challenge.tenant), r->q->id, &r->key);
    if (failed(e))
        return look_up_failure(r, e, CODE_KEY_NOT_FOUND, "no such key");
    r->has_key = true;
    TRY(release_choose_version(r));
    if (r->o->code != CODE_OK)
        return OK;
    e = policy_entry_read(s.store, integrity, r->b->policies, span_str(r->challenge.tenant),
                          span_str(r->key.row.link), &r->policy);
    if (failed(e))
        return look_up_failure(r, e, CODE_POLICY_NOT_FOUND, "the key's transfer policy is gone");
    r->has_policy = true;
    TRY(release_check_grant(r));
    if (r->o->code != CODE_OK || !r->policy.policy->max_releases)
        return OK;
    e = release_count_read(s.store, integrity, span_str(r->challenge.tenant), r->q->id, &r->count);
    return failed(e) ? look_up_failure(r, e, CODE_KEY_NOT_FOUND, "no such key") : OK;
}
