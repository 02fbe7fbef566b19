// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/base64.h"
#include "base/hex.h"

void json_free(json_t *j)
{
    json_decref(j);
}

void json_start(void)
{
    json_object_seed(0);
}

fallible json_parse_object(struct span text, json_t **out)
{
    json_t *j owned(json_free) = NULL;

    TRY(json_parse(text, &j));
    if (!json_is_object(j))
        return FAIL(INPUT, "not a JSON object");
    *out = TAKE(j);
    return OK;
}

/* `what` is the caller's literal. */
static struct err wrong(const char *what)
{
    return (struct err){ .kind = FAIL_INPUT, .what = what };
}

fallible json_get_str(const json_t *j, const char *name, const char *what, struct span *out)
{
    const json_t *v = json_object_get(j, name);

    if (!json_is_string(v))
        return wrong(what);
    *out = span_from(json_string_value(v), json_string_length(v));
    return OK;
}

fallible json_get_u64(const json_t *j, const char *name, uint64_t max, const char *what,
                      uint64_t *out)
{
    const json_t *v = json_object_get(j, name);

    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
        return wrong(what);
    *out = (uint64_t)json_integer_value(v);
    return OK;
}

fallible json_get_bool(const json_t *j, const char *name, const char *what, bool *out)
{
    const json_t *v = json_object_get(j, name);

    if (!json_is_boolean(v))
        return wrong(what);
    *out = json_is_true(v);
    return OK;
}

fallible json_get_object(const json_t *j, const char *name, const char *what, const json_t **out)
{
    const json_t *v = json_object_get(j, name);

    if (!json_is_object(v))
        return wrong(what);
    *out = v;
    return OK;
}

fallible json_get_array(const json_t *j, const char *name, const char *what, const json_t **out)
{
    const json_t *v = json_object_get(j, name);

    if (!json_is_array(v))
        return wrong(what);
    *out = v;
    return OK;
}

fallible json_opt_str(const json_t *j, const char *name, const char *what, struct span *out)
{
    return json_object_get(j, name) ? json_get_str(j, name, what, out) : OK;
}

fallible json_opt_u64(const json_t *j, const char *name, uint64_t max, const char *what,
                      uint64_t *out)
{
    return json_object_get(j, name) ? json_get_u64(j, name, max, what, out) : OK;
}

fallible json_opt_bool(const json_t *j, const char *name, const char *what, bool *out)
{
    return json_object_get(j, name) ? json_get_bool(j, name, what, out) : OK;
}

fallible json_only(const json_t *j, const char *const *names)
{
    const char *key;
    json_t *value;

    if (!json_is_object(j))
        return FAIL(INPUT, "not a JSON object");
    json_object_foreach((json_t *)j, key, value)
    {
        bool known = false;

        for (size_t i = 0; names[i]; i++)
            known = known || strcmp(key, names[i]) == 0;
        if (!known)
            return FAIL(INPUT, "unknown member");
    }
    return OK;
}

/* A member that cannot be stored empties the object: a document without one of its members must not
 * look whole. */
static void set(json_t *j, const char *name, json_t *value)
{
    if (!j)
        json_decref(value);
    else if (json_object_set_new(j, name, value) != 0)
        (void)json_object_clear(j);
}

/* Text that is not UTF-8 gets "?" for each byte outside ASCII. */
static json_t *text_value(struct span s)
{
    json_t *v = json_stringn(s.len ? (const char *)s.at : "", s.len);
    if (v)
        return v;
    char *plain owned(free) = span_dup(s);
    for (size_t i = 0; plain && i < s.len; i++) {
        if ((uint8_t)plain[i] > 0x7e)
            plain[i] = '?';
    }
    return plain ? json_stringn(plain, s.len) : NULL;
}

void json_set_span(json_t *j, const char *name, struct span s)
{
    set(j, name, text_value(s));
}

void json_set_str(json_t *j, const char *name, const char *s)
{
    if (s)
        json_set_span(j, name, span_str(s));
}

void json_set_int(json_t *j, const char *name, int64_t v)
{
    set(j, name, json_integer(v));
}

void json_set_bool(json_t *j, const char *name, bool v)
{
    set(j, name, json_boolean(v));
}

void json_set_hex(json_t *j, const char *name, struct span bytes)
{
    struct buf text owned(buf_done) = buf_of(JSON_TEXT_MAX);

    hex_add(&text, bytes);
    set(j, name, text.failed ? NULL : json_string(buf_str(&text)));
}

void json_set_base64url(json_t *j, const char *name, struct span bytes)
{
    struct buf text owned(buf_done) = buf_of(JSON_TEXT_MAX);

    base64url_add(&text, bytes);
    set(j, name, text.failed ? NULL : json_string(buf_str(&text)));
}
