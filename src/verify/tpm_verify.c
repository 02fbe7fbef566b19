// SPDX-License-Identifier: Apache-2.0
/* A TPM by itself: its attestation key is believed because it was enrolled, or by its certificate.
 */
#include "verify/tpm_verify.h"

#include "verify/tpm_revocation.h"
#include "verify/verify_internal.h"

#define KEY_MUST                                                                                   \
    (TPM_FIXED_TPM | TPM_FIXED_PARENT | TPM_SENSITIVE_DATA_ORIGIN | TPM_RESTRICTED | TPM_SIGN)

static const struct {
    uint16_t curve; /* TPM_ECC_CURVE */
    enum key_kind kind;
    size_t size;
} curves[] = { { 3, KEY_P256, 32 }, { 4, KEY_P384, 48 }, { 5, KEY_P521, 66 } };

static fallible ecc_key(const struct tpm_public *p, struct key **out)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++) {
        struct buf point owned(buf_done) = buf_of(1 + 2 * 66);
        size_t size = curves[i].size;
        if (curves[i].curve != p->curve)
            continue;
        if (p->x.len > size || p->y.len > size)
            return FAIL(INPUT, "the TPM key's point is longer than its curve's");
        buf_add_u8(&point, 4);
        buf_extend(&point, size - p->x.len);
        buf_add(&point, p->x);
        buf_extend(&point, size - p->y.len);
        buf_add(&point, p->y);
        TRY(buf_check(&point));
        return key_from_point(curves[i].kind, buf_span(&point), out);
    }
    return FAIL(INPUT, "the TPM's key is on a curve that is not known here");
}

fallible tpm_public_key(const struct tpm_public *p, struct key **out)
{
    const uint8_t exponent[] = { (uint8_t)(p->exponent >> 24), (uint8_t)(p->exponent >> 16),
                                 (uint8_t)(p->exponent >> 8), (uint8_t)p->exponent };

    return p->type == TPM_ALG_RSA ? key_from_rsa_public(p->modulus, SPAN_OF(exponent), out)
                                  : ecc_key(p, out);
}

fallible tpm_public_name(struct span public_area, uint16_t name_alg, uint8_t out[TPM_NAME_MAX],
                         size_t *len)
{
    bool known;
    enum digest_kind kind = digest_of_tpm(name_alg, &known);

    if (!known || name_alg == TPM_ALG_SHA1)
        return FAIL(INPUT, "the TPM key's name is of a hash that is not accepted");
    TRY(digest_of(kind, public_area, out + 2));
    out[0] = (uint8_t)(name_alg >> 8);
    out[1] = (uint8_t)name_alg;
    *len = 2 + digest_size(kind);
    return OK;
}

const char *tpm_attestation_key_check(const struct tpm_public *p)
{
    if ((p->attributes & KEY_MUST) != KEY_MUST || p->attributes & TPM_DECRYPT)
        return "the key is not a restricted signing key that was made in its TPM and never leaves "
               "it";
    return p->scheme == TPM_ALG_NULL ? "the restricted key has no signing scheme of its own" : NULL;
}

/* The public area, the key in it and its name. FAIL_SYSTEM is all that comes back. */
static fallible key_load_part(struct tpm_state *s, struct check_list *l)
{
    struct span area = s->evidence.parts[TPM_PART_AK];
    struct tpm_public p;

    struct err e = area.len ? tpm_public_parse(area, &p)
                            : FAIL(INPUT, "evidence of a TPM lacks the public area of its key");
    if (!failed(e))
        e = tpm_public_key(&p, &s->key);
    if (!failed(e))
        e = tpm_public_name(area, p.name_alg, s->name, &s->name_len);
    if (e.kind == FAIL_SYSTEM)
        return e;
    const char *wrong = failed(e) ? e.what : tpm_attestation_key_check(&p);
    if (!wrong && (p.scheme != s->signature.scheme || p.scheme_hash != s->signature.hash))
        wrong = "the signature is of another scheme or hash than the key's";
    check_record(l, TPM_CHECK_KEY, wrong);
    return OK;
}

