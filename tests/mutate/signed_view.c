// SPDX-License-Identifier: Apache-2.0
#include "signed_view.h"

#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"
#include "signed_tpm.h"

#define DER_MAX (1U << 20)
#define SNP_REPORT 1184

/* Where the parts of a quote lie. */
struct quote_map {
    struct span signed_bytes, signature, key, qe_report, qe_signature, auth_data, type, chain,
        after;
};

static size_t body_end(struct span quote)
{
    struct reader r = reader_of(quote);
    uint16_t version = reader_u16le(&r);

    (void)reader_u16le(&r);
    bool tdx = reader_u32le(&r) != 0;
    if (version < 5)
        return tdx ? 48 + 584 : 48 + 384;
    reader_take(&r, 42);
    return 54 + (size_t)reader_u32le(&r);
}

static bool quote_map(struct span quote, struct quote_map *m)
{
    struct reader r = reader_of(quote);
    uint16_t version = quote.len ? quote.at[0] : 0;

    m->signed_bytes = reader_take(&r, body_end(quote));
    struct reader auth = reader_sub(&r, reader_u32le(&r));
    m->signature = reader_take(&auth, 64);
    m->key = reader_take(&auth, 64);
    if (version > 3)
        reader_take(&auth, 6);
    m->qe_report = reader_take(&auth, 384);
    m->qe_signature = reader_take(&auth, 64);
    m->auth_data = reader_take(&auth, reader_u16le(&auth));
    m->type = reader_take(&auth, 2);
    m->chain = reader_take(&auth, reader_u32le(&auth));
    m->after = reader_rest(&r);
    return !r.failed && !auth.failed && !auth.rest.len;
}

static bool white(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The DER of each certificate, whatever white space its text has. */
static void pem_view(struct span text, struct buf *out)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";

    while (text.len) {
        size_t at = span_find(text, span_str(begin));
        if (at == text.len)
            return;
        text = span_tail(text, at + strlen(begin));
        struct span body = span_head(text, span_find(text, span_str(end)));
        struct buf digits owned(buf_done) = buf_of(DER_MAX), der owned(buf_done) = buf_of(DER_MAX);
        for (size_t i = 0; i < body.len; i++)
            if (!white(body.at[i]))
                buf_add_u8(&digits, body.at[i]);
        if (failed(base64_parse(buf_span(&digits), &der)))
            buf_clear(&der);
        write_part(out, buf_span(&der));
        text = span_tail(text, body.len);
    }
}

static void quote_view(struct span quote, struct buf *out)
{
    struct quote_map m = { 0 };

    if (!quote_map(quote, &m))
        return;
    const struct span parts[] = { m.signed_bytes, m.signature, m.key, m.qe_report,
                                  m.qe_signature, m.auth_data, m.type };
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        write_part(out, parts[i]);
    pem_view(m.chain, out);
}

/* The object that follows the member's name up to its closing brace; these documents have no braces
 * in texts. */
static struct span inner_of(struct span json)
{
    static const char *const names[] = { "\"tcbInfo\"", "\"enclaveIdentity\"" };
    size_t start = json.len, depth = 0;

    for (size_t i = 0; i < 2 && start == json.len; i++)
        start = span_find(json, span_str(names[i]));
    while (start < json.len && json.at[start] != '{')
        start++;
    for (size_t i = start; i < json.len; i++) {
        depth += json.at[i] == '{';
        depth -= json.at[i] == '}';
        if (!depth)
            return span_head(span_tail(json, start), i + 1 - start);
    }
    return (struct span){ 0 };
}

static struct span signature_of(struct span json, struct span inner)
{
    size_t skip = inner.len ? (size_t)(inner.at - json.at) + inner.len : 0;
    struct span behind = span_tail(json, skip);
    size_t at = span_find(behind, SPAN("\"signature\""));

    if (at == behind.len) { /* the other order */
        behind = json;
        at = span_find(behind, SPAN("\"signature\""));
    }
    behind = span_tail(behind, at == behind.len ? at : at + 11);
    size_t open = span_find(behind, SPAN("\""));
    behind = span_tail(behind, open == behind.len ? open : open + 1);
    return span_head(behind, span_find(behind, SPAN("\"")));
}

static void json_view(struct span json, struct buf *out)
{
    struct buf signature owned(buf_done) = buf_of(64);
    struct span inner = inner_of(json);

    if (failed(hex_parse(signature_of(json, inner), &signature)))
        buf_clear(&signature);
    write_part(out, inner);
    write_part(out, buf_span(&signature));
}

static bool ends(const char *name, const char *end)
{
    size_t len = strlen(name), more = strlen(end);
    return len >= more && strcmp(name + len - more, end) == 0;
}

void signed_view(const char *name, struct span part, struct buf *out)
{
    if (strcmp(name, "quote.bin") == 0)
        quote_view(part, out);
    else if (strcmp(name, "tpm.bin") == 0)
        signed_tpm_view(part, out);
    else if (strcmp(name, "report.bin") ==
             0) /* what follows are certificates, which stand for themselves */
        write_part(out, span_head(part, SNP_REPORT));
    else if (ends(name, ".json"))
        json_view(part, out);
    else if (ends(name, ".pem"))
        pem_view(part, out);
    else
        write_part(out, part);
}

static bool free_in_json(struct span json, size_t at, uint8_t now)
{
    struct span inner = inner_of(json), signature = signature_of(json, inner);
    const uint8_t *p = json.at + at;

    if (p >= inner.at && p < inner.at + inner.len)
        return false;
    if (p >= signature.at && p < signature.at + signature.len)
        return (*p | 0x20) == (now | 0x20) && (now | 0x20) >= 'a';
    return white(*p) && white(now);
}

/* White space, and the NUL that may end a chain. */
static bool free_in_pem(uint8_t was, uint8_t now)
{
    return (white(was) || !was) && (white(now) || !now);
}

bool free_byte(const char *name, struct span part, size_t at, uint8_t now)
{
    struct quote_map m = { 0 };

    if (ends(name, ".json"))
        return free_in_json(part, at, now);
    if (ends(name, ".pem"))
        return free_in_pem(part.at[at], now);
    if (strcmp(name, "report.bin") == 0)
        return at >= SNP_REPORT;
    if (strcmp(name, "tpm.bin") == 0)
        return signed_tpm_free_byte(part, at, now);
    if (strcmp(name, "quote.bin") != 0 || !quote_map(part, &m))
        return false;
    if (part.at + at >= part.at + part.len - m.after.len)
        return true;
    return part.at + at >= m.chain.at && free_in_pem(part.at[at], now);
}
