// SPDX-License-Identifier: Apache-2.0
#include "base/writer.h"
#include "collateral/signed_json.h"
#include "crypto/signature.h"
#include "verify/result_internal.h"
#include "verify/verify_internal.h"

#define ANOTHER_ROOT "it rests on another root of trust than the rest of the collateral"

/* What a document's or a list's failures are called. */
struct document_words {
    const char *member, *missing, *forged, *early, *late, *signer_early, *signer_late;
};
static const struct document_words tcb_words = { "tcbInfo",
                                                 "TCB info is missing",
                                                 "TCB info has a wrong signature",
                                                 "TCB info is not yet valid",
                                                 "TCB info has expired",
                                                 "the signer of TCB info is not yet valid",
                                                 "the signer of TCB info has expired" };
static const struct document_words identity_words = { "enclaveIdentity",
                                                      "QE identity is missing",
                                                      "QE identity has a wrong signature",
                                                      "QE identity is not yet valid",
                                                      "QE identity has expired",
                                                      "the signer of QE identity is not yet valid",
                                                      "the signer of QE identity has expired" };

struct crl_words {
    const char *early, *late;
};
static const struct crl_words root_crl_words = { "the root CA's CRL is not yet valid",
                                                 "the root CA's CRL has expired" };
static const struct crl_words pck_crl_words = { "the PCK CRL is not yet valid",
                                                "the PCK CRL has expired" };

static fallible signer_load(struct span text, const struct root_set *roots,
                            struct signed_part *part)
{
    static const struct chain_rule rule = { .length = 2, .leaf_cn = "SGX TCB Signing" };

    part->root = ROOT_NONE;
    if (!text.len) {
        part->chain_wrong = "the signer's certificate chain is missing";
        return OK;
    }
    struct err e = chain_from_pem_sharing(text, roots->certs, roots->count, &part->chain);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e)) {
        part->chain_wrong = e.what;
        return OK;
    }
    part->signer_window = chain_window(&part->chain);
    return chain_check(&part->chain, &rule, roots, NULL, &part->chain_wrong, &part->root);
}

/* Both documents are usually signed by one signer, whose chain need not be verified twice. */
static void signer_share(const struct signed_part *from, struct signed_part *to)
{
    to->chain_wrong = from->chain_wrong;
    to->root = from->root;
    to->signer_window = from->signer_window;
    to->chain.count = from->chain.count;
    for (size_t i = 0; i < from->chain.count; i++)
        to->chain.certs[i] = cert_ref(from->chain.certs[i]);
}

/* *inner stays empty unless the signature is good. */
static fallible signature_check(struct span text, const struct document_words *words,
                                struct signed_part *part, struct span *inner)
{
    struct signed_json split;
    bool good = false;

    if (!text.len) {
        part->signature_wrong = words->missing;
        return OK;
    }
    if (part->chain_wrong) {
        part->signature_wrong = part->chain_wrong;
        return OK;
    }
    struct err e = signed_json_split(text, words->member, &split);
    if (failed(e)) {
        part->signature_wrong = e.what;
        return OK;
    }
    TRY(signature_verify(cert_key(part->chain.certs[0]), SIGNATURE_ECDSA, DIGEST_SHA256,
                         split.inner, SPAN_OF(split.signature), &good));
    if (!good)
        part->signature_wrong = words->forged;
    else
        *inner = split.inner;
    return OK;
}

static fallible tcb_info_load(struct span text, struct collateral_set *c)
{
    struct span inner = { 0 };

    TRY(signature_check(text, &tcb_words, &c->tcb_part, &inner));
    if (c->tcb_part.signature_wrong)
        return OK;
    struct err e = tcb_info_parse(inner, &c->tcb_info);
    if (e.kind == FAIL_SYSTEM)
        return e;
    c->tcb_part.format_wrong = failed(e) ? e.what : NULL;
    if (c->tcb_info)
        c->tcb_part.window = (struct window){ c->tcb_info->issue_date, c->tcb_info->next_update };
    return OK;
}

static fallible identity_load(struct span text, struct collateral_set *c)
{
    struct span inner = { 0 };

    TRY(signature_check(text, &identity_words, &c->identity_part, &inner));
    if (c->identity_part.signature_wrong)
        return OK;
    struct err e = qe_identity_parse(inner, &c->qe_identity);
    if (e.kind == FAIL_SYSTEM)
        return e;
    c->identity_part.format_wrong = failed(e) ? e.what : NULL;
    if (c->qe_identity)
        c->identity_part.window =
            (struct window){ c->qe_identity->issue_date, c->qe_identity->next_update };
    return OK;
}

/* One root for everything: a configured root must not vouch for parts of a set that rests on the
 * vendor's. */
