// SPDX-License-Identifier: Apache-2.0
/*
 * The Vault behind keyd in a development system: a real OpenBao server with raft storage,
 * initialised with five shares and threshold three, unsealed, `keybroker` enabled as a KV store,
 * and a token for keyd that may reach this store alone. The shares and the root token stay in
 * DIR/var/openbao, for this is a development system.
 */
#include "cli/dev.h"

#include "base/file.h"
#include "base/log.h"
#include "crypto/secret.h"
#include "http/client.h"

#define SHARES 5
#define THRESHOLD 3
#define TRIES 100
#define PAUSE_US 50000

struct vault {
    const struct dev *d;
    struct http_client *http;
    char token[128];
};

/* Raft needs a moment to elect itself: until then the server answers 500, 503 or 429. */
static fallible call(struct vault *v, const char *method, const char *path, json_t *body,
                     json_t **out)
{
    char url[256];
    json_t *mine owned(json_free) = body;
    char *text owned(free) = body ? json_text(body) : NULL;
    int status = 0;
    json_t *answer owned(json_free) = NULL;
    struct err e = OK;

    snprintf(url, sizeof(url), "https://127.0.0.1:%u/v1/%s", dev_port(v->d, DEV_VAULT), path);
    struct http_call c = {
        .method = method, .url = url, .body = span_str(text), .bearer = *v->token ? v->token : NULL
    };
    for (int i = 0; i < TRIES; i++) {
        e = http_send_json(v->http, &c, &status, &answer);
        if (e.kind != FAIL_UPSTREAM)
            break;
        usleep(PAUSE_US);
    }
    if (text)
        wipe(text, strlen(text));
    if (failed(e) && status != 204 && status != 200) {
        log_err(e, "OpenBao refused a step", "method", method, "path", path);
        return e;
    }
    if (out)
        *out = TAKE(answer);
    return OK;
}

static fallible write_config(const struct dev *d)
{
    struct buf text owned(buf_done) = buf_of(8192);
    buf_addf(
        &text,
        "storage \"raft\" {\n  path = \"%s/var/openbao/data\"\n  node_id = \"node1\"\n  "
        "performance_multiplier = 1\n}\n"
        "listener \"tcp\" {\n  address = \"127.0.0.1:%u\"\n  cluster_address = \"127.0.0.1:%u\"\n"
        "  tls_cert_file = \"%s/etc/tls/openbao.pem\"\n  tls_key_file = "
        "\"%s/etc/tls/openbao.key\"\n}\n"
        "api_addr = \"https://127.0.0.1:%u\"\ncluster_addr = \"https://127.0.0.1:%u\"\nui = "
        "false\n",
        d->dir, dev_port(d, DEV_VAULT), dev_port(d, DEV_VAULT) + 1U, d->dir, d->dir,
        dev_port(d, DEV_VAULT), dev_port(d, DEV_VAULT) + 1U);
    TRY(buf_check(&text));
    return dev_write(d, "etc/openbao.hcl", buf_span(&text), 0600);
}

/* First start: init writes shares and root token to a file; later ones read them back. */
static fallible init_once(struct vault *v, json_t **out)
{
    char path[1024];
    struct buf kept owned(buf_done) = buf_of(8192);

    if (!failed(file_read(dev_path(v->d, path, "var/openbao/init.json"), &kept)))
        return json_parse_object(buf_span(&kept), out);
    json_t *init owned(json_free) = NULL;
    TRY(call(v, "PUT", "sys/init",
             json_pack("{s:i,s:i}", "secret_shares", SHARES, "secret_threshold", THRESHOLD),
             &init));
    char *text owned(free) = json_text(init);
    if (!text)
        return FAIL(SYSTEM, "memory");
    TRY(file_create(path, span_str(text), 0600));
    *out = TAKE(init);
    return OK;
}

static fallible unseal(struct vault *v, const json_t *init)
{
    const json_t *keys;
    TRY(json_get_array(init, "keys_base64", "unseal keys", &keys));
    for (size_t i = 0; i < THRESHOLD; i++) {
        json_t *body = json_object();
        json_object_set(body, "key", json_array_get(keys, i));
        TRY(call(v, "PUT", "sys/unseal", body, NULL));
    }
    struct span root;
    TRY(json_get_str(init, "root_token", "root token", &root));
    if (root.len >= sizeof(v->token))
        return FAIL(LIMIT, "the root token is too long");
    memcpy(v->token, root.at, root.len);
    return OK;
}

static fallible enable_store(struct vault *v)
{
    json_t *mounts owned(json_free) = NULL;

    TRY(call(v, "GET", "sys/mounts", NULL, &mounts));
    if (json_object_get(mounts, "keybroker/") ||
        json_object_get(json_object_get(mounts, "data"), "keybroker/"))
        return OK;
    return call(v, "POST", "sys/mounts/keybroker", json_pack("{s:s}", "type", "kv"), NULL);
}

static fallible make_token(struct vault *v)
{
    static const char policy[] = /* docs/vault.md */
        "path \"keybroker/warder/*\" { capabilities = [\"create\", \"read\", \"delete\"] }\n"
        "path \"keybroker/*\" { capabilities = [\"read\"] }\n"
        "path \"auth/token/lookup-self\" { capabilities = [\"read\"] }\n";
    json_t *answer owned(json_free) = NULL;
    const json_t *auth;
    struct span token;

    TRY(call(v, "PUT", "sys/policies/acl/keybroker", json_pack("{s:s}", "policy", policy), NULL));
    TRY(call(v, "POST", "auth/token/create",
             json_pack("{s:[s],s:s,s:s}", "policies", "keybroker", "period", "24h", "display_name",
                       "keyd"),
             &answer));
    TRY(json_get_object(answer, "auth", "token", &auth));
    TRY(json_get_str(auth, "client_token", "token", &token));
    return dev_write(v->d, "etc/vault.token", token, 0600);
}

/* A server that has just been elected may refuse what it accepts a moment later, or have done what
 * it answered with an error: both steps can be taken again. */
static fallible prepare(struct vault *v)
{
    struct err e = OK;

    for (int i = 0; i < TRIES; i++) {
        e = enable_store(v);
        if (!failed(e))
            e = make_token(v);
        if (!failed(e) || e.kind == FAIL_UPSTREAM) /* call() has waited for a server that is away */
            break;
        usleep(PAUSE_US);
    }
    return e;
}

fallible dev_start_openbao(const struct dev *d)
{
    char path[1024], ca[1024];
    TRY(file_make_dir(dev_path(d, path, "var/openbao/data"), 0700));
    TRY(write_config(d));
    char config[1100];
    snprintf(config, sizeof(config), "-config=%s/etc/openbao.hcl", d->dir);
    TRY(dev_spawn(d, "openbao", (const char *const[]){ d->bao, "server", config, NULL }));
    TRY(dev_wait_port(d, "openbao", dev_port(d, DEV_VAULT)));

    struct vault v = { .d = d };
    struct http_client_config hc = { .ca_file = dev_path(d, ca, "etc/tls/ca.pem"),
                                     .timeout_ms = 20000,
                                     .tls12 = true };
    TRY(http_client_new(&hc, &v.http));
    struct http_client *http owned(http_client_free) = v.http;
    json_t *init owned(json_free) = NULL;
    struct err e = init_once(&v, &init);
    if (!failed(e))
        e = unseal(&v, init);
    if (!failed(e))
        e = prepare(&v);
    wipe(v.token, sizeof(v.token));
    return e;
}
