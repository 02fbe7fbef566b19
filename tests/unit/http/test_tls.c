// SPDX-License-Identifier: Apache-2.0
/* The server over TLS and our client, each against the other and against a bare OpenSSL client. */
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
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

static const char *path(const char *name)
{
    static char texts[8][128];
    static unsigned next;
    char *p = texts[next++ % 8];

    snprintf(p, sizeof(texts[0]), "%s/%s", dir, name);
    return p;
}

static void write_pem(const char *name, const struct cert *c)
{
    struct buf pem owned(buf_done) = buf_of(64U << 10);
    char file[64];

    assert_ok(cert_to_pem(c, &pem));
    snprintf(file, sizeof(file), "%s.pem", name);
    assert_ok(file_write(path(file), buf_span(&pem), 0600));
}

static void make_ca(const char *name, struct key **key, struct cert **cert)
{
    int64_t now = clock_now();

    assert_ok(key_make_ec(KEY_P256, key));
    struct cert_request r = { .common_name = name, .key = *key, .not_before = now - 60, .not_after = now + 3600,
                              .ca = true, .path_len = 0 };
    assert_ok(cert_issue(&r, NULL, *key, cert));
    write_pem(name, *cert);
}

static void make_leaf(const char *name, const char *const *san, const struct key *ca_key, const struct cert *ca)
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

static int make_files(void **state)
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

static int remove_files(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static void echo(struct http_exchange *x, void *context)
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

static void redirect(struct http_exchange *x, void *context)
{
    (void)context;
    http_answer_header(x, "Location", "/echo");
    http_answer_empty(x, 302);
}

static void hang(struct http_exchange *x, void *context)
{
    (void)context;
    usleep(300000);
    http_answer_empty(x, 200);
}

static void large(struct http_exchange *x, void *context)
{
    struct buf text owned(buf_done) = buf_of(1U << 20);

    (void)context;
    buf_extend(&text, 1U << 20);
    http_answer(x, 200, "application/octet-stream", buf_span(&text));
}

static void document(struct http_exchange *x, void *context)
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

static struct http_server *serve(const char *name, bool client_ca, bool require)
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

static struct http_client *client_with(struct http_client_config c)
{
    struct http_client *client = NULL;

    if (!c.ca_file)
        c.ca_file = path("ca.pem");
    assert_ok(http_client_new(&c, &client));
    return client;
}

static const char *url(const struct http_server *s, const char *rest)
{
    static char text[256];

    snprintf(text, sizeof(text), "https://127.0.0.1:%u%s", http_server_port(s), rest);
    return text;
}

static struct err get(struct http_client *c, const char *u, struct http_reply *r)
{
    return http_send(c, &(struct http_call){ .method = "GET", .url = u }, r);
}

static void test_calls(void **state)
{
    (void)state;
    const struct {
        struct http_call call;
        const char *seen;
    } rows[] = {
        { { .method = "GET" }, "GET 0    " },
        { { .method = "POST", .body = SPAN("{}") }, "POST 0  application/json  {}" },
        { { .method = "POST" }, "POST 0    " },
        { { .method = "PUT", .body = SPAN("x\0y"), .content_type = "text/plain" }, "PUT 0  text/plain  x" },
        { { .method = "DELETE", .bearer = "a.b-c" }, "DELETE 0 a.b-c   " },
        { { .method = "LIST", .headers = (const char *const[]){ "X-Mine: yes", NULL } }, "LIST 0   yes " },
        { { .method = "GET", .fresh = true }, "GET 0    " },
        { { .method = "GET" }, "GET 0    " }, /* nothing of the calls before stays in the handle */
    };
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ 0 });

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_reply r owned(http_reply_done) = { 0 };
        struct http_call call = rows[i].call;
        call.url = url(s, "/echo");
        assert_ok(http_send(c, &call, &r));
        assert_int_equal(r.status, 200);
        assert_string_equal(buf_str(&r.body), rows[i].seen);
        assert_true(span_equal_str(http_reply_header(&r, "X-SEEN"), "Yes"));
        assert_true(span_equal_str(http_reply_header(&r, "content-type"), "text/plain"));
        assert_int_equal(http_reply_header(&r, "absent").len, 0);
    }
}

