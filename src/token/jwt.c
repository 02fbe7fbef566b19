// SPDX-License-Identifier: Apache-2.0
#include "token/jwt.h"

#include "crypto/random.h"

fallible jwt_sign_text(const struct key *k, const char *typ, struct span claims, struct buf *out)
{
    char kid[THUMBPRINT_TEXT_SIZE];
    TRY(key_thumbprint(k, kid));
    owned(json_free) json_t *header = json_object();
    json_set_str(header, "typ", typ);
    json_set_str(header, "kid", kid);
    if (!header)
        return FAIL(SYSTEM, "memory for a token");
    return jws_sign(k, header, claims, out);
}

fallible jwt_sign(const struct key *k, const char *typ, const json_t *claims, struct buf *out)
{
    char *text owned(free) = json_text(claims);
    if (!text)
        return FAIL(SYSTEM, "memory for a token");
    return jwt_sign_text(k, typ, span_str(text), out);
}

fallible jwt_stamp(json_t *claims, const char *issuer, const char *audience, int64_t now,
                   int64_t lifetime)
{
    char id[UUID_TEXT_SIZE];
    TRY(random_uuid(id));
    json_set_str(claims, "iss", issuer);
    json_set_str(claims, "aud", audience);
    json_set_str(claims, "jti", id);
    json_set_int(claims, "iat", now);
    json_set_int(claims, "nbf", now);
    json_set_int(claims, "exp", now + lifetime);
    return OK;
}

/* Every way out but the last is a refusal: the fault is recorded where it is decided. */
static fallible refuse(enum jwt_fault *fault, enum jwt_fault why)
{
    *fault = why;
    switch (why) {
    case JWT_UNKNOWN_KEY:
        return FAIL(DENIED, "token is signed by an unknown key");
    case JWT_BAD_SIGNATURE:
        return FAIL(DENIED, "token's signature is wrong");
    case JWT_WRONG_CLAIMS:
        return FAIL(DENIED, "token is of another type, issuer or audience");
    case JWT_NOT_YET:
        return FAIL(DENIED, "token is not valid yet");
    case JWT_EXPIRED:
        return FAIL(DENIED, "token has expired");
    case JWT_GOOD:
    case JWT_MALFORMED:
        break;
    }
    return FAIL(INPUT, "not a token of the expected form");
}

static bool names_audience(const json_t *aud, const char *audience)
{
    if (json_is_string(aud))
        return span_equal_str(span_from(json_string_value(aud), json_string_length(aud)), audience);
    if (!json_is_array(aud))
        return false;
    for (size_t i = 0; i < json_array_size(aud); i++) {
        const json_t *one = json_array_get(aud, i);
        if (json_is_string(one) &&
            span_equal_str(span_from(json_string_value(one), json_string_length(one)), audience))
            return true;
    }
    return false;
}

struct jwt_times {
    uint64_t iat, nbf, exp;
};

static fallible read_required(const json_t *claims, struct span *issuer, struct jwt_times *t)
{
    struct span id;
    TRY(json_get_str(claims, "iss", "token: iss", issuer));
    TRY(json_get_str(claims, "jti", "token: jti", &id));
    TRY(json_get_u64(claims, "iat", INT64_MAX / 2, "token: iat", &t->iat));
    TRY(json_get_u64(claims, "nbf", INT64_MAX / 2, "token: nbf", &t->nbf));
    TRY(json_get_u64(claims, "exp", INT64_MAX / 2, "token: exp", &t->exp));
    if (!json_object_get(claims, "aud") || !id.len)
        return FAIL(INPUT, "token: aud or jti");
    return OK;
}

static enum jwt_fault judge_times(const struct jwt_times *t, int64_t now)
{
    if ((int64_t)t->iat > now + JWT_LEEWAY || (int64_t)t->nbf > now + JWT_LEEWAY)
        return JWT_NOT_YET;
    if ((int64_t)t->exp + JWT_LEEWAY <= now)
        return JWT_EXPIRED;
    return JWT_GOOD;
}

static fallible find_key(struct span text, const struct jwks *keys, const char *typ,
                         const struct key **out, enum jwt_fault *fault)
{
    owned(json_free) json_t *header = NULL;
    struct span kid, type;
    if (failed(jws_peek_header(text, &header)) ||
        failed(json_get_str(header, "kid", "token: kid", &kid)) ||
        failed(json_get_str(header, "typ", "token: typ", &type)))
        return refuse(fault, JWT_MALFORMED);
    const struct key *k = jwks_find(keys, kid);
    if (!k)
        return refuse(fault, JWT_UNKNOWN_KEY);
    if (!span_equal_str(type, typ))
        return refuse(fault, JWT_WRONG_CLAIMS);
    *out = k;
    return OK;
}

