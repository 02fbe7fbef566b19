// SPDX-License-Identifier: Apache-2.0
#include "teesim/snp_forge.h"

#include "base/writer.h"
#include "crypto/signature.h"
#include "teesim/der.h"
#include "teesim/forge.h"

#define AMD_ARC "1.3.6.1.4.1.3704.1."
#define TABLE_MAX (24U << 10)
#define EXTENSIONS_MAX 2048
#define POLICY_GOOD 0x03
#define GUID_SIZE 16

static void put_tcb(const int spl[FORGE_SPL_COUNT], enum snp_product product, uint8_t *to)
{
    memset(to, 0, SNP_TCB_SIZE);
    if (product == SNP_TURIN) {
        to[0] = (uint8_t)spl[9];
        to[1] = (uint8_t)spl[1];
        to[2] = (uint8_t)spl[2];
        to[3] = (uint8_t)spl[3];
    } else {
        to[0] = (uint8_t)spl[1];
        to[1] = (uint8_t)spl[2];
        to[6] = (uint8_t)spl[3];
    }
    to[7] = (uint8_t)spl[8];
}

static void put_cpuid(enum snp_product product, uint8_t *to)
{
    static const uint8_t ids[][3] = { [SNP_PRODUCT_UNKNOWN] = { 0 },
                                      [SNP_MILAN] = { 0x19, 0x01, 1 },
                                      [SNP_GENOA] = { 0x19, 0x11, 1 },
                                      [SNP_TURIN] = { 0x1a, 0x02, 1 } };
    memcpy(to, ids[product], sizeof(ids[product]));
}

static void fill_vcek(enum snp_product product, bool vlek, struct forge_vcek *v)
{
    bool turin = product == SNP_TURIN;

    *v = (struct forge_vcek){ .structure = turin, .product = snp_product_name(product) };
    for (size_t i = 0; i < FORGE_SPL_COUNT; i++)
        v->spl[i] = 0;
    v->spl[0] = -1;
    v->spl[1] = 4;
    v->spl[3] = 24;
    v->spl[8] = 219;
    v->spl[9] = turin ? 1 : -1;
    if (vlek) {
        v->csp_id = "CN=teesim.example";
        return;
    }
    v->hwid_len = turin ? SNP_TURIN_CHIP_ID_SIZE : SNP_CHIP_ID_SIZE;
    for (size_t i = 0; i < v->hwid_len; i++)
        v->hwid[i] = (uint8_t)(0xc0 + i);
}

static void fill_report(struct forge_snp_knobs *k)
{
    uint8_t *b = k->report;

    b[FORGE_SNP_VERSION] = k->pki->product == SNP_TURIN ? 5 : 3;
    b[FORGE_SNP_POLICY + 2] = POLICY_GOOD;
    b[FORGE_SNP_ALGORITHM] = 1;
    b[FORGE_SNP_PLATFORM_INFO] = 0x25;
    b[FORGE_SNP_KEY_INFO] = (uint8_t)((k->vlek ? SNP_SIGNED_BY_VLEK : SNP_SIGNED_BY_VCEK) << 2);
    forge_default_measurement(FORGE_TDX4, b + FORGE_SNP_MEASUREMENT);
    put_tcb(k->vcek.spl, k->pki->product, b + FORGE_SNP_CURRENT_TCB);
    put_tcb(k->vcek.spl, k->pki->product, b + FORGE_SNP_REPORTED_TCB);
    put_tcb(k->vcek.spl, k->pki->product, b + FORGE_SNP_COMMITTED_TCB);
    put_tcb(k->vcek.spl, k->pki->product, b + FORGE_SNP_LAUNCH_TCB);
    put_cpuid(k->pki->product, b + FORGE_SNP_CPUID);
    memcpy(b + FORGE_SNP_CHIP_ID, k->vcek.hwid, k->vcek.hwid_len);
    memcpy(b + 0x1e8, "\x1d\x37\x01\x00\x1d\x37\x01", 7); /* firmware 1.55.29 */
    memset(b + 0x160, 0xff, 32);                          /* no migration agent */
}

