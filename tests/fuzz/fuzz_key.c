// SPDX-License-Identifier: Apache-2.0
/* Keys from outside: SPKI, JWK, and private keys in PEM; what is accepted writes back the same key. */
#include <assert.h>

#include "crypto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct key *k)
{
    struct buf spki owned(buf_done) = buf_of(4096);
    struct key *again owned(key_free) = NULL;
    char thumbprint[THUMBPRINT_TEXT_SIZE];

    assert(!failed(key_to_spki(k, &spki)));
    assert(!failed(key_from_spki(buf_span(&spki), &again)));
    assert(key_same_public(k, again));
    assert(!failed(key_thumbprint(k, thumbprint)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct key *a owned(key_free) = NULL, *b owned(key_free) = NULL, *c owned(key_free) = NULL;
    json_t *jwk owned(json_free) = NULL;

    if (!failed(key_from_spki(in, &a)))
        look(a);
    if (!failed(json_parse(in, &jwk)) && !failed(key_from_jwk(jwk, &b)))
        look(b);
    if (size <= SECRET_MAX) {
        struct secret *pem owned(secret_free) = secret_copy(in);
        if (pem && !failed(key_from_pem(pem, &c)))
            look(c);
    }
    return 0;
}
