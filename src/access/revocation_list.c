// SPDX-License-Identifier: Apache-2.0
#include "access/revocation.h"
#include "access/revocation_id_internal.h"
#include "token/jwt.h"

struct revocation_list {
    json_t *claims;
    const json_t *tokens, *subjects; /* in claims */
    int64_t made, ends, all_before;
};

static fallible numbers_check(const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (!json_is_integer(value))
            return FAIL(INPUT, "list of revoked tokens: an entry");
    }
    return json_object_size(object) <= REVOCATIONS_MAX
               ? OK
               : FAIL(LIMIT, "list of revoked tokens: too long");
}

static fallible fill(struct revocation_list *l)
{
    uint64_t made, ends, all;

    TRY(json_get_object(l->claims, "tokens", "list of revoked tokens: tokens", &l->tokens));
    TRY(json_get_object(l->claims, "subjects", "list of revoked tokens: subjects", &l->subjects));
    TRY(json_get_u64(l->claims, "iat", INT64_MAX, "list of revoked tokens: iat", &made));
    TRY(json_get_u64(l->claims, "exp", INT64_MAX, "list of revoked tokens: exp", &ends));
    TRY(json_get_u64(l->claims, "all_before", INT64_MAX, "list of revoked tokens: all_before",
                     &all));
    TRY(numbers_check(l->tokens));
    TRY(numbers_check(l->subjects));
    l->made = (int64_t)made;
    l->ends = (int64_t)ends;
    l->all_before = (int64_t)all;
    return OK;
}

/* One past its end is read too: what it names has ended in any case. */
static fallible verify(struct span text, const struct jwks *keys, int64_t now, json_t **out)
{
    owned(json_free) json_t *header = NULL;
    struct buf payload owned(buf_done) = buf_of(JWT_TEXT_MAX);
    enum jwt_fault fault;

    struct err e =
        jwt_verify(text, keys, REVOCATIONS_TYP, BEARER_ISSUER, BEARER_AUDIENCE, now, out, &fault);
    if (!failed(e) || fault != JWT_EXPIRED)
        return e;
    struct span kid;
    TRY(jws_peek_header(text, &header));
    TRY(json_get_str(header, "kid", "token: kid", &kid));
    const struct key *k = jwks_find(keys, kid);
    if (!k)
        return e;
    TRY(jws_verify(k, text, NULL, &payload));
    return json_parse_object(buf_span(&payload), out);
}

fallible revocation_list_read(struct span text, const struct jwks *keys, int64_t now,
                              struct revocation_list **out)
{
    owned(revocation_list_free) struct revocation_list *l = calloc(1, sizeof(*l));

    if (!l)
        return FAIL(SYSTEM, "memory for the list of revoked tokens");
    TRY(verify(text, keys, now, &l->claims));
    TRY(fill(l));
    *out = TAKE(l);
    return OK;
}

void revocation_list_free(struct revocation_list *l)
{
    if (!l)
        return;
    json_free(l->claims);
    free(l);
}

int64_t revocation_list_made(const struct revocation_list *l)
{
    return l->made;
}

int64_t revocation_list_ends(const struct revocation_list *l)
{
    return l->ends + JWT_LEEWAY;
}

fallible revocation_list_check(const struct revocation_list *l, const struct bearer *b, bool *ended)
{
    char ids[REVOCATION_IDS][REVOCATION_ID_SIZE];
    bool found = b->issued_at < l->all_before;

    TRY(revocation_ids(b, ids));
    found |= json_object_get(l->tokens, ids[0]) != NULL;
    for (size_t i = 1; i < REVOCATION_IDS; i++)
        found |= b->issued_at < json_integer_value(json_object_get(l->subjects, ids[i]));
    *ended = found;
    return OK;
}
