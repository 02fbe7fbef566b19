// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"
#include "evidence/bundle.h"
#include "evidence/pem.h"
#include "verify/verify_internal.h"

static fallible needs_of(enum quote_tee tee, struct span pem, struct collateral_key *out)
{
    struct buf der owned(buf_done) = buf_of(PEM_CERT_MAX);
    struct collateral_key key = { 0 };
    struct pck_extension extension;
    struct pck_peek peek;

    TRY(pem_first_certificate(pem, &der));
    TRY(pck_peek(buf_span(&der), &peek));
    TRY(pck_extension_parse(peek.extension, &extension));
    enum pck_ca ca = pck_ca_of(peek.issuer_cn);
    if (ca == PCK_CA_UNKNOWN)
        return FAIL(INPUT,
                    "the PCK certificate's issuer is neither the processor nor the platform CA");
    snprintf(key.tee, sizeof(key.tee), "%s", quote_tee_name(tee));
    snprintf(key.ca, sizeof(key.ca), "%s", pck_ca_name(ca));
    hex_str(SPAN_OF(extension.fmspc), key.fmspc);
    *out = key;
    return OK;
}

fallible quote_needs(struct span bytes, struct collateral_key *out)
{
    struct quote q;

    TRY(quote_parse(bytes, &q));
    if (q.certification_type != QUOTE_CERT_PCK_CHAIN && q.certification_type != QUOTE_CERT_PCK_LEAF)
        return FAIL(INPUT, "the quote carries no PCK certificate");
    return needs_of(q.tee, q.certification_data, out);
}

/* The one quote of the evidence. */
static fallible quote_alone(struct span evidence, struct bundle *b, struct span *quote)
{
    TRY(bundle_parse(evidence, b));
    if (b->count != 1)
        return FAIL(INPUT, "the evidence is not one quote");
    *quote = b->pieces[0].bytes;
    return OK;
}

fallible evidence_pck_query(struct span evidence, struct pck_query *out)
{
    struct bundle b owned(bundle_done) = { 0 };
    struct span quote;

    TRY(quote_alone(evidence, &b, &quote));
    return pck_query_of(quote, out);
}

fallible evidence_needs_with(struct span evidence, struct span pck_certificate,
                             struct collateral_key *out)
{
    struct bundle b owned(bundle_done) = { 0 };
    struct span quote;
    struct quote q;

    TRY(quote_alone(evidence, &b, &quote));
    TRY(quote_parse(quote, &q));
    return needs_of(q.tee, pck_certificate, out);
}
