// SPDX-License-Identifier: Apache-2.0
#include "verify/result_internal.h"

#include "crypto/digest.h"
#include "verify/compound.h"

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

/* What holds for the evidence as a whole. */
enum frame_check { FRAME_FORMAT, FRAME_BINDING, FRAME_COUNT };

static const struct check frame_rows[FRAME_COUNT] = {
    [FRAME_FORMAT] = { "evidence_format", CHECK_NOT_CHECKED,
                       "RFC 9999 section 3; docs/verification.md, evidence", NULL },
    [FRAME_BINDING] = { "bundle_binding", CHECK_NOT_CHECKED, "docs/verification.md, bundles",
                        NULL },
};
static const struct check_table frame_checks = { frame_rows, FRAME_COUNT };

static void list_conclude(struct verify_result *r, const struct check_list *l)
{
    r->verified &= check_list_good(l);
    r->row_count += check_list_shown(l, r->rows + r->row_count);
}

/* The verdict: the conjunction of all that is in the lists. */
static fallible result_conclude(struct verify_result *r)
{
    r->rows = calloc((1 + 2 * r->count) * CHECKS_MAX, sizeof(*r->rows));
    if (!r->rows)
        return FAIL(SYSTEM, "out of memory");
    r->verified = r->count > 0;
    list_conclude(r, &r->frame);
    for (size_t i = 0; i < r->count; i++) {
        list_conclude(r, &r->pieces[i].list);
        if (r->pieces[i].inner)
            list_conclude(r, &r->pieces[i].inner->list);
    }
    r->reason = r->verified ? "" : "not every check could be made";
    for (size_t i = r->row_count; i-- > 0 && !r->verified;)
        if (r->rows[i].outcome == CHECK_FAILED)
            r->reason = r->rows[i].detail;
    return OK;
}

static bool kind_is_there(const struct bundle *b, enum piece_kind kind, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (b->pieces[i].kind == kind)
            return true;
    return false;
}

/* One machine has one TEE that signs for it: the collateral of a bundle is of that one. */
static bool other_names_collateral(const struct bundle *b, size_t at)
{
    for (size_t i = 0; i < at && evidence_type_of(b->pieces[at].kind)->needs; i++)
        if (evidence_type_of(b->pieces[i].kind)->needs)
            return true;
    return false;
}

static const char *kinds_check(const struct bundle *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (!evidence_type_of(b->pieces[i].kind))
            return "evidence of this type is not verified here";
        if (kind_is_there(b, b->pieces[i].kind, i))
            return "an evidence bundle has two pieces of one kind";
        if (b->pieces[i].kind == PIECE_SAMPLE && b->count > 1)
            return "sample evidence stands alone";
        if (b->pieces[i].kind == PIECE_AZURE_VTPM && b->count > 1)
            return "evidence of an Azure vTPM stands alone: it carries its hardware's itself";
        if (other_names_collateral(b, i))
            return "an evidence bundle has the evidence of two TEEs: it is of one machine";
    }
    return NULL;
}

static void piece_add(struct verify_result *r, const struct bundle *b, size_t at)
{
    struct piece *p = &r->pieces[r->count];

    *p = (struct piece){ .type = evidence_type_of(b->pieces[at].kind),
                         .kind = b->pieces[at].kind,
                         .status = "" };
    check_list_init(&p->list, p->type->checks);
    r->bytes[r->count++] = b->pieces[at].bytes;
}

/* Each piece has its row before the first is verified, so that whatever follows can be freed. What
 * explains another piece comes after those that stand by themselves. */
static const char *pieces_choose(const struct bundle *b, struct verify_result *r)
{
    const char *wrong = kinds_check(b);

    for (size_t i = 0; i < b->count && !wrong; i++)
        if (!evidence_type_of(b->pieces[i].kind)->explains)
            piece_add(r, b, i);
    r->standing = r->count;
    for (size_t i = 0; i < b->count && !wrong; i++)
        if (evidence_type_of(b->pieces[i].kind)->explains)
            piece_add(r, b, i);
    return wrong;
}

