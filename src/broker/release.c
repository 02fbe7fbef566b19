// SPDX-License-Identifier: Apache-2.0
/* The main job: decide, wrap, commit, answer; whatever happens is on record before anything leaves.
 */
#include "base/base64.h"
#include "base/clock.h"
#include "broker/audit.h"
#include "broker/lease.h"
#include "broker/release_internal.h"
#include "broker/spent.h"
#include "crypto/random.h"

#define ATTEMPTS 3 /* when key or policy change between the decision and the commit */

json_t *release_header(const struct release *r)
{
    const struct transfer_policy *p = r->policy.policy;
    json_t *h = json_object();

    json_set_str(h, "typ", "warder-key+jwe");
    json_set_str(h, "cty", key_content_type(&r->key.spec));
    json_set_str(h, "key_id", r->key.row.id);
    json_set_int(h, "key_version", (int64_t)key_versions_current(&r->key.versions)->number);
    key_spec_describe(&r->key.spec, h);
    json_set_span(h, "label", r->key.label);
    json_set_str(h, "policy_digest", p->digest);
    json_set_str(h, "challenge", r->challenge_digest);
    json_set_str(h, "audit_id", r->audit_id);
    json_set_int(h, "lease_minutes", (int64_t)p->lease_minutes);
    return h;
}

/* An oracle otherwise: who is refused could try out what the policy asks for. */
static void explain_to_caller(struct release *r)
{
    char reason[OUTCOME_DETAIL_SIZE];

    if (r->o->code != CODE_OK && r->has_policy && r->policy.policy->explain_to_caller)
        snprintf(r->o->detail, sizeof r->o->detail, "%s", release_reason(r, reason));
}

static void describe_who(const struct release *r, json_t *record)
{
    if (r->has_client)
        record_client(record, &r->client);
    if (r->guest_protocol.len) {
        json_set_span(record, "guest_protocol", r->guest_protocol);
        json_set_span(record, "resource_path", r->resource_path);
        json_set_str(record, "encryption_key", r->encryption_jkt);
    } else {
        json_set_str(record, "signing_key", r->signing_jkt);
    }
    json_set_str(record, "challenge", r->challenge_digest);
}

static fallible record_of(const struct release *r, json_t **out)
{
    enum code code = r->o->code;
    json_t *record = NULL;

    TRY(record_new(r->q, r->challenge.tenant, r->for_use ? "use" : "release", code, r->audit_id,
                   &record));
    describe_who(r, record);
    json_set_span(record, "key_id", r->q->id);
    if (r->has_key)
        record_key(record, &r->key);
    if (r->has_key && r->version)
        json_set_int(record, "key_version", (int64_t)r->version->number);
    if (r->has_policy) {
        json_set_int(record, "policy_version", (int64_t)r->policy.row.version);
        json_set_str(record, "policy_digest", r->policy.policy->digest);
        json_set_str(record, "level", attestation_level_name(r->policy.policy->attestation));
    }
    if (r->attestation.all)
        record_attestation(record, &r->attestation);
    if (r->attested)
        json_set_bool(record, "fresh", r->fresh);
    if (r->checks)
        json_object_set(record, "checks", r->checks);
    if (code != CODE_OK) {
        char reason[OUTCOME_DETAIL_SIZE];
        json_set_str(record, "reason", release_reason(r, reason));
    }
    if (r->would_refuse != CODE_OK)
        json_set_str(record, "would_refuse", code_word(r->would_refuse));
    if (r->change)
        json_object_set(record, "smallest_change", r->change);
    if (r->judged)
        json_object_set_new(record, "facts", release_facts(r, record));
    struct err e = r->for_use ? release_describe_use(r, record) : OK;
    if (failed(e))
        json_free(record);
    else
        *out = record;
    return e;
}

/* Refusals of strangers are sampled: who has neither a token of aasd nor a verdict of the
 * attestation service. */
fallible release_record_refusal(struct release *r)
{
    json_t *record = NULL;

    /* Somebody without the attested key tries to have a key used: worth a record, if not each. */
    bool tried_to_use = r->for_use && r->o->code == CODE_PROOF_INVALID;

    if (!r->proved && !tried_to_use)
        return OK;
    if (!r->has_client && !r->attested && !record_stranger(r->b, r->q->now))
        return OK;
    TRY(record_of(r, &record));
    return record_commit(r->b, record, r->q->now);
}

static const char spent_text[] = "the challenge was used before: ask for a new one";

struct commitment {
    struct release *r;
    json_t *record;
    bool spent_before;
};

static fallible unchanged(struct store *s, enum row_table table, const struct row *r)
{
    uint64_t version;

    TRY(row_version(s, table, span_str(r->tenant), span_str(r->id), &version));
    return version == r->version ? OK : FAIL(CONFLICT, "the key or its policy changed meanwhile");
}

/* FAIL_CONFLICT: others were faster, and it has been released as often as it may; the next look
 * says so. */
