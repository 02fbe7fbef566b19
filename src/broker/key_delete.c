// SPDX-License-Identifier: Apache-2.0
/*
 * Deleting a key, in two steps that survive everything between them. First, in one transaction: the
 * key's row becomes a row of what is to be removed, and the record is written; from then on nothing
 * is released. Then the key manager removes the secret and the row goes. Where the manager does not
 * answer, the second step is taken later.
 */
#include "broker/approval.h"
#include "broker/audit.h"
#include "broker/admit.h"
#include "broker/record.h"
#include "broker/release_count.h"
#include "broker/resource_path.h"

#define REMOVALS_MAX 64 /* a round: the next one has the rest */

struct deleting {
    struct broker *b;
    const struct broker_request *q;
    const struct key_entry *key;
    json_t *record;
};

static struct err delete_key(struct transaction *t, void *context)
{
    struct deleting *d = context;
    const struct row *row = &d->key->row;

    TRY(row_delete(t->store, ROW_KEYS, span_str(row->tenant), span_str(row->id)));
    TRY(row_insert(t->store, d->b->secrets.integrity, ROW_REMOVALS, row));
    TRY(release_count_forget(t->store, span_str(row->tenant), span_str(row->id)));
    TRY(resource_path_remove(t->store, span_str(row->tenant), span_str(row->id)));
    return audit_append(t, d->record, d->q->now);
}

static struct err forget(struct transaction *t, void *context)
{
    const struct row *row = context;
    struct err e = row_delete(t->store, ROW_REMOVALS, span_str(row->tenant), span_str(row->id));

    return e.kind == FAIL_ABSENT
               ? OK
               : e; /* another thread, or another keyd on this store, was faster */
}

static fallible remove_secret(struct broker *b, struct key_entry *key)
{
    for (size_t i = 0; i < key->versions.count; i++) {
        struct key_ref ref = key_entry_ref(key, &key->versions.at[i]);
        TRY(key_service_destroy(b->manager, &ref));
    }
    return commit_run(b->committer, forget, &key->row);
}

struct err broker_key_delete(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct bearer who owned(bearer_done) = { 0 };
    struct key_entry key owned(key_entry_done) = { 0 };
    json_t *record owned(json_free) = NULL;
    bool good;

    TRY(key_admit(b, q, "keys:delete", &who, &key, o, &good));
    if (good)
        TRY(key_second_person(b, q, "key_delete", &who, &key, o));
    if (o->code != CODE_OK)
        return OK;
    TRY(record_new(q, who.tenant, "key_delete", CODE_OK, NULL, &record));
    record_client(record, &who);
    record_key(record, &key);
    struct deleting d = { b, q, &key, record };
    struct err e = approval_commit(b, q, delete_key, &d);
    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(o, CODE_KEY_NOT_FOUND, "no such key");
    TRY(e);
    (void)remove_secret(b, &key).kind; /* what fails here is taken up again */
    return OK;
}

struct removals { /* deleted keys whose secrets may still be there */
    struct row rows[REMOVALS_MAX];
    size_t count;
};

static void removals_donep(struct removals *r)
{
    for (size_t i = 0; i < r->count; i++)
        row_done(&r->rows[i]);
}

static struct err collect(const struct row *row, void *context)
{
    struct removals *r = context;

    if (r->count == REMOVALS_MAX)
        return OK;
    struct row *copy = &r->rows[r->count];
    TRY(row_init(copy, span_str(row->tenant), span_str(row->id), span_str(row->link)));
    copy->version = row->version;
    r->count++;
    buf_add(&copy->content, buf_span(&row->content));
    return buf_check(&copy->content);
}

static fallible list(struct broker *b, struct removals *out)
{
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    return row_list_all(s.store, b->secrets.integrity, ROW_REMOVALS, collect, out);
}

fallible broker_finish_deletions(struct broker *b)
{
    struct removals r owned(removals_done) = { 0 };

    TRY(list(b, &r));
    for (size_t i = 0; i < r.count; i++) {
        struct key_entry key owned(key_entry_done) = { 0 };
        TRY(key_entry_of(&r.rows[i], &key));
        TRY(remove_secret(b, &key)); /* the others would wait for the same manager */
    }
    return OK;
}
