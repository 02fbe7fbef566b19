// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

static const char plain_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct buf *b, struct span in, const char *alphabet, bool pad)
{
    if (in.len > SIZE_MAX / 4) {
        b->failed = true;
        return;
    }
    size_t left = in.len % 3;
    size_t len = in.len / 3 * 4 + (left == 0 ? 0 : pad ? 4 : left + 1);
    uint8_t *to = buf_extend(b, len);
    if (!to)
        return;
    size_t o = 0;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t have = in.len - i < 3 ? in.len - i : 3;
        uint32_t group = (uint32_t)in.at[i] << 16;

        if (have > 1)
            group |= (uint32_t)in.at[i + 1] << 8;
        if (have > 2)
            group |= in.at[i + 2];
        for (size_t k = 0; k < have + 1; k++)
            to[o++] = (uint8_t)alphabet[group >> (18 - 6 * k) & 63];
    }
    while (o < len)
        to[o++] = '=';
}

void base64_add(struct buf *b, struct span bytes)
{
    encode(b, bytes, plain_alphabet, true);
}

void base64url_add(struct buf *b, struct span bytes)
{
    encode(b, bytes, url_alphabet, false);
}

/* All ones when low <= c <= high, else zero. */
static inline uint8_t within(uint8_t c, uint8_t low, uint8_t high)
{
    return (uint8_t) - ((uint8_t)(c - low) <= (uint8_t)(high - low));
}

/* Values 0 to 63, or INVALID. Without branches: quick on text that no branch predictor knows, and
 * keys pass here too. In blocks, which the compiler makes vectors of. */
#define INVALID 0x80U
#define BLOCK 64
static void digit_values(const uint8_t text[restrict static BLOCK], bool url,
                         uint8_t values[restrict static BLOCK])
{
    uint8_t last[2] = { url ? '-' : '+', url ? '_' : '/' };

    for (size_t i = 0; i < BLOCK; i++) {
        uint8_t c = text[i], upper = within(c, 'A', 'Z'), lower = within(c, 'a', 'z'),
                digit = within(c, '0', '9');
        uint8_t is_62 = within(c, last[0], last[0]), is_63 = within(c, last[1], last[1]);
        uint8_t known = upper | lower | digit | is_62 | is_63;

        values[i] =
            (uint8_t)((upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
                      (is_62 & 62) | (is_63 & 63) | (~known & INVALID));
    }
}

/* `text` without padding; `out` has decoded_size(text.len) bytes. */
static size_t decoded_size(size_t len)
{
    return len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
}

/* The bytes of up to a block; what is left over in the last of them must be zero. */
static uint32_t pack(const uint8_t values[static BLOCK], size_t count, uint8_t *out)
{
    uint32_t group = 0;
    size_t i = 0;

    for (; i + 4 <= count; i += 4) {
        group = (values[i] & 63U) << 18 | (values[i + 1] & 63U) << 12 | (values[i + 2] & 63U) << 6 |
                (values[i + 3] & 63U);
        *out++ = (uint8_t)(group >> 16);
        *out++ = (uint8_t)(group >> 8);
        *out++ = (uint8_t)group;
    }
    if (i == count)
        return 0;
    group = 0;
    for (size_t k = 0; i + k < count; k++)
        group |= (values[i + k] & 63U) << (18 - 6 * k);
    for (; i + 1 < count; i++, group = group << 8 & 0xffffff)
        *out++ = (uint8_t)(group >> 16);
    return group;
}

static fallible decode(struct span text, bool url, uint8_t *out)
{
    uint8_t block[BLOCK], values[BLOCK];
    uint32_t rest = 0;
    uint8_t seen = 0;

    for (size_t i = 0; i < text.len; i += BLOCK) {
        struct span part = span_head(span_tail(text, i), BLOCK);
        memset(block, 'A', sizeof block);
        memcpy(block, part.at, part.len);
        digit_values(block, url, values);
        for (size_t k = 0; k < BLOCK; k++)
            seen |= values[k];
        rest |= pack(values, part.len, out + i / 4 * 3);
    }
    explicit_bzero(block, sizeof block);
    explicit_bzero(values, sizeof values);
    if (seen & INVALID)
        return FAIL(INPUT, "not base64: a character outside the alphabet");
    return rest ? FAIL(INPUT, "base64 with bits past the end") : OK;
}

/* Appends, or leaves `out` as it was. */
static fallible decode_to_buf(struct span text, bool url, struct buf *out)
{
    size_t before = out->len;

    if (text.len % 4 == 1)
        return FAIL(INPUT, "base64 of impossible length");
    uint8_t *to = buf_extend(out, decoded_size(text.len));
    TRY(buf_check(out));
    struct err e = decode(text, url, to);
    if (failed(e)) {
        memset(to, 0, out->len - before);
        out->len = before;
    }
    return e;
}

fallible base64url_parse(struct span text, struct buf *out)
{
    return decode_to_buf(text, true, out);
}

fallible base64_parse(struct span text, struct buf *out)
{
    size_t pad = 0;

    if (text.len % 4)
        return FAIL(INPUT, "base64 without its padding");
    while (pad < 2 && pad < text.len && text.at[text.len - 1 - pad] == '=')
        pad++;
    return decode_to_buf(span_head(text, text.len - pad), false, out);
}

fallible base64url_parse_exact(struct span text, uint8_t *out, size_t len)
{
    struct buf b owned(buf_done) = buf_of(len);

    if (text.len % 4 == 1 || decoded_size(text.len) != len)
        return FAIL(INPUT, "base64url of the wrong length");
    TRY(base64url_parse(text, &b));
    if (len)
        memcpy(out, b.at, len);
    return OK;
}

char *base64url_dup(struct span bytes)
{
    struct buf b owned(buf_done) = buf_of(SIZE_MAX / 4);

    encode(&b, bytes, url_alphabet, false);
    return buf_take_str(&b);
}