static void roots_agree(struct collateral_set *c)
{
    size_t roots[] = { c->tcb_part.root, c->identity_part.root, c->crls.issuer_root };

    c->root = ROOT_NONE;
    for (size_t i = 0; i < 3 && c->root == ROOT_NONE; i++)
        c->root = roots[i];
    if (c->tcb_part.root != ROOT_NONE && c->tcb_part.root != c->root && !c->tcb_part.chain_wrong)
        c->tcb_part.chain_wrong = ANOTHER_ROOT;
    if (c->identity_part.root != ROOT_NONE && c->identity_part.root != c->root &&
        !c->identity_part.chain_wrong)
        c->identity_part.chain_wrong = ANOTHER_ROOT;
    if (c->crls.issuer_root != ROOT_NONE && c->crls.issuer_root != c->root && !c->crls.pck.wrong)
        c->crls.pck.wrong = ANOTHER_ROOT;
}

/* Each part after its length. */
static fallible digest_make(const struct collateral_raw *raw, uint8_t out[SHA256_SIZE])
{
    struct buf lengths owned(buf_done) = buf_of(COLLATERAL_PARTS * 4);
    struct span parts[2 * COLLATERAL_PARTS];

    for (size_t i = 0; i < COLLATERAL_PARTS; i++) {
        parts[2 * i + 1] = collateral_part_of(raw, i);
        write_u32be(&lengths, (uint32_t)parts[2 * i + 1].len);
    }
    TRY(buf_check(&lengths));
    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        parts[2 * i] = span_head(span_tail(buf_span(&lengths), 4 * i), 4);
    return digest_of_all(DIGEST_SHA256, parts, 2 * COLLATERAL_PARTS, out);
}

static void window_make(struct collateral_set *c)
{
    struct window w = window_meet(c->tcb_part.window, c->identity_part.window);

    w = window_meet(w, c->tcb_part.signer_window);
    w = window_meet(w, c->identity_part.signer_window);
    w = window_meet(w, c->crls.root.window);
    w = window_meet(w, c->crls.pck.window);
    c->window = window_meet(w, chain_window(&c->crls.issuer));
}

static fallible text_keep(struct span text, struct buf *out)
{
    *out = buf_of(COLLATERAL_PART_MAX);
    buf_add(out, text);
    return buf_check(out);
}

static fallible set_fill(const struct verifier *v, const struct collateral_raw *raw,
                         struct collateral_set *c)
{
    bool own_signer =
        raw->qe_identity_chain.len && !span_equal(raw->qe_identity_chain, raw->tcb_signing_chain);

    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        if (collateral_part_of(raw, i).len > COLLATERAL_PART_MAX)
            return FAIL(LIMIT, "a part of the collateral is longer than 2 MiB");
    c->for_intel =
        raw->tcb_info.len || raw->qe_identity.len || raw->tcb_signing_chain.len || raw->pck_crl.len;
    TRY(text_keep(raw->pck_cert_chain, &c->pck_chain));
    TRY(text_keep(raw->pck_crl_issuer_chain, &c->pck_issuers));
    TRY(signer_load(raw->tcb_signing_chain, &v->roots, &c->tcb_part));
    if (own_signer)
        TRY(signer_load(raw->qe_identity_chain, &v->roots, &c->identity_part));
    else
        signer_share(&c->tcb_part, &c->identity_part);
    TRY(crl_set_load(raw->root_ca_crl, raw->pck_crl, raw->pck_crl_issuer_chain, &v->roots,
                     &c->crls));
    roots_agree(c);
    TRY(crl_set_authenticate_root(&c->crls, c->root == ROOT_NONE ? NULL : v->roots.certs[c->root]));
    TRY(tcb_info_load(raw->tcb_info, c));
    TRY(identity_load(raw->qe_identity, c));
    window_make(c);
    return amd_collateral_load(&((struct verifier *)v)->platforms, &v->amd_roots, raw, &c->amd);
}

fallible collateral_set_load_undigested(const struct verifier *v, const struct collateral_raw *raw,
                                        struct collateral_set **out)
{
    struct collateral_set *c owned(collateral_set_free) = calloc(1, sizeof(*c));

    if (!c)
        return FAIL(SYSTEM, "out of memory");
    atomic_init(&c->refs, 1);
    c->verifier = v;
    TRY(set_fill(v, raw, c));
    *out = TAKE(c);
    return OK;
}

fallible collateral_set_load(const struct verifier *v, const struct collateral_raw *raw,
                             struct collateral_set **out)
{
    struct collateral_set *c owned(collateral_set_free) = NULL;

    TRY(collateral_set_load_undigested(v, raw, &c));
    TRY(digest_make(raw, c->digest));
    *out = TAKE(c);
    return OK;
}

