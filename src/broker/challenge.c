// SPDX-License-Identifier: Apache-2.0
#include "broker/challenge.h"

#include "base/base64.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#define FORMAT 1
#define EPOCH_SECONDS 86400

static fallible epoch_key(const struct secret *root, uint32_t epoch, struct secret **out)
{
    struct buf label owned(buf_done) = buf_of(64);

    buf_add(&label, SPAN("warder-challenge-v1/"));
    write_u32be(&label, epoch);
    TRY(buf_check(&label));
    return hkdf_sha256(root, buf_span(&label), AEAD_KEY_SIZE, out);
}

static fallible associated(struct span kbs, uint32_t epoch, struct buf *out)
{
    write_part(out, SPAN("warder-challenge"));
    write_u8(out, FORMAT);
    write_u32be(out, epoch);
    write_part(out, kbs);
    return buf_check(out);
}

static fallible plain_of(const struct challenge *c, struct secret **out)
{
    struct buf b owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);

    write_part(&b, span_str(c->tenant));
    write_part(&b, span_str(c->key_id));
    write_part(&b, span_str(c->subject));
    write_u64be(&b, (uint64_t)c->expires_at);
    buf_add(&b, SPAN_OF(c->id));
    TRY(buf_check(&b));
    *out = secret_copy(buf_span(&b));
    return *out ? OK : FAIL(SYSTEM, "secure memory exhausted");
}

static bool fits(const struct challenge *c)
{
    return strlen(c->tenant) + strlen(c->key_id) + strlen(c->subject) <= 3 * CHALLENGE_FIELD_MAX;
}

fallible challenge_make(const struct secret *root, struct span kbs, struct challenge *c,
                        struct buf *text)
{
    struct secret *key owned(secret_free) = NULL, *plain owned(secret_free) = NULL;
    struct buf aad owned(buf_done) = buf_of(1024),
                   sealed owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
    uint32_t epoch = (uint32_t)(c->expires_at / EPOCH_SECONDS);

    if (!fits(c))
        return FAIL(LIMIT, "challenge fields");
    TRY(random_fill(c->id, sizeof c->id));
    TRY(epoch_key(root, epoch, &key));
    TRY(associated(kbs, epoch, &aad));
    TRY(plain_of(c, &plain));
    write_u8(&sealed, FORMAT);
    write_u32be(&sealed, epoch);
    TRY(aead_seal(key, buf_span(&aad), plain, &sealed));
    TRY(buf_check(&sealed));
    base64url_add(text, buf_span(&sealed));
    return buf_check(text);
}

static void read_field(struct reader *r, char out[CHALLENGE_FIELD_MAX + 1])
{
    uint32_t len = reader_u32be(r);
    reader_require(r, len <= CHALLENGE_FIELD_MAX);
    struct span text = reader_take(r, len);
    if (text.len)
        memcpy(out, text.at, text.len);
    out[text.len] = 0;
}

static fallible plain_read(struct span plain, struct challenge *out)
{
    struct reader r = reader_of(plain);
    struct challenge c = { 0 };

    read_field(&r, c.tenant);
    read_field(&r, c.key_id);
    read_field(&r, c.subject);
    c.expires_at = (int64_t)reader_u64be(&r);
    reader_copy(&r, c.id, sizeof c.id);
    TRY(reader_end(&r, "challenge"));
    *out = c;
    return OK;
}

fallible challenge_open(const struct secret *root, struct span kbs, struct span text,
                        struct challenge *out)
{
    struct secret *key owned(secret_free) = NULL, *plain owned(secret_free) = NULL;
    struct buf bytes owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX),
                     aad owned(buf_done) = buf_of(1024);

    if (text.len > CHALLENGE_TEXT_MAX || failed(base64url_parse(text, &bytes)))
        return FAIL(DENIED, "not a challenge of this broker");
    struct reader r = reader_of(buf_span(&bytes));
    uint8_t format = reader_u8(&r);
    uint32_t epoch = reader_u32be(&r);
    struct span sealed = reader_rest(&r);
    if (failed(reader_end(&r, "challenge frame")) || format != FORMAT)
        return FAIL(DENIED, "not a challenge of this broker");
    TRY(epoch_key(root, epoch, &key));
    TRY(associated(kbs, epoch, &aad));
    if (failed(aead_open(key, buf_span(&aad), sealed, &plain)))
        return FAIL(DENIED, "not a challenge of this broker");
    return plain_read(secret_expose(plain), out);
}
