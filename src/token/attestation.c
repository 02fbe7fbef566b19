// SPDX-License-Identifier: Apache-2.0
#include "token/attestation.h"

#include <inttypes.h>

#include "base/options.h"
#include "crypto/random.h"
#include "token/ear.h"

static void set_given(json_t *j, const char *name, struct span s)
{
    if (s.len)
        json_set_span(j, name, s);
}

static json_t *thumbprint_json(struct span jkt)
{
    json_t *j = json_object();
    json_set_span(j, "jkt", jkt);
    return j;
}

/* RFC 7800: whose proof makes the token worth something. */
static json_t *confirmation_json(const struct attestation_facts *f)
{
    json_t *j = thumbprint_json(f->signing_jkt);
    if (f->signing_key)
        json_object_set_new(j, "jwk", json_deep_copy(f->signing_key));
    return j;
}

static json_t *encryption_json(const struct attestation_facts *f)
{
    json_t *j = thumbprint_json(f->encryption_jkt);
    if (f->encryption_key)
        json_object_set_new(j, "jwk", json_deep_copy(f->encryption_key));
    return j;
}

static json_t *warder_json(const struct attestation_facts *f)
{
    json_t *w = json_object();
    json_set_span(w, "tenant", f->tenant);
    json_set_str(w, "verdict", f->verified ? "verified" : "refused");
    json_object_set_new(w, "claims", f->claims ? json_deep_copy(f->claims) : json_object());
    json_object_set_new(w, "policies", f->policies ? json_deep_copy(f->policies) : json_array());
    if (f->encryption_jkt.len)
        json_object_set_new(w, "enc", encryption_json(f));
    set_given(w, "guest_protocol", f->guest_protocol);
    set_given(w, "challenge", f->challenge);
    set_given(w, "evidence_digest", f->evidence_digest);
    set_given(w, "collateral_digest", f->collateral_digest);
    if (f->verified)
        return w;
    json_set_str(w, "reason", f->reason ? f->reason : "refused");
    json_object_set_new(w, "failed", f->failed ? json_deep_copy(f->failed) : json_array());
    return w;
}

static struct span first_policy(const json_t *policies)
{
    const json_t *id = json_object_get(json_array_get(policies, 0), "id");
    return span_from(json_string_value(id), json_string_length(id));
}

fallible attestation_decision(const struct attestation_facts *f, json_t **out)
{
    owned(json_free) json_t *j = json_object(), *submods = json_object();
    const struct ear_facts ear = {
        .outcome = f->verified  ? EAR_VERIFIED
                   : f->genuine ? EAR_POLICY_REFUSED
                                : EAR_EVIDENCE_REFUSED,
        .claims = f->claims,
        .measured = f->measured && f->verified,
        .policy_id = first_policy(f->policies),
    };
    json_object_set_new(submods, "tee", ear_submodule(&ear));
    json_object_set(j, "submods", submods);
    json_object_set_new(j, "warder", warder_json(f));
    if (f->verified && f->signing_jkt.len)
        json_object_set_new(j, "cnf", confirmation_json(f));
    set_given(j, "aud", f->audience);
    set_given(j, "eat_nonce", f->nonce);
    if (!json_object_get(submods, "tee") || !json_object_get(j, "submods") ||
        !json_object_get(j, "warder"))
        return FAIL(SYSTEM, "memory for a decision");
    *out = TAKE(j);
    return OK;
}

/* "affirming" or "warning" exactly when verified. */
static bool status_fits(const json_t *decision, bool verified)
{
    const json_t *tee = json_object_get(json_object_get(decision, "submods"), "tee");
    const char *status = json_string_value(json_object_get(tee, "ear.status"));
    if (!status)
        return false;
    return strcmp(status, "contraindicated") == 0 ? !verified : verified;
}

static fallible decision_check(const json_t *decision, bool *verified)
{
    static const char *const members[] = { "aud", "cnf", "eat_nonce", "submods", "warder", NULL };
    const json_t *warder;
    struct span verdict;
    TRY(json_only(decision, members));
    TRY(json_get_object(decision, "warder", "decision: warder", &warder));
    TRY(json_get_str(warder, "verdict", "decision: verdict", &verdict));
    bool good = span_equal_str(verdict, "verified");
    if (!good && !span_equal_str(verdict, "refused"))
        return FAIL(INPUT, "decision: verdict");
    if (!status_fits(decision, good) || (!good && json_object_get(decision, "cnf")))
        return FAIL(INPUT, "decision contradicts itself");
    *verified = good;
    return OK;
}

bool attestation_audience_listed(const char *audiences, struct span audience)
{
    struct span rest = span_str(audiences ? audiences : ATTESTATION_AUDIENCE);
    while (rest.len && audience.len) {
        struct span word = span_head(rest, span_find(rest, SPAN(" ")));
        if (span_equal(word, audience))
            return true;
        rest = span_tail(rest, word.len < rest.len ? word.len + 1 : word.len);
    }
    return false;
}

static fallible audience_check(const json_t *decision, const struct attestation_terms *terms,
                               bool *named)
{
    struct span audience = SPAN(ATTESTATION_AUDIENCE);
    TRY(json_opt_str(decision, "aud", "decision: audience", &audience));
    if (audience.len > ATTESTATION_AUDIENCE_MAX ||
        !attestation_audience_listed(terms->audiences, audience))
        return FAIL(INPUT, "decision: audience");
    *named = json_object_get(decision, "aud") != NULL;
    return OK;
}

