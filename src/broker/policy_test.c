// SPDX-License-Identifier: Apache-2.0
/*
 * What would happen: a key's policy, or another one in its place, against evidence, claims, or the
 * facts of a recorded request. Nothing is released, counted, leased or spent; that it was asked is
 * on record. What decides is release_judge(), as for a release.
 */
#include "base/clock.h"
#include "broker/audit.h"
#include "broker/release_internal.h"
#include "broker/tenant.h"
#include "crypto/x509.h"

#define PERMISSION "key_transfer_policies:test"
#define PERMISSIONS_MAX 64
#define RECORD_ID_MAX 64

struct trial {
    struct broker *b;
    const struct broker_request *q; /* the question */
    struct bearer who;
    json_t *body, *record;
    struct broker_request request; /* of the client that is thought of */
    struct outcome outcome;        /* what that one would get */
    struct release r;
    bool appraised;
};

static void trial_done(struct trial *t)
{
    release_done(&t->r);
    outcome_done(&t->outcome);
    bearer_done(&t->who);
    json_free(t->body);
    json_free(t->record);
}
static inline void trial_donep(struct trial *t)
{
    trial_done(t);
}

/* ---- the question ---- */

static fallible read_members(struct trial *t)
{
    static const char *const members[] = { "evidence", "claims", "record", "policy",
                                           "client",   "at",     NULL };
    json_t *body;

    TRY(json_parse_object(t->q->body, &t->body));
    body = t->body;
    TRY(json_only(body, members));
    const json_t *evidence = json_object_get(body, "evidence"),
                 *claims = json_object_get(body, "claims"),
                 *record = json_object_get(body, "record");
    if (!!evidence + !!claims + !!record > 1)
        return FAIL(INPUT, "at most one of evidence, claims and record");
    struct span id = { 0 };
    TRY(json_opt_str(body, "record", "record is the id of an audit record", &id));
    if (id.len > RECORD_ID_MAX)
        return FAIL(INPUT, "record is the id of an audit record");
    if (record && json_object_get(body, "client"))
        return FAIL(INPUT, "a record has its client: leave the member client out");
    if (claims && !json_is_object(claims))
        return FAIL(INPUT, "claims are an object");
    t->r.evidence_sent = evidence != NULL;
    return OK;
}

static fallible read_time(struct trial *t)
{
    struct span text = { 0 };

    TRY(json_opt_str(t->body, "at", "at is a time as 2026-11-23T12:00:00Z", &text));
    if (text.len && (failed(clock_parse_rfc3339(text, &t->r.at)) || t->r.at < 0))
        return FAIL(INPUT, "at is a time as 2026-11-23T12:00:00Z");
    return OK;
}

/* A token with the role KBS:KeyTransfer; without the member the client has no token. */
static fallible read_permissions(struct trial *t, const json_t *client)
{
    const json_t *list = json_object_get(client, "permissions"), *one;
    struct buf context owned(buf_done) = buf_of(16U << 10);
    size_t i;

    if (!list)
        return OK;
    if (!json_is_array(list) || json_array_size(list) > PERMISSIONS_MAX)
        return FAIL(INPUT, "permissions are a list of at most 64 texts");
    buf_add_str(&context, "permissions=");
    json_array_foreach(list, i, one)
    {
        if (!json_string_length(one) || strchr(json_string_value(one), ','))
            return FAIL(INPUT, "permissions are non-empty texts without a comma");
        buf_addf(&context, "%s%s", i ? "," : "", json_string_value(one));
    }
    TRY(buf_check(&context));
    t->r.has_client = true;
    t->r.client.claims =
        json_pack("{s:[{s:s,s:s,s:s}],s:[]}", "roles", "service", BROKER_SERVICE, "name",
                  BROKER_FETCHER, "context", buf_str(&context), "permissions");
    return t->r.client.claims ? OK : FAIL(INPUT, "permissions are UTF-8 texts");
}

static fallible read_certificate(struct trial *t, const json_t *client)
{
    struct chain chain owned(chain_done) = { 0 };
    struct buf issuer owned(buf_done) = buf_of(512), subject owned(buf_done) = buf_of(512);
    struct span pem = { 0 };

    TRY(json_opt_str(client, "certificate", "certificate is PEM", &pem));
    if (pem.len && failed(chain_from_pem(pem, &chain)))
        return FAIL(INPUT, "certificate is PEM");
    if (chain.count)
        TRY(client_names(cert_der(chain.certs[0]), &issuer, &subject));
    t->r.certificate_issuer = buf_take_str(&issuer);
    t->r.certificate_subject = buf_take_str(&subject);
    return t->r.certificate_issuer && t->r.certificate_subject ? OK : FAIL(SYSTEM, "out of memory");
}

static fallible read_client(struct trial *t)
{
    static const char *const members[] = { "permissions", "certificate", "source", NULL };
    const json_t *client = json_object_get(t->body, "client");

    if (!client)
        return OK;
    if (!json_is_object(client))
        return FAIL(INPUT, "client is an object");
    TRY(json_only(client, members));
    TRY(json_opt_str(client, "source", "source is an address", &t->request.source));
    TRY(read_permissions(t, client));
    return read_certificate(t, client);
}

