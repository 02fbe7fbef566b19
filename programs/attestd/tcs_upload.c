// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_upload.h"

#include "base/hex.h"

static const char *const cas[] = { "PLATFORM", "PROCESSOR" };
#define CAS 2

void tcs_upload_done(struct tcs_upload *u)
{
    tcs_delivery_done(&u->collateral);
    for (size_t i = 0; i < u->arrival_count; i++) {
        raw_platform_done(&u->arrivals[i].raw);
        pck_certs_done(&u->arrivals[i].certs);
    }
    for (size_t i = 0; i < u->platform_count; i++)
        raw_platform_done(&u->platforms[i]);
    for (size_t i = 0; i < CAS; i++)
        free(u->chains[i]);
    free(u->arrivals);
    free(u->platforms);
    *u = (struct tcs_upload){ 0 };
}

static struct span text_of(const json_t *object, const char *name)
{
    const json_t *j = json_object_get(object, name);
    return span_from(json_string_value(j), json_string_length(j));
}

static fallible set_chain(struct tcs_item *item, const json_t *certificates, const char *name)
{
    struct span chain = text_of(certificates, name);
    if (!chain.len || chain.len > TCS_CHAIN_MAX)
        return FAIL(INPUT, "an issuer chain is missing");
    item->chain = span_dup(chain);
    return item->chain ? OK : FAIL(SYSTEM, "memory for a chain");
}

static fallible add_item(struct tcs_upload *u, const struct tcs_id *id, struct span body,
                         const json_t *certificates, const char *chain)
{
    struct tcs_brought *b = tcs_delivery_add(&u->collateral, id);
    if (!b)
        return FAIL(LIMIT, "too much at once");
    buf_add(&b->item.body, body);
    TRY(buf_check(&b->item.body));
    return chain ? set_chain(&b->item, certificates, chain) : OK;
}

/* As Intel signed it: a text stays as it is; an object is written compactly, its members in their
 * order, which is the signed form. The signature decides. */
static fallible add_document(struct tcs_upload *u, const struct tcs_id *id, const json_t *document,
                             const json_t *certificates)
{
    if (!document || json_is_null(document))
        return OK;
    char *text owned(free) = json_is_object(document) ? json_text(document) : NULL;
    if (!text && !json_is_string(document))
        return FAIL(INPUT, "a document is neither object nor text");
    struct span body = text ? span_str(text)
                            : span_from(json_string_value(document), json_string_length(document));
    return body.len ? add_item(u, id, body, certificates, tcs_chain_header(id)) : OK;
}

static fallible read_tcb_infos(struct tcs_upload *u, const json_t *list, const json_t *certificates)
{
    static const struct {
        const char *member;
        bool tdx, early;
    } kinds[] = {
        { "sgx_tcbinfo", false, false },
        { "tdx_tcbinfo", true, false },
        { "sgx_tcbinfo_early", false, true },
        { "tdx_tcbinfo_early", true, true },
    };
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            struct tcs_id id = { .kind = TCS_TCB_INFO,
                                 .tdx = kinds[k].tdx,
                                 .early = kinds[k].early };
            if (!tcs_fmspc_parse(text_of(one, "fmspc"), id.fmspc))
                return FAIL(INPUT, "fmspc");
            TRY(add_document(u, &id, json_object_get(one, kinds[k].member), certificates));
        }
    }
    return OK;
}

