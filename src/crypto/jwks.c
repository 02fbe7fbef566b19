// SPDX-License-Identifier: Apache-2.0
/* JSON Web Key Sets (RFC 7517 section 5). */
#include "crypto/jose_internal.h"

#include "base/bounds.h"

struct jwks {
    struct key *keys[JWKS_KEYS_MAX];
    char *kids[JWKS_KEYS_MAX];
    const char *algs[JWKS_KEYS_MAX];
    size_t count;
};

void jwks_free(struct jwks *set)
{
    for (size_t i = 0; set && i < set->count; i++) {
        key_free(set->keys[i]);
        free(set->kids[i]);
    }
    free(set);
}

/* Keys of other kinds and for other uses are passed over (RFC 7517 section 5). */
static bool is_for_us(const json_t *jwk)
{
    struct span kty = { 0 }, use = SPAN("sig");

    if (failed(json_get_str(jwk, "kty", "kty", &kty)) ||
        failed(json_opt_str(jwk, "use", "use", &use)))
        return false;
    return (span_equal_str(kty, "EC") || span_equal_str(kty, "RSA")) && span_equal_str(use, "sig");
}

static fallible kid_of(const json_t *jwk, const struct key *k, char **out)
{
    char thumbprint[THUMBPRINT_TEXT_SIZE];
    struct span kid = { 0 };

    TRY(key_thumbprint(k, thumbprint));
    kid = span_str(thumbprint);
    TRY(json_opt_str(jwk, "kid", "JWK kid", &kid));
    *out = span_dup(kid);
    return *out ? OK : FAIL(SYSTEM, "memory is short");
}

static fallible add_key(struct jwks *set, const json_t *jwk, bool foreign)
{
    struct key *k owned(key_free) = NULL;
    char *kid owned(free) = NULL;
    struct span alg = { 0 };

    TRY(key_from_jwk(jwk, &k));
    TRY(json_opt_str(jwk, "alg", "JWK alg", &alg));
    const char *own_alg = foreign ? jws_algorithm_foreign(k, alg) : jws_algorithm(k);
    if (!own_alg || (alg.len && !span_equal_str(alg, own_alg)))
        return OK;
    TRY(kid_of(jwk, k, &kid));
    if (jwks_find(set, span_str(kid)))
        return FAIL(INPUT, "two keys of one kid");
    if (set->count == JWKS_KEYS_MAX)
        return FAIL(LIMIT, "too many keys in the set");
    set->kids[set->count] = TAKE(kid);
    set->algs[set->count] = own_alg;
    set->keys[set->count++] = TAKE(k);
    return OK;
}

static fallible parse(struct span text, bool foreign, struct jwks **out)
{
    json_t *root owned(json_free) = NULL;
    struct jwks *set owned(jwks_free) = calloc(1, sizeof *set);
    const json_t *keys = NULL;

    if (!set)
        return FAIL(SYSTEM, "memory is short");
    TRY(json_parse_object(text, &root));
    TRY(json_get_array(root, "keys", "JWKS keys", &keys));
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const json_t *jwk = json_array_get(keys, i);

        if (!json_is_object(jwk))
            return FAIL(INPUT, "JWK is not an object");
        if (is_for_us(jwk))
            TRY(add_key(set, jwk, foreign));
    }
    *out = TAKE(set);
    return OK;
}

fallible jwks_parse(struct span text, struct jwks **out)
{
    return parse(text, false, out);
}

fallible jwks_parse_foreign(struct span text, struct jwks **out)
{
    return parse(text, true, out);
}

const char *jwks_algorithm(const struct jwks *set, const struct key *k)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->keys[i] == k)
            return set->algs[i];
    }
    return NULL;
}

const struct key *jwks_find(const struct jwks *set, struct span kid)
{
    for (size_t i = 0; i < set->count; i++) {
        if (span_equal_str(kid, set->kids[i]))
            return set->keys[i];
    }
    return NULL;
}

const struct key *jwks_single(const struct jwks *set)
{
    return set->count == 1 ? set->keys[0] : NULL;
}

size_t jwks_count(const struct jwks *set)
{
    return set->count;
}

static fallible add_jwk(json_t *list, const struct key *k)
{
    json_t *jwk owned(json_free) = NULL;
    char kid[THUMBPRINT_TEXT_SIZE];

    TRY(key_to_jwk(k, &jwk));
    TRY(key_thumbprint(k, kid));
    json_set_str(jwk, "kid", kid);
    json_set_str(jwk, "use", "sig");
    json_set_str(jwk, "alg", jws_algorithm(k));
    return json_array_append(list, jwk) == 0 ? OK : FAIL(SYSTEM, "memory is short");
}

fallible jwks_text(const struct key *const *keys, size_t count, struct buf *out)
{
    json_t *root owned(json_free) = json_object();
    json_t *list = json_array();

    if (!root || !list || json_object_set_new(root, "keys", list) != 0)
        return FAIL(SYSTEM, "memory is short");
    for (size_t i = 0; i < count; i++)
        TRY(add_jwk(list, keys[i]));
    char *text owned(free) = json_text(root);
    if (!text)
        return FAIL(SYSTEM, "memory is short");
    buf_add_str(out, text);
    return buf_check(out);
}
