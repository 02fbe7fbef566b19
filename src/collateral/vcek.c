// SPDX-License-Identifier: Apache-2.0
#include "collateral/vcek.h"

#include "evidence/der.h"

/* 1.3.6.1.4.1.3704.1 and the arcs below it, as DER content. */
#define AMD_ARC "\x2b\x06\x01\x04\x01\x9c\x78\x01"
#define OID_STRUCT_VERSION SPAN(AMD_ARC "\x01")
#define OID_PRODUCT SPAN(AMD_ARC "\x02")
#define OID_HWID SPAN(AMD_ARC "\x04")
#define OID_CSP_ID SPAN(AMD_ARC "\x05")
#define OID_SPL(n) SPAN(AMD_ARC "\x03" n)
#define DER_IA5_STRING 0x16
#define DER_UTF8_STRING 0x0c
#define CN_MAX 64

const char *snp_key_name(enum snp_key key)
{
    switch (key) {
    case SNP_VCEK:
        return "vcek";
    case SNP_VLEK:
        return "vlek";
    }
    return "";
}

static bool starts(struct span s, const char *prefix)
{
    return span_starts(s, span_str(prefix));
}

/* "Milan-B0": what follows the hyphen is the stepping. Bergamo and Siena are Genoa's dies. */
static enum snp_product product_of(struct span name)
{
    static const struct {
        const char *name;
        enum snp_product product;
    } rows[] = { { "Milan", SNP_MILAN },
                 { "Genoa", SNP_GENOA },
                 { "Bergamo", SNP_GENOA },
                 { "Siena", SNP_GENOA },
                 { "Turin", SNP_TURIN } };
    struct span line = span_head(name, span_find(name, SPAN("-")));

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (span_equal_str(line, rows[i].name))
            return rows[i].product;
    return SNP_PRODUCT_UNKNOWN;
}

enum snp_product snp_issuer_product(struct span common_name, enum snp_key key)
{
    const char *prefix = key == SNP_VCEK ? "SEV-" : "SEV-VLEK-";

    if (!starts(common_name, prefix))
        return SNP_PRODUCT_UNKNOWN;
    struct span name = span_tail(common_name, strlen(prefix));
    for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++)
        if (span_equal_str(name, snp_product_name(p)))
            return p;
    return SNP_PRODUCT_UNKNOWN;
}

static fallible key_read(const struct cert *c, struct vcek *v)
{
    struct buf cn owned(buf_done) = buf_of(CN_MAX);
    struct err e = cert_subject_cn(c, &cn);

    if (e.kind == FAIL_SYSTEM)
        return e;
    if (!failed(e) && span_equal_str(buf_span(&cn), "SEV-VCEK"))
        v->key = SNP_VCEK;
    else if (!failed(e) && span_equal_str(buf_span(&cn), "SEV-VLEK"))
        v->key = SNP_VLEK;
    else
        return FAIL(INPUT, "the certificate is neither a VCEK's nor a VLEK's by its name");
    return key_kind_of(cert_key(c)) == KEY_P384
               ? OK
               : FAIL(INPUT, "the VCEK or VLEK is not a P-384 key");
}

static fallible number_read(const struct cert *c, struct span oid, bool required, uint8_t *out)
{
    struct span der = cert_extension(c, oid);
    struct reader r = reader_of(der);

    *out = 0;
    if (!der.len)
        return required ? FAIL(INPUT,
                               "the VCEK or VLEK certificate lacks an extension that it must have")
                        : OK;
    *out = (uint8_t)der_small_number(&r, DER_INTEGER, UINT8_MAX);
    return reader_end(&r, "an extension of the VCEK or VLEK certificate is malformed");
}

static fallible text_read(const struct cert *c, struct span oid, struct span *out)
{
    struct reader r = reader_of(cert_extension(c, oid));
    struct der_value v = der_next(&r);

    reader_require(&r, v.tag == DER_IA5_STRING || v.tag == DER_UTF8_STRING);
    TRY(reader_end(&r, "an extension of the VCEK or VLEK certificate is malformed"));
    *out = v.content;
    return OK;
}

static fallible tcb_read(const struct cert *c, struct vcek *v)
{
    static const struct span reserved[] = { OID_SPL("\x04"), OID_SPL("\x05"), OID_SPL("\x06"),
                                            OID_SPL("\x07") };
    bool turin = v->product == SNP_TURIN;

    TRY(number_read(c, OID_SPL("\x09"), turin, &v->tcb.fmc));
    TRY(number_read(c, OID_SPL("\x01"), true, &v->tcb.boot_loader));
    TRY(number_read(c, OID_SPL("\x02"), true, &v->tcb.tee));
    TRY(number_read(c, OID_SPL("\x03"), true, &v->tcb.snp));
    TRY(number_read(c, OID_SPL("\x08"), true, &v->tcb.microcode));
    if (!turin && v->tcb.fmc)
        return FAIL(INPUT,
                    "the VCEK or VLEK certificate has an FMC version, which its product has not");
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
        uint8_t spl;
        TRY(number_read(c, reserved[i], false, &spl));
        if (spl)
            return FAIL(INPUT,
                        "the VCEK or VLEK certificate has a version of something that is reserved");
    }
    return OK;
}

/* The octets themselves, without DER around them. */
static fallible hwid_read(const struct cert *c, struct vcek *v)
{
    struct span hwid = cert_extension(c, OID_HWID);
    struct reader r = reader_of(hwid);

    if (hwid.len != (v->product == SNP_TURIN ? SNP_TURIN_CHIP_ID_SIZE : SNP_CHIP_ID_SIZE))
        return FAIL(INPUT, "the VCEK certificate has no HWID of its product's length");
    v->hwid_len = hwid.len;
    reader_copy(&r, v->hwid, hwid.len);
    return reader_end(&r, "HWID");
}

static fallible csp_read(const struct cert *c, struct vcek *v)
{
    struct span id = { 0 };

    TRY(text_read(c, OID_CSP_ID, &id));
    struct reader r = reader_of(id);
    if (!id.len || id.len > CSP_ID_MAX || cert_extension(c, OID_HWID).len)
        return FAIL(INPUT, "the VLEK certificate does not name its cloud provider");
    while (r.rest.len) {
        uint8_t ch = reader_u8(&r);
        reader_require(&r, ch >= ' ' && ch <= '~');
    }
    TRY(reader_end(&r, "the VLEK certificate's cloud provider is not a text"));
    r = reader_of(id);
    reader_copy(&r, v->csp_id, id.len);
    return reader_end(&r, "CSP_ID");
}

fallible vcek_read(const struct cert *c, struct vcek *out)
{
    struct vcek v = { 0 };
    uint8_t version;
    struct span product;

    TRY(key_read(c, &v));
    TRY(number_read(c, OID_STRUCT_VERSION, true, &version));
    TRY(text_read(c, OID_PRODUCT, &product));
    v.product = product_of(product);
    if (v.product == SNP_PRODUCT_UNKNOWN)
        return FAIL(INPUT, "the VCEK or VLEK certificate is for a product that is not known here");
    if (version > 1)
        return FAIL(INPUT, "the VCEK or VLEK certificate's extensions are of an unknown version");
    TRY(tcb_read(c, &v));
    TRY(v.key == SNP_VCEK ? hwid_read(c, &v) : csp_read(c, &v));
    *out = v;
    return OK;
}