/* Without lists of all issuers it stays "not checked", which a policy may look at. */
static fallible revocation_check(const struct tpm_trust *t, const struct chain *c,
                                 struct tpm_state *s, int64_t at, struct check_list *l)
{
    const char *wrong;

    check_make_optional(l, TPM_CHECK_REVOCATION);
    TRY(tpm_chain_revocation(t, c, at, &s->revocation_checked, &wrong));
    if (wrong || s->revocation_checked)
        check_record(l, TPM_CHECK_REVOCATION, wrong);
    return OK;
}

static fallible certificate_check(const struct tpm_trust *t, struct tpm_state *s, int64_t at,
                                  struct check_list *l, const char **wrong)
{
    struct chain chain owned(chain_done) = { 0 };
    struct err e = chain_from_pem(s->evidence.parts[TPM_PART_AK_CERTIFICATE], &chain);

    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e)) {
        *wrong = e.what;
        return OK;
    }
    if (!key_same_public(cert_key(chain.certs[0]), s->key)) {
        *wrong = "the attestation key's certificate is of another key";
        return OK;
    }
    TRY(tpm_chain_check(t, &chain, tpm_purpose_ak, at, wrong));
    return *wrong ? OK : revocation_check(t, &chain, s, at, l);
}

static fallible trust_check(const struct tpm_trust *t, struct tpm_state *s, int64_t at,
                            struct check_list *l)
{
    const struct tpm_key *enrolled = tpm_trust_key(t, span_from(s->name, s->name_len));
    const char *wrong =
        "the TPM's attestation key is neither enrolled nor certified under a configured root";

    if (enrolled) {
        s->by = enrolled->by_ek_certificate ? TPM_BY_EK_CERTIFICATE : TPM_BY_ENROLMENT;
        memcpy(s->label, enrolled->label, sizeof(s->label));
        check_leave_out(l, TPM_CHECK_REVOCATION);
        wrong = NULL;
    } else if (s->evidence.parts[TPM_PART_AK_CERTIFICATE].len) {
        wrong = NULL;
        TRY(certificate_check(t, s, at, l, &wrong));
        if (!wrong)
            s->by = TPM_BY_AK_CERTIFICATE;
    }
    check_record(l, TPM_CHECK_TRUST, wrong);
    return OK;
}

static const char *parts_check(const struct tpm_evidence *e)
{
    if (e->parts[TPM_PART_HCL_REPORT].len || e->parts[TPM_PART_HARDWARE].len)
        return "evidence of a TPM by itself carries a hardware report";
    return NULL;
}

static fallible tpm_verify(const struct verify_input *in, struct span bytes, struct piece *p)
{
    struct tpm_state *s;
    const char *wrong;

    TRY(tpm_state_new(bytes, &s, &wrong));
    p->state = s;
    if (!wrong)
        wrong = parts_check(&s->evidence);
    check_record(&p->list, TPM_CHECK_FORMAT, wrong);
    if (wrong)
        return OK;
    p->name = "tpm";
    p->version = 2;
    piece_bind_hash(p, s->quote.extra);
    TRY(key_load_part(s, &p->list));
    if (!s->key)
        return OK;
    if (s->name_len)
        TRY(trust_check(&in->verifier->tpm, s, in->at, &p->list));
    return tpm_quote_judge(s, in, &p->list);
}

static fallible tpm_claims(const struct piece *p, json_t *to)
{
    const struct tpm_state *s = p->state;

    if (!s->genuine)
        return OK;
    json_set_str(to, "tee", "tpm");
    json_set_str(to, "root", "configured");
    if (s->by == TPM_BY_AK_CERTIFICATE)
        json_set_bool(to, "revocation_checked", s->revocation_checked);
    return tpm_quote_claims(s, to);
}

const struct evidence_type tpm_evidence_type = {
    .kind = PIECE_TPM_QUOTE,
    .checks = &tpm_checks,
    .verify = tpm_verify,
    .claims = tpm_claims,
    .done = tpm_state_free,
};
