// SPDX-License-Identifier: Apache-2.0
/* How a Vault key manager begins and ends: what its configuration must say. */
#include "keys/vault_internal.h"

#include "base/file.h"

#define TIMEOUT_MS 4000
#define HASTY_MS 1500
#define HEADER_MAX 256

void vault_close(struct keystore *self)
{
    struct vault *v = (struct vault *)self;

    http_client_free(v->http);
    http_client_free(v->hasty);
    vault_nodes_free(v->nodes);
    vault_login_free(v->login);
    free(v->namespace_header);
    free(v->mount);
    free(v->prefix);
    free(v->transit);
    free(v);
}

static fallible keep_namespace(struct vault *v, const char *name)
{
    struct buf header owned(buf_done) = buf_of(HEADER_MAX);
    struct span path = span_str(name);

    while (path.len && path.at[path.len - 1] == '/')
        path.len--;
    if (!path.len)
        return OK;
    TRY(vault_path_check(path));
    buf_add_str(&header, "X-Vault-Namespace: ");
    buf_add(&header, path);
    TRY(buf_check(&header));
    v->namespace_header = buf_take_str(&header);
    return v->namespace_header ? OK : FAIL(SYSTEM, "out of memory");
}

static fallible keep_texts(struct vault *v, const struct vault_config *config)
{
    v->mount = strdup(config->mount);
    v->prefix = strdup(config->prefix);
    v->transit = config->transit_mount ? strdup(config->transit_mount) : NULL;
    return v->mount && v->prefix && (v->transit || !config->transit_mount)
               ? OK
               : FAIL(SYSTEM, "out of memory");
}

static fallible check_url(const char *url, bool plain_http)
{
    struct span text = span_str(url);

    if (!span_starts(text, SPAN("https://")) && !span_starts(text, SPAN("http://")))
        return FAIL(INPUT, "Vault's url must begin with https://");
    return plain_http || span_starts(text, SPAN("https://"))
               ? OK
               : FAIL(INPUT, "plain HTTP to Vault is only for loopback addresses, and must be "
                             "switched on");
}

static fallible config_check(const struct vault_config *config, const struct vault_nodes *nodes)
{
    for (size_t i = 0; i < vault_nodes_count(nodes); i++)
        TRY(check_url(vault_nodes_url(nodes, i), config->allow_plain_http));
    if (config->kv_version > 2)
        return FAIL(INPUT, "Vault's KV version is 1 or 2, or 0 to ask the server");
    if (!config->certificate != !config->key)
        return FAIL(INPUT, "a client certificate for Vault needs its key");
    if (config->key && failed(file_check_private(config->key)))
        return FAIL(INPUT, "the key of the client certificate for Vault must be a file of mode "
                           "0600");
    TRY(vault_path_check(span_str(config->mount)));
    if (config->transit_mount)
        TRY(vault_path_check(span_str(config->transit_mount)));
    return vault_path_check(span_str(config->prefix));
}

static fallible open_clients(struct vault *v, const struct vault_config *config)
{
    struct http_client_config http = { .ca_file = config->ca_file,
                                       .certificate = config->certificate,
                                       .key = config->key,
                                       .crl = config->crl,
                                       .plain_loopback = config->allow_plain_http,
                                       .tls12 = true,
                                       .http2 = config->http2,
                                       .timeout_ms = TIMEOUT_MS,
                                       .body_max = VAULT_REPLY_MAX,
                                       .secret_answers = true };

    TRY(http_client_new(&http, &v->http));
    http.timeout_ms = HASTY_MS;
    return http_client_new(&http, &v->hasty);
}

static fallible prepare(struct vault *v, const struct vault_config *config)
{
    TRY(vault_nodes_new(span_str(config->url), &v->nodes));
    TRY(config_check(config, v->nodes));
    TRY(keep_texts(v, config));
    TRY(keep_namespace(v, config->name_space));
    TRY(vault_login_new(config, &v->login));
    TRY(vault_login_check(v->login));
    return open_clients(v, config);
}

fallible vault_open(const struct vault_config *config, struct keystore **out)
{
    struct keystore *face owned(keystore_close) = NULL;
    struct vault *v = calloc(1, sizeof *v);

    if (!v)
        return FAIL(SYSTEM, "out of memory");
    v->face = vault_face;
    v->kv_version = config->kv_version;
    v->gave_up_at = INT64_MIN / 2;
    face = &v->face;
    TRY(prepare(v, config));
    struct err e = vault_health(v);
    if (failed(e) &&
        e.kind !=
            FAIL_UPSTREAM) /* a configuration that never works: an address that is not called */
        return e;
    *out = TAKE(face);
    return OK;
}
