// SPDX-License-Identifier: Apache-2.0
/* crl_parse in its three forms. */
#include <assert.h>

#include "crypto/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct key *k;
    struct crl *c owned(crl_free) = NULL, *again owned(crl_free) = NULL;
    bool good = false;

    if (!k)
        assert(!failed(key_make_ec(KEY_P256, &k)));
    if (failed(crl_parse(span_from(data, size), &c)))
        return 0;
    assert(!failed(crl_parse(crl_der(c), &again)));
    assert(span_equal(crl_issuer(c), crl_issuer(again)));
    (void)crl_lists(c, crl_number(c));
    assert(failed(crl_signed_by(c, k, &good)) || !good);
    return 0;
}
