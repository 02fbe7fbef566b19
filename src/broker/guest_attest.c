// SPDX-License-Identifier: Apache-2.0
/*
 * The handshake of guests of Confidential Containers (docs/confidential-containers.md): a sealed
 * challenge, which is the session's cookie and whose digest is the nonce; then the attestation
 * service's word on evidence for that nonce, which spends the challenge and begins the session.
 */
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "broker/audit.h"
#include "broker/guest_internal.h"
#include "broker/resource_path.h"
#include "broker/spent.h"
#include "broker/tenant.h"

#define WHAT "guest/"

bool guest_protocol_is_old(struct span protocol)
{
    return span_equal_str(protocol, "0.1.0") || span_equal_str(protocol, "0.1.1");
}

static bool protocol_known(struct span protocol)
{
    static const char *const known[] = { "0.1.0", "0.1.1", "0.2.0", "0.3.0", "0.4.0" };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (span_equal_str(protocol, known[i]))
            return true;
    return false;
}

struct greeting {
    json_t *options; /* owned */
    struct span protocol, tee;
};
static void greeting_donep(struct greeting *g)
{
    json_free(g->options);
}

static fallible read_greeting(const struct broker_request *q, struct greeting *g)
{
    TRY(json_parse_object(q->options, &g->options));
    TRY(json_get_str(g->options, "version", "version is missing", &g->protocol));
    TRY(json_get_str(g->options, "tee", "tee is missing", &g->tee));
    return g->tee.len && g->tee.len <= GUEST_TEE_MAX && span_find(g->tee, SPAN("/")) == g->tee.len
               ? OK
               : FAIL(INPUT, "tee is not the name of one");
}

static fallible check_version(const struct broker *b, const struct greeting *g, struct outcome *o)
{
    if (!protocol_known(g->protocol))
        return outcome_refuse(
            o, CODE_PROTOCOL_VERSION,
            "the protocol's version is none of 0.1.0, 0.1.1, 0.2.0, 0.3.0, 0.4.0");
    if (guest_protocol_is_old(g->protocol) && !b->guest_rsa1_5)
        return outcome_refuse(
            o, CODE_PROTOCOL_VERSION,
            "this broker does not serve versions 0.1.0 and 0.1.1 of the protocol");
    return OK;
}

/* The nonce: 32 bytes, base64. */
static fallible answer_challenge(const struct challenge *c, struct span text, struct outcome *o)
{
    struct buf nonce owned(buf_done) = buf_of(64);
    uint8_t hash[SHA256_SIZE];
    json_t *body = json_object();

    TRY(sha256(text, hash));
    base64_add(&nonce, SPAN_OF(hash));
    json_set_span(body, "session", text);
    json_set_span(body, "nonce", buf_span(&nonce));
    json_set_int(body, "expires_at", c->expires_at);
    return outcome_answer(o, body);
}

struct err broker_guest_challenge(struct broker *b, const struct broker_request *q,
                                  struct outcome *o)
{
    struct greeting g owned(greeting_done) = { 0 };
    struct buf text owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
    char what[sizeof WHAT + GUEST_VERSION_MAX + GUEST_TEE_MAX + 2];
    struct challenge c;
    bool good;

    char *tenant owned(free) = span_dup(tenant_of(q, NULL));
    if (!tenant)
        return FAIL(SYSTEM, "out of memory");
    TRY(tenant_admit(b, tenant, o, &good));
    if (!good)
        return OK;
    struct err e = read_greeting(q, &g);
    if (e.kind == FAIL_INPUT)
        return outcome_refuse(o, CODE_MALFORMED_REQUEST, e.what);
    TRY(e);
    TRY(check_version(b, &g, o));
    if (o->code != CODE_OK)
        return OK;
    snprintf(what, sizeof what, WHAT "%.*s/%.*s", (int)g.protocol.len, (const char *)g.protocol.at,
             (int)g.tee.len, (const char *)g.tee.at);
    TRY(challenge_for(b, span_str(what), NULL, tenant, q->now, &c, &text));
    return answer_challenge(&c, buf_span(&text), o);
}

static bool split_name(const char *name, struct guest_challenge *g)
{
    return !strncmp(name, WHAT, strlen(WHAT)) &&
           sscanf(name + strlen(WHAT), "%16[^/]/%32[^/]", g->protocol, g->tee) == 2;
}

fallible guest_challenge_open(struct broker *b, const struct broker_request *q, struct span text,
                              struct guest_challenge *out, struct outcome *o)
{
    struct guest_challenge g = { 0 };
    struct err e =
        challenge_open(b->secrets.challenge_root, span_str(b->kbs_id), text, &g.challenge);

