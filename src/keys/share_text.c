// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "keys/seal_record.h"

#define PREFIX "warder-share-1."
#define SUM_SIZE 4
#define HEAD_SIZE (SEAL_ID_SIZE + 4 + 1 + 1)
#define SHARE_BYTES (HEAD_SIZE + AEAD_KEY_SIZE + SUM_SIZE)

static void write_head(const struct seal_record *r, uint8_t place, struct buf *out)
{
    buf_add(out, SPAN_OF(r->id));
    write_u32be(out, (uint32_t)r->generation);
    write_u8(out, (uint8_t)r->threshold);
    write_u8(out, place);
}

fallible share_check(const struct seal_record *r, uint8_t place, const struct secret *value,
                     uint8_t out[SHA256_SIZE])
{
    struct secret *key owned(secret_free) = secret_copy(SPAN_OF(r->check_key));
    struct secret *text owned(secret_free) = secret_new(HEAD_SIZE + AEAD_KEY_SIZE);
    struct buf head owned(buf_done) = buf_of(HEAD_SIZE);

    if (!key || !text || secret_len(value) != AEAD_KEY_SIZE)
        return FAIL(SYSTEM, "secure memory exhausted");
    write_head(r, place, &head);
    TRY(buf_check(&head));
    memcpy(secret_fill(text), head.at, HEAD_SIZE);
    memcpy(secret_fill(text) + HEAD_SIZE, secret_expose(value).at, AEAD_KEY_SIZE);
    return hmac_sha256(key, secret_expose(text), out);
}

fallible share_text_write(const struct seal_record *r, uint8_t place, const struct secret *value,
                          struct buf *out)
{
    uint8_t sum[SHA256_SIZE];
    struct buf bytes owned(buf_done) = buf_of(SHARE_BYTES);

    if (!buf_extend(&bytes, SHARE_BYTES)) /* so that nothing is left behind by growing */
        return FAIL(SYSTEM, "out of memory");
    buf_clear(&bytes);
    write_head(r, place, &bytes);
    buf_add(&bytes, secret_expose(value));
    struct err e = sha256(buf_span(&bytes), sum);
    buf_add(&bytes, span_from(sum, SUM_SIZE));
    if (!failed(e))
        e = buf_check(&bytes);
    if (!failed(e)) {
        buf_add_str(out, PREFIX);
        hex_add(out, buf_span(&bytes));
        e = buf_check(out);
    }
    wipe(bytes.at, bytes.len);
    return e;
}

static fallible read_bytes(const struct seal_record *r, struct span bytes, uint8_t *place,
                           struct secret **value)
{
    struct reader in = reader_of(bytes);
    uint8_t sum[SHA256_SIZE];

    struct span id = reader_take(&in, SEAL_ID_SIZE);
    uint32_t generation = reader_u32be(&in);
    uint8_t threshold = reader_u8(&in);
    uint8_t at = reader_u8(&in);
    struct span y = reader_take(&in, AEAD_KEY_SIZE);
    struct span stated = reader_take(&in, SUM_SIZE);
    TRY(reader_end(&in, "share"));
    TRY(sha256(span_head(bytes, SHARE_BYTES - SUM_SIZE), sum));
    if (!span_equal_secret(stated, span_from(sum, SUM_SIZE)))
        return FAIL(INPUT, "not a whole share: it was mistyped or cut");
    if (!span_equal(id, SPAN_OF(r->id)))
        return FAIL(INPUT, "a share of another store");
    if (generation != r->generation || threshold != r->threshold)
        return FAIL(INPUT, "a share of another generation: the shares were changed (rekey)");
    if (!at || at > r->shares)
        return FAIL(INPUT, "not a share of this store");
    *value = secret_copy(y);
    *place = at;
    return *value ? OK : FAIL(SYSTEM, "secure memory exhausted");
}

fallible share_text_read(const struct seal_record *r, struct span text, uint8_t *place,
                         struct secret **value)
{
    struct secret *bytes owned(secret_free) = secret_new(SHARE_BYTES);

    if (!bytes)
        return FAIL(SYSTEM, "secure memory exhausted");
    if (!span_starts(text, SPAN(PREFIX)) ||
        failed(hex_parse_exact(span_tail(text, strlen(PREFIX)), secret_fill(bytes), SHARE_BYTES)))
        return FAIL(INPUT, "not a whole share: it was mistyped or cut");
    return read_bytes(r, secret_expose(bytes), place, value);
}
