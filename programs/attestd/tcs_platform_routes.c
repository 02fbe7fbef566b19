// SPDX-License-Identifier: Apache-2.0
/* Platforms and their PCK certificates, and what a PCCS' administrator does. */
#include "attestd/tcs_answer.h"
#include "attestd/tcs_upload.h"
#include "base/clock.h"
#include "base/log.h"

#define QUERY_FMSPCS_MAX 256

static struct tcs_pck pck_of(const struct tcs_service *s)
{
    return (struct tcs_pck){ .cache = s->cache, .upstreams = s->upstreams, .roots = s->roots };
}

static void answer_certificate(struct http_exchange *x, const struct pck_answer *a)
{
    http_answer_header(x, "SGX-TCBm", a->tcbm);
    http_answer_header(x, "SGX-FMSPC", a->fmspc);
    http_answer_header(x, "SGX-PCK-Certificate-CA-Type", a->ca);
    http_answer_header(x, "SGX-PCK-Certificate-Issuer-Chain", a->chain);
    http_answer(x, 200, "application/x-pem-file", span_str(a->pem));
}

void pck_certificate(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    const struct tcs_pck p = pck_of(s);
    struct raw_platform raw owned(raw_platform_done) = { 0 };
    struct pck_answer a owned(pck_answer_done) = { 0 };
    pccs_begin(x);
    if (failed(raw_platform_set(&raw, http_query(x, "qeid"), http_query(x, "pceid"),
                                http_query(x, "cpusvn"), http_query(x, "pcesvn"),
                                http_query(x, "encrypted_ppid"), SPAN(""), false))) {
        pccs_answer(x, 400);
        return;
    }
    struct err e = tcs_pck_get(&p, &raw, clock_now(), &a);
    if (failed(e)) {
        pccs_answer_without(x, e);
        return;
    }
    switch (a.outcome) {
    case PCK_FOUND:
        answer_certificate(x, &a);
        return;
    case PCK_UNKNOWN_PLATFORM:
        pccs_answer(x, 461);
        return;
    case PCK_NONE_SUITS:
        pccs_answer(x, 404);
        return;
    case PCK_NOT_AVAILABLE:
        pccs_answer(x, 462);
        return;
    case PCK_UPSTREAM_FAILS:
        pccs_answer(x, 502);
        return;
    case PCK_TOO_MANY_ASK:
        pccs_answer_later(x, a.retry_seconds);
        return;
    }
}

static struct span text_of(const json_t *object, const char *name)
{
    const json_t *j = json_object_get(object, name);
    return span_from(json_string_value(j), json_string_length(j));
}

static bool read_registration(struct http_exchange *x, struct raw_platform *raw)
{
    owned(json_free) json_t *j = NULL;
    return !failed(json_parse_object(http_body(x), &j)) &&
           !failed(raw_platform_set(raw, text_of(j, "qe_id"), text_of(j, "pce_id"),
                                    text_of(j, "cpu_svn"), text_of(j, "pce_svn"),
                                    text_of(j, "enc_ppid"), text_of(j, "platform_manifest"), true));
}

/* Where Intel can be asked the platform is provided for at once; else it waits in the list. */
static fallible register_platform(const struct tcs_service *s, const struct raw_platform *raw)
{
    const struct tcs_pck p = pck_of(s);
    struct store *store = tcs_cache_store(s->cache);
    struct pck_certs known owned(pck_certs_done) = { 0 };
    enum pck_outcome outcome = PCK_UNKNOWN_PLATFORM;
    store_lock(store);
    struct err e = platform_certs_load(store, raw, &known);
    store_unlock(store);
    if (!failed(e))
        return OK;
    if (e.kind != FAIL_ABSENT)
        return e;
    if (s->upstreams->api_key_header)
        TRY(tcs_pck_provide(&p, raw, &outcome));
    store_lock(store);
    if (outcome == PCK_FOUND)
        e = registration_drop(store, raw);
    else
        e = registration_save(store, raw,
                              outcome == PCK_NOT_AVAILABLE ? REGISTRATION_NOT_AVAILABLE
                                                           : REGISTRATION_NEW);
    store_unlock(store);
    return e;
}

void platforms_register(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    struct raw_platform raw owned(raw_platform_done) = { 0 };
    pccs_begin(x);
    if (!pccs_admit(x, &s->user, "user-token") || !pccs_body_fits(x))
        return;
    if (!read_registration(x, &raw)) {
        pccs_answer(x, 400);
        return;
    }
    struct err e = register_platform(s, &raw);
    if (failed(e))
        log_err(e, "a platform cannot be registered", "request", http_request_id(x));
    pccs_answer(x, !failed(e) ? 200 : e.kind == FAIL_LIMIT ? 503 : 500);
}

/* "[00A06D080000,00606A000000]" */
static bool read_fmspcs(struct span text, json_t *out)
{
    if (text.len < 2 || text.at[0] != '[' || text.at[text.len - 1] != ']')
        return false;
    struct span rest = span_head(span_tail(text, 1), text.len - 2);
    while (rest.len) {
        char fmspc[FMSPC_DIGITS + 1];
        size_t end = span_find(rest, SPAN(","));
        if (!tcs_fmspc_parse(span_head(rest, end), fmspc) ||
            json_array_size(out) == QUERY_FMSPCS_MAX ||
            json_array_append_new(out, json_string(fmspc)))
            return false;
        rest = span_tail(rest, end + 1);
    }
    return true;
}

