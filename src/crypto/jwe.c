// SPDX-License-Identifier: Apache-2.0
/*
 * JWE, compact (RFC 7516): ECDH-ES+A256KW and RSA-OAEP-256, content A256GCM. One wrong answer for
 * every way in which a text does not open, so that it is no oracle.
 */
#include "base/base64.h"
#include "crypto/aead.h"
#include "crypto/gcm_internal.h"
#include "crypto/jose_internal.h"
#include "crypto/jwe_internal.h"
#include "crypto/random.h"

#define CEK_SIZE 32
#define ENC "A256GCM"

fallible jwe_add_content(const struct secret *cek, struct span associated,
                         const struct secret *plain, struct buf *text)
{
    uint8_t nonce[GCM_NONCE_SIZE], tag[GCM_TAG_SIZE];
    struct buf sealed owned(buf_done) = buf_of(SECRET_MAX);
    uint8_t *to = buf_extend(&sealed, secret_len(plain));

    TRY(buf_check(&sealed));
    TRY(random_fill(nonce, sizeof nonce));
    TRY(gcm_seal(cek, nonce, associated, secret_expose(plain), to, tag));
    base64url_add(text, SPAN_OF(nonce));
    buf_add_u8(text, '.');
    base64url_add(text, buf_span(&sealed));
    buf_add_u8(text, '.');
    base64url_add(text, SPAN_OF(tag));
    return buf_check(text);
}

/* Members in the order of their names: guests of Confidential Containers write the header anew from
 * what they read, and authenticate that. */
static fallible jwe_add_header(const json_t *header, struct buf *out)
{
    struct buf text owned(buf_done) = buf_of(JOSE_HEADER_MAX);

    TRY(json_canonical(header, &text));
    base64url_add(out, buf_span(&text));
    return buf_check(out);
}

fallible jwe_seal(const struct key *recipient, const json_t *header, const struct secret *plain,
                  struct buf *out)
{
    json_t *protected owned(json_free) = NULL;
    struct secret *cek owned(secret_free) = NULL;
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX),
                    head owned(buf_done) = buf_of(JOSE_HEADER_MAX);
    struct buf wrapped owned(buf_done) = buf_of(RSA_BITS_MAX / 8);

    TRY(jose_make_header(header, jwe_algorithm(recipient), &protected));
    json_set_str(protected, "enc", ENC);
    TRY(random_secret(CEK_SIZE, &cek));
    TRY(jwe_wrap(recipient, protected, cek, &wrapped));
    TRY(jwe_add_header(protected, &head));
    buf_add(&text, buf_span(&head));
    buf_add_u8(&text, '.');
    base64url_add(&text, buf_span(&wrapped));
    buf_add_u8(&text, '.');
    TRY(jwe_add_content(cek, buf_span(&head), plain, &text));
    buf_add(out, buf_span(&text));
    return buf_check(out);
}

static fallible check_header(const struct key *recipient, const json_t *header)
{
    static const char *const refused[] = { "crit", "zip", "b64", "jku", "x5u", "jwk", NULL };
    struct span enc = { 0 };

    TRY(jose_check_header(header, jwe_algorithm(recipient), refused));
    if (failed(json_get_str(header, "enc", "enc", &enc)) || !span_equal_str(enc, ENC))
        return FAIL(DENIED, "the header's enc is not A256GCM");
    return OK;
}

/* A wrapped key that does not open becomes a random one, and the content says no. */
static fallible find_cek(const struct key *recipient, const json_t *header, struct span wrapped,
                         struct secret **cek)
{
    struct secret *k owned(secret_free) = NULL;
    struct err e = jwe_unwrap(recipient, header, wrapped, &k);

    if (failed(e) && e.kind != FAIL_DENIED)
        return e;
    if (failed(e) || secret_len(k) != CEK_SIZE)
        return random_secret(CEK_SIZE, cek);
    *cek = TAKE(k);
    return OK;
}

fallible jwe_open(const struct key *recipient, struct span text, json_t **header,
                  struct secret **plain)
{
    struct span parts[JOSE_PARTS_MAX];
    uint8_t nonce[GCM_NONCE_SIZE], tag[GCM_TAG_SIZE];
    json_t *h owned(json_free) = NULL;
    struct secret *cek owned(secret_free) = NULL, *content owned(secret_free) = NULL;
    struct buf wrapped owned(buf_done) = buf_of(RSA_BITS_MAX / 8),
                       sealed owned(buf_done) = buf_of(SECRET_MAX);

    if (!key_is_private(recipient))
        return FAIL(INPUT, "not a private key");
    TRY(jose_split(text, 5, parts));
    TRY(jose_parse_header(parts[0], &h));
    TRY(check_header(recipient, h));
    TRY(base64url_parse(parts[1], &wrapped));
    TRY(base64url_parse_exact(parts[2], nonce, sizeof nonce));
    TRY(base64url_parse(parts[3], &sealed));
    TRY(base64url_parse_exact(parts[4], tag, sizeof tag));
    TRY(find_cek(recipient, h, buf_span(&wrapped), &cek));
    TRY(gcm_open(cek, nonce, parts[0], buf_span(&sealed), tag, &content));
    if (header)
        *header = TAKE(h);
    if (plain)
        *plain = TAKE(content);
    return OK;
}
