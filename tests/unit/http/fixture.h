// SPDX-License-Identifier: Apache-2.0
/*
 * A server over TLS with self-made certificates, for its own tests and the client's: files under `dir`, routes
 * that show what they got.
 */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/x509.h"
#include "http/client.h"
#include "http/server.h"
#include "unit.h"
#include "wire.h"

OWNED_TYPE(struct http_server, http_server_stop)

static char dir[] = "/tmp/warder-http-XXXXXX";
static atomic_int handled;

static inline const char *path(const char *name)
{
    static char texts[8][128];
    static unsigned next;
    char *p = texts[next++ % 8];

    snprintf(p, sizeof(texts[0]), "%s/%s", dir, name);
    return p;
}

static inline void write_pem(const char *name, const struct cert *c)
{
    struct buf pem owned(buf_done) = buf_of(64U << 10);
    char file[64];

    assert_ok(cert_to_pem(c, &pem));
    snprintf(file, sizeof(file), "%s.pem", name);
    assert_ok(file_write(path(file), buf_span(&pem), 0600));
}

static inline void make_ca(const char *name, struct key **key, struct cert **cert)
{
    int64_t now = clock_now();

    assert_ok(key_make_ec(KEY_P256, key));
    struct cert_request r = { .common_name = name, .key = *key, .not_before = now - 60, .not_after = now + 3600,
                              .ca = true, .path_len = 0 };
    char file[64];
    assert_ok(cert_issue(&r, NULL, *key, cert));
    write_pem(name, *cert);
    snprintf(file, sizeof(file), "%s.key", name);
    assert_ok(key_save(path(file), *key));
}

static inline void make_leaf(const char *name, const char *const *san, const struct key *ca_key, const struct cert *ca)
{
    owned(key_free) struct key *k = NULL;
    owned(cert_free) struct cert *c = NULL;
    int64_t now = clock_now();
    char file[64];

    assert_ok(key_make_ec(KEY_P256, &k));
    struct cert_request r = { .common_name = name, .san = san, .key = k, .not_before = now - 60,
                              .not_after = now + 3600, .path_len = -1, .server_auth = san, .client_auth = !san };
    assert_ok(cert_issue(&r, ca, ca_key, &c));
    write_pem(name, c);
    snprintf(file, sizeof(file), "%s.key", name);
    assert_ok(key_save(path(file), k));
}

static inline int make_files(void **state)
{
    owned(key_free) struct key *ca_key = NULL, *other_key = NULL;
    owned(cert_free) struct cert *ca = NULL, *other = NULL;
    const char *const names[] = { "localhost", "127.0.0.1", NULL }, *const elsewhere[] = { "elsewhere.example", NULL };

    (void)state;
    assert_non_null(mkdtemp(dir));
    make_ca("ca", &ca_key, &ca);
    make_ca("other-ca", &other_key, &other);
    make_leaf("server", names, ca_key, ca);
    make_leaf("elsewhere", elsewhere, ca_key, ca);
    make_leaf("client", NULL, ca_key, ca);
    make_leaf("stranger", NULL, other_key, other);
    return 0;
}

static inline int remove_files(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static inline void echo(struct http_exchange *x, void *context)
{
    struct buf seen owned(buf_done) = buf_of(64U << 10);

    (void)context;
    atomic_fetch_add(&handled, 1);
    buf_addf(&seen, "%s %zu ", http_method(x), http_client_cert_der(x).len);
    buf_add(&seen, http_bearer(x));
    buf_add_str(&seen, " ");
    buf_add(&seen, http_header(x, "content-type"));
    buf_add_str(&seen, " ");
    buf_add(&seen, http_header(x, "x-mine"));
    buf_add_str(&seen, " ");
    buf_add(&seen, http_body(x));
    http_answer_header(x, "X-Seen", "Yes");
    http_answer(x, 200, "text/plain", buf_span(&seen));
}

static inline void redirect(struct http_exchange *x, void *context)
{
    (void)context;
    http_answer_header(x, "Location", "/echo");
    http_answer_empty(x, 302);
}

static inline void hang(struct http_exchange *x, void *context)
{
    (void)context;
    usleep(300000);
    http_answer_empty(x, 200);
}

static inline void large(struct http_exchange *x, void *context)
{
    struct buf text owned(buf_done) = buf_of(1U << 20);

    (void)context;
    buf_extend(&text, 1U << 20);
    http_answer(x, 200, "application/octet-stream", buf_span(&text));
}

static inline void document(struct http_exchange *x, void *context)
{
    struct span kind = http_param(x, "kind");

    (void)context;
    if (span_equal_str(kind, "good"))
        http_answer(x, 200, "application/json", SPAN("{\"a\":1}"));
    else if (span_equal_str(kind, "empty"))
        http_answer_empty(x, 204);
    else if (span_equal_str(kind, "html"))
        http_answer(x, 200, "text/html", SPAN("{\"a\":1}"));
    else if (span_equal_str(kind, "array"))
        http_answer(x, 200, "application/json", SPAN("[1]"));
    else if (span_equal_str(kind, "double"))
        http_answer(x, 200, "application/json", SPAN("{\"a\":1,\"a\":2}"));
    else
        http_answer_problem(x, atoi((const char *)kind.at), "some_code", NULL);
}

static const struct http_route routes[] = {
    { "GET", "/echo", ROUTE_OPEN, echo },
    { "POST", "/echo", ROUTE_OPEN, echo },
    { "DELETE", "/echo", ROUTE_OPEN, echo },
    { "LIST", "/echo", ROUTE_OPEN, echo },
    { "PUT", "/echo", ROUTE_OPEN, echo },
    { "GET", "/redirect", ROUTE_OPEN, redirect },
    { "GET", "/hang", ROUTE_OPEN, hang },
    { "GET", "/large", ROUTE_OPEN, large },
    { "GET", "/document/{kind}", ROUTE_OPEN, document },
    { 0 },
};

static inline struct http_server *serve(const char *name, bool client_ca, bool require)
{
    struct http_server *s = NULL;
    char cert[64], key[64];

    snprintf(cert, sizeof(cert), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    struct http_server_config c = {
        .address = "127.0.0.1",
        .routes = routes,
        .deadline_ms = 500,
        .tls = { .certificate = path(cert), .key = path(key), .client_ca = client_ca ? path("ca.pem") : NULL,
                 .require_client = require },
    };
    assert_ok(http_server_start(&c, &s));
    return s;
}

static inline struct http_client *client_with(struct http_client_config c)
{
    struct http_client *client = NULL;

    if (!c.ca_file)
        c.ca_file = path("ca.pem");
    assert_ok(http_client_new(&c, &client));
    return client;
}

static inline const char *url(const struct http_server *s, const char *rest)
{
    static char text[256];

    snprintf(text, sizeof(text), "https://127.0.0.1:%u%s", http_server_port(s), rest);
    return text;
}

static inline struct err get(struct http_client *c, const char *u, struct http_reply *r)
{
    return http_send(c, &(struct http_call){ .method = "GET", .url = u }, r);
}

#endif
