// SPDX-License-Identifier: Apache-2.0
/*
 * Rotation: the key manager makes, takes or shows a new version, then one transaction writes it
 * into the key's record, has the versions that are no longer kept removed, and records both. The
 * old version is released until that transaction, the new one from it on.
 */
#include "base/clock.h"
#include "broker/approval.h"
#include "broker/audit.h"
#include "broker/admit.h"
#include "broker/key_rotate_internal.h"
#include "broker/record.h"
#include "crypto/random.h"

#define NUMBERS_TRIED 4

struct rotating {
    struct broker *b;
    const struct broker_request *q;
    struct outcome *o;
    struct bearer who;
    struct key_entry key;
    struct rotate_request request;
    struct key_version made;
    struct row row;
    json_t *record;
    bool stays; /* the policy grants use only */
};

static void rotating_done(struct rotating *r)
{
    bearer_done(&r->who);
    key_entry_done(&r->key);
    rotate_request_done(&r->request);
    row_done(&r->row);
    json_free(r->record);
}
static inline void rotating_donep(struct rotating *r)
{
    rotating_done(r);
}

static fallible find_stays(struct rotating *r)
{
    struct policy_entry p owned(policy_entry_done) = { 0 };
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);

    TRY(policy_entry_read(s.store, r->b->secrets.integrity, r->b->policies,
                          span_str(r->key.row.tenant), span_str(r->key.row.link), &p));
    r->stays = p.policy->uses;
    return OK;
}

static fallible place_once(struct rotating *r, char reason[KEY_REASON_SIZE])
{
    struct key_ref ref = key_entry_ref(&r->key, &r->made);
    struct key_service *m = r->b->manager;

    ref.stays = r->stays;
    r->made.spec = key_versions_newest(&r->key.versions)->spec;
    if (ref.external.len)
        return key_service_describe(m, &ref, r->made.spec.algorithm, &r->made.spec, reason);
    if (r->request.key_string.len)
        return key_service_import(m, &ref, r->made.spec.algorithm, r->request.sealed,
                                  r->request.key_string, &r->made.spec, reason);
    return key_service_create(m, &ref, &r->made.spec, reason);
}

/* A number that the manager has already was given to a version that never came to be: its keyd
 * ended before it was on record. */
static fallible place(struct rotating *r, char reason[KEY_REASON_SIZE])
{
    struct err e = OK;

    r->made = (struct key_version){ .number = key_versions_newest(&r->key.versions)->number,
                                    .created_at = r->q->now,
                                    .external = r->request.external };
    for (unsigned i = 0; i < NUMBERS_TRIED; i++) {
        r->made.number++;
        e = place_once(r, reason);
        if (e.kind != FAIL_CONFLICT)
            break;
    }
    return e;
}

static fallible place_or_refuse(struct rotating *r)
{
    char reason[KEY_REASON_SIZE] = "";
    struct err e = place(r, reason);

    if (e.kind == FAIL_INPUT || e.kind == FAIL_ABSENT || e.kind == FAIL_DENIED)
        return outcome_refuse(r->o, CODE_KEY_REFUSED, reason[0] ? reason : e.what);
    return e;
}

fallible key_remove_versions(struct transaction *t, const struct secret *integrity,
                             const struct key_entry *key, const struct key_versions *gone)
{
    struct row row owned(row_done) = { 0 };
    json_t *content owned(json_free) = json_object();
    char id[UUID_TEXT_SIZE];

    if (!gone->count)
        return OK;
    TRY(random_uuid(id));
    TRY(row_init(&row, span_str(key->row.tenant), span_str(id), span_str(key->row.link)));
    json_set_str(content, "key_id", key->row.id);
    TRY(key_versions_write(gone, content));
    TRY(json_canonical(content, &row.content));
    return row_insert(t->store, integrity, ROW_REMOVALS, &row);
}

fallible key_set_date(struct transaction *t, const struct key_entry *key)
{
    int64_t due = key_versions_due(&key->versions);
    struct statement *q;

    if (!due)
        return OK;
    TRY(store_query(t->store,
                    "INSERT INTO version_dates (due_at, tenant, id) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT DO NOTHING",
                    &q));
    bind_int(q, 1, due);
    bind_str(q, 2, key->row.tenant);
    bind_str(q, 3, key->row.id);
    return store_run(q);
}

void key_record_removed(json_t *record, const struct key_versions *gone)
{
    json_t *list = json_array();

    for (size_t i = 0; i < gone->count; i++)
        json_array_append_new(list, json_integer((json_int_t)gone->at[i].number));
    json_object_set_new(record, "versions_removed", list);
}

static struct err insert_version(struct transaction *t, void *context)
{
    struct rotating *r = context;
    const struct secret *integrity = r->b->secrets.integrity;
    struct key_versions before = r->key.versions, gone;

