// SPDX-License-Identifier: Apache-2.0
#include "keys/key_spec.h"

#include "base/base64.h"
#include "crypto/jose.h"
#include "crypto/random.h"

#define AES_BITS_MAX 256

static fallible make_asymmetric(const struct key_spec *spec, struct key **out)
{
    switch (spec->algorithm) {
    case KEY_ALGORITHM_RSA:
        return key_make_rsa(spec->bits, out);
    case KEY_ALGORITHM_EC:
        return key_make_ec(spec->bits == 256   ? KEY_P256
                           : spec->bits == 384 ? KEY_P384
                                               : KEY_P521,
                           out);
    case KEY_ALGORITHM_AES:
    case KEY_ALGORITHM_OPAQUE:
        break;
    }
    return FAIL(INPUT, "an opaque secret is given, not made");
}

fallible key_material_make(const struct key_spec *spec, struct secret **out)
{
    TRY(key_spec_check(spec));
    if (spec->algorithm == KEY_ALGORITHM_AES)
        return random_secret(spec->bits / 8, out);
    struct key *k owned(key_free) = NULL;
    TRY(make_asymmetric(spec, &k));
    return key_to_pkcs8(k, out);
}

static struct key_spec spec_of(const struct key *k)
{
    struct key_spec spec = { KEY_ALGORITHM_EC, 0 };
    switch (key_kind_of(k)) {
    case KEY_RSA:
        spec.algorithm = KEY_ALGORITHM_RSA;
        spec.bits = key_bits(k);
        break;
    case KEY_P256:
        spec.bits = 256;
        break;
    case KEY_P384:
        spec.bits = 384;
        break;
    case KEY_P521:
        spec.bits = 521;
        break;
    }
    return spec;
}

static fallible parse_asymmetric(const struct secret *given, enum key_algorithm algorithm,
                                 struct secret **out, struct key_spec *spec)
{
    struct key *k owned(key_free) = NULL;
    struct span text = secret_expose(given);

    if (text.len && text.at[0] == 0x30)
        TRY(key_from_der(given, &k));
    else
        TRY(key_from_pem(given, &k));
    struct key_spec found = spec_of(k);
    if (found.algorithm != algorithm)
        return FAIL(INPUT, "key_string holds a key of another algorithm");
    TRY(key_spec_check(&found));
    TRY(key_to_pkcs8(k, out));
    *spec = found;
    return OK;
}

static fallible parse_base64(struct span text, struct secret **out)
{
    struct buf bytes owned(buf_done) = buf_of(AES_BITS_MAX / 8);

    while (text.len && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text.len--;
    struct err e = base64_parse(text, &bytes);
    if (failed(e))
        return FAIL(INPUT, "an AES key is given as base64 of 16 or 32 bytes");
    *out = secret_copy(buf_span(&bytes));
    wipe(bytes.at, bytes.len);
    return *out ? OK : FAIL(SYSTEM, "secure memory exhausted");
}

static fallible parse_octets(const struct secret *given, struct secret **out, struct key_spec *spec)
{
    struct span text = secret_expose(given);
    struct secret *bytes owned(secret_free) = NULL;

    if (text.len == 16 || text.len == 32) {
        bytes = secret_copy(text);
        if (!bytes)
            return FAIL(SYSTEM, "secure memory exhausted");
    } else {
        TRY(parse_base64(text, &bytes));
    }
    struct key_spec found = { KEY_ALGORITHM_AES, (unsigned)secret_len(bytes) * 8 };
    TRY(key_spec_check(&found));
    *spec = found;
    *out = TAKE(bytes);
    return OK;
}

/* Any bytes, as they are. */
static fallible parse_opaque(const struct secret *given, struct secret **out, struct key_spec *spec)
{
    struct key_spec found = { KEY_ALGORITHM_OPAQUE, (unsigned)secret_len(given) * 8 };

    TRY(key_spec_check(&found));
    struct secret *bytes = secret_copy(secret_expose(given));
    if (!bytes)
        return FAIL(SYSTEM, "secure memory exhausted");
    *spec = found;
    *out = bytes;
    return OK;
}

fallible key_material_parse(const struct secret *given, enum key_algorithm algorithm,
                            struct secret **out, struct key_spec *spec)
{
    switch (algorithm) {
    case KEY_ALGORITHM_AES:
        return parse_octets(given, out, spec);
    case KEY_ALGORITHM_OPAQUE:
        return parse_opaque(given, out, spec);
    case KEY_ALGORITHM_RSA:
    case KEY_ALGORITHM_EC:
        break;
    }
    return parse_asymmetric(given, algorithm, out, spec);
}

bool key_header_is_bare(const json_t *header)
{
    return !json_object_size(header) || key_header_is_old(header);
}

bool key_header_is_old(const json_t *header)
{
    const char *alg = json_string_value(json_object_get(header, "alg"));
    return alg && !strcmp(alg, KEY_WRAP_OLD);
}

fallible key_material_wrap(const struct secret *material, const struct key_spec *spec,
                           const struct key *recipient, const json_t *header, struct buf *jwe)
{
    bool bare = spec->algorithm == KEY_ALGORITHM_AES || spec->algorithm == KEY_ALGORITHM_OPAQUE;

    if (bare && secret_len(material) * 8 != spec->bits)
        return FAIL(INPUT, "the stored key is not what its description says");
    if (key_header_is_old(header))
        return jwe_seal_unauthenticated(recipient, material, jwe);
    return jwe_seal(recipient, header, material, jwe);
}
