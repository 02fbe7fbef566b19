// SPDX-License-Identifier: Apache-2.0
#include "attestd/guest_runtime.h"
#include "base/hex.h"

#define INIT_DATA_MAX (64U << 10)
#define FIELD_MAX 64

/* The value of `algorithm = "..."` before the first table: all that is read of the TOML. */
static struct span algorithm_of(struct span toml)
{
    while (toml.len && toml.len < INIT_DATA_MAX) {
        size_t end = span_find(toml, SPAN("\n"));
        struct span line = span_head(toml, end);
        toml = span_tail(toml, end < toml.len ? end + 1 : end);
        while (line.len && (*line.at == ' ' || *line.at == '\t'))
            line = span_tail(line, 1);
        if (line.len && *line.at == '[')
            break;
        if (line.len < 9 || memcmp(line.at, "algorithm", 9))
            continue;
        line = span_tail(line, 9);
        while (line.len && (*line.at == ' ' || *line.at == '\t' || *line.at == '='))
            line = span_tail(line, 1);
        if (!line.len || (*line.at != '"' && *line.at != '\''))
            break;
        struct span quote = span_head(line, 1);
        line = span_tail(line, 1);
        return span_head(line, span_find(line, quote));
    }
    return (struct span){ 0 };
}

static const struct {
    const char *name;
    enum digest_kind algorithm;
    size_t size;
} algorithms[] = {
    { "sha256", DIGEST_SHA256, 32 },
    { "sha384", DIGEST_SHA384, 48 },
    { "sha512", DIGEST_SHA512, 64 },
};

/* Where a TEE holds what its host fixed at launch. */
static const struct {
    const char *claim;
    size_t size;
} fields[] = { { "mrconfigid", 48 }, { "host_data", 32 }, { "configid", 64 } };

static const char *held_digest(const json_t *claims, size_t *size)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        const char *hex = json_string_value(json_object_get(claims, fields[i].claim));
        *size = fields[i].size;
        if (hex)
            return hex;
    }
    return NULL;
}

static fallible digest_init_data(struct span text, uint8_t out[FIELD_MAX], size_t *len)
{
    struct span named = algorithm_of(text);

    memset(out, 0, FIELD_MAX);
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++)
        if (span_equal_str(named, algorithms[i].name)) {
            *len = algorithms[i].size;
            return digest_of(algorithms[i].algorithm, text, out);
        }
    return FAIL(INPUT, "init-data names no algorithm that is known here");
}

fallible guest_init_data_check(const struct runtime_data *d, json_t *claims, const char **wrong)
{
    uint8_t digest[FIELD_MAX], held[FIELD_MAX];
    size_t size, len = 0;
    const char *hex = held_digest(claims, &size);

    *wrong = NULL;
    if (!d->init_data.len || !hex)
        return OK;
    struct err e = digest_init_data(d->init_data, digest, &len);
    if (e.kind == FAIL_INPUT) {
        *wrong = e.what;
        return OK;
    }
    TRY(e);
    TRY(hex_parse_exact(span_str(hex), held, size));
    if (memcmp(held, digest, size) != 0)
        *wrong = "init-data is not what the TEE was launched with";
    else
        json_set_hex(claims, "init_data_digest", span_from(digest, len));
    return OK;
}
