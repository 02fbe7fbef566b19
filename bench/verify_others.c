// SPDX-License-Identifier: Apache-2.0
/*
 * As verify.c, for evidence that is not Intel's: a genuine SEV-SNP report (VCEK, no revocation list
 * in the set) and a TPM's quote over nine registers by an enrolled RSA-2048 key.
 *
 * snp-warm: one P-384 signature by a key that is known. snp-cold: two RSA-4096 signatures of
 * certificates (their keys stand ready), the VCEK's key set up, and that one. tpm-warm, tpm-cold:
 * one RSA-2048 signature, its key set up from modulus and exponent; cold has a new verifier, which
 * reads the list of enrolled keys.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "verify/tpm_case.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <time.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/x509.h"

#define ROUNDS 101
#define WARM_UP 6
#define BATCH 8
#define TPM_NOW 1795000000
#define SNP_SET "/snp/genoa-vcek-v5-6d1ceffa"
#define SNP_NOW 1757179301
#define SNP_SIGNED 672
#define P384 48

struct bench {
    struct verifier *verifier;
    struct collateral_dir dir;
    struct collateral_set *collateral;
    struct buf evidence, enrolled;
    X509 *leaf, *middle, *root; /* SNP */
    struct buf point;           /* of the VCEK's key */
    EC_KEY *known;
    uint8_t hash[64];
    ECDSA_SIG *signature;
    struct tpm_case tpm;
    struct buf n, e;
    struct span tpm_signature;
};

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void judge(struct verifier *v, const struct bench *b, const struct collateral_set *c,
                  int64_t at)
{
    struct verify_result *r = NULL;

    assert_ok(verify_evidence(v, buf_span(&b->evidence), c, at, (struct span){ 0 }, &r));
    if (!verify_result_verified(r))
        fail_msg("refused: %s", verify_result_reason(r));
    verify_result_free(r);
}

static EC_KEY *p384_key(const struct bench *b)
{
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_secp384r1);
    assert_true(key && EC_KEY_oct2key(key, b->point.at, b->point.len, NULL) == 1);
    return key;
}

static void p384_verify(EC_KEY *key, const struct bench *b)
{
    assert_int_equal(ECDSA_do_verify(b->hash, P384, b->signature, key), 1);
}

static void snp_warm(struct bench *b, struct verifier *fresh)
{
    (void)fresh;
    judge(b->verifier, b, b->collateral, SNP_NOW);
}

static void snp_warm_bare(struct bench *b)
{
    p384_verify(b->known, b);
}

static void snp_cold(struct bench *b, struct verifier *fresh)
{
    struct collateral_set *c = NULL;
    struct collateral_raw raw = collateral_dir_raw(&b->dir);

    assert_ok(collateral_set_load(fresh, &raw, &c));
    judge(fresh, b, c, SNP_NOW);
    collateral_set_free(c);
}

static void snp_cold_bare(struct bench *b)
{
    EC_KEY *key = p384_key(b);

    assert_int_equal(X509_verify(b->middle, X509_get0_pubkey(b->root)), 1);
    assert_int_equal(X509_verify(b->leaf, X509_get0_pubkey(b->middle)), 1);
    p384_verify(key, b);
    EC_KEY_free(key);
}

static void tpm_warm(struct bench *b, struct verifier *fresh)
{
    (void)fresh;
    judge(b->verifier, b, NULL, TPM_NOW);
}

static void tpm_cold(struct bench *b, struct verifier *fresh)
{
    assert_ok(verifier_trust_tpms(fresh, NULL, 0, buf_span(&b->enrolled)));
    judge(fresh, b, NULL, TPM_NOW);
}

