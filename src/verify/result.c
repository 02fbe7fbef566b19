// SPDX-License-Identifier: Apache-2.0
#include "verify/result_internal.h"

#define REPORT_DATA_SIZE 64

void verify_result_free(struct verify_result *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        if (r->pieces[i].state)
            r->pieces[i].type->done(r->pieces[i].state);
    json_free(r->claims);
    free(r->rows);
    free(r);
}

/* What holds for the evidence as a whole, before any piece of it is looked at. */
static const struct check frame_rows[] = {
    { "evidence_format", CHECK_NOT_CHECKED, "RFC 9999 section 3; docs/verification.md, evidence", NULL },
};
static const struct check_table frame_checks = { frame_rows, 1 };

/* The verdict: the conjunction of all that is in the lists. */
static fallible result_conclude(struct verify_result *r)
{
    r->rows = calloc((1 + r->count) * CHECKS_MAX, sizeof(*r->rows));
    if (!r->rows)
        return FAIL(SYSTEM, "out of memory");
    r->verified = r->count && check_list_good(&r->frame);
    r->row_count = check_list_shown(&r->frame, r->rows);
    for (size_t i = 0; i < r->count; i++) {
        r->verified &= check_list_good(&r->pieces[i].list);
        r->row_count += check_list_shown(&r->pieces[i].list, r->rows + r->row_count);
    }
    r->reason = r->verified ? "" : "not every check could be made";
    for (size_t i = r->row_count; i-- > 0 && !r->verified;)
        if (r->rows[i].outcome == CHECK_FAILED)
            r->reason = r->rows[i].detail;
    return OK;
}

/* Each piece has its row before the first is verified, so that whatever follows can be freed. */
static const char *pieces_choose(const struct bundle *b, struct verify_result *r)
{
    if (b->count != 1)
        return "an evidence bundle with more than one quote is not supported";
    for (size_t i = 0; i < b->count; i++) {
        struct piece *p = &r->pieces[i];
        *p = (struct piece){ .type = evidence_type_of(b->pieces[i].kind), .kind = b->pieces[i].kind, .status = "" };
        if (!p->type)
            return "evidence of this type is not verified here";
        check_list_init(&p->list, p->type->checks);
    }
    return NULL;
}

static fallible evidence_judge(const struct verify_input *in, struct span evidence, struct verify_result *r)
{
    struct bundle b owned(bundle_done) = { 0 };
    struct err e = bundle_parse(evidence, &b);

    if (e.kind == FAIL_SYSTEM)
        return e;
    r->bundle = b.count > 1;
    const char *wrong = failed(e) ? e.what : pieces_choose(&b, r);
    check_record(&r->frame, 0, wrong);
    if (wrong)
        return OK;
    r->count = b.count;
    for (size_t i = 0; i < r->count; i++)
        TRY(r->pieces[i].type->verify(in, b.pieces[i].bytes, &r->pieces[i]));
    return OK;
}

fallible verify_evidence(struct verifier *v, struct span evidence, const struct collateral_set *collateral, int64_t at,
                         struct span report_data, struct verify_result **out)
{
    const struct verify_input in = { v, collateral, at, report_data };

    if (report_data.len && report_data.len != REPORT_DATA_SIZE)
        return FAIL(INPUT, "expected report data is not 64 bytes");
    if (collateral && !collateral_set_is_of(collateral, v))
        return FAIL(INPUT, "collateral was loaded for another verifier");
    struct verify_result *r owned(verify_result_free) = calloc(1, sizeof(*r));
    if (!r)
        return FAIL(SYSTEM, "out of memory");
    check_list_init(&r->frame, &frame_checks);
    TRY(evidence_judge(&in, evidence, r));
    TRY(result_conclude(r));
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
    return r->count && r->pieces[0].name ? r->pieces[0].name : "unknown";
}

const char *verify_result_reason(const struct verify_result *r)
{
    return r->reason;
}

const char *verify_result_status(const struct verify_result *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (*r->pieces[i].status)
            return r->pieces[i].status;
    return "";
}

size_t verify_result_checks(const struct verify_result *r, const struct check **out)
{
    *out = r->rows;
    return r->row_count;
}

static fallible claims_make(const struct verify_result *r, json_t **out)
{
    json_t *j owned(json_free) = json_object();

    if (!j)
        return FAIL(SYSTEM, "out of memory");
    for (size_t i = 0; i < r->count; i++)
        if (r->pieces[i].state)
            TRY(r->pieces[i].type->claims(&r->pieces[i], j));
    *out = TAKE(j);
    return OK;
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
    for (size_t i = 0; i < r->count; i++)
        if (r->pieces[i].state && r->pieces[i].type->platform)
            return r->pieces[i].type->platform(&r->pieces[i]);
    return (struct span){ 0 };
}
