// SPDX-License-Identifier: Apache-2.0
#include "teesim/certificate.h"

#include "base/base64.h"
#include "crypto/signature.h"
#include "teesim/der.h"

#define OID_ECDSA_SHA256 "1.2.840.10045.4.3.2"
#define OID_ECDSA_SHA384 "1.2.840.10045.4.3.3"
#define OID_RSA_PSS "1.2.840.113549.1.1.10"
#define OID_MGF1 "1.2.840.113549.1.1.8"
#define OID_SHA384 "2.16.840.1.101.3.4.2.2"
#define PSS_SALT 48
#define KEY_MAX 1024
#define OID_COMMON_NAME "2.5.4.3"
#define OID_ORGANIZATION "2.5.4.10"
#define OID_SUBJECT_KEY_ID "2.5.29.14"
#define OID_KEY_USAGE "2.5.29.15"
#define OID_BASIC_CONSTRAINTS "2.5.29.19"
#define OID_CRL_NUMBER "2.5.29.20"
#define OID_AUTHORITY_KEY_ID "2.5.29.35"
#define OID_SGX_EXTENSION "1.2.840.113741.1.13.1"
#define OID_UNKNOWN "1.3.6.1.4.1.55555.7" /* means nothing to anyone */
#define ORGANIZATION "teesim, for development and tests only"

fallible forge_key_id(const struct key *k, uint8_t out[FORGE_KEY_ID_SIZE])
{
    struct buf point owned(buf_done) = buf_of(KEY_MAX);

    TRY(key_kind_of(k) == KEY_RSA ? key_to_spki(k, &point) : key_to_point(k, &point));
    return digest_of(DIGEST_SHA1, buf_span(&point), out);
}

static void add_rdn(struct buf *b, const char *oid, const char *value)
{
    size_t set = forge_der_open(b, DER_SET);
    size_t pair = forge_der_open(b, DER_SEQUENCE);

    forge_der_oid(b, oid);
    forge_der_add(b, DER_UTF8, span_str(value));
    forge_der_close(b, pair);
    forge_der_close(b, set);
}

void forge_name_add(struct buf *b, const char *common_name)
{
    size_t name = forge_der_open(b, DER_SEQUENCE);

    add_rdn(b, OID_COMMON_NAME, common_name);
    add_rdn(b, OID_ORGANIZATION, ORGANIZATION);
    forge_der_close(b, name);
}

static void add_name(struct buf *b, const char *common_name, struct span raw)
{
    if (raw.len)
        buf_add(b, raw);
    else
        forge_name_add(b, common_name);
}

static void add_sha384(struct buf *b)
{
    size_t mark = forge_der_open(b, DER_SEQUENCE);
    forge_der_oid(b, OID_SHA384);
    forge_der_add(b, DER_NULL, (struct span){ 0 });
    forge_der_close(b, mark);
}

/* RSASSA-PSS-params (RFC 4055 section 3.1). */
static void add_pss(struct buf *b)
{
    size_t params = forge_der_open(b, DER_SEQUENCE);
    size_t hash = forge_der_open(b, DER_CONTEXT);
    add_sha384(b);
    forge_der_close(b, hash);
    size_t mask = forge_der_open(b, DER_CONTEXT + 1), generator = forge_der_open(b, DER_SEQUENCE);
    forge_der_oid(b, OID_MGF1);
    add_sha384(b);
    forge_der_close(b, generator);
    forge_der_close(b, mask);
    size_t salt = forge_der_open(b, DER_CONTEXT + 2);
    forge_der_number(b, DER_INTEGER, PSS_SALT);
    forge_der_close(b, salt);
    size_t trailer = forge_der_open(b, DER_CONTEXT + 3);
    forge_der_number(b, DER_INTEGER, 1);
    forge_der_close(b, trailer);
    forge_der_close(b, params);
}

static void add_algorithm(struct buf *b, const struct key *signer)
{
    size_t mark = forge_der_open(b, DER_SEQUENCE);
    if (key_kind_of(signer) == KEY_RSA) {
        forge_der_oid(b, OID_RSA_PSS);
        add_pss(b);
    } else {
        forge_der_oid(b, key_kind_of(signer) == KEY_P384 ? OID_ECDSA_SHA384 : OID_ECDSA_SHA256);
    }
    forge_der_close(b, mark);
}