static void tpm_bare(struct bench *b)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(b->n.at, (int)b->n.len, NULL),
           *e = BN_bin2bn(b->e.at, (int)b->e.len, NULL);
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;

    assert_true(OSSL_PARAM_BLD_push_BN(build, "n", n) == 1 &&
                OSSL_PARAM_BLD_push_BN(build, "e", e) == 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    assert_true(EVP_PKEY_fromdata_init(make) == 1 &&
                EVP_PKEY_fromdata(make, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    assert_true(EVP_PKEY_verify_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1);
    assert_int_equal(EVP_PKEY_verify(ctx, b->tpm_signature.at, b->tpm_signature.len, b->hash, 32),
                     1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(make);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
}

static X509 *x509_of(const struct cert *c)
{
    const unsigned char *at = cert_der(c).at;
    X509 *made = d2i_X509(NULL, &at, (long)cert_der(c).len);
    assert_non_null(made);
    return made;
}

/* r and s lie in the report little-endian, 72 bytes each. */
static BIGNUM *number_of(const struct bench *b, size_t at)
{
    return BN_lebin2bn(b->evidence.at + at, 72, NULL);
}

static void snp_open(struct bench *b)
{
    struct chain chain = { 0 };
    struct cert *leaf = NULL;
    const char *folder = VECTORS SNP_SET;

    b->evidence = buf_of(1U << 16);
    assert_ok(file_read(VECTORS SNP_SET "/report.bin", &b->evidence));
    assert_ok(collateral_dir_load(folder, &b->dir));
    struct collateral_raw raw = collateral_dir_raw(&b->dir);
    assert_ok(verifier_new(NULL, 0, &b->verifier));
    assert_ok(collateral_set_load(b->verifier, &raw, &b->collateral));
    assert_ok(cert_from_der(raw.vcek, &leaf));
    assert_ok(chain_from_pem(raw.snp_chain, &chain));
    b->leaf = x509_of(leaf);
    b->middle = x509_of(chain.certs[0]);
    b->root = x509_of(chain.certs[1]);
    b->point = buf_of(2 * P384 + 1);
    assert_ok(key_to_point(cert_key(leaf), &b->point));
    b->known = p384_key(b);
    assert_ok(digest_of(DIGEST_SHA384, span_from(b->evidence.at, SNP_SIGNED), b->hash));
    b->signature = ECDSA_SIG_new();
    assert_int_equal(
        ECDSA_SIG_set0(b->signature, number_of(b, SNP_SIGNED), number_of(b, SNP_SIGNED + 72)), 1);
    cert_free(leaf);
    chain_done(&chain);
}

static void tpm_open(struct bench *b)
{
    char name[2 * 66 + 1];

    tpm_case_init(&b->tpm, KEY_RSA);
    tpm_case_make(&b->tpm);
    tpm_case_name(&b->tpm, name);
    b->enrolled = buf_of(1024);
    buf_addf(&b->enrolled, "{\"version\":1,\"keys\":[{\"name\":\"%s\",\"by\":\"operator\"}]}",
             name);
    b->evidence = buf_of(1U << 20);
    buf_add(&b->evidence, buf_span(&b->tpm.evidence));
    assert_ok(verifier_new(NULL, 0, &b->verifier));
    assert_ok(verifier_trust_tpms(b->verifier, NULL, 0, buf_span(&b->enrolled)));
    b->n = buf_of(512);
    b->e = buf_of(8);
    assert_ok(key_rsa_public(b->tpm.key, &b->n, &b->e));
    assert_ok(sha256(buf_span(&b->tpm.quote), b->hash));
    b->tpm_signature = span_tail(buf_span(&b->tpm.signature), 6); /* scheme, hash, size */
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct row {
    const char *name, *against;
    void (*open)(struct bench *b);
    void (*ours)(struct bench *b, struct verifier *fresh);
    void (*bare)(struct bench *b);
};

static void batch(const struct row *row, struct bench *b, double *ours, double *bare)
{
    struct verifier *fresh[BATCH];

    for (size_t i = 0; i < BATCH; i++)
        assert_ok(verifier_new(NULL, 0, &fresh[i]));
    double start = cpu_us();
    for (size_t i = 0; i < BATCH; i++)
        row->ours(b, fresh[i]);
    double middle = cpu_us();
    for (size_t i = 0; i < BATCH; i++)
        row->bare(b);
    *bare = (cpu_us() - middle) / BATCH;
    *ours = (middle - start) / BATCH;
    for (size_t i = 0; i < BATCH; i++)
        verifier_free(fresh[i]);
}

static void measure(const struct row *row)
{
    static struct bench b;
    double ours[ROUNDS], bare[ROUNDS], first[2];

    b = (struct bench){ 0 };
    row->open(&b);
    for (size_t i = 0; i < WARM_UP; i++)
        batch(row, &b, &first[0], &first[1]);
    for (size_t i = 0; i < ROUNDS; i++)
        batch(row, &b, &ours[i], &bare[i]);
    qsort(ours, ROUNDS, sizeof(*ours), order);
    qsort(bare, ROUNDS, sizeof(*bare), order);
    double mine = ours[ROUNDS / 2], other = bare[ROUNDS / 2];
    printf(
        "{\"bench\":\"verify\",\"case\":\"%s\",\"value\":%.0f,\"unit\":\"quotes/s\",\"ratio\":%.3f,"
        "\"against\":\"%s\",\"us\":%.1f,\"bare_us\":%.1f}\n",
        row->name, 1e6 / mine, mine / other, row->against, mine, other);
    fflush(stdout);
}

int main(void)
{
    static const struct row rows[] = {
        { "snp-warm", "openssl-ecdsa-p384-verify", snp_open, snp_warm, snp_warm_bare },
        { "snp-cold", "openssl-rsa4096-pss-and-p384-verify", snp_open, snp_cold, snp_cold_bare },
        { "tpm-warm", "openssl-rsa2048-verify", tpm_open, tpm_warm, tpm_bare },
        { "tpm-cold", "openssl-rsa2048-verify", tpm_open, tpm_cold, tpm_bare },
    };

    assert_ok(crypto_start(CRYPTO_MEMORY_PLAIN));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        measure(&rows[i]);
    return 0;
}