static void test_answers_of_any_status_are_answers(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ 0 });
    struct http_reply r owned(http_reply_done) = { 0 };

    assert_ok(get(c, url(s, "/absent"), &r));
    assert_int_equal(r.status, 404);
    assert_non_null(strstr(buf_str(&r.body), "not_found"));
}

static void test_redirects_are_not_followed(void **state) /* L15 */
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ 0 });
    struct http_reply r owned(http_reply_done) = { 0 };

    atomic_store(&handled, 0);
    assert_ok(get(c, url(s, "/redirect"), &r));
    assert_int_equal(r.status, 302);
    assert_int_equal(atomic_load(&handled), 0);
}

static void test_server_is_verified(void **state) /* L9 */
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false), *e = serve("elsewhere", false, false);
    owned(http_client_free) struct http_client *right = client_with((struct http_client_config){ 0 });
    owned(http_client_free) struct http_client *wrong =
        client_with((struct http_client_config){ .ca_file = path("other-ca.pem") });
    owned(http_client_free) struct http_client *no_file =
        client_with((struct http_client_config){ .ca_file = path("no-such-file.pem") });
    struct http_client *system_store = NULL;
    struct http_reply r owned(http_reply_done) = { 0 };

    assert_ok(get(right, url(s, "/echo"), &r));
    assert_fails(get(wrong, url(s, "/echo"), &r), FAIL_UPSTREAM);
    assert_true(failed(get(no_file, url(s, "/echo"), &r)));
    assert_ok(http_client_new(&(struct http_client_config){ 0 }, &system_store));
    assert_fails(get(system_store, url(s, "/echo"), &r), FAIL_UPSTREAM);
    http_client_free(system_store);
    assert_fails(get(right, url(e, "/echo"), &r), FAIL_UPSTREAM); /* another name */

    /* connect_to: a name verified, another address dialled */
    char to[64], there[64];
    snprintf(to, sizeof(to), "::127.0.0.1:%u", http_server_port(e));
    snprintf(there, sizeof(there), "https://elsewhere.example:%u/echo", http_server_port(e));
    assert_ok(http_send(right, &(struct http_call){ .method = "GET", .url = there, .connect_to = to }, &r));
    assert_int_equal(r.status, 200);
}

static void test_urls_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool plain_loopback;
        uint32_t wanted;
    } rows[] = {
        { "http://127.0.0.1:1/", false, FAIL_DENIED },  { "http://localhost:1/", false, FAIL_DENIED },
        { "http://192.0.2.1:1/", true, FAIL_DENIED },   { "http://example.com/", true, FAIL_DENIED },
        { "http://127.0.0.1.example.com/", true, FAIL_DENIED }, { "http://[::2]:1/", true, FAIL_DENIED },
        { "http://localhost.example.com/", true, FAIL_DENIED }, { "http://0.0.0.0:1/", true, FAIL_DENIED },
        { "http://[::ffff:127.0.0.1]:1/", true, FAIL_DENIED },
        { "http://127.0.0.1:1/", true, FAIL_UPSTREAM }, { "http://127.9.9.9:1/", true, FAIL_UPSTREAM },
        { "http://[::1]:1/", true, FAIL_UPSTREAM },     { "http://localhost:1/", true, FAIL_UPSTREAM },
        { "file:///etc/passwd", true, FAIL_INPUT },     { "ftp://127.0.0.1/", true, FAIL_INPUT },
        { "gopher://127.0.0.1/", true, FAIL_INPUT },    { "not a url", true, FAIL_INPUT },
        { "", true, FAIL_INPUT },                       { "https://user:pw@127.0.0.1:1/", true, FAIL_INPUT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(http_client_free) struct http_client *c =
            client_with((struct http_client_config){ .plain_loopback = rows[i].plain_loopback });
        struct http_reply r owned(http_reply_done) = { 0 };
        struct err e = get(c, rows[i].url, &r);
        if (e.kind != rows[i].wanted)
            fail_msg("%s: %s, not %s", rows[i].url, fail_kind_name(e.kind), fail_kind_name(rows[i].wanted));
    }
}

