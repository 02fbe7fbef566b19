// SPDX-License-Identifier: Apache-2.0
#include "crypto/signature.h"
#include "verify/verify_internal.h"

static const uint8_t intel_vendor[] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                        0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

/* One quote under verification. */
struct subject {
    struct verifier *verifier;
    const struct collateral_set *collateral; /* NULL: missing */
    int64_t at;
    struct span pck_chain; /* for a quote that carries none; empty: the collateral's */
    struct quote quote;
    struct sgx_report qe;      /* the quoting enclave's report */
    struct sgx_report enclave; /* SGX: the body */
    struct td_report td;       /* TDX: the body */
    struct quote_state *r;
    struct check_list *list;
};

/* Types 1 to 3 only name the platform: the chain is another's to supply. What they say is not
 * signed and decides nothing; that the chain is the right one shows by the signature of the quoting
 * enclave's report. */
static const char *chain_supplied(const struct subject *s, const char *missing, struct span *pem)
{
    const struct collateral_set *c = s->collateral;

    if (s->pck_chain.len)
        *pem = s->pck_chain;
    else if (c && c->pck_chain.len)
        *pem = buf_span(&c->pck_chain);
    else
        return missing;
    return NULL;
}

/* Type 4: the certificates above the leaf are those that issue the PCK CRL. */
static const char *chain_joined(const struct quote *q, const struct collateral_set *c,
                                struct buf *room, struct span *pem)
{
    struct span leaf = q->certification_data;

    if (!c || !c->pck_issuers.len)
        return "certification data is of type 4 (PCK certificate alone): it carries no chain, and "
               "the collateral has none";
    while (leaf.len && !leaf.at[leaf.len - 1])
        leaf.len--;
    buf_add(room, leaf);
    buf_add_u8(room, '\n');
    buf_add(room, buf_span(&c->pck_issuers));
    *pem = buf_span(room);
    return room->failed ? "certification data is of type 4 (PCK certificate alone) and too long"
                        : NULL;
}

/* Where the PCK certificate chain is, by the type of certification data; or why there is none. */
static const char *chain_choose(const struct subject *s, struct buf *room, struct span *pem)
{
    const struct quote *q = &s->quote;

    switch (q->certification_type) {
    case QUOTE_CERT_PCK_CHAIN:
        *pem = q->certification_data;
        return NULL;
    case QUOTE_CERT_PPID_PLAIN:
        return chain_supplied(
            s,
            "certification data is of type 1 (plain PPID): it carries no PCK certificate chain, "
            "and the collateral has none",
            pem);
    case QUOTE_CERT_PPID_RSA2048:
        return chain_supplied(
            s,
            "certification data is of type 2 (encrypted PPID, RSA-2048): it carries no PCK "
            "certificate chain, and the collateral has none",
            pem);
    case QUOTE_CERT_PPID_RSA3072:
        return chain_supplied(
            s,
            "certification data is of type 3 (encrypted PPID, RSA-3072): it carries no PCK "
            "certificate chain, and the collateral has none",
            pem);
    case QUOTE_CERT_PCK_LEAF:
        return chain_joined(q, s->collateral, room, pem);
    case QUOTE_CERT_PLATFORM_MANIFEST:
        return "certification data is of type 7 (platform manifest): it is for registration, not "
               "for verification";
    default:
        return "certification data is of an unknown type";
    }
}

static fallible bodies_parse(struct subject *s)
{
    TRY(sgx_report_parse(s->quote.qe_report, &s->qe));
    return s->quote.tee == QUOTE_SGX ? sgx_report_parse(s->quote.body, &s->enclave)
                                     : td_report_parse(s->quote.body, &s->td);
}

static void platform_check(struct subject *s)
{
    const struct platform *p = s->r->platform;
    struct check_list *l = s->list;

    check_record(l, CHECK_PCK_CHAIN, p->chain_wrong);
    if (p->chain.count)
        check_record(l, CHECK_PCK_VALIDITY,
                     window_check(p->window, s->at, "the PCK certificate chain is not yet valid",
                                  "the PCK certificate chain has expired"));
    if (!p->chain_wrong)
        check_record(l, CHECK_PCK_EXTENSION, p->extension_wrong);
}

