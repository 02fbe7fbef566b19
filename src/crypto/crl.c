// SPDX-License-Identifier: Apache-2.0
#include "crypto/crl.h"

#include "base/hex.h"
#include "crypto/pem_internal.h"
#include "crypto/x509_internal.h"

struct crl {
    uint8_t *bytes;
    struct span der, tbs, algorithm, signature;
    struct span issuer, number, authority_key_id;
    int64_t this_update, next_update;
    bool has_next_update, unknown_critical;
    struct span *serials; /* sorted */
    size_t count, room;
};

void crl_free(struct crl *c)
{
    if (!c)
        return;
    free(c->serials);
    free(c->bytes);
    free(c);
}

static int compare(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->len ? memcmp(x->at, y->at, x->len) : 0;
}

static fallible add_serial(struct crl *c, struct span serial)
{
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 16;
        struct span *at = reallocarray(c->serials, room, sizeof *at);
        if (!at)
            return FAIL(SYSTEM, "memory is short");
        c->serials = at;
        c->room = room;
    }
    c->serials[c->count++] = serial;
    return OK;
}

/* Critical entry extensions (certificateIssuer) would change whom an entry is about. */
static fallible read_entry(struct reader *list, struct crl *c)
{
    struct reader e = der_enter(list, DER_SEQUENCE);
    struct span serial = der_value(&e, DER_INTEGER);

    reader_require(&e, serial.len > 0 && serial.len <= 32);
    (void)der_time(&e);
    if (der_next_is(&e, DER_SEQUENCE)) {
        struct extensions extensions = { .count = 0 };
        extensions_read(&e, &extensions);
        c->unknown_critical =
            c->unknown_critical || extensions_unknown_critical(&extensions, NULL, 0);
    }
    TRY(reader_end(&e, "revoked certificate (RFC 5280 5.1.2.6)"));
    return add_serial(c, der_strip_zeros(serial));
}

static fallible read_extensions(struct reader *t, struct crl *c)
{
    struct extensions extensions = { .count = 0 };
    const struct span known[] = { oid_crl_number, oid_authority_key_id };
    struct reader e = der_enter(t, DER_CONTEXT_CONSTRUCTED(0));

    extensions_read(&e, &extensions);
    TRY(reader_end(&e, "CRL extensions (RFC 5280 5.2)"));
    c->unknown_critical = c->unknown_critical || extensions_unknown_critical(&extensions, known, 2);
    struct span number = extensions_find(&extensions, oid_crl_number);
    if (number.len) {
        struct reader r = reader_of(number);
        struct span value = der_unsigned(&r);
        TRY(reader_end(&r, "CRL number (RFC 5280 5.2.3)"));
        c->number = value;
    }
    struct span authority = extensions_find(&extensions, oid_authority_key_id);
    return authority.len ? authority_key_id_read(authority, &c->authority_key_id) : OK;
}

static fallible read_tbs(struct crl *c)
{
    struct reader r = reader_of(c->tbs);
    struct reader t = der_enter(&r, DER_SEQUENCE);

    if (der_next_is(&t, DER_INTEGER))
        reader_require(&t, der_small(&t, 1) == 1);
    struct span algorithm = der_whole(&t, DER_SEQUENCE);
    c->issuer = der_whole(&t, DER_SEQUENCE);
    c->this_update = der_time(&t);
    c->has_next_update = der_next_is(&t, DER_UTC_TIME) || der_next_is(&t, DER_TIME);
    if (c->has_next_update)
        c->next_update = der_time(&t);
    if (der_next_is(&t, DER_SEQUENCE)) {
        struct reader list = der_enter(&t, DER_SEQUENCE);
        while (!list.failed && list.rest.len)
            TRY(read_entry(&list, c));
        TRY(reader_end(&list, "revoked certificates (RFC 5280 5.1.2.6)"));
    }
    if (der_next_is(&t, DER_CONTEXT_CONSTRUCTED(0)))
        TRY(read_extensions(&t, c));
    TRY(reader_end(&t, "TBSCertList (RFC 5280 5.1.2)"));
    TRY(reader_end(&r, "TBSCertList (RFC 5280 5.1.2)"));
    if (!span_equal(algorithm, c->algorithm))
        return FAIL(INPUT, "CRL's two signature algorithms differ (RFC 5280 5.1.1.2)");
    if (c->count)
        qsort(c->serials, c->count, sizeof *c->serials, compare);
    return OK;
}

static fallible read_outer(struct crl *c)
{
    struct reader r = reader_of(c->der);
    struct reader outer = der_enter(&r, DER_SEQUENCE);

    c->tbs = der_whole(&outer, DER_SEQUENCE);
    c->algorithm = der_whole(&outer, DER_SEQUENCE);
    c->signature = der_bits(&outer);
    TRY(reader_end(&outer, "CertificateList (RFC 5280 5.1)"));
    return reader_end(&r, "CertificateList (RFC 5280 5.1)");
}

static fallible parse_der(struct span der, struct crl **out)
{
    if (der.len > CRL_DER_MAX)
        return FAIL(LIMIT, "CRL too long");
    struct crl *c owned(crl_free) = calloc(1, sizeof *c);
    if (!c)
        return FAIL(SYSTEM, "memory is short");
    c->bytes = (uint8_t *)span_dup(der);
    if (!c->bytes)
        return FAIL(SYSTEM, "memory is short");
    c->der = span_from(c->bytes, der.len);
    TRY(read_outer(c));
    TRY(read_tbs(c));
    *out = TAKE(c);
    return OK;
}

static struct span cut_end(struct span s)
{
    while (s.len && (s.at[s.len - 1] == 0 || s.at[s.len - 1] == '\n' || s.at[s.len - 1] == '\r'))
        s.len--;
    return s;
}

fallible crl_parse(struct span text, struct crl **out)
{
    struct buf der owned(buf_done) = buf_of(CRL_DER_MAX);

    if (text.len && text.at[0] == DER_SEQUENCE)
        return parse_der(text, out);
    text = cut_end(text);
    if (text.len && text.at[0] == '-') {
        struct pem_block block;

        TRY(pem_next(&text, &block));
        if (!span_equal_str(block.label, "X509 CRL") || text.len)
            return FAIL(INPUT, "PEM: not one CRL");
        TRY(pem_decode(&block, &der));
    } else {
        TRY(hex_parse(text, &der));
    }
    return parse_der(buf_span(&der), out);
}

struct span crl_der(const struct crl *c)
{
    return c->der;
}

struct span crl_issuer(const struct crl *c)
{
    return c->issuer;
}

int64_t crl_this_update(const struct crl *c)
{
    return c->this_update;
}

bool crl_has_next_update(const struct crl *c)
{
    return c->has_next_update;
}

int64_t crl_next_update(const struct crl *c)
{
    return c->next_update;
}

struct span crl_number(const struct crl *c)
{
    return c->number;
}

struct span crl_authority_key_id(const struct crl *c)
{
    return c->authority_key_id;
}

bool crl_has_unknown_critical(const struct crl *c)
{
    return c->unknown_critical;
}

fallible crl_signed_by(const struct crl *c, const struct key *issuer, bool *good)
{
    return signed_check(c->tbs, c->algorithm, c->signature, issuer, good);
}

bool crl_lists(const struct crl *c, struct span serial)
{
    struct span wanted = der_strip_zeros(serial);

    return c->count && bsearch(&wanted, c->serials, c->count, sizeof *c->serials, compare) != NULL;
}
