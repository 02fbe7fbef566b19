// SPDX-License-Identifier: Apache-2.0
/* Pending changes: list, show, approve, reject, and the end of those that nobody decided on. */
#include "base/clock.h"
#include "broker/admit.h"
#include "broker/approval.h"
#include "broker/audit.h"
#include "broker/record.h"

#include <strings.h>

struct decision {
    struct broker *b;
    const struct broker_request *q;
    struct outcome *o;
    struct bearer who;
    struct row row;
    json_t *content;
    struct span reason;
    json_t *body, *record;
};

static void decision_donep(struct decision *d)
{
    bearer_done(&d->who);
    row_done(&d->row);
    json_free(d->content);
    json_free(d->body);
    json_free(d->record);
}

static const char *text_of(const struct decision *d, const char *name)
{
    return json_string_value(json_object_get(d->content, name)) ?: "";
}

static bool has_expired(const struct decision *d)
{
    return d->q->now >= json_integer_value(json_object_get(d->content, "expires"));
}

static fallible find(struct decision *d)
{
    struct borrowed_store s owned(store_give) = store_borrow(d->b->readers);
    struct err e = row_read(s.store, d->b->secrets.integrity, ROW_PENDING_CHANGES,
                            span_str(d->who.tenant), d->q->id, &d->row);

    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(d->o, CODE_PENDING_NOT_FOUND, "no such pending change");
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(d->o, CODE_RECORD_TAMPERED,
                              "a stored record was changed outside of the broker");
    TRY(e);
    return json_parse_object(buf_span(&d->row.content), &d->content);
}

static fallible start(struct decision *d, const char *permission)
{
    bool good;

    TRY(admit(d->b, d->q, permission, &d->who, d->o, &good));
    return good ? find(d) : OK;
}

static struct err add_pending(const struct row *row, void *context)
{
    json_t *one = NULL;
    TRY(approval_json(row, &one));
    return json_array_append_new(context, one) ? FAIL(SYSTEM, "out of memory") : OK;
}

struct err broker_pending_list(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct bearer who owned(bearer_done) = { 0 };
    json_t *list owned(json_free) = json_array();
    bool good;

    TRY(admit(b, q, "changes:search", &who, o, &good));
    if (!good)
        return OK;
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    struct err e = row_list(s.store, b->secrets.integrity, ROW_PENDING_CHANGES,
                            span_str(who.tenant), SPAN(""), add_pending, list);
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(o, CODE_RECORD_TAMPERED,
                              "a stored record was changed outside of the broker");
    TRY(e);
    return outcome_answer(o, TAKE(list));
}

struct err broker_pending_show(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct decision d owned(decision_done) = { .b = b, .q = q, .o = o };
    json_t *shown = NULL;

    TRY(start(&d, "changes:search"));
    if (o->code != CODE_OK)
        return OK;
    TRY(approval_json(&d.row, &shown));
    return outcome_answer(o, shown);
}

static const struct {
    const char *action;
    broker_operation *run;
} changes[] = {
    { "policy_update", broker_policy_update }, { "policy_delete", broker_policy_delete },
    { "key_delete", broker_key_delete },       { "key_enable", broker_key_enable },
    { "key_rotate", broker_key_rotate },       { "key_resource_path", broker_key_resource_path },
};

static broker_operation *operation_of(const char *action)
{
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        if (!strcmp(changes[i].action, action))
            return changes[i].run;
    return NULL;
}

static fallible refuse(struct decision *d, enum code code, const char *detail)
{
    return outcome_refuse(d->o, code, detail);
}

/* Names differ in more than case: one person may be written in two ways. */
static fallible may_approve(struct decision *d)
{
    if (!strcasecmp(text_of(d, "author"), d->who.subject))
        return refuse(d, CODE_APPROVER_IS_AUTHOR, "somebody else than its author must approve it");
    return has_expired(d) ? refuse(d, CODE_PENDING_EXPIRED,
                                   "nobody approved it in time: its author may ask again")
                          : OK;
}

/* The change, its second person, and what came of it. */
static fallible answer(struct decision *d)
{
    json_t *shown = NULL, *result = TAKE(d->o->body);

    TRY(approval_json(&d->row, &shown));
    json_set_str(shown, "approved_by", d->who.subject);
    if (result)
        json_object_set_new(shown, "result", result);
    return outcome_answer(d->o, shown);
}

