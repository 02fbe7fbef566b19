// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_pck.h"

#include <ctype.h>

#include "base/hex.h"
#include "collateral/signed_json.h"
#include "evidence/pck_extension.h"

void pck_answer_done(struct pck_answer *a)
{
    free(a->pem);
    free(a->chain);
    *a = (struct pck_answer){ 0 };
}

static bool reaches(const uint8_t *have, const uint8_t *need)
{
    for (size_t i = 0; i < SGX_COMPONENTS; i++)
        if (have[i] < need[i])
            return false;
    return true;
}

/* The position of the level that a certificate reaches; one past the last for none. */
static size_t level_of(const struct pck_cert *c, const struct tcb_info *info)
{
    size_t i = 0;
    while (i < info->level_count &&
           !(reaches(c->components, info->levels[i].sgx) && c->pce_svn >= info->levels[i].pce_svn))
        i++;
    return i;
}

static bool is_better(const struct pck_cert *a, const struct pck_cert *b,
                      const struct tcb_info *info)
{
    size_t la = level_of(a, info), lb = level_of(b, info);
    int order = memcmp(a->components, b->components, SGX_COMPONENTS);
    if (la != lb)
        return la < lb;
    return order ? order > 0 : a->pce_svn > b->pce_svn;
}

size_t pck_select(const struct pck_certs *certs, const struct tcb_info *info,
                  const struct raw_platform *raw)
{
    uint8_t have[SGX_COMPONENTS], pce[2];
    size_t best = certs->count;
    if (failed(hex_parse_exact(span_str(raw->cpu_svn), have, sizeof(have))) ||
        failed(hex_parse_exact(span_str(raw->pce_svn), pce, sizeof(pce))))
        return best;
    for (size_t i = 0; i < certs->count; i++) {
        const struct pck_cert *c = &certs->at[i];
        if (!reaches(have, c->components) || (pce[0] | pce[1] << 8) < c->pce_svn)
            continue;
        if (best == certs->count || is_better(c, &certs->at[best], info))
            best = i;
    }
    return best;
}

static void upper_hex(struct span bytes, char *out)
{
    hex_str(bytes, out);
    for (char *c = out; *c; c++)
        *c = (char)toupper((unsigned char)*c);
}

static fallible read_extension(const struct cert *leaf, struct pck_extension *out)
{
    struct span der = cert_extension(leaf, pck_extension_oid);
    return der.len ? pck_extension_parse(der, out)
                   : FAIL(DENIED, "a PCK certificate without Intel's extension");
}

static fallible ca_of(const struct cert *leaf, char out[10])
{
    struct buf cn owned(buf_done) = buf_of(256);
    TRY(cert_issuer_cn(leaf, &cn));
    switch (pck_ca_of(buf_span(&cn))) {
    case PCK_CA_PLATFORM:
        strcpy(out, "PLATFORM");
        return OK;
    case PCK_CA_PROCESSOR:
        strcpy(out, "PROCESSOR");
        return OK;
    case PCK_CA_UNKNOWN:
        break;
    }
    return FAIL(DENIED, "a PCK certificate by an unknown CA");
}

/* The same platform's: all certificates of one agree in these. */
static fallible check_same(struct pck_certs *certs, const struct cert *leaf,
                           const struct pck_extension *e, const char *pce_id)
{
    char fmspc[13], ca[10], pce[5];
    upper_hex(SPAN_OF(e->fmspc), fmspc);
    upper_hex(SPAN_OF(e->pce_id), pce);
    TRY(ca_of(leaf, ca));
    if (strcmp(pce, pce_id))
        return FAIL(ABSENT, "a PCK certificate of another provisioning enclave");
    if (certs->count && (strcmp(fmspc, certs->fmspc) || strcmp(ca, certs->ca)))
        return FAIL(DENIED, "PCK certificates of different platforms");
    memcpy(certs->fmspc, fmspc, sizeof(fmspc));
    memcpy(certs->ca, ca, sizeof(ca));
    return OK;
}

fallible pck_certs_add(struct pck_certs *certs, struct span pem, const char *chain,
                       const struct root_set *roots, const char *pce_id)
{
    struct chain c owned(chain_done) = { 0 };
    struct pck_extension e;
    struct pck_cert one = { 0 };
    uint8_t tcbm[TCBM_DIGITS / 2];
    TRY(tcs_pck_authenticate(pem, chain, roots, &c));
    TRY(read_extension(c.certs[0], &e));
    TRY(check_same(certs, c.certs[0], &e, pce_id));
    memcpy(tcbm, e.cpusvn, sizeof(e.cpusvn));
    tcbm[16] = (uint8_t)e.pce_svn;
    tcbm[17] = (uint8_t)(e.pce_svn >> 8);
    upper_hex(SPAN_OF(tcbm), one.tcbm);
    memcpy(one.components, e.components, sizeof(one.components));
    one.pce_svn = e.pce_svn;
    one.not_after = cert_not_after(c.certs[0]);
    size_t at = 0;
    while (at < certs->count && strcmp(certs->at[at].tcbm, one.tcbm))
        at++;
    if (at == PCK_CERTS_MAX)
        return FAIL(LIMIT, "a platform with too many PCK certificates");
    if (!(one.pem = span_dup(pem)))
        return FAIL(SYSTEM, "memory for a certificate");
    if (at < certs->count)
        free(certs->at[at].pem);
    else
        certs->count++;
    certs->at[at] = one;
    return OK;
}

