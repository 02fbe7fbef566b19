// SPDX-License-Identifier: Apache-2.0
#include "verify/sigstruct_check.h"

#include "crypto/signature.h"

#define ATTRIBUTE_DEBUG 0x02

static void reversed(struct span from, uint8_t out[SIGSTRUCT_RSA_SIZE])
{
    for (size_t i = 0; i < SIGSTRUCT_RSA_SIZE; i++)
        out[i] = from.at[from.len - 1 - i];
}

static fallible signer_key(const struct sigstruct *s, struct key **out)
{
    static const uint8_t three[] = { 3 };
    uint8_t modulus[SIGSTRUCT_RSA_SIZE];
    owned(json_free) json_t *jwk = json_object();

    reversed(s->modulus, modulus);
    if (!(modulus[0] & 0x80))
        return FAIL(INPUT, "SIGSTRUCT: the modulus has fewer than 3072 bits");
    json_set_str(jwk, "kty", "RSA");
    json_set_base64url(jwk, "n", SPAN_OF(modulus));
    json_set_base64url(jwk, "e", SPAN_OF(three));
    return key_from_jwk(jwk, out);
}

fallible sigstruct_check(const struct sigstruct *s, json_t **claims)
{
    owned(key_free) struct key *k = NULL;
    struct buf message owned(buf_done) = buf_of(512);
    uint8_t signature[SIGSTRUCT_RSA_SIZE], signer[SHA256_SIZE];
    bool good = false;

    TRY(signer_key(s, &k));
    buf_add(&message, s->header);
    buf_add(&message, s->body);
    TRY(buf_check(&message));
    reversed(s->signature, signature);
    TRY(signature_verify(k, SIGNATURE_RSA_PKCS1, DIGEST_SHA256, buf_span(&message),
                         SPAN_OF(signature), &good));
    if (!good)
        return FAIL(DENIED, "SIGSTRUCT: the signature is not by its key");
    TRY(sha256(s->modulus, signer));
    json_t *j = json_object();
    json_set_hex(j, "mrenclave", s->enclave_hash);
    json_set_hex(j, "mrsigner", SPAN_OF(signer));
    json_set_int(j, "isvprodid", s->prod_id);
    json_set_int(j, "isvsvn", s->svn);
    if (!j)
        return FAIL(SYSTEM, "memory for claims");
    *claims = j;
    return OK;
}

bool sigstruct_is_debug(const struct sigstruct *s)
{
    return s->attributes.at[0] & s->attribute_mask.at[0] & ATTRIBUTE_DEBUG;
}
