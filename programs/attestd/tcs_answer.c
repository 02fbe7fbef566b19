// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_answer.h"

#include <ctype.h>

#include "base/clock.h"
#include "base/log.h"

#define PAGE_MAX 8192

void pccs_answer(struct http_exchange *x, int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        { 200, "Operation successful." },
        { 400, "Invalid request parameters." },
        { 401, "Authentication failed." },
        { 404, "No cache data for this platform." },
        { 413, "Content too large." },
        { 460, "The integrity of the data can't be verified." },
        { 461, "The platform was not found in the cache." },
        { 462, "Certificates are not available for certain TCBs." },
        { 500, "Internal server error occurred." },
        { 502, "Unable to retrieve the collateral from the Intel SGX PCS." },
        { 503, "Server is currently unable to process the request." },
    };
    const char *text = "";
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            text = texts[i].text;
    http_answer(x, status, PCCS_TEXT_TYPE, span_str(text));
}

void pccs_answer_later(struct http_exchange *x, unsigned seconds)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", seconds ? seconds : 1);
    http_answer_header(x, "Retry-After", text);
    pccs_answer(x, 503);
}

void pccs_answer_without(struct http_exchange *x, struct err e)
{
    if (e.kind == FAIL_ABSENT) {
        pccs_answer(x, 404);
        return;
    }
    log_err(e, "collateral cannot be served", "request", http_request_id(x));
    pccs_answer_later(x, 1);
}

bool pccs_is_v3(const struct http_exchange *x)
{
    return span_starts(http_path(x), SPAN("/sgx/certification/v3/"));
}

void pccs_begin(struct http_exchange *x)
{
    http_answer_header(x, "Request-ID", http_request_id(x));
    if (pccs_is_v3(x))
        http_answer_header(x, "Warning",
                           "299 - \"PCS API version 3 is no longer available. Cached collateral "
                           "downloaded from API version 3 is deprecated, will not be refreshed, "
                           "and may expire. Please migrate to API version 4.\"");
}

bool pccs_admit(struct http_exchange *x, const struct pccs_token *token, const char *header)
{
    uint8_t hash[SHA512_SIZE];
    struct span shown = http_header(x, header);
    if (token->given && shown.len && !failed(digest_of(DIGEST_SHA512, shown, hash)) &&
        span_equal_secret(SPAN_OF(hash), SPAN_OF(token->hash)))
        return true;
    pccs_answer(x, 401);
    return false;
}

bool pccs_body_fits(struct http_exchange *x)
{
    if (http_body(x).len <= PCCS_REQUEST_MAX)
        return true;
    pccs_answer(x, 413);
    return false;
}

bool equal_nocase(struct span s, const char *word)
{
    if (s.len != strlen(word))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (tolower(s.at[i]) != word[i])
            return false;
    return true;
}

bool tcs_find(struct http_exchange *x, struct tcs_service *s, const struct tcs_id *id,
              struct tcs_item *item)
{
    struct err e = tcs_cache_get(s->cache, id, clock_now(), item);
    if (!failed(e) && item->untrusted)
        e = FAIL(UPSTREAM, "what the upstream has is signed by nobody we trust");
    if (failed(e)) {
        pccs_answer_without(x, e);
        return false;
    }
    if (item->chain && tcs_chain_header(id))
        http_answer_header(x, tcs_chain_header(id), item->chain);
    return true;
}

/* Only these paths and methods are a PCCS'; the others have problem documents. */
static bool is_pccs(struct span path, const char *method)
{
    static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };
    static const char *const own[] = { "/tcs/", "/vcek/", "/vlek/", "/health", "/metrics" };
    bool known = false;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        known = known || !strcmp(method, methods[i]);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        known = known && !span_starts(path, span_str(own[i]));
    return known;
}

static void add_escaped(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        switch (text.at[i]) {
        case '&':
            buf_add_str(out, "&amp;");
            break;
        case '<':
            buf_add_str(out, "&lt;");
            break;
        case '>':
            buf_add_str(out, "&gt;");
            break;
        case '"':
            buf_add_str(out, "&quot;");
            break;
        case '\'':
            buf_add_str(out, "&#39;");
            break;
        default:
            buf_add_u8(out, text.at[i]);
        }
}

bool pccs_is_asked(const struct http_exchange *x)
{
    return is_pccs(http_path(x), http_method(x));
}

bool pccs_foreign_error(struct http_exchange *x, int status)
{
    struct buf page owned(buf_done) = buf_of(PAGE_MAX);
    if (!pccs_is_asked(x))
        return false;
    pccs_begin(x);
    if (status != 404) {
        pccs_answer(x, status);
        return true;
    }
    buf_addf(&page,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<title>Error</title>\n</head>\n<body>\n<pre>Cannot %s ",
             http_method(x));
    add_escaped(&page, http_path(x));
    buf_add_str(&page, "</pre>\n</body>\n</html>\n");
    if (failed(buf_check(&page)))
        return false;
    http_answer_header(x, "Content-Security-Policy", "default-src 'none'");
    http_answer(x, status, PCCS_TEXT_TYPE, buf_span(&page));
    return true;
}
