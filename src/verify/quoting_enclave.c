// SPDX-License-Identifier: Apache-2.0
#include "verify/quoting_enclave.h"

#include "crypto/signature.h"

#define AT_SIGNATURE SGX_REPORT_SIZE
#define AT_KEY (AT_SIGNATURE + QUOTE_SIGNATURE_SIZE)

void quoting_enclave_free(struct quoting_enclave *e)
{
    if (!e)
        return;
    key_free(e->attestation_key);
    free(e);
}

fallible quoting_enclave_make(struct span report, struct span signature, struct span key,
                              struct quoting_enclave **out)
{
    struct quoting_enclave *e owned(quoting_enclave_free) = calloc(1, sizeof(*e));

    if (!e)
        return FAIL(SYSTEM, "out of memory");
    if (report.len != SGX_REPORT_SIZE || signature.len != QUOTE_SIGNATURE_SIZE ||
        key.len != QUOTE_KEY_SIZE)
        return FAIL(INPUT, "not a quoting enclave's report, signature and key");
    TRY(key_from_p256_xy(key, &e->attestation_key));
    memcpy(e->bytes, report.at, report.len);
    memcpy(e->bytes + AT_SIGNATURE, signature.at, signature.len);
    memcpy(e->bytes + AT_KEY, key.at, key.len);
    *out = TAKE(e);
    return OK;
}

fallible quoting_enclave_read(struct span bytes, struct quoting_enclave **out)
{
    struct span rest = span_tail(bytes, AT_SIGNATURE);
    return quoting_enclave_make(span_head(bytes, AT_SIGNATURE),
                                span_head(rest, QUOTE_SIGNATURE_SIZE),
                                span_tail(rest, QUOTE_SIGNATURE_SIZE), out);
}

bool quoting_enclave_is(const struct quoting_enclave *e, const struct quote *q)
{
    return span_equal(span_from(e->bytes, AT_SIGNATURE), q->qe_report) &&
           span_equal(span_from(e->bytes + AT_SIGNATURE, QUOTE_SIGNATURE_SIZE),
                      q->qe_report_signature) &&
           span_equal(span_from(e->bytes + AT_KEY, QUOTE_KEY_SIZE), q->attestation_key);
}

fallible quoting_enclave_check(struct span report, struct span signature, const struct key *pck,
                               bool *good)
{
    *good = false;
    if (key_kind_of(pck) != KEY_P256)
        return OK;
    return signature_verify(pck, SIGNATURE_ECDSA, DIGEST_SHA256, report, signature, good);
}

fallible quoting_enclave_authentic(const struct quoting_enclave *e, const struct key *pck,
                                   bool *good)
{
    return quoting_enclave_check(span_from(e->bytes, AT_SIGNATURE),
                                 span_from(e->bytes + AT_SIGNATURE, QUOTE_SIGNATURE_SIZE), pck,
                                 good);
}
