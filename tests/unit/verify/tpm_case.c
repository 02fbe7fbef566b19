// SPDX-License-Identifier: Apache-2.0
#include "tpm_case.h"

#include "base/hex.h"
#include "base/writer.h"
#include "verify/event_replay.h"

#define PART_MAX (256U << 10)
#define VALUE(n) (n)

const uint8_t tpm_case_report_data[64] = { 0x5a, 0x5a, 0x5a };

static enum digest_kind hash_kind(uint16_t alg)
{
    bool known;
    enum digest_kind kind = digest_of_tpm(alg, &known);

    assert_true(known);
    return kind;
}

void tpm_case_select(struct tpm_case *c, uint16_t alg, uint32_t mask)
{
    c->selection.banks[c->selection.count].alg = alg;
    c->selection.banks[c->selection.count++].mask = mask;
}

void tpm_case_values(struct tpm_case *c, const uint8_t (*registers)[DIGEST_MAX])
{
    buf_clear(&c->values);
    for (size_t i = 0; i < c->selection.count; i++)
        for (unsigned n = 0; n < TPM_PCRS; n++)
            if (c->selection.banks[i].mask & 1U << n)
                buf_add(&c->values, span_from(registers[n], tpm_hash_size(c->selection.banks[i].alg)));
}

void tpm_case_init(struct tpm_case *c, enum key_kind kind)
{
    uint8_t hash[SHA256_SIZE], registers[TPM_PCRS][DIGEST_MAX];
    bool rsa = kind == KEY_RSA;

    *c = (struct tpm_case){ .magic = 0xff544347, .type = 0x8018, .attributes = TPM_AK_ATTRIBUTES, .name_alg = TPM_ALG_SHA256 };
    struct buf *bufs[] = { &c->extra,   &c->values,  &c->digested, &c->certificate, &c->event_log,
                           &c->ima_log, &c->ak,      &c->quote,    &c->signature,   &c->evidence };
    for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
        *bufs[i] = buf_of(PART_MAX);
    if (rsa)
        assert_ok(key_make_rsa(2048, &c->key));
    else
        assert_ok(key_make_ec(kind, &c->key));
    c->scheme = c->sign_scheme = rsa ? TPM_ALG_RSASSA : TPM_ALG_ECDSA;
    c->scheme_hash = c->sign_hash = kind == KEY_P384 ? TPM_ALG_SHA384 : TPM_ALG_SHA256;
    assert_ok(sha256(SPAN_OF(tpm_case_report_data), hash));
    buf_add(&c->extra, SPAN_OF(hash));
    tpm_case_select(c, TPM_ALG_SHA256, 0x4ff);
    for (unsigned n = 0; n < TPM_PCRS; n++)
        memset(registers[n], (int)n, DIGEST_MAX);
    tpm_case_values(c, (const uint8_t(*)[DIGEST_MAX])registers);
}

void tpm_case_done(struct tpm_case *c)
{
    struct buf *bufs[] = { &c->extra,   &c->values,  &c->digested, &c->certificate, &c->event_log,
                           &c->ima_log, &c->ak,      &c->quote,    &c->signature,   &c->evidence };
    for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
        buf_done(bufs[i]);
    key_free(c->key);
}

static void sized_add(struct buf *b, struct span s)
{
    write_u16be(b, (uint16_t)s.len);
    buf_add(b, s);
}

static void public_make(struct tpm_case *c)
{
    struct buf first owned(buf_done) = buf_of(1024), second owned(buf_done) = buf_of(1024);
    bool rsa = key_kind_of(c->key) == KEY_RSA;

    buf_clear(&c->ak);
    write_u16be(&c->ak, rsa ? TPM_ALG_RSA : TPM_ALG_ECC);
    write_u16be(&c->ak, c->name_alg);
    write_u32be(&c->ak, c->attributes);
    write_u16be(&c->ak, 0);
    write_u16be(&c->ak, TPM_ALG_NULL);
    write_u16be(&c->ak, c->scheme);
    if (c->scheme != TPM_ALG_NULL)
        write_u16be(&c->ak, c->scheme_hash);
    if (rsa) {
        assert_ok(key_rsa_public(c->key, &first, &second));
        write_u16be(&c->ak, 2048);
        write_u32be(&c->ak, 0);
        sized_add(&c->ak, buf_span(&first));
        return;
    }
    assert_ok(key_to_point(c->key, &first));
    write_u16be(&c->ak, key_kind_of(c->key) == KEY_P256 ? 3 : 4);
    write_u16be(&c->ak, TPM_ALG_NULL);
    size_t size = (first.len - 1) / 2;
    sized_add(&c->ak, span_from(first.at + 1, size));
    sized_add(&c->ak, span_from(first.at + 1 + size, size));
}

