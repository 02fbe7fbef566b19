// SPDX-License-Identifier: Apache-2.0
#include "cli/env_keys.h"

#include "base/hex.h"
#include "base/owned.h"
#include "base/reader.h"
#include "cli/cli.h"
#include "crypto/secret.h"

fallible env_take_https(struct span value, void *to)
{
    while (value.len && value.at[value.len - 1] == '/')
        value = span_head(value, value.len - 1);
    if (!span_starts(value, SPAN("https://")) || value.len == strlen("https://"))
        return FAIL(INPUT, "address is not https://HOST:PORT/...");
    return env_take_name(value, to);
}

fallible env_take_sha384(struct span value, void *to)
{
    struct buf bytes owned(buf_done) = buf_of(SHA384_SIZE);
    struct env_digest *digest = to;

    if (failed(hex_parse(value, &bytes)) || bytes.len != SHA384_SIZE)
        return FAIL(INPUT, "not a SHA-384 in hexadecimal, 96 digits; 'warder cms tlscertsha384' "
                           "prints it");
    memcpy(digest->at, bytes.at, SHA384_SIZE);
    digest->given = true;
    return OK;
}

fallible env_take_unused(struct span value, void *to)
{
    (void)value;
    *(bool *)to = true;
    return OK;
}

fallible env_take_setup(struct span value, void *to)
{
    if (!span_equal_str(value, "false"))
        return FAIL(INPUT, "NOSETUP is false: this is the set-up; --no-start writes files only");
    *(bool *)to = true;
    return OK;
}

fallible env_number(struct span value, uint64_t least, uint64_t most, uint64_t *out)
{
    uint64_t number = 0;

    for (struct reader r = reader_of(value); r.rest.len;) {
        uint8_t c = reader_u8(&r);
        if (c < '0' || c > '9')
            return FAIL(INPUT, "not a number");
        number = number * 10 + (uint64_t)(c - '0');
        if (number > most)
            return FAIL(INPUT, "too large");
    }
    if (!value.len || number < least)
        return FAIL(INPUT, "too small");
    *out = number;
    return OK;
}

int env_load(const char *file, const struct env_key *keys, size_t count, void *out)
{
    struct secret *text owned(secret_free) = NULL;
    unsigned line = 0;
    struct err e = secret_load(file, &text);

    if (!failed(e))
        e = env_file_parse(secret_expose(text), keys, count, out, &line);
    if (failed(e) && line)
        fprintf(stderr, "warder: %s: line %u\n", file, line);
    if (failed(e))
        return print_failure(e, file, NULL);
    for (size_t i = 0; i < count; i++)
        if (keys[i].take == env_take_unused && *(const bool *)((const char *)out + keys[i].at))
            fprintf(stderr, "warder: %s: %s has no effect here (docs/env-files.md)\n", file,
                    keys[i].name);
    return EXIT_OK;
}
