// SPDX-License-Identifier: Apache-2.0
#include "base/reader.h"
#include "verify/platform.h"

#define CERTIFICATES 3 /* VCEK or VLEK, intermediate, root */
#define CN_MAX 256

static fallible name_read(const struct cert *c, struct buf *out)
{
    struct err e = cert_subject_cn(c, out);
    return e.kind == FAIL_SYSTEM ? e : OK;
}

/* An intermediate of one product and kind of key issues no others, and stands under its own
 * product's root. */
static fallible issuer_check(struct platform *p)
{
    struct buf issuer owned(buf_done) = buf_of(CN_MAX), root owned(buf_done) = buf_of(CN_MAX);
    const char *product = snp_product_name(p->vcek.product);

    TRY(name_read(p->chain.certs[1], &issuer));
    TRY(name_read(p->chain.certs[2], &root));
    struct span root_name = buf_span(&root);
    if (snp_issuer_product(buf_span(&issuer), p->vcek.key) != p->vcek.product)
        p->chain_wrong =
            "the VCEK or VLEK is issued by an authority for another product or kind of key";
    else if (!span_starts(root_name, SPAN("ARK-")) ||
             !span_equal_str(span_tail(root_name, 4), product))
        p->chain_wrong = "the VCEK or VLEK stands under the root of another product";
    return OK;
}

static fallible certificates_read(struct platform *p, const struct span ders[CERTIFICATES])
{
    for (size_t i = 0; i < CERTIFICATES; i++) {
        struct err e = cert_from_der(ders[i], &p->chain.certs[i]);
        if (e.kind == FAIL_SYSTEM)
            return e;
        if (failed(e)) {
            p->chain_wrong = e.what;
            return OK;
        }
        p->chain.count++;
    }
    return OK;
}

static fallible platform_fill(struct platform *p, const struct platform_reader *by)
{
    static const struct chain_rule rule = { .length = CERTIFICATES,
                                            .crl_by_root = true,
                                            .leaf_cn = "SEV-V" };

    TRY(certificates_read(p, by->ders));
    if (p->chain_wrong)
        return OK;
    p->window = chain_window(&p->chain);
    TRY(chain_check(&p->chain, &rule, by->roots, NULL, &p->chain_wrong, &p->root));
    struct err e = vcek_read(p->chain.certs[0], &p->vcek);
    if (e.kind == FAIL_SYSTEM)
        return e;
    p->extension_wrong = failed(e) ? e.what : NULL;
    if (!p->chain_wrong && !p->extension_wrong)
        TRY(issuer_check(p));
    p->pem = buf_of(CHAIN_TEXT_MAX);
    for (size_t i = 0; i < CERTIFICATES; i++)
        TRY(cert_to_pem(p->chain.certs[i], &p->pem));
    return OK;
}

fallible platform_of_amd(struct platform_map *m, const struct span ders[CERTIFICATES],
                         const struct root_set *roots, struct platform **out)
{
    const struct platform_reader by = { PLATFORM_AMD, platform_fill, roots, NULL, ders };
    struct buf all owned(buf_done) = buf_of(CHAIN_TEXT_MAX);

    /* DER tells its own length, so that no two triples have the same bytes and are both
     * certificates. */
    for (size_t i = 0; i < CERTIFICATES; i++)
        buf_add(&all, ders[i]);
    TRY(buf_check(&all));
    return platform_recall(m, buf_span(&all), &by, out);
}
