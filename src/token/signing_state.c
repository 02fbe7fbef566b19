// SPDX-License-Identifier: Apache-2.0
#include "token/signing_state.h"

#include "base/file.h"
#include "token/jwt.h"

#define STATE_TEXT_MAX (64U << 10)
#define TIME_MAX ((uint64_t)INT64_MAX / 4)

static fallible read_time(const json_t *j, const char *name, int64_t *out)
{
    uint64_t t;
    TRY(json_get_u64(j, name, TIME_MAX, "signing state: a time", &t));
    *out = (int64_t)t;
    return OK;
}

static fallible read_key(const json_t *j, struct key **out)
{
    const json_t *jwk;
    TRY(json_get_object(j, "key", "signing state: key", &jwk));
    return key_from_jwk(jwk, out);
}

static fallible read_retired(const json_t *j, struct signing_state *s)
{
    if (s->retired_count == SIGNING_KEYS_RETIRED_MAX)
        return FAIL(LIMIT, "signing state: retired keys");
    struct retired_key *r = &s->retired[s->retired_count];
    TRY(read_key(j, &r->key));
    s->retired_count++;
    return read_time(j, "until", &r->until);
}

static fallible read_state(const json_t *j, struct signing_state *s)
{
    const json_t *retired;
    TRY(read_key(j, &s->current));
    TRY(read_time(j, "since", &s->since));
    TRY(read_time(j, "lifetime", &s->lifetime));
    TRY(read_time(j, "next_from", &s->next_from));
    TRY(json_get_array(j, "retired", "signing state: retired keys", &retired));
    for (size_t i = 0; i < json_array_size(retired); i++)
        TRY(read_retired(json_array_get(retired, i), s));
    return OK;
}

fallible signing_state_load(const char *path, struct signing_state *out)
{
    struct buf text owned(buf_done) = buf_of(STATE_TEXT_MAX);
    struct signing_state s owned(signing_state_done) = { 0 };
    owned(json_free) json_t *j = NULL;
    struct err e = file_read(path, &text);
    if (e.kind == FAIL_ABSENT)
        return OK;
    TRY(e);
    TRY(json_parse_object(buf_span(&text), &j));
    TRY(read_state(j, &s));
    *out = s;
    s = (struct signing_state){ 0 };
    return OK;
}

static fallible key_member(json_t *j, const struct key *k)
{
    json_t *jwk = NULL;
    TRY(key_to_jwk(k, &jwk));
    return json_object_set_new(j, "key", jwk) == 0 ? OK : FAIL(SYSTEM, "memory for keys");
}

fallible signing_state_save(const char *path, const struct signing_state *s)
{
    owned(json_free) json_t *j = json_object(), *list = json_array();
    TRY(key_member(j, s->current));
    json_set_int(j, "since", s->since);
    json_set_int(j, "lifetime", s->lifetime);
    json_set_int(j, "next_from", s->next_from);
    for (size_t i = 0; i < s->retired_count; i++) {
        owned(json_free) json_t *one = json_object();
        TRY(key_member(one, s->retired[i].key));
        json_set_int(one, "until", s->retired[i].until);
        json_array_append(list, one);
    }
    json_object_set(j, "retired", list);
    char *text owned(free) = json_text(j);
    if (!text || json_array_size(list) != s->retired_count)
        return FAIL(SYSTEM, "memory for the signing state");
    return file_write(path, span_str(text), 0600);
}

void signing_state_done(struct signing_state *s)
{
    key_free(s->current);
    for (size_t i = 0; i < s->retired_count; i++)
        key_free(s->retired[i].key);
    *s = (struct signing_state){ 0 };
}

fallible signing_state_retire(struct signing_state *s, int64_t now)
{
    if (s->retired_count == SIGNING_KEYS_RETIRED_MAX)
        return FAIL(LIMIT, "too many signing keys whose tokens are still valid");
    s->retired[s->retired_count++] =
        (struct retired_key){ TAKE(s->current), now + s->lifetime + JWT_LEEWAY };
    return OK;
}

void signing_state_expire(struct signing_state *s, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->retired_count; i++)
        if (s->retired[i].until > now)
            s->retired[kept++] = s->retired[i];
        else
            key_free(s->retired[i].key);
    s->retired_count = kept;
}

int64_t signing_state_first_end(const struct signing_state *s)
{
    int64_t first = 0;
    for (size_t i = 0; i < s->retired_count; i++)
        if (!first || s->retired[i].until < first)
            first = s->retired[i].until;
    return first;
}