static void test_plain_on_loopback_where_switched_on(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = NULL;
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ .plain_loopback = true });
    struct http_server_config config = { .address = "127.0.0.1", .plain = true, .routes = routes };
    struct http_reply r owned(http_reply_done) = { 0 };
    char u[64];

    assert_ok(http_server_start(&config, &s));
    snprintf(u, sizeof(u), "http://localhost:%u/echo", http_server_port(s));
    assert_ok(get(c, u, &r));
    assert_int_equal(r.status, 200);
    struct http_call tricked = { .method = "GET", .url = u, .connect_to = "::192.0.2.1:80" };
    assert_fails(http_send(c, &tricked, &r), FAIL_DENIED);
}

static void test_proxies_of_the_environment_are_ignored(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    struct http_reply r owned(http_reply_done) = { 0 };

    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ 0 });
    assert_ok(get(c, url(s, "/echo"), &r));
    unsetenv("https_proxy");
    unsetenv("ALL_PROXY");
}

static void test_limits_of_an_answer(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    owned(http_client_free) struct http_client *small =
        client_with((struct http_client_config){ .body_max = (1U << 20) - 1 });
    owned(http_client_free) struct http_client *enough = client_with((struct http_client_config){ .body_max = 1U << 20 });
    owned(http_client_free) struct http_client *hasty = client_with((struct http_client_config){ .timeout_ms = 100 });
    struct http_reply r owned(http_reply_done) = { 0 };

    assert_fails(get(small, url(s, "/large"), &r), FAIL_UPSTREAM);
    assert_ok(get(enough, url(s, "/large"), &r));
    assert_int_equal(r.body.len, 1U << 20);
    assert_fails(get(hasty, url(s, "/hang"), &r), FAIL_UPSTREAM);
    assert_int_equal(r.body.len, 1U << 20); /* a failed call changes nothing */
    assert_ok(get(small, url(s, "/echo"), &r)); /* and spoils no handle */
}

static void test_client_certificates(void **state) /* L1 */
{
    (void)state;
    owned(http_server_stop) struct http_server *asks = serve("server", true, false),
                                               *requires = serve("server", true, true);
    owned(http_client_free) struct http_client *none = client_with((struct http_client_config){ 0 });
    owned(http_client_free) struct http_client *good = client_with(
        (struct http_client_config){ .certificate = path("client.pem"), .key = path("client.key") });
    owned(http_client_free) struct http_client *stranger = client_with(
        (struct http_client_config){ .certificate = path("stranger.pem"), .key = path("stranger.key") });
    /* a server's certificate is none for a client */
    owned(http_client_free) struct http_client *misused = client_with(
        (struct http_client_config){ .certificate = path("server.pem"), .key = path("server.key") });
    struct http_reply r owned(http_reply_done) = { 0 };

    assert_ok(get(none, url(asks, "/echo"), &r));
    assert_non_null(strstr(buf_str(&r.body), "GET 0 "));
    assert_ok(get(good, url(asks, "/echo"), &r));
    assert_null(strstr(buf_str(&r.body), "GET 0 "));
    assert_ok(get(good, url(requires, "/echo"), &r));
    assert_fails(get(none, url(requires, "/echo"), &r), FAIL_UPSTREAM);
    assert_fails(get(stranger, url(asks, "/echo"), &r), FAIL_UPSTREAM);
    assert_fails(get(stranger, url(requires, "/echo"), &r), FAIL_UPSTREAM);
    assert_fails(get(misused, url(requires, "/echo"), &r), FAIL_UPSTREAM);
}

