// SPDX-License-Identifier: Apache-2.0
/*
 * Disabling and enabling a key or one version of it, and what the key manager says of its versions.
 * Disabling is the broker's word, in the key's authenticated record, so it holds for every key
 * manager alike and is undone as it was done.
 */
#include "broker/approval.h"
#include "broker/audit.h"
#include "broker/admit.h"
#include "broker/record.h"

struct switching {
    struct broker *b;
    const struct broker_request *q;
    struct row row;
    json_t *record;
};

static void switching_donep(struct switching *s)
{
    row_done(&s->row);
    json_free(s->record);
}

static struct err write_state(struct transaction *t, void *context)
{
    struct switching *s = context;

    TRY(row_update(t->store, s->b->secrets.integrity, ROW_KEYS, &s->row));
    return audit_append(t, s->record, s->q->now);
}

/* *number 0: the whole key. */
static fallible read_which(struct span body, uint64_t *number)
{
    static const char *const members[] = { "version", NULL };
    json_t *j owned(json_free) = NULL;

    *number = 0;
    TRY(json_parse_object(body.len ? body : SPAN("{}"), &j));
    TRY(json_only(j, members));
    TRY(json_opt_u64(j, "version", UINT32_MAX, "version is a number", number));
    if (json_object_get(j, "version") && !*number)
        return FAIL(INPUT, "version is 1 or more");
    return OK;
}

static fallible commit_state(struct switching *s, const struct key_entry *key, uint64_t number,
                             const struct bearer *who, bool disable, struct outcome *o)
{
    struct key_entry now owned(key_entry_done) = { 0 };

    TRY(key_entry_changed(key, &s->row));
    TRY(record_new(s->q, who->tenant, disable ? "key_disable" : "key_enable", CODE_OK, NULL,
                   &s->record));
    record_client(s->record, who);
    record_key(s->record, key);
    json_object_del(s->record, "key_version");
    if (number)
        json_set_int(s->record, "key_version", (int64_t)number);
    TRY(approval_commit(s->b, s->q, write_state, s));
    TRY(key_entry_of(&s->row, &now));
    return outcome_answer(o, key_entry_json(&now));
}

static fallible set_state(struct broker *b, const struct broker_request *q, bool disable,
                          struct outcome *o)
{
    struct switching s owned(switching_done) = { .b = b, .q = q };
    struct bearer who owned(bearer_done) = { 0 };
    struct key_entry key owned(key_entry_done) = { 0 };
    uint64_t number;
    bool good;

    TRY(key_admit(b, q, disable ? "keys:disable" : "keys:enable", &who, &key, o, &good));
    if (!good)
        return OK;
    TRY(read_which(q->body, &number));
    struct key_version *version = key_versions_find(&key.versions, number);
    if (number && !version)
        return outcome_refuse(o, CODE_KEY_VERSION_NOT_FOUND, "the key has no such version");
    if (!disable) /* which one person may do alone: it is how a theft is stopped */
        TRY(key_second_person(b, q, "key_enable", &who, &key, o));
    if (o->code != CODE_OK)
        return OK;
    *(number ? &version->disabled : &key.versions.disabled) = disable;
    return commit_state(&s, &key, number, &who, disable, o);
}

struct err broker_key_disable(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    return set_state(b, q, true, o);
}

struct err broker_key_enable(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    return set_state(b, q, false, o);
}

/* What the manager says of one version: only that it is away is a failure. */
static fallible ask_manager(struct broker *b, const struct key_entry *key,
                            const struct key_version *v, json_t *into)
{
    struct key_ref ref = key_entry_ref(key, v);
    struct key_spec found = v->spec;
    char reason[KEY_REASON_SIZE] = "";
    struct err e = key_service_describe(b->manager, &ref, v->spec.algorithm, &found, reason);

    if (e.kind == FAIL_UPSTREAM || e.kind == FAIL_SYSTEM)
        return e;
    bool same = !failed(e) && key_spec_equal(&found, &v->spec);
    json_set_str(into, "held",
                 same                    ? "yes"
                 : !failed(e)            ? "another key"
                 : e.kind == FAIL_ABSENT ? "no"
                                         : "refused");
    if (failed(e))
        json_set_str(into, "reason", reason[0] ? reason : e.what);
    return OK;
}

struct err broker_key_describe(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct bearer who owned(bearer_done) = { 0 };
    struct key_entry key owned(key_entry_done) = { 0 };
    struct buf name owned(buf_done) = buf_of(64);
    json_t *body owned(json_free) = NULL;
    bool good;

    TRY(key_admit(b, q, "keys:retrieve", &who, &key, o, &good));
    if (!good)
        return OK;
    TRY(key_service_health(b->manager, &name));
    body = key_entry_json(&key);
    json_set_str(body, "key_manager", buf_str(&name));
    for (size_t i = 0; i < key.versions.count; i++)
        TRY(ask_manager(b, &key, &key.versions.at[i],
                        json_array_get(json_object_get(body, "versions"), i)));
    return outcome_answer(o, TAKE(body));
}
