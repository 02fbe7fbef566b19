// SPDX-License-Identifier: Apache-2.0
/*
 * POST /kbs/v1/leases: the holder of S says which keys it holds; each lease is renewed, or told why
 * it is not. A lease is renewed only where all that its release rested on still stands: the key,
 * its version, its policy, the attestation, the deny lists, the client and the time. Whatever else
 * it is, the key must be fetched anew, and that is where it is judged.
 *
 * The answer is signed: whoever stands between could keep a revocation back otherwise.
 */
#include "base/clock.h"
#include "broker/audit.h"
#include "broker/lease.h"
#include "broker/proof.h"
#include "broker/release_internal.h"
#include "broker/spent.h"
#include "broker/tenant.h"

#define CHALLENGE_NAME "leases" /* what the challenge is for: no key has this id */
#define NONCE_MIN 16
#define NONCE_MAX 128

enum lease_status { LEASE_RENEWED, LEASE_REVOKED, LEASE_ROTATED, LEASE_ATTEST };

static const char *const statuses[] = { "renewed", "revoked", "rotated", "attest" };

struct renewal {
    struct broker *b;
    const struct broker_request *q;
    struct outcome *o;
    json_t *body;
    struct span challenge_text, nonce; /* borrow from body */
    struct challenge challenge;
    struct key *signing;
    char signing_jkt[THUMBPRINT_TEXT_SIZE];
    const json_t *keys;
    struct bearer client;
    bool has_client;
    struct buf issuer, subject;
    json_t *results;
    size_t known; /* leases of this S that have not ended */
    bool spent_before;
};

static void renewal_donep(struct renewal *n)
{
    json_free(n->body);
    key_free(n->signing);
    bearer_done(&n->client);
    buf_done(&n->issuer);
    buf_done(&n->subject);
    json_free(n->results);
}

struct err broker_lease_challenge(struct broker *b, const struct broker_request *q,
                                  struct outcome *o)
{
    struct asker asker owned(asker_done) = { 0 };
    struct buf text owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
    struct challenge c;
    char time[CLOCK_TEXT_MAX];
    bool good;

    TRY(admit_asker(b, q, &asker, o, &good));
    if (!good)
        return OK;
    const struct bearer *client = asker.has_client ? &asker.client : NULL;
    TRY(challenge_for(b, SPAN(CHALLENGE_NAME), client, asker.tenant, q->now, &c, &text));
    json_t *body = json_object();
    json_set_span(body, "challenge", buf_span(&text));
    json_set_str(body, "expires_at", clock_format(c.expires_at, time));
    json_set_str(body, "tenant", asker.tenant);
    return outcome_answer(o, body);
}

static fallible read_held(const json_t *held)
{
    static const char *const members[] = { "key_id", "audit_id", NULL };
    struct span key_id, audit_id;

    if (!json_is_object(held))
        return FAIL(INPUT, "keys are objects with key_id and audit_id");
    TRY(json_only(held, members));
    TRY(json_get_str(held, "key_id", "key_id is a UUID", &key_id));
    TRY(json_get_str(held, "audit_id", "audit_id is a UUID", &audit_id));
    return uuid_valid(key_id) && uuid_valid(audit_id)
               ? OK
               : FAIL(INPUT, "key_id and audit_id are UUIDs");
}