    if (e.kind == FAIL_DENIED || (!failed(e) && !split_name(g.challenge.key_id, &g)))
        return outcome_refuse(o, CODE_CHALLENGE_INVALID, "the session is not of this broker");
    TRY(e);
    if (q->now >= g.challenge.expires_at)
        return outcome_refuse(o, CODE_CHALLENGE_EXPIRED, "the session has expired");
    if (!span_equal_str(tenant_of(q, NULL), g.challenge.tenant))
        return outcome_refuse(o, CODE_CHALLENGE_INVALID, "the session is of another tenant");
    TRY(digest_text(text, g.digest));
    *out = g;
    return OK;
}

struct attesting {
    struct broker *b;
    const struct broker_request *q;
    struct outcome *o;
    json_t *options;
    struct span session, nonce;
    char jkt[THUMBPRINT_TEXT_SIZE]; /* of the TEE's key */
    struct guest_challenge g;
    struct attestation attestation;
    json_t *record;
    bool again;
};
static void attesting_donep(struct attesting *a)
{
    json_free(a->options);
    json_free(a->record);
    attestation_done(&a->attestation);
}

static fallible read_options(struct attesting *a)
{
    struct key *key owned(key_free) = NULL;
    const json_t *jwk;

    TRY(json_parse_object(a->q->options, &a->options));
    TRY(json_get_str(a->options, "session", "session cookie is missing", &a->session));
    TRY(json_opt_str(a->options, "nonce", "nonce is a text", &a->nonce));
    TRY(json_get_object(a->options, "tee_pubkey", "tee-pubkey is missing", &jwk));
    TRY(key_from_jwk(jwk, &key));
    return key_thumbprint(key, a->jkt);
}

/* 0.1.x and 0.2.0 send no nonce back: there the hardware's word on it is all, and enough. */
static fallible check_nonce(struct attesting *a)
{
    struct buf bytes owned(buf_done) = buf_of(64);
    char hex[2 * SHA256_SIZE + 1], text[DIGEST_TEXT_SIZE];

    if (a->nonce.len && (failed(base64_parse(a->nonce, &bytes)) || bytes.len != SHA256_SIZE))
        return outcome_refuse(a->o, CODE_CHALLENGE_INVALID, "the nonce is not the session's");
    if (!a->nonce.len)
        return OK;
    snprintf(text, sizeof text, "sha256:%s", hex_str(buf_span(&bytes), hex));
    return strcmp(text, a->g.digest)
               ? outcome_refuse(a->o, CODE_CHALLENGE_INVALID, "the nonce is not the session's")
               : OK;
}

static fallible begin(struct attesting *a)
{
    struct err e = read_options(a);

    if (e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT)
        return outcome_refuse(a->o, CODE_MALFORMED_REQUEST, e.what);
    TRY(e);
    TRY(guest_challenge_open(a->b, a->q, a->session, &a->g, a->o));
    return a->o->code == CODE_OK ? check_nonce(a) : OK;
}

static fallible answer_token(struct attesting *a, struct span token, int64_t expires_at)
{
    json_t *body = json_object();

    json_set_span(body, "token", token);
    json_set_int(body, "expires_at", expires_at);
    return outcome_answer(a->o, body);
}

/* A guest that did not get its answer may ask again: the key must be the one that was attested. */
static fallible answer_again(struct attesting *a, bool *done)
{
    struct borrowed_store s owned(store_give) = store_borrow(a->b->readers);
    struct guest_session had owned(guest_session_done) = { 0 };
    enum jwt_fault fault;
    struct err e = guest_session_read(s.store, a->b->secrets.integrity,
                                      span_str(a->g.challenge.tenant), span_str(a->g.digest), &had);

    *done = e.kind != FAIL_ABSENT;
    if (e.kind == FAIL_ABSENT)
        return OK;
    TRY(e);
    attestation_done(&a->attestation);
    e = attestation_keys_verify(a->b->as, had.token, false, a->q->now, &a->attestation, &fault);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e) || a->q->now >= had.expires_at)
        return outcome_refuse(a->o, CODE_CHALLENGE_EXPIRED, "the session has expired");
    if (!span_equal_str(a->attestation.encryption_jkt, a->jkt))
        return outcome_refuse(a->o, CODE_CHALLENGE_SPENT,
                              "the session was attested with another key");
    return answer_token(a, had.token, had.expires_at);
}

