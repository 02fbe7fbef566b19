// SPDX-License-Identifier: Apache-2.0
/* Old versions of keys that go by their date. The table of dates only says where to look; what goes
 * the key's own record says, which nobody but keyd writes. */
#include "broker/audit.h"
#include "broker/broker.h"
#include "broker/key_rotate_internal.h"
#include "broker/record.h"

#define DATES_MAX 64 /* a round: the next one has the rest */

struct date {
    int64_t due_at;
    char tenant[TENANT_MAX + 1], id[UUID_TEXT_SIZE];
};

struct retiring {
    struct broker *b;
    int64_t now;
    const struct date *date;
    json_t *record;
};

static fallible forget_date(struct store *s, const struct date *d)
{
    struct statement *q;

    TRY(store_query(s, "DELETE FROM version_dates WHERE due_at = ?1 AND tenant = ?2 AND id = ?3",
                    &q));
    bind_int(q, 1, d->due_at);
    bind_str(q, 2, d->tenant);
    bind_str(q, 3, d->id);
    return store_run(q);
}

static fallible write_retired(struct transaction *t, struct retiring *r, struct key_entry *key)
{
    const struct secret *integrity = r->b->secrets.integrity;
    struct row row owned(row_done) = { 0 };
    struct key_versions gone;

    key_versions_retire(&key->versions, r->now, &gone);
    TRY(key_set_date(t, key));
    if (!gone.count)
        return OK;
    record_key(r->record, key);
    key_record_removed(r->record, &gone);
    TRY(key_entry_changed(key, &row));
    TRY(row_update(t->store, integrity, ROW_KEYS, &row));
    TRY(key_remove_versions(t, integrity, key, &gone));
    return audit_append(t, r->record, r->now);
}

static struct err retire(struct transaction *t, void *context)
{
    struct retiring *r = context;
    struct key_entry key owned(key_entry_done) = { 0 };

    TRY(forget_date(t->store, r->date));
    struct err e = key_entry_read(t->store, r->b->secrets.integrity, span_str(r->date->tenant),
                                  span_str(r->date->id), &key);
    if (e.kind == FAIL_ABSENT) /* deleted meanwhile, with all its versions */
        return OK;
    return failed(e) ? e : write_retired(t, r, &key);
}

static fallible due_dates(struct broker *b, int64_t now, struct date dates[DATES_MAX],
                          size_t *count)
{
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    struct statement *q;
    struct err e = OK;

    TRY(store_query(s.store,
                    "SELECT due_at, tenant, id FROM version_dates WHERE due_at <= ?1"
                    " ORDER BY due_at LIMIT 64",
                    &q));
    bind_int(q, 1, now);
    for (bool more = true; more && !failed(e) && *count < DATES_MAX;) {
        e = store_step(q, &more);
        if (failed(e) || !more)
            break;
        struct date *d = &dates[(*count)++];
        struct span tenant = column_text(q, 1), id = column_text(q, 2);
        d->due_at = column_int(q, 0);
        snprintf(d->tenant, sizeof d->tenant, "%.*s", (int)tenant.len, (const char *)tenant.at);
        snprintf(d->id, sizeof d->id, "%.*s", (int)id.len, (const char *)id.at);
    }
    store_reset(q);
    return e;
}

fallible broker_retire_versions(struct broker *b, int64_t now)
{
    struct date dates[DATES_MAX];
    size_t count = 0;

    TRY(due_dates(b, now, dates, &count));
    for (size_t i = 0; i < count; i++) {
        const struct broker_request nobody = { .now = now };
        json_t *record owned(json_free) = NULL;

        TRY(record_new(&nobody, dates[i].tenant, "key_versions_retire", CODE_OK, NULL, &record));
        struct retiring r = { b, now, &dates[i], record };
        TRY(commit_run(b->committer, retire, &r));
    }
    return OK;
}