static void test_json(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        uint32_t wanted;
        int status;
    } rows[] = {
        { "good", FAIL_NONE, 200 },       { "empty", FAIL_NONE, 204 },   { "html", FAIL_UPSTREAM, 200 },
        { "array", FAIL_UPSTREAM, 200 },  { "double", FAIL_UPSTREAM, 200 }, { "404", FAIL_ABSENT, 404 },
        { "403", FAIL_DENIED, 403 },      { "401", FAIL_DENIED, 401 },   { "400", FAIL_INPUT, 400 },
        { "409", FAIL_INPUT, 409 },       { "503", FAIL_UPSTREAM, 503 }, { "429", FAIL_UPSTREAM, 429 },
    };
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ 0 });

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *j = NULL;
        char rest[64];
        int status = 0;
        snprintf(rest, sizeof(rest), "/document/%s", rows[i].kind);
        struct http_call call = { .method = "GET", .url = url(s, rest) };
        assert_fails(http_send_json(c, &call, &status, &j), rows[i].wanted);
        assert_int_equal(status, rows[i].status);
        assert_int_equal(j != NULL, rows[i].wanted == FAIL_NONE);
    }
}

/* A bare OpenSSL client: what our own would never do. */
struct bare {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static bool bare_connect(struct bare *b, const struct http_server *s, int version, const char *alpn, size_t alpn_len,
                         SSL_SESSION *session)
{
    b->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(b->ctx, version);
    b->fd = wire_connect(http_server_port(s));
    b->ssl = SSL_new(b->ctx);
    SSL_set_fd(b->ssl, b->fd);
    if (alpn)
        SSL_set_alpn_protos(b->ssl, (const unsigned char *)alpn, (unsigned)alpn_len);
    if (session)
        SSL_set_session(b->ssl, session);
    return SSL_connect(b->ssl) == 1;
}

static void bare_close(struct bare *b)
{
    SSL_free(b->ssl);
    SSL_CTX_free(b->ctx);
    close(b->fd);
}

static void test_protocol_versions(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    static const struct {
        int version;
        const char *alpn;
        size_t len;
        bool good;
    } rows[] = {
        { TLS1_3_VERSION, NULL, 0, true },
        { TLS1_2_VERSION, NULL, 0, false },
        { TLS1_1_VERSION, NULL, 0, false },
        { TLS1_3_VERSION, "\x08http/1.1", 9, true },
        { TLS1_3_VERSION, "\x02h2\x08http/1.1", 12, true },
        { TLS1_3_VERSION, "\x02h2", 3, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bare b;
        assert_int_equal(bare_connect(&b, s, rows[i].version, rows[i].alpn, rows[i].len, NULL), rows[i].good);
        bare_close(&b);
    }
}

static void test_sessions_are_not_resumed(void **state) /* L13 */
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    struct bare first, second;
    char answer[4096];

    assert_true(bare_connect(&first, s, TLS1_3_VERSION, NULL, 0, NULL));
    const char request[] = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_true(SSL_write(first.ssl, request, sizeof(request) - 1) > 0);
    assert_true(SSL_read(first.ssl, answer, sizeof(answer)) > 0); /* tickets would have come before */
    SSL_SESSION *session = SSL_get1_session(first.ssl);
    assert_false(SSL_SESSION_is_resumable(session));
    assert_true(bare_connect(&second, s, TLS1_3_VERSION, NULL, 0, session));
    assert_false(SSL_session_reused(second.ssl));
    SSL_SESSION_free(session);
    bare_close(&first);
    bare_close(&second);
}

static void test_handshake_has_a_deadline(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    static const char *const hellos[] = { "", "\x16\x03\x01", "GET / HTTP/1.1\r\n\r\n" };

    for (size_t i = 0; i < 3; i++) {
        struct buf a owned(buf_done) = buf_of(4096);
        int fd = wire_connect(http_server_port(s));
        wire_send(fd, span_str(hellos[i]));
        assert_true(wire_read(fd, &a, (struct span){ 0 }, 3000));
        assert_int_equal(wire_status(&a), 0); /* no answer in the clear */
        close(fd);
    }
}

/* What the client has sent in one TLS record together: nothing may stay behind inside TLS. */
static void test_pipelined_in_one_record(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    struct bare b;
    struct buf request owned(buf_done) = buf_of(64U << 10), answer owned(buf_done) = buf_of(64U << 10);
    char piece[4096];

    for (int i = 0; i < 300; i++)
        buf_addf(&request, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n%s\r\n=%03d",
                 i == 299 ? "Connection: close\r\n" : "", i);
    assert_true(bare_connect(&b, s, TLS1_3_VERSION, NULL, 0, NULL));
    assert_true(SSL_write(b.ssl, request.at, (int)request.len) == (int)request.len);
    buf_done(&answer);
    answer = buf_of(1U << 20);
    for (int n; (n = SSL_read(b.ssl, piece, sizeof(piece))) > 0;)
        buf_add(&answer, span_from(piece, (size_t)n));
    for (int i = 0; i < 300; i++) {
        char wanted[8];
        snprintf(wanted, sizeof(wanted), "=%03d", i);
        assert_true(wire_has(&answer, wanted));
    }
    bare_close(&b);
}

static void test_bad_server_files(void **state)
{
    (void)state;
    SSL_CTX *ctx = NULL;
    struct tls_server_files good = { .certificate = path("server.pem"), .key = path("server.key") }, f;

    f = good;
    f.key = path("client.key");
    assert_fails(tls_server_context(&f, &ctx), FAIL_INPUT); /* another's key */
    f = good;
    f.certificate = path("absent.pem");
    assert_fails(tls_server_context(&f, &ctx), FAIL_INPUT);
    f = good;
    f.client_ca = path("server.key");
    assert_fails(tls_server_context(&f, &ctx), FAIL_INPUT);
    assert_int_equal(chmod(good.key, 0640), 0); /* L49: others could read it */
    assert_true(failed(tls_server_context(&good, &ctx)));
    assert_int_equal(chmod(good.key, 0600), 0);
    assert_ok(tls_server_context(&good, &ctx));
    SSL_CTX_free(ctx);
}

struct load {
    struct http_client *client;
    const char *url;
};

static void *many_calls(void *arg)
{
    const struct load *l = arg;

    for (int i = 0; i < 50; i++) {
        struct http_reply r owned(http_reply_done) = { 0 };
        if (failed(get(l->client, l->url, &r)) || r.status != 200)
            abort();
    }
    return NULL;
}

static void test_one_client_for_many_threads(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ 0 });
    struct load l = { c, strdup(url(s, "/echo")) };
    pthread_t t[8];

    atomic_store(&handled, 0);
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, many_calls, &l);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(atomic_load(&handled), 400);
    free((char *)l.url);
}