static void quote_make(struct tpm_case *c)
{
    struct buf *q = &c->quote;
    uint8_t digest[DIGEST_MAX];
    enum digest_kind kind = hash_kind(c->sign_hash);

    buf_clear(q);
    write_u32be(q, c->magic);
    write_u16be(q, c->type);
    write_u16be(q, 0);
    sized_add(q, buf_span(&c->extra));
    write_u64be(q, 123456);
    write_u32be(q, 7);
    write_u32be(q, 1);
    write_u8(q, 1);
    write_u64be(q, 0x2024000000000001);
    write_u32be(q, (uint32_t)c->selection.count);
    for (size_t i = 0; i < c->selection.count; i++) {
        write_u16be(q, c->selection.banks[i].alg);
        write_u8(q, 3);
        for (unsigned k = 0; k < 3; k++)
            write_u8(q, (uint8_t)(c->selection.banks[i].mask >> (8 * k)));
    }
    assert_ok(digest_of(kind, buf_span(c->digested.len ? &c->digested : &c->values), digest));
    sized_add(q, span_from(digest, digest_size(kind)));
}

static void signature_make_(struct tpm_case *c)
{
    struct buf raw owned(buf_done) = buf_of(SIGNATURE_MAX);
    const struct key *key = c->signer ? c->signer : c->key;
    bool ecdsa = c->sign_scheme == TPM_ALG_ECDSA;
    enum signature_scheme scheme = ecdsa ? SIGNATURE_ECDSA
                                         : c->sign_scheme == TPM_ALG_RSAPSS ? SIGNATURE_RSA_PSS : SIGNATURE_RSA_PKCS1;

    assert_ok(signature_make(key, scheme, hash_kind(c->sign_hash), buf_span(&c->quote), &raw));
    buf_clear(&c->signature);
    write_u16be(&c->signature, c->sign_scheme);
    write_u16be(&c->signature, c->sign_hash);
    if (ecdsa) {
        sized_add(&c->signature, span_from(raw.at, raw.len / 2));
        sized_add(&c->signature, span_from(raw.at + raw.len / 2, raw.len / 2));
    } else {
        sized_add(&c->signature, buf_span(&raw));
    }
}

void tpm_case_make(struct tpm_case *c)
{
    public_make(c);
    quote_make(c);
    signature_make_(c);
    struct tpm_evidence e = { .parts = {
                                  [TPM_PART_QUOTE] = buf_span(&c->quote),
                                  [TPM_PART_SIGNATURE] = buf_span(&c->signature),
                                  [TPM_PART_PCRS] = buf_span(&c->values),
                                  [TPM_PART_AK_CERTIFICATE] = buf_span(&c->certificate),
                                  [TPM_PART_EVENT_LOG] = buf_span(&c->event_log),
                                  [TPM_PART_IMA_LOG] = buf_span(&c->ima_log),
                              } };
    if (!c->without_ak)
        e.parts[TPM_PART_AK] = buf_span(&c->ak);
    buf_clear(&c->evidence);
    assert_ok(tpm_evidence_write(&e, &c->evidence));
}

void tpm_case_name(const struct tpm_case *c, char out[2 * 66 + 1])
{
    uint8_t name[66] = { (uint8_t)(c->name_alg >> 8), (uint8_t)c->name_alg };
    enum digest_kind kind = hash_kind(c->name_alg);

    assert_ok(digest_of(kind, buf_span(&c->ak), name + 2));
    hex_str(span_from(name, 2 + digest_size(kind)), out);
}
