// SPDX-License-Identifier: Apache-2.0
#include "broker/deny_list.h"

#include <pthread.h>

#define SLOTS 64

struct deny_cache {
    pthread_mutex_t lock;
    struct {
        uint8_t mac[SHA256_SIZE];
        json_t *entries; /* NULL: empty */
    } slots[SLOTS];
};

fallible deny_cache_new(struct deny_cache **out)
{
    struct deny_cache *c = calloc(1, sizeof *c);

    if (!c)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return OK;
}

void deny_cache_free(struct deny_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        json_free(c->slots[i].entries);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void deny_list_done(struct deny_list *l)
{
    json_free(l->entries);
    *l = (struct deny_list){ 0 };
}

static json_t *cached(struct deny_cache *c, const uint8_t mac[SHA256_SIZE])
{
    json_t *found = NULL;

    if (!c)
        return NULL;
    pthread_mutex_lock(&c->lock);
    if (!memcmp(c->slots[mac[0] % SLOTS].mac, mac, SHA256_SIZE))
        found = json_incref(c->slots[mac[0] % SLOTS].entries);
    pthread_mutex_unlock(&c->lock);
    return found;
}

/* Readers share the entries and change nothing in them. */
static void keep(struct deny_cache *c, const uint8_t mac[SHA256_SIZE], json_t *entries)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    json_free(c->slots[mac[0] % SLOTS].entries);
    memcpy(c->slots[mac[0] % SLOTS].mac, mac, SHA256_SIZE);
    c->slots[mac[0] % SLOTS].entries = json_incref(entries);
    pthread_mutex_unlock(&c->lock);
}

static fallible understand(const struct row *r, struct deny_cache *cache, struct deny_list *out)
{
    json_t *content owned(json_free) = NULL;
    const json_t *entries;

    out->version = r->version;
    out->entries = cached(cache, r->mac);
    if (out->entries)
        return OK;
    TRY(json_parse_object(buf_span(&r->content), &content));
    TRY(json_get_array(content, "entries", "deny list: entries", &entries));
    out->entries = json_incref((json_t *)entries);
    keep(cache, r->mac, out->entries);
    return OK;
}

/* What the audit log says of the list's last change; 0: it was never changed. */
static fallible recorded_version(struct store *s, struct span tenant, uint64_t *out)
{
    json_t *record owned(json_free) = NULL;
    struct statement *q;
    struct err e = OK;
    bool found;

    *out = 0;
    TRY(store_query(s,
                    "SELECT record FROM audit WHERE tenant = ?1 AND key_id = '" DENY_LIST_ID
                    "' ORDER BY seq DESC LIMIT 1",
                    &q));
    bind_text(q, 1, tenant);
    TRY(store_step(q, &found));
    if (found)
        e = json_parse_object(column_text(q, 0), &record);
    store_reset(q);
    TRY(e);
    return found
               ? json_get_u64(record, "deny_version", INT64_MAX, "audit record of a deny list", out)
               : OK;
}

fallible deny_list_read(struct store *s, const struct secret *integrity, struct deny_cache *cache,
                        struct span tenant, struct deny_list *out)
{
    struct row r owned(row_done) = { .content = buf_of(0) };
    struct deny_list l owned(deny_list_done) = { 0 };
    uint64_t recorded;

    struct err e = row_read(s, integrity, ROW_DENY_LISTS, tenant, SPAN(DENY_LIST_ID), &r);
    if (failed(e) && e.kind != FAIL_ABSENT)
        return e;
    TRY(recorded_version(s, tenant, &recorded));
    if (recorded != r.version)
        return FAIL(DENIED, "the deny list is not the one on record");
    if (e.kind == FAIL_ABSENT)
        l.entries = json_array();
    else
        TRY(understand(&r, cache, &l));
    if (!l.entries)
        return FAIL(SYSTEM, "out of memory");
    *out = l;
    l = (struct deny_list){ 0 };
    return OK;
}

fallible deny_list_write(struct store *s, const struct secret *integrity, struct span tenant,
                         const struct deny_list *l)
{
    struct row r owned(row_done) = { .content = buf_of(0) };
    json_t *content owned(json_free) = json_pack("{s:O}", "entries", l->entries);

    TRY(row_init(&r, tenant, SPAN(DENY_LIST_ID), SPAN("")));
    TRY(json_canonical(content, &r.content));
    r.version = l->version + 1;
    return r.version == 1 ? row_insert(s, integrity, ROW_DENY_LISTS, &r)
                          : row_update(s, integrity, ROW_DENY_LISTS, &r);
}
