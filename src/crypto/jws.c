// SPDX-License-Identifier: Apache-2.0
/* JWS, compact (RFC 7515). */
#include "base/base64.h"
#include "crypto/jose_internal.h"
#include "crypto/signature.h"

static const struct row {
    enum key_kind kind;
    const char *alg;
    enum signature_scheme scheme;
    enum digest_kind digest;
} rows[] = {
    { KEY_P256, "ES256", SIGNATURE_ECDSA, DIGEST_SHA256 },
    { KEY_P384, "ES384", SIGNATURE_ECDSA, DIGEST_SHA384 },
    { KEY_RSA, "PS384", SIGNATURE_RSA_PSS, DIGEST_SHA384 },
    /* Others sign so, we do not: the first row of a kind is ours. */
    { KEY_RSA, "RS256", SIGNATURE_RSA_PKCS1, DIGEST_SHA256 },
};

static const struct row *row_of(const struct key *k)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].kind == key_kind_of(k))
            return &rows[i];
    }
    return NULL;
}

const char *jws_algorithm(const struct key *k)
{
    const struct row *row = row_of(k);

    return row ? row->alg : NULL;
}

static const struct row *row_named(const struct key *k, struct span alg)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].kind == key_kind_of(k) && span_equal_str(alg, rows[i].alg))
            return &rows[i];
    }
    return NULL;
}

const char *jws_algorithm_foreign(const struct key *k, struct span named)
{
    const struct row *row = row_named(k, named);

    if (!named.len)
        return key_kind_of(k) == KEY_RSA ? "RS256" : jws_algorithm(k);
    return row ? row->alg : NULL;
}

fallible jws_sign(const struct key *k, const json_t *header, struct span payload, struct buf *out)
{
    const struct row *row = row_of(k);
    json_t *protected owned(json_free) = NULL;
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX),
                    signature owned(buf_done) = buf_of(SIGNATURE_MAX);

    TRY(jose_make_header(header, row ? row->alg : NULL, &protected));
    TRY(jose_add_header(protected, &text));
    buf_add_u8(&text, '.');
    base64url_add(&text, payload);
    TRY(buf_check(&text));
    TRY(signature_make(k, row->scheme, row->digest, buf_span(&text), &signature));
    buf_add_u8(&text, '.');
    base64url_add(&text, buf_span(&signature));
    TRY(buf_check(&text));
    buf_add(out, buf_span(&text));
    return buf_check(out);
}

static fallible check_signature(const struct key *k, const struct row *row, struct span text,
                                struct span encoded)
{
    struct buf signature owned(buf_done) = buf_of(SIGNATURE_MAX);
    bool good = false;

    TRY(base64url_parse(encoded, &signature));
    struct span input = span_head(text, text.len - encoded.len - 1);
    TRY(signature_verify(k, row->scheme, row->digest, input, buf_span(&signature), &good));
    return good ? OK : FAIL(DENIED, "the JWS signature is not good");
}

fallible jws_verify_as(const struct key *k, const char *alg, struct span text, json_t **header,
                       struct buf *payload)
{
    const struct row *row = alg ? row_named(k, span_str(alg)) : NULL;
    static const char *const refused[] = { "crit", "zip", "b64", "jku", "x5u", "jwk", NULL };
    struct span parts[JOSE_PARTS_MAX];
    json_t *h owned(json_free) = NULL;
    struct buf content owned(buf_done) = buf_of(JOSE_TEXT_MAX);

    TRY(jose_split(text, 3, parts));
    TRY(jose_parse_header(parts[0], &h));
    TRY(jose_check_header(h, row ? row->alg : NULL, refused));
    TRY(check_signature(k, row, text, parts[2]));
    TRY(base64url_parse(parts[1], &content));
    if (payload) {
        buf_add(payload, buf_span(&content));
        TRY(buf_check(payload));
    }
    if (header)
        *header = TAKE(h);
    return OK;
}

fallible jws_verify(const struct key *k, struct span text, json_t **header, struct buf *payload)
{
    return jws_verify_as(k, jws_algorithm(k), text, header, payload);
}

fallible jws_peek_header(struct span text, json_t **header)
{
    struct span parts[JOSE_PARTS_MAX];

    TRY(jose_split(text, 3, parts));
    return jose_parse_header(parts[0], header);
}
