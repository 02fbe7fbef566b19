// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_forecast.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"
#include "collateral/chain_rule.h"
#include "collateral/signed_json.h"
#include "evidence/pck_extension.h"

#define BECAUSE_MAX (TCS_KEY_MAX + 32)

/* The earliest of several ends, and of what. */
struct end {
    int64_t at;
    char because[BECAUSE_MAX];
};

static void end_meet(struct end *e, int64_t at, const char *what)
{
    if (e->at && e->at <= at)
        return;
    e->at = at;
    snprintf(e->because, sizeof(e->because), "%s", what);
}

static fallible item_load(struct tcs_cache *c, const struct tcs_id *id, struct tcs_item *out)
{
    struct store *s = tcs_cache_store(c);
    char key[TCS_KEY_MAX];
    int64_t fetched_at;
    tcs_id_key(id, key);
    store_lock(s);
    struct err e = tcs_store_load(s, key, out, &fetched_at);
    store_unlock(s);
    return e;
}

/* Its own end, or that of a certificate that it rests on. FAIL_ABSENT: not in the cache. */
static fallible item_end(struct tcs_cache *c, const struct tcs_id *id, struct end *out)
{
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    struct chain chain owned(chain_done) = { 0 };
    struct buf pem owned(buf_done) = buf_of(TCS_CHAIN_MAX);
    char key[TCS_KEY_MAX], issuers[BECAUSE_MAX];
    TRY(item_load(c, id, &item));
    tcs_id_key(id, key);
    end_meet(out, item.next_update, key);
    if (!item.chain)
        return OK;
    TRY(tcs_chain_decode(item.chain, &pem));
    TRY(chain_from_pem(buf_span(&pem), &chain));
    snprintf(issuers, sizeof(issuers), "issuers of %s", key);
    end_meet(out, chain_window(&chain).to, issuers);
    return OK;
}

static void set_end(json_t *j, const struct end *e)
{
    char when[CLOCK_TEXT_MAX];
    json_set_str(j, "ends", clock_format(e->at, when));
    json_set_str(j, "because", e->because);
}

struct keys {
    struct tcs_id *ids;
    size_t count;
};

static fallible note(const struct tcs_listed *row, void *context)
{
    struct keys *k = context;
    if (k->count < TCS_LIST_MAX)
        k->ids[k->count++] = row->id;
    return OK;
}

static fallible list_keys(struct tcs_cache *c, struct keys *k)
{
    struct store *s = tcs_cache_store(c);
    store_lock(s);
    struct err e = tcs_store_list(s, note, k);
    store_unlock(s);
    return e;
}

static fallible add_items(struct tcs_cache *c, json_t *items)
{
    struct keys k = { .ids = calloc(TCS_LIST_MAX, sizeof(*k.ids)) };
    struct tcs_id *ids owned(free) = k.ids;
    if (!ids)
        return FAIL(SYSTEM, "memory for a forecast");
    TRY(list_keys(c, &k));
    for (size_t i = 0; i < k.count; i++) {
        struct end e = { 0 };
        char key[TCS_KEY_MAX];
        if (failed(item_end(c, &ids[i], &e)) && !e.at)
            continue;
        tcs_id_key(&ids[i], key);
        json_t *j = json_object();
        json_set_str(j, "item", key);
        set_end(j, &e);
        json_array_append_new(items, j);
    }
    return OK;
}

/* A platform by its PCK certificate. */
struct known {
    struct pck_extension extension;
    enum pck_ca ca;
    char fmspc[FMSPC_DIGITS + 1];
    struct end end;
};

static fallible known_of(struct span pem, struct known *out)
{
    struct chain chain owned(chain_done) = { 0 };
    struct buf cn owned(buf_done) = buf_of(256);
    struct known k = { 0 };
    TRY(chain_from_pem(pem, &chain));
    TRY(pck_extension_parse(cert_extension(chain.certs[0], pck_extension_oid), &k.extension));
    TRY(cert_issuer_cn(chain.certs[0], &cn));
    k.ca = pck_ca_of(buf_span(&cn));
    char hex[FMSPC_DIGITS + 1];
    if (!tcs_fmspc_parse(span_str(hex_str(SPAN_OF(k.extension.fmspc), hex)), k.fmspc))
        return FAIL(INPUT, "FMSPC");
    end_meet(&k.end, chain_window(&chain).to, "PCK certificate");
    *out = k;
    return OK;
}