static fallible read_identities(struct tcs_upload *u, const json_t *c, const json_t *certificates)
{
    static const struct {
        const char *member;
        struct tcs_id id;
    } kinds[] = {
        { "qeidentity", { .kind = TCS_QE_IDENTITY } },
        { "tdqeidentity", { .kind = TCS_QE_IDENTITY, .tdx = true } },
        { "qveidentity", { .kind = TCS_QVE_IDENTITY } },
        { "qeidentity_early", { .kind = TCS_QE_IDENTITY, .early = true } },
        { "tdqeidentity_early", { .kind = TCS_QE_IDENTITY, .tdx = true, .early = true } },
        { "qveidentity_early", { .kind = TCS_QVE_IDENTITY, .early = true } },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        TRY(add_document(u, &kinds[i].id, json_object_get(c, kinds[i].member), certificates));
    return OK;
}

static fallible read_crls(struct tcs_upload *u, const json_t *c, const json_t *certificates)
{
    static const char *const members[CAS] = { "platformCrl", "processorCrl" };
    const json_t *crls = json_object_get(c, "pckcacrl");
    const json_t *chains = json_object_get(certificates, "SGX-PCK-Certificate-Issuer-Chain");
    for (size_t i = 0; i < CAS; i++) {
        const struct tcs_id id = { .kind = TCS_PCK_CRL, .platform_ca = !i };
        struct span chain = text_of(chains, cas[i]), crl = text_of(crls, members[i]);
        if (chain.len > TCS_CHAIN_MAX)
            return FAIL(INPUT, "an issuer chain is too long");
        if (chain.len && !(u->chains[i] = span_dup(chain)))
            return FAIL(SYSTEM, "memory for a chain");
        if (crl.len)
            TRY(add_item(u, &id, crl, chains, cas[i]));
    }
    struct span root = text_of(c, "rootcacrl");
    return root.len ? add_item(u, &(struct tcs_id){ .kind = TCS_ROOT_CRL }, root, NULL, NULL) : OK;
}

/* Under whichever CA's chain it belongs. */
static fallible add_cert(struct tcs_upload *u, struct tcs_arrival *a, struct span pem,
                         const struct root_set *roots)
{
    struct err e = FAIL(INPUT, "the issuer chain of a PCK certificate is missing");
    for (size_t i = 0; i < CAS; i++) {
        if (!u->chains[i])
            continue;
        e = pck_certs_add(&a->certs, pem, u->chains[i], roots, a->raw.pce_id);
        if (!failed(e) || e.kind == FAIL_SYSTEM)
            return e;
    }
    return e;
}

static fallible add_certs(struct tcs_upload *u, struct tcs_arrival *a, const json_t *certs,
                          const struct root_set *roots)
{
    for (size_t i = 0; i < json_array_size(certs); i++) {
        struct buf pem owned(buf_done) = buf_of(TCS_CHAIN_MAX);
        const char *cert = json_string_value(json_object_get(json_array_get(certs, i), "cert"));
        if (!cert)
            return FAIL(INPUT, "a PCK certificate is missing");
        if (!strcmp(cert, "Not available")) {
            a->some_missing = true;
            continue;
        }
        TRY(tcs_chain_decode(cert, &pem));
        TRY(add_cert(u, a, buf_span(&pem), roots));
    }
    return OK;
}

/* Room for as many as the list has. */
static fallible make_room(const json_t *list, size_t size, void **out)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > UPLOAD_PLATFORMS_MAX)
        return FAIL(INPUT, "a list of platforms is none, or too long");
    *out = calloc(count + 1, size);
    return *out ? OK : FAIL(SYSTEM, "memory for platforms");
}

static fallible read_pck_certs(struct tcs_upload *u, const json_t *list,
                               const struct root_set *roots)
{
    if (!list)
        return OK;
    TRY(make_room(list, sizeof(*u->arrivals), (void **)&u->arrivals));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        struct tcs_arrival *a = &u->arrivals[i];
        TRY(raw_platform_set(&a->raw, text_of(one, "qe_id"), text_of(one, "pce_id"), SPAN(""),
                             SPAN(""), text_of(one, "enc_ppid"), text_of(one, "platform_manifest"),
                             true));
        u->arrival_count++;
        TRY(add_certs(u, a, json_object_get(one, "certs"), roots));
    }
    return OK;
}

static fallible read_platforms(struct tcs_upload *u, const json_t *list)
{
    TRY(make_room(list, sizeof(*u->platforms), (void **)&u->platforms));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        TRY(raw_platform_set(&u->platforms[i], text_of(one, "qe_id"), text_of(one, "pce_id"),
                             text_of(one, "cpu_svn"), text_of(one, "pce_svn"),
                             text_of(one, "enc_ppid"), text_of(one, "platform_manifest"), true));
        u->platform_count++;
    }
    return OK;
}

