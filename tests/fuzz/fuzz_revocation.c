// SPDX-License-Identifier: Apache-2.0
/* revocation_parse and revocation_judge: no text admits a certificate of a key that did not sign
 * it. */
#include <assert.h>

#include "crypto/revocation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1795000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct key *k;
    static struct cert *c;
    struct revocation *r owned(revocation_free) = NULL;
    int64_t this_update = 0;

    if (!c) {
        assert(!failed(key_make_ec(KEY_P256, &k)));
        const struct cert_request req = { .common_name = "CA",
                                          .key = k,
                                          .not_before = NOW,
                                          .not_after = NOW + 9,
                                          .ca = true,
                                          .path_len = -1 };
        assert(!failed(cert_issue(&req, NULL, k, &c)));
    }
    if (failed(revocation_parse(span_from(data, size), &r)))
        return 0;
    (void)revocation_next_update(r, &this_update);
    enum revocation_verdict v = revocation_judge(r, c, c, NOW, INT32_MAX);
    assert(v == (revocation_covers(r, c) ? REVOCATION_UNSOUND : REVOCATION_MISSING));
    return 0;
}
