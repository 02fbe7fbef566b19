// SPDX-License-Identifier: Apache-2.0
/* Certificates, the administrator, the workload's user and their tokens in a development system. */
#include "cli/dev.h"

#include "base/base64.h"
#include "base/file.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "crypto/x509.h"
#include "http/client.h"

#define PASSWORD_BYTES 24
#define ADMINISTRATOR "admin"
#define WORKLOAD "skcuser"

static fallible make_certificate(const struct dev *d, const char *name)
{
    static const char *const names[] = { "localhost", "127.0.0.1", NULL };
    char key_path[1024], csr_path[1024], out_path[1024], config[1024], cmsd[1024];
    struct key *k owned(key_free) = NULL;
    struct buf csr owned(buf_done) = buf_of(16U << 10);

    dev_path(d, out_path, "etc/tls/%s.pem", name);
    if (file_exists(out_path))
        return OK;
    TRY(key_make_ec(KEY_P256, &k));
    unlink(dev_path(d, key_path, "etc/tls/%s.key", name));
    TRY(key_save(key_path, k));
    TRY(csr_make(k, name, names, &csr));
    TRY(file_write(dev_path(d, csr_path, "var/dev/%s.csr", name), buf_span(&csr), 0600));
    TRY(dev_program(d, "cmsd", cmsd));
    return dev_run(d,
                   (const char *const[]){ cmsd, "--config", dev_path(d, config, "etc/cmsd.conf"),
                                          "--issue", "--csr", csr_path, "--out", out_path, NULL },
                   NULL);
}

fallible dev_make_certificates(const struct dev *d)
{
    static const char *const holders[] = { "cmsd",    "aasd",   "attestd", "kbsd",
                                           "openbao", "pykmip", "keyd" };
    char cmsd[1024], config[1024], ca[1024];

    TRY(dev_program(d, "cmsd", cmsd));
    dev_path(d, config, "etc/cmsd.conf");
    if (!file_exists(dev_path(d, ca, "etc/tls/ca.pem")))
        TRY(dev_run(d, (const char *const[]){ cmsd, "--config", config, "--init", NULL }, NULL));
    for (size_t i = 0; i < sizeof(holders) / sizeof(*holders); i++)
        TRY(make_certificate(d, holders[i]));
    return OK;
}

/* A random password in a file of mode 0600; kept when the system was made before. */
static fallible make_password(const struct dev *d, const char *user)
{
    char path[1024];
    uint8_t random[PASSWORD_BYTES];
    struct buf text owned(buf_done) = buf_of(64);

    if (file_exists(dev_path(d, path, "var/dev/%s.password", user)))
        return OK;
    TRY(random_fill(random, sizeof(random)));
    base64url_add(&text, SPAN_OF(random));
    struct err e = buf_check(&text);
    if (!failed(e))
        e = file_create(path, buf_span(&text), 0600);
    wipe(random, sizeof(random));
    wipe(text.at, text.len);
    return e;
}

fallible dev_make_administrator(const struct dev *d)
{
    char aasd[1024], config[1024], done[1024], password[1024];

    TRY(make_password(d, ADMINISTRATOR));
    TRY(make_password(d, WORKLOAD));
    if (file_exists(dev_path(d, done, "var/dev/administrator")))
        return OK;
    TRY(dev_program(d, "aasd", aasd));
    TRY(dev_run(d,
                (const char *const[]){ aasd, "--config", dev_path(d, config, "etc/aasd.conf"),
                                       "--init-admin", ADMINISTRATOR, "--password-file",
                                       dev_path(d, password, "var/dev/" ADMINISTRATOR ".password"),
                                       NULL },
                NULL));
    return file_write(done, SPAN(ADMINISTRATOR "\n"), 0600);
}

struct aas {
    const struct dev *d;
    struct http_client *http;
    char token[4096];
};

static fallible call(struct aas *a, const char *method, const char *path, json_t *body,
                     json_t **out)
{
    char url[512];
    json_t *mine owned(json_free) = body;
    char *text owned(free) = body ? json_text(body) : NULL;
    struct http_reply reply owned(http_reply_done) = { 0 };

    snprintf(url, sizeof(url), "https://127.0.0.1:%u/aas/v1/%s", dev_port(a->d, DEV_AAS), path);
    static const char *const accept[] = { "Accept: application/json", NULL };
    struct http_call c = { .method = method,
                           .url = url,
                           .body = span_str(text),
                           .bearer = *a->token ? a->token : NULL,
                           .headers = accept };
    struct err e = http_send(a->http, &c, &reply);
    if (text)
        wipe(text, strlen(text));
    TRY(e);
    if (reply.status == 409)
        return FAIL(CONFLICT, "aasd has it already");
    if (reply.status < 200 || reply.status > 299)
        return FAIL(DENIED, "aasd refused a step of the set-up");
    return out && reply.body.len ? json_parse(buf_span(&reply.body), out) : OK;
}

