// SPDX-License-Identifier: Apache-2.0
/* What keyd says of itself, and its audit log. */
#include "base/clock.h"
#include "broker/admit.h"
#include "broker/audit.h"
#include "broker/guest_session.h"
#include "broker/lease.h"
#include "broker/row.h"
#include "crypto/jose.h"

#define JWKS_MAX (16U << 10)

struct err broker_public_keys(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    const struct key *keys[] = { b->secrets.release };
    struct buf text owned(buf_done) = buf_of(JWKS_MAX);
    json_t *release owned(json_free) = NULL, *import owned(json_free) = NULL;

    (void)q;
    TRY(jwks_text(keys, 1, &text));
    TRY(json_parse_object(buf_span(&text), &release));
    TRY(key_to_jwk(b->import, &import));
    return outcome_answer(o, json_pack("{s:O,s:O}", "release", release, "import", import));
}

struct err broker_health(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct buf name owned(buf_done) = buf_of(64);
    struct err manager = key_service_health(b->manager, &name);
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    uint64_t version;
    struct err store = row_version(s.store, ROW_KEYS, SPAN(""), SPAN(""), &version);
    json_t *body = json_object();

    (void)q;
    json_set_str(body, "store", failed(store) ? "down" : "ok");
    json_set_str(body, "key_manager",
                 keystore_is_sealed(manager) ? "sealed"
                 : failed(manager)           ? "down"
                                             : "ok");
    json_set_str(body, "key_manager_name", failed(manager) ? NULL : buf_str(&name));
    json_set_str(body, "audit_log_file", committer_journal_behind(b->committer) ? "behind" : "ok");
    json_set_int(body, "strangers_not_recorded", atomic_load(&b->stranger_unrecorded));
    return outcome_answer(o, body);
}

static fallible read_number(const json_t *options, const char *name, uint64_t *out)
{
    struct span text = { 0 };
    uint64_t v = 0;

    TRY(json_opt_str(options, name, "limit and before are numbers", &text));
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || text.len > 18)
            return FAIL(INPUT, "limit and before are numbers");
        v = v * 10 + (uint64_t)(text.at[i] - '0');
    }
    *out = v;
    return OK;
}

static fallible read_filter(const struct broker_request *q, json_t **options,
                            struct audit_filter *f)
{
    static const char *const names[] = { "limit", "key", "before", NULL };
    uint64_t before = 0;

    if (!q->options.len)
        return OK;
    TRY(json_parse_object(q->options, options));
    TRY(json_only(*options, names));
    TRY(json_opt_str(*options, "key", "key is a text", &f->key_id));
    TRY(read_number(*options, "limit", &f->limit));
    TRY(read_number(*options, "before", &before));
    f->before = (int64_t)before;
    return OK;
}

struct err broker_audit_list(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct bearer who owned(bearer_done) = { 0 };
    json_t *options owned(json_free) = NULL, *list = NULL;
    bool good;

    TRY(admit(b, q, "audit:search", &who, o, &good));
    if (!good)
        return OK;
    struct audit_filter filter = { .tenant = span_str(who.tenant), .limit = 100 };
    TRY(read_filter(q, &options, &filter));
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    TRY(audit_list(s.store, &filter, &list));
    return outcome_answer(o, list);
}

struct err broker_audit_show(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct bearer who owned(bearer_done) = { 0 };
    json_t *record = NULL;
    bool good;

    TRY(admit(b, q, "audit:search", &who, o, &good));
    if (!good)
        return OK;
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    struct err e = audit_read(s.store, span_str(who.tenant), q->id, &record);
    if (e.kind == FAIL_ABSENT)
        return outcome_refuse(o, CODE_RECORD_NOT_FOUND, "no such audit record");
    TRY(e);
    return outcome_answer(o, record);
}

static struct err sweep(struct transaction *t, void *context)
{
    const int64_t *now = context;
    struct statement *q;

    /* Well past the expiry: a clock that steps back must not make an old challenge fresh. */
    TRY(store_query(t->store, "DELETE FROM spent WHERE expires_at < ?1", &q));
    bind_int(q, 1, *now - 3600);
    TRY(store_run(q));
    TRY(guest_session_sweep(t->store, *now));
    return lease_sweep(t->store, *now);
}

fallible broker_sweep(struct broker *b, int64_t now)
{
    return commit_run(b->committer, sweep, &now);
}
