// SPDX-License-Identifier: Apache-2.0
#include "cli/collateral_fetch.h"

#include "base/hex.h"
#include "base/reader.h"
#include "evidence/snp_report.h"

#define URL_MAX 2048

void fetched_collateral_init(struct fetched_collateral *f)
{
    *f = (struct fetched_collateral){
        .tcb_info = buf_of(COLLATERAL_PART_MAX),
        .qe_identity = buf_of(COLLATERAL_PART_MAX),
        .tcb_signing_chain = buf_of(COLLATERAL_PART_MAX),
        .qe_identity_chain = buf_of(COLLATERAL_PART_MAX),
        .pck_crl = buf_of(COLLATERAL_PART_MAX),
        .pck_crl_issuer_chain = buf_of(COLLATERAL_PART_MAX),
        .root_ca_crl = buf_of(COLLATERAL_PART_MAX),
        .vcek = buf_of(COLLATERAL_PART_MAX),
        .snp_chain = buf_of(COLLATERAL_PART_MAX),
        .snp_crl = buf_of(COLLATERAL_PART_MAX),
        .pck_cert_chain = buf_of(COLLATERAL_PART_MAX),
    };
}

void fetched_collateral_done(struct fetched_collateral *f)
{
    buf_done(&f->tcb_info);
    buf_done(&f->qe_identity);
    buf_done(&f->tcb_signing_chain);
    buf_done(&f->qe_identity_chain);
    buf_done(&f->pck_crl);
    buf_done(&f->pck_crl_issuer_chain);
    buf_done(&f->root_ca_crl);
    buf_done(&f->vcek);
    buf_done(&f->snp_chain);
    buf_done(&f->snp_crl);
    buf_done(&f->pck_cert_chain);
}

struct collateral_raw fetched_collateral_raw(const struct fetched_collateral *f)
{
    return (struct collateral_raw){
        .tcb_info = buf_span(&f->tcb_info),
        .qe_identity = buf_span(&f->qe_identity),
        .tcb_signing_chain = buf_span(&f->tcb_signing_chain),
        .qe_identity_chain = buf_span(&f->qe_identity_chain),
        .pck_crl = buf_span(&f->pck_crl),
        .pck_crl_issuer_chain = buf_span(&f->pck_crl_issuer_chain),
        .root_ca_crl = buf_span(&f->root_ca_crl),
        .vcek = buf_span(&f->vcek),
        .snp_chain = buf_span(&f->snp_chain),
        .snp_crl = buf_span(&f->snp_crl),
        .pck_cert_chain = buf_span(&f->pck_cert_chain),
    };
}

/* Issuer chains come percent-encoded in a header. */
static fallible percent_decode(struct span text, struct buf *out)
{
    struct reader r = reader_of(text);

    while (r.rest.len) {
        uint8_t c = reader_u8(&r);
        if (c == '%')
            TRY(hex_parse_exact(reader_take(&r, 2), &c, 1));
        buf_add_u8(out, c);
    }
    return buf_check(out);
}

/* One document; `chain_header` and `chain` may be NULL. */
static fallible part_fetch(struct http_client *http, const char *url, const char *chain_header,
                           struct buf *body, struct buf *chain)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    const struct http_call call = { .method = "GET", .url = url };

    TRY(http_send(http, &call, &reply));
    if (reply.status >= 500 || reply.status == 429)
        return FAIL(UPSTREAM, "the endorsement cache cannot answer now");
    if (reply.status != 200)
        return OK;
    if (chain)
        TRY(percent_decode(http_reply_header(&reply, chain_header), chain));
    buf_add(body, buf_span(&reply.body));
    return buf_check(body);
}

fallible collateral_fetch_pck(struct http_client *http, const char *base_url,
                              const struct pck_query *query, struct fetched_collateral *out)
{
    struct buf url owned(buf_done) = buf_of(URL_MAX),
                   issuers owned(buf_done) = buf_of(COLLATERAL_PART_MAX);

    buf_addf(&url, "%s/sgx/certification/v4/pckcert?qeid=%s&cpusvn=%s&pcesvn=%s&pceid=%s", base_url,
             query->qe_id, query->cpu_svn, query->pce_svn, query->pce_id);
    if (*query->encrypted_ppid)
        buf_addf(&url, "&encrypted_ppid=%s", query->encrypted_ppid);
    TRY(buf_check(&url));
    TRY(part_fetch(http, buf_str(&url), "sgx-pck-certificate-issuer-chain", &out->pck_cert_chain,
                   &issuers));
    if (!out->pck_cert_chain.len)
        return OK;
    buf_add_u8(&out->pck_cert_chain, '\n');
    buf_add(&out->pck_cert_chain, buf_span(&issuers));
    return buf_check(&out->pck_cert_chain);
}

