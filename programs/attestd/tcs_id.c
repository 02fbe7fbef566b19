// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_id.h"

#include <ctype.h>

#include "base/hex.h"

#define PARTS_MAX 5
#define TURIN_CHIP_DIGITS 16

static const char *const products[] = {
    [AMD_MILAN] = "Milan",
    [AMD_GENOA] = "Genoa",
    [AMD_TURIN] = "Turin",
};

const char *amd_product_name(enum amd_product product)
{
    return products[product];
}

bool amd_product_parse(struct span name, enum amd_product *out)
{
    for (size_t i = 0; i < sizeof(products) / sizeof(products[0]); i++)
        if (span_equal_str(name, products[i])) {
            *out = (enum amd_product)i;
            return true;
        }
    return false;
}

static const char *tee_of(const struct tcs_id *id)
{
    return id->tdx ? "tdx" : "sgx";
}

static const char *update_of(const struct tcs_id *id)
{
    return id->early ? "early" : "standard";
}

static const char *ca_of(const struct tcs_id *id)
{
    return id->platform_ca ? "platform" : "processor";
}

static const char *endorser_of(const struct tcs_id *id)
{
    return id->vlek ? "vlek" : "vcek";
}

bool tcs_id_is_amd(const struct tcs_id *id)
{
    switch (id->kind) {
    case TCS_TCB_INFO:
    case TCS_QE_IDENTITY:
    case TCS_QVE_IDENTITY:
    case TCS_PCK_CRL:
    case TCS_ROOT_CRL:
        return false;
    case TCS_AMD_CHAIN:
    case TCS_AMD_CRL:
    case TCS_VCEK:
        break;
    }
    return true;
}

void tcs_id_key(const struct tcs_id *id, char out[TCS_KEY_MAX])
{
    const struct vcek_id *v = &id->vcek;
    switch (id->kind) {
    case TCS_TCB_INFO:
        snprintf(out, TCS_KEY_MAX, "%s/tcb/%s/%s", tee_of(id), id->fmspc, update_of(id));
        return;
    case TCS_QE_IDENTITY:
        snprintf(out, TCS_KEY_MAX, "%s/qe-identity/%s", tee_of(id), update_of(id));
        return;
    case TCS_QVE_IDENTITY:
        snprintf(out, TCS_KEY_MAX, "sgx/qve-identity/%s", update_of(id));
        return;
    case TCS_PCK_CRL:
        snprintf(out, TCS_KEY_MAX, "pckcrl/%s", ca_of(id));
        return;
    case TCS_ROOT_CRL:
        snprintf(out, TCS_KEY_MAX, "rootcacrl");
        return;
    case TCS_AMD_CHAIN:
        snprintf(out, TCS_KEY_MAX, "%s/%s/cert_chain", endorser_of(id), products[id->product]);
        return;
    case TCS_AMD_CRL:
        snprintf(out, TCS_KEY_MAX, "%s/%s/crl", endorser_of(id), products[id->product]);
        return;
    case TCS_VCEK:
        snprintf(out, TCS_KEY_MAX, "vcek/%s/%s/%02u-%02u-%02u-%02u-%02u", products[id->product],
                 v->chip, v->boot_loader, v->tee, v->snp, v->microcode, v->fmc);
        return;
    }
}

void tcs_id_path(const struct tcs_id *id, struct buf *out)
{
    const struct vcek_id *v = &id->vcek;
    switch (id->kind) {
    case TCS_TCB_INFO:
        buf_addf(out, "/%s/certification/v4/tcb?fmspc=%s&update=%s", tee_of(id), id->fmspc,
                 update_of(id));
        return;
    case TCS_QE_IDENTITY:
        buf_addf(out, "/%s/certification/v4/qe/identity?update=%s", tee_of(id), update_of(id));
        return;
    case TCS_QVE_IDENTITY:
        buf_addf(out, "/sgx/certification/v4/qve/identity?update=%s", update_of(id));
        return;
    case TCS_PCK_CRL:
        buf_addf(out, "/sgx/certification/v4/pckcrl?ca=%s&encoding=der", ca_of(id));
        return;
    case TCS_ROOT_CRL:
        buf_addf(out, "/sgx/certification/v4/rootcacrl");
        return;
    case TCS_AMD_CHAIN:
        buf_addf(out, "/%s/v1/%s/cert_chain", endorser_of(id), products[id->product]);
        return;
    case TCS_AMD_CRL:
        buf_addf(out, "/%s/v1/%s/crl", endorser_of(id), products[id->product]);
        return;
    case TCS_VCEK:
        buf_addf(out, "/vcek/v1/%s/%s?blSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u",
                 products[id->product], v->chip, v->boot_loader, v->tee, v->snp, v->microcode);
        if (id->product == AMD_TURIN)
            buf_addf(out, "&fmcSPL=%02u", v->fmc);
        return;
    }
}

