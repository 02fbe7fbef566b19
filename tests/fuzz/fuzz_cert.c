// SPDX-License-Identifier: Apache-2.0
/* chain_from_pem, cert_from_der and what is read of a certificate, and its signature by its own key. */
#include <assert.h>

#include "crypto/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct cert *c, struct span in)
{
    struct buf cn owned(buf_done) = buf_of(CERT_DER_MAX), pem owned(buf_done) = buf_of(4 * CERT_DER_MAX);
    struct chain again owned(chain_done) = { 0 };
    bool good = false;

    assert(!in.len || span_equal(cert_der(c), in));
    assert(cert_serial(c).len > 0 && cert_tbs(c).len > 0);
    (void)cert_subject_cn(c, &cn).kind;
    (void)cert_issuer_cn(c, &cn).kind;
    (void)cert_has_unknown_critical(c);
    (void)cert_extension(c, SPAN("\x55\x1d\x13"));
    (void)cert_signed_by(c, cert_key(c), &good).kind;
    assert(!failed(cert_to_pem(c, &pem)));
    assert(!failed(chain_from_pem(buf_span(&pem), &again)) && cert_equal(again.certs[0], c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct cert *c owned(cert_free) = NULL;
    struct chain chain owned(chain_done) = { 0 };

    if (!failed(cert_from_der(in, &c)))
        look(c, in);
    if (!failed(chain_from_pem(in, &chain))) {
        for (size_t i = 0; i < chain.count; i++)
            look(chain.certs[i], (struct span){ 0 });
    }
    return 0;
}
