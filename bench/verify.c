// SPDX-License-Identifier: Apache-2.0
/*
 * Quotes verified per second on one core, against the bare ECDSA verifications that they need.
 *
 * Warm: the platform's PCK certificate and quoting enclave are known and the collateral is parsed;
 * what is left is one signature, the quote's. Cold: everything anew, nine signatures. Every quote
 * has its own report data. The other side is OpenSSL's cheapest way to verify, with the set-up of
 * each key from its point, over hashes that are already made. Both sides take turns in short
 * batches; times are CPU times, their medians are compared.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "evidence/quote.h"
#include "teesim/forge.h"
#include "verify/verify.h"

#define QUOTES 256
#define WARM_BATCH 16
#define COLD_BATCH 4
#define ROUNDS 121
#define WARM_UP 8
#define NOW 1795000000

static void must(struct err e, const char *what)
{
    if (!failed(e))
        return;
    fprintf(stderr, "bench/verify: %s: %s\n", what, e.what);
    exit(1);
}

/* One signature for the bare side: point of the key, hash, r || s. */
struct bare {
    uint8_t point[P256_POINT_SIZE], hash[SHA256_SIZE], signature[64];
};

struct workload {
    struct forge_pki pki;
    struct forge_knobs knobs;
    struct forge_set set; /* one quote, and the collateral of all */
    struct buf quotes[QUOTES];
    struct bare report[QUOTES], quote[QUOTES];
    struct verifier *verifier;
    struct collateral_set *collateral;
};

static struct collateral_raw raw_of(const struct forge_set *s)
{
    return (struct collateral_raw){
        .tcb_info = buf_span(&s->tcb_info),
        .qe_identity = buf_span(&s->qe_identity),
        .tcb_signing_chain = buf_span(&s->tcb_signing_chain),
        .pck_crl = buf_span(&s->pck_crl),
        .pck_crl_issuer_chain = buf_span(&s->pck_crl_issuer_chain),
        .root_ca_crl = buf_span(&s->root_ca_crl),
    };
}

static void bare_of(struct span point, struct span message, struct span signature, struct bare *out)
{
    memcpy(out->point, point.at, point.len);
    must(sha256(message, out->hash), "hash");
    memcpy(out->signature, signature.at, sizeof(out->signature));
}

static void quote_make(struct workload *w, size_t i, struct span tail)
{
    uint8_t report_data[FORGE_REPORT_DATA_SIZE];
    struct buf pck owned(buf_done) = buf_of(P256_POINT_SIZE + 1),
                   attestation owned(buf_done) = buf_of(P256_POINT_SIZE + 1);
    struct quote q;

    must(random_fill(report_data, sizeof(report_data)), "report data");
    forge_quote_set_report_data(&w->knobs.quote, report_data);
    w->quotes[i] = buf_of(FORGE_QUOTE_MAX);
    must(forge_quote_finish(&w->knobs.quote, tail, &w->quotes[i]), "quote");
    must(quote_parse(buf_span(&w->quotes[i]), &q), "quote");
    must(key_to_point(w->pki.pck, &pck), "key");
    must(key_to_point(w->pki.attestation, &attestation), "key");
    bare_of(buf_span(&pck), q.qe_report, q.qe_report_signature, &w->report[i]);
    bare_of(buf_span(&attestation), q.signed_bytes, q.signature, &w->quote[i]);
}

static void workload_make(enum forge_tee tee, struct workload *w)
{
    struct buf tail owned(buf_done) = buf_of(FORGE_QUOTE_MAX),
                    pem owned(buf_done) = buf_of(FORGE_QUOTE_MAX);

    must(forge_pki_open(NULL, &w->pki), "PKI");
    must(forge_defaults(&w->pki, tee, NOW, &w->knobs), "platform");
    forge_set_init(&w->set);
    must(forge_make(&w->knobs, &w->set), "collateral");
    must(forge_make_pck_chain(&w->knobs, &pem), "chain");
    w->knobs.quote.cert_data = buf_span(&pem);
    must(forge_quote_tail(&w->knobs.quote, &tail), "quote");
    for (size_t i = 0; i < QUOTES; i++)
        quote_make(w, i, buf_span(&tail));
    struct span root = buf_span(&w->pki.root.der);
    struct collateral_raw raw = raw_of(&w->set);
    must(verifier_new(&root, 1, &w->verifier), "verifier");
    must(collateral_set_load(w->verifier, &raw, &w->collateral), "collateral");
}

