// SPDX-License-Identifier: Apache-2.0
/* Keys: create, import, register, list, show. */
#include "base/clock.h"
#include "broker/audit.h"
#include "broker/admit.h"
#include "broker/key_request.h"
#include "broker/record.h"
#include "broker/resource_path.h"
#include "broker/tenant.h"
#include "crypto/random.h"

struct making {
    struct broker *b;
    const struct broker_request *q;
    struct outcome *o;
    struct bearer who;
    struct key_request request;
    char id[UUID_TEXT_SIZE];
    struct key_spec spec;
    struct row row;
    json_t *record;
    bool no_policy, full, path_taken, stays; /* stays: the policy grants use only */
};

static void making_done(struct making *m)
{
    bearer_done(&m->who);
    key_request_done(&m->request);
    row_done(&m->row);
    json_free(m->record);
}
static inline void making_donep(struct making *m)
{
    making_done(m);
}

static const char *const permissions[] = { "keys:create", "keys:register", "keys:register" };
static const char *const actions[] = { "key_create", "key_import", "key_register" };

static struct key_ref ref_of(const struct making *m)
{
    return (struct key_ref){ span_str(m->who.tenant), span_str(m->id), 1, m->request.kmip_key_id,
                             m->stays };
}

static fallible spec_agrees(const struct making *m)
{
    if (m->request.spec.bits && !key_spec_equal(&m->request.spec, &m->spec))
        return FAIL(INPUT, "key_length or curve_type is not that of the key");
    return OK;
}

/* Has the key manager take or make the key. */
static fallible place(struct making *m, char reason[KEY_REASON_SIZE])
{
    const struct key_request *r = &m->request;
    struct key_ref ref = ref_of(m);

    m->spec = r->spec;
    switch (r->mode) {
    case KEY_MODE_CREATE:
        return key_service_create(m->b->manager, &ref, &r->spec, reason);
    case KEY_MODE_IMPORT:
        return key_service_import(m->b->manager, &ref, r->spec.algorithm, r->sealed, r->key_string,
                                  &m->spec, reason);
    case KEY_MODE_REGISTER:
        return key_service_describe(m->b->manager, &ref, r->spec.algorithm, &m->spec, reason);
    }
    return FAIL(INPUT, "unknown mode");
}

static fallible place_or_refuse(struct making *m)
{
    char reason[KEY_REASON_SIZE] = "";
    struct err e = place(m, reason);

    if (!failed(e) && failed(spec_agrees(m))) {
        struct key_ref ref = ref_of(m);
        TRY(key_service_destroy(m->b->manager, &ref));
        return outcome_refuse(m->o, CODE_KEY_REFUSED,
                              "key_length or curve_type is not that of the key");
    }
    if (e.kind == FAIL_INPUT || e.kind == FAIL_ABSENT || e.kind == FAIL_DENIED)
        return outcome_refuse(m->o, CODE_KEY_REFUSED, reason[0] ? reason : e.what);
    return e;
}

/* The key's policy, or the tenant's default, made when first needed. */
static fallible policy_for(struct store *s, const struct making *m, char id[UUID_TEXT_SIZE])
{
    struct policy_entry p owned(policy_entry_done) = { 0 };
    struct span named = m->request.policy_id.len ? m->request.policy_id : SPAN("default");
    const struct secret *integrity = m->b->secrets.integrity;
    struct err e = policy_entry_read(s, integrity, NULL, span_str(m->who.tenant), named, &p);

    if (e.kind == FAIL_ABSENT && span_equal_str(named, "default")) {
        json_t *document owned(json_free) = transfer_policy_default();
        struct transfer_policy *policy owned(transfer_policy_free) = NULL;
        struct row row owned(row_done) = { 0 };
        char *message owned(free) = NULL, time[CLOCK_TEXT_MAX];

        TRY(random_uuid(id));
        TRY(transfer_policy_parse(document, &policy, &message));
        clock_format(m->q->now, time);
        TRY(policy_row_make(span_str(m->who.tenant), span_str(id), policy, time, time, &row));
        return row_insert(s, integrity, ROW_POLICIES, &row);
    }
    TRY(e);
    snprintf(id, UUID_TEXT_SIZE, "%s", p.row.id);
    return OK;
}

static fallible write_content(struct making *m)
{
    json_t *content owned(json_free) = json_object();
    char time[CLOCK_TEXT_MAX];

    key_spec_describe(&m->spec, content);
    json_set_str(content, "created_at", clock_format(m->q->now, time));
    if (m->request.label.len)
        json_set_span(content, "label", m->request.label);
    if (m->request.four_eyes)
        json_set_bool(content, "four_eyes", true);
    if (m->request.usage.len)
        json_set_span(content, "usage", m->request.usage);
    if (m->request.resource_path.len)
        json_set_span(content, "resource_path", m->request.resource_path);
    if (m->request.kmip_key_id.len)
        json_set_span(content, "kmip_key_id", m->request.kmip_key_id);
    return json_canonical(content, &m->row.content);
}