static fallible count(struct transaction *t, struct release *r, json_t *record)
{
    const struct secret *integrity = r->b->secrets.integrity;
    struct span tenant = span_str(r->key.row.tenant), id = span_str(r->key.row.id);
    struct release_count c;

    TRY(release_count_read(t->store, integrity, tenant, id, &c));
    if (c.releases >= r->policy.policy->max_releases)
        return FAIL(CONFLICT, "the key was released meanwhile");
    json_set_int(record, "release_number", (int64_t)c.releases + 1);
    TRY(audit_append(t, record, r->q->now));
    return release_count_add(t->store, integrity, tenant, id, &c,
                             json_integer_value(json_object_get(record, "seq")));
}

static fallible begin_lease(struct store *s, const struct release *r)
{
    const struct lease_facts f = {
        .tenant = r->key.row.tenant,
        .id = r->audit_id,
        .key_id = r->key.row.id,
        .signing_jkt = r->signing_jkt,
        .key_version = key_entry_version(&r->key),
        .policy_version = r->policy.row.version,
        .minutes = r->policy.policy->lease_minutes,
        .claims = r->attested ? r->attestation.claims : NULL,
        .attestation_expires = r->attested ? r->attestation.expires : 0,
        .now = r->q->now,
    };
    return f.minutes ? lease_begin(s, r->b->secrets.integrity, &f) : OK;
}

/* One transaction: what was decided on still stands, the challenge is spent by this release alone,
 * and it is on record. */
static struct err commit_release(struct transaction *t, void *context)
{
    struct commitment *c = context;
    struct release *r = c->r;
    bool first = true;

    TRY(unchanged(t->store, ROW_KEYS, &r->key.row));
    TRY(unchanged(t->store, ROW_POLICIES, &r->policy.row));
    if (!r->guest_protocol.len) /* whose challenge its session has spent */
        TRY(spent_add(t->store, &r->challenge, &first));
    if (!first) {
        c->spent_before = true;
        json_set_str(c->record, "decision", "refused");
        json_set_str(c->record, "code", code_word(CODE_CHALLENGE_SPENT));
        return audit_append(t, c->record, r->q->now);
    }
    TRY(begin_lease(t->store, r));
    return r->policy.policy->max_releases ? count(t, r, c->record)
                                          : audit_append(t, c->record, r->q->now);
}

static fallible commit(struct release *r)
{
    json_t *record owned(json_free) = NULL;
    struct commitment c = { .r = r };

    TRY(record_of(r, &record));
    c.record = record;
    TRY(commit_run(r->b->committer, commit_release, &c));
    return c.spent_before ? outcome_refuse(r->o, CODE_CHALLENGE_SPENT, spent_text) : OK;
}

static fallible answer(struct release *r, struct span jwe)
{
    if (r->guest_protocol.len)
        return release_guest_answer(r, jwe);
    struct buf jws owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    json_t *header owned(json_free) =
        json_pack("{s:s,s:s}", "typ", r->for_use ? "warder-use+jwt" : "warder-answer+jwt", "kid",
                  r->b->secrets.release_kid);
    json_t *body = NULL;
    char time[CLOCK_TEXT_MAX];

    TRY(jws_sign(r->b->secrets.release, header, jwe, &jws));
    body = json_object();
    json_set_str(body, "key_id", r->key.row.id);
    json_set_int(body, "version", (int64_t)r->version->number);
    json_set_span(body, "answer", buf_span(&jws));
    if (r->attested && r->fresh) { /* one that was brought along the client has */
        json_set_span(body, "attestation_token", r->q->attestation);
        json_set_str(body, "attestation_token_expires_at",
                     clock_format(r->attestation.expires, time));
    }
    return outcome_answer(r->o, body);
}

static fallible judge_wrapping(struct release *r, const char *wrapping)
{
    enum code code = CODE_OK;

    TRY(transfer_policy_check_wrapping(r->policy.policy, wrapping, r->checks, &code));
    return code == CODE_OK
               ? OK
               : outcome_refuse(r->o, code, "the key's policy does not allow how it is wrapped");
}

/* What an HSM has wrapped itself says so in its header. */
static fallible check_wrapping(struct release *r, struct span jwe)
{
    struct buf text owned(buf_done) = buf_of(JOSE_HEADER_MAX);
    json_t *header owned(json_free) = NULL;

    if (!r->policy.policy->wrappings)
        return OK;
    if (r->guest_protocol.len)
        return judge_wrapping(r, release_guest_wrapping(r));
    TRY(base64url_parse(span_head(jwe, span_find(jwe, SPAN("."))), &text));
    TRY(json_parse_object(buf_span(&text), &header));
    return judge_wrapping(r, json_object_get(header, "inner") ? WRAPPING_IN_HSM : WRAPPING_BY_KEYD);
}

