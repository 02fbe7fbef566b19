// SPDX-License-Identifier: Apache-2.0
/* /tcs/v1: the cache in an administrator's hands, for holders of a bearer token whose permissions
 * (service TCS) allow it; and its health and metrics. */
#include "attestd/bearer_gate.h"
#include "attestd/tcs_answer.h"
#include "attestd/tcs_archive.h"
#include "attestd/tcs_forecast.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/options.h"

static const char *state_of(int64_t end, int64_t now, int64_t alarm_seconds)
{
    if (end < now)
        return "expired";
    return end - now < alarm_seconds ? "ending" : "ok";
}

struct listing {
    const struct tcs_service *s;
    json_t *rows;
    int64_t now;
};

static fallible add_row(const struct tcs_listed *row, void *context)
{
    struct listing *l = context;
    char key[TCS_KEY_MAX], when[CLOCK_TEXT_MAX];
    json_t *j = json_object();
    tcs_id_key(&row->id, key);
    json_set_str(j, "item", key);
    json_set_str(j, "state", state_of(row->next_update, l->now, l->s->alarm_seconds));
    json_set_str(j, "issued", clock_format(row->issued, when));
    json_set_str(j, "ends", clock_format(row->next_update, when));
    json_set_int(j, "number", (int64_t)row->evaluation);
    json_set_str(j, "fetched_at", clock_format(row->fetched_at, when));
    return json_array_append_new(l->rows, j) ? FAIL(SYSTEM, "memory for a list") : OK;
}

static fallible list_rows(const struct tcs_service *s, json_t **out)
{
    owned(json_free) json_t *rows = json_array();
    struct listing l = { .s = s, .rows = rows, .now = clock_now() };
    struct store *store = tcs_cache_store(s->cache);
    store_lock(store);
    struct err e = tcs_store_list(store, add_row, &l);
    store_unlock(store);
    TRY(e);
    *out = TAKE(rows);
    return OK;
}

void collateral_list(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *rows = NULL;
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    struct err e = list_rows(s, &rows);
    if (failed(e))
        http_answer_failure(x, e, "collateral_store_failed");
    else
        http_answer_json(x, 200, json_pack("{s:o}", "items", rows));
}

void collateral_forecast(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *j = NULL;
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    struct err e = tcs_forecast(s->cache, clock_now(), &j);
    if (failed(e))
        http_answer_failure(x, e, "collateral_unavailable");
    else
        http_answer_json(x, 200, j);
}

/* One thing asked for anew; its row says what came of it. */
static void renew(const struct tcs_service *s, const char *key, json_t *rows)
{
    struct tcs_id id;
    json_t *j = json_object();
    struct err e = tcs_id_parse(span_str(key), &id);
    if (!failed(e))
        e = tcs_cache_renew(s->cache, &id, clock_now());
    json_set_str(j, "item", key);
    json_set_str(j, "result", failed(e) ? "failed" : "ok");
    json_set_str(j, "detail", failed(e) ? e.what : NULL);
    json_array_append_new(rows, j);
}

void collateral_refresh(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "item", NULL };
    const struct tcs_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL, *all = NULL;
    struct tcs_id id;
    struct span item = { 0 };
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    if (http_body(x).len && !http_json_body(x, &body))
        return;
    if (body &&
        (failed(json_only(body, members)) || failed(json_opt_str(body, "item", "item", &item)) ||
         (item.len && failed(tcs_id_parse(item, &id))))) {
        http_answer_problem(x, 400, "malformed_request", "item is a name that the list has");
        return;
    }
    struct err e = list_rows(s, &all);
    if (failed(e)) {
        http_answer_failure(x, e, "collateral_store_failed");
        return;
    }
    json_t *rows = json_array();
    char *one owned(free) = item.len ? span_dup(item) : NULL;
    if (one)
        renew(s, one, rows);
    for (size_t i = 0; i < json_array_size(all) && !one; i++)
        renew(s, json_string_value(json_object_get(json_array_get(all, i), "item")), rows);
    log_info("collateral refreshed by an administrator", "request", http_request_id(x), "user",
             b.subject);
    http_answer_json(x, 200, json_pack("{s:o}", "items", rows));
}

void collateral_export(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    struct buf archive owned(buf_done) = buf_of(ARCHIVE_TEXT_MAX);
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    if (!s->export_key) {
        http_answer_problem(x, 409, "archive_key_missing",
                            "archives are signed: configure [tcs] archive_key");
        return;
    }
    struct err e = tcs_archive_write(s->cache, s->export_key, clock_now(), &archive);
    if (failed(e)) {
        http_answer_failure(x, e, "archive_failed");
        return;
    }
    log_info("collateral exported", "request", http_request_id(x), "user", b.subject);
    http_answer(x, 200, "application/json", buf_span(&archive));
}

/* What an archive is refused for: its signature, something in it, or that it is older. */
static void answer_refused(struct http_exchange *x, struct err e, const char *item)
{
    struct buf detail owned(buf_done) = buf_of(1024);
    buf_addf(&detail, "%s%s%s; nothing has changed", e.what, *item ? ": " : "", item);
    bool ours = e.kind == FAIL_SYSTEM;
    http_answer_problem(x, ours ? 500 : 409, ours ? "internal_error" : "archive_refused",
                        buf_str(&detail));
}