static struct err insert_key(struct transaction *t, void *context)
{
    struct making *m = context;
    char policy_id[UUID_TEXT_SIZE];

    struct err e = policy_for(t->store, m, policy_id);
    m->no_policy = e.kind == FAIL_ABSENT;
    TRY(e);
    row_done(&m->row);
    TRY(row_init(&m->row, span_str(m->who.tenant), span_str(m->id), span_str(policy_id)));
    TRY(write_content(m));
    TRY(tenant_is_full(m->b, t->store, ROW_KEYS, m->who.tenant, &m->full));
    if (m->full)
        return FAIL(LIMIT, "the tenant's keys are full");
    TRY(row_insert(t->store, m->b->secrets.integrity, ROW_KEYS, &m->row));
    if (m->request.resource_path.len) {
        e = resource_path_add(t->store, span_str(m->who.tenant), m->request.resource_path,
                              span_str(m->id));
        m->path_taken = e.kind == FAIL_CONFLICT;
        TRY(e);
        json_set_span(m->record, "resource_path", m->request.resource_path);
    }
    json_set_str(m->record, "key_id", m->id);
    json_set_int(m->record, "key_version", 1);
    json_set_str(m->record, "policy_id", policy_id);
    return audit_append(t, m->record, m->q->now);
}

static fallible keep(struct making *m)
{
    struct key_entry made owned(key_entry_done) = { 0 };

    TRY(record_new(m->q, m->who.tenant, actions[m->request.mode], CODE_OK, NULL, &m->record));
    record_client(m->record, &m->who);
    key_spec_describe(&m->spec, m->record);
    struct err e = commit_run(m->b->committer, insert_key, m);
    if (failed(e)) { /* nothing refers to it: it must not stay behind in the key manager */
        struct key_ref ref = ref_of(m);
        struct err gone = key_service_destroy(m->b->manager, &ref);
        if (m->no_policy)
            return outcome_refuse(m->o, CODE_POLICY_NOT_FOUND, "no such transfer policy");
        if (m->full)
            return tenant_refuse_full(m->b, ROW_KEYS, m->o);
        if (m->path_taken)
            return outcome_refuse(m->o, CODE_RESOURCE_PATH_TAKEN,
                                  "another key of the tenant has this resource path");
        return failed(gone) ? gone : e;
    }
    TRY(key_entry_of(&m->row, &made));
    return outcome_answer(m->o, key_entry_json(&made));
}

/* A policy that is not there, or keys beyond the quota, refuse before the key manager has made
 * anything. */
static fallible room_and_policy(struct making *m)
{
    struct policy_entry p owned(policy_entry_done) = { 0 };
    struct borrowed_store s owned(store_give) = store_borrow(m->b->readers);

    struct span named = m->request.policy_id.len ? m->request.policy_id : SPAN("default");

    TRY(tenant_is_full(m->b, s.store, ROW_KEYS, m->who.tenant, &m->full));
    if (m->full)
        return tenant_refuse_full(m->b, ROW_KEYS, m->o);
    struct err e = policy_entry_read(s.store, m->b->secrets.integrity, m->b->policies,
                                     span_str(m->who.tenant), named, &p);
    m->stays = !failed(e) && p.policy->uses;
    if (e.kind == FAIL_ABSENT && !span_equal_str(named, "default"))
        return outcome_refuse(m->o, CODE_POLICY_NOT_FOUND, "no such transfer policy");
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(m->o, CODE_RECORD_TAMPERED,
                              "a stored record was changed outside of the broker");
    return e.kind == FAIL_ABSENT ? OK : e;
}

/* Some permission on keys, before the body is looked at; the mode's own is asked for once it is
 * known. */
static fallible authorise(struct making *m, bool *good)
{
    bool present;

    TRY(admit_bearer(m->b, m->q, false, &m->who, &present, m->o, good));
    if (*good)
        TRY(tenant_admit(m->b, m->who.tenant, m->o, good));
    if (!*good)
        return OK;
    if (!bearer_allows(&m->who, BROKER_SERVICE, "keys:create", SPAN("")) &&
        !bearer_allows(&m->who, BROKER_SERVICE, "keys:register", SPAN(""))) {
        bearer_done(&m->who);
        return admit(m->b, m->q, "keys:create", &m->who, m->o, good);
    }
    struct err e = key_request_parse(m->q->body, &m->request);
    if (failed(e))
        *good = false;
    if (e.kind == FAIL_INPUT)
        return outcome_refuse(m->o, CODE_MALFORMED_REQUEST, e.what);
    TRY(e);
    bearer_done(&m->who);
    return admit(m->b, m->q, permissions[m->request.mode], &m->who, m->o, good);
}