const char *tcs_chain_header(const struct tcs_id *id)
{
    switch (id->kind) {
    case TCS_TCB_INFO:
        return "TCB-Info-Issuer-Chain";
    case TCS_QE_IDENTITY:
    case TCS_QVE_IDENTITY:
        return "SGX-Enclave-Identity-Issuer-Chain";
    case TCS_PCK_CRL:
        return "SGX-PCK-CRL-Issuer-Chain";
    case TCS_ROOT_CRL:
    case TCS_AMD_CHAIN:
    case TCS_AMD_CRL:
    case TCS_VCEK:
        break;
    }
    return NULL;
}

bool tcs_fmspc_parse(struct span text, char out[FMSPC_DIGITS + 1])
{
    uint8_t bytes[FMSPC_DIGITS / 2];
    if (failed(hex_parse_exact(text, bytes, sizeof(bytes))))
        return false;
    hex_str(SPAN_OF(bytes), out);
    for (char *c = out; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return true;
}

bool amd_chip_parse(enum amd_product product, struct span text, char out[CHIP_ID_DIGITS + 1])
{
    uint8_t bytes[CHIP_ID_DIGITS / 2];
    size_t digits = product == AMD_TURIN ? TURIN_CHIP_DIGITS : CHIP_ID_DIGITS;
    if (failed(hex_parse_exact(text, bytes, digits / 2)))
        return false;
    hex_str(span_from(bytes, digits / 2), out);
    return true;
}

/* "a/b/c" into its parts; 0: too many. */
static size_t split(struct span key, struct span parts[PARTS_MAX])
{
    size_t count = 0;
    for (bool more = true; more && count < PARTS_MAX; count++) {
        size_t end = span_find(key, SPAN("/"));
        more = end < key.len;
        parts[count] = span_head(key, end);
        key = span_tail(key, end + 1);
    }
    return key.len ? 0 : count;
}

static bool read_update(struct span word, struct tcs_id *id)
{
    id->early = span_equal_str(word, "early");
    return true;
}

/* "03-00-08-115-00" */
static bool read_tcb(struct span text, struct vcek_id *v)
{
    uint8_t *const to[] = { &v->boot_loader, &v->tee, &v->snp, &v->microcode, &v->fmc };
    for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
        unsigned n = 0;
        size_t end = span_find(text, SPAN("-"));
        if (!end || end > 3)
            return false;
        for (size_t k = 0; k < end; k++)
            n = n * 10 + (unsigned)(text.at[k] - '0');
        if (n > UINT8_MAX)
            return false;
        *to[i] = (uint8_t)n;
        text = span_tail(text, end + 1);
    }
    return true;
}

static bool read_amd(const struct span *parts, size_t count, struct tcs_id *id)
{
    id->vlek = span_equal_str(parts[0], "vlek");
    if (count < 3 || !amd_product_parse(parts[1], &id->product))
        return false;
    id->kind = span_equal_str(parts[2], "cert_chain") ? TCS_AMD_CHAIN : TCS_AMD_CRL;
    if (count == 3)
        return true;
    id->kind = TCS_VCEK;
    return amd_chip_parse(id->product, parts[2], id->vcek.chip) && read_tcb(parts[3], &id->vcek);
}

static bool read_parts(const struct span *parts, size_t count, struct tcs_id *id)
{
    id->tdx = span_equal_str(parts[0], "tdx");
    if (span_equal_str(parts[0], "vcek") || span_equal_str(parts[0], "vlek"))
        return read_amd(parts, count, id);
    if (count == 1) {
        id->kind = TCS_ROOT_CRL;
        return true;
    }
    if (count == 2) {
        id->kind = TCS_PCK_CRL;
        id->platform_ca = span_equal_str(parts[1], "platform");
        return true;
    }
    if (count == 3) {
        id->kind = span_equal_str(parts[1], "qve-identity") ? TCS_QVE_IDENTITY : TCS_QE_IDENTITY;
        return read_update(parts[2], id);
    }
    id->kind = TCS_TCB_INFO;
    return tcs_fmspc_parse(parts[2], id->fmspc) && read_update(parts[3], id);
}

fallible tcs_id_parse(struct span key, struct tcs_id *out)
{
    struct span parts[PARTS_MAX] = { 0 };
    struct tcs_id id = { 0 };
    char again[TCS_KEY_MAX];
    size_t count = split(key, parts);
    if (!count || !read_parts(parts, count, &id))
        return FAIL(INPUT, "no such thing is kept here");
    tcs_id_key(&id, again); /* whatever was read leniently shows here */
    if (!span_equal_str(key, again))
        return FAIL(INPUT, "no such thing is kept here");
    *out = id;
    return OK;
}