static void workload_done(struct workload *w)
{
    collateral_set_free(w->collateral);
    verifier_free(w->verifier);
    forge_set_done(&w->set);
    for (size_t i = 0; i < QUOTES; i++)
        buf_done(&w->quotes[i]);
    forge_pki_done(&w->pki);
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static EC_KEY *key_set_up(const EC_GROUP *group, const struct bare *b)
{
    EC_KEY *key = EC_KEY_new();
    EC_POINT *point = EC_POINT_new(group);
    if (!key || !point || EC_KEY_set_group(key, group) != 1 ||
        EC_POINT_oct2point(group, point, b->point, sizeof(b->point), NULL) != 1 ||
        EC_KEY_set_public_key(key, point) != 1)
        abort();
    EC_POINT_free(point);
    return key;
}

static void bare_verify(EC_KEY *key, const struct bare *b)
{
    ECDSA_SIG *s = ECDSA_SIG_new();
    if (!s ||
        ECDSA_SIG_set0(s, BN_bin2bn(b->signature, 32, NULL),
                       BN_bin2bn(b->signature + 32, 32, NULL)) != 1 ||
        ECDSA_do_verify(b->hash, sizeof(b->hash), s, key) != 1)
        abort();
    ECDSA_SIG_free(s);
}

/* Warm: one signature, by an attestation key that comes as a point. */
static void bare_warm(const EC_GROUP *group, const struct workload *w, size_t i)
{
    EC_KEY *attestation = key_set_up(group, &w->quote[i]);
    bare_verify(attestation, &w->quote[i]);
    EC_KEY_free(attestation);
}

/* Cold: nine signatures by five keys (root, CA, TCB signer, PCK, attestation). */
static void bare_cold(const EC_GROUP *group, const struct workload *w, size_t i)
{
    static const unsigned signatures_of_key[] = { 3, 2, 2, 1, 1 };

    for (size_t k = 0; k < 5; k++) {
        const struct bare *b = k == 4 ? &w->quote[i] : &w->report[i];
        EC_KEY *key = key_set_up(group, b);
        for (unsigned n = 0; n < signatures_of_key[k]; n++)
            bare_verify(key, b);
        EC_KEY_free(key);
    }
}

static void judge(struct verifier *v, const struct collateral_set *c, struct span quote)
{
    struct verify_result *r = NULL;
    must(verify_evidence(v, quote, c, NOW, (struct span){ 0 }, &r), "verify");
    if (!verify_result_verified(r)) {
        fprintf(stderr, "bench/verify: refused: %s\n", verify_result_reason(r));
        exit(1);
    }
    verify_result_free(r);
}

/* `v` knows no platform yet. */
static void ours_cold(const struct workload *w, struct verifier *v, size_t i)
{
    struct collateral_set *c = NULL;
    struct collateral_raw raw = raw_of(&w->set);

    must(collateral_set_load(v, &raw, &c), "collateral");
    judge(v, c, buf_span(&w->quotes[i]));
    collateral_set_free(c);
}

/* Trusted roots are read when a program starts, not for each quote. */
static void verifiers_make(const struct workload *w, struct verifier *out[COLD_BATCH])
{
    struct span root = buf_span(&w->pki.root.der);
    for (size_t i = 0; i < COLD_BATCH; i++)
        must(verifier_new(&root, 1, &out[i]), "verifier");
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *at, size_t count)
{
    qsort(at, count, sizeof(*at), order);
    return at[count / 2];
}

static void report(const char *name, double ours, double bare)
{
    printf(
        "{\"bench\":\"verify\",\"case\":\"%s\",\"value\":%.0f,\"unit\":\"quotes/s\",\"ratio\":%.3f,"
        "\"against\":\"openssl-ecdsa-p256-verify\",\"us\":%.1f,\"bare_us\":%.1f}\n",
        name, 1e6 / ours, ours / bare, ours, bare);
    fflush(stdout);
}

/* A batch of each side; CPU time of one quote. */
static void batch_cold(const struct workload *w, const EC_GROUP *group, size_t next, double *ours,
                       double *bare)
{
    struct verifier *fresh[COLD_BATCH];

    verifiers_make(w, fresh);
    double start = cpu_us();
    for (size_t i = 0; i < COLD_BATCH; i++)
        ours_cold(w, fresh[i], (next + i) % QUOTES);
    double middle = cpu_us();
    for (size_t i = 0; i < COLD_BATCH; i++)
        bare_cold(group, w, (next + i) % QUOTES);
    *bare = (cpu_us() - middle) / COLD_BATCH;
    *ours = (middle - start) / COLD_BATCH;
    for (size_t i = 0; i < COLD_BATCH; i++)
        verifier_free(fresh[i]);
}

static void batch_warm(const struct workload *w, const EC_GROUP *group, size_t next, double *ours,
                       double *bare)
{
    double start = cpu_us();
    for (size_t i = 0; i < WARM_BATCH; i++)
        judge(w->verifier, w->collateral, buf_span(&w->quotes[(next + i) % QUOTES]));
    double middle = cpu_us();
    for (size_t i = 0; i < WARM_BATCH; i++)
        bare_warm(group, w, (next + i) % QUOTES);
    *bare = (cpu_us() - middle) / WARM_BATCH;
    *ours = (middle - start) / WARM_BATCH;
}

static void measure(const char *name, const struct workload *w, bool cold)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    double ours[ROUNDS], bare[ROUNDS], first[2];

    for (size_t round = 0; round < WARM_UP + ROUNDS; round++) {
        bool counted = round >= WARM_UP;
        double *o = counted ? &ours[round - WARM_UP] : &first[0],
               *b = counted ? &bare[round - WARM_UP] : &first[1];
        if (cold)
            batch_cold(w, group, round * COLD_BATCH, o, b);
        else
            batch_warm(w, group, round * WARM_BATCH, o, b);
    }
    EC_GROUP_free(group);
    report(name, median(ours, ROUNDS), median(bare, ROUNDS));
}

int main(void)
{
    static const struct {
        enum forge_tee tee;
        const char *warm, *cold;
    } rows[] = { { FORGE_SGX3, "sgx3-warm", "sgx3-cold" },
                 { FORGE_TDX4, "tdx4-warm", "tdx4-cold" } };

    must(crypto_start(CRYPTO_MEMORY_PLAIN), "crypto");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct workload *w = calloc(1, sizeof(*w));
        if (!w)
            return 1;
        workload_make(rows[i].tee, w);
        measure(rows[i].warm, w, false);
        measure(rows[i].cold, w, true);
        workload_done(w);
        free(w);
    }
    return 0;
}
