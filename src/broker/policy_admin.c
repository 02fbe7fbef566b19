// SPDX-License-Identifier: Apache-2.0
/* Transfer policies: create, list, show, update, delete. */
#include "base/clock.h"
#include "broker/admit.h"
#include "broker/approval.h"
#include "broker/audit.h"
#include "broker/record.h"
#include "broker/tenant.h"
#include "broker/transfer_lint.h"
#include "crypto/random.h"

struct change {
    struct broker *b;
    const struct broker_request *q;
    struct bearer who;
    struct transfer_policy *policy; /* the new one */
    struct policy_entry before;     /* of an update or a delete */
    struct row row;
    json_t *record;
    bool full;
};

static void change_done(struct change *c)
{
    bearer_done(&c->who);
    transfer_policy_free(c->policy);
    policy_entry_done(&c->before);
    row_done(&c->row);
    json_free(c->record);
}
static inline void change_donep(struct change *c)
{
    change_done(c);
}

/* What can never be met is an error when it is written, never a silent refusal later. */
static fallible check_never(const struct change *c, struct outcome *o)
{
    json_t *remarks owned(json_free) = json_array();
    char detail[OUTCOME_DETAIL_SIZE];

    TRY(transfer_lint_never(c->policy, remarks));
    const json_t *first = json_array_get(remarks, 0);
    if (!first)
        return OK;
    snprintf(detail, sizeof detail, "%s: %s", json_string_value(json_object_get(first, "path")),
             json_string_value(json_object_get(first, "message")));
    return outcome_refuse(o, CODE_MALFORMED_POLICY, detail);
}

static fallible read_document(struct change *c, struct outcome *o)
{
    json_t *document owned(json_free) = NULL;
    char *message owned(free) = NULL;
    struct err e = json_parse_object(c->q->body, &document);

    if (!failed(e))
        e = transfer_policy_parse(document, &c->policy, &message);
    if (e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT)
        return outcome_refuse(o, CODE_MALFORMED_POLICY, message ? message : e.what);
    TRY(e);
    return check_never(c, o);
}

static fallible read_before(struct change *c, struct outcome *o)
{
    struct borrowed_store s owned(store_give) = store_borrow(c->b->readers);
    struct err e = policy_entry_read(s.store, c->b->secrets.integrity, c->b->policies,
                                     span_str(c->who.tenant), c->q->id, &c->before);

    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(o, CODE_POLICY_NOT_FOUND, "no such transfer policy");
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(o, CODE_RECORD_TAMPERED,
                              "a stored record was changed outside of the broker");
    return e;
}

static fallible start_record(struct change *c, const char *action, const char *id, uint64_t version,
                             const char *digest)
{
    TRY(record_new(c->q, c->who.tenant, action, CODE_OK, NULL, &c->record));
    record_client(c->record, &c->who);
    json_set_str(c->record, "policy_id", id);
    json_set_int(c->record, "policy_version", (int64_t)version);
    json_set_str(c->record, "policy_digest", digest);
    return OK;
}

static fallible answer_row(struct change *c, struct outcome *o)
{
    struct policy_entry made owned(policy_entry_done) = { 0 };
    TRY(policy_entry_of(&c->row, NULL, &made));
    return outcome_answer(o, policy_entry_json(&made));
}

static struct err insert(struct transaction *t, void *context)
{
    struct change *c = context;
    TRY(tenant_is_full(c->b, t->store, ROW_POLICIES, c->who.tenant, &c->full));
    if (c->full)
        return FAIL(LIMIT, "the tenant's policies are full");
    TRY(row_insert(t->store, c->b->secrets.integrity, ROW_POLICIES, &c->row));
    return audit_append(t, c->record, c->q->now);
}

struct err broker_policy_create(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct change c owned(change_done) = { .b = b, .q = q };
    char id[UUID_TEXT_SIZE], time[CLOCK_TEXT_MAX];
    bool good;

    TRY(admit(b, q, "key_transfer_policies:create", &c.who, o, &good));
    if (!good)
        return OK;
    TRY(read_document(&c, o));
    if (o->code != CODE_OK)
        return OK;
    TRY(random_uuid(id));
    clock_format(q->now, time);
    TRY(policy_row_make(span_str(c.who.tenant), span_str(id), c.policy, time, time, &c.row));
    TRY(start_record(&c, "policy_create", id, 1, c.policy->digest));
    struct err e = commit_run(b->committer, insert, &c);
    if (c.full)
        return tenant_refuse_full(b, ROW_POLICIES, o);
    if (e.kind == FAIL_CONFLICT)
        return outcome_refuse(o, CODE_POLICY_NAME_TAKEN,
                              "a policy of this name exists: update it, or choose another name");
    TRY(e);
    return answer_row(&c, o);
}