/* The status of its level, as far as its PCK certificate decides it (of a TD, the module has a say
 * as well). FAIL_ABSENT: no such TCB info here. */
static fallible status_by(const struct tcs_item *item, const struct known *k,
                          enum tcb_status *status, uint32_t *number)
{
    owned(tcb_info_free) struct tcb_info *info = NULL;
    struct signed_json document;
    TRY(signed_json_split(buf_span(&item->body), "tcbInfo", &document));
    TRY(tcb_info_parse(document.inner, &info));
    *number = info->evaluation_number;
    *status = TCB_UNRECOGNIZED;
    for (size_t i = 0; i < info->level_count; i++) {
        bool reached = k->extension.pce_svn >= info->levels[i].pce_svn;
        for (size_t n = 0; n < SGX_COMPONENTS && reached; n++)
            reached = k->extension.components[n] >= info->levels[i].sgx[n];
        if (reached) {
            *status = info->levels[i].facts.status;
            return OK;
        }
    }
    return OK;
}

/* The standard TCB info follows the early one: no later than when it has to be issued anew. */
static fallible add_worsening(struct tcs_cache *c, const struct known *k, struct tcs_id id,
                              enum tcb_status now_status, int64_t standard_end, int64_t now,
                              json_t *list)
{
    struct tcs_item early owned(tcs_item_done) = tcs_item_of();
    enum tcb_status then;
    uint32_t number;
    char when[CLOCK_TEXT_MAX];
    id.early = true;
    if (failed(tcs_cache_get(c, &id, now, &early)) || early.untrusted)
        return OK;
    TRY(status_by(&early, k, &then, &number));
    if (then != TCB_UNRECOGNIZED && then <= now_status)
        return OK;
    json_t *j = json_object();
    json_set_str(j, "tee", id.tdx ? "tdx" : "sgx");
    json_set_str(j, "to", then == TCB_UNRECOGNIZED ? "no level" : tcb_status_name(then));
    json_set_int(j, "number", number);
    json_set_str(j, "from", clock_format(standard_end, when));
    return json_array_append_new(list, j) ? FAIL(SYSTEM, "memory for a forecast") : OK;
}

static fallible add_tee(struct tcs_cache *c, struct known *k, bool tdx, int64_t now,
                        json_t *statuses, json_t *worsens)
{
    struct tcs_id id = { .kind = TCS_TCB_INFO, .tdx = tdx };
    struct tcs_id identity = { .kind = TCS_QE_IDENTITY, .tdx = tdx };
    struct tcs_item standard owned(tcs_item_done) = tcs_item_of();
    enum tcb_status status;
    uint32_t number;
    memcpy(id.fmspc, k->fmspc, sizeof(id.fmspc));
    struct err e = item_load(c, &id, &standard);
    if (e.kind == FAIL_ABSENT)
        return OK;
    TRY(e);
    TRY(status_by(&standard, k, &status, &number));
    json_set_str(statuses, tdx ? "tdx" : "sgx",
                 status == TCB_UNRECOGNIZED ? "no level" : tcb_status_name(status));
    TRY(item_end(c, &id, &k->end));
    (void)item_end(c, &identity, &k->end).kind;
    return add_worsening(c, k, id, status, standard.next_update, now, worsens);
}

/* By its text: a platform whose certificate was issued anew, with the same level, is one row. */
static fallible add_row(json_t *platforms, json_t *row)
{
    char *text owned(free) = json_text(row);
    return !text || json_object_set(platforms, text, row) ? FAIL(SYSTEM, "memory for a forecast")
                                                          : OK;
}