void forge_snp_defaults(const struct forge_snp_pki *pki, bool vlek, int64_t now,
                        struct forge_snp_knobs *out)
{
    struct forge_snp_knobs k = { .pki = pki, .vlek = vlek, .signer = vlek ? pki->vlek : pki->vcek };

    fill_vcek(pki->product, vlek, &k.vcek);
    fill_report(&k);
    k.leaf = forge_snp_leaf_form(pki, vlek);
    k.intermediate = forge_snp_intermediate_form(pki, vlek);
    k.crl =
        forge_snp_crl_form(pki, now - FORGE_ISSUED_AGO, now - FORGE_ISSUED_AGO + FORGE_LIFETIME);
    *out = k;
}

static void add_number(struct buf *b, const char *arc, int value, bool wide)
{
    struct buf content owned(buf_done) = buf_of(16);
    char oid[48];

    if (value < 0)
        return;
    snprintf(oid, sizeof(oid), AMD_ARC "%s", arc);
    forge_der_number(&content, DER_INTEGER, wide ? 0x100U + (unsigned)value : (unsigned)value);
    forge_extension_add(b, oid, buf_span(&content));
}

static void add_text(struct buf *b, const char *oid, const char *text)
{
    struct buf content owned(buf_done) = buf_of(512);

    if (!text)
        return;
    forge_der_add(&content, DER_IA5, span_str(text));
    forge_extension_add(b, oid, buf_span(&content));
}

static void add_extensions(struct buf *b, const struct forge_vcek *v)
{
    add_number(b, "1", v->structure, false);
    add_text(b, AMD_ARC "2", v->product);
    for (int i = 1; i < FORGE_SPL_COUNT; i++) {
        char arc[8];
        snprintf(arc, sizeof(arc), "3.%d", i);
        add_number(b, arc, v->spl[i], i == 1 && v->spl_long);
        if (i == 1 && v->spl_twice)
            add_number(b, arc, v->spl[i], false);
    }
    if (v->hwid_len)
        forge_extension_add(b, AMD_ARC "4", span_from(v->hwid, v->hwid_len));
    add_text(b, AMD_ARC "5", v->csp_id);
}

fallible forge_snp_key_certificate(const struct forge_snp_knobs *k, struct buf *der)
{
    struct buf extra owned(buf_done) = buf_of(EXTENSIONS_MAX);
    struct forge_certificate form = k->leaf;

    if (!form.extra.len) {
        add_extensions(&extra, &k->vcek);
        TRY(buf_check(&extra));
        form.extra = buf_span(&extra);
    }
    return forge_certificate_write(&form, der);
}

static fallible issuers(const struct forge_snp_knobs *k, struct buf *intermediate, struct buf *root)
{
    if (k->intermediate_der.len)
        buf_add(intermediate, k->intermediate_der);
    else
        TRY(forge_certificate_write(&k->intermediate, intermediate));
    buf_add(root, k->root_der.len ? k->root_der : buf_span(&k->pki->ark.der));
    return OK;
}

fallible forge_snp_chain(const struct forge_snp_knobs *k, struct buf *pem)
{
    struct buf intermediate owned(buf_done) = buf_of(FORGE_CERT_MAX),
                            root owned(buf_done) = buf_of(FORGE_CERT_MAX);

    TRY(issuers(k, &intermediate, &root));
    forge_certificate_pem(buf_span(&intermediate), pem);
    forge_certificate_pem(buf_span(&root), pem);
    return buf_check(pem);
}

static void add_entry(struct buf *table, struct buf *bodies, const char *guid, size_t header,
                      struct span certificate)
{
    buf_add(table, span_from(guid, GUID_SIZE));
    write_u32le(table, (uint32_t)(header + bodies->len));
    write_u32le(table, (uint32_t)certificate.len);
    buf_add(bodies, certificate);
}

