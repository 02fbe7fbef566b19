// SPDX-License-Identifier: Apache-2.0
/* pem_first_certificate, pck_peek and pck_extension_parse: a PCK certificate before anybody verified it. */
#include "evidence/pck_extension.h"
#include "evidence/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct buf der owned(buf_done) = buf_of(PEM_CERT_MAX);
    struct pck_extension extension;
    struct pck_peek peek;

    if (!failed(pem_first_certificate(in, &der)))
        in = buf_span(&der);
    if (!failed(pck_peek(in, &peek)))
        (void)pck_extension_parse(peek.extension, &extension).kind;
    (void)pck_extension_parse(in, &extension).kind;
    return 0;
}
