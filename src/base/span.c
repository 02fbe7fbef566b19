// SPDX-License-Identifier: Apache-2.0
#include "base/span.h"

#include <stdlib.h>

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool span_equal_secret(struct span a, struct span b)
{
    volatile uint8_t differ = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        differ = (uint8_t)(differ | (a.at[i] ^ b.at[i]));
    return differ == 0;
}

bool span_equal_str(struct span a, const char *s)
{
    return span_equal(a, span_str(s));
}

bool span_is_zero(struct span s)
{
    uint8_t any = 0;

    for (size_t i = 0; i < s.len; i++)
        any |= s.at[i];
    return any == 0;
}

bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_equal(span_head(s, prefix.len), prefix);
}

size_t span_find(struct span s, struct span needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return s.len;
    const uint8_t *hit = memmem(s.at, s.len, needle.at, needle.len);
    return hit ? (size_t)(hit - s.at) : s.len;
}

struct span span_head(struct span s, size_t len)
{
    return (struct span){ s.at, len < s.len ? len : s.len };
}

struct span span_tail(struct span s, size_t from)
{
    if (from > s.len)
        from = s.len;
    return (struct span){ s.at ? s.at + from : NULL, s.len - from };
}

char *span_dup(struct span s)
{
    char *copy = malloc(s.len + 1);

    if (!copy)
        return NULL;
    if (s.len)
        memcpy(copy, s.at, s.len);
    copy[s.len] = 0;
    return copy;
}