/* The PCK CRL must be that of the CA that issued this PCK certificate, under the same root. */
static const char *crl_fits(const struct subject *s)
{
    const struct crl_set *crls = &s->collateral->crls;
    const struct chain *chain = &s->r->platform->chain;
    const struct cert *ca = crls->issuer.certs[0];

    if (s->r->platform->root != s->collateral->root)
        return "the PCK certificate rests on another root of trust than the collateral";
    if (!span_equal(cert_issuer(chain->certs[0]), crl_issuer(crls->pck.crl)))
        return "the PCK CRL is of another CA than the PCK certificate's";
    if (!cert_equal(ca, chain->certs[1]) &&
        !key_same_public(cert_key(ca), cert_key(chain->certs[1])))
        return "the PCK CRL is by another key than the PCK certificate's";
    return NULL;
}

static void revocation_check(struct subject *s)
{
    struct check_list *l = s->list;

    if (!check_passed(l, CHECK_PCK_CHAIN) || !check_passed(l, CHECK_ROOT_CRL) ||
        !check_passed(l, CHECK_PCK_CRL))
        return;
    const struct crl_set *crls = &s->collateral->crls;
    const struct chain *chain = &s->r->platform->chain;
    const char *wrong = crl_fits(s);
    if (!wrong && crl_lists(crls->pck.crl, cert_serial(chain->certs[0])))
        wrong = "the PCK certificate is revoked";
    if (!wrong && crl_lists(crls->root.crl, cert_serial(chain->certs[1])))
        wrong = "the CA of the PCK certificate is revoked";
    if (!wrong && crl_lists(crls->root.crl, cert_serial(crls->issuer.certs[0])))
        wrong = "the issuer of the PCK CRL is revoked";
    check_record(l, CHECK_PCK_REVOCATION, wrong);
}

static void fmspc_check(struct subject *s)
{
    const struct tcb_info *info = s->collateral->tcb_info;
    const struct pck_extension *pck = &s->r->platform->extension;
    const char *wrong = NULL;

    if (!info || !check_passed(s->list, CHECK_PCK_EXTENSION))
        return;
    if (info->is_tdx != (s->quote.tee == QUOTE_TDX))
        wrong = "TCB info is for the other kind of TEE";
    else if (!span_equal(SPAN_OF(info->fmspc), SPAN_OF(pck->fmspc)))
        wrong = "TCB info is for another FMSPC";
    else if (!span_equal(SPAN_OF(info->pce_id), SPAN_OF(pck->pce_id)))
        wrong = "TCB info is for another PCE";
    check_record(s->list, CHECK_FMSPC_MATCH, wrong);
}

static fallible qe_signature_check(struct subject *s)
{
    const struct cert *leaf = platform_leaf(s->r->platform);
    bool good = false;

    if (!leaf)
        return OK;
    s->r->enclave = platform_enclave(s->r->platform, &s->quote);
    s->r->enclave_known = good = s->r->enclave != NULL;
    if (!good)
        TRY(quoting_enclave_check(s->quote.qe_report, s->quote.qe_report_signature, cert_key(leaf),
                                  &good));
    check_record(s->list, CHECK_QE_REPORT_SIGNATURE,
                 good ? NULL : "the quoting enclave's report has a wrong signature");
    return OK;
}

static fallible qe_binding_check(struct subject *s)
{
    const struct span bound[] = { s->quote.attestation_key, s->quote.qe_auth_data };
    uint8_t hash[SHA256_SIZE];
    const char *wrong = NULL;

    TRY(digest_of_all(DIGEST_SHA256, bound, 2, hash));
    if (!span_equal(span_head(s->qe.report_data, SHA256_SIZE), SPAN_OF(hash)))
        wrong = "the quoting enclave's report does not bind the attestation key";
    else if (!span_is_zero(span_tail(s->qe.report_data, SHA256_SIZE)))
        wrong = "the quoting enclave's report data does not end with zeros";
    check_record(s->list, CHECK_QE_REPORT_DATA, wrong);
    return OK;
}

static bool masked_equal(struct span have, struct span mask, struct span want)
{
    struct reader h = reader_of(have), m = reader_of(mask), w = reader_of(want);

    for (size_t i = 0; i < want.len; i++) {
        uint8_t masked = reader_u8(&h) & reader_u8(&m);
        if (masked != reader_u8(&w))
            return false;
    }
    return !h.failed && !m.failed;
}

static const char *identity_compare(const struct qe_identity *id, const struct sgx_report *qe,
                                    enum quote_tee tee)
{
    if (id->id != (tee == QUOTE_SGX ? ENCLAVE_QE : ENCLAVE_TD_QE))
        return "the enclave identity is not that of the quoting enclave of this TEE";
    if (!span_equal(qe->mrsigner, SPAN_OF(id->mrsigner)))
        return "the quoting enclave has another signer";
    if (qe->isvprodid != id->isvprodid)
        return "the quoting enclave has another product id";
    if (!masked_equal(qe->miscselect, SPAN_OF(id->miscselect_mask), SPAN_OF(id->miscselect)))
        return "the quoting enclave has another MISCSELECT";
    if (!masked_equal(qe->attributes, SPAN_OF(id->attributes_mask), SPAN_OF(id->attributes)))
        return "the quoting enclave has other attributes";
    return sgx_report_debug(qe) ? "the quoting enclave is in debug mode" : NULL;
}

