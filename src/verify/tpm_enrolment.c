// SPDX-License-Identifier: Apache-2.0
#include "verify/tpm_enrolment.h"

#include "base/writer.h"
#include "crypto/random.h"
#include "crypto/tpm_credential.h"
#include "verify/tpm_verify.h"
#include "verify/tpm_revocation.h"

#define BLOB_MAGIC 0xbadcc0deU /* of tpm2-tools' files */
#define BLOB_VERSION 1
#define ALG_AES 0x0006U
#define ALG_CFB 0x0043U
#define EK_MUST                                                                                    \
    (TPM_FIXED_TPM | TPM_FIXED_PARENT | TPM_SENSITIVE_DATA_ORIGIN | TPM_RESTRICTED | TPM_DECRYPT)

/* Without the length of a TPM2B_PUBLIC, where there is one. */
static struct span area_of(struct span public)
{
    struct reader r = reader_of(public);
    uint16_t len = reader_u16be(&r);

    return !r.failed && len == r.rest.len ? r.rest : public;
}

fallible tpm_enrolment_name(struct span ak_public, uint8_t name[TPM_NAME_MAX], size_t *len,
                            const char **wrong)
{
    struct key *key owned(key_free) = NULL;
    struct tpm_public p;
    struct err e = tpm_public_parse(area_of(ak_public), &p);

    if (!failed(e))
        e = tpm_public_key(&p, &key);
    if (!failed(e))
        e = tpm_public_name(area_of(ak_public), p.name_alg, name, len);
    if (e.kind == FAIL_SYSTEM)
        return e;
    *wrong = failed(e) ? e.what : tpm_attestation_key_check(&p);
    return OK;
}

static const char *ek_check(const struct tpm_public *p, struct tpm_credential_key *k)
{
    bool known;

    if ((p->attributes & EK_MUST) != EK_MUST || p->attributes & TPM_SIGN)
        return "the endorsement key is not a restricted decryption key that was made in its TPM "
               "and never leaves it";
    if (p->symmetric != ALG_AES || p->symmetric_mode != ALG_CFB)
        return "the endorsement key's symmetric algorithm is not AES in CFB mode";
    k->name_alg = digest_of_tpm(p->name_alg, &known);
    k->aes_bits = p->symmetric_bits;
    return known ? NULL : "the endorsement key's name is of a hash that is not known here";
}

static fallible chain_read(struct span text, struct chain *out)
{
    struct reader r = reader_of(text);

    if (reader_u8(&r) != 0x30)
        return chain_from_pem(text, out);
    TRY(cert_from_der(text, &out->certs[0]));
    out->count = 1;
    return OK;
}

static fallible certificate_check(const struct tpm_trust *t, struct span certificates,
                                  const struct key *ek, int64_t at, struct tpm_enrolment *out,
                                  const char **wrong)
{
    struct chain chain owned(chain_done) = { 0 };
    struct err e = chain_read(certificates, &chain);

    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e) || !chain.count) {
        *wrong = failed(e) ? e.what : "there is no endorsement certificate";
        return OK;
    }
    if (!key_same_public(cert_key(chain.certs[0]), ek)) {
        *wrong = "the endorsement certificate is of another key";
        return OK;
    }
    TRY(sha256(cert_der(chain.certs[0]), out->ek_certificate));
    TRY(tpm_chain_check(t, &chain, tpm_purpose_ek, at, wrong));
    bool covered; /* without lists revocation is the operator's */
    return *wrong ? OK : tpm_chain_revocation(t, &chain, at, &covered, wrong);
}

static void sized_add(struct buf *out, struct span s)
{
    write_u16be(out, (uint16_t)s.len);
    buf_add(out, s);
}

static fallible challenge_make(const struct tpm_credential_key *k, struct tpm_enrolment *e,
                               struct buf *blob)
{
    struct buf id owned(buf_done) = buf_of(TPM_CREDENTIAL_BLOB_MAX),
                  seed owned(buf_done) = buf_of(TPM_CREDENTIAL_BLOB_MAX);
    uint8_t secret[TPM_ENROLMENT_SECRET];

    TRY(random_fill(secret, sizeof(secret)));
    TRY(sha256(SPAN_OF(secret), e->secret_hash));
    TRY(tpm_credential_make(k, span_from(e->name, e->name_len), SPAN_OF(secret), &id, &seed));
    wipe(secret, sizeof(secret));
    write_u32be(blob, BLOB_MAGIC);
    write_u32be(blob, BLOB_VERSION);
    sized_add(blob, buf_span(&id));
    sized_add(blob, buf_span(&seed));
    return buf_check(blob);
}

fallible tpm_enrolment_begin(const struct tpm_trust *t, const struct tpm_enrolment_request *q,
                             int64_t at, struct tpm_enrolment *out, struct buf *blob,
                             const char **wrong)
{
    struct key *ek owned(key_free) = NULL;
    struct tpm_enrolment made = { .name_len = 0 };
    struct tpm_credential_key k = { .aes_bits = 0 };
    struct tpm_public p;

    TRY(tpm_enrolment_name(q->ak_public, made.name, &made.name_len, wrong));
    if (*wrong)
        return OK;
    struct err e = tpm_public_parse(area_of(q->ek_public), &p);
    if (!failed(e))
        e = tpm_public_key(&p, &ek);
    if (e.kind == FAIL_SYSTEM)
        return e;
    *wrong = failed(e) ? e.what : ek_check(&p, &k);
    if (!*wrong)
        TRY(certificate_check(t, q->ek_certificates, ek, at, &made, wrong));
    if (*wrong)
        return OK;
    k.ek = ek;
    TRY(challenge_make(&k, &made, blob));
    *out = made;
    return OK;
}

bool tpm_enrolment_answered(const struct tpm_enrolment *e, struct span secret)
{
    uint8_t hash[SHA256_SIZE];

    return secret.len == TPM_ENROLMENT_SECRET && !failed(sha256(secret, hash)) &&
           span_equal_secret(SPAN_OF(hash), SPAN_OF(e->secret_hash));
}