/* Behind the members of a decision, which has none of these. */
static fallible add_stamp(const struct attestation_terms *terms, int64_t now, bool audience_named,
                          struct buf *claims)
{
    char id[UUID_TEXT_SIZE];
    TRY(random_uuid(id));
    if (!audience_named)
        buf_add(claims, SPAN(",\"aud\":\"" ATTESTATION_AUDIENCE "\""));
    buf_addf(claims,
             ",\"ear.verifier-id\":{\"developer\":\"https://"
             "warder.dev\",\"build\":\"warder " WARDER_VERSION
             "\"},\"eat_profile\":\"" ATTESTATION_PROFILE "\",\"iss\":\"" ATTESTATION_ISSUER
             "\",\"jti\":\"%s\",\"iat\":%" PRId64 ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64 "}",
             id, now, now, now + terms->lifetime);
    return buf_check(claims);
}

/* Up to the bracket that closes it. */
static struct span members_of(struct span object)
{
    while (object.len && object.at[object.len - 1] != '}')
        object.len--;
    return span_head(object, object.len - 1);
}

fallible attestation_issue(const struct key *k, struct span decision,
                           const struct attestation_terms *terms, int64_t now, struct buf *out,
                           bool *refusal)
{
    struct buf claims owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    owned(json_free) json_t *read = NULL;
    bool verified, named;
    TRY(json_parse_object(decision, &read));
    TRY(decision_check(read, &verified));
    TRY(audience_check(read, terms, &named));
    buf_add(&claims, members_of(decision));
    TRY(add_stamp(terms, now, named, &claims));
    TRY(jwt_sign_text(k, verified ? ATTESTATION_TYP : REFUSAL_TYP, buf_span(&claims), out));
    *refusal = !verified;
    return OK;
}

static fallible read_thumbprint(const json_t *j, const char *name, struct span *out)
{
    const json_t *holder = json_object_get(j, name);
    if (!holder)
        return OK;
    TRY(json_get_str(holder, "jkt", "token: thumbprint", out));
    return out->len == THUMBPRINT_TEXT_SIZE - 1 ? OK : FAIL(INPUT, "token: thumbprint");
}

static fallible read_warder(const json_t *w, struct attestation *a)
{
    struct span verdict;
    TRY(json_get_str(w, "tenant", "token: tenant", &a->tenant));
    TRY(json_get_str(w, "verdict", "token: verdict", &verdict));
    TRY(json_get_object(w, "claims", "token: claims", &a->claims));
    TRY(json_get_array(w, "policies", "token: policies", &a->policies));
    TRY(json_opt_str(w, "challenge", "token: challenge", &a->challenge));
    TRY(json_opt_str(w, "evidence_digest", "token: evidence digest", &a->evidence_digest));
    TRY(json_opt_str(w, "collateral_digest", "token: collateral digest", &a->collateral_digest));
    TRY(json_opt_str(w, "reason", "token: reason", &a->reason));
    TRY(read_thumbprint(w, "enc", &a->encryption_jkt));
    TRY(json_opt_str(w, "guest_protocol", "token: protocol", &a->guest_protocol));
    a->encryption_key = json_object_get(json_object_get(w, "enc"), "jwk");
    a->failed = json_object_get(w, "failed");
    a->verified = span_equal_str(verdict, "verified");
    if (!a->verified && !span_equal_str(verdict, "refused"))
        return FAIL(INPUT, "token: verdict");
    return OK;
}

static fallible read_all(struct attestation *a, bool verified)
{
    const json_t *warder;
    struct span profile;
    uint64_t issued, expires;
    TRY(json_get_str(a->all, "eat_profile", "token: profile", &profile));
    TRY(json_get_str(a->all, "jti", "token: jti", &a->jti));
    TRY(json_get_u64(a->all, "iat", INT64_MAX / 2, "token: iat", &issued));
    TRY(json_get_u64(a->all, "exp", INT64_MAX / 2, "token: exp", &expires));
    TRY(json_get_object(a->all, "warder", "token: warder", &warder));
    TRY(read_warder(warder, a));
    TRY(read_thumbprint(a->all, "cnf", &a->signing_jkt));
    if (!span_equal_str(profile, ATTESTATION_PROFILE) || a->verified != verified ||
        !status_fits(a->all, verified))
        return FAIL(INPUT, "token: profile or status");
    a->issued = (int64_t)issued;
    a->expires = (int64_t)expires;
    return OK;
}

static fallible statement_verify(struct span text, const struct jwks *keys, bool verified,
                                 int64_t now, struct attestation *out, enum jwt_fault *fault)
{
    struct attestation a owned(attestation_done) = { 0 };
    TRY(jwt_verify(text, keys, verified ? ATTESTATION_TYP : REFUSAL_TYP, ATTESTATION_ISSUER,
                   ATTESTATION_AUDIENCE, now, &a.all, fault));
    struct err e = read_all(&a, verified);
    if (failed(e)) {
        if (fault)
            *fault = JWT_MALFORMED;
        return e;
    }
    *out = a;
    a = (struct attestation){ 0 };
    return OK;
}

fallible attestation_verify(struct span text, const struct jwks *keys, int64_t now,
                            struct attestation *out, enum jwt_fault *fault)
{
    return statement_verify(text, keys, true, now, out, fault);
}

fallible refusal_verify(struct span text, const struct jwks *keys, int64_t now,
                        struct attestation *out, enum jwt_fault *fault)
{
    return statement_verify(text, keys, false, now, out, fault);
}

void attestation_done(struct attestation *a)
{
    json_free(a->all);
    *a = (struct attestation){ 0 };
}
