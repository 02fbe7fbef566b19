// SPDX-License-Identifier: Apache-2.0
#include "crypto/signature.h"
#include "verify/snp_internal.h"

#define SIGNATURE_ECDSA_P384 1
#define VMPL_MAX 3

/* One report under verification. */
struct subject {
    const struct verify_input *in;
    const struct amd_collateral *collateral; /* NULL: missing */
    struct snp_report report;
    struct snp_certificates along; /* that came with it: candidates */
    struct snp_state *state;
    struct check_list *list;
};

static const char *policy_check(const struct snp_report *s)
{
    if (!(s->policy & SNP_POLICY_ONE))
        return "the guest policy lacks the bit that is always set";
    return s->policy & ~SNP_POLICY_KNOWN ? "the guest policy has bits that are reserved" : NULL;
}

bool snp_tcb_matches(const struct snp_report *s, const struct vcek *k)
{
    struct snp_tcb reported;
    return snp_tcb_read(s->reported_tcb, k->product, &reported) &&
           snp_tcb_equal(&reported, &k->tcb);
}

bool snp_chip_matches(const struct snp_report *s, const struct vcek *k)
{
    return span_equal(span_head(s->chip_id, k->hwid_len), span_from(k->hwid, k->hwid_len)) &&
           span_is_zero(span_tail(s->chip_id, k->hwid_len));
}

static bool platform_fits(const struct platform *p, const struct snp_report *s)
{
    return platform_authentic(p) && snp_tcb_matches(s, &p->vcek) &&
           (p->vcek.key == SNP_VLEK || snp_chip_matches(s, &p->vcek));
}

/* The certificates that came along; their issuers may be the collateral's. */
static fallible platform_along(struct subject *s, struct span key, struct platform **out)
{
    const struct chain *issuers = s->collateral ? &s->collateral->issuers : NULL;
    struct span ders[3] = { key, s->along.intermediate, s->along.root };

    if (!key.len)
        return OK;
    if (!ders[1].len || !ders[2].len) {
        if (!issuers || issuers->count != 2)
            return OK;
        ders[1] = cert_der(issuers->certs[0]);
        ders[2] = cert_der(issuers->certs[1]);
    }
    return platform_of_amd(&s->in->verifier->platforms, ders, &s->in->verifier->amd_roots, out);
}

/* Of the kind of key that the report names: what came along where it fits, else the collateral's,
 * else whatever is there, so that the checks can say what is wrong with it. */
static fallible platform_choose(struct subject *s)
{
    bool vlek = s->report.signing_key == SNP_SIGNED_BY_VLEK;
    struct platform *along owned(platform_free) = NULL;
    struct platform *kept = NULL;

    if (s->collateral)
        kept = vlek ? s->collateral->vlek : s->collateral->vcek;
    TRY(platform_along(s, vlek ? s->along.vlek : s->along.vcek, &along));
    s->state->platform_came_along = along && (platform_fits(along, &s->report) || !kept);
    if (s->state->platform_came_along)
        s->state->platform = TAKE(along);
    else if (kept)
        s->state->platform = platform_ref(kept);
    check_record(s->list, SNP_CHECK_CERTIFICATE,
                 s->state->platform ? NULL : "there is no endorsement certificate for this report");
    return OK;
}

static void platform_check(struct subject *s)
{
    const struct platform *p = s->state->platform;

    check_record(s->list, SNP_CHECK_CHAIN, p->chain_wrong);
    if (p->chain.count == 3)
        check_record(s->list, SNP_CHECK_VALIDITY,
                     window_check(p->window, s->in->at,
                                  "the certificate chain of the report's key is not yet valid",
                                  "the certificate chain of the report's key has expired"));
    if (!p->chain_wrong)
        check_record(s->list, SNP_CHECK_EXTENSIONS, p->extension_wrong);
    s->state->collateral = p->window;
    s->state->root = root_set_origin(&s->in->verifier->amd_roots, p->root);
}