fallible tcs_upload_read(struct span body, const struct root_set *roots, struct tcs_upload *out)
{
    struct tcs_upload u owned(tcs_upload_done) = { 0 };
    owned(json_free) json_t *j = NULL;
    const json_t *c, *certificates = NULL;
    TRY(json_parse_object(body, &j));
    TRY(json_get_object(j, "collaterals", "collaterals", &c));
    if (json_object_get(c, "certificates"))
        TRY(json_get_object(c, "certificates", "certificates", &certificates));
    TRY(read_platforms(&u, json_object_get(j, "platforms")));
    TRY(read_crls(&u, c, certificates));
    TRY(read_tcb_infos(&u, json_object_get(c, "tcbinfos"), certificates));
    TRY(read_identities(&u, c, certificates));
    TRY(read_pck_certs(&u, json_object_get(c, "pck_certs"), roots));
    *out = u;
    u = (struct tcs_upload){ 0 };
    return OK;
}

static fallible read_raw_tcbs(struct tcs_upload *u, const json_t *platform)
{
    const json_t *list = json_object_get(platform, "raw");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (u->platform_count == UPLOAD_PLATFORMS_MAX)
            return FAIL(LIMIT, "too many raw TCBs");
        TRY(raw_platform_set(&u->platforms[u->platform_count], text_of(platform, "qe_id"),
                             text_of(platform, "pce_id"), text_of(one, "cpu_svn"),
                             text_of(one, "pce_svn"), SPAN(""), SPAN(""), false));
        u->platform_count++;
    }
    return OK;
}

fallible tcs_upload_read_archive(const json_t *platforms, const json_t *chains,
                                 const struct root_set *roots, struct tcs_upload *u)
{
    for (size_t i = 0; i < CAS; i++) {
        struct span chain = text_of(chains, cas[i]);
        if (chain.len && !(u->chains[i] = span_dup(chain)))
            return FAIL(SYSTEM, "memory for a chain");
    }
    TRY(make_room(platforms, sizeof(*u->arrivals), (void **)&u->arrivals));
    if (!(u->platforms = calloc(UPLOAD_PLATFORMS_MAX, sizeof(*u->platforms))))
        return FAIL(SYSTEM, "memory for platforms");
    for (size_t i = 0; i < json_array_size(platforms); i++) {
        const json_t *one = json_array_get(platforms, i), *certs = json_object_get(one, "certs");
        struct tcs_arrival *a = &u->arrivals[i];
        TRY(raw_platform_set(&a->raw, text_of(one, "qe_id"), text_of(one, "pce_id"), SPAN(""),
                             SPAN(""), text_of(one, "enc_ppid"), text_of(one, "manifest"), true));
        u->arrival_count++;
        for (size_t k = 0; k < json_array_size(certs); k++)
            TRY(add_cert(u, a, text_of(json_array_get(certs, k), "pem"), roots));
        TRY(read_raw_tcbs(u, one));
    }
    return OK;
}

static fallible save_arrival(struct store *s, const struct tcs_arrival *a)
{
    if (a->certs.count) {
        TRY(platform_certs_save(s, &a->raw, &a->certs, true));
        TRY(registration_drop(s, &a->raw));
    }
    return a->some_missing ? registration_save(s, &a->raw, REGISTRATION_NOT_AVAILABLE) : OK;
}

static fallible save_platforms(struct store *s, void *context)
{
    struct tcs_upload *u = context;
    for (size_t i = 0; i < CAS; i++)
        if (u->chains[i])
            TRY(pck_chain_save(s, cas[i], u->chains[i]));
    for (size_t i = 0; i < u->arrival_count; i++)
        TRY(save_arrival(s, &u->arrivals[i]));
    return OK;
}

/* The certificate for each raw TCB is chosen now, so that the platforms are known by it. */
static void choose_all(const struct tcs_pck *p, const struct tcs_upload *u, int64_t now)
{
    for (size_t i = 0; i < u->platform_count; i++) {
        struct pck_answer a owned(pck_answer_done) = { 0 };
        if (*u->platforms[i].cpu_svn && *u->platforms[i].pce_svn &&
            failed(tcs_pck_get(p, &u->platforms[i], now, &a)))
            continue; /* it will be chosen when it is asked for */
    }
}

fallible tcs_upload_keep(const struct tcs_pck *p, struct tcs_upload *u, int64_t now)
{
    TRY(tcs_bring(p->cache, &u->collateral, now, save_platforms, u));
    choose_all(p, u, now);
    return OK;
}