static fallible read_body(struct renewal *n)
{
    static const char *const members[] = { "challenge", "signing_key", "nonce", "keys", NULL };
    const json_t *jwk, *held;
    size_t i;

    TRY(json_parse_object(n->q->body, &n->body));
    TRY(json_only(n->body, members));
    TRY(json_get_str(n->body, "challenge", "a challenge is needed: send {} first to get one",
                     &n->challenge_text));
    TRY(json_get_str(n->body, "nonce", "nonce is a text of 16 to 128 bytes", &n->nonce));
    if (n->nonce.len < NONCE_MIN || n->nonce.len > NONCE_MAX)
        return FAIL(INPUT, "nonce is a text of 16 to 128 bytes");
    TRY(json_get_object(n->body, "signing_key", "signing_key is a P-256 JWK", &jwk));
    TRY(key_from_jwk(jwk, &n->signing));
    if (key_kind_of(n->signing) != KEY_P256)
        return FAIL(INPUT, "signing_key is a P-256 JWK");
    TRY(key_thumbprint(n->signing, n->signing_jkt));
    TRY(json_get_array(n->body, "keys", "keys are needed", &n->keys));
    if (!json_array_size(n->keys) || json_array_size(n->keys) > LEASES_ASKED_MAX)
        return FAIL(INPUT, "1 to 64 keys are needed");
    json_array_foreach(n->keys, i, held)
    {
        TRY(read_held(held));
    }
    return OK;
}

static fallible refuse(struct renewal *n, enum code code, const char *detail)
{
    return outcome_refuse(n->o, code, detail);
}

static fallible check_challenge(struct renewal *n)
{
    struct err e = challenge_open(n->b->secrets.challenge_root, span_str(n->b->kbs_id),
                                  n->challenge_text, &n->challenge);

    if (e.kind == FAIL_DENIED)
        return refuse(n, CODE_CHALLENGE_INVALID,
                      "the challenge is not of this broker, or was changed");
    TRY(e);
    if (n->q->now >= n->challenge.expires_at)
        return refuse(n, CODE_CHALLENGE_EXPIRED, "the challenge has expired: ask for a new one");
    return strcmp(n->challenge.key_id, CHALLENGE_NAME)
               ? refuse(n, CODE_CHALLENGE_OF_ANOTHER_KEY, "the challenge was made for a key")
               : OK;
}

static fallible check_proof(struct renewal *n)
{
    uint8_t hash[SHA256_SIZE];
    bool good = false;

    TRY(sha256(n->q->body, hash));
    struct err e = proof_check(n->signing, n->q->path, n->challenge_text, hash, n->q->proof, &good);
    if (failed(e) && e.kind != FAIL_INPUT)
        return e;
    return good ? OK
                : refuse(n, CODE_PROOF_INVALID,
                         "the proof is not signing_key's signature over this request");
}

/* A bearer token that was there for the challenge is there now, and of the same subject. */
static fallible check_client(struct renewal *n)
{
    bool good;

    TRY(admit_bearer(n->b, n->q, true, &n->client, &n->has_client, n->o, &good));
    if (!good)
        return OK;
    if (strcmp(n->challenge.subject, n->has_client ? n->client.subject : "") ||
        !span_equal_str(tenant_of(n->q, n->has_client ? &n->client : NULL), n->challenge.tenant))
        return refuse(n, CODE_CHALLENGE_OF_ANOTHER_SUBJECT,
                      "the challenge was given to another subject");
    return client_names(n->q->certificate, &n->issuer, &n->subject);
}

static fallible authenticate(struct renewal *n)
{
    struct err e = read_body(n);

    if (e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT)
        return refuse(n, CODE_MALFORMED_REQUEST, e.what);
    TRY(e);
    TRY(check_challenge(n));
    if (n->o->code == CODE_OK)
        TRY(check_proof(n));
    return n->o->code == CODE_OK ? check_client(n) : OK;
}

/* The parts of a policy that concern who asks, and when. Attestation is the lease's own. */
static fallible client_stands(const struct renewal *n, const struct transfer_policy *p,
                              const char **why)
{
    json_t *checks owned(json_free) = json_array();
    enum code code = CODE_OK;
    const struct transfer_claims c = {
        .client = n->has_client ? &n->client : NULL,
        .certificate_issuer = buf_span(&n->issuer),
        .certificate_subject = buf_span(&n->subject),
        .source = n->q->source,
        .now = n->q->now,
    };

    TRY(transfer_policy_check_client(p, &c, checks, &code));
    if (code == CODE_OK && p->time && !time_window_holds(&p->window, n->q->now))
        code = CODE_OUTSIDE_TIME_WINDOW;
    *why = code == CODE_OK ? NULL : code_word(code);
    return OK;
}

