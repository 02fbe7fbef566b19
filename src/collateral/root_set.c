// SPDX-License-Identifier: Apache-2.0
#include "collateral/root_set.h"

#include "base/reader.h"

static fallible root_parse(struct span text, struct cert **out)
{
    struct chain chain owned(chain_done) = { 0 };
    struct reader r = reader_of(text);

    if (reader_u8(&r) == 0x30)
        return cert_from_der(text, out);
    TRY(chain_from_pem(text, &chain));
    if (chain.count != 1)
        return FAIL(INPUT, "a root of trust is a file with exactly one certificate");
    *out = cert_ref(chain.certs[0]);
    return OK;
}

static fallible root_check(const struct cert *c)
{
    bool good = false;

    if (!cert_is_ca(c) || !cert_may_sign_certs(c) || !span_equal(cert_subject(c), cert_issuer(c)))
        return FAIL(INPUT, "a root of trust is not a self-issued CA certificate");
    TRY(cert_signed_by(c, cert_key(c), &good));
    return good ? OK : FAIL(INPUT, "a root of trust is not signed by itself");
}

static fallible root_add(struct root_set *s, struct span text, bool pinned)
{
    struct cert *c owned(cert_free) = NULL;

    if (s->count == s->pinned + ROOTS_FURTHER_MAX && !pinned)
        return FAIL(LIMIT, "more than 7 further roots of trust");
    TRY(root_parse(text, &c));
    if (!pinned) /* ours is a constant, which a test checks */
        TRY(root_check(c));
    if (root_set_find(s, c) == ROOT_NONE)
        s->certs[s->count++] = TAKE(c);
    return OK;
}

static fallible set_fill(struct root_set *s, const struct span *pinned, size_t pinned_count,
                         const struct span *extra, size_t count)
{
    for (size_t i = 0; i < pinned_count; i++)
        TRY(root_add(s, pinned[i], true));
    s->pinned = s->count;
    for (size_t i = 0; i < count; i++)
        TRY(root_add(s, extra[i], false));
    return OK;
}

static fallible set_init(struct root_set *s, const struct span *pinned, size_t pinned_count,
                         const struct span *extra, size_t count)
{
    struct root_set set = { 0 };
    struct err e = set_fill(&set, pinned, pinned_count, extra, count);

    if (failed(e)) {
        root_set_done(&set);
        return e;
    }
    *s = set;
    return OK;
}

fallible root_set_init(struct root_set *s, const struct span *extra, size_t count)
{
    return set_init(s, &intel_root_der, 1, extra, count);
}

fallible root_set_init_amd(struct root_set *s, const struct span *extra, size_t count)
{
    return set_init(s, amd_root_ders, AMD_ROOTS, extra, count);
}

fallible root_set_init_all(struct root_set *s, const struct span *extra, size_t count)
{
    struct span pinned[1 + AMD_ROOTS] = { intel_root_der };

    memcpy(pinned + 1, amd_root_ders, sizeof(amd_root_ders));
    return set_init(s, pinned, 1 + AMD_ROOTS, extra, count);
}

void root_set_done(struct root_set *s)
{
    for (size_t i = 0; i < s->count; i++)
        cert_free(s->certs[i]);
    *s = (struct root_set){ 0 };
}

size_t root_set_find(const struct root_set *s, const struct cert *c)
{
    for (size_t i = 0; i < s->count; i++)
        if (cert_equal(s->certs[i], c))
            return i;
    return ROOT_NONE;
}

const char *root_set_origin(const struct root_set *s, size_t root)
{
    return root < s->pinned ? "vendor" : "configured";
}
