// SPDX-License-Identifier: Apache-2.0
/* The name under which guests ask for a key: given, changed, taken away. */
#include "broker/approval.h"
#include "broker/audit.h"
#include "broker/admit.h"
#include "broker/record.h"
#include "broker/resource_path.h"

struct naming {
    struct broker *b;
    const struct broker_request *q;
    json_t *body, *record;
    struct span path; /* empty: none any more */
    struct row row;
    bool taken;
};

static void naming_donep(struct naming *n)
{
    json_free(n->body);
    json_free(n->record);
    row_done(&n->row);
}

static fallible read_path(struct naming *n)
{
    static const char *const members[] = { "resource_path", NULL };

    TRY(json_parse_object(n->q->body, &n->body));
    TRY(json_only(n->body, members));
    TRY(json_get_str(n->body, "resource_path", "resource_path is a text", &n->path));
    return !n->path.len || resource_path_valid(n->path)
               ? OK
               : FAIL(INPUT, "resource_path: repository/type/tag is meant, or nothing");
}

static struct err write_name(struct transaction *t, void *context)
{
    struct naming *n = context;
    struct span tenant = span_str(n->row.tenant), id = span_str(n->row.id);

    TRY(row_update(t->store, n->b->secrets.integrity, ROW_KEYS, &n->row));
    TRY(resource_path_remove(t->store, tenant, id));
    if (n->path.len) {
        struct err e = resource_path_add(t->store, tenant, n->path, id);
        n->taken = e.kind == FAIL_CONFLICT;
        TRY(e);
    }
    return audit_append(t, n->record, n->q->now);
}

static fallible prepare(struct naming *n, struct key_entry *key, const struct bearer *who)
{
    const json_t *before = json_object_get(key->content, "resource_path");

    TRY(record_new(n->q, who->tenant, "key_resource_path", CODE_OK, NULL, &n->record));
    record_client(n->record, who);
    record_key(n->record, key);
    json_set_span(n->record, "resource_path", n->path);
    if (before)
        json_object_set(n->record, "resource_path_before", (json_t *)(uintptr_t)before);
    if (n->path.len)
        json_set_span(key->content, "resource_path", n->path);
    else
        json_object_del(key->content, "resource_path");
    return key_entry_changed(key, &n->row);
}

struct err broker_key_resource_path(struct broker *b, const struct broker_request *q,
                                    struct outcome *o)
{
    struct naming n owned(naming_done) = { .b = b, .q = q };
    struct bearer who owned(bearer_done) = { 0 };
    struct key_entry key owned(key_entry_done) = { 0 }, now owned(key_entry_done) = { 0 };
    bool good;

    TRY(key_admit(b, q, "keys:rename", &who, &key, o, &good));
    if (!good)
        return OK;
    struct err e = read_path(&n);
    if (e.kind == FAIL_INPUT)
        return outcome_refuse(o, CODE_MALFORMED_REQUEST, e.what);
    TRY(e);
    TRY(key_second_person(b, q, "key_resource_path", &who, &key, o));
    if (o->code != CODE_OK)
        return OK;
    TRY(prepare(&n, &key, &who));
    e = approval_commit(b, q, write_name, &n);
    if (n.taken)
        return outcome_refuse(o, CODE_RESOURCE_PATH_TAKEN,
                              "another key of the tenant has this resource path");
    TRY(e);
    TRY(key_entry_of(&n.row, &now));
    return outcome_answer(o, key_entry_json(&now));
}