static fallible wrap(struct release *r, struct buf *jwe)
{
    json_t *header owned(json_free) =
        r->guest_protocol.len ? release_guest_header(r) : release_header(r);
    struct key_ref ref = key_entry_ref(&r->key, key_versions_current(&r->key.versions));
    struct err e =
        key_service_wrap_to(r->b->manager, &ref, &r->key.spec, r->encryption, header, jwe);

    /* Only "try again" is for the caller; a key that is not there or is another is for the
     * operator. */
    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(r->o, CODE_KEY_NOT_FOUND, "the key manager does not hold this key");
    if (e.kind == FAIL_INPUT)
        return outcome_refuse(r->o, CODE_KEY_REFUSED,
                              "the key manager holds another kind of key under this reference");
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(r->o, CODE_KEY_REFUSED,
                              "the key manager does not let this key leave");
    TRY(e);
    return check_wrapping(r, buf_span(jwe));
}

/* Once through; FAIL_CONFLICT: look again. */
static fallible attempt(struct release *r)
{
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);

    TRY(release_look_up(r));
    if (r->o->code == CODE_OK)
        TRY(release_decide(r));
    if (r->o->code == CODE_OK)
        TRY(release_check_guest(r));
    if (r->o->code == CODE_OK)
        TRY(r->for_use ? release_use(r, &jwe) : wrap(r, &jwe));
    if (r->o->code != CODE_OK)
        return release_record_refusal(r);
    TRY(commit(r));
    return r->o->code == CODE_OK ? answer(r, buf_span(&jwe)) : OK;
}

static fallible is_spent(struct release *r, bool *spent)
{
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);
    return spent_has(s.store, &r->challenge, spent);
}

json_t *release_plan(const struct release *r)
{
    json_t *body = json_object();

    json_set_str(body, "tenant", r->challenge.tenant);
    json_set_str(body, "attestation", attestation_level_name(r->policy.policy->attestation));
    json_object_set(body, "policy_ids", (json_t *)r->policy.policy->policy_ids);
    return body;
}

/* Before the attestation service is troubled with evidence: this request has a challenge of ours,
 * not spent yet, and a proof. */
static fallible plan(struct release *r)
{
    bool spent;

    TRY(release_look_up(r));
    if (r->o->code == CODE_OK)
        TRY(is_spent(r, &spent));
    if (r->o->code == CODE_OK && spent)
        TRY(outcome_refuse(r->o, CODE_CHALLENGE_SPENT, spent_text));
    if (r->o->code != CODE_OK)
        return release_record_refusal(r);
    TRY(outcome_answer(r->o, release_plan(r)));
    planned_keep(r->b->planned, r);
    r->o->code = CODE_APPRAISE;
    return OK;
}

static fallible decide_and_answer(struct release *r)
{
    struct err e = attempt(r);

    for (int i = 1; i < ATTEMPTS && e.kind == FAIL_CONFLICT; i++)
        e = attempt(r);
    if (e.kind == FAIL_CONFLICT) {
        TRY(outcome_refuse(r->o, CODE_CHANGED_MEANWHILE,
                           "the key or its policy keeps changing: try again"));
        e = release_record_refusal(r);
    }
    TRY(e);
    explain_to_caller(r);
    return OK;
}

fallible release_decide_known(struct release *r)
{
    TRY(random_uuid_ordered(clock_now_us(), r->audit_id));
    return r->o->code == CODE_OK ? decide_and_answer(r) : release_record_refusal(r);
}

/* What the front end says here can refuse a key, never release one. */
static fallible refuse_without_policy(struct release *r)
{
    TRY(release_look_up(r));
    if (r->o->code == CODE_OK)
        TRY(outcome_refuse(r->o, CODE_POLICY_NOT_FOUND,
                           "the key's policy names an appraisal policy that does not exist"));
    return release_record_refusal(r);
}

static struct err run(struct release *r)
{
    r->at = r->q->now;
    TRY(random_uuid_ordered(clock_now_us(), r->audit_id));
    TRY(release_authenticate(r));
    if (r->o->code != CODE_OK)
        return release_record_refusal(r);
    if (r->without_policy)
        return refuse_without_policy(r);
    return r->evidence_sent && !r->appraised ? plan(r) : decide_and_answer(r);
}

struct err broker_release(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct broker_request unappraised = *q;
    unappraised.attestation = unappraised.refusal = (struct span){ 0 };
    struct release r owned(release_done) = { .b = b, .q = &unappraised, .o = o };
    return run(&r);
}

struct err broker_release_appraised(struct broker *b, const struct broker_request *q,
                                    struct outcome *o)
{
    struct release r owned(release_done) = { .b = b, .q = q, .o = o, .appraised = true };
    return run(&r);
}

struct err broker_release_without_policy(struct broker *b, const struct broker_request *q,
                                         struct outcome *o)
{
    struct broker_request unappraised = *q;
    unappraised.attestation = unappraised.refusal = (struct span){ 0 };
    struct release r owned(release_done) = {
        .b = b, .q = &unappraised, .o = o, .appraised = true, .without_policy = true
    };
    return run(&r);
}
