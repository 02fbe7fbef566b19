// SPDX-License-Identifier: Apache-2.0
#include "evidence/tpm_structures.h"

#define MAGIC 0xff544347U /* TPM_GENERATED_VALUE */
#define TYPE_QUOTE 0x8018U
#define SELECT_SIZE_MAX 4
#define NAME_MAX_SIZE 66 /* algorithm and SHA-512 */
#define EXTRA_MAX 64
#define DIGEST_MAX_SIZE 64
#define RSA_BYTES_MAX 512
#define EC_BYTES_MAX 66
#define SAFE_YES 1

#define ALG_RSAES 0x0015U
#define ALG_ECDAA 0x001aU

size_t tpm_hash_size(uint16_t alg)
{
    switch (alg) {
    case TPM_ALG_SHA1:
        return 20;
    case TPM_ALG_SHA256:
        return 32;
    case TPM_ALG_SHA384:
        return 48;
    case TPM_ALG_SHA512:
        return 64;
    default:
        return 0;
    }
}

/* TPM2B of at most `max` bytes. */
static struct span sized_take(struct reader *r, size_t max)
{
    uint16_t len = reader_u16be(r);

    reader_require(r, len <= max);
    return reader_take(r, len);
}

static bool bank_known(const struct tpm_selection *s, uint16_t alg)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->banks[i].alg == alg)
            return true;
    return false;
}

/* Bit n of byte k is PCR 8k + n. */
static uint32_t mask_take(struct reader *r)
{
    uint8_t size = reader_u8(r);
    uint32_t mask = 0;

    reader_require(r, size <= SELECT_SIZE_MAX);
    for (unsigned i = 0; i < size && !r->failed; i++)
        mask |= (uint32_t)reader_u8(r) << (8 * i);
    reader_require(r, mask >> TPM_PCRS == 0);
    return mask;
}

static void selection_take(struct reader *r, struct tpm_selection *out)
{
    uint32_t count = reader_u32be(r);

    reader_require(r, count <= TPM_BANKS_MAX);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        uint16_t alg = reader_u16be(r);
        uint32_t mask = mask_take(r);
        reader_require(r, !bank_known(out, alg));
        out->banks[out->count].alg = alg;
        out->banks[out->count++].mask = mask;
    }
}

fallible tpm_quote_parse(struct span in, struct tpm_quote *out)
{
    struct reader r = reader_of(in);
    struct tpm_quote q = { 0 };

    if (in.len > TPM_ATTEST_MAX)
        return FAIL(INPUT, "TPM attestation structure is larger than 2 KiB");
    uint32_t magic = reader_u32be(&r);
    uint16_t type = reader_u16be(&r);
    TRY(reader_good(&r, "TPM attestation structure is truncated"));
    if (magic != MAGIC)
        return FAIL(INPUT, "the attestation structure was not made inside a TPM (magic)");
    if (type != TYPE_QUOTE)
        return FAIL(INPUT, "the TPM attestation structure is of another type than quote");
    q.signer = sized_take(&r, NAME_MAX_SIZE);
    q.extra = sized_take(&r, EXTRA_MAX);
    q.clock = reader_u64be(&r);
    q.resets = reader_u32be(&r);
    q.restarts = reader_u32be(&r);
    uint8_t safe = reader_u8(&r);
    reader_require(&r, safe <= SAFE_YES);
    q.safe = safe == SAFE_YES;
    q.firmware = reader_u64be(&r);
    selection_take(&r, &q.selection);
    q.pcr_digest = sized_take(&r, DIGEST_MAX_SIZE);
    TRY(reader_end(&r, "TPM quote (TPMS_ATTEST) is malformed"));
    *out = q;
    return OK;
}

fallible tpm_signature_parse(struct span in, struct tpm_signature *out)
{
    struct reader r = reader_of(in);
    struct tpm_signature s = { 0 };

    s.scheme = reader_u16be(&r);
    s.hash = reader_u16be(&r);
    if (s.scheme == TPM_ALG_ECDSA) {
        s.r = sized_take(&r, EC_BYTES_MAX);
        s.s = sized_take(&r, EC_BYTES_MAX);
    } else {
        s.rsa = sized_take(&r, RSA_BYTES_MAX);
    }
    TRY(reader_end(&r, "TPM signature (TPMT_SIGNATURE) is malformed"));
    if (s.scheme != TPM_ALG_ECDSA && s.scheme != TPM_ALG_RSASSA && s.scheme != TPM_ALG_RSAPSS)
        return FAIL(INPUT, "TPM signature scheme is none of RSASSA, RSAPSS and ECDSA");
    *out = s;
    return OK;
}

/* TPMT_SYM_DEF_OBJECT. */
static void symmetric_take(struct reader *r, struct tpm_public *p)
{
    p->symmetric = reader_u16be(r);
    if (p->symmetric == TPM_ALG_NULL || r->failed)
        return;
    p->symmetric_bits = reader_u16be(r);
    p->symmetric_mode = reader_u16be(r);
}

/* TPMT_RSA_SCHEME, TPMT_ECC_SCHEME. */
static void scheme_take(struct reader *r, struct tpm_public *p)
{
    p->scheme = reader_u16be(r);
    if (p->scheme != TPM_ALG_NULL && p->scheme != ALG_RSAES)
        p->scheme_hash = reader_u16be(r);
    if (p->scheme == ALG_ECDAA)
        reader_u16be(r); /* count */
}

static void rsa_take(struct reader *r, struct tpm_public *p)
{
    p->bits = reader_u16be(r);
    p->exponent = reader_u32be(r);
    if (p->exponent == 0)
        p->exponent = 65537;
    p->modulus = sized_take(r, RSA_BYTES_MAX);
}

static void ecc_take(struct reader *r, struct tpm_public *p)
{
    p->curve = reader_u16be(r);
    uint16_t kdf = reader_u16be(r);
    if (kdf != TPM_ALG_NULL)
        reader_u16be(r); /* its hash */
    p->x = sized_take(r, EC_BYTES_MAX);
    p->y = sized_take(r, EC_BYTES_MAX);
}

fallible tpm_public_parse(struct span in, struct tpm_public *out)
{
    struct reader r = reader_of(in);
    struct tpm_public p = { 0 };

    p.type = reader_u16be(&r);
    TRY(reader_good(&r, "TPM public area is truncated"));
    if (p.type != TPM_ALG_RSA && p.type != TPM_ALG_ECC)
        return FAIL(INPUT, "TPM public area is neither of an RSA nor of an ECC key");
    p.name_alg = reader_u16be(&r);
    p.attributes = reader_u32be(&r);
    p.auth_policy = sized_take(&r, DIGEST_MAX_SIZE);
    symmetric_take(&r, &p);
    scheme_take(&r, &p);
    if (p.type == TPM_ALG_RSA)
        rsa_take(&r, &p);
    else
        ecc_take(&r, &p);
    TRY(reader_end(&r, "TPM public area (TPMT_PUBLIC) is malformed"));
    *out = p;
    return OK;
}
