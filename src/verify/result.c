// SPDX-License-Identifier: Apache-2.0
#include "evidence/bundle.h"
#include "verify/verify_internal.h"

#define REPORT_DATA_SIZE 64

void verify_result_free(struct verify_result *r)
{
    if (!r)
        return;
    platform_free(r->platform);
    collateral_set_free(r->collateral);
    json_free(r->claims);
    free(r);
}

static bool signatures_good(const struct check_list *l)
{
    static const enum check_id needed[] = { CHECK_QUOTE_FORMAT,        CHECK_QUOTE_VENDOR,     CHECK_PCK_CHAIN,
                                            CHECK_PCK_EXTENSION,       CHECK_QE_REPORT_DATA,   CHECK_QE_REPORT_SIGNATURE,
                                            CHECK_QE_IDENTITY_MATCH,   CHECK_QUOTE_SIGNATURE };

    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        if (!check_passed(l, needed[i]))
            return false;
    return true;
}

/* The verdict: every check that applies has passed; only the report data may stay unchecked, where the caller
 * named none. */
static void result_conclude(struct verify_result *r)
{
    bool sgx = r->has_quote && r->tee == QUOTE_SGX;
    uint64_t other = sgx ? 1ULL << CHECK_TDX_MODULE : 0;

    r->verified = check_all_passed(&r->list, CHECK_TCB_STATUS, other) && r->list.rows[CHECK_REPORT_DATA].outcome != CHECK_FAILED;
    r->genuine = signatures_good(&r->list);
    r->has_tcb = check_all_passed(&r->list, CHECK_TCB_LEVEL, other);
    r->reason = r->verified ? "" : "not every check could be made";
    for (unsigned id = 0; id < CHECK_COUNT; id++)
        if (!(other & 1ULL << id))
            r->rows[r->row_count++] = r->list.rows[id];
    for (size_t i = r->row_count; i-- > 0 && !r->verified;)
        if (r->rows[i].outcome == CHECK_FAILED)
            r->reason = r->rows[i].detail;
}

/* The one quote of the evidence, or why there is none. */
static const char *piece_choose(const struct bundle *b, struct span *quote)
{
    const struct bundle_piece *piece = &b->pieces[0];

    if (b->count != 1)
        return "an evidence bundle with more than one quote is not supported";
    *quote = piece->bytes;
    return NULL;
}

static const char *piece_agrees(const struct bundle *b, const struct verify_result *r)
{
    enum piece_kind kind = b->pieces[0].kind;

    if (kind == PIECE_ANY_QUOTE || (kind == PIECE_SGX_QUOTE) == (r->tee == QUOTE_SGX))
        return NULL;
    return "the quote is of another TEE than its media type says";
}

static fallible evidence_judge(struct verifier *v, struct span evidence, const struct collateral_set *collateral, int64_t at,
                               struct span report_data, struct verify_result *r)
{
    struct bundle b owned(bundle_done) = { 0 };
    struct span quote = { 0 };
    const char *wrong = NULL;

    struct err e = bundle_parse(evidence, &b);
    if (e.kind == FAIL_SYSTEM)
        return e;
    wrong = failed(e) ? e.what : piece_choose(&b, &quote);
    r->bundle = b.count > 1;
    if (wrong) {
        check_record(&r->list, CHECK_QUOTE_FORMAT, wrong);
        return OK;
    }
    TRY(quote_verify(v, quote, collateral, at, report_data, r));
    wrong = r->has_quote ? piece_agrees(&b, r) : NULL;
    if (wrong)
        check_record(&r->list, CHECK_QUOTE_FORMAT, wrong);
    return OK;
}

fallible verify_evidence(struct verifier *v, struct span evidence, const struct collateral_set *collateral, int64_t at,
                         struct span report_data, struct verify_result **out)
{
    if (report_data.len && report_data.len != REPORT_DATA_SIZE)
        return FAIL(INPUT, "expected report data is not 64 bytes");
    if (collateral && collateral->verifier != v)
        return FAIL(INPUT, "collateral was loaded for another verifier");
    struct verify_result *r owned(verify_result_free) = calloc(1, sizeof(*r));
    if (!r)
        return FAIL(SYSTEM, "out of memory");
    check_list_init(&r->list);
    TRY(evidence_judge(v, evidence, collateral, at, report_data, r));
    result_conclude(r);
    *out = TAKE(r);
    return OK;
}

bool verify_result_verified(const struct verify_result *r)
{
    return r->verified;
}

const char *verify_result_type(const struct verify_result *r)
{
    if (r->bundle)
        return "bundle";
    return r->has_quote ? quote_tee_name(r->tee) : "unknown";
}

const char *verify_result_reason(const struct verify_result *r)
{
    return r->reason;
}

const char *verify_result_status(const struct verify_result *r)
{
    return r->has_tcb ? tcb_status_name(r->tcb.status) : "";
}

size_t verify_result_checks(const struct verify_result *r, const struct check **out)
{
    *out = r->rows;
    return r->row_count;
}

const json_t *verify_result_claims(const struct verify_result *r)
{
    /* Made late, since not every caller wants them; a result belongs to one thread. */
    struct verify_result *own = (struct verify_result *)r;

    if (!own->claims && failed(claims_make(r, &own->claims)))
        return NULL;
    return own->claims;
}

struct span verify_result_pck_chain(const struct verify_result *r)
{
    return platform_authentic(r->platform) ? buf_span(&r->platform->pem) : (struct span){ 0 };
}
