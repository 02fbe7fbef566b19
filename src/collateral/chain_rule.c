// SPDX-License-Identifier: Apache-2.0
#include "collateral/chain_rule.h"

struct window window_meet(struct window a, struct window b)
{
    struct window w = { a.from > b.from ? a.from : b.from, a.to < b.to ? a.to : b.to };
    return w;
}

const char *window_check(struct window w, int64_t at, const char *early, const char *late)
{
    if (at < w.from)
        return early;
    return at > w.to ? late : NULL;
}

struct window chain_window(const struct chain *c)
{
    struct window w = WINDOW_ALWAYS;

    for (size_t i = 0; i < c->count; i++)
        w = window_meet(
            w, (struct window){ cert_not_before(c->certs[i]), cert_not_after(c->certs[i]) });
    return w;
}

/* Basic constraints and key usage of the certificate at this place. */
static const char *place_check(const struct chain *c, size_t place, const struct chain_rule *rule)
{
    const struct cert *cert = c->certs[place];
    bool last = place + 1 == c->count;

    if (cert_has_unknown_critical(cert))
        return "a certificate has an unknown critical extension";
    if (place == 0 && !rule->leaf_is_ca)
        return cert_is_ca(cert) ? "the first certificate of the chain is a CA" : NULL;
    if (!cert_is_ca(cert) || !cert_may_sign_certs(cert))
        return "a certificate that issues another is not a CA";
    if (!last && (cert_path_len(cert) != 0 || (!rule->crl_by_root && !cert_may_sign_crls(cert))))
        return "the intermediate CA may issue more than leaf certificates, or no CRL";
    return NULL;
}

static fallible name_check(const struct cert *leaf, const char *words, const char **wrong)
{
    struct buf cn owned(buf_done) = buf_of(256);

    if (!words)
        return OK;
    struct err e = cert_subject_cn(leaf, &cn);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e) || span_find(buf_span(&cn), span_str(words)) == cn.len)
        *wrong = "the first certificate of the chain has another purpose by its name";
    return OK;
}

static fallible link_check(const struct cert *subject, const struct cert *issuer, bool verified,
                           const char **wrong)
{
    bool good = verified;

    if (!span_equal(cert_issuer(subject), cert_subject(issuer))) {
        *wrong = "a certificate of the chain names another issuer";
        return OK;
    }
    if (!verified)
        TRY(cert_signed_by(subject, cert_key(issuer), &good));
    if (!good)
        *wrong = "a certificate of the chain has a wrong signature";
    return OK;
}

fallible chain_check(const struct chain *c, const struct chain_rule *rule,
                     const struct root_set *roots, const struct cert *verified, const char **wrong,
                     size_t *root)
{
    *wrong = NULL;
    *root = ROOT_NONE;
    if (c->count != rule->length) {
        *wrong = "the chain has not exactly the certificates that it needs";
        return OK;
    }
    size_t found = root_set_find(roots, c->certs[c->count - 1]);
    if (found == ROOT_NONE) {
        *wrong = "the chain does not end at a trusted root";
        return OK;
    }
    for (size_t i = 0; i < c->count && !*wrong; i++)
        *wrong = place_check(c, i, rule);
    if (!*wrong)
        TRY(name_check(c->certs[0], rule->leaf_cn, wrong));
    for (size_t i = 0; i + 1 < c->count && !*wrong; i++)
        TRY(link_check(c->certs[i], c->certs[i + 1], verified && cert_equal(verified, c->certs[i]),
                       wrong));
    if (!*wrong)
        *root = found;
    return OK;
}