fallible forge_snp_table(const struct forge_snp_knobs *k, struct buf *table)
{
    struct buf key owned(buf_done) = buf_of(FORGE_CERT_MAX),
                   bodies owned(buf_done) = buf_of(TABLE_MAX);
    struct buf intermediate owned(buf_done) = buf_of(FORGE_CERT_MAX),
                            root owned(buf_done) = buf_of(FORGE_CERT_MAX);
    const size_t header = 4 * (GUID_SIZE + 8);

    TRY(forge_snp_key_certificate(k, &key));
    TRY(issuers(k, &intermediate, &root));
    add_entry(table, &bodies,
              k->vlek ? "\xc2\x4b\x07\xa8\x5a\xa2\x3e\x48\xaa\xe6\x39\xc0\x45\xa0\xb8\xa1"
                      : "\x8d\x75\xda\x63\x64\xe6\x64\x45\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd",
              header, buf_span(&key));
    add_entry(table, &bodies, "\x79\xb3\xb7\x4a\xac\xbb\xe4\x4f\xa0\x2f\x05\xae\xf3\x27\xc7\x82",
              header, buf_span(&intermediate));
    add_entry(table, &bodies, "\xa4\x06\xb4\xc0\x03\xa8\x52\x49\x97\x43\x3f\xb6\x01\x4c\xd0\xae",
              header, buf_span(&root));
    for (size_t i = 0; i < GUID_SIZE + 8; i++)
        buf_add_u8(table, 0);
    buf_add(table, buf_span(&bodies));
    return buf_check(table);
}

static void put_number(const uint8_t *big_endian, uint8_t *to)
{
    for (size_t i = 0; i < SNP_SIGNATURE_SIZE / 2; i++)
        to[i] = big_endian[SNP_SIGNATURE_SIZE / 2 - 1 - i];
}

fallible forge_snp_sign(const struct forge_snp_knobs *k, struct buf *report)
{
    struct buf raw owned(buf_done) = buf_of(SIGNATURE_MAX);
    uint8_t b[SNP_REPORT_SIZE];

    memcpy(b, k->report, sizeof(b));
    TRY(signature_make(k->signer, SIGNATURE_ECDSA, DIGEST_SHA384, span_from(b, SNP_SIGNED_SIZE),
                       &raw));
    memset(b + FORGE_SNP_SIGNATURE, 0, SNP_REPORT_SIZE - FORGE_SNP_SIGNATURE);
    if (raw.len == SNP_SIGNATURE_SIZE) {
        put_number(raw.at, b + FORGE_SNP_SIGNATURE);
        put_number(raw.at + SNP_SIGNATURE_SIZE / 2, b + FORGE_SNP_SIGNATURE + 72);
    }
    for (size_t i = 0; i < FORGE_SNP_LATER_MAX; i++)
        b[k->later[i].at] ^= k->later[i].flip;
    buf_add(report, SPAN_OF(b));
    return buf_check(report);
}

void forge_snp_set_init(struct forge_snp_set *s)
{
    *s = (struct forge_snp_set){ .report = buf_of(FORGE_SNP_EVIDENCE_MAX),
                                 .key = buf_of(FORGE_CERT_MAX),
                                 .chain = buf_of(4 * FORGE_CERT_MAX),
                                 .crl = buf_of(1U << 20),
                                 .evidence = buf_of(FORGE_SNP_EVIDENCE_MAX) };
}

void forge_snp_set_done(struct forge_snp_set *s)
{
    struct buf *all[] = { &s->report, &s->key, &s->chain, &s->crl, &s->evidence };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buf_done(all[i]);
}

fallible forge_snp_make(const struct forge_snp_knobs *k, struct forge_snp_set *out)
{
    struct buf *all[] = { &out->report, &out->key, &out->chain, &out->crl, &out->evidence };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buf_clear(all[i]);
    TRY(forge_snp_sign(k, &out->report));
    TRY(forge_snp_key_certificate(k, &out->key));
    TRY(forge_snp_chain(k, &out->chain));
    if (!k->no_crl)
        TRY(forge_crl_write(&k->crl, &out->crl));
    buf_add(&out->evidence, buf_span(&out->report));
    return forge_snp_table(k, &out->evidence);
}