static fallible platform_stands(struct renewal *n, struct store *s, const struct lease *l,
                                bool *stands)
{
    json_t *entry owned(json_free) = NULL;

    *stands = true;
    if (!l->claims)
        return OK;
    TRY(release_find_denial(n->b, s, n->challenge.tenant, l->claims, &entry));
    *stands = !entry;
    return OK;
}

static fallible policy_stands(struct renewal *n, struct store *s, const struct key_entry *key,
                              const struct lease *l, uint64_t *minutes, const char **why)
{
    struct policy_entry policy owned(policy_entry_done) = { 0 };
    struct err e =
        policy_entry_read(s, n->b->secrets.integrity, n->b->policies, span_str(n->challenge.tenant),
                          span_str(key->row.link), &policy);

    *why = "policy_changed";
    if (e.kind == FAIL_ABSENT)
        return OK;
    TRY(e);
    *minutes = policy.policy->lease_minutes;
    if (policy.row.version != l->policy_version || !*minutes)
        return OK;
    *why = "attestation_expired";
    if (l->attestation_expires && n->q->now >= l->attestation_expires &&
        policy.policy->attestation != ATTESTATION_NONE)
        return OK;
    return client_stands(n, policy.policy, why);
}

/* The version that is held: another one of the key may well be. */
static bool is_enabled(struct key_entry *key, uint64_t version)
{
    const struct key_version *v = key_versions_find(&key->versions, version);
    return v ? !key->versions.disabled && !v->disabled : key_entry_version(key) != 0;
}

/* What becomes of a lease that is this S's and has not ended. *why NULL: renewed. */
static fallible judge(struct renewal *n, struct store *s, const struct lease *l,
                      enum lease_status *status, uint64_t *minutes, const char **why)
{
    struct key_entry key owned(key_entry_done) = { 0 };
    struct err e = key_entry_read(s, n->b->secrets.integrity, span_str(n->challenge.tenant),
                                  span_str(l->row.link), &key);
    bool stands;

    *status = LEASE_REVOKED;
    *why = "key_not_found";
    if (e.kind == FAIL_ABSENT)
        return OK;
    TRY(e);
    *why = code_word(CODE_KEY_DISABLED);
    if (!is_enabled(&key, l->key_version))
        return OK;
    TRY(platform_stands(n, s, l, &stands));
    *why = code_word(CODE_PLATFORM_DENIED);
    if (!stands)
        return OK;
    *status = LEASE_ROTATED;
    *why = "key_rotated";
    if (key_entry_version(&key) != l->key_version)
        return OK;
    *status = LEASE_ATTEST;
    TRY(policy_stands(n, s, &key, l, minutes, why));
    if (!*why)
        *status = LEASE_RENEWED;
    return OK;
}

static fallible read_lease(struct renewal *n, struct store *s, const json_t *held, struct lease *l,
                           bool *found)
{
    struct span key_id, audit_id;

    TRY(json_get_str(held, "key_id", "key_id", &key_id));
    TRY(json_get_str(held, "audit_id", "audit_id", &audit_id));
    struct err e =
        lease_read(s, n->b->secrets.integrity, span_str(n->challenge.tenant), audit_id, l);
    if (failed(e) && e.kind != FAIL_ABSENT)
        return e;
    *found = !failed(e) && span_equal_str(key_id, l->row.link) &&
             span_equal_str(l->signing_jkt, n->signing_jkt) && n->q->now < l->expires_at;
    return OK;
}

