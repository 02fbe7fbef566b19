// SPDX-License-Identifier: Apache-2.0
#include "broker/approval.h"

#include "base/clock.h"
#include "broker/audit.h"
#include "broker/record.h"
#include "crypto/digest.h"
#include "crypto/random.h"

struct proposal {
    struct broker *b;
    const struct broker_request *q;
    struct row row;
    json_t *record;
    bool full;
};

static void proposal_donep(struct proposal *p)
{
    row_done(&p->row);
    json_free(p->record);
}

static fallible count_pending(struct store *s, const char *tenant, int64_t *out)
{
    struct statement *q;
    bool found;

    TRY(store_query(s, "SELECT COUNT(*) FROM pending_changes WHERE tenant = ?1", &q));
    bind_str(q, 1, tenant);
    TRY(store_step(q, &found));
    *out = found ? column_int(q, 0) : 0;
    store_reset(q);
    return OK;
}

static struct err keep(struct transaction *t, void *context)
{
    struct proposal *p = context;
    int64_t count;

    TRY(count_pending(t->store, p->row.tenant, &count));
    p->full = count >= PENDING_CHANGES_MAX;
    if (p->full)
        return OK;
    TRY(row_insert(t->store, p->b->secrets.integrity, ROW_PENDING_CHANGES, &p->row));
    return audit_append(t, p->record, p->q->now);
}

static fallible write_content(struct proposal *p, const char *action, const struct bearer *author,
                              const struct approval_target *target)
{
    json_t *content owned(json_free) = json_object();
    char created[CLOCK_TEXT_MAX], digest[DIGEST_TEXT_SIZE];
    uint64_t hours = p->b->approval_hours ? p->b->approval_hours : APPROVAL_HOURS;

    TRY(digest_text(p->q->body, digest));
    json_set_str(content, "action", action);
    json_set_str(content, "target_kind", target->kind);
    json_set_str(content, "target_id", target->row->id);
    json_set_str(content, "target_name", strcmp(target->kind, "policy") ? "" : target->row->link);
    json_set_int(content, "target_version", (int64_t)target->row->version);
    json_set_span(content, "body", p->q->body.len ? p->q->body : SPAN(""));
    json_set_str(content, "body_digest", digest);
    json_set_str(content, "author", author->subject);
    json_set_str(content, "author_token", author->id);
    json_set_str(content, "created_at", clock_format(p->q->now, created));
    json_set_int(content, "expires", p->q->now + (int64_t)hours * 3600);
    return json_canonical(content, &p->row.content);
}

static fallible write_record(struct proposal *p, const char *action, const struct bearer *author,
                             const struct approval_target *target)
{
    bool key = !strcmp(target->kind, "key");

    TRY(record_new(p->q, author->tenant, action, CODE_OK, NULL, &p->record));
    record_client(p->record, author);
    json_set_str(p->record, "decision", "pending");
    json_set_str(p->record, "pending_id", p->row.id);
    json_set_str(p->record, key ? "key_id" : "policy_id", target->row->id);
    json_set_int(p->record, key ? "row_version" : "policy_version", (int64_t)target->row->version);
    json_set_str(p->record, "policy_digest", target->digest);
    return OK;
}

static fallible propose(struct broker *b, const struct broker_request *q, const char *action,
                        const struct bearer *author, const struct approval_target *target,
                        struct outcome *o)
{
    struct proposal p owned(proposal_done) = { .b = b, .q = q };
    char id[UUID_TEXT_SIZE], link[ROW_LINK_MAX + 1];
    json_t *shown = NULL;

    TRY(random_uuid(id));
    snprintf(link, sizeof link, "%s/%s", target->kind, target->row->id);
    TRY(row_init(&p.row, span_str(author->tenant), span_str(id), span_str(link)));
    struct err e = write_content(&p, action, author, target);
    if (e.kind == FAIL_LIMIT)
        return outcome_refuse(o, CODE_TOO_LARGE, "the request is too large to be kept");
    TRY(e);
    TRY(write_record(&p, action, author, target));
    TRY(commit_run(b->committer, keep, &p));
    if (p.full)
        return outcome_refuse(o, CODE_TOO_MANY_PENDING,
                              "too many changes wait for approval: decide on them first");
    TRY(approval_json(&p.row, &shown));
    TRY(outcome_answer(o, json_pack("{s:o}", "pending", shown)));
    o->code = CODE_PENDING_APPROVAL;
    return OK;
}

fallible approval_require(struct broker *b, const struct broker_request *q, const char *action,
                          const struct bearer *author, const struct approval_target *target,
                          struct outcome *o)
{
    if (!q->approval)
        return propose(b, q, action, author, target, o);
    return q->approval->target_version == target->row->version
               ? OK
               : outcome_refuse(o, CODE_CHANGED_MEANWHILE,
                                "what it changes was changed since it was asked for: reject it, "
                                "and ask again");
}

struct approved {
    const struct broker_request *q;
    commit_change *change;
    void *context;
};

/* The decision's record has the pending change's id: a second one cannot be written. */
static fallible end_pending(struct transaction *t, const struct broker_request *q)
{
    const struct approval *a = q->approval;
    json_t *record owned(json_free) = NULL, *shown owned(json_free) = NULL;

    TRY(approval_json(a->row, &shown));
    TRY(record_new(q, a->row->tenant, "change_approve", CODE_OK, a->row->id, &record));
    record_client(record, a->approver);
    json_object_set(record, "change", shown);
    TRY(row_delete(t->store, ROW_PENDING_CHANGES, span_str(a->row->tenant), span_str(a->row->id)));
    return audit_append(t, record, q->now);
}

static struct err change_and_end(struct transaction *t, void *context)
{
    struct approved *a = context;
    TRY(a->change(t, a->context));
    return end_pending(t, a->q);
}

fallible approval_commit(struct broker *b, const struct broker_request *q, commit_change *change,
                         void *context)
{
    struct approved a = { q, change, context };
    return q->approval ? commit_run(b->committer, change_and_end, &a)
                       : commit_run(b->committer, change, context);
}

/* All of the content but the body, of which the document is shown where it is JSON. */
fallible approval_json(const struct row *row, json_t **out)
{
    json_t *content owned(json_free) = NULL, *document owned(json_free) = NULL;
    struct span body = { 0 };
    uint64_t expires = 0;
    char time[CLOCK_TEXT_MAX];

    TRY(json_parse_object(buf_span(&row->content), &content));
    TRY(json_get_str(content, "body", "pending change", &body));
    TRY(json_get_u64(content, "expires", INT64_MAX, "pending change", &expires));
    if (body.len && !failed(json_parse(body, &document)))
        json_object_set(content, "request", document);
    json_object_del(content, "body");
    json_object_del(content, "expires");
    json_set_str(content, "id", row->id);
    json_set_str(content, "expires_at", clock_format((int64_t)expires, time));
    *out = TAKE(content);
    return OK;
}