static fallible make_plan(struct attesting *a, json_t **out)
{
    struct borrowed_store s owned(store_give) = store_borrow(a->b->readers);
    json_t *ids = NULL;
    struct buf nonce owned(buf_done) = buf_of(64);
    uint8_t hash[SHA256_SIZE];

    TRY(sha256(a->session, hash));
    base64_add(&nonce, SPAN_OF(hash));
    TRY(resource_policy_ids(s.store, a->b->secrets.integrity, a->b->policies,
                            span_str(a->g.challenge.tenant), &ids));
    json_t *plan = json_object();
    json_set_str(plan, "tenant", a->g.challenge.tenant);
    json_set_str(plan, "protocol", a->g.protocol);
    json_set_str(plan, "tee", a->g.tee);
    json_set_span(plan, "nonce", buf_span(&nonce));
    json_object_set_new(plan, "policy_ids_if_met", ids);
    *out = plan;
    return OK;
}

struct err broker_guest_attest(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct attesting a owned(attesting_done) = { .b = b, .q = q, .o = o };
    json_t *plan = NULL;
    bool done;

    TRY(begin(&a));
    if (o->code != CODE_OK)
        return OK;
    TRY(answer_again(&a, &done));
    if (done)
        return OK;
    TRY(make_plan(&a, &plan));
    TRY(outcome_answer(o, plan));
    o->code = CODE_APPRAISE;
    return OK;
}

static const char *token_fault(const struct attesting *a)
{
    const struct attestation *t = &a->attestation;

    if (!span_equal_str(t->tenant, a->g.challenge.tenant))
        return "the attestation token is of another tenant";
    if (!span_equal_str(t->challenge, a->g.digest))
        return "the attestation token answers another session";
    if (!span_equal_str(t->encryption_jkt, a->jkt) || t->signing_jkt.len || !t->encryption_key)
        return "the attestation token is bound to another key";
    if (!span_equal_str(t->guest_protocol, a->g.protocol))
        return "the attestation token is of another protocol";
    return NULL;
}

static fallible make_record(struct attesting *a)
{
    json_free(a->record);
    a->record = NULL;
    TRY(record_new(a->q, a->g.challenge.tenant, "attest", a->o->code, NULL, &a->record));
    json_set_str(a->record, "guest_protocol", a->g.protocol);
    json_set_str(a->record, "encryption_key", a->jkt);
    json_set_str(a->record, "challenge", a->g.digest);
    if (a->attestation.all)
        record_attestation(a->record, &a->attestation);
    if (a->o->code != CODE_OK)
        json_set_str(a->record, "reason", a->o->detail);
    return OK;
}

static fallible record_refused(struct attesting *a)
{
    if (!record_stranger(a->b, a->q->now))
        return OK;
    TRY(make_record(a));
    return record_commit(a->b, TAKE(a->record), a->q->now);
}

static fallible read_statement(struct attesting *a)
{
    bool refusal = !a->q->attestation.len;
    enum jwt_fault fault;

    if (refusal && !a->q->refusal.len)
        return outcome_refuse(a->o, CODE_EVIDENCE_REFUSED, "evidence refused");
    struct err e = attestation_keys_verify(a->b->as, refusal ? a->q->refusal : a->q->attestation,
                                           refusal, a->q->now, &a->attestation, &fault);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e))
        return outcome_refuse(a->o, CODE_ATTESTATION_TOKEN_INVALID,
                              "the attestation token is not of the attestation service");
    if (refusal)
        return outcome_refuse(a->o, CODE_EVIDENCE_REFUSED, "evidence refused");
    const char *why = token_fault(a);
    return why ? outcome_refuse(a->o, CODE_ATTESTATION_TOKEN_INVALID, why) : OK;
}

static int64_t session_end(const struct attesting *a)
{
    int64_t end = a->attestation.expires, seconds = a->b->session_seconds;
    return seconds && a->attestation.issued + seconds < end ? a->attestation.issued + seconds : end;
}

static struct err begin_session(struct transaction *t, void *context)
{
    struct attesting *a = context;
    bool first;

    TRY(spent_add(t->store, &a->g.challenge, &first));
    a->again = !first;
    if (!first)
        return OK;
    TRY(guest_session_begin(t->store, a->b->secrets.integrity, span_str(a->g.challenge.tenant),
                            span_str(a->g.digest), a->q->attestation, session_end(a)));
    return audit_append(t, a->record, a->q->now);
}

struct err broker_guest_attested(struct broker *b, const struct broker_request *q,
                                 struct outcome *o)
{
    struct attesting a owned(attesting_done) = { .b = b, .q = q, .o = o };
    bool done;

    TRY(begin(&a));
    if (o->code != CODE_OK)
        return OK;
    TRY(read_statement(&a));
    if (o->code != CODE_OK)
        return record_refused(&a);
    TRY(make_record(&a));
    TRY(commit_run(b->committer, begin_session, &a));
    if (!a.again)
        return answer_token(&a, q->attestation, session_end(&a));
    TRY(answer_again(&a, &done));
    return done ? OK : outcome_refuse(o, CODE_CHALLENGE_SPENT, "the session was attested before");
}
