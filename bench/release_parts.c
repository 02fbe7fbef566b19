// SPDX-License-Identifier: Apache-2.0
/*
 * The raw parts of a key release on this machine, each by OpenSSL alone but for the wrap: a TLS 1.3
 * handshake (both sides, in memory), a P-256 verification and signature, a key of the usual size
 * wrapped to a client. Prints one JSON object: microseconds of processor time each, the median.
 */
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <time.h>

#include "base/options.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"
#include "turns.h"

#define NAME "release_parts"
#define ROUNDS 300
#define WARM 20
#define KEY_SIZE 1794 /* PKCS#8 of an RSA key of 3072 bits */
#define JWE_MAX (16U << 10)

struct parts {
    SSL_CTX *server, *client;
    EVP_PKEY *key;
    uint8_t message[32], signature[80];
    size_t signature_len;
    struct key *recipient;
    struct secret *plain;
    double server_us; /* of the last handshake */
};

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s\n", NAME, what);
    exit(1);
}

static void handshake(struct parts *p)
{
    SSL *server = SSL_new(p->server), *client = SSL_new(p->client);
    BIO *a = NULL, *b = NULL;
    bool done = false;

    need(server && client && BIO_new_bio_pair(&a, 0, &b, 0) == 1, "TLS");
    SSL_set_bio(server, a, a);
    SSL_set_bio(client, b, b);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    p->server_us = 0;
    for (int i = 0; i < 10 && !done; i++) {
        int theirs = SSL_do_handshake(client);
        double since = cpu_us();
        int ours = SSL_do_handshake(server);
        p->server_us += cpu_us() - since;
        done = theirs == 1 && ours == 1;
    }
    need(done, "the handshake does not end");
    SSL_free(server);
    SSL_free(client);
}

static void sign(struct parts *p)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    p->signature_len = sizeof p->signature;
    need(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, p->key) == 1 &&
             EVP_DigestSign(ctx, p->signature, &p->signature_len, p->message, sizeof p->message) ==
                 1,
         "sign");
    EVP_MD_CTX_free(ctx);
}

static void verify(struct parts *p)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    need(ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, p->key) == 1 &&
             EVP_DigestVerify(ctx, p->signature, p->signature_len, p->message, sizeof p->message) ==
                 1,
         "verify");
    EVP_MD_CTX_free(ctx);
}

static void wrap(struct parts *p)
{
    struct buf jwe owned(buf_done) = buf_of(JWE_MAX);

    must(jwe_seal(p->recipient, NULL, p->plain, &jwe), NAME, "wrap");
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(void (*part)(struct parts *), struct parts *p, double *server_us)
{
    static double took[ROUNDS], server[ROUNDS];

    for (int i = -WARM; i < ROUNDS; i++) {
        double since = cpu_us();
        part(p);
        if (i >= 0) {
            took[i] = cpu_us() - since;
            server[i] = p->server_us;
        }
    }
    qsort(took, ROUNDS, sizeof *took, order);
    qsort(server, ROUNDS, sizeof *server, order);
    if (server_us)
        *server_us = server[ROUNDS / 2];
    return took[ROUNDS / 2];
}

static void set_up(struct parts *p, const char *certificate, const char *key, const char *ca)
{
    p->server = SSL_CTX_new(TLS_server_method());
    p->client = SSL_CTX_new(TLS_client_method());
    need(p->server && p->client, "TLS");
    need(SSL_CTX_use_certificate_chain_file(p->server, certificate) == 1 &&
             SSL_CTX_use_PrivateKey_file(p->server, key, SSL_FILETYPE_PEM) == 1,
         certificate);
    need(SSL_CTX_load_verify_file(p->client, ca) == 1, ca);
    SSL_CTX_set_verify(p->client, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_num_tickets(p->server, 0);
    p->key = EVP_EC_gen("P-256");
    need(p->key, "no key");
    must(key_make_ec(KEY_P256, &p->recipient), NAME, "a recipient");
    p->plain = secret_new(KEY_SIZE);
    need(p->plain, "no memory");
    sign(p);
}

int main(int argc, char **argv)
{
    static struct parts p;
    const char *certificate = NULL, *key = NULL, *ca = NULL;
    const struct option_row rows[] = {
        { "certificate", 0, OPTION_TEXT, "FILE", "the server's", &certificate },
        { "key", 0, OPTION_TEXT, "FILE", "its key", &key },
        { "ca", 0, OPTION_TEXT, "FILE", "that the client trusts", &ca },
        { 0 },
    };
    const struct command_help help = { NAME, "", "the raw parts of a key release", NULL };
    int rest;
    double server_us;

    enum options_result r = options_parse(argc, argv, rows, &help, &rest);
    if (r != OPTIONS_GO)
        return r == OPTIONS_DONE ? 0 : 2;
    need(certificate && key && ca, "all of --certificate, --key and --ca");
    must(crypto_start(CRYPTO_MEMORY_PLAIN), NAME, "crypto");
    json_start();
    set_up(&p, certificate, key, ca);
    double both_us = median_of(handshake, &p, &server_us);
    double verify_us = median_of(verify, &p, NULL), sign_us = median_of(sign, &p, NULL);
    printf("{\"tls_handshake_us\":%.1f,\"tls_handshake_server_us\":%.1f,\"verify_us\":%.1f,"
           "\"sign_us\":%.1f,\"wrap_us\":%.1f}\n",
           both_us, server_us, verify_us, sign_us, median_of(wrap, &p, NULL));
    secret_free(p.plain);
    key_free(p.recipient);
    EVP_PKEY_free(p.key);
    SSL_CTX_free(p.server);
    SSL_CTX_free(p.client);
    return 0;
}
