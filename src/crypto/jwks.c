// SPDX-License-Identifier: Apache-2.0
/* JSON Web Key Sets (RFC 7517 section 5). */
#include "crypto/jose_internal.h"

#define KEYS_MAX 32
#define KID_MAX 128

struct jwks {
    size_t count;
    struct {
        char kid[KID_MAX];
        struct key *key;
    } rows[KEYS_MAX];
};

static fallible add_key(struct jwks *set, const json_t *jwk)
{
    struct span kid;
    struct key *k owned(key_free) = NULL;

    if (set->count == KEYS_MAX)
        return FAIL(LIMIT, "too many keys in a key set");
    TRY(json_get_str(jwk, "kid", "a key of the set has no kid", &kid));
    if (!kid.len || kid.len >= KID_MAX || jwks_find(set, kid))
        return FAIL(INPUT, "a kid of the set is empty, too long or there twice");
    TRY(key_from_jwk(jwk, &k));
    memcpy(set->rows[set->count].kid, kid.at, kid.len);
    set->rows[set->count++].key = TAKE(k);
    return OK;
}

fallible jwks_parse(struct span text, struct jwks **out)
{
    json_t *document owned(json_free) = NULL;
    struct jwks *set owned(jwks_free) = calloc(1, sizeof(*set));
    const json_t *keys, *jwk;
    size_t i;

    if (!set)
        return FAIL(SYSTEM, "out of memory for a key set");
    TRY(json_parse_object(text, &document));
    TRY(json_get_array(document, "keys", "a key set has an array `keys` (RFC 7517 section 5)", &keys));
    json_array_foreach (keys, i, jwk)
        TRY(add_key(set, jwk));
    *out = TAKE(set);
    return OK;
}

void jwks_free(struct jwks *set)
{
    for (size_t i = 0; set && i < set->count; i++)
        key_free(set->rows[i].key);
    free(set);
}

const struct key *jwks_find(const struct jwks *set, struct span kid)
{
    for (size_t i = 0; i < set->count; i++)
        if (span_equal_str(kid, set->rows[i].kid))
            return set->rows[i].key;
    return NULL;
}

size_t jwks_count(const struct jwks *set)
{
    return set->count;
}

fallible jwks_text(const struct key *const *keys, size_t count, struct buf *out)
{
    json_t *document owned(json_free) = json_object();
    json_t *array = json_array();

    json_object_set_new(document, "keys", array);
    for (size_t i = 0; i < count; i++) {
        char kid[THUMBPRINT_TEXT_SIZE];
        json_t *jwk = NULL;
        TRY(key_thumbprint(keys[i], kid));
        TRY(key_to_jwk(keys[i], &jwk));
        json_set_str(jwk, "kid", kid);
        json_set_str(jwk, "use", "sig");
        json_set_str(jwk, "alg", jws_algorithm(keys[i]));
        json_array_append_new(array, jwk);
    }
    char *text owned(free) = json_text(document);
    if (!text)
        return FAIL(SYSTEM, "out of memory for a key set");
    buf_add_str(out, text);
    return buf_check(out);
}