static void answer_platforms(struct http_exchange *x, struct err e, json_t *list)
{
    char count[24];
    char *text owned(free) = failed(e) ? NULL : json_text(list);
    if (!text) {
        pccs_answer(x, 500);
        return;
    }
    snprintf(count, sizeof(count), "%zu", json_array_size(list));
    http_answer_header(x, "platform-count", count);
    http_answer(x, 200, PCCS_JSON_TYPE, span_str(text));
}

void platforms_list(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    struct store *store = tcs_cache_store(s->cache);
    struct span source = http_query(x, "source");
    owned(json_free) json_t *fmspcs = json_array(), *list = NULL;
    bool new = !source.len || span_equal_str(source, "reg");
    bool missing = span_equal_str(source, "reg_na");
    pccs_begin(x);
    if (!pccs_admit(x, &s->admin, "admin-token"))
        return;
    if (!new && !missing && !read_fmspcs(source, fmspcs)) {
        pccs_answer(x, 400);
        return;
    }
    store_lock(store);
    struct err e = new       ? registration_take(store, REGISTRATION_NEW, &list)
                   : missing ? registration_take(store, REGISTRATION_NOT_AVAILABLE, &list)
                             : platform_list(store, fmspcs, &list);
    store_unlock(store);
    answer_platforms(x, e, list);
}

static int status_of(struct err e)
{
    switch ((enum fail_kind)e.kind) {
    case FAIL_NONE:
        return 200;
    case FAIL_INPUT:
    case FAIL_LIMIT:
    case FAIL_ABSENT:
    case FAIL_CONFLICT:
        return 400;
    case FAIL_DENIED:
    case FAIL_UPSTREAM:
        return 460;
    case FAIL_SYSTEM:
        return 500;
    }
    return 500;
}

void platform_collateral(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    const struct tcs_pck p = pck_of(s);
    struct tcs_upload u owned(tcs_upload_done) = { 0 };
    pccs_begin(x);
    if (!pccs_admit(x, &s->admin, "admin-token") || !pccs_body_fits(x))
        return;
    struct err e = tcs_upload_read(http_body(x), s->roots, &u);
    if (!failed(e))
        e = tcs_upload_keep(&p, &u, clock_now());
    if (failed(e))
        log_err(e, "platform collateral is refused", "request", http_request_id(x), "item",
                u.collateral.refused);
    else
        log_info("platform collateral brought in", "request", http_request_id(x));
    pccs_answer(x, status_of(e));
}

struct renewal {
    struct tcs_id *ids;
    size_t count;
};

static fallible note(const struct tcs_listed *row, void *context)
{
    struct renewal *r = context;
    if (r->count < TCS_LIST_MAX)
        r->ids[r->count++] = row->id;
    return OK;
}

static int refresh_all(const struct tcs_service *s)
{
    struct store *store = tcs_cache_store(s->cache);
    struct renewal r = { .ids = calloc(TCS_LIST_MAX, sizeof(*r.ids)) };
    int status = s->upstreams->pcs_count ? 200 : 503;
    if (!r.ids)
        return 500;
    store_lock(store);
    if (failed(tcs_store_list(store, note, &r)))
        status = 500;
    store_unlock(store);
    for (size_t i = 0; i < r.count && status == 200; i++)
        if (!tcs_id_is_amd(&r.ids[i]) && failed(tcs_cache_renew(s->cache, &r.ids[i], clock_now())))
            status = 502;
    free(r.ids);
    return status;
}

void pccs_refresh(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    pccs_begin(x);
    if (pccs_admit(x, &s->admin, "admin-token"))
        pccs_answer(x, refresh_all(s));
}

void appraisal_policy_get(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    struct store *store = tcs_cache_store(s->cache);
    struct buf policy owned(buf_done) = buf_of(PCCS_REQUEST_MAX);
    char fmspc[FMSPC_DIGITS + 1];
    pccs_begin(x);
    if (!tcs_fmspc_parse(http_query(x, "fmspc"), fmspc)) {
        pccs_answer(x, 400);
        return;
    }
    store_lock(store);
    struct err e = appraisal_policy_load(store, fmspc, &policy);
    store_unlock(store);
    if (failed(e))
        pccs_answer_without(x, e);
    else
        http_answer(x, 200, PCCS_TEXT_TYPE, buf_span(&policy));
}

void appraisal_policy_put(struct http_exchange *x, void *context)
{
    const struct tcs_service *s = context;
    struct store *store = tcs_cache_store(s->cache);
    owned(json_free) json_t *j = NULL;
    char fmspc[FMSPC_DIGITS + 1];
    pccs_begin(x);
    if (!pccs_admit(x, &s->admin, "admin-token") || !pccs_body_fits(x))
        return;
    if (failed(json_parse_object(http_body(x), &j)) || !text_of(j, "policy").len ||
        !tcs_fmspc_parse(text_of(j, "fmspc"), fmspc)) {
        pccs_answer(x, 400);
        return;
    }
    store_lock(store);
    struct err e = appraisal_policy_save(store, fmspc, text_of(j, "policy"));
    store_unlock(store);
    pccs_answer(x, failed(e) ? 500 : 200);
}
