// SPDX-License-Identifier: Apache-2.0
#include "broker/admit.h"

#include "broker/approval.h"
#include "broker/tenant.h"

/* keyd verified the author's token and permission when the change was asked for. */
static fallible take_author(const struct approval *a, struct bearer *who)
{
    struct bearer author owned(bearer_done) = { .subject = strdup(a->author),
                                                .tenant = strdup(a->row->tenant),
                                                .id = strdup(a->author_token),
                                                .claims = json_object() };

    if (!author.subject || !author.tenant || !author.id || !author.claims)
        return FAIL(SYSTEM, "out of memory");
    *who = author;
    author = (struct bearer){ 0 };
    return OK;
}

fallible admit_bearer(struct broker *b, const struct broker_request *q, bool missing_is_fine,
                      struct bearer *who, bool *present, struct outcome *o, bool *good)
{
    enum bearer_verdict verdict;

    *good = *present = false;
    if (!q->bearer.len) {
        *good = missing_is_fine;
        return missing_is_fine ? OK
                               : outcome_refuse(o, CODE_TOKEN_MISSING, "a bearer token is needed");
    }
    TRY(pinned_keys_verify(b->aas, q->bearer, q->now, &verdict, who));
    switch (verdict) {
    case BEARER_GOOD:
        if (q->tenant.len && !span_equal_str(q->tenant, who->tenant))
            return outcome_refuse(o, CODE_PERMISSION_DENIED,
                                  "the bearer token is of another tenant than the address");
        *good = *present = true;
        return OK;
    case BEARER_INVALID:
        return outcome_refuse(o, CODE_TOKEN_INVALID, "the bearer token is not valid here");
    case BEARER_EXPIRED:
        return outcome_refuse(o, CODE_TOKEN_EXPIRED, "the bearer token has expired");
    case BEARER_REVOKED:
        return outcome_refuse(o, CODE_TOKEN_REVOKED, "the bearer token was revoked");
    case BEARER_OUTDATED:
        return outcome_refuse(o, CODE_REVOCATIONS_OUTDATED,
                              "the list of revoked tokens is out of date");
    }
    return FAIL(SYSTEM, "unknown verdict on a bearer token");
}

void asker_done(struct asker *a)
{
    bearer_done(&a->client);
    free(a->tenant);
    *a = (struct asker){ 0 };
}

fallible admit_asker(struct broker *b, const struct broker_request *q, struct asker *out,
                     struct outcome *o, bool *good)
{
    struct asker a owned(asker_done) = { 0 };

    TRY(admit_bearer(b, q, true, &a.client, &a.has_client, o, good));
    if (!*good)
        return OK;
    a.tenant = span_dup(tenant_of(q, a.has_client ? &a.client : NULL));
    if (!a.tenant)
        return FAIL(SYSTEM, "out of memory");
    TRY(tenant_admit(b, a.tenant, o, good));
    *out = a;
    a = (struct asker){ 0 };
    return OK;
}

fallible admit(struct broker *b, const struct broker_request *q, const char *needed,
               struct bearer *who, struct outcome *o, bool *good)
{
    char detail[OUTCOME_DETAIL_SIZE];
    bool present;

    if (q->approval) {
        *good = true;
        return take_author(q->approval, who);
    }
    TRY(admit_bearer(b, q, false, who, &present, o, good));
    if (*good)
        TRY(tenant_admit(b, who->tenant, o, good));
    if (!*good || bearer_allows(who, BROKER_SERVICE, needed, SPAN("")))
        return OK;
    *good = false;
    snprintf(detail, sizeof detail, "the token does not allow %s", needed);
    return outcome_refuse(o, CODE_PERMISSION_DENIED, detail);
}

fallible key_named(struct broker *b, const struct broker_request *q, const struct bearer *who,
                   struct key_entry *key, struct outcome *o)
{
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    struct err e = key_entry_read(s.store, b->secrets.integrity, span_str(who->tenant), q->id, key);

    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(o, CODE_KEY_NOT_FOUND, "no such key");
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(o, CODE_RECORD_TAMPERED,
                              "a stored record was changed outside of the broker");
    return e;
}

fallible key_admit(struct broker *b, const struct broker_request *q, const char *needed,
                   struct bearer *who, struct key_entry *key, struct outcome *o, bool *good)
{
    TRY(admit(b, q, needed, who, o, good));
    if (!*good)
        return OK;
    TRY(key_named(b, q, who, key, o));
    *good = o->code == CODE_OK;
    return OK;
}

bool key_needs_second_person(const struct key_entry *key)
{
    return json_is_true(json_object_get(key->content, "four_eyes"));
}

fallible key_second_person(struct broker *b, const struct broker_request *q, const char *action,
                           const struct bearer *who, const struct key_entry *key, struct outcome *o)
{
    const struct approval_target target = { "key", &key->row, NULL };

    return key_needs_second_person(key) ? approval_require(b, q, action, who, &target, o) : OK;
}
