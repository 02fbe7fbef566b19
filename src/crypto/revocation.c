// SPDX-License-Identifier: Apache-2.0
#include "crypto/revocation.h"

#include "crypto/pem_internal.h"

#define CLOCK_SKEW 300 /* a list of a clock that is ahead */
#define DER_FIRST 0x30

struct revocation {
    struct {
        struct crl *crl;
        struct key *signed_by; /* whose signature it was found to have */
    } lists[REVOCATION_LISTS_MAX];
    size_t count;
};

const char *revocation_text(enum revocation_verdict v)
{
    switch (v) {
    case REVOCATION_GOOD:
        return "not revoked";
    case REVOCATION_REVOKED:
        return "the certificate was revoked";
    case REVOCATION_MISSING:
        return "there is no revocation list of the certificate's issuer";
    case REVOCATION_UNSOUND:
        return "the revocation list is not its issuer's, or cannot be relied on";
    case REVOCATION_STALE:
        return "the revocation list is past its next update";
    }
    return "unknown";
}

void revocation_free(struct revocation *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++) {
        crl_free(r->lists[i].crl);
        key_free(r->lists[i].signed_by);
    }
    free(r);
}

static fallible add_pem(struct revocation *r, struct span *text)
{
    struct buf der owned(buf_done) = buf_of(CRL_DER_MAX);
    struct pem_block block;

    TRY(pem_next(text, &block));
    if (!span_equal_str(block.label, "X509 CRL"))
        return FAIL(INPUT, "PEM: not a revocation list");
    if (r->count == REVOCATION_LISTS_MAX)
        return FAIL(LIMIT, "more revocation lists than one file may have");
    TRY(pem_decode(&block, &der));
    TRY(crl_parse(buf_span(&der), &r->lists[r->count].crl));
    r->count++;
    return OK;
}

fallible revocation_parse(struct span text, struct revocation **out)
{
    struct revocation *r owned(revocation_free) = calloc(1, sizeof *r);

    if (!r)
        return FAIL(SYSTEM, "memory is short");
    if (text.len && text.at[0] == DER_FIRST) {
        TRY(crl_parse(text, &r->lists[0].crl));
        r->count = 1;
    } else {
        do
            TRY(add_pem(r, &text));
        while (text.len);
    }
    *out = TAKE(r);
    return OK;
}

static bool signed_by(struct revocation *r, size_t at, const struct key *k)
{
    bool good = false;

    if (r->lists[at].signed_by && key_same_public(r->lists[at].signed_by, k))
        return true;
    if (failed(crl_signed_by(r->lists[at].crl, k, &good)) || !good)
        return false;
    key_free(r->lists[at].signed_by);
    r->lists[at].signed_by = key_ref((struct key *)k);
    return true;
}

static bool about(const struct crl *list, const struct cert *c)
{
    return span_equal(crl_issuer(list), cert_issuer(c));
}

static enum revocation_verdict judge_one(const struct crl *list, const struct cert *c, int64_t now,
                                         int64_t grace)
{
    if (crl_lists(list, cert_serial(c)))
        return REVOCATION_REVOKED;
    if (crl_has_unknown_critical(list) || !crl_has_next_update(list) ||
        crl_this_update(list) > now + CLOCK_SKEW)
        return REVOCATION_UNSOUND;
    return now > crl_next_update(list) + grace ? REVOCATION_STALE : REVOCATION_GOOD;
}

/* Of several lists by the issuer each may revoke, and the best of the others counts. */
enum revocation_verdict revocation_judge(struct revocation *r, const struct cert *c,
                                         const struct cert *issuer, int64_t now, int64_t grace)
{
    enum revocation_verdict best = REVOCATION_MISSING;

    if (!span_equal(cert_issuer(c), cert_subject(issuer)) || !cert_may_sign_crls(issuer))
        return REVOCATION_UNSOUND;
    for (size_t i = 0; i < r->count; i++) {
        if (!about(r->lists[i].crl, c))
            continue;
        enum revocation_verdict v = signed_by(r, i, cert_key(issuer))
                                        ? judge_one(r->lists[i].crl, c, now, grace)
                                        : REVOCATION_UNSOUND;
        if (v == REVOCATION_REVOKED)
            return v;
        if (best == REVOCATION_MISSING || v == REVOCATION_GOOD ||
            (best == REVOCATION_UNSOUND && v == REVOCATION_STALE))
            best = v;
    }
    return best;
}

bool revocation_covers(const struct revocation *r, const struct cert *c)
{
    for (size_t i = 0; i < r->count; i++)
        if (about(r->lists[i].crl, c))
            return true;
    return false;
}

int64_t revocation_next_update(const struct revocation *r, int64_t *this_update)
{
    int64_t earliest = INT64_MAX;

    for (size_t i = 0; i < r->count; i++) {
        const struct crl *list = r->lists[i].crl;
        int64_t next = crl_has_next_update(list) ? crl_next_update(list) : 0;
        if (next >= earliest)
            continue;
        earliest = next;
        if (this_update)
            *this_update = crl_this_update(list);
    }
    return earliest;
}