fallible jwt_verify(struct span text, const struct jwks *keys, const char *typ, const char *issuer,
                    const char *audience, int64_t now, json_t **claims, enum jwt_fault *fault)
{
    enum jwt_fault ignored;
    if (!fault)
        fault = &ignored;
    if (text.len > JWT_TEXT_MAX)
        return refuse(fault, JWT_MALFORMED);
    const struct key *k = NULL;
    TRY(find_key(text, keys, typ, &k, fault));

    struct buf payload owned(buf_done) = buf_of(JWT_TEXT_MAX);
    struct err e = jws_verify(k, text, NULL, &payload);
    if (e.kind == FAIL_INPUT)
        return refuse(fault, JWT_MALFORMED);
    if (e.kind == FAIL_DENIED)
        return refuse(fault, JWT_BAD_SIGNATURE);
    TRY(e);

    owned(json_free) json_t *read = NULL;
    struct span iss;
    struct jwt_times times;
    if (failed(json_parse_object(buf_span(&payload), &read)) ||
        failed(read_required(read, &iss, &times)))
        return refuse(fault, JWT_MALFORMED);
    if (!span_equal_str(iss, issuer) || !names_audience(json_object_get(read, "aud"), audience))
        return refuse(fault, JWT_WRONG_CLAIMS);
    enum jwt_fault time_fault = judge_times(&times, now);
    if (time_fault != JWT_GOOD)
        return refuse(fault, time_fault);
    *fault = JWT_GOOD;
    *claims = TAKE(read);
    return OK;
}

static fallible read_foreign(const json_t *claims, struct span *issuer, struct jwt_times *t)
{
    struct span subject;

    TRY(json_get_str(claims, "iss", "token: iss", issuer));
    TRY(json_get_str(claims, "sub", "token: sub", &subject));
    TRY(json_get_u64(claims, "iat", INT64_MAX / 2, "token: iat", &t->iat));
    TRY(json_get_u64(claims, "exp", INT64_MAX / 2, "token: exp", &t->exp));
    t->nbf = t->iat;
    TRY(json_opt_u64(claims, "nbf", INT64_MAX / 2, "token: nbf", &t->nbf));
    return subject.len && json_object_get(claims, "aud") ? OK : FAIL(INPUT, "token: sub or aud");
}

static bool is_for(const json_t *claims, const char *audience)
{
    const json_t *aud = json_object_get(claims, "aud"), *azp = json_object_get(claims, "azp");

    return names_audience(aud, audience) && (!azp || names_audience(azp, audience)) &&
           (json_array_size(aud) < 2 || azp);
}

static fallible verify_foreign_signature(struct span text, const struct jwks *keys,
                                         struct buf *payload, enum jwt_fault *fault)
{
    owned(json_free) json_t *header = NULL;
    struct span kid = { 0 };

    if (failed(jws_peek_header(text, &header)) ||
        failed(json_opt_str(header, "kid", "token: kid", &kid)))
        return refuse(fault, JWT_MALFORMED);
    /* OpenID Connect Core section 10.1: an issuer of one key need not name it. */
    bool named = json_object_get(header, "kid") != NULL;
    const struct key *k = named ? jwks_find(keys, kid) : jwks_single(keys);
    if (!k)
        return refuse(fault, JWT_UNKNOWN_KEY);
    struct err e = jws_verify_as(k, jwks_algorithm(keys, k), text, NULL, payload);
    if (e.kind == FAIL_INPUT)
        return refuse(fault, JWT_MALFORMED);
    if (e.kind == FAIL_DENIED)
        return refuse(fault, JWT_BAD_SIGNATURE);
    return e;
}

fallible jwt_verify_foreign(struct span text, const struct jwks *keys, const char *issuer,
                            const char *audience, int64_t now, json_t **claims,
                            enum jwt_fault *fault)
{
    struct buf payload owned(buf_done) = buf_of(JWT_TEXT_MAX);
    owned(json_free) json_t *read = NULL;
    struct jwt_times times;
    struct span iss;

    if (text.len > JWT_TEXT_MAX)
        return refuse(fault, JWT_MALFORMED);
    TRY(verify_foreign_signature(text, keys, &payload, fault));
    if (failed(json_parse_object(buf_span(&payload), &read)) ||
        failed(read_foreign(read, &iss, &times)))
        return refuse(fault, JWT_MALFORMED);
    if (!span_equal_str(iss, issuer) || !is_for(read, audience))
        return refuse(fault, JWT_WRONG_CLAIMS);
    enum jwt_fault time_fault = judge_times(&times, now);
    if (time_fault != JWT_GOOD)
        return refuse(fault, time_fault);
    *fault = JWT_GOOD;
    *claims = TAKE(read);
    return OK;
}