struct collateral_set *collateral_set_ref(const struct collateral_set *c)
{
    struct collateral_set *shared = (struct collateral_set *)c;
    atomic_fetch_add(&shared->refs, 1);
    return shared;
}

bool collateral_set_is_of(const struct collateral_set *c, const struct verifier *v)
{
    return c->verifier == v;
}

void collateral_set_free(struct collateral_set *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    tcb_info_free(c->tcb_info);
    qe_identity_free(c->qe_identity);
    chain_done(&c->tcb_part.chain);
    chain_done(&c->identity_part.chain);
    crl_set_done(&c->crls);
    amd_collateral_done(&c->amd);
    buf_done(&c->pck_chain);
    buf_done(&c->pck_issuers);
    free(c);
}

static bool set_usable(const struct collateral_set *c)
{
    return c->tcb_info && c->qe_identity && !c->crls.root.wrong && !c->crls.pck.wrong;
}

int64_t collateral_set_expires(const struct collateral_set *c)
{
    if (c->amd.there && !c->for_intel)
        return amd_collateral_usable(&c->amd) ? c->amd.window.to : 0;
    return set_usable(c) ? c->window.to : 0;
}

int64_t collateral_set_issued(const struct collateral_set *c)
{
    if (c->amd.there && !c->for_intel)
        return amd_collateral_usable(&c->amd) ? c->amd.window.from : 0;
    return set_usable(c) ? c->window.from : 0;
}

int64_t collateral_set_oldest(const struct collateral_set *c)
{
    if (!set_usable(c))
        return 0;
    int64_t oldest = c->tcb_part.window.from, pck = c->crls.pck.window.from;
    if (c->identity_part.window.from < oldest)
        oldest = c->identity_part.window.from;
    return pck < oldest ? pck : oldest;
}

uint32_t collateral_set_evaluation_number(const struct collateral_set *c)
{
    if (!set_usable(c))
        return 0;
    uint32_t tcb = c->tcb_info->evaluation_number, qe = c->qe_identity->evaluation_number;
    return tcb < qe ? tcb : qe;
}

struct span collateral_set_digest(const struct collateral_set *c)
{
    return SPAN_OF(c->digest);
}

static void crl_check(const struct crl_item *item, const struct crl_words *words,
                      enum check_id authentic, struct window issuer, int64_t at,
                      struct check_list *l)
{
    check_record(l, authentic, item->wrong);
    if (!item->crl)
        return;
    const char *wrong = window_check(item->window, at, words->early, words->late);
    if (!wrong)
        wrong = window_check(issuer, at, "the issuer of the PCK CRL is not yet valid",
                             "the issuer of the PCK CRL has expired");
    check_record(l, authentic + 1, wrong);
}

static void document_check(const struct signed_part *part, const struct document_words *words,
                           bool parsed, enum check_id signature, int64_t at, struct check_list *l)
{
    enum check_id format = signature + 1, validity = signature + 2;

    check_record(l, signature, part->signature_wrong);
    if (part->signature_wrong)
        return;
    check_record(l, format, part->format_wrong);
    if (!parsed)
        return;
    const char *wrong = window_check(part->window, at, words->early, words->late);
    if (!wrong)
        wrong = window_check(part->signer_window, at, words->signer_early, words->signer_late);
    check_record(l, validity, wrong);
}

static void signer_check(const struct collateral_set *c, struct check_list *l)
{
    const struct crl *crl = c->crls.root.crl;
    const char *wrong = NULL;

    if (c->tcb_part.chain_wrong || c->identity_part.chain_wrong || c->crls.root.wrong)
        return;
    if (crl_lists(crl, cert_serial(c->tcb_part.chain.certs[0])) ||
        crl_lists(crl, cert_serial(c->identity_part.chain.certs[0])))
        wrong = "the signer of TCB info or QE identity is revoked";
    check_record(l, CHECK_TCB_SIGNER_REVOCATION, wrong);
}

void collateral_set_check(const struct collateral_set *c, int64_t at, struct check_list *l)
{
    crl_check(&c->crls.root, &root_crl_words, CHECK_ROOT_CRL, WINDOW_ALWAYS, at, l);
    crl_check(&c->crls.pck, &pck_crl_words, CHECK_PCK_CRL, chain_window(&c->crls.issuer), at, l);
    document_check(&c->tcb_part, &tcb_words, c->tcb_info, CHECK_TCB_INFO_SIGNATURE, at, l);
    document_check(&c->identity_part, &identity_words, c->qe_identity, CHECK_QE_IDENTITY_SIGNATURE,
                   at, l);
    signer_check(c, l);
}