static fallible sgx_tcb_info(const struct tcs_pck *p, const char *fmspc, int64_t now,
                             struct tcb_info **out)
{
    struct tcs_id id = { .kind = TCS_TCB_INFO, .early = true };
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    struct signed_json document;
    if (!tcs_fmspc_parse(span_str(fmspc), id.fmspc))
        return FAIL(INPUT, "FMSPC");
    struct err e = tcs_cache_get(p->cache, &id, now, &item);
    if (failed(e) || item.untrusted) {
        id.early = false;
        tcs_item_done(&item);
        item = tcs_item_of();
        TRY(tcs_cache_get(p->cache, &id, now, &item));
    }
    if (item.untrusted)
        return FAIL(UPSTREAM, "the TCB info is signed by nobody we trust");
    TRY(signed_json_split(buf_span(&item.body), "tcbInfo", &document));
    return tcb_info_parse(document.inner, out);
}

fallible tcs_pck_choose(const struct tcs_pck *p, const struct pck_certs *certs,
                        const struct raw_platform *raw, int64_t now, size_t *out)
{
    owned(tcb_info_free) struct tcb_info *info = NULL;
    TRY(sgx_tcb_info(p, certs->fmspc, now, &info));
    size_t at = pck_select(certs, info, raw);
    if (at == certs->count)
        return FAIL(ABSENT, "no certificate suits this TCB");
    *out = at;
    return OK;
}

static fallible load(const struct tcs_pck *p, const struct raw_platform *raw,
                     struct pck_certs *certs, char tcbm[TCBM_DIGITS + 1])
{
    struct store *s = tcs_cache_store(p->cache);
    tcbm[0] = 0;
    store_lock(s);
    struct err e = platform_certs_load(s, raw, certs);
    struct err mapped = failed(e) ? OK : raw_tcb_load(s, raw, tcbm);
    store_unlock(s);
    TRY(e);
    return mapped.kind == FAIL_ABSENT ? OK : mapped;
}

static size_t find_tcbm(const struct pck_certs *certs, const char *tcbm)
{
    size_t at = 0;
    while (at < certs->count && strcmp(certs->at[at].tcbm, tcbm))
        at++;
    return at;
}

static fallible answer_with(const struct tcs_pck *p, const struct pck_certs *certs, size_t at,
                            struct pck_answer *out)
{
    struct pck_answer a owned(pck_answer_done) = { .outcome = PCK_FOUND };
    struct store *s = tcs_cache_store(p->cache);
    memcpy(a.tcbm, certs->at[at].tcbm, sizeof(a.tcbm));
    memcpy(a.fmspc, certs->fmspc, sizeof(a.fmspc));
    memcpy(a.ca, certs->ca, sizeof(a.ca));
    store_lock(s);
    struct err e = pck_chain_load(s, certs->ca, &a.chain);
    store_unlock(s);
    TRY(e);
    if (!(a.pem = strdup(certs->at[at].pem)))
        return FAIL(SYSTEM, "memory for a certificate");
    *out = a;
    a = (struct pck_answer){ 0 };
    return OK;
}

/* A raw TCB that was not asked for before. */
static fallible choose_and_keep(const struct tcs_pck *p, const struct pck_certs *certs,
                                const struct raw_platform *raw, int64_t now, struct pck_answer *out)
{
    struct store *s = tcs_cache_store(p->cache);
    size_t at;
    struct err e = tcs_pck_choose(p, certs, raw, now, &at);
    if (e.kind == FAIL_ABSENT || e.kind == FAIL_UPSTREAM) {
        out->outcome = e.kind == FAIL_ABSENT ? PCK_NONE_SUITS : PCK_UPSTREAM_FAILS;
        return OK;
    }
    TRY(e);
    store_lock(s);
    e = raw_tcb_save(s, raw, certs->at[at].tcbm);
    store_unlock(s);
    TRY(e);
    return answer_with(p, certs, at, out);
}

fallible tcs_pck_get(const struct tcs_pck *p, const struct raw_platform *raw, int64_t now,
                     struct pck_answer *out)
{
    struct pck_certs certs owned(pck_certs_done) = { 0 };
    enum pck_outcome outcome = PCK_FOUND;
    char tcbm[TCBM_DIGITS + 1];
    TRY(tcs_cache_check_clock(p->cache, now));
    struct err e = load(p, raw, &certs, tcbm);
    if (failed(e) && e.kind != FAIL_ABSENT)
        return e;
    bool known = !failed(e);
    size_t at = known ? find_tcbm(&certs, tcbm) : 0;
    if (known && at < certs.count && certs.at[at].not_after >= now)
        return answer_with(p, &certs, at, out);
    /* A PCS has given all certificates of a platform; a PCCS gives the one for this raw TCB. */
    if (!known || !p->upstreams->api_key_header) {
        TRY(tcs_pck_provide_once(p, raw, &outcome, &out->retry_seconds));
        if (outcome == PCK_FOUND) {
            pck_certs_done(&certs);
            TRY(load(p, raw, &certs, tcbm));
            at = find_tcbm(&certs, tcbm);
            if (at < certs.count)
                return answer_with(p, &certs, at, out);
            known = true;
        }
    }
    if (known)
        return choose_and_keep(p, &certs, raw, now, out);
    out->outcome = outcome;
    return OK;
}
