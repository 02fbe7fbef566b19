// SPDX-License-Identifier: Apache-2.0
#include "crypto/jose_internal.h"

#include "base/base64.h"

fallible jose_split(struct span text, size_t count, struct span parts[JOSE_PARTS_MAX])
{
    if (text.len > JOSE_TEXT_MAX)
        return FAIL(LIMIT, "JOSE text too long");
    for (size_t i = 0; i < count; i++) {
        size_t dot = span_find(text, SPAN("."));

        if ((i + 1 < count) != (dot < text.len))
            return FAIL(INPUT,
                        "JOSE compact text with the wrong number of parts (RFC 7515 section 3.1)");
        parts[i] = span_head(text, dot);
        text = span_tail(text, dot + 1);
    }
    return OK;
}

fallible jose_parse_header(struct span part, json_t **out)
{
    struct buf text owned(buf_done) = buf_of(JOSE_HEADER_MAX);

    TRY(base64url_parse(part, &text));
    return json_parse_object(buf_span(&text), out);
}

/* L35: the key says the algorithm; the header must agree. */
fallible jose_check_header(const json_t *header, const char *alg, const char *const *refused)
{
    struct span named = { 0 };

    if (!alg || failed(json_get_str(header, "alg", "alg", &named)) || !span_equal_str(named, alg))
        return FAIL(DENIED, "the header's alg is not the key's (RFC 8725 section 3.1)");
    for (size_t i = 0; refused[i]; i++) {
        if (json_object_get(header, refused[i]))
            return FAIL(DENIED, "a header member that is refused here");
    }
    return OK;
}

fallible jose_make_header(const json_t *members, const char *alg, json_t **out)
{
    json_t *h owned(json_free) = members ? json_copy((json_t *)members) : json_object();

    if (!alg)
        return FAIL(INPUT, "a key of this kind has no JOSE algorithm here");
    json_set_str(h, "alg", alg);
    if (!json_object_get(h, "alg"))
        return FAIL(SYSTEM, "memory is short");
    *out = TAKE(h);
    return OK;
}

fallible jose_add_header(const json_t *header, struct buf *out)
{
    char *text owned(free) = json_text(header);

    if (!text)
        return FAIL(SYSTEM, "memory is short");
    base64url_add(out, span_str(text));
    return buf_check(out);
}
