// SPDX-License-Identifier: Apache-2.0
/* A file of revocation lists in front of a client and of a server. */
#include "http/crl_watch.h"

#include "crypto/crl.h"
#include "fixture.h"

#define PATIENCE_US 8000000

static void write_list(const char *revoked, int64_t next)
{
    struct buf pem owned(buf_done) = buf_of(64U << 10), leaf owned(buf_done) = buf_of(64U << 10);
    struct chain ca owned(chain_done) = { 0 }, c owned(chain_done) = { 0 };
    struct key *key owned(key_free) = NULL;
    struct crl *list owned(crl_free) = NULL;
    static uint64_t number;

    assert_ok(file_read(path("ca.pem"), &pem));
    assert_ok(chain_from_pem(buf_span(&pem), &ca));
    assert_ok(key_load(path("ca.key"), &key));
    if (revoked) {
        assert_ok(file_read(path(revoked), &leaf));
        assert_ok(chain_from_pem(buf_span(&leaf), &c));
    }
    struct span serial = revoked ? cert_serial(c.certs[0]) : (struct span){ 0 };
    assert_ok(crl_issue(ca.certs[0], key, &serial, revoked ? 1 : 0, clock_now() - 3600, next, ++number, &list));
    assert_ok(file_write(path("crl.der"), crl_der(list), 0644));
}

static struct crl_watch *watch(int64_t grace)
{
    struct crl_watch *w = NULL;
    const struct crl_watch_config config = { .file = path("crl.der"), .grace_seconds = grace };

    assert_ok(crl_watch_open(&config, &w));
    return w;
}

static bool reaches(struct http_client *c, const struct http_server *s)
{
    struct http_reply r owned(http_reply_done) = { 0 };
    return !failed(get(c, url(s, "/echo"), &r)) && r.status == 200;
}

/* A new file counts within a second or so. */
static void becomes(struct http_client *c, const struct http_server *s, bool wanted)
{
    int64_t until = clock_monotonic_us() + PATIENCE_US;

    while (reaches(c, s) != wanted) {
        assert_true(clock_monotonic_us() < until);
        usleep(50000);
    }
}

static void test_a_client_refuses_servers(void **state)
{
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    owned(crl_watch_close) struct crl_watch *w = watch(0), *patient = watch(60);

    (void)state;
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ .crl = w });
    owned(http_client_free) struct http_client *p = client_with((struct http_client_config){ .crl = patient });
    assert_false(reaches(c, s)); /* no list at all */
    write_list(NULL, clock_now() + 600);
    becomes(c, s, true);
    write_list("server.pem", clock_now() + 600); /* the open connection ends */
    becomes(c, s, false);
    write_list(NULL, clock_now() - 5);
    becomes(p, s, true); /* within the grace */
    for (int64_t until = clock_monotonic_us() + PATIENCE_US; !crl_watch_look(w).stale;)
        assert_true(clock_monotonic_us() < until);
    assert_false(reaches(c, s));
    write_list(NULL, clock_now() + 2); /* it grows old while it lies there */
    becomes(c, s, true);
    becomes(c, s, false);
    assert_ok(file_write(path("crl.der"), SPAN("garbage"), 0644)); /* changes nothing but the word on it */
    becomes(p, s, true);
    assert_false(crl_watch_look(patient).readable);
    write_list("client.pem", clock_now() + 600);
    becomes(c, s, true);
}

static void test_a_server_refuses_clients(void **state)
{
    owned(crl_watch_close) struct crl_watch *w = watch(0);
    owned(http_server_stop) struct http_server *s = NULL;
    char cert[128], key[128], ca[128];

    (void)state;
    write_list(NULL, clock_now() + 600);
    strcpy(cert, path("server.pem"));
    strcpy(key, path("server.key"));
    strcpy(ca, path("ca.pem"));
    struct http_server_config config = { .address = "127.0.0.1",
                                         .routes = routes,
                                         .tls = { .certificate = cert, .key = key, .client_ca = ca, .crl = w } };
    assert_ok(http_server_start(&config, &s));
    owned(http_client_free) struct http_client *c =
        client_with((struct http_client_config){ .certificate = path("client.pem"), .key = path("client.key") });
    owned(http_client_free) struct http_client *none = client_with((struct http_client_config){ 0 });
    becomes(c, s, true);
    write_list("client.pem", clock_now() + 600);
    becomes(c, s, false);
    assert_true(reaches(none, s)); /* who shows none is not refused */
}

/* A renewed certificate is the next connection's; half a renewal changes nothing. */
static void test_a_server_follows_its_files(void **state)
{
    owned(http_server_stop) struct http_server *s = serve("server", false, false);
    owned(http_client_free) struct http_client *c = client_with((struct http_client_config){ 0 });
    struct buf key owned(buf_done) = buf_of(8192), pem owned(buf_done) = buf_of(64U << 10);
    struct http_call fresh = { .method = "GET", .url = url(s, "/echo"), .fresh = true };
    int64_t until = clock_monotonic_us() + PATIENCE_US;

    (void)state;
    struct tls_state before = http_server_tls(s);
    assert_true(before.not_after > clock_now() && !before.trouble);
    assert_ok(file_read(path("elsewhere.key"), &key));
    assert_ok(file_read(path("elsewhere.pem"), &pem));
    assert_ok(file_write(path("server.key"), buf_span(&key), 0600));
    while (!http_server_tls(s).trouble)
        assert_true(clock_monotonic_us() < until);
    struct http_reply r owned(http_reply_done) = { 0 };
    assert_ok(http_send(c, &fresh, &r)); /* with the old pair */
    assert_ok(file_write(path("server.pem"), buf_span(&pem), 0644));
    while (!failed(http_send(c, &fresh, &r))) /* the new one is not for this name */
        assert_true(clock_monotonic_us() < until);
    assert_null(http_server_tls(s).trouble);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_refuses_servers),
        cmocka_unit_test(test_a_server_refuses_clients),
        cmocka_unit_test(test_a_server_follows_its_files),
    };

    return failed(crypto_start(CRYPTO_MEMORY_PLAIN)) ? 1 : cmocka_run_group_tests(tests, make_files, remove_files);
}