/* The server goes away under a kept connection: no signal, and the next call finds the new one. */
static void test_server_restarts(void **state)
{
    (void)state;
    struct http_server *s = serve("server", false, false);
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ 0 });
    struct http_reply r owned(http_reply_done) = { 0 };
    char *u owned(free) = strdup(url(s, "/echo"));
    uint16_t port = http_server_port(s);

    assert_ok(get(c, u, &r));
    http_server_stop(s);
    assert_fails(get(c, u, &r), FAIL_UPSTREAM);
    struct http_server_config config = { .address = "127.0.0.1", .port = port, .routes = routes,
                                         .tls = { .certificate = path("server.pem"), .key = path("server.key") } };
    owned(http_server_stop) struct http_server *again = NULL;
    assert_ok(http_server_start(&config, &again));
    assert_ok(get(c, u, &r));
}

static void test_headers_that_cannot_be_sent(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ 0 });
    struct http_reply r owned(http_reply_done) = { 0 };
    struct http_call call = { .method = "GET", .url = url(s, "/echo"), .bearer = "a\r\nX: y" };

    assert_fails(http_send(c, &call, &r), FAIL_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_answers_of_any_status_are_answers),
        cmocka_unit_test(test_redirects_are_not_followed),
        cmocka_unit_test(test_server_is_verified),
        cmocka_unit_test(test_urls_that_are_refused),
        cmocka_unit_test(test_plain_on_loopback_where_switched_on),
        cmocka_unit_test(test_proxies_of_the_environment_are_ignored),
        cmocka_unit_test(test_limits_of_an_answer),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_protocol_versions),
        cmocka_unit_test(test_sessions_are_not_resumed),
        cmocka_unit_test(test_handshake_has_a_deadline),
        cmocka_unit_test(test_pipelined_in_one_record),
        cmocka_unit_test(test_bad_server_files),
        cmocka_unit_test(test_one_client_for_many_threads),
        cmocka_unit_test(test_server_restarts),
        cmocka_unit_test(test_headers_that_cannot_be_sent),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