static fallible intel_fetch(struct http_client *http, const char *base_url,
                            const struct collateral_key *key, struct fetched_collateral *out)
{
    struct buf url owned(buf_done) = buf_of(URL_MAX);

    buf_addf(&url, "%s/%s/certification/v4/tcb?fmspc=%s", base_url, key->tee, key->fmspc);
    TRY(buf_check(&url));
    TRY(part_fetch(http, buf_str(&url), "tcb-info-issuer-chain", &out->tcb_info,
                   &out->tcb_signing_chain));
    buf_clear(&url);
    buf_addf(&url, "%s/%s/certification/v4/qe/identity", base_url, key->tee);
    TRY(part_fetch(http, buf_str(&url), "sgx-enclave-identity-issuer-chain", &out->qe_identity,
                   &out->qe_identity_chain));
    buf_clear(&url);
    buf_addf(&url, "%s/sgx/certification/v4/pckcrl?ca=%s&encoding=der", base_url, key->ca);
    TRY(part_fetch(http, buf_str(&url), "sgx-pck-crl-issuer-chain", &out->pck_crl,
                   &out->pck_crl_issuer_chain));
    buf_clear(&url);
    buf_addf(&url, "%s/sgx/certification/v4/rootcacrl", base_url);
    return part_fetch(http, buf_str(&url), NULL, &out->root_ca_crl, NULL);
}

/* The VCEK of this chip and TCB, if it is one of this product. */
static fallible vcek_fetch(struct http_client *http, const char *base_url,
                           const struct collateral_key *key, enum snp_product product,
                           struct fetched_collateral *out)
{
    struct buf url owned(buf_done) = buf_of(URL_MAX);
    uint8_t bytes[SNP_TCB_SIZE];
    struct snp_tcb t;

    TRY(hex_parse_exact(span_str(key->tcb), bytes, sizeof(bytes)));
    if (!snp_tcb_read(SPAN_OF(bytes), product, &t))
        return OK;
    buf_addf(&url, "%s/vcek/v1/%s/%s?blSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u", base_url,
             snp_product_name(product), key->chip, t.boot_loader, t.tee, t.snp, t.microcode);
    if (product == SNP_TURIN)
        buf_addf(&url, "&fmcSPL=%02u", t.fmc);
    TRY(buf_check(&url));
    return part_fetch(http, buf_str(&url), NULL, &out->vcek, NULL);
}

/* A report of version 2 does not say its product: it is the one that knows the chip. */
static fallible snp_fetch(struct http_client *http, const char *base_url,
                          const struct collateral_key *key, struct fetched_collateral *out)
{
    struct buf url owned(buf_done) = buf_of(URL_MAX);
    enum snp_product product = SNP_PRODUCT_UNKNOWN;

    for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN && product == SNP_PRODUCT_UNKNOWN; p++) {
        if (*key->product && strcmp(key->product, snp_product_name(p)) != 0)
            continue;
        if (*key->chip)
            TRY(vcek_fetch(http, base_url, key, p, out));
        if (*key->product || out->vcek.len)
            product = p;
    }
    if (product == SNP_PRODUCT_UNKNOWN)
        return OK;
    buf_addf(&url, "%s/%s/v1/%s/cert_chain", base_url, key->signer, snp_product_name(product));
    TRY(buf_check(&url));
    TRY(part_fetch(http, buf_str(&url), NULL, &out->snp_chain, NULL));
    buf_clear(&url);
    buf_addf(&url, "%s/%s/v1/%s/crl", base_url, key->signer, snp_product_name(product));
    TRY(part_fetch(http, buf_str(&url), NULL, &out->snp_crl, NULL));
    return out->snp_crl.len
               ? OK
               : FAIL(UPSTREAM, "the endorsement cache has no revocation list of AMD's");
}

fallible collateral_fetch(struct http_client *http, const char *base_url,
                          const struct collateral_key *key, struct fetched_collateral *out)
{
    return strcmp(key->tee, "snp") ? intel_fetch(http, base_url, key, out)
                                   : snp_fetch(http, base_url, key, out);
}
