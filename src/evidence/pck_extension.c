// SPDX-License-Identifier: Apache-2.0
#include "evidence/pck_extension.h"

#include "evidence/der.h"

#define ENTRIES_MAX 16 /* seven are published */
#define TCB_ENTRIES 18
#define CONFIGURATION_ENTRIES_MAX 8

/* 1.2.840.113741.1.13.1; every value inside hangs below it. */
static const uint8_t base_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };
const struct span pck_extension_oid = { base_oid, sizeof(base_oid) };

enum entry {
    ENTRY_PPID = 1,
    ENTRY_TCB,
    ENTRY_PCE_ID,
    ENTRY_FMSPC,
    ENTRY_SGX_TYPE,
    ENTRY_INSTANCE,
    ENTRY_CONFIGURATION
};
#define MANDATORY                                                                                  \
    (1U << ENTRY_PPID | 1U << ENTRY_TCB | 1U << ENTRY_PCE_ID | 1U << ENTRY_FMSPC |                 \
     1U << ENTRY_SGX_TYPE)

/* The last arcs of an OID below base_oid, or 0 where it is another's. A second one marks the reader
 * as failed. */
static uint8_t entry_number(struct reader *r, size_t depth, uint8_t parent, uint32_t *seen)
{
    struct reader oid = reader_of(der_expect(r, DER_OID));
    bool ours = span_equal(reader_take(&oid, pck_extension_oid.len), pck_extension_oid);
    if (ours && depth == 2)
        ours = reader_u8(&oid) == parent;
    uint8_t number = reader_u8(&oid);
    if (!ours || oid.failed || oid.rest.len || number == 0 || number > 31)
        return 0;
    reader_require(r, !(*seen & 1U << number));
    *seen |= 1U << number;
    return number;
}

static void tcb_read(struct reader *r, struct pck_extension *x)
{
    struct reader list = reader_of(der_expect(r, DER_SEQUENCE));
    uint32_t seen = 0;

    for (size_t i = 0; i < TCB_ENTRIES; i++) {
        struct reader entry = reader_of(der_expect(&list, DER_SEQUENCE));
        uint8_t number = entry_number(&entry, 2, ENTRY_TCB, &seen);
        if (number >= 1 && number <= SGX_COMPONENTS)
            x->components[number - 1] = (uint8_t)der_small_number(&entry, DER_INTEGER, UINT8_MAX);
        else if (number == 17)
            x->pce_svn = (uint16_t)der_small_number(&entry, DER_INTEGER, UINT16_MAX);
        else if (number == 18)
            der_octets(&entry, x->cpusvn, sizeof(x->cpusvn));
        reader_require(r, !entry.failed && !entry.rest.len);
    }
    reader_require(r, !list.failed && !list.rest.len && seen == 0x7fffe);
}

static void configuration_read(struct reader *r, struct pck_extension *x)
{
    struct reader list = reader_of(der_expect(r, DER_SEQUENCE));
    uint32_t seen = 0;

    for (size_t i = 0; i < CONFIGURATION_ENTRIES_MAX && list.rest.len; i++) {
        struct reader entry = reader_of(der_expect(&list, DER_SEQUENCE));
        uint8_t number = entry_number(&entry, 2, ENTRY_CONFIGURATION, &seen);
        bool on = false;
        if (number >= 1 && number <= 3) {
            on = der_boolean(&entry);
            reader_require(r, !entry.rest.len);
        }
        reader_require(r, !entry.failed);
        x->dynamic_platform |= on && number == 1;
        x->cached_keys |= on && number == 2;
        x->smt_enabled |= on && number == 3;
    }
    reader_require(r, !list.failed && !list.rest.len);
    x->has_configuration = true;
}

static void value_read(struct reader *r, uint8_t number, struct pck_extension *x)
{
    switch (number) {
    case ENTRY_PPID:
        der_octets(r, x->ppid, sizeof(x->ppid));
        break;
    case ENTRY_TCB:
        tcb_read(r, x);
        break;
    case ENTRY_PCE_ID:
        der_octets(r, x->pce_id, sizeof(x->pce_id));
        break;
    case ENTRY_FMSPC:
        der_octets(r, x->fmspc, sizeof(x->fmspc));
        break;
    case ENTRY_SGX_TYPE:
        x->sgx_type = der_small_number(r, DER_ENUMERATED, UINT8_MAX);
        break;
    case ENTRY_INSTANCE:
        der_octets(r, x->instance_id, sizeof(x->instance_id));
        x->has_instance_id = true;
        break;
    case ENTRY_CONFIGURATION:
        configuration_read(r, x);
        break;
    default: /* a later addition: carries no claim of ours */
        reader_rest(r);
        break;
    }
    reader_require(r, !r->rest.len);
}

