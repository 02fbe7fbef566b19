// SPDX-License-Identifier: Apache-2.0
#include "crypto/inner_wrap.h"

#include "crypto/aead.h"
#include "crypto/der_internal.h"
#include "crypto/key_internal.h"

#define MEMBER "inner"
#define ALGORITHM "ECDH+A256KWP"
#define FILL_MAX 8

fallible inner_header_set(json_t *header, const struct key *ephemeral)
{
    json_t *epk = NULL, *inner = json_object();

    TRY(key_to_jwk(ephemeral, &epk));
    json_set_str(inner, "alg", ALGORITHM);
    if (json_object_set_new(inner, "epk", epk) || json_object_set_new(header, MEMBER, inner))
        return FAIL(SYSTEM, "memory is short");
    return OK;
}

void inner_trim_pkcs8(struct secret *content)
{
    struct reader r = reader_of(secret_expose(content));
    struct span whole = der_whole(&r, DER_SEQUENCE);

    if (!r.failed && r.rest.len < FILL_MAX && span_is_zero(r.rest))
        secret_shorten(content, whole.len);
}

fallible inner_open(const struct key *recipient, const json_t *header, struct secret **content)
{
    struct key *ephemeral owned(key_free) = NULL;
    struct secret *z owned(secret_free) = NULL, *key = NULL;
    const json_t *inner, *epk;
    struct span algorithm, type = { 0 };

    if (!json_object_get(header, MEMBER))
        return OK;
    TRY(json_get_object(header, MEMBER, "inner wrapping of the released key", &inner));
    TRY(json_get_str(inner, "alg", "alg of the inner wrapping", &algorithm));
    if (!span_equal_str(algorithm, ALGORITHM))
        return FAIL(DENIED, "inner wrapping of an unknown algorithm");
    TRY(json_get_object(inner, "epk", "epk of the inner wrapping", &epk));
    TRY(key_from_jwk(epk, &ephemeral));
    TRY(ec_agree(recipient, ephemeral, &z));
    TRY(json_opt_str(header, "cty", "cty of the released key", &type));
    TRY(aes_kwp_unwrap(z, secret_expose(*content), &key));
    if (span_equal_str(type, "pkcs8"))
        inner_trim_pkcs8(key);
    secret_free(*content);
    *content = key;
    return OK;
}
