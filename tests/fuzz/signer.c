// SPDX-License-Identifier: Apache-2.0
#include "signer.h"

#include <assert.h>

#include "crypto/crypto.h"

static struct key *key;
static struct jwks *keys;
static char kid[THUMBPRINT_TEXT_SIZE];

static void start(void)
{
    struct buf text owned(buf_done) = buf_of(4096);
    if (keys)
        return;
    assert(!failed(crypto_start(CRYPTO_MEMORY_PLAIN)) && !failed(key_make_ec(KEY_P256, &key)));
    assert(!failed(key_thumbprint(key, kid)));
    assert(!failed(jwks_text((const struct key *const[]){ key }, 1, &text)));
    assert(!failed(jwks_parse(buf_span(&text), &keys)));
}

const struct key *signer_key(void)
{
    start();
    return key;
}

const struct jwks *signer_keys(void)
{
    start();
    return keys;
}

void signer_sign(const char *typ, struct span payload, struct buf *out)
{
    start();
    json_t *header owned(json_free) = json_pack("{s:s,s:s}", "typ", typ, "kid", kid);
    assert(!failed(jws_sign(key, header, payload, out)));
}
