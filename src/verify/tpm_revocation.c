// SPDX-License-Identifier: Apache-2.0
#include "verify/tpm_revocation.h"

#include "collateral/crl_set.h"

fallible tpm_trust_lists(struct tpm_trust *t, const struct span *lists, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (t->list_count == TPM_LISTS_MAX)
            return FAIL(LIMIT, "more than 32 revocation lists for TPMs");
        TRY(crl_parse(lists[i], &t->lists[t->list_count]));
        t->list_count++;
    }
    return OK;
}

struct finding {
    bool looked_up, listed;
    const char *wrong; /* with a list of this issuer */
};

static fallible look_up(struct crl *list, const struct cert *subject, const struct cert *issuer,
                        int64_t at, struct finding *f)
{
    struct crl_item item = { .crl = list };

    if (!span_equal(crl_issuer(list), cert_subject(issuer)))
        return OK;
    TRY(crl_item_authenticate(&item, issuer, false));
    if (!item.wrong) { /* which says that there is a next update */
        const struct window w = { crl_this_update(list), crl_next_update(list) };
        item.wrong = window_check(w, at, "a revocation list of the TPM's chain is not yet valid",
                                  "a revocation list of the TPM's chain has expired");
    }
    if (item.wrong) {
        f->wrong = item.wrong;
        return OK;
    }
    f->looked_up = true;
    f->listed |= crl_lists(list, cert_serial(subject));
    return OK;
}

/* A good list makes up for one that is not: it may be the next of the same issuer. */
static const char *judge(const struct finding *f, bool *covered)
{
    if (f->listed)
        return "a certificate of the TPM's chain is revoked";
    if (!f->looked_up) {
        *covered = false;
        return f->wrong;
    }
    return NULL;
}

fallible tpm_chain_revocation(const struct tpm_trust *t, const struct chain *c, int64_t at,
                              bool *covered, const char **wrong)
{
    const struct cert *root;

    *wrong = NULL;
    *covered = t->list_count > 0;
    if (!t->list_count)
        return OK;
    TRY(tpm_root_find(t, c, at, &root));
    for (size_t i = 0; i < c->count && !*wrong; i++) {
        const struct cert *issuer = i + 1 < c->count ? c->certs[i + 1] : root;
        struct finding f = { .wrong = NULL };
        if (!issuer || cert_equal(c->certs[i], issuer)) /* the root itself */
            continue;
        for (size_t n = 0; n < t->list_count; n++)
            TRY(look_up(t->lists[n], c->certs[i], issuer, at, &f));
        *wrong = judge(&f, covered);
    }
    return OK;
}