static fallible add_platform(struct tcs_cache *c, struct span pem, const char *source, int64_t now,
                             json_t *platforms)
{
    owned(json_free) json_t *j = json_object(), *statuses = json_object(), *worsens = json_array();
    struct known k;
    struct end crls = { 0 };
    TRY(known_of(pem, &k));
    for (int tdx = 0; tdx < 2; tdx++)
        TRY(add_tee(c, &k, tdx, now, statuses, worsens));
    const struct tcs_id crl = { .kind = TCS_PCK_CRL, .platform_ca = k.ca == PCK_CA_PLATFORM };
    (void)item_end(c, &crl, &crls).kind;
    (void)item_end(c, &(struct tcs_id){ .kind = TCS_ROOT_CRL }, &crls).kind;
    if (crls.at)
        end_meet(&k.end, crls.at, crls.because);
    json_set_str(j, "source", source);
    json_set_str(j, "fmspc", k.fmspc);
    json_set_hex(j, "pck_tcb", SPAN_OF(k.extension.components));
    json_set_int(j, "pce_svn", k.extension.pce_svn);
    json_set_hex(j, "ppid", SPAN_OF(k.extension.ppid));
    set_end(j, &k.end);
    json_object_set(j, "status", statuses);
    if (json_array_size(worsens))
        json_object_set(j, "worsens", worsens);
    return add_row(platforms, j);
}

/* PCK certificates that were given out; then the platforms that have attested. What cannot be read
 * any more is left out. */
static fallible add_platforms(struct tcs_cache *c, int64_t now, json_t *platforms)
{
    owned(json_free) json_t *given = NULL, *seen = NULL;
    struct store *s = tcs_cache_store(c);
    store_lock(s);
    struct err e = platform_export(s, &given);
    if (!failed(e))
        e = seen_platform_list(s, &seen);
    store_unlock(s);
    TRY(e);
    for (size_t i = 0; i < json_array_size(given); i++) {
        const json_t *certs = json_object_get(json_array_get(given, i), "certs");
        for (size_t k = 0; k < json_array_size(certs); k++) {
            const json_t *pem = json_object_get(json_array_get(certs, k), "pem");
            (void)add_platform(c, span_str(json_string_value(pem)), "registered", now, platforms)
                .kind;
        }
    }
    for (size_t i = 0; i < json_array_size(seen); i++) {
        const json_t *pem = json_object_get(json_array_get(seen, i), "chain");
        (void)add_platform(c, span_str(json_string_value(pem)), "attested", now, platforms).kind;
    }
    return OK;
}

static int by_end(const void *a, const void *b)
{
    const char *x = json_string_value(json_object_get(*(json_t *const *)a, "ends"));
    const char *y = json_string_value(json_object_get(*(json_t *const *)b, "ends"));
    return strcmp(x ? x : "", y ? y : "");
}

static json_t *values_of(const json_t *object)
{
    json_t *list = json_array();
    const char *text;
    json_t *value;
    json_object_foreach((json_t *)object, text, value)
    {
        json_array_append(list, value);
    }
    return list;
}

static fallible sorted(const json_t *list, json_t **out)
{
    size_t count = json_array_size(list);
    json_t **rows owned(free) = calloc(count + 1, sizeof(*rows));
    json_t *made = json_array();
    if (!rows || !made) {
        json_free(made);
        return FAIL(SYSTEM, "memory for a forecast");
    }
    for (size_t i = 0; i < count; i++)
        rows[i] = json_array_get(list, i);
    qsort(rows, count, sizeof(*rows), by_end);
    for (size_t i = 0; i < count; i++)
        json_array_append(made, rows[i]);
    *out = made;
    return OK;
}

fallible tcs_forecast(struct tcs_cache *c, int64_t now, json_t **out)
{
    owned(json_free) json_t *items = json_array(), *by_text = json_object(), *platforms = NULL,
                            *in_order = NULL;
    char when[CLOCK_TEXT_MAX];
    TRY(tcs_cache_check_clock(c, now));
    TRY(add_platforms(c, now, by_text));
    platforms = values_of(by_text);
    TRY(add_items(c, items));
    json_t *j = json_object();
    json_set_str(j, "time", clock_format(now, when));
    struct err e = sorted(items, &in_order);
    if (!failed(e))
        json_object_set_new(j, "items", TAKE(in_order));
    if (!failed(e))
        e = sorted(platforms, &in_order);
    if (!failed(e))
        json_object_set_new(j, "platforms", TAKE(in_order));
    if (failed(e))
        json_free(j);
    else
        *out = j;
    return e;
}