/* A folder need not have the list; where it is, it counts. */
static void revocation_check(struct subject *s)
{
    const struct amd_collateral *c = s->collateral;
    const struct platform *p = s->state->platform;
    struct check_list *l = s->list;

    if (!c || !c->has_crl) {
        check_make_optional(l, SNP_CHECK_CRL);
        check_make_optional(l, SNP_CHECK_CRL_VALIDITY);
        check_make_optional(l, SNP_CHECK_REVOCATION);
        return;
    }
    const char *wrong = c->crl.wrong;
    if (!wrong && p && p->root != ROOT_NONE && p->root != c->crl_root)
        wrong = "the revocation list is of another root than the report's key";
    check_record(l, SNP_CHECK_CRL, wrong);
    if (wrong)
        return;
    s->state->collateral = window_meet(s->state->collateral, c->crl.window);
    check_record(l, SNP_CHECK_CRL_VALIDITY,
                 window_check(c->crl.window, s->in->at, "AMD's revocation list is not yet valid",
                              "AMD's revocation list has expired"));
    if (!check_passed(l, SNP_CHECK_CHAIN))
        return;
    bool listed = crl_lists(c->crl.crl, cert_serial(p->chain.certs[1]));
    check_record(l, SNP_CHECK_REVOCATION,
                 listed ? "the issuer of the report's key is revoked" : NULL);
    s->state->revocation_checked = check_passed(l, SNP_CHECK_CRL_VALIDITY);
}

static const char *product_check(const struct snp_report *s, const struct vcek *k)
{
    enum snp_product product = snp_product_of_cpuid(s->cpuid_family, s->cpuid_model);

    if (s->version < 3)
        return k->product == SNP_TURIN ? "a report of version 2 cannot be a Turin's" : NULL;
    if (product == SNP_PRODUCT_UNKNOWN)
        return "the report is of a processor that is not known here";
    return product == k->product ? NULL : "the report is of another product than its certificate";
}

static const char *chip_check(const struct snp_report *s, const struct vcek *k)
{
    if (k->key == SNP_VLEK)
        return NULL;
    if (s->chip_key_masked)
        return "the chip's key is masked: no certificate can be told to be its own";
    return snp_chip_matches(s, k) ? NULL : "the certificate is of another chip than the report";
}

static const char *signing_key_check(const struct snp_report *s)
{
    if (s->signature_algorithm != SIGNATURE_ECDSA_P384)
        return "the report is not signed with ECDSA P-384 and SHA-384";
    if (s->signing_key == SNP_SIGNED_BY_NONE)
        return "the report is signed by no key";
    if (s->signing_key != SNP_SIGNED_BY_VCEK && s->signing_key != SNP_SIGNED_BY_VLEK)
        return "the report is signed by a kind of key that is not known here";
    return NULL;
}

/* What the certificate says against what the report says. */
static void certificate_check(struct subject *s)
{
    const struct platform *p = s->state->platform;
    const struct vcek *k = &p->vcek;
    struct check_list *l = s->list;

    if (p->extension_wrong || p->chain.count != 3)
        return;
    check_record(l, SNP_CHECK_PRODUCT, product_check(&s->report, k));
    check_record(l, SNP_CHECK_TCB,
                 snp_tcb_matches(&s->report, k)
                     ? NULL
                     : "the certificate is for another TCB version than the reported one");
    check_record(l, SNP_CHECK_CHIP_ID, chip_check(&s->report, k));
    if (check_passed(l, SNP_CHECK_SIGNING_KEY) &&
        (k->key == SNP_VLEK) != (s->report.signing_key == SNP_SIGNED_BY_VLEK))
        check_record(
            l, SNP_CHECK_SIGNING_KEY,
            "the certificate is for another kind of key than the one that signed the report");
}

static fallible signature_check(struct subject *s)
{
    const struct platform *p = s->state->platform;
    uint8_t raw[SNP_SIGNATURE_SIZE];
    bool good = false;

    if (!p->chain.count || key_kind_of(cert_key(p->chain.certs[0])) != KEY_P384) {
        check_record(s->list, SNP_CHECK_SIGNATURE,
                     "there is no P-384 key to check the report's signature with");
        return OK;
    }
    if (!snp_signature_read(s->report.signature, raw)) {
        check_record(s->list, SNP_CHECK_SIGNATURE,
                     "the report's signature is not padded with zeros");
        return OK;
    }
    TRY(signature_verify(cert_key(p->chain.certs[0]), SIGNATURE_ECDSA, DIGEST_SHA384,
                         s->report.signed_bytes, SPAN_OF(raw), &good));
    check_record(s->list, SNP_CHECK_SIGNATURE, good ? NULL : "the report has a wrong signature");
    return OK;
}

