// SPDX-License-Identifier: Apache-2.0
#include "evidence/guest_evidence.h"

#include "base/base64.h"
#include "evidence/bundle.h"

static fallible read_base64(const json_t *j, const char *name, size_t max, struct buf *out)
{
    struct span text;

    TRY(json_get_str(j, name, "guest evidence: a member is missing", &text));
    *out = buf_of(max);
    TRY(base64_parse(text, out));
    return buf_check(out);
}

static fallible write_bare(struct span bytes, struct buf *out)
{
    buf_add(out, bytes);
    return buf_check(out);
}

/* The log that explains a quote goes beside it. */
static fallible write_both(struct span quote, struct span log, struct buf *out)
{
    buf_add_str(out, "{\"tdx\":");
    TRY(bundle_write_record(PIECE_TDX_QUOTE, quote, out));
    buf_add_str(out, ",\"log\":");
    TRY(bundle_write_record(PIECE_CC_LOG, log, out));
    buf_add_str(out, "}");
    return buf_check(out);
}

static fallible read_tdx(const json_t *evidence, struct buf *out)
{
    static const char *const members[] = { "quote", "cc_eventlog", "aa_eventlog", NULL };
    struct buf quote owned(buf_done) = buf_of(0), log owned(buf_done) = buf_of(0);
    const json_t *text = json_object_get(evidence, "cc_eventlog");

    TRY(json_only(evidence, members));
    TRY(read_base64(evidence, "quote", QUOTE_MAX, &quote));
    if (text && !json_is_null(text))
        TRY(read_base64(evidence, "cc_eventlog", EVIDENCE_MAX, &log));
    if (log.len)
        return write_both(buf_span(&quote), buf_span(&log), out);
    return write_bare(buf_span(&quote), out);
}

static fallible read_sgx(const json_t *evidence, struct buf *out)
{
    static const char *const members[] = { "quote", NULL };
    struct buf quote owned(buf_done) = buf_of(0);

    TRY(json_only(evidence, members));
    TRY(read_base64(evidence, "quote", QUOTE_MAX, &quote));
    return write_bare(buf_span(&quote), out);
}

static fallible read_snp(const json_t *evidence, struct buf *out)
{
    return guest_snp_read(evidence, out);
}

static fallible read_sample(const json_t *evidence, struct buf *out)
{
    struct buf text owned(buf_done) = buf_of(SAMPLE_EVIDENCE_MAX);

    TRY(json_canonical(evidence, &text));
    return bundle_write_record(PIECE_SAMPLE, buf_span(&text), out);
}

static const struct {
    const char *tee;
    fallible (*read)(const json_t *evidence, struct buf *out);
} kinds[] = {
    { "tdx", read_tdx },
    { "sgx", read_sgx },
    { "snp", read_snp },
    { "sample", read_sample },
};

/* Up to release 0.9 the evidence is a JSON text within the JSON. */
static fallible unfold(const json_t *given, json_t **out)
{
    if (json_is_string(given))
        return json_parse_object(span_from(json_string_value(given), json_string_length(given)),
                                 out);
    if (!json_is_object(given))
        return FAIL(INPUT, "guest evidence is not an object");
    *out = json_incref((json_t *)(uintptr_t)given);
    return OK;
}

fallible guest_evidence_read(struct span in, struct buf *out)
{
    static const char *const members[] = { "tee", "evidence", NULL };
    json_t *whole owned(json_free) = NULL, *evidence owned(json_free) = NULL;
    struct span tee;

    if (in.len > GUEST_EVIDENCE_MAX)
        return FAIL(LIMIT, "guest evidence is larger than 512 KiB");
    TRY(json_parse_object(in, &whole));
    TRY(json_only(whole, members));
    TRY(json_get_str(whole, "tee", "guest evidence: tee", &tee));
    TRY(unfold(json_object_get(whole, "evidence"), &evidence));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (span_equal_str(tee, kinds[i].tee))
            return kinds[i].read(evidence, out);
    return FAIL(INPUT, "guest evidence is of a TEE that is not known here");
}
