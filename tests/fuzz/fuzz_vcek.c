// SPDX-License-Identifier: Apache-2.0
/* vcek_read: the extensions of certificates that the parser takes. */
#include <assert.h>

#include "collateral/vcek.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct cert *c owned(cert_free) = NULL;
    struct vcek v;

    if (!started)
        assert(!failed(crypto_start(CRYPTO_MEMORY_PLAIN)));
    started = true;
    if (failed(cert_from_der(span_from(data, size), &c)) || failed(vcek_read(c, &v)))
        return 0;
    assert(v.product != SNP_PRODUCT_UNKNOWN && v.hwid_len <= SNP_CHIP_ID_SIZE);
    assert((v.key == SNP_VCEK) == (v.hwid_len > 0) && (v.key == SNP_VLEK) == (v.csp_id[0] != 0));
    return 0;
}