struct err broker_policy_show(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct change c owned(change_done) = { .b = b, .q = q };
    bool good;

    TRY(admit(b, q, "key_transfer_policies:retrieve", &c.who, o, &good));
    if (good)
        TRY(read_before(&c, o));
    return o->code == CODE_OK ? outcome_answer(o, policy_entry_json(&c.before)) : OK;
}

static struct err add_policy(const struct row *row, void *context)
{
    struct policy_entry p owned(policy_entry_done) = { 0 };
    struct row copy owned(row_done) = { 0 };

    TRY(row_init(&copy, span_str(row->tenant), span_str(row->id), span_str(row->link)));
    copy.version = row->version;
    buf_add(&copy.content, buf_span(&row->content));
    TRY(buf_check(&copy.content));
    TRY(policy_entry_of(&copy, NULL, &p));
    return json_array_append_new(context, policy_entry_json(&p)) ? FAIL(SYSTEM, "out of memory")
                                                                 : OK;
}

struct err broker_policy_list(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct bearer who owned(bearer_done) = { 0 };
    json_t *list owned(json_free) = json_array();
    bool good;

    TRY(admit(b, q, "key_transfer_policies:search", &who, o, &good));
    if (!good)
        return OK;
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    struct err e = row_list(s.store, b->secrets.integrity, ROW_POLICIES, span_str(who.tenant),
                            SPAN(""), add_policy, list);
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(o, CODE_RECORD_TAMPERED,
                              "a stored record was changed outside of the broker");
    TRY(e);
    return outcome_answer(o, TAKE(list));
}

static struct err update(struct transaction *t, void *context)
{
    struct change *c = context;
    TRY(row_update(t->store, c->b->secrets.integrity, ROW_POLICIES, &c->row));
    return audit_append(t, c->record, c->q->now);
}

static fallible write_update(struct change *c, struct outcome *o)
{
    char time[CLOCK_TEXT_MAX];
    const char *created = json_string_value(json_object_get(c->before.content, "created_at"));
    const struct row *old = &c->before.row;

    TRY(policy_row_make(span_str(old->tenant), span_str(old->id), c->policy, created,
                        clock_format(c->q->now, time), &c->row));
    c->row.version = old->version + 1;
    TRY(start_record(c, "policy_update", old->id, c->row.version, c->policy->digest));
    struct err e = approval_commit(c->b, c->q, update, c);
    if (e.kind == FAIL_CONFLICT)
        return outcome_refuse(o, CODE_CHANGED_MEANWHILE,
                              "the policy changed meanwhile, or its new name is taken");
    TRY(e);
    return answer_row(c, o);
}

static fallible second_person(struct change *c, const char *action, struct outcome *o)
{
    const struct approval_target target = { "policy", &c->before.row, c->before.policy->digest };
    return approval_require(c->b, c->q, action, &c->who, &target, o);
}

struct err broker_policy_update(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct change c owned(change_done) = { .b = b, .q = q };
    bool good;

    TRY(admit(b, q, "key_transfer_policies:update", &c.who, o, &good));
    if (good)
        TRY(read_before(&c, o));
    if (o->code == CODE_OK)
        TRY(read_document(&c, o));
    if (o->code != CODE_OK)
        return OK;
    /* A lower level of attestation opens keys to more callers, and keys granted in place of their
     * use get out: one administrator alone may not. */
    if (c.before.policy->four_eyes || c.policy->attestation < c.before.policy->attestation ||
        (c.before.policy->uses && !c.policy->uses))
        TRY(second_person(&c, "policy_update", o));
    return o->code == CODE_OK ? write_update(&c, o) : OK;
}

static struct err delete_policy(struct transaction *t, void *context)
{
    struct change *c = context;
    TRY(row_delete(t->store, ROW_POLICIES, span_str(c->before.row.tenant),
                   span_str(c->before.row.id)));
    return audit_append(t, c->record, c->q->now);
}

struct err broker_policy_delete(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct change c owned(change_done) = { .b = b, .q = q };
    bool good;

    TRY(admit(b, q, "key_transfer_policies:delete", &c.who, o, &good));
    if (good)
        TRY(read_before(&c, o));
    if (o->code != CODE_OK)
        return OK;
    if (c.before.policy->four_eyes)
        TRY(second_person(&c, "policy_delete", o));
    if (o->code != CODE_OK)
        return OK;
    TRY(start_record(&c, "policy_delete", c.before.row.id, c.before.row.version,
                     c.before.policy->digest));
    struct err e = approval_commit(b, q, delete_policy, &c);
    if (e.kind == FAIL_CONFLICT)
        return outcome_refuse(o, CODE_POLICY_IN_USE, "keys use this policy: delete them first");
    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(o, CODE_POLICY_NOT_FOUND, "no such transfer policy");
    return e;
}
