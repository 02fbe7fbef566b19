// SPDX-License-Identifier: Apache-2.0
#include "verify/sample_verify.h"

#include "base/base64.h"
#include "crypto/digest.h"
#include "verify/verify_internal.h"

#define REPORT_DATA_SIZE 64

enum sample_check { SAMPLE_ALLOWED, SAMPLE_FORMAT, SAMPLE_REPORT_DATA, SAMPLE_COUNT };

#define CLAUSE "docs/confidential-containers.md, sample evidence"
static const struct check rows[SAMPLE_COUNT] = {
    [SAMPLE_ALLOWED] = { "sample_allowed", CHECK_NOT_CHECKED, CLAUSE, NULL },
    [SAMPLE_FORMAT] = { "sample_format", CHECK_NOT_CHECKED, CLAUSE, NULL },
    [SAMPLE_REPORT_DATA] = { "report_data", CHECK_NOT_CHECKED, CLAUSE, NULL },
};
static const struct check_table sample_checks = { rows, SAMPLE_COUNT };

struct sample_state {
    uint8_t report_data[REPORT_DATA_SIZE]; /* 48 bytes and zeros */
};

/* {"svn": text, "report_data": base64 of 48 bytes} */
static const char *sample_read(struct span bytes, uint8_t out[REPORT_DATA_SIZE])
{
    static const char *const members[] = { "svn", "report_data", NULL };
    json_t *j owned(json_free) = NULL;
    struct buf data owned(buf_done) = buf_of(REPORT_DATA_SIZE);
    struct span svn, text;

    if (failed(json_parse_object(bytes, &j)) || failed(json_only(j, members)) ||
        failed(json_get_str(j, "svn", "svn", &svn)) ||
        failed(json_get_str(j, "report_data", "report_data", &text)) ||
        failed(base64_parse(text, &data)) || data.len != SHA384_SIZE)
        return "sample evidence is not svn and report_data of 48 bytes";
    memcpy(out, data.at, data.len);
    return NULL;
}

static fallible sample_verify(const struct verify_input *in, struct span bytes, struct piece *p)
{
    struct sample_state *s = calloc(1, sizeof(*s));

    if (!s)
        return FAIL(SYSTEM, "out of memory");
    p->state = s;
    p->name = "sample";
    check_record(&p->list, SAMPLE_ALLOWED,
                 in->verifier->samples ? NULL : "sample evidence proves nothing: it is not taken");
    const char *wrong = sample_read(bytes, s->report_data);
    check_record(&p->list, SAMPLE_FORMAT, wrong);
    if (wrong)
        return OK;
    piece_bind(p, SPAN_OF(s->report_data));
    if (!in->report_data.len)
        check_make_optional(&p->list, SAMPLE_REPORT_DATA);
    else
        check_record(&p->list, SAMPLE_REPORT_DATA,
                     span_equal(SPAN_OF(s->report_data), in->report_data)
                         ? NULL
                         : "report data is not what was expected");
    return OK;
}

static fallible sample_claims(const struct piece *p, json_t *to)
{
    const struct sample_state *s = p->state;

    json_set_str(to, "tee", "sample");
    if (!check_passed(&p->list, SAMPLE_ALLOWED) || !check_passed(&p->list, SAMPLE_FORMAT))
        return OK;
    json_set_str(to, "root", "configured");
    json_set_bool(to, "debug", true);
    json_set_hex(to, "report_data", SPAN_OF(s->report_data));
    return OK;
}

const struct evidence_type sample_evidence_type = {
    .kind = PIECE_SAMPLE,
    .checks = &sample_checks,
    .verify = sample_verify,
    .claims = sample_claims,
    .done = free,
};
