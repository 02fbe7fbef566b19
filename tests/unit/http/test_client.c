// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <pthread.h>

#include "crypto/digest.h"
#include "fixture.h"

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

/* The one certificate and no other: also not one that its own CA vouches for. */
static void test_a_server_known_by_its_certificate(void **state)
{
    (void)state;
    owned(http_server_stop) struct http_server *s = serve("server", false, false), *e = serve("elsewhere", false, false);
    struct chain chain owned(chain_done) = { 0 };
    struct buf pem owned(buf_done) = buf_of(64U << 10);
    struct http_reply r owned(http_reply_done) = { 0 };
    uint8_t digest[SHA384_SIZE];

    assert_ok(file_read(path("server.pem"), &pem));
    assert_ok(chain_from_pem(buf_span(&pem), &chain));
    assert_ok(digest_of(DIGEST_SHA384, cert_der(chain.certs[0]), digest));
    owned(http_client_free) struct http_client *c = NULL;
    assert_ok(http_client_new(&(struct http_client_config){ .server_sha384 = digest }, &c));
    assert_ok(get(c, url(s, "/echo"), &r));
    assert_int_equal(r.status, 200);
    assert_fails(get(c, url(e, "/echo"), &r), FAIL_UPSTREAM);
    digest[47] ^= 1;
    owned(http_client_free) struct http_client *other = client_with((struct http_client_config){ .server_sha384 = digest });
    assert_fails(get(other, url(s, "/echo"), &r), FAIL_UPSTREAM);
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

/* What the client has sent in one TLS record together: nothing may stay behind inside TLS. */
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
        cmocka_unit_test(test_a_server_known_by_its_certificate),
        cmocka_unit_test(test_urls_that_are_refused),
        cmocka_unit_test(test_plain_on_loopback_where_switched_on),
        cmocka_unit_test(test_proxies_of_the_environment_are_ignored),
        cmocka_unit_test(test_limits_of_an_answer),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_one_client_for_many_threads),
        cmocka_unit_test(test_server_restarts),
        cmocka_unit_test(test_headers_that_cannot_be_sent),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
