// SPDX-License-Identifier: Apache-2.0
/* Deny lists: add, list, remove. */
#include "base/clock.h"
#include "broker/admit.h"
#include "broker/audit.h"
#include "broker/deny_list.h"
#include "broker/record.h"

struct denial {
    struct broker *b;
    const struct broker_request *q;
    struct outcome *o;
    struct bearer who;
    char name[DENY_NAME_MAX + 1];
    json_t *entry; /* the new one; of a removal: the one that went */
    json_t *record;
};

static void denial_done(struct denial *d)
{
    bearer_done(&d->who);
    json_free(d->entry);
    json_free(d->record);
}
static inline void denial_donep(struct denial *d)
{
    denial_done(d);
}

static size_t find(const json_t *entries, const char *name)
{
    size_t at = 0;

    while (at < json_array_size(entries) &&
           strcmp(json_string_value(json_object_get(json_array_get(entries, at), "id")), name))
        at++;
    return at;
}

static fallible refuse(struct denial *d, enum code code, const char *detail)
{
    return outcome_refuse(d->o, code, detail);
}

/* In the transaction: the list as it is now, with one change, and its record. */
static fallible write_and_record(struct transaction *t, struct denial *d, struct deny_list *l)
{
    TRY(deny_list_write(t->store, d->b->secrets.integrity, span_str(d->who.tenant), l));
    json_set_int(d->record, "deny_version", (int64_t)l->version + 1);
    return audit_append(t, d->record, d->q->now);
}

/* Entries of the list that others may be reading stay as they are. */
static fallible read_own(struct transaction *t, struct denial *d, struct deny_list *l)
{
    TRY(deny_list_read(t->store, d->b->secrets.integrity, NULL, span_str(d->who.tenant), l));
    return OK;
}

static struct err add(struct transaction *t, void *context)
{
    struct denial *d = context;
    struct deny_list l owned(deny_list_done) = { 0 };

    TRY(read_own(t, d, &l));
    if (find(l.entries, d->name) < json_array_size(l.entries))
        return refuse(d, CODE_DENY_ENTRY_EXISTS, "the deny list has this entry already");
    if (json_array_size(l.entries) == DENY_ENTRIES_MAX)
        return refuse(d, CODE_TOO_LARGE, "the deny list is full");
    if (json_array_append(l.entries, d->entry))
        return FAIL(SYSTEM, "out of memory");
    return write_and_record(t, d, &l);
}

static struct err take_out(struct transaction *t, void *context)
{
    struct denial *d = context;
    struct deny_list l owned(deny_list_done) = { 0 };

    TRY(read_own(t, d, &l));
    size_t at = find(l.entries, d->name);
    if (at == json_array_size(l.entries))
        return refuse(d, CODE_DENY_ENTRY_NOT_FOUND, "the deny list has no such entry");
    json_object_set(d->record, "deny", json_array_get(l.entries, at));
    if (json_array_remove(l.entries, at))
        return FAIL(SYSTEM, "out of memory");
    return write_and_record(t, d, &l);
}

static fallible run(struct denial *d, const char *action, commit_change *change)
{
    TRY(record_new(d->q, d->who.tenant, action, CODE_OK, NULL, &d->record));
    record_client(d->record, &d->who);
    json_set_str(d->record, "key_id", DENY_LIST_ID);
    if (d->entry)
        json_object_set(d->record, "deny", d->entry);
    struct err e = commit_run(d->b->committer, change, d);
    if (e.kind == FAIL_DENIED)
        return refuse(d, CODE_RECORD_TAMPERED, "the deny list was changed outside of the broker");
    return e;
}

/* {"kind","value","reason"} */
static fallible read_entry(struct denial *d)
{
    static const char *const members[] = { "kind", "value", "reason", NULL };
    json_t *body owned(json_free) = NULL;
    struct span kind, value, reason;
    char time[CLOCK_TEXT_MAX];
    struct err e = json_parse_object(d->q->body, &body);

    if (!failed(e))
        e = json_only(body, members);
    if (!failed(e))
        e = json_get_str(body, "kind", "kind is fmspc, family, chip, firmware or advisory", &kind);
    if (!failed(e))
        e = json_get_str(body, "value", "value is missing", &value);
    if (!failed(e))
        e = json_get_str(body, "reason", "reason is missing", &reason);
    if (!failed(e))
        e = deny_name(kind, value, d->name);
    if (!failed(e) && (!reason.len || reason.len > DENY_REASON_MAX))
        e = FAIL(INPUT, "reason is 1 to 512 bytes");
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e))
        return refuse(d, CODE_MALFORMED_REQUEST, e.what);
    struct span name = span_str(d->name);
    d->entry = json_object();
    json_set_str(d->entry, "id", d->name);
    json_set_span(d->entry, "kind", kind);
    json_set_span(d->entry, "value", span_tail(name, span_find(name, SPAN(":")) + 1));
    json_set_span(d->entry, "reason", reason);
    json_set_str(d->entry, "author", d->who.subject);
    json_set_str(d->entry, "created_at", clock_format(d->q->now, time));
    return OK;
}

struct err broker_deny_add(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct denial d owned(denial_done) = { .b = b, .q = q, .o = o };
    bool good;

    TRY(admit(b, q, "deny_list:create", &d.who, o, &good));
    if (good)
        TRY(read_entry(&d));
    if (o->code != CODE_OK)
        return OK;
    TRY(run(&d, "deny_add", add));
    return o->code == CODE_OK ? outcome_answer(o, json_incref(d.entry)) : OK;
}

struct err broker_deny_remove(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct denial d owned(denial_done) = { .b = b, .q = q, .o = o };
    size_t colon = span_find(q->id, SPAN(":"));
    bool good;

    TRY(admit(b, q, "deny_list:delete", &d.who, o, &good));
    if (!good)
        return OK;
    if (failed(deny_name(span_head(q->id, colon), span_tail(q->id, colon + 1), d.name)))
        return refuse(&d, CODE_DENY_ENTRY_NOT_FOUND, "the deny list has no such entry");
    return run(&d, "deny_remove", take_out);
}

struct err broker_deny_list(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct denial d owned(denial_done) = { .b = b, .q = q, .o = o };
    struct deny_list l owned(deny_list_done) = { 0 };
    bool good;

    TRY(admit(b, q, "deny_list:search", &d.who, o, &good));
    if (!good)
        return OK;
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    struct err e =
        deny_list_read(s.store, b->secrets.integrity, b->denials, span_str(d.who.tenant), &l);
    if (e.kind == FAIL_DENIED)
        return refuse(&d, CODE_RECORD_TAMPERED, "the deny list was changed outside of the broker");
    TRY(e);
    return outcome_answer(
        o, json_pack("{s:I,s:O}", "version", (json_int_t)l.version, "entries", l.entries));
}
