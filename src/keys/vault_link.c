// SPDX-License-Identifier: Apache-2.0
#include "keys/vault_internal.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/file.h"
#include "http/client.h"

#define TIMEOUT_MS 5000
#define PATIENCE_US 2000000 /* for a server that is sealed, a standby, or starting */
#define PAUSE_US 100000
#define ANSWER_MAX (256U << 10)
#define URL_LENGTH 2048

struct vault_link {
    struct http_client *http;
    char *url, *mount, *token_file;
    atomic_uint kv_version; /* 0: not known yet */
    pthread_mutex_t lock;
    struct secret *token; /* NUL-terminated; read again when the server refuses it */
};

static fallible load_token(struct vault_link *l)
{
    struct secret *raw owned(secret_free) = NULL;

    TRY(secret_load(l->token_file, &raw));
    struct span text = secret_expose(raw);
    while (text.len && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r' || text.at[text.len - 1] == ' '))
        text.len--;
    if (!text.len)
        return FAIL(INPUT, "the Vault token file is empty");
    struct secret *token = secret_new(text.len + 1);
    if (!token)
        return FAIL(SYSTEM, "secure memory exhausted");
    memcpy(secret_fill(token), text.at, text.len);
    pthread_mutex_lock(&l->lock);
    secret_free(l->token);
    l->token = token;
    pthread_mutex_unlock(&l->lock);
    return OK;
}

fallible vault_link_open(const struct vault_config *config, struct vault_link **out)
{
    struct vault_link *l owned(vault_link_close) = calloc(1, sizeof *l);
    struct http_client_config http = { .ca_file = config->ca_file, .plain_loopback = config->allow_plain_http, .tls12 = true,
                                       .secret_answers = true, .timeout_ms = TIMEOUT_MS, .body_max = ANSWER_MAX };

    if (!l)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&l->lock, NULL);
    l->url = strdup(config->url);
    l->mount = strdup(config->mount);
    l->token_file = strdup(config->token_file);
    if (!l->url || !l->mount || !l->token_file)
        return FAIL(SYSTEM, "out of memory");
    while (*l->url && l->url[strlen(l->url) - 1] == '/')
        l->url[strlen(l->url) - 1] = 0;
    l->kv_version = config->kv_version;
    TRY(load_token(l));
    TRY(http_client_new(&http, &l->http));
    *out = TAKE(l);
    return OK;
}

void vault_link_close(struct vault_link *l)
{
    if (!l)
        return;
    http_client_free(l->http);
    secret_free(l->token);
    pthread_mutex_destroy(&l->lock);
    free(l->url);
    free(l->mount);
    free(l->token_file);
    free(l);
}

static void wipe_texts(json_t *j)
{
    const char *name;
    json_t *value;
    size_t i;

    if (json_is_string(j))
        wipe((char *)json_string_value(j), json_string_length(j));
    json_object_foreach (j, name, value)
        wipe_texts(value);
    json_array_foreach (j, i, value)
        wipe_texts(value);
}

void vault_entry_free(json_t *fields)
{
    wipe_texts(fields);
    json_free(fields);
}

static struct secret *token_copy(struct vault_link *l)
{
    pthread_mutex_lock(&l->lock);
    struct secret *copy = secret_copy(secret_expose(l->token));
    pthread_mutex_unlock(&l->lock);
    return copy;
}

static void reply_wipe(struct http_reply *r)
{
    wipe(r->body.at, r->body.len);
    http_reply_done(r);
}
static void reply_wipep(struct http_reply *r)
{
    reply_wipe(r);
}

/* Once. The answer's JSON, if it is any, in *out. FAIL_UPSTREAM: nobody answers. */
static fallible call_once(struct vault_link *l, const char *method, const char *url, struct span body, int *status, json_t **out)
{
    struct http_reply reply owned(reply_wipe) = { 0 };
    struct secret *token owned(secret_free) = token_copy(l);
    json_t *answer = NULL;

    if (!token)
        return FAIL(SYSTEM, "secure memory exhausted");
    struct http_call call = { .method = method, .url = url, .body = body, .bearer = (const char *)secret_expose(token).at };
    TRY(http_send(l->http, &call, &reply));
    *status = reply.status;
    if (reply.body.len && failed(json_parse_object(buf_span(&reply.body), &answer)))
        return FAIL(UPSTREAM, "Vault answers what is not JSON");
    vault_entry_free(*out);
    *out = answer;
    return OK;
}

static bool try_again(struct err e, int status)
{
    return e.kind == FAIL_UPSTREAM || status == 503 || status == 429 || status == 500 || status == 502 || status == 472 || status == 473;
}

static fallible call(struct vault_link *l, const char *method, const char *url, struct span body, int *status, json_t **out)
{
    int64_t until = clock_monotonic_us() + PATIENCE_US;
    bool renewed = false;

    for (;;) {
        *status = 0;
        struct err e = call_once(l, method, url, body, status, out);
        if (!failed(e) && *status == 403 && !renewed && !failed(load_token(l))) { /* it may have been exchanged */
            renewed = true;
            continue;
        }
        if (!try_again(e, *status))
            return e;
        if (clock_monotonic_us() + PAUSE_US >= until)
            return FAIL(UPSTREAM, "Vault is down or sealed");
        usleep(PAUSE_US);
    }
}

