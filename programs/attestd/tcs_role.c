// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_role.h"

#include "attestd/root_files.h"
#include "attestd/tcs_refresh.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"

#define API_KEY_MAX 512
#define JWKS_MAX (64U << 10)
#define CLIENT_BODY_MAX (4U << 20)

struct tcs_role {
    struct store *store;
    struct http_client *client;
    struct tcs_upstreams upstreams;
    char *api_key_header;
    struct root_set roots;
    struct tcs_cache *cache;
    struct key *archive_key;
    struct tcs_refresh *refresh;
    struct tcs_service service;
};

void tcs_role_close(struct tcs_role *r)
{
    if (!r)
        return;
    tcs_refresh_stop(r->refresh);
    tcs_cache_free(r->cache);
    tcs_upstreams_done(&r->upstreams);
    http_client_free(r->client);
    store_close(r->store);
    root_set_done(&r->roots);
    key_free(r->archive_key);
    jwks_free(r->service.import_keys);
    pinned_keys_close(r->service.aas_keys);
    if (r->api_key_header)
        wipe(r->api_key_header, strlen(r->api_key_header));
    free(r->api_key_header);
    free(r);
}

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

static fallible read_api_key(const char *path, char **out)
{
    struct buf text owned(buf_done) = buf_of(API_KEY_MAX),
                    header owned(buf_done) = buf_of(API_KEY_MAX + 64);
    if (!given(path))
        return OK;
    TRY(file_check_private(path));
    TRY(file_read(path, &text));
    while (text.len && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text.at[--text.len] = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return FAIL(INPUT, "[tcs] upstream_api_key is not a line of text");
    buf_addf(&header, "Ocp-Apim-Subscription-Key: %s", buf_str(&text));
    wipe(text.at, text.len);
    TRY(buf_check(&header));
    *out = buf_take_str(&header);
    return *out ? OK : FAIL(SYSTEM, "memory for the API key");
}

static fallible open_upstreams(struct tcs_role *r, const struct attestd_config *c)
{
    const struct http_client_config client = {
        .ca_file = given(c->upstream_ca),
        .plain_loopback = c->upstream_plain_loopback,
        .tls12 = true, /* the vendors' servers */
        .timeout_ms = (unsigned)c->upstream_timeout_ms,
        .body_max = CLIENT_BODY_MAX,
    };
    TRY(http_client_new(&client, &r->client));
    TRY(tcs_upstreams_init(&r->upstreams, c->upstream, c->upstream_kds));
    TRY(ask_gate_new((unsigned)c->unknown_per_minute, &r->upstreams.gate));
    TRY(read_api_key(c->upstream_api_key, &r->api_key_header));
    r->upstreams.client = r->client;
    r->upstreams.root_crl_url = r->upstreams.pcs_count ? given(c->upstream_root_crl) : NULL;
    r->upstreams.api_key_header = r->api_key_header;
    return OK;
}

static fallible open_cache(struct tcs_role *r, const struct attestd_config *c)
{
    struct root_files files owned(root_files_done) = { 0 };
    TRY(root_files_read(c->roots, &files));
    TRY(root_set_init_all(&r->roots, files.spans, files.count));
    TRY(store_open(c->tcs_store, &r->store));
    const struct tcs_source source = { .count = tcs_upstreams_count,
                                       .fetch = tcs_upstreams_fetch,
                                       .admit = tcs_upstreams_admit,
                                       .context = &r->upstreams,
                                       .refresh_seconds = (int64_t)c->refresh_minutes * 60,
                                       .roots = &r->roots };
    return tcs_cache_new(&source, r->store, &r->cache);
}

static fallible open_key(const char *path, struct key **out)
{
    if (file_exists(path))
        return key_load(path, out);
    owned(key_free) struct key *k = NULL;
    TRY(key_make_ec(KEY_P256, &k));
    TRY(key_save(path, k));
    *out = TAKE(k);
    return OK;
}

static fallible write_archive_jwks(const struct tcs_role *r, const char *path)
{
    struct buf text owned(buf_done) = buf_of(JWKS_MAX);
    const struct key *const keys[] = { r->archive_key };
    TRY(jwks_text(keys, 1, &text));
    return file_write(path, buf_span(&text), 0644);
}

/* What is read after what is written: the signers may be this instance alone. */
static fallible open_archive_keys(struct tcs_role *r, const struct attestd_config *c)
{
    struct buf text owned(buf_done) = buf_of(JWKS_MAX);
    if (given(c->archive_key)) {
        TRY(open_key(c->archive_key, &r->archive_key));
        if (given(c->archive_jwks_file))
            TRY(write_archive_jwks(r, c->archive_jwks_file));
    }
    if (!given(c->archive_signers))
        return OK;
    TRY(file_read(c->archive_signers, &text));
    return jwks_parse(buf_span(&text), &r->service.import_keys);
}

static fallible read_token(const char *hex, struct pccs_token *out)
{
    if (!given(hex))
        return OK;
    TRY(hex_parse_exact(span_str(hex), out->hash, sizeof(out->hash)));
    out->given = true;
    return OK;
}

static fallible fill_service(struct tcs_role *r, const struct attestd_config *c)
{
    struct tcs_service *s = &r->service;
    s->cache = r->cache;
    s->upstreams = &r->upstreams;
    s->roots = &r->roots;
    s->root_crl_url = c->upstream_root_crl;
    s->export_key = r->archive_key;
    s->alarm_seconds = (int64_t)c->alarm_hours * 3600;
    TRY(read_token(c->user_token_hash, &s->user));
    TRY(read_token(c->admin_token_hash, &s->admin));
    /* Where the cache runs alone there may be nobody who gives out tokens. */
    return given(c->aas_jwks) && file_exists(c->aas_jwks)
               ? pinned_keys_open(c->aas_jwks, &s->aas_keys)
               : OK;
}

fallible tcs_role_open(const struct attestd_config *c, struct tcs_role **out)
{
    owned(tcs_role_close) struct tcs_role *r = calloc(1, sizeof(*r));
    if (!r)
        return FAIL(SYSTEM, "memory for the cache");
    TRY(open_upstreams(r, c));
    TRY(open_cache(r, c));
    TRY(open_archive_keys(r, c));
    TRY(fill_service(r, c));
    *out = TAKE(r);
    return OK;
}

fallible tcs_role_start(struct tcs_role *r)
{
    return r ? tcs_refresh_start(r->cache, r->service.alarm_seconds, &r->refresh) : OK;
}

struct tcs_cache *tcs_role_cache(struct tcs_role *r)
{
    return r ? r->cache : NULL;
}

struct tcs_service *tcs_role_service(struct tcs_role *r)
{
    return r ? &r->service : NULL;
}

struct tcs_pck tcs_role_pck(struct tcs_role *r)
{
    if (!r)
        return (struct tcs_pck){ 0 };
    return (struct tcs_pck){ .cache = r->cache, .upstreams = &r->upstreams, .roots = &r->roots };
}

void tcs_role_saw(void *context, struct span chain)
{
    struct tcs_role *r = context;
    char id[DIGEST_TEXT_SIZE];
    store_lock(r->store);
    struct err e = digest_text(chain, id);
    if (!failed(e))
        e = seen_platform_save(r->store, id, chain, clock_now());
    store_unlock(r->store);
    if (failed(e))
        log_err(e, "a platform that has attested is not kept");
}
