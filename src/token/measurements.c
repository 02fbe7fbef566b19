// SPDX-License-Identifier: Apache-2.0
#include "token/measurements.h"

#include "base/clock.h"
#include "token/jwt.h"

static fallible check_name(const json_t *j, const char *what)
{
    struct span name;
    TRY(json_get_str(j, "name", what, &name));
    return name.len && name.len <= MEASUREMENT_NAME_MAX
               ? OK
               : FAIL(INPUT, "measurement bundle: a name is empty or too long");
}

static fallible time_of(const json_t *j, const char *name, int64_t *out)
{
    struct span text;
    TRY(json_get_str(j, name, "measurement bundle: times are RFC 3339", &text));
    return clock_parse_rfc3339(text, out);
}

static fallible check_times(const json_t *bundle, int64_t now)
{
    int64_t issued = 0, expires = 0;
    TRY(time_of(bundle, "issued", &issued));
    if (issued > now + JWT_LEEWAY)
        return FAIL(DENIED, "measurement bundle: issued in the future");
    if (!json_object_get(bundle, "expires"))
        return OK;
    TRY(time_of(bundle, "expires", &expires));
    return expires > now ? OK : FAIL(DENIED, "measurement bundle: expired");
}

static fallible check_sets(const json_t *bundle)
{
    static const char *const members[] = { "name", "claims", NULL };
    const json_t *sets, *claims;
    TRY(json_get_array(bundle, "sets", "measurement bundle: sets", &sets));
    if (!json_array_size(sets) || json_array_size(sets) > MEASUREMENT_SETS_MAX)
        return FAIL(INPUT, "measurement bundle: 1 to 64 sets");
    for (size_t i = 0; i < json_array_size(sets); i++) {
        const json_t *set = json_array_get(sets, i);
        if (!json_is_object(set))
            return FAIL(INPUT, "measurement bundle: a set is an object");
        TRY(json_only(set, members));
        TRY(check_name(set, "measurement bundle: the name of a set"));
        TRY(json_get_object(set, "claims", "measurement bundle: claims of a set", &claims));
        if (!json_object_size(claims))
            return FAIL(INPUT, "measurement bundle: a set without claims");
    }
    return OK;
}

static fallible read_payload(struct span text, int64_t now, json_t **bundle)
{
    static const char *const members[] = { "name", "issued", "expires", "sets", NULL };
    owned(json_free) json_t *j = NULL;
    TRY(json_parse_object(text, &j));
    TRY(json_only(j, members));
    TRY(check_name(j, "measurement bundle: name"));
    TRY(check_sets(j));
    TRY(check_times(j, now));
    *bundle = TAKE(j);
    return OK;
}

fallible measurements_verify(struct span text, const struct jwks *keys, int64_t now,
                             json_t **bundle)
{
    owned(json_free) json_t *peeked = NULL, *header = NULL;
    struct buf payload owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct span kid = { 0 }, typ = { 0 };
    TRY(jws_peek_header(text, &peeked));
    TRY(json_get_str(peeked, "kid", "measurement bundle: kid", &kid));
    const struct key *k = jwks_find(keys, kid);
    if (!k)
        return FAIL(DENIED, "measurement bundle: not signed by a configured key");
    TRY(jws_verify(k, text, &header, &payload));
    TRY(json_opt_str(header, "typ", "measurement bundle: typ", &typ));
    if (!span_equal_str(typ, MEASUREMENTS_TYP))
        return FAIL(DENIED, "measurement bundle: the token is of another type");
    return read_payload(buf_span(&payload), now, bundle);
}
