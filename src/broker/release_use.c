// SPDX-License-Identifier: Apache-2.0
/*
 * Attested use: in place of the key, what was done with it. All before and after is a release's:
 * challenge, proof, evidence or token, policy, one transaction of record and spent challenge. Each
 * use has a record of its own: the challenge must be spent durably anyhow, so the record costs no
 * further write, and no signature is ever out without one.
 */
#include "base/base64.h"
#include "base/clock.h"
#include "broker/release_internal.h"

#define STATEMENT_MAX (32U << 10)
#define SPKI_MAX 1024

#define USE_PATH_END "/use"

/* Its end alone: a tenant's name may stand before. */
bool broker_is_use(const struct broker_request *q)
{
    size_t end = strlen(USE_PATH_END);
    return q->path.len >= end &&
           span_equal_str(span_tail(q->path, q->path.len - end), USE_PATH_END);
}

fallible release_read_use(struct release *r)
{
    const json_t *operation;

    if (!r->for_use)
        return OK;
    TRY(json_get_object(r->body, "operation", "operation is missing", &operation));
    return use_request_parse(operation, &r->use);
}

/* Who found a version goes on with it while it is kept: its certificate may outlive a rotation. */
fallible release_choose_version(struct release *r)
{
    struct key_versions *all = &r->key.versions;

    r->version = key_versions_current(all);
    if (!r->version)
        return outcome_refuse(r->o, CODE_KEY_DISABLED, "the key is disabled");
    if (!r->for_use || !r->use.version)
        return OK;
    r->version = key_versions_find(all, r->use.version);
    if (!r->version || (r->version->keep_until && r->q->now >= r->version->keep_until))
        return outcome_refuse(r->o, CODE_KEY_VERSION_NOT_FOUND, "the key has no such version");
    return r->version->disabled
               ? outcome_refuse(r->o, CODE_KEY_DISABLED, "this version of the key is disabled")
               : OK;
}

fallible release_check_grant(struct release *r)
{
    const struct transfer_policy *p = r->policy.policy;

    if (r->trial) /* of whichever the policy grants */
        return OK;
    if (!r->for_use)
        return p->uses ? outcome_refuse(r->o, CODE_TRANSFER_NOT_GRANTED,
                                        "the key does not leave: its policy grants use only")
                       : OK;
    bool granted = r->use.describe ? p->uses : p->uses & 1U << r->use.use.operation;
    if (!granted)
        return outcome_refuse(r->o, CODE_USE_NOT_GRANTED,
                              "the key's policy does not grant this use");
    if (r->use.describe)
        return OK;
    struct err e = key_use_check(&r->use.use, &r->version->spec);
    return failed(e) ? outcome_refuse(r->o, CODE_KEY_REFUSED, e.what) : OK;
}

static fallible digest_of_input(const struct release *r, char out[DIGEST_TEXT_SIZE])
{
    return digest_text(r->use.use.input, out);
}

/* What was asked: for the record, the answer, and the header of what is sealed. */
fallible release_describe_use(const struct release *r, json_t *into)
{
    const struct key_use *u = &r->use.use;
    char digest[DIGEST_TEXT_SIZE];

    json_set_str(into, "operation", use_request_name(&r->use));
    if (r->use.describe)
        return OK;
    json_set_str(into, "mechanism", key_mechanism_name(u->mechanism));
    if (u->mechanism != KEY_MECHANISM_ECDH)
        json_set_str(into, "hash", key_hash_name(u->hash));
    TRY(digest_of_input(r, digest));
    json_set_str(into, "input_digest", digest);
    return OK;
}

static fallible header_of(const struct release *r, const char *type, json_t **out)
{
    json_t *h owned(json_free) = json_object();

    json_set_str(h, "typ", type);
    json_set_str(h, "key_id", r->key.row.id);
    json_set_int(h, "key_version", (int64_t)r->version->number);
    json_set_str(h, "policy_digest", r->policy.policy->digest);
    json_set_str(h, "challenge", r->challenge_digest);
    json_set_str(h, "audit_id", r->audit_id);
    TRY(release_describe_use(r, h));
    *out = TAKE(h);
    return OK;
}

static fallible refuse_failure(struct release *r, struct err e, const char *reason)
{
    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(r->o, CODE_KEY_NOT_FOUND, "the key manager does not hold this key");
    if (e.kind == FAIL_INPUT || e.kind == FAIL_DENIED)
        return outcome_refuse(r->o, CODE_KEY_REFUSED, reason[0] ? reason : e.what);
    return e;
}

static fallible perform(struct release *r, struct buf *result)
{
    char reason[KEY_REASON_SIZE] = "";
    json_t *header owned(json_free) = NULL;
    struct key_ref ref = key_entry_ref(&r->key, r->version);
    struct err e;

    ref.stays = true;
    if (r->use.describe) {
        e = key_service_public_half(r->b->manager, &ref, &r->version->spec, result, reason);
        return refuse_failure(r, e, reason);
    }
    TRY(header_of(r, "warder-use+jwe", &header));
    struct key_use use = r->use.use;
    use.recipient = r->encryption;
    use.header = header;
    e = key_service_use(r->b->manager, &ref, &r->version->spec, &use, result, reason);
    return refuse_failure(r, e, reason);
}

static const char *member_of(const struct use_request *u)
{
    if (u->describe)
        return "public_key";
    return u->use.operation == KEY_OPERATION_SIGN ? "signature" : "result";
}

/* The next use needs no question for a challenge. */
static fallible add_next(const struct release *r, json_t *statement)
{
    struct buf text owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
    char time[CLOCK_TEXT_MAX];
    struct challenge next;

    TRY(challenge_for(r->b, span_str(r->key.row.id), r->has_client ? &r->client : NULL,
                      r->challenge.tenant, r->q->now, &next, &text));
    json_set_span(statement, "next_challenge", buf_span(&text));
    json_set_str(statement, "next_expires_at", clock_format(next.expires_at, time));
    return OK;
}

fallible release_use(struct release *r, struct buf *statement)
{
    struct buf result owned(buf_done) = buf_of(STATEMENT_MAX),
                      text owned(buf_done) = buf_of(STATEMENT_MAX);
    json_t *says owned(json_free) = NULL;

    TRY(perform(r, &result));
    if (r->o->code != CODE_OK)
        return OK;
    TRY(header_of(r, "warder-use", &says));
    json_object_del(says, "typ");
    key_spec_describe(&r->version->spec, says);
    json_set_span(says, "label", r->key.label);
    bool sealed = !r->use.describe && r->use.use.operation != KEY_OPERATION_SIGN;
    if (!sealed)
        base64url_add(&text, buf_span(&result));
    TRY(buf_check(&text));
    json_set_span(says, member_of(&r->use), sealed ? buf_span(&result) : buf_span(&text));
    TRY(add_next(r, says));
    return json_canonical(says, statement);
}