/* Opens an extension up to the inside of its OCTET STRING; marks[0] and marks[1] close it. */
static void open_extension(struct buf *b, const char *oid, bool critical, size_t marks[2])
{
    marks[0] = forge_der_open(b, DER_SEQUENCE);
    forge_der_oid(b, oid);
    if (critical)
        forge_der_boolean(b, true);
    marks[1] = forge_der_open(b, DER_OCTETS);
}

static void close_extension(struct buf *b, const size_t marks[2])
{
    forge_der_close(b, marks[1]);
    forge_der_close(b, marks[0]);
}

void forge_extension_add(struct buf *b, const char *oid, struct span content)
{
    size_t marks[2];

    open_extension(b, oid, false, marks);
    buf_add(b, content);
    close_extension(b, marks);
}

static void add_authority_id(struct buf *b, const uint8_t id[FORGE_KEY_ID_SIZE])
{
    size_t marks[2];

    open_extension(b, OID_AUTHORITY_KEY_ID, false, marks);
    size_t inner = forge_der_open(b, DER_SEQUENCE);
    forge_der_add(b, 0x80, span_from(id, FORGE_KEY_ID_SIZE));
    forge_der_close(b, inner);
    close_extension(b, marks);
}

static void add_unknown_critical(struct buf *b)
{
    size_t marks[2];

    open_extension(b, OID_UNKNOWN, true, marks);
    forge_der_boolean(b, true);
    close_extension(b, marks);
}

static void add_constraints(struct buf *b, const struct forge_certificate *f)
{
    size_t marks[2];

    open_extension(b, OID_BASIC_CONSTRAINTS, true, marks);
    size_t inner = forge_der_open(b, DER_SEQUENCE);
    if (f->ca)
        forge_der_boolean(b, true);
    if (f->path_len >= 0)
        forge_der_number(b, DER_INTEGER, (uint64_t)f->path_len);
    forge_der_close(b, inner);
    close_extension(b, marks);
}

static void add_key_usage(struct buf *b, uint8_t usage)
{
    size_t marks[2];
    uint8_t unused = 0;

    while (unused < 7 && !(usage >> unused & 1))
        unused++;
    open_extension(b, OID_KEY_USAGE, true, marks);
    forge_der_bits(b, unused, span_from(&usage, 1));
    close_extension(b, marks);
}

static void add_sgx_extension(struct buf *b, struct span content)
{
    size_t marks[2];

    open_extension(b, OID_SGX_EXTENSION, false, marks);
    buf_add(b, content);
    close_extension(b, marks);
}

static void add_extensions(struct buf *b, const struct forge_certificate *f,
                           const uint8_t *subject_id, const uint8_t *authority_id)
{
    size_t explicit3 = forge_der_open(b, DER_CONTEXT + 3), marks[2];
    size_t list = forge_der_open(b, DER_SEQUENCE);

    if (!f->no_authority_id)
        add_authority_id(b, authority_id);
    open_extension(b, OID_SUBJECT_KEY_ID, false, marks);
    forge_der_add(b, DER_OCTETS, span_from(subject_id, FORGE_KEY_ID_SIZE));
    close_extension(b, marks);
    if (f->key_usage)
        add_key_usage(b, f->key_usage);
    if (!f->no_constraints)
        add_constraints(b, f);
    for (int i = 0; f->sgx_extension.len && i < (f->sgx_extension_twice ? 2 : 1); i++)
        add_sgx_extension(b, f->sgx_extension);
    buf_add(b, f->extra);
    if (f->unknown_critical)
        add_unknown_critical(b);
    forge_der_close(b, list);
    forge_der_close(b, explicit3);
}

/* The outer SEQUENCE of certificates and CRLs: what is signed, the algorithm, the signature. */
static fallible sign_and_wrap(struct span tbs, const struct key *signer, bool broken,
                              struct buf *der)
{
    struct buf raw owned(buf_done) = buf_of(SIGNATURE_MAX),
                   sig owned(buf_done) = buf_of(SIGNATURE_MAX);

    bool rsa = key_kind_of(signer) == KEY_RSA;
    enum digest_kind digest = key_kind_of(signer) == KEY_P256 ? DIGEST_SHA256 : DIGEST_SHA384;
    TRY(signature_make(signer, rsa ? SIGNATURE_RSA_PSS : SIGNATURE_ECDSA, digest, tbs, &raw));
    if (broken)
        raw.at[raw.len - 1] ^= 1;
    if (rsa)
        buf_add(&sig, buf_span(&raw));
    else
        forge_der_signature(&sig, buf_span(&raw));
    TRY(buf_check(&sig));
    size_t outer = forge_der_open(der, DER_SEQUENCE);
    buf_add(der, tbs);
    add_algorithm(der, signer);
    forge_der_bits(der, 0, buf_span(&sig));
    forge_der_close(der, outer);
    return buf_check(der);
}

