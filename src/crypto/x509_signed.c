// SPDX-License-Identifier: Apache-2.0
/* The signature around certificates, revocation lists and requests. */
#include "crypto/x509_internal.h"

#include "crypto/curve_internal.h"

#define SIGNED_ROOM 640

struct algorithm {
    enum signature_scheme scheme;
    enum digest_kind digest;
};

/* Whole AlgorithmIdentifiers, which leaves no room for parameters: RFC 5758 section 3.2, RFC 4055
 * section 5. */
static const struct {
    struct span der;
    struct algorithm is;
} rows[] = {
    { { (const uint8_t *)"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 12 },
      { SIGNATURE_ECDSA, DIGEST_SHA256 } },
    { { (const uint8_t *)"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03", 12 },
      { SIGNATURE_ECDSA, DIGEST_SHA384 } },
    { { (const uint8_t *)"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04", 12 },
      { SIGNATURE_ECDSA, DIGEST_SHA512 } },
    { { (const uint8_t *)"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00", 15 },
      { SIGNATURE_RSA_PKCS1, DIGEST_SHA256 } },
    { { (const uint8_t *)"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00", 15 },
      { SIGNATURE_RSA_PKCS1, DIGEST_SHA384 } },
    { { (const uint8_t *)"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00", 15 },
      { SIGNATURE_RSA_PKCS1, DIGEST_SHA512 } },
};
static const struct span oid_pss = { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", 9 };
static const struct span oid_mgf1 = { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08", 9 };
static const struct {
    struct span oid;
    enum digest_kind kind;
} hashes[] = {
    { { (const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9 }, DIGEST_SHA256 },
    { { (const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9 }, DIGEST_SHA384 },
    { { (const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9 }, DIGEST_SHA512 },
};

/* AlgorithmIdentifier of a hash; parameters absent or NULL. */
static enum digest_kind read_hash(struct reader *r)
{
    struct reader sequence = der_enter(r, DER_SEQUENCE);
    struct span oid = der_value(&sequence, DER_OID);

    if (der_next_is(&sequence, DER_NULL))
        reader_require(&sequence, der_value(&sequence, DER_NULL).len == 0);
    reader_require(r, !sequence.failed && sequence.rest.len == 0);
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        if (span_equal(oid, hashes[i].oid))
            return hashes[i].kind;
    }
    reader_require(r, false);
    return DIGEST_SHA1;
}

/* RSASSA-PSS-params (RFC 4055 section 3.1): one hash for both uses, salt as long as it. */
static bool read_pss(struct span der, struct algorithm *out)
{
    struct reader r = reader_of(der);
    struct reader algorithm = der_enter(&r, DER_SEQUENCE);
    bool pss = span_equal(der_value(&algorithm, DER_OID), oid_pss);
    struct reader p = der_enter(&algorithm, DER_SEQUENCE);
    struct reader field = der_enter(&p, DER_CONTEXT_CONSTRUCTED(0));
    enum digest_kind digest = read_hash(&field);
    struct reader outer = der_enter(&p, DER_CONTEXT_CONSTRUCTED(1));
    struct reader mask = der_enter(&outer, DER_SEQUENCE);
    bool mgf1 = span_equal(der_value(&mask, DER_OID), oid_mgf1);
    enum digest_kind mask_digest = read_hash(&mask);
    struct reader salt = der_enter(&p, DER_CONTEXT_CONSTRUCTED(2));
    uint32_t salt_len = der_small(&salt, DIGEST_MAX);

    if (der_next_is(&p, DER_CONTEXT_CONSTRUCTED(3))) {
        struct reader trailer = der_enter(&p, DER_CONTEXT_CONSTRUCTED(3));
        reader_require(&p, der_small(&trailer, 1) == 1 && !trailer.failed && trailer.rest.len == 0);
    }
    const struct reader *all[] = { &field, &mask, &outer, &salt, &p, &algorithm, &r };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (failed(reader_end(all[i], "RSASSA-PSS-params")))
            return false;
    }
    if (!pss || !mgf1 || digest != mask_digest || salt_len != digest_size(digest))
        return false;
    *out = (struct algorithm){ SIGNATURE_RSA_PSS, digest };
    return true;
}

static fallible find_algorithm(struct span der, struct algorithm *out)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (span_equal(der, rows[i].der)) {
            *out = rows[i].is;
            return OK;
        }
    }
    return read_pss(der, out) ? OK : FAIL(INPUT, "signature algorithm that is not in use here");
}

/* Ecdsa-Sig-Value to r || s of the issuer's curve; false where it does not fit. */
static bool raw_of(struct span der, const struct curve *c, uint8_t *raw)
{
    struct reader outer = reader_of(der);
    struct reader r = der_enter(&outer, DER_SEQUENCE);

    memset(raw, 0, 2 * c->size);
    for (size_t i = 1; i <= 2; i++) {
        struct span part = der_unsigned(&r);

        reader_require(&r, part.len <= c->size);
        if (r.failed)
            return false;
        memcpy(raw + i * c->size - part.len, part.at, part.len);
    }
    return !failed(reader_end(&r, "Ecdsa-Sig-Value")) &&
           !failed(reader_end(&outer, "Ecdsa-Sig-Value"));
}

fallible signed_check(struct span tbs, struct span algorithm, struct span signature,
                      const struct key *issuer, bool *good)
{
    struct algorithm a = { 0 };
    uint8_t raw[2 * COORDINATE_MAX];

    TRY(find_algorithm(algorithm, &a));
    if (a.scheme == SIGNATURE_ECDSA) {
        const struct curve *c = curve_of(key_kind_of(issuer));

        if (!c || !raw_of(signature, c, raw)) {
            *good = false;
            return OK;
        }
        signature = span_from(raw, 2 * c->size);
    }
    return signature_verify(issuer, a.scheme, a.digest, tbs, signature, good);
}

/* SHA-256 for RSA (PKCS#1) and P-256, SHA-384 for P-384, SHA-512 for P-521: a row of the table. */
static size_t own_row(const struct key *issuer)
{
    switch (key_kind_of(issuer)) {
    case KEY_P256:
        return 0;
    case KEY_P384:
        return 1;
    case KEY_P521:
        return 2;
    case KEY_RSA:
        return 3;
    }
    return 0;
}

void put_signature_algorithm(struct der_writer *w, const struct key *issuer)
{
    der_put(w, rows[own_row(issuer)].der);
}

static void put_signature(struct der_writer *w, const struct key *issuer, struct span raw)
{
    const struct curve *c = curve_of(key_kind_of(issuer));

    if (!c) {
        der_put_bits(w, raw);
        return;
    }
    size_t all = der_mark(w);
    der_put_unsigned(w, span_tail(raw, c->size));
    der_put_unsigned(w, span_head(raw, c->size));
    der_wrap(w, DER_SEQUENCE, all);
    der_put_u8(w, 0);
    der_wrap(w, DER_BIT_STRING, all);
}

fallible signed_wrap(struct der_writer *w, const struct key *issuer)
{
    const struct algorithm a = rows[own_row(issuer)].is;
    struct buf raw owned(buf_done) = buf_of(SIGNATURE_MAX);
    uint8_t room[SIGNED_ROOM];
    struct der_writer tail = der_writer_of(room, sizeof room);
    struct span tbs = der_written(w);

    if (w->failed)
        return FAIL(LIMIT, "the signed object is too large");
    TRY(signature_make(issuer, a.scheme, a.digest, tbs, &raw));
    put_signature(&tail, issuer, buf_span(&raw));
    put_signature_algorithm(&tail, issuer);
    /* The tail belongs behind the signed part: both move into a fresh writer over the same room. */
    struct buf copy owned(buf_done) = buf_of(w->room);
    buf_add(&copy, tbs);
    TRY(buf_check(&copy));
    *w = der_writer_of(w->start, w->room);
    size_t all = der_mark(w);
    der_put(w, der_written(&tail));
    der_put(w, buf_span(&copy));
    der_wrap(w, DER_SEQUENCE, all);
    return w->failed || tail.failed ? FAIL(LIMIT, "the signed object is too large") : OK;
}
