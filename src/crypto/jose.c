// SPDX-License-Identifier: Apache-2.0
/* JWS (RFC 7515) and what it shares with JWE: parts and headers. */
#include "crypto/jose.h"

#include "base/base64.h"
#include "crypto/jose_internal.h"
#include "crypto/signature.h"

#define HEADER_MAX (8U << 10)
#define PARTS_JWS 3

fallible jose_split(struct span text, size_t count, struct span *parts)
{
    if (text.len > JOSE_TEXT_MAX)
        return FAIL(LIMIT, "a JOSE text is too long");
    for (size_t i = 0; i < count; i++) {
        size_t dot = span_find(text, SPAN("."));
        if ((i + 1 < count) != (dot < text.len))
            return FAIL(INPUT, "not the compact form: wrong number of parts (RFC 7515 section 3.1, RFC 7516 section 3.1)");
        parts[i] = span_head(text, dot);
        text = i + 1 < count ? span_tail(text, dot + 1) : text;
    }
    return OK;
}

static const char *const refused_members[] = { "crit", "zip", "b64", "jku", "x5u", "x5c", "jwk", NULL };

fallible jose_header(struct span part, json_t **out)
{
    struct buf text owned(buf_done) = buf_of(HEADER_MAX);
    json_t *header owned(json_free) = NULL;

    TRY(base64url_parse(part, &text));
    TRY(json_parse_object(buf_span(&text), &header));
    for (const char *const *name = refused_members; *name; name++)
        if (json_object_get(header, *name))
            return FAIL(DENIED, "the header has a member that this profile refuses");
    *out = TAKE(header);
    return OK;
}

fallible jose_wants(const json_t *header, const char *member, const char *value, const char *what)
{
    struct span is;

    if (failed(json_get_str(header, member, "member", &is)) || !span_equal_str(is, value))
        return (struct err){ .kind = FAIL_DENIED, .what = what };
    return OK;
}

fallible jose_add_header(const json_t *extra, const char *alg, json_t *more, struct buf *out)
{
    json_t *mine owned(json_free) = more;
    json_t *header owned(json_free) = json_object();

    json_set_str(header, "alg", alg);
    if (!header || (mine && json_object_update(header, mine)) || (extra && json_object_update_missing(header, (json_t *)extra)))
        return FAIL(SYSTEM, "out of memory for a header");
    char *text owned(free) = json_text(header);
    if (!text)
        return FAIL(SYSTEM, "out of memory for a header");
    base64url_add(out, span_str(text));
    return buf_check(out);
}

static const struct jws_row {
    enum key_kind kind;
    const char *alg;
    enum signature_scheme scheme;
    enum digest_kind digest;
} jws_rows[] = {
    { KEY_P256, "ES256", SIGNATURE_ECDSA, DIGEST_SHA256 },
    { KEY_P384, "ES384", SIGNATURE_ECDSA, DIGEST_SHA384 },
    { KEY_RSA, "PS384", SIGNATURE_RSA_PSS, DIGEST_SHA384 },
};

static const struct jws_row *row_of(const struct key *k)
{
    for (size_t i = 0; i < sizeof(jws_rows) / sizeof(*jws_rows); i++)
        if (jws_rows[i].kind == key_kind_of(k))
            return &jws_rows[i];
    return NULL;
}

const char *jws_algorithm(const struct key *k)
{
    const struct jws_row *row = row_of(k);
    return row ? row->alg : NULL;
}

fallible jws_sign(const struct key *k, const json_t *header, struct span payload, struct buf *out)
{
    const struct jws_row *row = row_of(k);
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct buf signature owned(buf_done) = buf_of(SIGNATURE_MAX);

    if (!row)
        return FAIL(INPUT, "no signature algorithm of this profile fits the key");
    TRY(jose_add_header(header, row->alg, NULL, &text));
    buf_add_str(&text, ".");
    base64url_add(&text, payload);
    TRY(buf_check(&text));
    TRY(signature_make(k, row->scheme, row->digest, buf_span(&text), &signature));
    buf_add_str(&text, ".");
    base64url_add(&text, buf_span(&signature));
    TRY(buf_check(&text));
    buf_add(out, buf_span(&text));
    return buf_check(out);
}

static fallible check_signature(const struct key *k, const struct jws_row *row, struct span signed_text, struct span part)
{
    struct buf signature owned(buf_done) = buf_of(SIGNATURE_MAX);
    bool good = false;

    TRY(base64url_parse(part, &signature));
    TRY(signature_verify(k, row->scheme, row->digest, signed_text, buf_span(&signature), &good));
    return good ? OK : FAIL(DENIED, "the signature is not by this key (RFC 7515 section 5.2)");
}

fallible jws_verify(const struct key *k, struct span text, json_t **header, struct buf *payload)
{
    const struct jws_row *row = row_of(k);
    struct span parts[PARTS_JWS];
    json_t *h owned(json_free) = NULL;

    if (!row)
        return FAIL(INPUT, "no signature algorithm of this profile fits the key");
    TRY(jose_split(text, PARTS_JWS, parts));
    TRY(jose_header(parts[0], &h));
    TRY(jose_wants(h, "alg", row->alg, "the header names another algorithm than the key's (RFC 8725 section 3.1)"));
    TRY(check_signature(k, row, span_head(text, parts[0].len + 1 + parts[1].len), parts[2]));
    if (payload)
        TRY(base64url_parse(parts[1], payload));
    if (header)
        *header = TAKE(h);
    return OK;
}

fallible jws_peek_header(struct span text, json_t **header)
{
    struct span parts[PARTS_JWS];

    TRY(jose_split(text, PARTS_JWS, parts));
    return jose_header(parts[0], header);
}