static fallible renew_one(struct renewal *n, struct store *s, const json_t *held)
{
    struct lease l owned(lease_done) = { .row = { .content = buf_of(0) } };
    enum lease_status status = LEASE_ATTEST;
    const char *why = "lease_unknown";
    uint64_t minutes = 0;
    char time[CLOCK_TEXT_MAX];
    bool found;

    TRY(read_lease(n, s, held, &l, &found));
    if (found)
        TRY(judge(n, s, &l, &status, &minutes, &why));
    json_t *one = json_deep_copy(held);
    json_set_str(one, "status", statuses[status]);
    json_set_str(one, "reason", why);
    json_array_append_new(n->results, one);
    n->known += found;
    if (status != LEASE_RENEWED)
        return OK;
    TRY(lease_extend(s, n->b->secrets.integrity, &l, n->q->now + (int64_t)minutes * 60));
    json_set_int(one, "lease_minutes", (int64_t)minutes);
    json_set_str(one, "expires_at", clock_format(l.expires_at, time));
    return OK;
}

static fallible record(struct renewal *n, struct transaction *t)
{
    json_t *r owned(json_free) = NULL;
    bool one = json_array_size(n->keys) == 1;

    TRY(record_new(n->q, n->challenge.tenant, "lease_renew",
                   n->spent_before ? CODE_CHALLENGE_SPENT : CODE_OK, NULL, &r));
    if (n->has_client)
        record_client(r, &n->client);
    if (one)
        json_set_str(r, "key_id",
                     json_string_value(json_object_get(json_array_get(n->keys, 0), "key_id")));
    json_set_str(r, "signing_key", n->signing_jkt);
    if (!n->spent_before)
        json_object_set(r, "leases", n->results);
    return audit_append(t, r, n->q->now);
}

/* Whoever has no lease leaves no trace. */
static struct err renew_all(struct transaction *t, void *context)
{
    struct renewal *n = context;
    const json_t *held;
    bool first;
    size_t i;

    TRY(spent_add(t->store, &n->challenge, &first));
    n->spent_before = !first;
    if (!first)
        return record(n, t);
    json_array_foreach(n->keys, i, held)
    {
        TRY(renew_one(n, t->store, held));
    }
    return n->known ? record(n, t) : FAIL(ABSENT, "no lease to judge");
}

static fallible answer(struct renewal *n)
{
    struct buf jws owned(buf_done) = buf_of(JOSE_TEXT_MAX), text owned(buf_done) = buf_of(65536);
    json_t *header owned(json_free) =
        json_pack("{s:s,s:s}", "typ", "warder-lease+jwt", "kid", n->b->secrets.release_kid);
    json_t *payload owned(json_free) = json_object(), *body = NULL;
    char digest[DIGEST_TEXT_SIZE], time[CLOCK_TEXT_MAX];

    TRY(digest_text(n->challenge_text, digest));
    json_set_str(payload, "challenge", digest);
    json_set_span(payload, "nonce", n->nonce);
    json_set_str(payload, "signing_key", n->signing_jkt);
    json_set_str(payload, "issued_at", clock_format(n->q->now, time));
    json_object_set(payload, "leases", n->results);
    TRY(json_canonical(payload, &text));
    TRY(jws_sign(n->b->secrets.release, header, buf_span(&text), &jws));
    body = json_object();
    json_set_span(body, "answer", buf_span(&jws));
    return outcome_answer(n->o, body);
}

struct err broker_lease_renew(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct renewal n owned(renewal_done) = { .b = b,
                                             .q = q,
                                             .o = o,
                                             .issuer = buf_of(512),
                                             .subject = buf_of(512),
                                             .results = json_array() };

    TRY(authenticate(&n));
    if (o->code != CODE_OK)
        return OK;
    struct err e = commit_run(b->committer, renew_all, &n);
    if (e.kind == FAIL_DENIED)
        return refuse(&n, CODE_RECORD_TAMPERED,
                      "a stored record was changed outside of the broker");
    if (failed(e) && (e.kind != FAIL_ABSENT || n.known)) /* none was renewed, whatever was said */
        return e;
    if (n.spent_before)
        return refuse(&n, CODE_CHALLENGE_SPENT, "the challenge was used before: ask for a new one");
    return answer(&n);
}