static fallible carry_out(struct decision *d)
{
    broker_operation *run = operation_of(text_of(d, "action"));
    const struct approval approval = {
        .row = &d->row,
        .author = text_of(d, "author"),
        .author_token = text_of(d, "author_token"),
        .approver = &d->who,
        .target_version =
            (uint64_t)json_integer_value(json_object_get(d->content, "target_version")),
    };
    const struct broker_request q = { .request_id = d->q->request_id,
                                      .id = span_str(text_of(d, "target_id")),
                                      .body = span_str(text_of(d, "body")),
                                      .now = d->q->now,
                                      .approval = &approval };

    if (!run)
        return FAIL(SYSTEM, "a pending change is of no known kind");
    struct err e = run(d->b, &q, d->o);
    if (e.kind == FAIL_CONFLICT || e.kind == FAIL_ABSENT)
        return refuse(d, CODE_CHANGED_MEANWHILE, "it was decided on, or changed, meanwhile");
    TRY(e);
    return d->o->code == CODE_OK ? answer(d) : OK;
}

/* {"reason":"..."}, or nothing. */
static fallible read_reason(struct decision *d)
{
    static const char *const members[] = { "reason", NULL };
    struct err e = OK;

    if (!d->q->body.len)
        return OK;
    e = json_parse_object(d->q->body, &d->body);
    if (!failed(e))
        e = json_only(d->body, members);
    if (!failed(e))
        e = json_opt_str(d->body, "reason", "reason is a text", &d->reason);
    if (!failed(e) && d->reason.len > DENY_REASON_MAX)
        e = FAIL(INPUT, "reason has at most 512 bytes");
    if (e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT)
        return refuse(d, CODE_MALFORMED_REQUEST, e.what);
    return e;
}

struct err broker_pending_approve(struct broker *b, const struct broker_request *q,
                                  struct outcome *o)
{
    struct decision d owned(decision_done) = { .b = b, .q = q, .o = o };

    TRY(start(&d, "changes:approve"));
    if (o->code == CODE_OK)
        TRY(read_reason(&d));
    if (o->code == CODE_OK)
        TRY(may_approve(&d));
    return o->code == CODE_OK ? carry_out(&d) : OK;
}

static struct err drop(struct transaction *t, void *context)
{
    struct decision *d = context;

    TRY(row_delete(t->store, ROW_PENDING_CHANGES, span_str(d->row.tenant), span_str(d->row.id)));
    return audit_append(t, d->record, d->q->now);
}

static fallible end_with(struct decision *d, const char *action)
{
    json_t *shown owned(json_free) = NULL;

    TRY(approval_json(&d->row, &shown));
    TRY(record_new(d->q, d->row.tenant, action, CODE_OK, d->row.id, &d->record));
    if (d->who.subject)
        record_client(d->record, &d->who);
    if (d->reason.len)
        json_set_span(d->record, "reason", d->reason);
    json_object_set(d->record, "change", shown);
    return commit_run(d->b->committer, drop, d);
}

/* The author may: it is taking it back. */
struct err broker_pending_reject(struct broker *b, const struct broker_request *q,
                                 struct outcome *o)
{
    struct decision d owned(decision_done) = { .b = b, .q = q, .o = o };

    TRY(start(&d, "changes:reject"));
    if (o->code == CODE_OK)
        TRY(read_reason(&d));
    if (o->code != CODE_OK)
        return OK;
    struct err e = end_with(&d, "change_reject");
    return e.kind == FAIL_ABSENT || e.kind == FAIL_CONFLICT
               ? refuse(&d, CODE_CHANGED_MEANWHILE, "it was decided on meanwhile")
               : e;
}

struct expired {
    struct row rows[PENDING_CHANGES_MAX];
    size_t count;
    int64_t now;
};

static void expired_donep(struct expired *e)
{
    for (size_t i = 0; i < e->count; i++)
        row_done(&e->rows[i]);
}

static struct err collect(const struct row *row, void *context)
{
    struct expired *e = context;
    json_t *content owned(json_free) = NULL;

    TRY(json_parse_object(buf_span(&row->content), &content));
    if (e->count == PENDING_CHANGES_MAX ||
        e->now < json_integer_value(json_object_get(content, "expires")))
        return OK;
    struct row *copy = &e->rows[e->count];
    TRY(row_init(copy, span_str(row->tenant), span_str(row->id), span_str(row->link)));
    copy->version = row->version;
    e->count++;
    buf_add(&copy->content, buf_span(&row->content));
    return buf_check(&copy->content);
}

static fallible list_expired(struct broker *b, struct expired *out)
{
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    return row_list_all(s.store, b->secrets.integrity, ROW_PENDING_CHANGES, collect, out);
}

fallible broker_expire_pending(struct broker *b, int64_t now)
{
    struct expired e owned(expired_done) = { .now = now };
    const struct broker_request q = { .now = now };

    TRY(list_expired(b, &e));
    for (size_t i = 0; i < e.count; i++) {
        struct decision d owned(decision_done) = { .b = b, .q = &q };
        d.row = e.rows[i];
        e.rows[i].content = buf_of(0);
        struct err failure = end_with(&d, "change_expire");
        if (failed(failure) && failure.kind != FAIL_ABSENT && failure.kind != FAIL_CONFLICT)
            return failure; /* who decided on it meanwhile was faster */
    }
    return OK;
}