static const char *order_check(const struct snp_report *s, enum snp_product product)
{
    struct snp_tcb current, committed, reported, launch;

    if (!snp_tcb_read(s->current_tcb, product, &current) ||
        !snp_tcb_read(s->committed_tcb, product, &committed) ||
        !snp_tcb_read(s->reported_tcb, product, &reported) ||
        !snp_tcb_read(s->launch_tcb, product, &launch))
        return "a TCB version has parts that are reserved";
    if (!snp_tcb_reaches(&current, &committed))
        return "the committed TCB is above the current one";
    return snp_tcb_reaches(&current, &reported) ? NULL
                                                : "the reported TCB is above the current one";
}

static void report_check(struct subject *s)
{
    const struct platform *p = s->state->platform;
    struct check_list *l = s->list;

    if (p && !p->extension_wrong && p->chain.count == 3)
        check_record(l, SNP_CHECK_TCB_ORDER, order_check(&s->report, p->vcek.product));
    check_record(l, SNP_CHECK_VMPL,
                 s->report.vmpl <= VMPL_MAX
                     ? NULL
                     : "the report was asked for by the host, not by the guest");
    if (!s->in->report_data.len)
        check_make_optional(l, SNP_CHECK_REPORT_DATA);
    else
        check_record(l, SNP_CHECK_REPORT_DATA,
                     span_equal(s->report.report_data, s->in->report_data)
                         ? NULL
                         : "the report data is not what was expected");
}

static bool signatures_good(const struct check_list *l)
{
    static const enum snp_check_id needed[] = { SNP_CHECK_FORMAT,      SNP_CHECK_CHAIN,
                                                SNP_CHECK_EXTENSIONS,  SNP_CHECK_PRODUCT,
                                                SNP_CHECK_SIGNING_KEY, SNP_CHECK_TCB,
                                                SNP_CHECK_CHIP_ID,     SNP_CHECK_SIGNATURE };

    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        if (!check_passed(l, needed[i]))
            return false;
    return true;
}

static fallible state_make(struct subject *s, struct span report, struct piece *p)
{
    struct reader r = reader_of(report);

    s->state = calloc(1, sizeof(*s->state));
    if (!s->state)
        return FAIL(SYSTEM, "out of memory");
    p->state = s->state;
    p->name = "snp";
    p->version = s->report.version;
    s->state->root = "";
    s->state->collateral = WINDOW_ALWAYS;
    reader_copy(&r, s->state->report, sizeof(s->state->report));
    return OK;
}

static fallible snp_judge(struct subject *s)
{
    check_record(s->list, SNP_CHECK_SIGNING_KEY, signing_key_check(&s->report));
    check_record(s->list, SNP_CHECK_COLLATERAL,
                 s->in->collateral ? NULL : "there is no collateral for this platform");
    TRY(platform_choose(s));
    if (s->state->platform) {
        platform_check(s);
        certificate_check(s);
        TRY(signature_check(s));
    }
    revocation_check(s);
    report_check(s);
    s->state->genuine = signatures_good(s->list);
    return OK;
}

static fallible snp_verify(const struct verify_input *in, struct span bytes, struct piece *p)
{
    struct subject s = { .in = in, .list = &p->list };
    struct span report;
    struct err e = snp_evidence_split(bytes, &report, &s.along);

    if (in->collateral)
        s.collateral = &in->collateral->amd;
    if (!failed(e))
        e = snp_report_parse(report, &s.report);
    const char *wrong = failed(e) ? e.what : policy_check(&s.report);
    check_record(s.list, SNP_CHECK_FORMAT, wrong);
    if (failed(e))
        return OK;
    TRY(state_make(&s, report, p));
    piece_bind(p, s.report.report_data);
    return snp_judge(&s);
}

static void state_done(void *state)
{
    struct snp_state *s = state;

    platform_free(s->platform);
    free(s);
}

static struct span state_platform(const struct piece *p)
{
    const struct snp_state *s = p->state;
    bool worth = s->platform_came_along && platform_authentic(s->platform);
    return worth ? platform_pem(s->platform) : (struct span){ 0 };
}

const struct evidence_type snp_evidence = {
    .kind = PIECE_SNP_REPORT,
    .checks = &snp_checks,
    .needs = snp_needs,
    .verify = snp_verify,
    .claims = snp_claims,
    .platform = state_platform,
    .done = state_done,
};
