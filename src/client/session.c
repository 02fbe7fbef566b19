// SPDX-License-Identifier: Apache-2.0
#include "client/session.h"

#include <stdatomic.h>

#include "base/base64.h"
#include "base/owned.h"
#include "base/writer.h"
#include "crypto/digest.h"
#include "crypto/signature.h"

#define PARTS_MAX (64U << 10)
#define TOKEN_MARGIN 30 /* seconds */
#define CHALLENGES_MAX 256

struct session {
    struct key *signing, *encryption;
    char *token;
    int64_t token_expires_at;
    atomic_uint references;
    uint8_t answered[CHALLENGES_MAX][SHA256_SIZE];
    size_t answered_count;
};

struct session *session_ref(struct session *s)
{
    if (s)
        atomic_fetch_add(&s->references, 1);
    return s;
}

void session_free(struct session *s)
{
    if (!s || atomic_fetch_sub(&s->references, 1) != 1)
        return;
    key_free(s->signing);
    key_free(s->encryption);
    session_drop_token(s);
    free(s);
}

fallible session_new(struct session **out)
{
    struct session *s owned(session_free) = calloc(1, sizeof(*s));

    if (!s)
        return FAIL(SYSTEM, "out of memory");
    atomic_init(&s->references, 1);
    TRY(key_make_ec(KEY_P256, &s->signing));
    TRY(key_make_ec(KEY_P256, &s->encryption));
    *out = TAKE(s);
    return OK;
}

const struct key *session_encryption_key(const struct session *s)
{
    return s->encryption;
}

fallible session_jwks(const struct session *s, json_t **signing, json_t **encryption)
{
    json_t *sign owned(json_free) = NULL;
    json_t *encrypt owned(json_free) = NULL;

    TRY(key_to_jwk(s->signing, &sign));
    TRY(key_to_jwk(s->encryption, &encrypt));
    *signing = TAKE(sign);
    *encryption = TAKE(encrypt);
    return OK;
}

fallible session_thumbprint(const struct session *s, char out[THUMBPRINT_TEXT_SIZE])
{
    return key_thumbprint(s->signing, out);
}

fallible session_report_data(const struct session *s, struct span challenge, struct span tenant,
                             uint8_t out[REPORT_DATA_SIZE])
{
    struct buf parts owned(buf_done) = buf_of(PARTS_MAX);
    struct buf sign owned(buf_done) = buf_of(P256_POINT_SIZE);
    struct buf encrypt owned(buf_done) = buf_of(P256_POINT_SIZE);

    TRY(key_to_point(s->signing, &sign));
    TRY(key_to_point(s->encryption, &encrypt));
    write_part(&parts, SPAN("warder-kbs-v1"));
    write_part(&parts, challenge);
    write_part(&parts, tenant);
    write_part(&parts, buf_span(&sign));
    write_part(&parts, buf_span(&encrypt));
    TRY(buf_check(&parts));
    return digest_of(DIGEST_SHA512, buf_span(&parts), out);
}

fallible session_proof(const struct session *s, struct span path, struct span challenge,
                       struct span body, struct buf *out)
{
    struct buf parts owned(buf_done) = buf_of(PARTS_MAX);
    struct buf signature owned(buf_done) = buf_of(SIGNATURE_MAX);
    uint8_t hash[SHA256_SIZE];

    TRY(sha256(body, hash));
    write_part(&parts, SPAN("warder-proof-v1"));
    write_part(&parts, SPAN("POST"));
    write_part(&parts, path);
    write_part(&parts, challenge);
    write_part(&parts, SPAN_OF(hash));
    TRY(buf_check(&parts));
    TRY(signature_make(s->signing, SIGNATURE_ECDSA, DIGEST_SHA256, buf_span(&parts), &signature));
    base64url_add(out, buf_span(&signature));
    return buf_check(out);
}

fallible session_take_challenge(struct session *s, struct span challenge)
{
    uint8_t hash[SHA256_SIZE];

    TRY(sha256(challenge, hash));
    for (size_t i = 0; i < s->answered_count; i++)
        if (!memcmp(s->answered[i], hash, sizeof(hash)))
            return FAIL(DENIED, "the KBS gave a challenge that these keys have answered before");
    if (s->answered_count == CHALLENGES_MAX)
        return FAIL(LIMIT, "these keys have answered too many challenges");
    memcpy(s->answered[s->answered_count++], hash, sizeof(hash));
    return OK;
}

void session_keep_token(struct session *s, struct span token, int64_t expires_at)
{
    session_drop_token(s);
    s->token = span_dup(token);
    s->token_expires_at = expires_at;
}

void session_drop_token(struct session *s)
{
    if (s->token)
        wipe(s->token, strlen(s->token));
    free(s->token);
    s->token = NULL;
}

fallible session_token_copy(const struct session *s, char **token, int64_t *ends)
{
    char *copy = s->token ? strdup(s->token) : NULL;

    if (s->token && !copy)
        return FAIL(SYSTEM, "out of memory");
    *token = copy;
    *ends = s->token_expires_at;
    return OK;
}

const char *session_token(const struct session *s, int64_t now)
{
    bool good = s->answered_count < CHALLENGES_MAX && now + TOKEN_MARGIN < s->token_expires_at;
    return s->token && good ? s->token : NULL;
}
