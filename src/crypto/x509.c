// SPDX-License-Identifier: Apache-2.0
#include "crypto/x509.h"

#include <stdatomic.h>

#include "crypto/pem_internal.h"
#include "crypto/x509_internal.h"

struct cert {
    atomic_uint users;
    uint8_t *bytes;
    struct span der, tbs, algorithm, signature;
    struct span serial, issuer, subject, subject_key_id, authority_key_id;
    int64_t not_before, not_after;
    struct key *key;
    struct extensions extensions;
    bool ca, has_usage, sign_certs, sign_crls;
    int path_len;
};

void cert_free(struct cert *c)
{
    if (!c || atomic_fetch_sub(&c->users, 1) != 1)
        return;
    key_free(c->key);
    free(c->bytes);
    free(c);
}

struct cert *cert_ref(struct cert *c)
{
    atomic_fetch_add(&c->users, 1);
    return c;
}

/* Some vendors' serials are zero (VCEK) or negative; they are compared as bytes only. */
static struct span read_serial(struct reader *r)
{
    struct span v = der_value(r, DER_INTEGER);

    reader_require(r, v.len > 0 && v.len <= 32);
    return r->failed ? (struct span){ 0 } : der_strip_zeros(v);
}

static fallible read_tbs(struct cert *c, struct span *spki)
{
    struct reader r = reader_of(c->tbs);
    struct reader t = der_enter(&r, DER_SEQUENCE);
    uint32_t version = 0;

    if (der_next_is(&t, DER_CONTEXT_CONSTRUCTED(0))) {
        struct reader v = der_enter(&t, DER_CONTEXT_CONSTRUCTED(0));
        version = der_small(&v, 2);
        TRY(reader_end(&v, "certificate version (RFC 5280 4.1.2.1)"));
    }
    c->serial = read_serial(&t);
    struct span algorithm = der_whole(&t, DER_SEQUENCE);
    c->issuer = der_whole(&t, DER_SEQUENCE);
    struct reader validity = der_enter(&t, DER_SEQUENCE);
    c->not_before = der_time(&validity);
    c->not_after = der_time(&validity);
    TRY(reader_end(&validity, "certificate validity (RFC 5280 4.1.2.5)"));
    c->subject = der_whole(&t, DER_SEQUENCE);
    *spki = der_whole(&t, DER_SEQUENCE);
    for (uint8_t n = 1; n <= 2; n++) { /* issuer and subject unique identifiers */
        if (der_next_is(&t, DER_CONTEXT(n)))
            (void)der_value(&t, DER_CONTEXT(n));
    }
    if (der_next_is(&t, DER_CONTEXT_CONSTRUCTED(3))) {
        struct reader e = der_enter(&t, DER_CONTEXT_CONSTRUCTED(3));
        reader_require(&t, version == 2);
        extensions_read(&e, &c->extensions);
        TRY(reader_end(&e, "certificate extensions (RFC 5280 4.2)"));
    }
    TRY(reader_end(&t, "TBSCertificate (RFC 5280 4.1)"));
    TRY(reader_end(&r, "TBSCertificate (RFC 5280 4.1)"));
    return span_equal(algorithm, c->algorithm)
               ? OK
               : FAIL(INPUT, "certificate's two signature algorithms differ (RFC 5280 4.1.1.2)");
}

static fallible read_basic_constraints(struct cert *c)
{
    struct span value = extensions_find(&c->extensions, oid_basic_constraints);

    c->path_len = -1;
    if (value.len == 0)
        return OK;
    struct reader r = reader_of(value);
    struct reader sequence = der_enter(&r, DER_SEQUENCE);
    if (der_next_is(&sequence, DER_BOOLEAN))
        c->ca = der_bool(&sequence);
    if (der_next_is(&sequence, DER_INTEGER))
        c->path_len = (int)der_small(&sequence, 255);
    TRY(reader_end(&sequence, "basic constraints (RFC 5280 4.2.1.9)"));
    return reader_end(&r, "basic constraints (RFC 5280 4.2.1.9)");
}

static fallible read_key_usage(struct cert *c)
{
    struct span value = extensions_find(&c->extensions, oid_key_usage);

    if (value.len == 0)
        return OK;
    struct reader r = reader_of(value);
    struct reader bits = der_enter(&r, DER_BIT_STRING);
    (void)reader_u8(&bits); /* unused bits: the ones that we look at are in the first byte */
    uint8_t first = bits.rest.len ? reader_u8(&bits) : 0;
    (void)reader_rest(&bits);
    TRY(reader_end(&bits, "key usage (RFC 5280 4.2.1.3)"));
    TRY(reader_end(&r, "key usage (RFC 5280 4.2.1.3)"));
    c->has_usage = true;
    c->sign_certs = first & 0x04;
    c->sign_crls = first & 0x02;
    return OK;
}

static fallible read_extensions(struct cert *c)
{
    struct span subject = extensions_find(&c->extensions, oid_subject_key_id);
    struct span authority = extensions_find(&c->extensions, oid_authority_key_id);

    TRY(read_basic_constraints(c));
    TRY(read_key_usage(c));
    if (subject.len)
        TRY(key_id_read(subject, &c->subject_key_id));
    if (authority.len)
        TRY(authority_key_id_read(authority, &c->authority_key_id));
    return OK;
}