void collateral_import(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    const struct tcs_pck p = { .cache = s->cache, .upstreams = s->upstreams, .roots = s->roots };
    struct bearer b owned(bearer_done) = { 0 };
    struct tcs_archive_read a owned(tcs_archive_done) = { 0 };
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    if (!s->import_keys) {
        http_answer_problem(x, 409, "archive_signers_missing",
                            "whose archives are read here: configure [tcs] archive_signers");
        return;
    }
    struct err e = tcs_archive_parse(http_body(x), s->import_keys, s->roots, &a);
    if (!failed(e))
        e = tcs_upload_keep(&p, &a.upload, clock_now());
    if (failed(e)) {
        log_err(e, "an archive is refused", "request", http_request_id(x), "user", b.subject,
                "item", a.upload.collateral.refused);
        answer_refused(x, e, a.upload.collateral.refused);
        return;
    }
    log_info("an archive is brought in", "request", http_request_id(x), "user", b.subject, "signer",
             a.signer, "created", a.created);
    http_answer_json(x, 200,
                     json_pack("{s:I,s:I,s:s,s:s}", "items", (json_int_t)a.upload.collateral.count,
                               "platforms", (json_int_t)a.upload.arrival_count, "created",
                               a.created, "signer", a.signer));
}

struct summary {
    size_t items, ending, expired;
    int64_t now, alarm_seconds, earliest_end;
    json_t *near; /* the first few that end */
};

static fallible sum_up(const struct tcs_listed *row, void *context)
{
    struct summary *m = context;
    bool expired = row->next_update < m->now;
    bool ending = row->next_update - m->now < m->alarm_seconds;
    char key[TCS_KEY_MAX], when[CLOCK_TEXT_MAX];
    m->items++;
    m->expired += expired;
    m->ending += ending;
    if (!m->earliest_end)
        m->earliest_end = row->next_update;
    if (!ending || json_array_size(m->near) >= 8)
        return OK;
    tcs_id_key(&row->id, key);
    json_t *j = json_object();
    json_set_str(j, "item", key);
    json_set_str(j, "ends", clock_format(row->next_update, when));
    return json_array_append_new(m->near, j) ? FAIL(SYSTEM, "memory for a list") : OK;
}

static fallible summarise(const struct tcs_service *s, struct summary *m)
{
    struct store *store = tcs_cache_store(s->cache);
    m->now = clock_now();
    m->alarm_seconds = s->alarm_seconds;
    m->near = json_array();
    store_lock(store);
    struct err e = tcs_store_list(store, sum_up, m);
    store_unlock(store);
    return e;
}

void tcs_health(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    struct summary m = { 0 };
    char when[CLOCK_TEXT_MAX];
    json_t *j = json_object(), *parts = json_object();
    bool failing = tcs_cache_failing(s->cache), readable = !failed(summarise(s, &m));
    bool clock_good = !failed(tcs_cache_check_clock(s->cache, clock_now()));
    bool down = !readable || !clock_good || (m.expired && failing);
    json_set_str(j, "service", "tcs");
    json_set_str(j, "status", down || m.expired ? "degraded" : "ok");
    json_set_str(j, "version", WARDER_VERSION);
    json_set_str(parts, "store", readable ? "ok" : "down");
    json_set_str(parts, "clock", clock_good ? "ok" : "behind");
    json_set_str(parts, "upstream", failing ? "failing" : "ok");
    json_set_str(parts, "collateral", m.expired ? "expired" : m.ending ? "ending" : "ok");
    json_set_int(parts, "items", (int64_t)m.items);
    json_set_int(parts, "ending", (int64_t)m.ending);
    if (m.earliest_end)
        json_set_str(parts, "earliest_end", clock_format(m.earliest_end, when));
    json_object_set_new(j, "parts", parts);
    if (json_array_size(m.near))
        json_object_set(j, "near_their_end", m.near);
    json_free(m.near);
    http_answer_json(x, down ? 503 : 200, j);
}

static fallible add_metric(const struct tcs_listed *row, void *context)
{
    char key[TCS_KEY_MAX];
    if (row->id.kind == TCS_VCEK)
        return OK; /* chips are named to administrators only */
    tcs_id_key(&row->id, key);
    buf_addf(context, "warder_tcs_item_end_seconds{item=\"%s\"} %lld\n", key,
             (long long)row->next_update);
    return OK;
}

void tcs_metrics(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    struct store *store = tcs_cache_store(s->cache);
    struct buf text owned(buf_done) = buf_of(4U << 20);
    struct summary m = { 0 };
    struct err e = summarise(s, &m);
    json_free(m.near);
    buf_addf(&text,
             "# TYPE warder_tcs_items gauge\nwarder_tcs_items %zu\n"
             "# TYPE warder_tcs_items_ending gauge\nwarder_tcs_items_ending %zu\n"
             "# TYPE warder_tcs_items_expired gauge\nwarder_tcs_items_expired %zu\n"
             "# TYPE warder_tcs_upstream_failing gauge\nwarder_tcs_upstream_failing %d\n"
             "# TYPE warder_tcs_upstreams_paused gauge\nwarder_tcs_upstreams_paused %zu\n"
             "# TYPE warder_tcs_item_end_seconds gauge\n",
             m.items, m.ending, m.expired, tcs_cache_failing(s->cache),
             tcs_upstreams_paused(s->upstreams, clock_now()));
    store_lock(store);
    if (!failed(e))
        e = tcs_store_list(store, add_metric, &text);
    store_unlock(store);
    if (failed(e) || failed(buf_check(&text)))
        http_answer_problem(x, 503, "collateral_store_failed", "the store cannot be read");
    else
        http_answer(x, 200, "text/plain; version=0.0.4", buf_span(&text));
}
