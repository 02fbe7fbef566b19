// SPDX-License-Identifier: Apache-2.0
#include "base/env_file.h"

#include <assert.h>

#include "base/reader.h"

#define VALUE_MAX 8192 /* a token */
#define NAME_MAX_SIZE 253

static struct span trim(struct span s)
{
    while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t' || s.at[s.len - 1] == '\r'))
        s = span_head(s, s.len - 1);
    while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = span_tail(s, 1);
    return s;
}

static bool printable(struct span s, uint8_t first)
{
    struct reader r = reader_of(s);

    while (r.rest.len) {
        uint8_t c = reader_u8(&r);
        if (c < first || c >= 0x7f || c == '"' || c == '\'')
            return false;
    }
    return true;
}

fallible env_take_text(struct span value, void *to)
{
    *(char **)to = span_dup(value);
    return *(char **)to ? OK : FAIL(SYSTEM, "out of memory");
}

fallible env_take_name(struct span value, void *to)
{
    if (value.len > NAME_MAX_SIZE)
        return FAIL(LIMIT, "name or address is too long");
    if (!printable(value, '!'))
        return FAIL(INPUT, "name or address with a blank in it");
    return env_take_text(value, to);
}

fallible env_take_port(struct span value, void *to)
{
    struct reader r = reader_of(value);
    uint32_t port = 0;

    while (r.rest.len && port <= UINT16_MAX) {
        uint8_t c = reader_u8(&r);
        if (c < '0' || c > '9')
            return FAIL(INPUT, "port is not a number");
        port = port * 10 + (uint32_t)(c - '0');
    }
    if (!port || port > UINT16_MAX)
        return FAIL(INPUT, "port is not within 1 and 65535");
    *(uint16_t *)to = (uint16_t)port;
    return OK;
}

static fallible take_line(struct span line, const struct env_key *keys, size_t count,
                          uint64_t *seen, void *out)
{
    size_t equals = span_find(line, SPAN("="));

    if (equals == line.len)
        return FAIL(INPUT, "line is not KEY=VALUE");
    struct span name = trim(span_head(line, equals));
    struct span value = trim(span_tail(line, equals + 1));
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = span_head(span_tail(value, 1), value.len - 2);
    if (!value.len || value.len > VALUE_MAX || !printable(value, ' '))
        return FAIL(INPUT, "value is empty, too long or holds characters that do not belong there");
    for (size_t i = 0; i < count; i++) {
        if (!span_equal_str(name, keys[i].name))
            continue;
        if (*seen & UINT64_C(1) << i)
            return FAIL(INPUT, "key given twice");
        *seen |= UINT64_C(1) << i;
        return keys[i].take(value, (char *)out + keys[i].at);
    }
    return FAIL(INPUT, "unknown key");
}

fallible env_file_parse(struct span text, const struct env_key *keys, size_t count, void *out,
                        unsigned *line)
{
    uint64_t seen = 0;

    assert(count <= ENV_KEYS_MAX);
    *line = 0;
    for (struct span rest = text; rest.len;) {
        size_t end = span_find(rest, SPAN("\n"));
        struct span text_line = trim(span_head(rest, end));
        rest = span_tail(rest, end + 1);
        ++*line;
        if (text_line.len && text_line.at[0] != '#')
            TRY(take_line(text_line, keys, count, &seen, out));
    }
    *line = 0;
    return OK;
}
