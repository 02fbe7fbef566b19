// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"
#include "evidence/bundle.h"
#include "evidence/pck_extension.h"
#include "evidence/pem.h"
#include "evidence/quote.h"
#include "verify/verify.h"

static fallible quote_needs(struct span bytes, struct collateral_key *out)
{
    struct buf der owned(buf_done) = buf_of(PEM_CERT_MAX);
    struct collateral_key key = { 0 };
    struct pck_extension extension;
    struct pck_peek peek;
    struct quote q;

    TRY(quote_parse(bytes, &q));
    if (q.certification_type != QUOTE_CERT_PCK_CHAIN && q.certification_type != QUOTE_CERT_PCK_LEAF)
        return FAIL(INPUT, "the quote carries no PCK certificate");
    TRY(pem_first_certificate(q.certification_data, &der));
    TRY(pck_peek(buf_span(&der), &peek));
    TRY(pck_extension_parse(peek.extension, &extension));
    enum pck_ca ca = pck_ca_of(peek.issuer_cn);
    if (ca == PCK_CA_UNKNOWN)
        return FAIL(INPUT, "the PCK certificate's issuer is neither the processor nor the platform CA");
    snprintf(key.tee, sizeof(key.tee), "%s", quote_tee_name(q.tee));
    snprintf(key.ca, sizeof(key.ca), "%s", pck_ca_name(ca));
    hex_str(SPAN_OF(extension.fmspc), key.fmspc);
    *out = key;
    return OK;
}

fallible evidence_needs(struct span evidence, struct collateral_key *out)
{
    struct bundle b owned(bundle_done) = { 0 };

    TRY(bundle_parse(evidence, &b));
    if (b.count != 1)
        return FAIL(INPUT, "an evidence bundle with more than one quote is not supported");
    return quote_needs(b.pieces[0].bytes, out);
}
