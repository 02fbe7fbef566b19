// SPDX-License-Identifier: Apache-2.0
/* The question before a release: a challenge. */
#include "base/clock.h"
#include "broker/attestation_types.h"
#include "broker/release_internal.h"
#include "broker/tenant.h"

static fallible read_both(struct broker *b, struct span tenant, struct span id,
                          struct key_entry *key, struct policy_entry *policy, struct outcome *o)
{
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    struct err e = key_entry_read(s.store, b->secrets.integrity, tenant, id, key);

    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(o, CODE_KEY_NOT_FOUND, "no such key");
    if (!failed(e))
        e = policy_entry_read(s.store, b->secrets.integrity, b->policies, tenant,
                              span_str(key->row.link), policy);
    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(o, CODE_POLICY_NOT_FOUND, "the key's transfer policy is gone");
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(o, CODE_RECORD_TAMPERED,
                              "a stored record was changed outside of the broker");
    return e;
}

fallible challenge_for(struct broker *b, struct span what, const struct bearer *client,
                       const char *tenant, int64_t now, struct challenge *c, struct buf *text)
{
    struct challenge fresh = { .expires_at = now + (int64_t)b->challenge_seconds };

    if (what.len > CHALLENGE_FIELD_MAX || strlen(tenant) > CHALLENGE_FIELD_MAX ||
        (client && strlen(client->subject) > CHALLENGE_FIELD_MAX))
        return FAIL(LIMIT, "a name is too long for a challenge");
    snprintf(fresh.tenant, sizeof fresh.tenant, "%s", tenant);
    snprintf(fresh.key_id, sizeof fresh.key_id, "%.*s", (int)what.len, (const char *)what.at);
    snprintf(fresh.subject, sizeof fresh.subject, "%s", client ? client->subject : "");
    *c = fresh;
    return challenge_make(b->secrets.challenge_root, span_str(b->kbs_id), c, text);
}

struct err broker_challenge(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct asker asker owned(asker_done) = { 0 };
    struct key_entry key owned(key_entry_done) = { 0 };
    struct policy_entry policy owned(policy_entry_done) = { 0 };
    struct buf text owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
    struct challenge c;
    char time[CLOCK_TEXT_MAX];
    bool good;

    TRY(admit_asker(b, q, &asker, o, &good));
    if (!good)
        return OK;
    const struct bearer *client = asker.has_client ? &asker.client : NULL;
    TRY(read_both(b, span_str(asker.tenant), q->id, &key, &policy, o));
    if (o->code != CODE_OK)
        return OK;
    TRY(challenge_for(b, q->id, client, asker.tenant, q->now, &c, &text));
    json_t *body = json_object();
    json_set_span(body, "challenge", buf_span(&text));
    json_set_str(body, "expires_at", clock_format(c.expires_at, time));
    json_set_str(body, "tenant", asker.tenant);
    json_set_str(body, "attestation", attestation_level_name(policy.policy->attestation));
    json_object_set_new(body, "attestation_types",
                        attestation_types_offered(b, policy.policy->attestation_types));
    json_object_set(body, "policy_ids", (json_t *)policy.policy->policy_ids);
    const json_t *use = json_object_get(policy.policy->native, "use");
    if (use)
        json_object_set(body, "use", (json_t *)use);
    return outcome_answer(o, body);
}
