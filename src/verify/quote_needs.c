// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"
#include "evidence/pem.h"
#include "verify/verify_internal.h"

fallible quote_needs(struct span bytes, struct collateral_key *out)
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
        return FAIL(INPUT,
                    "the PCK certificate's issuer is neither the processor nor the platform CA");
    snprintf(key.tee, sizeof(key.tee), "%s", quote_tee_name(q.tee));
    snprintf(key.ca, sizeof(key.ca), "%s", pck_ca_name(ca));
    hex_str(SPAN_OF(extension.fmspc), key.fmspc);
    *out = key;
    return OK;
}
