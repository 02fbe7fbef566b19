// SPDX-License-Identifier: Apache-2.0
/* How a Vault key manager begins and ends: what its configuration must say. */
#include "keys/vault_internal.h"

#define TIMEOUT_MS 4000

void vault_close(struct keystore *self)
{
    struct vault *v = (struct vault *)self;

    http_client_free(v->http);
    free(v->url);
    free(v->token_file);
    free(v->mount);
    free(v->prefix);
    free(v);
}

static fallible keep_texts(struct vault *v, const struct vault_config *config)
{
    struct span url = span_str(config->url);

    while (url.len && url.at[url.len - 1] == '/')
        url.len--;
    v->url = span_dup(url);
    v->token_file = strdup(config->token_file);
    v->mount = strdup(config->mount);
    v->prefix = strdup(config->prefix);
    return v->url && v->token_file && v->mount && v->prefix ? OK : FAIL(SYSTEM, "out of memory");
}

static fallible config_check(const struct vault_config *config)
{
    struct span url = span_str(config->url);

    if (!span_starts(url, SPAN("https://")) && !span_starts(url, SPAN("http://")))
        return FAIL(INPUT, "Vault's url must begin with https://");
    if (!config->allow_plain_http && !span_starts(url, SPAN("https://")))
        return FAIL(INPUT,
                    "plain HTTP to Vault is only for loopback addresses, and must be switched on");
    if (config->kv_version > 2)
        return FAIL(INPUT, "Vault's KV version is 1 or 2, or 0 to ask the server");
    TRY(vault_path_check(span_str(config->mount)));
    return vault_path_check(span_str(config->prefix));
}

fallible vault_open(const struct vault_config *config, struct keystore **out)
{
    struct keystore *face owned(keystore_close) = NULL;
    const struct http_client_config http = { .ca_file = config->ca_file,
                                             .plain_loopback = config->allow_plain_http,
                                             .tls12 = true,
                                             .timeout_ms = TIMEOUT_MS,
                                             .body_max = VAULT_REPLY_MAX,
                                             .secret_answers = true };

    TRY(config_check(config));
    struct vault *v = calloc(1, sizeof *v);
    if (!v)
        return FAIL(SYSTEM, "out of memory");
    v->face = vault_face;
    v->kv_version = config->kv_version;
    v->gave_up_at = INT64_MIN / 2;
    face = &v->face;
    TRY(keep_texts(v, config));
    TRY(http_client_new(&http, &v->http));
    TRY(vault_token_check(v));
    struct err e = vault_health(v);
    if (failed(e) &&
        e.kind !=
            FAIL_UPSTREAM) /* a configuration that never works: an address that is not called */
        return e;
    *out = TAKE(face);
    return OK;
}