fallible forge_certificate_write(const struct forge_certificate *f, struct buf *der)
{
    struct buf b owned(buf_done) = buf_of(FORGE_CERT_MAX);
    uint8_t subject_id[FORGE_KEY_ID_SIZE], authority_id[FORGE_KEY_ID_SIZE];

    TRY(forge_key_id(f->key, subject_id));
    TRY(forge_key_id(f->signer, authority_id));
    size_t tbs = forge_der_open(&b, DER_SEQUENCE);
    size_t version = forge_der_open(&b, DER_CONTEXT);
    forge_der_number(&b, DER_INTEGER, 2);
    forge_der_close(&b, version);
    forge_der_integer(&b, f->serial.len ? f->serial : SPAN_OF(subject_id));
    add_algorithm(&b, f->signer);
    add_name(&b, f->issuer, f->issuer_dn);
    size_t validity = forge_der_open(&b, DER_SEQUENCE);
    forge_der_time(&b, f->not_before);
    forge_der_time(&b, f->not_after);
    forge_der_close(&b, validity);
    add_name(&b, f->subject, f->subject_dn);
    TRY(key_to_spki(f->key, &b));
    add_extensions(&b, f, subject_id, authority_id);
    forge_der_close(&b, tbs);
    TRY(buf_check(&b));
    return sign_and_wrap(buf_span(&b), f->signer, f->broken_signature, der);
}

void forge_certificate_pem(struct span der, struct buf *out)
{
    struct buf text owned(buf_done) = buf_of(2 * FORGE_CERT_MAX);

    base64_add(&text, der);
    buf_add_str(out, "-----BEGIN CERTIFICATE-----\n");
    for (struct span rest = buf_span(&text); rest.len; rest = span_tail(rest, 64)) {
        buf_add(out, span_head(rest, 64));
        buf_add_u8(out, '\n');
    }
    buf_add_str(out, "-----END CERTIFICATE-----\n");
}

static void add_revoked(struct buf *b, const struct forge_crl *f)
{
    if (f->count == 0)
        return;
    size_t list = forge_der_open(b, DER_SEQUENCE);
    for (size_t i = 0; i < f->count; i++) {
        size_t entry = forge_der_open(b, DER_SEQUENCE);
        forge_der_integer(b, f->serials[i]);
        forge_der_time(b, f->this_update);
        forge_der_close(b, entry);
    }
    forge_der_close(b, list);
}

static void add_crl_extensions(struct buf *b, const struct forge_crl *f,
                               const uint8_t *authority_id)
{
    size_t explicit0 = forge_der_open(b, DER_CONTEXT), marks[2];
    size_t list = forge_der_open(b, DER_SEQUENCE);

    if (!f->no_number) {
        open_extension(b, OID_CRL_NUMBER, false, marks);
        forge_der_number(b, DER_INTEGER, f->number);
        close_extension(b, marks);
    }
    if (!f->no_authority_id)
        add_authority_id(b, authority_id);
    if (f->unknown_critical)
        add_unknown_critical(b);
    forge_der_close(b, list);
    forge_der_close(b, explicit0);
}

fallible forge_crl_write(const struct forge_crl *f, struct buf *der)
{
    struct buf b owned(buf_done) = buf_of(1U << 20);
    uint8_t authority_id[FORGE_KEY_ID_SIZE];

    TRY(forge_key_id(f->signer, authority_id));
    size_t tbs = forge_der_open(&b, DER_SEQUENCE);
    forge_der_number(&b, DER_INTEGER, 1);
    add_algorithm(&b, f->signer);
    add_name(&b, f->issuer, f->issuer_dn);
    forge_der_time(&b, f->this_update);
    if (!f->no_next_update)
        forge_der_time(&b, f->next_update);
    add_revoked(&b, f);
    if (!(f->no_number && f->no_authority_id && !f->unknown_critical))
        add_crl_extensions(&b, f, authority_id);
    forge_der_close(&b, tbs);
    TRY(buf_check(&b));
    return sign_and_wrap(buf_span(&b), f->signer, f->broken_signature, der);
}
