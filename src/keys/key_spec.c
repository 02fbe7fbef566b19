// SPDX-License-Identifier: Apache-2.0
#include "keys/key_spec.h"

#include <strings.h>

static const struct {
    enum key_algorithm algorithm;
    const char *name, *lower;
} algorithms[] = {
    { KEY_ALGORITHM_RSA, "RSA", "rsa" },
    { KEY_ALGORITHM_EC, "EC", "ec" },
    { KEY_ALGORITHM_AES, "AES", "aes" },
    { KEY_ALGORITHM_OPAQUE, "OPAQUE", "opaque" },
};

static const struct {
    unsigned bits;
    const char *names[4]; /* the first is written */
} curves[] = {
    { 256, { "secp256r1", "prime256v1", "P-256", NULL } },
    { 384, { "secp384r1", "P-384", NULL } },
    { 521, { "secp521r1", "P-521", NULL } },
};

static const struct key_spec allowed[] = {
    { KEY_ALGORITHM_RSA, 2048 }, { KEY_ALGORITHM_RSA, 3072 }, { KEY_ALGORITHM_RSA, 4096 },
    { KEY_ALGORITHM_EC, 256 },   { KEY_ALGORITHM_EC, 384 },   { KEY_ALGORITHM_EC, 521 },
    { KEY_ALGORITHM_AES, 128 },  { KEY_ALGORITHM_AES, 256 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

fallible key_algorithm_parse(struct span text, enum key_algorithm *out)
{
    for (size_t i = 0; i < COUNT(algorithms); i++)
        if (span_equal_str(text, algorithms[i].name) || span_equal_str(text, algorithms[i].lower)) {
            *out = algorithms[i].algorithm;
            return OK;
        }
    return FAIL(INPUT, "key algorithm is not supported: RSA, EC, AES or OPAQUE");
}

const char *key_algorithm_name(enum key_algorithm a)
{
    for (size_t i = 0; i < COUNT(algorithms); i++)
        if (algorithms[i].algorithm == a)
            return algorithms[i].name;
    return "unknown";
}

fallible key_curve_parse(struct span text, unsigned *bits)
{
    for (size_t i = 0; i < COUNT(curves); i++)
        for (size_t n = 0; curves[i].names[n]; n++)
            if (span_equal_str(text, curves[i].names[n])) {
                *bits = curves[i].bits;
                return OK;
            }
    return FAIL(INPUT, "curve_type is not supported: secp256r1, secp384r1 or secp521r1");
}

const char *key_curve_name(unsigned bits)
{
    for (size_t i = 0; i < COUNT(curves); i++)
        if (curves[i].bits == bits)
            return curves[i].names[0];
    return "unknown";
}

fallible key_spec_check(const struct key_spec *spec)
{
    for (size_t i = 0; i < COUNT(allowed); i++)
        if (key_spec_equal(spec, &allowed[i]))
            return OK;
    if (spec->algorithm == KEY_ALGORITHM_OPAQUE)
        return spec->bits && spec->bits % 8 == 0 && spec->bits / 8 <= OPAQUE_SECRET_MAX
                   ? OK
                   : FAIL(INPUT, "an opaque secret has 1 to 1048576 bytes");
    return FAIL(
        INPUT,
        "key_length is not supported: RSA 2048, 3072, 4096; EC P-256, P-384, P-521; AES 128, 256");
}

bool key_spec_equal(const struct key_spec *a, const struct key_spec *b)
{
    return a->algorithm == b->algorithm && a->bits == b->bits;
}

void key_spec_describe(const struct key_spec *spec, json_t *into)
{
    json_set_str(into, "algorithm", key_algorithm_name(spec->algorithm));
    switch (spec->algorithm) {
    case KEY_ALGORITHM_EC:
        json_set_str(into, "curve_type", key_curve_name(spec->bits));
        return;
    case KEY_ALGORITHM_OPAQUE:
        json_set_int(into, "size", spec->bits / 8);
        return;
    case KEY_ALGORITHM_RSA:
    case KEY_ALGORITHM_AES:
        json_set_int(into, "key_length", spec->bits);
        return;
    }
}

const char *key_content_type(const struct key_spec *spec)
{
    switch (spec->algorithm) {
    case KEY_ALGORITHM_AES:
        return "octets";
    case KEY_ALGORITHM_OPAQUE:
        return "secret";
    case KEY_ALGORITHM_RSA:
    case KEY_ALGORITHM_EC:
        break;
    }
    return "pkcs8";
}
