// SPDX-License-Identifier: Apache-2.0
/* Certificate signing requests: PKCS#10 (RFC 2986) with the extension request attribute (RFC 2985
 * section 5.4.2). */
#include "crypto/pem_internal.h"
#include "crypto/x509_internal.h"

#define CSR_DER_MAX CERT_DER_MAX

static const struct span oid_extension_request = {
    (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", 9
};

void csr_done(struct csr *r)
{
    key_free(r->key);
    free(r->common_name);
    san_free(r->san);
    *r = (struct csr){ 0 };
}

/* The attributes' SET OF; other attributes (challenge password) are passed over. */
static fallible read_attributes(struct span attributes, struct extensions *out)
{
    struct reader list = reader_of(attributes);
    bool given = false;

    while (!list.failed && list.rest.len) {
        struct reader attribute = der_enter(&list, DER_SEQUENCE);
        struct span oid = der_value(&attribute, DER_OID);
        struct reader values = der_enter(&attribute, DER_SET);

        if (span_equal(oid, oid_extension_request)) {
            reader_require(&values, !given);
            given = true;
            extensions_read(&values, out);
        } else {
            (void)reader_rest(&values);
        }
        TRY(reader_end(&values, "CSR attribute (RFC 2986 section 4.1)"));
        TRY(reader_end(&attribute, "CSR attribute (RFC 2986 section 4.1)"));
    }
    return reader_end(&list, "CSR attributes (RFC 2986 section 4.1)");
}

static fallible read_subject(struct span subject, struct csr *out)
{
    struct reader r = reader_of(subject);
    struct span cn = { 0 };

    if (der_value(&r, DER_SEQUENCE).len == 0)
        return OK;
    TRY(name_get_cn(subject, &cn));
    out->common_name = span_dup(cn);
    return out->common_name ? OK : FAIL(SYSTEM, "memory is short");
}

/* BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLen INTEGER OPTIONAL } */
static fallible read_constraints(struct span value, struct csr *out)
{
    struct reader r = reader_of(value);
    struct reader s = der_enter(&r, DER_SEQUENCE);

    if (der_next_is(&s, DER_BOOLEAN)) {
        struct span ca = der_value(&s, DER_BOOLEAN);
        out->wants_ca = out->wants_ca || ca.len != 1 || ca.at[0];
    }
    if (der_next_is(&s, DER_INTEGER))
        (void)der_value(&s, DER_INTEGER);
    TRY(reader_end(&s, "BasicConstraints (RFC 5280 section 4.2.1.9)"));
    return reader_end(&r, "BasicConstraints (RFC 5280 section 4.2.1.9)");
}

#define USAGE_KEY_CERT_SIGN 0x04 /* of the first byte: bits 5 and 6 */
#define USAGE_CRL_SIGN 0x02

static fallible read_usage(struct span value, struct csr *out)
{
    struct reader r = reader_of(value);
    struct span bits = der_value(&r, DER_BIT_STRING);

    TRY(reader_end(&r, "KeyUsage (RFC 5280 section 4.2.1.3)"));
    if (bits.len < 1 || bits.at[0] > 7)
        return FAIL(INPUT, "KeyUsage (RFC 5280 section 4.2.1.3)");
    if (bits.len > 1 && (bits.at[1] & (USAGE_KEY_CERT_SIGN | USAGE_CRL_SIGN)))
        out->wants_ca = true;
    return OK;
}

static fallible read_extended_usage(struct span value, struct csr *out)
{
    struct reader r = reader_of(value);
    struct reader list = der_enter(&r, DER_SEQUENCE);

    out->names_usages = true;
    while (!list.failed && list.rest.len) {
        struct span oid = der_value(&list, DER_OID);
        bool server = span_equal(oid, oid_server_auth), client = span_equal(oid, oid_client_auth);
        out->server_auth = out->server_auth || server;
        out->client_auth = out->client_auth || client;
        out->other_usage = out->other_usage || (!server && !client);
    }
    TRY(reader_end(&list, "ExtKeyUsageSyntax (RFC 5280 section 4.2.1.12)"));
    return reader_end(&r, "ExtKeyUsageSyntax (RFC 5280 section 4.2.1.12)");
}

static fallible read_extensions(const struct extensions *e, struct csr *out)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct extension *x = &e->at[i];
        if (span_equal(x->oid, oid_san))
            TRY(san_read(x->value, &out->san, &out->has_other_names));
        else if (span_equal(x->oid, oid_basic_constraints))
            TRY(read_constraints(x->value, out));
        else if (span_equal(x->oid, oid_key_usage))
            TRY(read_usage(x->value, out));
        else if (span_equal(x->oid, oid_extended_key_usage))
            TRY(read_extended_usage(x->value, out));
        else if (!span_equal(x->oid, oid_subject_key_id))
            out->has_other_extensions = true;
    }
    return OK;
}

