// SPDX-License-Identifier: Apache-2.0
/*
 * A resource for a guest of Confidential Containers: a release like any other, decided by the key's
 * own policy. What differs: the guest names a path instead of a key, proves nothing but that it can
 * open the answer, and its token was made for a session of this broker.
 */
#include "base/base64.h"
#include "broker/guest_internal.h"
#include "broker/resource_path.h"
#include "broker/tenant.h"
#include "crypto/jose.h"

#define TAG_SIZE 16

static fallible refuse(struct release *r, enum code code, const char *detail)
{
    return outcome_refuse(r->o, code, detail);
}

fallible release_check_guest(struct release *r)
{
    if (r->guest_protocol.len && r->policy.policy->lease_minutes)
        return refuse(r, CODE_CLIENT_REFUSED,
                      "the key's policy asks for a lease, and guests cannot renew one");
    return OK;
}

/* The guest's own, or that of the session that its cookie names: a cookie is looked at first, and
 * one that is good for nothing does not stand in a token's way. */
static fallible find_token(struct release *r, const struct broker_request *q, const json_t *options,
                           struct guest_session *session)
{
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);
    char digest[DIGEST_TEXT_SIZE];
    struct span cookie = { 0 };

    TRY(json_opt_str(options, "session", "session", &cookie));
    r->brought_token = q->bearer;
    if (cookie.len) {
        TRY(digest_text(cookie, digest));
        struct err e = guest_session_read(s.store, r->b->secrets.integrity,
                                          span_str(r->challenge.tenant), span_str(digest), session);
        if (e.kind != FAIL_ABSENT)
            TRY(e);
    }
    if (session->token.len)
        r->brought_token = session->token;
    return r->brought_token.len
               ? OK
               : refuse(r, CODE_TOKEN_MISSING, "not attested: a session or a token is needed");
}

/* One that was given for a session of ours, and is not past its end. */
static fallible check_session(struct release *r)
{
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);
    struct guest_session had owned(guest_session_done) = { 0 };
    struct err e =
        guest_session_read(s.store, r->b->secrets.integrity, span_str(r->challenge.tenant),
                           r->attestation.challenge, &had);

    if (e.kind == FAIL_ABSENT)
        return refuse(r, CODE_ATTESTATION_TOKEN_INVALID,
                      "the attestation token was not given by this broker: attest again");
    TRY(e);
    if (!span_equal(had.token, r->brought_token) || r->q->now >= had.expires_at)
        return refuse(r, CODE_ATTESTATION_TOKEN_INVALID, "the session is over: attest again");
    return OK;
}

/* The key that the TEE made, out of the token alone. */
static fallible read_tee_key(struct release *r)
{
    struct attestation *a = &r->attestation;

    if (!a->guest_protocol.len || !json_is_object(a->encryption_key) || !a->challenge.len)
        return refuse(r, CODE_ATTESTATION_TOKEN_INVALID,
                      "the attestation token is not one of this protocol");
    if (failed(key_from_jwk(a->encryption_key, &r->encryption)) ||
        failed(key_thumbprint(r->encryption, r->encryption_jkt)))
        return refuse(r, CODE_ATTESTATION_TOKEN_INVALID, "the TEE's key is none that is known");
    if (guest_protocol_is_old(a->guest_protocol) && !r->b->guest_rsa1_5)
        return refuse(r, CODE_PROTOCOL_VERSION,
                      "this broker does not serve versions 0.1.0 and 0.1.1 of the protocol");
    snprintf(r->challenge_digest, sizeof r->challenge_digest, "%.*s", (int)a->challenge.len,
             (const char *)a->challenge.at);
    return OK;
}

static fallible read_token(struct release *r)
{
    enum jwt_fault fault;
    struct err e = attestation_keys_verify(r->b->as, r->brought_token, false, r->q->now,
                                           &r->attestation, &fault);

    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e))
        return fault == JWT_EXPIRED
                   ? refuse(r, CODE_TOKEN_EXPIRED, "the attestation token has expired")
                   : refuse(r, CODE_ATTESTATION_TOKEN_INVALID,
                            "the attestation token is not of the attestation service");
    if (!span_equal_str(r->attestation.tenant, r->challenge.tenant))
        return refuse(r, CODE_ATTESTATION_TOKEN_INVALID,
                      "the attestation token is of another tenant");
    TRY(read_tee_key(r));
    if (r->o->code == CODE_OK)
        TRY(check_session(r));
    if (r->o->code != CODE_OK)
        return OK;
    json_free(r->body);
    r->body = json_incref(r->attestation.all); /* outlives what each attempt reads anew */
    r->guest_protocol = r->attestation.guest_protocol;
    r->proved = true;
    return OK;
}