static const struct piece *piece_named(const struct verify_result *r, const char *name)
{
    for (size_t i = 0; i < r->standing && name; i++)
        if (r->pieces[i].name && strcmp(r->pieces[i].name, name) == 0)
            return &r->pieces[i];
    return NULL;
}

/* Both were made for the same 64 bytes of report data. */
static fallible bound_alike(const struct piece *a, const struct piece *b, bool *alike)
{
    const struct piece *whole = a->bound_hashed ? b : a, *other = a->bound_hashed ? a : b;
    uint8_t hash[SHA256_SIZE];

    *alike = false;
    if (a->bound_hashed == b->bound_hashed) {
        *alike = span_equal(span_from(a->bound, a->bound_len), span_from(b->bound, b->bound_len)) &&
                 a->bound_len;
        return OK;
    }
    if (whole->bound_len != REPORT_DATA_SIZE)
        return OK;
    TRY(sha256(span_from(whole->bound, whole->bound_len), hash));
    *alike = span_equal(SPAN_OF(hash), span_from(other->bound, other->bound_len));
    return OK;
}

static fallible binding_judge(struct verify_result *r)
{
    const char *wrong = NULL;

    if (r->standing < 2) {
        check_leave_out(&r->frame, FRAME_BINDING);
        return OK;
    }
    for (size_t i = 1; i < r->standing && !wrong; i++) {
        bool alike;
        TRY(bound_alike(&r->pieces[0], &r->pieces[i], &alike));
        wrong = alike ? NULL : "the pieces of the bundle are bound to different report data";
    }
    check_record(&r->frame, FRAME_BINDING, wrong);
    return OK;
}

static fallible evidence_judge(const struct verify_input *in, struct span evidence,
                               struct verify_result *r)
{
    struct bundle b owned(bundle_done) = { 0 };
    struct err e = bundle_parse(evidence, &b);

    if (e.kind == FAIL_SYSTEM)
        return e;
    const char *wrong = failed(e) ? e.what : pieces_choose(&b, r);
    check_record(&r->frame, FRAME_FORMAT, wrong);
    r->bundle = failed(e) ? false : b.count > 1 && (wrong || r->standing > 1);
    for (size_t i = 0; i < r->count; i++) {
        struct verify_input own = *in;
        own.beside = piece_named(r, r->pieces[i].type->explains);
        TRY(r->pieces[i].type->verify(&own, r->bytes[i], &r->pieces[i]));
    }
    return binding_judge(r);
}

fallible verify_evidence_supplied(struct verifier *v, struct span evidence, struct span pck_chain,
                                  const struct collateral_set *collateral, int64_t at,
                                  struct span report_data, struct verify_result **out)
{
    const struct verify_input in = { v, collateral, at, report_data, .pck_chain = pck_chain };

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

fallible verify_evidence(struct verifier *v, struct span evidence,
                         const struct collateral_set *collateral, int64_t at,
                         struct span report_data, struct verify_result **out)
{
    return verify_evidence_supplied(v, evidence, (struct span){ 0 }, collateral, at, report_data,
                                    out);
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

/* What explains the one piece adds to its claims. */
static fallible single_claims(const struct verify_result *r, json_t *to)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->pieces[i].state)
            TRY(r->pieces[i].type->claims(&r->pieces[i], to));
    return OK;
}

static fallible bundle_claims(const struct verify_result *r, json_t *to)
{
    struct compound c owned(compound_done) = { 0 };

    for (size_t i = 0; i < r->count; i++)
        TRY(compound_add_piece(&c, &r->pieces[i]));
    json_set_str(to, "tee", "bundle");
    compound_write(&c, to);
    return OK;
}

static fallible claims_make(const struct verify_result *r, json_t **out)
{
    json_t *j owned(json_free) = json_object();

    if (!j)
        return FAIL(SYSTEM, "out of memory");
    TRY(r->bundle ? bundle_claims(r, j) : single_claims(r, j));
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

struct span verify_result_enclave(const struct verify_result *r, bool *known)
{
    *known = false;
    for (size_t i = 0; i < r->count; i++)
        if (r->pieces[i].state && r->pieces[i].type->enclave)
            return r->pieces[i].type->enclave(&r->pieces[i], known);
    return (struct span){ 0 };
}