    r->key.versions.keep_old =
        r->request.has_keep_old ? r->request.keep_old : r->key.versions.keep_old;
    struct err e = key_versions_add(&r->key.versions, &r->made, r->request.keep_until);
    key_versions_retire(&r->key.versions, r->q->now, &gone);
    key_record_removed(r->record, &gone);
    row_done(&r->row);
    if (!failed(e))
        e = key_entry_changed(&r->key, &r->row);
    if (!failed(e))
        e = row_update(t->store, integrity, ROW_KEYS, &r->row);
    if (!failed(e))
        e = key_remove_versions(t, integrity, &r->key, &gone);
    if (!failed(e))
        e = key_set_date(t, &r->key);
    if (!failed(e))
        e = audit_append(t, r->record, r->q->now);
    if (failed(e))
        r->key.versions = before;
    return e;
}

/* What the key manager has under the number may be another's by now: of another keyd on this store,
 * say. In doubt it stays. */
static bool is_on_record(const struct rotating *r)
{
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);
    struct key_entry now owned(key_entry_done) = { 0 };
    struct err e = key_entry_read(s.store, r->b->secrets.integrity, span_str(r->who.tenant),
                                  span_str(r->key.row.id), &now);

    return failed(e) ? e.kind != FAIL_ABSENT
                     : key_versions_find(&now.versions, r->made.number) != NULL;
}

/* The version that was not written down. */
static fallible take_back(const struct rotating *r, struct err why)
{
    struct key_ref ref = key_entry_ref(&r->key, &r->made);
    struct err gone = is_on_record(r) ? OK : key_service_destroy(r->b->manager, &ref);

    return why.kind != FAIL_CONFLICT && failed(gone) ? gone : why;
}

static fallible keep(struct rotating *r)
{
    struct key_entry now owned(key_entry_done) = { 0 };
    char time[CLOCK_TEXT_MAX];

    TRY(record_new(r->q, r->who.tenant, "key_rotate", CODE_OK, NULL, &r->record));
    record_client(r->record, &r->who);
    record_key(r->record, &r->key);
    json_set_int(r->record, "key_version", (int64_t)r->made.number);
    json_set_int(r->record, "version_before",
                 (int64_t)key_versions_newest(&r->key.versions)->number);
    if (r->request.keep_until)
        json_set_str(r->record, "keep_until", clock_format(r->request.keep_until, time));
    struct err e = approval_commit(r->b, r->q, insert_version, r);
    if (failed(e))
        return take_back(r, e);
    TRY(key_entry_of(&r->row, &now));
    return outcome_answer(r->o, key_entry_json(&now));
}

static fallible check_request(struct rotating *r)
{
    const struct key_version *newest = key_versions_newest(&r->key.versions);

    /* A request that waits for a second person is kept as it came. */
    bool must_be_sealed = r->b->require_wrapped_import || key_needs_second_person(&r->key) ||
                          r->key.spec.algorithm == KEY_ALGORITHM_OPAQUE;

    if (r->request.key_string.len && !r->request.sealed && must_be_sealed)
        return outcome_refuse(r->o, CODE_WRAPPED_IMPORT_REQUIRED,
                              "key_string must be a JWE to the key of GET /kbs/v1/import-key: "
                              "'warder key rotate --file' makes it");
    if ((newest->external.len != 0) != (r->request.external.len != 0))
        return outcome_refuse(
            r->o, CODE_MALFORMED_REQUEST,
            newest->external.len
                ? "a registered key is rotated by the name of its new version: kmip_key_id"
                : "kmip_key_id is for keys that were registered");
    if (r->request.keep_until && r->request.keep_until <= r->q->now)
        return outcome_refuse(r->o, CODE_MALFORMED_REQUEST, "keep_old_until has passed already");
    return OK;
}

/* Alone with the key: read again, for another rotation may have ended since. */
static fallible rotate(struct rotating *r)
{
    key_entry_done(&r->key);
    TRY(key_named(r->b, r->q, &r->who, &r->key, r->o));
    if (r->o->code == CODE_OK)
        TRY(check_request(r));
    if (r->o->code == CODE_OK)
        TRY(key_second_person(r->b, r->q, "key_rotate", &r->who, &r->key, r->o));
    if (r->o->code == CODE_OK)
        TRY(find_stays(r));
    if (r->o->code == CODE_OK)
        TRY(place_or_refuse(r));
    return r->o->code == CODE_OK ? keep(r) : OK;
}

struct err broker_key_rotate(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct rotating r owned(rotating_done) = { .b = b, .q = q, .o = o };
    bool good;

    TRY(key_admit(b, q, "keys:rotate", &r.who, &r.key, o, &good));
    if (!good)
        return OK;
    TRY(rotate_request_parse(q->body, &r.request));
    char id[UUID_TEXT_SIZE];
    snprintf(id, sizeof id, "%s", r.key.row.id);
    TRY(busy_keys_begin(&b->rotating, id));
    struct err e = rotate(&r);
    busy_keys_end(&b->rotating, id);
    return e;
}
