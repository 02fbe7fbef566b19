// SPDX-License-Identifier: Apache-2.0
/* Extensions and names (RFC 5280 sections 4.1.2.4 and 4.2). */
#include "crypto/x509_internal.h"

const struct span oid_subject_key_id = { (const uint8_t *)"\x55\x1d\x0e", 3 };
const struct span oid_key_usage = { (const uint8_t *)"\x55\x1d\x0f", 3 };
const struct span oid_san = { (const uint8_t *)"\x55\x1d\x11", 3 };
const struct span oid_basic_constraints = { (const uint8_t *)"\x55\x1d\x13", 3 };
const struct span oid_crl_number = { (const uint8_t *)"\x55\x1d\x14", 3 };
const struct span oid_authority_key_id = { (const uint8_t *)"\x55\x1d\x23", 3 };
const struct span oid_extended_key_usage = { (const uint8_t *)"\x55\x1d\x25", 3 };
static const struct span oid_common_name = { (const uint8_t *)"\x55\x04\x03", 3 };

static void read_one(struct reader *list, struct extensions *out)
{
    struct extension e = { 0 };
    struct reader r = der_enter(list, DER_SEQUENCE);

    e.oid = der_value(&r, DER_OID);
    if (der_next_is(&r, DER_BOOLEAN))
        e.critical = der_bool(&r);
    e.value = der_value(&r, DER_OCTET_STRING);
    reader_require(list, !r.failed && r.rest.len == 0 && e.oid.len > 0 &&
                             out->count < CERT_EXTENSIONS_MAX);
    for (size_t i = 0; i < out->count; i++)
        reader_require(list, !span_equal(out->at[i].oid, e.oid));
    if (!list->failed)
        out->at[out->count++] = e;
}

void extensions_read(struct reader *r, struct extensions *out)
{
    struct reader list = der_enter(r, DER_SEQUENCE);

    while (!list.failed && list.rest.len)
        read_one(&list, out);
    reader_require(r, !list.failed);
}

struct span extensions_find(const struct extensions *e, struct span oid)
{
    for (size_t i = 0; i < e->count; i++) {
        if (span_equal(e->at[i].oid, oid))
            return e->at[i].value;
    }
    return (struct span){ 0 };
}

bool extensions_unknown_critical(const struct extensions *e, const struct span *known, size_t count)
{
    for (size_t i = 0; i < e->count; i++) {
        bool is_known = false;

        for (size_t k = 0; k < count; k++)
            is_known = is_known || span_equal(e->at[i].oid, known[k]);
        if (e->at[i].critical && !is_known)
            return true;
    }
    return false;
}

fallible key_id_read(struct span value, struct span *out)
{
    struct reader r = reader_of(value);
    struct span id = der_value(&r, DER_OCTET_STRING);

    TRY(reader_end(&r, "subject key identifier (RFC 5280 4.2.1.2)"));
    *out = id;
    return OK;
}

/* Issuer name and serial, [1] and [2], are passed over: the key identifier is what we compare. */
fallible authority_key_id_read(struct span value, struct span *out)
{
    struct reader r = reader_of(value);
    struct reader sequence = der_enter(&r, DER_SEQUENCE);
    struct span id = { 0 };
    uint8_t tag = 0;

    if (der_next_is(&sequence, DER_CONTEXT(0)))
        id = der_value(&sequence, DER_CONTEXT(0));
    while (!sequence.failed && sequence.rest.len)
        (void)der_any(&sequence, &tag);
    TRY(reader_end(&sequence, "authority key identifier (RFC 5280 4.2.1.1)"));
    TRY(reader_end(&r, "authority key identifier (RFC 5280 4.2.1.1)"));
    *out = id;
    return OK;
}

/* One AttributeTypeAndValue. */
static void read_attribute(struct reader *set, struct span *cn, size_t *count)
{
    uint8_t tag = 0;
    struct reader pair = der_enter(set, DER_SEQUENCE);
    struct span oid = der_value(&pair, DER_OID);
    struct reader ahead = pair;
    bool text = der_next_is(&pair, DER_UTF8) || der_next_is(&pair, DER_PRINTABLE) ||
                der_next_is(&pair, DER_IA5);

    (void)der_any(&pair, &tag);
    reader_require(set, !pair.failed && pair.rest.len == 0);
    if (set->failed || !span_equal(oid, oid_common_name))
        return;
    reader_require(set, text);
    *cn = text ? der_value(&ahead, tag) : (struct span){ 0 };
    *count += 1;
}

fallible name_get_cn(struct span name, struct span *out)
{
    struct reader r = reader_of(name);
    struct reader sequence = der_enter(&r, DER_SEQUENCE);
    struct span cn = { 0 };
    size_t count = 0;

    while (!sequence.failed && sequence.rest.len) {
        struct reader set = der_enter(&sequence, DER_SET);

        while (!set.failed && set.rest.len)
            read_attribute(&set, &cn, &count);
        reader_require(&sequence, !set.failed);
    }
    TRY(reader_end(&sequence, "distinguished name (RFC 5280 4.1.2.4)"));
    TRY(reader_end(&r, "distinguished name (RFC 5280 4.1.2.4)"));
    if (count != 1 || span_find(cn, span_from("", 1)) < cn.len)
        return FAIL(INPUT, "name without exactly one common name");
    *out = cn;
    return OK;
}