static void identity_check(struct subject *s)
{
    const struct qe_identity *id = s->collateral->qe_identity;
    const char *wrong;

    if (!id)
        return;
    check_record(s->list, CHECK_QE_IDENTITY_MATCH, identity_compare(id, &s->qe, s->quote.tee));
    tcb_select_qe(id, s->qe.isvsvn, &s->r->tcb, &wrong);
    check_record(s->list, CHECK_QE_TCB_LEVEL, wrong);
}

/* Of an authentic platform, whose enclave has just shown that it can sign. */
static void enclave_keep(struct subject *s, struct quoting_enclave *e)
{
    if (platform_authentic(s->r->platform) && check_passed(s->list, CHECK_QE_REPORT_SIGNATURE) &&
        check_passed(s->list, CHECK_QUOTE_SIGNATURE))
        s->r->enclave = platform_keep_enclave(s->r->platform, e);
    else
        quoting_enclave_free(e);
}

static fallible quote_signature_check(struct subject *s)
{
    struct quoting_enclave *made owned(quoting_enclave_free) = NULL;
    const struct quote *q = &s->quote;
    const char *wrong = NULL;
    struct err e = OK;
    bool good = false;

    if (!s->r->enclave)
        e = quoting_enclave_make(q->qe_report, q->qe_report_signature, q->attestation_key, &made);
    if (e.kind == FAIL_SYSTEM)
        return e;
    const struct quoting_enclave *enclave = s->r->enclave ? s->r->enclave : made;
    if (!enclave)
        wrong = "the attestation key is not a point of the curve";
    else
        TRY(signature_verify(enclave->attestation_key, SIGNATURE_ECDSA, DIGEST_SHA256,
                             q->signed_bytes, q->signature, &good));
    if (!good && !wrong)
        wrong = "the quote has a wrong signature";
    check_record(s->list, CHECK_QUOTE_SIGNATURE, wrong);
    if (made)
        enclave_keep(s, TAKE(made));
    return OK;
}

static void tcb_check(struct subject *s)
{
    const struct tcb_info *info = s->collateral->tcb_info;
    struct quote_state *r = s->r;
    bool tdx = s->quote.tee == QUOTE_TDX;
    const char *wrong;

    /* Without the right TCB info or the QE's level there is nothing to compare with. */
    if (!check_passed(s->list, CHECK_FMSPC_MATCH))
        return;
    if (tdx)
        check_record(s->list, CHECK_TDX_MODULE, tdx_module_check(info, &s->td));
    if (!check_passed(s->list, CHECK_QE_TCB_LEVEL))
        return;
    tcb_evaluate(info, &r->platform->extension, tdx ? &s->td : NULL, &r->tcb, &wrong);
    check_record(s->list, CHECK_TCB_LEVEL, wrong);
    if (!wrong)
        check_record(s->list, CHECK_TCB_STATUS,
                     r->tcb.status == TCB_REVOKED ? "the platform's TCB is revoked" : NULL);
}

static void report_data_check(struct subject *s, struct span expected)
{
    struct span have = s->quote.tee == QUOTE_SGX ? s->enclave.report_data : s->td.report_data;

    if (!expected.len)
        check_make_optional(s->list, CHECK_REPORT_DATA);
    else
        check_record(s->list, CHECK_REPORT_DATA,
                     span_equal(have, expected) ? NULL
                                                : "the report data is not what was expected");
}

static fallible certification_check(struct subject *s)
{
    const struct crl_set *issuers = s->collateral ? &s->collateral->crls : NULL;
    struct buf room owned(buf_done) = buf_of(CHAIN_TEXT_MAX);
    struct span pem = { 0 };

    const char *wrong = chain_choose(s, &room, &pem);
    check_record(s->list, CHECK_QUOTE_CERTIFICATION, wrong);
    if (wrong)
        return OK;
    TRY(platform_of(&s->verifier->platforms, pem, &s->verifier->roots, issuers, &s->r->platform));
    platform_check(s);
    return qe_signature_check(s);
}

/* What the collateral says of this platform and this quote. */
static void collateral_check(struct subject *s)
{
    check_record(s->list, CHECK_COLLATERAL,
                 s->collateral ? NULL : "there is no collateral for this platform");
    if (!s->collateral)
        return;
    collateral_set_check(s->collateral, s->at, s->list);
    if (s->r->platform) {
        revocation_check(s);
        fmspc_check(s);
    }
    identity_check(s);
    tcb_check(s);
}