static fallible find_key(struct release *r, struct span path, char id[UUID_TEXT_SIZE])
{
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);
    struct key_entry key owned(key_entry_done) = { 0 };
    struct err e = resource_path_valid(path)
                       ? resource_path_find(s.store, r->b->secrets.integrity,
                                            span_str(r->challenge.tenant), path, &key)
                       : FAIL(ABSENT, "no such path");

    if (e.kind == FAIL_ABSENT)
        return refuse(r, CODE_KEY_NOT_FOUND, "no such resource");
    if (e.kind == FAIL_DENIED)
        return refuse(r, CODE_RECORD_TAMPERED, "a stored record was changed outside of the broker");
    TRY(e);
    snprintf(id, UUID_TEXT_SIZE, "%s", key.row.id);
    return OK;
}

struct err broker_guest_resource(struct broker *b, const struct broker_request *q,
                                 struct outcome *o)
{
    struct broker_request as_release = *q;
    struct guest_session session owned(guest_session_done) = { 0 };
    json_t *options owned(json_free) = NULL;
    struct release r owned(release_done) = { .b = b, .q = &as_release, .o = o, .at = q->now };
    char id[UUID_TEXT_SIZE] = "";
    struct span tenant = tenant_of(q, NULL);
    bool good;

    if (tenant.len > CHALLENGE_FIELD_MAX)
        return FAIL(LIMIT, "a tenant's name");
    as_release.attestation = as_release.refusal = as_release.bearer = as_release.body =
        (struct span){ 0 };
    snprintf(r.challenge.tenant, sizeof r.challenge.tenant, "%.*s", (int)tenant.len,
             (const char *)tenant.at);
    r.resource_path = q->id;
    TRY(json_parse_object(q->options.len ? q->options : SPAN("{}"), &options));
    TRY(tenant_admit(b, r.challenge.tenant, o, &good));
    if (!good)
        return OK;
    TRY(find_token(&r, q, options, &session));
    if (o->code == CODE_OK)
        TRY(read_token(&r));
    if (o->code != CODE_OK)
        return OK;
    TRY(find_key(&r, q->id, id));
    as_release.id = span_str(id);
    return release_decide_known(&r);
}

/* An empty header is the standard's own members and no other. */
json_t *release_guest_header(const struct release *r)
{
    return guest_protocol_is_old(r->guest_protocol) ? json_pack("{s:s}", "alg", KEY_WRAP_OLD)
                                                    : json_object();
}

const char *release_guest_wrapping(const struct release *r)
{
    if (key_kind_of(r->encryption) != KEY_RSA)
        return WRAPPING_BY_KEYD;
    return guest_protocol_is_old(r->guest_protocol) ? KEY_WRAP_OLD : WRAPPING_RSA;
}

static fallible split(struct span jwe, struct span parts[JOSE_PARTS_MAX])
{
    for (size_t i = 0; i < JOSE_PARTS_MAX; i++) {
        size_t at = span_find(jwe, SPAN("."));
        parts[i] = span_head(jwe, at);
        jwe = span_tail(jwe, at < jwe.len ? at + 1 : at);
    }
    return parts[4].len ? OK : FAIL(SYSTEM, "a wrapped key is not a JWE");
}

/* The header as JSON text, and the tag behind the ciphertext. */
static fallible old_form(const struct span parts[JOSE_PARTS_MAX], json_t *body)
{
    struct buf header owned(buf_done) = buf_of(JOSE_HEADER_MAX);
    struct buf sealed owned(buf_done) = buf_of(SECRET_MAX + TAG_SIZE);

    TRY(base64url_parse(parts[0], &header));
    TRY(base64url_parse(parts[3], &sealed));
    TRY(base64url_parse(parts[4], &sealed));
    json_set_span(body, "protected", buf_span(&header));
    json_set_base64url(body, "ciphertext", buf_span(&sealed));
    json_set_str(body, "tag", "");
    return OK;
}

fallible release_guest_answer(struct release *r, struct span jwe)
{
    struct span parts[JOSE_PARTS_MAX];
    json_t *body owned(json_free) = json_object();

    TRY(split(jwe, parts));
    json_set_span(body, "protected", parts[0]);
    json_set_span(body, "encrypted_key", parts[1]);
    json_set_span(body, "iv", parts[2]);
    json_set_span(body, "ciphertext", parts[3]);
    json_set_span(body, "tag", parts[4]);
    if (guest_protocol_is_old(r->guest_protocol))
        TRY(old_form(parts, body));
    return outcome_answer(r->o, TAKE(body));
}