struct err broker_key_create(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct making m owned(making_done) = { .b = b, .q = q, .o = o };
    bool good;

    TRY(authorise(&m, &good));
    if (!good)
        return OK;
    bool must_be_sealed =
        b->require_wrapped_import || m.request.spec.algorithm == KEY_ALGORITHM_OPAQUE;
    if (m.request.mode == KEY_MODE_IMPORT && !m.request.sealed && must_be_sealed)
        return outcome_refuse(o, CODE_WRAPPED_IMPORT_REQUIRED,
                              "key_string must be a JWE to the key of GET /kbs/v1/import-key: "
                              "'warder key import' and 'warder secret put' make it");
    TRY(room_and_policy(&m));
    if (o->code != CODE_OK)
        return OK;
    TRY(random_uuid(m.id));
    TRY(place_or_refuse(&m));
    return o->code == CODE_OK ? keep(&m) : OK;
}

struct err broker_key_show(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct bearer who owned(bearer_done) = { 0 };
    struct key_entry key owned(key_entry_done) = { 0 };
    bool good;

    TRY(key_admit(b, q, "keys:retrieve", &who, &key, o, &good));
    return good ? outcome_answer(o, key_entry_json(&key)) : OK;
}

struct listing {
    json_t *list;
    struct span algorithm, curve, policy;
    uint64_t bits;
};

static struct err add_key(const struct row *row, void *context)
{
    struct listing *l = context;
    struct key_entry key owned(key_entry_done) = { 0 };
    struct row copy owned(row_done) = { 0 };

    TRY(row_init(&copy, span_str(row->tenant), span_str(row->id), span_str(row->link)));
    copy.version = row->version;
    buf_add(&copy.content, buf_span(&row->content));
    TRY(buf_check(&copy.content));
    TRY(key_entry_of(&copy, &key));
    bool ec = key.spec.algorithm == KEY_ALGORITHM_EC;
    bool opaque = key.spec.algorithm == KEY_ALGORITHM_OPAQUE;
    if ((l->algorithm.len &&
         !span_equal_str(l->algorithm, key_algorithm_name(key.spec.algorithm))) ||
        (l->curve.len && (!ec || !span_equal_str(l->curve, key_curve_name(key.spec.bits)))) ||
        (l->bits && (ec || opaque || l->bits != key.spec.bits)) ||
        (l->policy.len && !span_equal_str(l->policy, row->link)))
        return OK;
    return json_array_append_new(l->list, key_entry_json(&key)) ? FAIL(SYSTEM, "out of memory")
                                                                : OK;
}

/* Empty: any. What no key can be is a mistake of the asker's, not an empty list. */
static bool one_of(struct span value, const char *const *names)
{
    for (; value.len && *names; names++)
        if (span_equal_str(value, *names))
            return true;
    return !value.len;
}

static fallible read_filters(const struct broker_request *q, json_t **options, struct listing *l,
                             struct span *after)
{
    static const char *const names[] = { "algorithm",        "keyLength", "curveType",
                                         "transferPolicyId", "after",     NULL };
    static const char *const algorithms[] = { "RSA", "EC", "AES", "OPAQUE", NULL };
    static const char *const curves[] = { "secp256r1", "secp384r1", "secp521r1", NULL };
    struct span bits = { 0 };

    if (!q->options.len)
        return OK;
    TRY(json_parse_object(q->options, options));
    TRY(json_only(*options, names));
    TRY(json_opt_str(*options, "algorithm", "filter", &l->algorithm));
    TRY(json_opt_str(*options, "curveType", "filter", &l->curve));
    if (!one_of(l->algorithm, algorithms) || !one_of(l->curve, curves))
        return FAIL(INPUT, "algorithm or curveType is unknown");
    TRY(json_opt_str(*options, "transferPolicyId", "filter", &l->policy));
    TRY(json_opt_str(*options, "after", "filter", after));
    TRY(json_opt_str(*options, "keyLength", "filter", &bits));
    for (size_t i = 0; i < bits.len; i++) {
        if (bits.at[i] < '0' || bits.at[i] > '9' || bits.len > 5)
            return FAIL(INPUT, "keyLength is a number");
        l->bits = l->bits * 10 + (uint64_t)(bits.at[i] - '0');
    }
    if (bits.len && !l->bits)
        return FAIL(INPUT, "keyLength is 1 to 99999");
    return OK;
}

struct err broker_key_list(struct broker *b, const struct broker_request *q, struct outcome *o)
{
    struct bearer who owned(bearer_done) = { 0 };
    json_t *options owned(json_free) = NULL, *list owned(json_free) = json_array();
    struct listing l = { .list = list };
    struct span after = { 0 };
    bool good;

    TRY(admit(b, q, "keys:search", &who, o, &good));
    if (!good)
        return OK;
    TRY(read_filters(q, &options, &l, &after));
    struct borrowed_store s owned(store_give) = store_borrow(b->readers);
    struct err e =
        row_list(s.store, b->secrets.integrity, ROW_KEYS, span_str(who.tenant), after, add_key, &l);
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(o, CODE_RECORD_TAMPERED,
                              "a stored record was changed outside of the broker");
    TRY(e);
    return outcome_answer(o, TAKE(list));
}