static fallible state_make(struct subject *s, struct piece *p)
{
    struct quote_state *r = calloc(1, sizeof(*r));
    struct reader body = reader_of(s->quote.body);

    if (!r)
        return FAIL(SYSTEM, "out of memory");
    r->version = s->quote.version;
    r->tee = s->quote.tee;
    r->body_len = s->quote.body.len;
    reader_copy(&body, r->body, r->body_len);
    r->qe_isvsvn = s->qe.isvsvn;
    r->collateral = s->collateral ? collateral_set_ref(s->collateral) : NULL;
    s->r = p->state = r;
    p->name = quote_tee_name(r->tee);
    p->version = r->version;
    if (r->tee == QUOTE_SGX)
        check_leave_out(s->list, CHECK_TDX_MODULE);
    return OK;
}

static void state_done(void *state)
{
    struct quote_state *r = state;

    platform_free(r->platform);
    collateral_set_free(r->collateral);
    free(r);
}

static struct span state_platform(const struct piece *p)
{
    const struct quote_state *r = p->state;
    return platform_authentic(r->platform) ? platform_pem(r->platform) : (struct span){ 0 };
}

static struct span state_enclave(const struct piece *p, bool *known)
{
    const struct quote_state *r = p->state;

    *known = r->enclave_known;
    return r->enclave ? SPAN_OF(r->enclave->bytes) : (struct span){ 0 };
}

static bool signatures_good(const struct check_list *l)
{
    static const enum check_id needed[] = { CHECK_QUOTE_FORMAT,      CHECK_QUOTE_VENDOR,
                                            CHECK_PCK_CHAIN,         CHECK_PCK_EXTENSION,
                                            CHECK_QE_REPORT_DATA,    CHECK_QE_REPORT_SIGNATURE,
                                            CHECK_QE_IDENTITY_MATCH, CHECK_QUOTE_SIGNATURE };

    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        if (!check_passed(l, needed[i]))
            return false;
    return true;
}

static const char *type_agrees(const struct piece *p, enum quote_tee tee)
{
    if (p->kind == PIECE_ANY_QUOTE || (p->kind == PIECE_SGX_QUOTE) == (tee == QUOTE_SGX))
        return NULL;
    return "the quote is of another TEE than its media type says";
}

static fallible quote_verify(const struct verify_input *in, struct span bytes, struct piece *p)
{
    struct subject s = { .verifier = in->verifier,
                         .collateral = in->collateral,
                         .at = in->at,
                         .pck_chain = in->pck_chain,
                         .list = &p->list };
    struct err e = quote_parse(bytes, &s.quote);

    if (!failed(e))
        e = bodies_parse(&s);
    check_record(s.list, CHECK_QUOTE_FORMAT, failed(e) ? e.what : NULL);
    if (failed(e))
        return OK;
    TRY(state_make(&s, p));
    bool intel = span_equal(s.quote.vendor_id, SPAN_OF(intel_vendor));
    check_record(s.list, CHECK_QUOTE_VENDOR,
                 intel ? NULL : "the quoting enclave is not Intel's by its vendor id");
    TRY(certification_check(&s));
    TRY(qe_binding_check(&s));
    TRY(quote_signature_check(&s));
    collateral_check(&s);
    report_data_check(&s, in->report_data);
    piece_bind(p, s.quote.tee == QUOTE_SGX ? s.enclave.report_data : s.td.report_data);
    const char *wrong = type_agrees(p, s.quote.tee);
    if (wrong)
        check_record(s.list, CHECK_QUOTE_FORMAT, wrong);
    s.r->genuine = signatures_good(s.list);
    s.r->has_tcb = check_all_passed(s.list, CHECK_TCB_LEVEL);
    p->status = s.r->has_tcb ? tcb_status_name(s.r->tcb.status) : "";
    return OK;
}

#define QUOTE_ROW(piece_kind)                                                                      \
    {                                                                                              \
        .kind = piece_kind, .checks = &quote_checks, .needs = quote_needs, .verify = quote_verify, \
        .claims = quote_claims, .platform = state_platform, .enclave = state_enclave,              \
        .done = state_done                                                                         \
    }

const struct evidence_type quote_evidence[3] = {
    QUOTE_ROW(PIECE_ANY_QUOTE),
    QUOTE_ROW(PIECE_SGX_QUOTE),
    QUOTE_ROW(PIECE_TDX_QUOTE),
};
