// SPDX-License-Identifier: Apache-2.0
#include "verify/platform.h"

#include "base/reader.h"

#define WAYS 4 /* slots that one hash may use */
#define HASH_STRIDE 63

void platform_map_init(struct platform_map *m)
{
    *m = (struct platform_map){ 0 };
    pthread_mutex_init(&m->lock, NULL);
}

void platform_map_done(struct platform_map *m)
{
    for (size_t i = 0; i < PLATFORMS_MAX; i++)
        platform_free(m->slots[i]);
    pthread_mutex_destroy(&m->lock);
}

void platform_free(struct platform *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    for (size_t i = 0; i < QUOTING_ENCLAVES_MAX; i++)
        quoting_enclave_free(p->enclaves[i]);
    chain_done(&p->chain);
    buf_done(&p->bytes);
    buf_done(&p->pem);
    free(p);
}

struct platform *platform_ref(struct platform *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

const struct quoting_enclave *platform_enclave(const struct platform *p, const struct quote *q)
{
    for (size_t i = 0; i < QUOTING_ENCLAVES_MAX; i++) {
        const struct quoting_enclave *e = atomic_load(&p->enclaves[i]);
        if (e && quoting_enclave_is(e, q))
            return e;
    }
    return NULL;
}

const struct quoting_enclave *platform_keep_enclave(struct platform *p, struct quoting_enclave *e)
{
    for (size_t i = 0; i < QUOTING_ENCLAVES_MAX; i++) {
        struct quoting_enclave *none = NULL;
        if (atomic_compare_exchange_strong(&p->enclaves[i], &none, e))
            return e;
    }
    quoting_enclave_free(e);
    return NULL;
}

struct span platform_pem(const struct platform *p)
{
    return buf_span(p->vendor == PLATFORM_INTEL ? &p->bytes : &p->pem);
}

bool platform_authentic(const struct platform *p)
{
    return p && !p->chain_wrong && !p->extension_wrong;
}

const struct cert *platform_leaf(const struct platform *p)
{
    return p && p->chain.count ? p->chain.certs[0] : NULL;
}

/* FNV-1a over samples: chooses slots only, the bytes decide. */
static uint32_t chain_hash(struct span bytes)
{
    struct reader r = reader_of(bytes);
    uint32_t h = 2166136261U;

    while (r.rest.len > HASH_STRIDE) {
        reader_take(&r, HASH_STRIDE);
        h = (h ^ reader_u8(&r)) * 16777619U;
    }
    return h;
}

static struct platform *map_find(struct platform_map *m, uint32_t hash, enum platform_vendor vendor,
                                 struct span bytes)
{
    struct platform *found = NULL;

    pthread_mutex_lock(&m->lock);
    for (unsigned way = 0; way < WAYS && !found; way++) {
        struct platform *p = m->slots[(hash + way) % PLATFORMS_MAX];
        if (p && p->hash == hash && p->vendor == vendor && span_equal(buf_span(&p->bytes), bytes))
            found = p;
    }
    if (found)
        atomic_fetch_add(&found->refs, 1);
    pthread_mutex_unlock(&m->lock);
    return found;
}

static void map_add(struct platform_map *m, struct platform *p)
{
    struct platform *old = NULL;

    pthread_mutex_lock(&m->lock);
    unsigned way = 0;
    while (way < WAYS && m->slots[(p->hash + way) % PLATFORMS_MAX])
        way++;
    if (way == WAYS)
        way = m->next_victim++ % WAYS;
    struct platform **slot = &m->slots[(p->hash + way) % PLATFORMS_MAX];
    old = *slot;
    *slot = p;
    atomic_fetch_add(&p->refs, 1);
    pthread_mutex_unlock(&m->lock);
    platform_free(old);
}

static fallible issuer_read(struct platform *p)
{
    struct buf cn owned(buf_done) = buf_of(256);
    struct err e = cert_issuer_cn(p->chain.certs[0], &cn);

    if (e.kind == FAIL_SYSTEM)
        return e;
    p->ca = failed(e) ? PCK_CA_UNKNOWN : pck_ca_of(buf_span(&cn));
    if (p->ca == PCK_CA_UNKNOWN)
        p->chain_wrong =
            "the PCK certificate's issuer is neither the processor nor the platform CA";
    return OK;
}

static fallible chain_verify(struct platform *p, const struct root_set *roots,
                             const struct crl_set *issuers)
{
    static const struct chain_rule rule = { .length = 3, .leaf_cn = "SGX PCK Certificate" };
    const struct cert *verified = NULL;

    if (issuers && !issuers->issuer_wrong && p->chain.count == 3 &&
        cert_equal(issuers->issuer.certs[1], p->chain.certs[2]))
        verified = issuers->issuer.certs[0];
    TRY(chain_check(&p->chain, &rule, roots, verified, &p->chain_wrong, &p->root));
    if (!p->chain_wrong)
        TRY(issuer_read(p));
    return OK;
}

static fallible platform_fill(struct platform *p, const struct platform_reader *by)
{
    const struct chain *known = by->issuers ? &by->issuers->issuer : NULL;
    struct err e = chain_from_pem_sharing(buf_span(&p->bytes), known ? known->certs : NULL,
                                          known ? known->count : 0, &p->chain);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e)) {
        p->chain_wrong = e.what;
        return OK;
    }
    p->window = chain_window(&p->chain);
    TRY(chain_verify(p, by->roots, by->issuers));
    if (p->chain_wrong)
        return OK;
    e = pck_extension_parse(cert_extension(p->chain.certs[0], pck_extension_oid), &p->extension);
    p->extension_wrong = failed(e) ? e.what : NULL;
    return OK;
}

fallible platform_recall(struct platform_map *m, struct span bytes,
                         const struct platform_reader *by, struct platform **out)
{
    uint32_t hash = chain_hash(bytes);
    struct platform *known = map_find(m, hash, by->vendor, bytes);

    if (known) {
        *out = known;
        return OK;
    }
    struct platform *p owned(platform_free) = calloc(1, sizeof(*p));
    if (!p)
        return FAIL(SYSTEM, "out of memory");
    atomic_init(&p->refs, 1);
    p->vendor = by->vendor;
    p->hash = hash;
    p->root = ROOT_NONE;
    p->bytes = buf_of(CHAIN_TEXT_MAX);
    buf_add(&p->bytes, bytes);
    TRY(buf_check(&p->bytes));
    TRY(by->fill(p, by));
    if (platform_authentic(p))
        map_add(m, p);
    *out = TAKE(p);
    return OK;
}

fallible platform_of(struct platform_map *m, struct span pem, const struct root_set *roots,
                     const struct crl_set *issuers, struct platform **out)
{
    const struct platform_reader by = { PLATFORM_INTEL, platform_fill, roots, issuers, NULL };
    return platform_recall(m, pem, &by, out);
}