static fallible url_of(struct vault_link *l, const char *part, const char *path, struct buf *out)
{
    buf_addf(out, "%s/v1/%s/%s%s", l->url, l->mount, part, path);
    return buf_check(out);
}

/* v2 keeps its entries under data/ and their history under metadata/. */
static fallible detect(struct vault_link *l)
{
    struct buf url owned(buf_done) = buf_of(URL_LENGTH);
    json_t *answer owned(vault_entry_free) = NULL;
    int status;

    if (l->kv_version)
        return OK;
    buf_addf(&url, "%s/v1/sys/internal/ui/mounts/%s", l->url, l->mount);
    TRY(buf_check(&url));
    TRY(call(l, "GET", buf_str(&url), (struct span){ 0 }, &status, &answer));
    if (status != 200)
        return FAIL(UPSTREAM, "Vault does not tell the version of its KV store: set kv_version, or let the token read "
                              "sys/internal/ui/mounts");
    const json_t *data = json_object_get(answer, "data");
    const char *type = json_string_value(json_object_get(data, "type"));
    const char *version = json_string_value(json_object_get(json_object_get(data, "options"), "version"));
    if (!type || strcmp(type, "kv"))
        return FAIL(UPSTREAM, "the mount in Vault is not a KV store");
    l->kv_version = version && !strcmp(version, "2") ? 2 : 1;
    return OK;
}

/* A standby answers reads by itself, and late: its 404 says nothing. */
static fallible absent_here(struct vault_link *l)
{
    struct buf url owned(buf_done) = buf_of(URL_LENGTH);
    json_t *answer owned(vault_entry_free) = NULL;
    int status;

    buf_addf(&url, "%s/v1/sys/leader", l->url);
    TRY(call(l, "GET", buf_str(&url), (struct span){ 0 }, &status, &answer));
    const json_t *is_self = json_object_get(answer, "is_self"), *ha = json_object_get(answer, "ha_enabled");
    if (status == 200 && json_is_true(ha) && !json_is_true(is_self))
        return FAIL(UPSTREAM, "this Vault server is a standby: name the active one");
    return FAIL(ABSENT, "no such entry in Vault");
}

static fallible failure_of(int status)
{
    if (status == 403)
        return FAIL(UPSTREAM, "Vault does not accept the token, or it may not use this path");
    if (status == 400)
        return FAIL(CONFLICT, "Vault refuses the change");
    return status >= 200 && status < 300 ? OK : FAIL(UPSTREAM, "Vault refuses the request");
}

fallible vault_read(struct vault_link *l, const char *path, json_t **fields)
{
    struct buf url owned(buf_done) = buf_of(URL_LENGTH);
    json_t *answer owned(vault_entry_free) = NULL;
    const json_t *data;
    int status;

    TRY(detect(l));
    TRY(url_of(l, l->kv_version == 2 ? "data/" : "", path, &url));
    TRY(call(l, "GET", buf_str(&url), (struct span){ 0 }, &status, &answer));
    if (status == 404)
        return absent_here(l);
    TRY(failure_of(status));
    TRY(json_get_object(answer, "data", "Vault's answer", &data));
    if (l->kv_version == 2)
        TRY(json_get_object(data, "data", "Vault's answer", &data));
    *fields = json_incref((json_t *)data);
    json_free(TAKE(answer)); /* the texts live on in what was taken out */
    return OK;
}

fallible vault_write(struct vault_link *l, const char *path, json_t *fields)
{
    struct buf url owned(buf_done) = buf_of(URL_LENGTH);
    json_t *body owned(vault_entry_free) = fields, *answer owned(vault_entry_free) = NULL;
    int status;

    TRY(detect(l));
    if (l->kv_version == 2)
        body = json_pack("{s:{s:i},s:o}", "options", "cas", 0, "data", TAKE(body));
    TRY(url_of(l, l->kv_version == 2 ? "data/" : "", path, &url));
    char *text = json_text(body);
    if (!text)
        return FAIL(SYSTEM, "out of memory");
    struct err e = call(l, "POST", buf_str(&url), span_str(text), &status, &answer);
    wipe(text, strlen(text));
    free(text);
    TRY(e);
    return failure_of(status);
}

fallible vault_delete(struct vault_link *l, const char *path)
{
    struct buf url owned(buf_done) = buf_of(URL_LENGTH);
    json_t *answer owned(vault_entry_free) = NULL;
    int status;

    TRY(detect(l));
    TRY(url_of(l, l->kv_version == 2 ? "metadata/" : "", path, &url));
    TRY(call(l, "DELETE", buf_str(&url), (struct span){ 0 }, &status, &answer));
    return status == 404 ? OK : failure_of(status);
}

fallible vault_health(struct vault_link *l)
{
    struct buf url owned(buf_done) = buf_of(URL_LENGTH);
    json_t *answer owned(vault_entry_free) = NULL;
    int status = 0;

    buf_addf(&url, "%s/v1/sys/health", l->url);
    TRY(buf_check(&url));
    TRY(call_once(l, "GET", buf_str(&url), (struct span){ 0 }, &status, &answer)); /* no patience: this is asked often */
    if (status != 200)
        return FAIL(UPSTREAM, "Vault is sealed, a standby, or not initialised");
    return detect(l);
}