static fallible read_question(struct trial *t)
{
    TRY(read_members(t));
    TRY(read_client(t));
    return read_time(t);
}

/* ---- what is judged, and by what ---- */

static fallible read_record(struct trial *t, struct outcome *o)
{
    struct borrowed_store s owned(store_give) = store_borrow(t->b->readers);
    const json_t *wanted = json_object_get(t->body, "record");
    struct span id = span_str(json_string_value(wanted));
    struct err e = id.len ? audit_read(s.store, span_str(t->who.tenant), id, &t->record)
                          : FAIL(ABSENT, "no such record");

    if (e.kind == FAIL_ABSENT ||
        (!failed(e) &&
         !span_equal_str(t->q->id, json_string_value(json_object_get(t->record, "key_id")))))
        return outcome_refuse(o, CODE_RECORD_NOT_FOUND, "no such audit record of this key");
    TRY(e);
    int64_t at = t->r.at;
    e = release_recall(&t->r, t->record);
    if (e.kind == FAIL_INPUT)
        return outcome_refuse(o, CODE_RECORD_NOT_REPLAYABLE, e.what);
    TRY(e);
    t->request.source =
        span_str(json_string_value(json_object_get(json_object_get(t->record, "facts"), "source")));
    if (json_object_get(t->body, "at"))
        t->r.at = at;
    return OK;
}

/* As if the attestation service had said so. */
static fallible believe_claims(struct trial *t, const json_t *claims)
{
    json_t *applied = json_array();
    const json_t *id;
    size_t i;

    json_array_foreach(t->r.policy.policy->policy_ids, i, id)
        json_array_append_new(applied, json_pack("{s:O}", "id", id));
    struct attestation *a = &t->r.attestation;
    a->all = json_pack("{s:{s:{s:s}},s:o,s:O}", "submods", "tee", "ear.status", "affirming",
                       "policies", applied, "claims", claims);
    if (!a->all)
        return FAIL(SYSTEM, "out of memory");
    a->claims = json_object_get(a->all, "claims");
    a->policies = applied;
    t->r.attested = true;
    return OK;
}

static fallible use_policy_of_question(struct trial *t, struct outcome *o)
{
    json_t *document = json_object_get(t->body, "policy");
    struct transfer_policy *p owned(transfer_policy_free) = NULL;
    char *message owned(free) = NULL;

    if (!document)
        return OK;
    struct err e = json_is_object(document) ? transfer_policy_parse(document, &p, &message)
                                            : FAIL(INPUT, "policy is an object");
    if (e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT)
        return outcome_refuse(o, CODE_MALFORMED_POLICY, message ? message : e.what);
    TRY(e);
    transfer_policy_free(t->r.policy.policy);
    t->r.policy.policy = TAKE(p);
    return OK;
}

static fallible count_releases(struct trial *t)
{
    struct borrowed_store s owned(store_give) = store_borrow(t->b->readers);

    return t->record || !t->r.policy.policy->max_releases
               ? OK
               : release_count_read(s.store, t->b->secrets.integrity, span_str(t->who.tenant),
                                    t->q->id, &t->r.count);
}

/* A key that is disabled is an answer; one that is not there is none. */
static fallible look_up(struct trial *t, struct outcome *o)
{
    TRY(release_look_up(&t->r));
    if (t->outcome.code == CODE_KEY_DISABLED)
        return OK;
    if (t->outcome.code != CODE_OK)
        return outcome_refuse(o, t->outcome.code, t->outcome.detail);
    TRY(use_policy_of_question(t, o));
    return o->code == CODE_OK ? count_releases(t) : OK;
}

static fallible judge(struct trial *t, struct outcome *o)
{
    const json_t *claims = json_object_get(t->body, "claims");
    enum attestation_level level = t->r.policy.policy->attestation;

    if (json_object_get(t->body, "record"))
        TRY(read_record(t, o));
    if (o->code != CODE_OK)
        return OK;
    if (claims && level != ATTESTATION_NONE)
        TRY(believe_claims(t, claims));
    if (t->appraised && level != ATTESTATION_NONE)
        TRY(release_read_attestation(&t->r));
    if (t->r.attested)
        TRY(release_look_for_denial(&t->r));
    return t->outcome.code == CODE_OK ? release_judge(&t->r) : OK;
}

/* ---- the answer ---- */

static const char *decision_word(const struct trial *t)
{
    if (t->outcome.code != CODE_OK)
        return "refused";
    return t->r.policy.policy->uses ? "used" : "released";
}

