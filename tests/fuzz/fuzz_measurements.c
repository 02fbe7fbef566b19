// SPDX-License-Identifier: Apache-2.0
/* measurements_verify: of any text, and of any payload by the right key */
#include "crypto/crypto.h"
#include "token/measurements.h"

#define NOW 1795435200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key *key;
static struct jwks *keys;
static json_t *header;

static bool start(void)
{
    struct buf text owned(buf_done) = buf_of(4096);
    char kid[THUMBPRINT_TEXT_SIZE];
    if (header)
        return true;
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(key_make_ec(KEY_P256, &key)) ||
        failed(key_thumbprint(key, kid)) ||
        failed(jwks_text((const struct key *const[]){ key }, 1, &text)) ||
        failed(jwks_parse(buf_span(&text), &keys)))
        return false;
    header = json_pack("{s:s,s:s}", "typ", MEASUREMENTS_TYP, "kid", kid);
    return header != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span payload = span_from(data, size);
    struct buf jws owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    owned(json_free) json_t *stranger = NULL, *bundle = NULL;
    if (!start())
        return 0;
    if (!failed(measurements_verify(payload, keys, NOW, &stranger)))
        __builtin_trap(); /* nobody else has the key */
    if (failed(jws_sign(key, header, payload, &jws)) ||
        failed(measurements_verify(buf_span(&jws), keys, NOW, &bundle)))
        return 0;
    size_t sets = json_array_size(json_object_get(bundle, "sets"));
    if (!sets || sets > MEASUREMENT_SETS_MAX)
        __builtin_trap();
    return 0;
}