static fallible read_info(struct span info, struct csr *out)
{
    struct reader r = reader_of(info);
    struct reader t = der_enter(&r, DER_SEQUENCE);
    struct extensions extensions = { .count = 0 };
    struct span attributes = { 0 };

    (void)der_small(&t, 0);
    struct span subject = der_whole(&t, DER_SEQUENCE);
    struct span spki = der_whole(&t, DER_SEQUENCE);
    if (der_next_is(&t, DER_CONTEXT_CONSTRUCTED(0)))
        attributes = der_value(&t, DER_CONTEXT_CONSTRUCTED(0));
    TRY(reader_end(&t, "CertificationRequestInfo (RFC 2986 section 4.1)"));
    TRY(reader_end(&r, "CertificationRequestInfo (RFC 2986 section 4.1)"));
    TRY(read_attributes(attributes, &extensions));
    TRY(read_extensions(&extensions, out));
    if (!out->san)
        out->san = calloc(1, sizeof *out->san);
    if (!out->san)
        return FAIL(SYSTEM, "memory is short");
    TRY(read_subject(subject, out));
    return key_from_spki(spki, &out->key);
}

static fallible parse_der(struct span der, struct csr *out)
{
    struct reader r = reader_of(der);
    struct reader outer = der_enter(&r, DER_SEQUENCE);
    struct csr parsed owned(csr_done) = { 0 };
    bool good = false;

    struct span info = der_whole(&outer, DER_SEQUENCE);
    struct span algorithm = der_whole(&outer, DER_SEQUENCE);
    struct span signature = der_bits(&outer);
    TRY(reader_end(&outer, "CertificationRequest (RFC 2986 section 4.2)"));
    TRY(reader_end(&r, "CertificationRequest (RFC 2986 section 4.2)"));
    TRY(read_info(info, &parsed));
    TRY(signed_check(info, algorithm, signature, parsed.key, &good));
    if (!good)
        return FAIL(INPUT, "the request's own signature is not good");
    *out = parsed;
    parsed = (struct csr){ 0 };
    return OK;
}

fallible csr_parse(struct span text, struct csr *out)
{
    struct buf der owned(buf_done) = buf_of(CSR_DER_MAX);
    struct pem_block block;

    if (text.len > 2 * CSR_DER_MAX)
        return FAIL(LIMIT, "certificate request too long");
    if (text.len && text.at[0] == DER_SEQUENCE)
        return parse_der(text, out);
    TRY(pem_next(&text, &block));
    if (text.len || (!span_equal_str(block.label, "CERTIFICATE REQUEST") &&
                     !span_equal_str(block.label, "NEW CERTIFICATE REQUEST")))
        return FAIL(INPUT, "PEM: not one certificate request");
    TRY(pem_decode(&block, &der));
    return parse_der(buf_span(&der), out);
}

static fallible put_attributes(struct der_writer *w, const char *const *san)
{
    uint8_t room[CSR_DER_MAX / 2];
    size_t all = der_mark(w);

    if (san && san[0]) {
        struct der_writer value = der_writer_of(room, sizeof room);

        TRY(san_put(&value, san));
        w->failed = w->failed || value.failed;
        extension_put(w, oid_san, false, der_written(&value));
        der_wrap(w, DER_SEQUENCE, all);
        der_wrap(w, DER_SET, all);
        der_put_value(w, DER_OID, oid_extension_request);
        der_wrap(w, DER_SEQUENCE, all);
    }
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), all);
    return OK;
}

fallible csr_make(const struct key *k, const char *common_name, const char *const *san,
                  struct buf *pem)
{
    uint8_t *room owned(free) = malloc(CSR_DER_MAX);
    struct buf spki owned(buf_done) = buf_of(4096);

    if (!room)
        return FAIL(SYSTEM, "memory is short");
    struct der_writer w = der_writer_of(room, CSR_DER_MAX);
    TRY(put_attributes(&w, san));
    TRY(key_to_spki(k, &spki));
    der_put(&w, buf_span(&spki));
    TRY(name_put_cn(&w, common_name));
    der_put_small(&w, 0);
    der_wrap(&w, DER_SEQUENCE, CSR_DER_MAX);
    TRY(signed_wrap(&w, k));
    pem_add(pem, "CERTIFICATE REQUEST", der_written(&w));
    return buf_check(pem);
}
