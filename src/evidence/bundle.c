// SPDX-License-Identifier: Apache-2.0
#include "evidence/bundle.h"

#include "base/base64.h"
#include "base/json.h"
#include "evidence/quote.h"
#include "evidence/snp_report.h"
#include "evidence/tpm_evidence.h"

#define INDICATOR_EVIDENCE 4 /* RFC 9999: bit 2 of the conceptual message type */
#define COLLECTION_TYPE "__cmwc_t"

static const struct piece_type {
    const char *media_type;
    enum piece_kind kind;
    size_t size_max;
} piece_types[] = {
    { "application/vnd.warder.sgx-quote", PIECE_SGX_QUOTE, QUOTE_MAX },
    { "application/vnd.warder.tdx-quote", PIECE_TDX_QUOTE, QUOTE_MAX },
    { "application/vnd.warder.snp-report", PIECE_SNP_REPORT, SNP_EVIDENCE_MAX },
    { "application/vnd.warder.tpm-quote", PIECE_TPM_QUOTE, TPM_EVIDENCE_MAX },
    { "application/vnd.warder.azure-vtpm", PIECE_AZURE_VTPM, TPM_EVIDENCE_MAX },
    { "application/vnd.warder.cc-event-log", PIECE_CC_LOG, EVIDENCE_MAX },
    { "application/vnd.warder.cc-sample+json", PIECE_SAMPLE, SAMPLE_EVIDENCE_MAX },
};

/* Bare pieces, in the order in which they are tried: the more particular structure first. */
static const struct bare_type {
    bool (*looks_like)(struct span in);
    enum piece_kind kind;
} bare_types[] = {
    { tpm_evidence_of_azure, PIECE_AZURE_VTPM },
    { tpm_evidence_looks_like, PIECE_TPM_QUOTE },
    { snp_report_looks_like, PIECE_SNP_REPORT },
    { quote_looks_like, PIECE_ANY_QUOTE },
};

void bundle_done(struct bundle *b)
{
    for (size_t i = 0; i < b->count; i++)
        buf_done(&b->pieces[i].owned_bytes);
    *b = (struct bundle){ 0 };
}

static fallible indicator_check(const json_t *indicator)
{
    if (indicator &&
        (!json_is_integer(indicator) || !(json_integer_value(indicator) & INDICATOR_EVIDENCE)))
        return FAIL(INPUT, "the wrapper says that its content is not evidence");
    return OK;
}

static fallible record_parse(const json_t *record, struct bundle *b)
{
    const json_t *type = json_array_get(record, 0);
    const json_t *value = json_array_get(record, 1);
    size_t size = json_array_size(record);

    if (size < 2 || size > 3 || !json_is_string(type) || !json_is_string(value))
        return FAIL(INPUT, "a wrapper record is not [type, value]");
    TRY(indicator_check(json_array_get(record, 2)));
    if (b->count == BUNDLE_PIECES_MAX)
        return FAIL(LIMIT, "evidence bundle has more than 4 pieces");
    struct span name = span_from(json_string_value(type), json_string_length(type));
    for (size_t i = 0; i < sizeof(piece_types) / sizeof(*piece_types); i++) {
        if (!span_equal_str(name, piece_types[i].media_type))
            continue;
        struct bundle_piece *piece = &b->pieces[b->count++];
        piece->kind = piece_types[i].kind;
        piece->owned_bytes = buf_of(piece_types[i].size_max);
        TRY(base64url_parse(span_from(json_string_value(value), json_string_length(value)),
                            &piece->owned_bytes));
        TRY(buf_check(&piece->owned_bytes));
        piece->bytes = buf_span(&piece->owned_bytes);
        return OK;
    }
    return FAIL(INPUT, "evidence is of a type that is not known here");
}

static fallible collection_parse(const json_t *root, struct bundle *b)
{
    const char *name;
    json_t *member;

    b->collection = true;
    json_object_foreach((json_t *)root, name, member)
    {
        if (strcmp(name, COLLECTION_TYPE) == 0) {
            if (!json_is_string(member))
                return FAIL(INPUT, "collection type is not a string");
            continue;
        }
        if (!json_is_array(member))
            return FAIL(INPUT, "a member of the evidence collection is not a record");
        TRY(record_parse(member, b));
    }
    return b->count ? OK : FAIL(INPUT, "evidence collection is empty");
}

static fallible json_bundle_parse(struct span in, struct bundle *b)
{
    json_t *root owned(json_free) = NULL;

    TRY(json_parse(in, &root));
    return json_is_array(root) ? record_parse(root, b) : collection_parse(root, b);
}

fallible bundle_parse(struct span in, struct bundle *out)
{
    struct bundle b = { 0 };

    if (in.len > EVIDENCE_MAX)
        return FAIL(INPUT, "evidence is larger than 256 KiB");
    for (size_t i = 0; i < sizeof(bare_types) / sizeof(*bare_types); i++) {
        if (!bare_types[i].looks_like(in))
            continue;
        b.count = 1;
        b.pieces[0].kind = bare_types[i].kind;
        b.pieces[0].bytes = in;
        *out = b;
        return OK;
    }
    struct reader r = reader_of(in);
    uint8_t first = reader_u8(&r);
    while (first == ' ' || first == '\n' || first == '\r' || first == '\t')
        first = reader_u8(&r);
    if (first != '[' && first != '{')
        return FAIL(INPUT, "neither evidence of a known kind nor an evidence bundle");
    struct err e = json_bundle_parse(in, &b);
    if (failed(e)) {
        bundle_done(&b);
        return e;
    }
    *out = b;
    return OK;
}

fallible bundle_write_record(enum piece_kind kind, struct span bytes, struct buf *out)
{
    for (size_t i = 0; i < sizeof(piece_types) / sizeof(*piece_types); i++) {
        if (piece_types[i].kind != kind)
            continue;
        buf_addf(out, "[\"%s\",\"", piece_types[i].media_type);
        base64url_add(out, bytes);
        buf_add_str(out, "\"]");
        return buf_check(out);
    }
    return FAIL(INPUT, "a bare quote has no media type");
}