static fallible login(struct aas *a, const char *user, struct span *token, json_t **answer)
{
    char path[1024];
    struct secret *password owned(secret_free) = NULL;
    json_t *body = json_object();

    TRY(secret_load(dev_path(a->d, path, "var/dev/%s.password", user), &password));
    json_set_str(body, "username", user);
    json_set_span(body, "password", secret_expose(password));
    TRY(call(a, "POST", "token", body, answer));
    return json_get_str(*answer, "token", "token", token);
}

static fallible login_as_administrator(struct aas *a)
{
    json_t *answer owned(json_free) = NULL;
    struct span token;

    *a->token = '\0';
    TRY(login(a, ADMINISTRATOR, &token, &answer));
    if (token.len >= sizeof(a->token))
        return FAIL(LIMIT, "the administrator's token is too long");
    memcpy(a->token, token.at, token.len);
    a->token[token.len] = '\0';
    return dev_write(a->d, "etc/cli.token", token, 0600);
}

static fallible user_id(struct aas *a, const char *name, char out[64])
{
    char path[128];
    json_t *users owned(json_free) = NULL;
    struct span id;

    snprintf(path, sizeof(path), "users?name=%s", name);
    TRY(call(a, "GET", path, NULL, &users));
    TRY(json_get_str(json_array_get(users, 0), "user_id", "user id", &id));
    snprintf(out, 64, "%.*s", (int)id.len, (const char *)id.at);
    return OK;
}

static fallible grant(struct aas *a, const char *user, const char *service, const char *name,
                      const char *context)
{
    char path[160], id[64];
    json_t *role owned(json_free) = NULL;
    struct span role_id;

    struct err e = call(
        a, "POST", "roles",
        json_pack("{s:s,s:s,s:s}", "service", service, "name", name, "context", context), &role);
    if (e.kind == FAIL_CONFLICT)
        return OK; /* made and granted before */
    TRY(e);
    TRY(json_get_str(role, "role_id", "role id", &role_id));
    TRY(user_id(a, user, id));
    snprintf(path, sizeof(path), "users/%s/roles", id);
    return call(a, "POST", path,
                json_pack("{s:[s%]}", "role_ids", (const char *)role_id.at, role_id.len), NULL);
}

/* The agent's side in the seed system's form. It holds the workload's token: mode 0600. */
static fallible write_skc_library(const struct dev *d, struct span token)
{
    struct buf text owned(buf_done) = buf_of(8192);
    unsigned cms = dev_port(d, DEV_CMS);

    buf_addf(
        &text,
        "KBS_HOSTNAME=localhost\nKBS_IP=127.0.0.1\nKBS_PORT=%u\nCMS_IP=127.0.0.1\nCMS_PORT=%u\n",
        dev_port(d, DEV_KBS), cms);
    buf_addf(&text,
             "CSP_SCS_IP=127.0.0.1\nCSP_SCS_PORT=%u\nCSP_CMS_IP=127.0.0.1\nCSP_CMS_PORT=%u\nSKC_"
             "USER=" WORKLOAD "\nSKC_TOKEN=",
             dev_port(d, DEV_TCS), cms);
    buf_add(&text, token);
    buf_add_str(&text, "\n");
    struct err e = buf_check(&text);
    if (!failed(e))
        e = dev_write(d, "etc/skc_library.conf", buf_span(&text), 0600);
    wipe(text.at, text.len);
    return e;
}

static fallible make_all(struct aas *a)
{
    char path[1024];
    struct secret *password owned(secret_free) = NULL;
    json_t *body = json_object(), *answer owned(json_free) = NULL;
    struct span token;

    TRY(login_as_administrator(a));
    TRY(secret_load(dev_path(a->d, path, "var/dev/" WORKLOAD ".password"), &password));
    json_set_str(body, "username", WORKLOAD);
    json_set_span(body, "password", secret_expose(password));
    struct err e = call(a, "POST", "users", body, NULL);
    if (failed(e) && e.kind != FAIL_CONFLICT)
        return e;
    TRY(grant(a, WORKLOAD, "KBS", "KeyTransfer", "permissions=nginx,USA"));
    TRY(grant(a, ADMINISTRATOR, "CMS", "CertApprover",
              "CN=localhost;SAN=localhost,127.0.0.1;CERTTYPE=TLS"));
    TRY(login_as_administrator(a)); /* with the role that it has now */
    *a->token = '\0';
    TRY(login(a, WORKLOAD, &token, &answer));
    return write_skc_library(a->d, token);
}

fallible dev_make_users(const struct dev *d)
{
    char ca[1024];
    struct aas a = { .d = d };
    struct http_client_config config = { .ca_file = dev_path(d, ca, "etc/tls/ca.pem") };

    TRY(http_client_new(&config, &a.http));
    struct http_client *http owned(http_client_free) = a.http;
    struct err e = make_all(&a);
    wipe(a.token, sizeof(a.token));
    return e;
}
