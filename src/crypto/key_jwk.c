// SPDX-License-Identifier: Apache-2.0
/* Public keys as JWK (RFC 7517, RFC 7518 section 6) and their thumbprint (RFC 7638). */
#include "base/base64.h"
#include "crypto/digest.h"
#include "crypto/key_internal.h"

/* L50: a private member in a public place is refused, not skipped. */
static fallible refuse_private(const json_t *jwk)
{
    static const char *const members[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (json_object_get(jwk, members[i]))
            return FAIL(INPUT, "JWK with private members");
    }
    return OK;
}

static fallible ec_from_jwk(const json_t *jwk, struct key **out)
{
    struct span name, x, y;
    uint8_t point[POINT_MAX] = { 4 };

    TRY(json_get_str(jwk, "crv", "JWK crv", &name));
    TRY(json_get_str(jwk, "x", "JWK x", &x));
    TRY(json_get_str(jwk, "y", "JWK y", &y));
    const struct curve *c = curve_by_name(name);
    if (!c)
        return FAIL(INPUT, "JWK crv other than P-256, P-384 or P-521");
    TRY(base64url_parse_exact(x, point + 1, c->size));
    TRY(base64url_parse_exact(y, point + 1 + c->size, c->size));
    return key_from_point(c->kind, span_from(point, curve_point_size(c)), out);
}

static fallible rsa_from_jwk(const json_t *jwk, struct key **out)
{
    struct buf n owned(buf_done) = buf_of(RSA_BITS_MAX / 8), e owned(buf_done) = buf_of(8);
    struct span text;

    TRY(json_get_str(jwk, "n", "JWK n", &text));
    TRY(base64url_parse(text, &n));
    TRY(json_get_str(jwk, "e", "JWK e", &text));
    TRY(base64url_parse(text, &e));
    if (n.len == 0 || n.at[0] == 0 || e.len == 0 || e.at[0] == 0)
        return FAIL(INPUT, "JWK number with leading zeros (RFC 7518 section 6.3.1)");
    return key_from_rsa_public(buf_span(&n), buf_span(&e), out);
}

fallible key_from_jwk(const json_t *jwk, struct key **out)
{
    struct span kty;

    if (!json_is_object(jwk))
        return FAIL(INPUT, "JWK is not an object");
    TRY(refuse_private(jwk));
    TRY(json_get_str(jwk, "kty", "JWK kty", &kty));
    if (span_equal_str(kty, "EC"))
        return ec_from_jwk(jwk, out);
    if (span_equal_str(kty, "RSA"))
        return rsa_from_jwk(jwk, out);
    return FAIL(INPUT, "JWK kty other than EC or RSA");
}

fallible key_to_jwk(const struct key *k, json_t **out)
{
    json_t *j owned(json_free) = json_object();

    if (!j)
        return FAIL(SYSTEM, "memory is short");
    if (k->kind == KEY_RSA) {
        struct buf n owned(buf_done) = buf_of(RSA_BITS_MAX / 8),
                     e owned(buf_done) = buf_of(RSA_BITS_MAX / 8);

        TRY(key_rsa_public(k, &n, &e));
        json_set_str(j, "kty", "RSA");
        json_set_base64url(j, "n", buf_span(&n));
        json_set_base64url(j, "e", buf_span(&e));
    } else {
        const struct curve *c = curve_of(k->kind);
        struct span coordinates = span_tail(span_from(k->point, k->point_len), 1);

        json_set_str(j, "kty", "EC");
        json_set_str(j, "crv", c->name);
        json_set_base64url(j, "x", span_head(coordinates, c->size));
        json_set_base64url(j, "y", span_tail(coordinates, c->size));
    }
    if (json_object_size(j) < 3)
        return FAIL(SYSTEM, "memory is short");
    *out = TAKE(j);
    return OK;
}

/* The canonical form of an EC key's JWK, without the JSON values: tokens and proofs name keys by
 * it. */
static void ec_canonical(const struct key *k, struct buf *out)
{
    const struct curve *c = curve_of(k->kind);
    struct span coordinates = span_tail(span_from(k->point, k->point_len), 1);

    buf_add(out, SPAN("{\"crv\":\""));
    buf_add_str(out, c->name);
    buf_add(out, SPAN("\",\"kty\":\"EC\",\"x\":\""));
    base64url_add(out, span_head(coordinates, c->size));
    buf_add(out, SPAN("\",\"y\":\""));
    base64url_add(out, span_tail(coordinates, c->size));
    buf_add(out, SPAN("\"}"));
}

/* The JWK above has exactly the members of RFC 7638 section 3.2, so its canonical form is the hash
 * input. */
static fallible canonical(const struct key *k, struct buf *out)
{
    json_t *j owned(json_free) = NULL;

    if (k->kind != KEY_RSA) {
        ec_canonical(k, out);
        return buf_check(out);
    }
    TRY(key_to_jwk(k, &j));
    return json_canonical(j, out);
}

fallible key_thumbprint(const struct key *k, char out[THUMBPRINT_TEXT_SIZE])
{
    struct buf text owned(buf_done) = buf_of(4096),
                    encoded owned(buf_done) = buf_of(THUMBPRINT_TEXT_SIZE);
    uint8_t hash[SHA256_SIZE];

    TRY(canonical(k, &text));
    TRY(sha256(buf_span(&text), hash));
    base64url_add(&encoded, SPAN_OF(hash));
    TRY(buf_check(&encoded));
    memcpy(out, buf_str(&encoded), THUMBPRINT_TEXT_SIZE);
    return OK;
}