static void compare(const struct trial *t, json_t *answer)
{
    const struct release *r = &t->r;
    const char *decided =
        json_string_value(json_object_get(json_object_get(t->record, "facts"), "decided"));
    const char *would = json_string_value(json_object_get(t->record, "would_refuse"));
    const char *digest = json_string_value(json_object_get(t->record, "policy_digest"));
    bool same = decided && !strcmp(decided, code_word(r->decided)) &&
                !strcmp(would ? would : "ok", code_word(r->would_refuse));
    json_t *j = json_object(), *unrecorded = release_unrecorded(r->policy.policy, t->record);

    json_object_set(j, "id", json_object_get(t->record, "id"));
    json_object_set(j, "decision", json_object_get(t->record, "decision"));
    json_set_str(j, "decided", decided);
    json_set_bool(j, "same_decision", same);
    json_set_bool(j, "same_policy", digest && !strcmp(digest, r->policy.policy->digest));
    if (json_array_size(unrecorded))
        json_object_set(j, "claims_not_recorded", unrecorded);
    json_free(unrecorded);
    json_object_set_new(answer, "record", j);
}

static void describe_policy(const struct trial *t, json_t *answer)
{
    const struct release *r = &t->r;

    json_set_str(answer, "policy_id", r->policy.row.id);
    if (!json_object_get(t->body, "policy"))
        json_set_int(answer, "policy_version", (int64_t)r->policy.row.version);
    json_set_str(answer, "policy_digest", r->policy.policy->digest);
    json_set_str(answer, "level", attestation_level_name(r->policy.policy->attestation));
}

static json_t *answer_of(const struct trial *t)
{
    const struct release *r = &t->r;
    json_t *j = json_object();
    char reason[OUTCOME_DETAIL_SIZE], time[CLOCK_TEXT_MAX];

    json_set_span(j, "key_id", t->q->id);
    if (r->has_policy)
        describe_policy(t, j);
    json_set_str(j, "decision", decision_word(t));
    if (t->outcome.code != CODE_OK) {
        json_set_str(j, "code", code_word(t->outcome.code));
        json_set_str(j, "reason", release_reason(r, reason));
    }
    if (r->would_refuse != CODE_OK)
        json_set_str(j, "would_refuse", code_word(r->would_refuse));
    json_set_str(j, "at", clock_format(r->at, time));
    if (r->attested)
        json_object_set(j, "claims", (json_t *)r->attestation.claims);
    json_object_set_new(j, "checks", r->checks ? json_incref(r->checks) : json_array());
    if (r->change)
        json_object_set(j, "smallest_change", r->change);
    if (r->has_policy && r->policy.policy->wrappings)
        json_object_set_new(j, "not_checked", json_pack("[s]", "wrapping_anyof"));
    if (t->record && r->judged)
        compare(t, j);
    return j;
}

static fallible record_trial(const struct trial *t)
{
    json_t *record = NULL;

    TRY(record_new(t->q, t->who.tenant, "policy_test", CODE_OK, NULL, &record));
    record_client(record, &t->who);
    json_set_span(record, "key_id", t->q->id);
    if (t->r.has_key)
        record_key(record, &t->r.key);
    if (t->r.has_policy)
        json_set_str(record, "policy_digest", t->r.policy.policy->digest);
    json_set_str(record, "trial", code_word(t->outcome.code));
    return record_commit(t->b, record, t->q->now);
}

static fallible ask_for_appraisal(struct trial *t, struct outcome *o)
{
    TRY(outcome_answer(o, release_plan(&t->r)));
    o->code = CODE_APPRAISE;
    return OK;
}

static fallible run(struct trial *t, struct outcome *o)
{
    bool good;

    TRY(admit(t->b, t->q, PERMISSION, &t->who, o, &good));
    if (!good)
        return OK;
    struct err e = read_question(t);
    if (e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT)
        return outcome_refuse(o, e.kind == FAIL_LIMIT ? CODE_TOO_LARGE : CODE_MALFORMED_REQUEST,
                              e.what);
    TRY(e);
    snprintf(t->r.challenge.tenant, sizeof t->r.challenge.tenant, "%s", t->who.tenant);
    TRY(look_up(t, o));
    if (o->code != CODE_OK)
        return OK;
    bool stands = t->outcome.code == CODE_OK;
    if (stands && t->r.evidence_sent && !t->appraised)
        return ask_for_appraisal(t, o);
    if (stands)
        TRY(judge(t, o));
    if (o->code != CODE_OK)
        return OK;
    TRY(record_trial(t));
    return outcome_answer(o, answer_of(t));
}

static struct err run_trial(struct broker *b, const struct broker_request *q, struct outcome *o,
                            bool appraised)
{
    struct trial t owned(trial_done) = { .b = b, .q = q, .request = *q, .appraised = appraised };

    t.request.source = t.request.certificate = (struct span){ 0 };
    if (!appraised)
        t.request.attestation = t.request.refusal = (struct span){ 0 };
    t.r = (struct release){ .b = b, .q = &t.request, .o = &t.outcome, .trial = true, .at = q->now };
    return run(&t, o);
}

struct err broker_policy_test(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    return run_trial(b, q, o, false);
}

struct err broker_policy_test_appraised(struct broker *b, const struct broker_request *q,
                                        struct outcome *o)
{
    return run_trial(b, q, o, true);
}
