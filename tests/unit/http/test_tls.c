// SPDX-License-Identifier: Apache-2.0
/* The server over TLS, against a bare OpenSSL client. */
#include <openssl/ssl.h>

#include "fixture.h"

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

/* The chain without its root, which a client has or does not trust. */
static void test_roots_are_not_sent(void **state)
{
    (void)state;
    struct buf chain owned(buf_done) = buf_of(64U << 10);
    struct tls_server_files f = { .certificate = path("chain.pem"), .key = path("server.key") };
    STACK_OF(X509) *sent = NULL;
    SSL_CTX *ctx = NULL;

    assert_ok(file_read(path("server.pem"), &chain));
    assert_ok(file_read(path("server.pem"), &chain)); /* stands for an intermediate */
    assert_ok(file_read(path("ca.pem"), &chain));
    assert_ok(file_write(f.certificate, buf_span(&chain), 0600));
    assert_ok(tls_server_context(&f, &ctx));
    assert_int_equal(SSL_CTX_get0_chain_certs(ctx, &sent), 1);
    assert_int_equal(sk_X509_num(sent), 1);
    SSL_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocol_versions),
        cmocka_unit_test(test_sessions_are_not_resumed),
        cmocka_unit_test(test_handshake_has_a_deadline),
        cmocka_unit_test(test_pipelined_in_one_record),
        cmocka_unit_test(test_bad_server_files),
        cmocka_unit_test(test_roots_are_not_sent),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