static fallible read_outer(struct cert *c)
{
    struct reader r = reader_of(c->der);
    struct reader outer = der_enter(&r, DER_SEQUENCE);

    c->tbs = der_whole(&outer, DER_SEQUENCE);
    c->algorithm = der_whole(&outer, DER_SEQUENCE);
    c->signature = der_bits(&outer);
    TRY(reader_end(&outer, "Certificate (RFC 5280 4.1)"));
    return reader_end(&r, "Certificate (RFC 5280 4.1)");
}

fallible cert_from_der(struct span der, struct cert **out)
{
    struct span spki = { 0 };

    if (der.len > CERT_DER_MAX)
        return FAIL(LIMIT, "certificate too long");
    struct cert *c owned(cert_free) = calloc(1, sizeof *c);
    if (!c)
        return FAIL(SYSTEM, "memory is short");
    atomic_init(&c->users, 1);
    c->bytes = (uint8_t *)span_dup(der);
    if (!c->bytes)
        return FAIL(SYSTEM, "memory is short");
    c->der = span_from(c->bytes, der.len);
    TRY(read_outer(c));
    TRY(read_tbs(c, &spki));
    TRY(read_extensions(c));
    TRY(key_from_spki(spki, &c->key));
    *out = TAKE(c);
    return OK;
}

void chain_done(struct chain *c)
{
    for (size_t i = 0; i < c->count; i++)
        cert_free(c->certs[i]);
    *c = (struct chain){ 0 };
}

static fallible cert_share(struct span der, struct cert *const *known, size_t count,
                           struct cert **out)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(known[i]->der, der)) {
            *out = cert_ref(known[i]);
            return OK;
        }
    }
    return cert_from_der(der, out);
}

fallible chain_from_pem(struct span pem, struct chain *out)
{
    return chain_from_pem_sharing(pem, NULL, 0, out);
}

fallible chain_from_pem_sharing(struct span pem, struct cert *const *known, size_t count,
                                struct chain *out)
{
    struct chain chain owned(chain_done) = { 0 };

    while (pem.len && pem.at[pem.len - 1] == 0) /* C strings of vendors' structures */
        pem.len--;
    do {
        struct pem_block block;
        struct buf der owned(buf_done) = buf_of(CERT_DER_MAX);

        TRY(pem_next(&pem, &block));
        if (!span_equal_str(block.label, "CERTIFICATE"))
            return FAIL(INPUT, "PEM: not a certificate");
        if (chain.count == CHAIN_MAX)
            return FAIL(LIMIT, "certificate chain too long");
        TRY(pem_decode(&block, &der));
        TRY(cert_share(buf_span(&der), known, count, &chain.certs[chain.count]));
        chain.count++;
    } while (pem.len);
    *out = chain;
    chain = (struct chain){ 0 };
    return OK;
}

struct span cert_der(const struct cert *c)
{
    return c->der;
}

struct span cert_tbs(const struct cert *c)
{
    return c->tbs;
}

struct span cert_subject(const struct cert *c)
{
    return c->subject;
}

struct span cert_issuer(const struct cert *c)
{
    return c->issuer;
}

static fallible add_cn(struct span name, struct buf *out)
{
    struct span cn = { 0 };

    TRY(name_get_cn(name, &cn));
    buf_add(out, cn);
    return buf_check(out);
}

fallible cert_subject_cn(const struct cert *c, struct buf *out)
{
    return add_cn(c->subject, out);
}

fallible cert_issuer_cn(const struct cert *c, struct buf *out)
{
    return add_cn(c->issuer, out);
}

struct span cert_serial(const struct cert *c)
{
    return c->serial;
}

const struct key *cert_key(const struct cert *c)
{
    return c->key;
}

int64_t cert_not_before(const struct cert *c)
{
    return c->not_before;
}

int64_t cert_not_after(const struct cert *c)
{
    return c->not_after;
}

bool cert_is_ca(const struct cert *c)
{
    return c->ca;
}

int cert_path_len(const struct cert *c)
{
    return c->path_len;
}

/* Without the extension all uses are allowed (RFC 5280 section 4.2.1.3). */
bool cert_may_sign_certs(const struct cert *c)
{
    return !c->has_usage || c->sign_certs;
}

bool cert_may_sign_crls(const struct cert *c)
{
    return !c->has_usage || c->sign_crls;
}

struct span cert_subject_key_id(const struct cert *c)
{
    return c->subject_key_id;
}

struct span cert_authority_key_id(const struct cert *c)
{
    return c->authority_key_id;
}

bool cert_has_unknown_critical(const struct cert *c)
{
    const struct span known[] = { oid_basic_constraints, oid_key_usage, oid_subject_key_id,
                                  oid_authority_key_id,  oid_san,       oid_extended_key_usage };

    return extensions_unknown_critical(&c->extensions, known, sizeof known / sizeof *known);
}

struct span cert_extension(const struct cert *c, struct span oid)
{
    return extensions_find(&c->extensions, oid);
}

bool cert_equal(const struct cert *a, const struct cert *b)
{
    return span_equal(a->der, b->der);
}

fallible cert_signed_by(const struct cert *c, const struct key *issuer, bool *good)
{
    return signed_check(c->tbs, c->algorithm, c->signature, issuer, good);
}

fallible cert_to_pem(const struct cert *c, struct buf *out)
{
    pem_add(out, "CERTIFICATE", c->der);
    return buf_check(out);
}