fallible pck_extension_parse(struct span der, struct pck_extension *out)
{
    struct pck_extension x = { 0 };
    struct reader outer = reader_of(der);
    struct reader r = reader_of(der_expect(&outer, DER_SEQUENCE));
    uint32_t seen = 0;

    TRY(reader_end(&outer, "SGX extension is not one SEQUENCE"));
    for (size_t i = 0; i < ENTRIES_MAX && r.rest.len && !r.failed; i++) {
        struct reader entry = reader_of(der_expect(&r, DER_SEQUENCE));
        uint8_t number = entry_number(&entry, 1, 0, &seen);
        value_read(&entry, number, &x);
        reader_require(&r, !entry.failed);
    }
    TRY(reader_end(&r, "SGX extension of the PCK certificate is malformed"));
    if ((seen & MANDATORY) != MANDATORY)
        return FAIL(INPUT, "SGX extension of the PCK certificate lacks a mandatory value");
    *out = x;
    return OK;
}

enum pck_ca pck_ca_of(struct span issuer_cn)
{
    if (span_find(issuer_cn, SPAN("PCK Processor CA")) < issuer_cn.len)
        return PCK_CA_PROCESSOR;
    if (span_find(issuer_cn, SPAN("PCK Platform CA")) < issuer_cn.len)
        return PCK_CA_PLATFORM;
    return PCK_CA_UNKNOWN;
}

const char *pck_ca_name(enum pck_ca ca)
{
    switch (ca) {
    case PCK_CA_UNKNOWN:
        return "unknown";
    case PCK_CA_PROCESSOR:
        return "processor";
    case PCK_CA_PLATFORM:
        return "platform";
    }
    return "unknown";
}

#define NAME_PARTS_MAX 16
#define EXTENSIONS_MAX 32

static struct span common_name(struct span dn)
{
    struct reader r = reader_of(dn);
    struct span cn = { 0 };

    for (size_t i = 0; i < NAME_PARTS_MAX && r.rest.len; i++) {
        struct reader set = reader_of(der_expect(&r, DER_SET));
        struct reader part = reader_of(der_expect(&set, DER_SEQUENCE));
        struct span oid = der_expect(&part, DER_OID);
        struct der_value value = der_next(&part);
        if (span_equal(oid, SPAN("\x55\x04\x03")))
            cn = value.content;
    }
    return cn;
}

/* The content of the SGX extension among a certificate's extensions. */
static struct span extension_find(struct span extensions)
{
    struct reader outer = reader_of(extensions);
    struct reader r = reader_of(der_expect(&outer, DER_SEQUENCE));

    for (size_t i = 0; i < EXTENSIONS_MAX && r.rest.len; i++) {
        struct reader entry = reader_of(der_expect(&r, DER_SEQUENCE));
        struct span oid = der_expect(&entry, DER_OID);
        struct der_value value = der_next(&entry);
        if (value.tag == DER_BOOLEAN)
            value = der_next(&entry);
        if (span_equal(oid, pck_extension_oid) && value.tag == DER_OCTET_STRING)
            return value.content;
    }
    return (struct span){ 0 };
}

fallible pck_peek(struct span cert_der, struct pck_peek *out)
{
    struct reader outer = reader_of(cert_der);
    struct reader cert = reader_of(der_expect(&outer, DER_SEQUENCE));
    struct reader tbs = reader_of(der_expect(&cert, DER_SEQUENCE));
    struct pck_peek p = { 0 };

    der_next(&tbs); /* version */
    der_next(&tbs); /* serial number */
    der_next(&tbs); /* signature algorithm */
    p.issuer_cn = common_name(der_expect(&tbs, DER_SEQUENCE));
    der_next(&tbs); /* validity */
    der_next(&tbs); /* subject */
    der_next(&tbs); /* public key */
    p.extension = extension_find(der_expect(&tbs, DER_CONTEXT_3));
    TRY(reader_good(&tbs, "PCK certificate is not a certificate"));
    if (!p.extension.len)
        return FAIL(INPUT, "PCK certificate has no SGX extension");
    *out = p;
    return OK;
}
