// SPDX-License-Identifier: Apache-2.0
/*
 * jansson's values as JSON texts, compact. The text is measured first and then written once into
 * memory of its size: no copy of it, which may hold a secret, is left behind by growing.
 */
#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>

#define WRITE_DEPTH_MAX 128 /* our own documents: deeper is a mistake of ours */
#define MEMBERS_MAX 4096
#define NUMBER_MAX 64

/* Without memory it only measures. */
struct sink {
    uint8_t *at;
    size_t len;
    unsigned depth;
    bool sorted, failed;
};

static const bool plain[256] = { [' ' ... '!'] = true,
                                 ['#' ... '['] = true,
                                 [']' ... 0xff] = true };

static void put(struct sink *s, const void *bytes, size_t len)
{
    if (s->at && len)
        memcpy(s->at + s->len, bytes, len);
    s->len += len;
}

static void put_escaped(struct sink *s, uint8_t c)
{
    static const char letter[256] = { ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                      ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't' };
    char text[8];

    if (letter[c])
        put(s, text, (size_t)snprintf(text, sizeof text, "\\%c", letter[c]));
    else
        put(s, text, (size_t)snprintf(text, sizeof text, "\\u%04X", c));
}

static void put_text(struct sink *s, const char *text, size_t len)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t from = 0;

    put(s, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        if (plain[at[i]])
            continue;
        put(s, at + from, i - from);
        put_escaped(s, at[i]);
        from = i + 1;
    }
    put(s, at + from, len - from);
    put(s, "\"", 1);
}

static void put_value(struct sink *s, const json_t *j);

static void put_member(struct sink *s, bool first, const char *name, const json_t *value)
{
    if (!first)
        put(s, ",", 1);
    put_text(s, name, strlen(name));
    put(s, ":", 1);
    put_value(s, value);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_sorted(struct sink *s, const json_t *object)
{
    size_t count = json_object_size(object), i = 0;
    const char **names owned(free) = count <= MEMBERS_MAX ? calloc(count + 1, sizeof *names) : NULL;
    const char *name;
    json_t *value;

    if (!names) {
        s->failed = true;
        return;
    }
    json_object_foreach((json_t *)object, name, value) names[i++] = name;
    qsort(names, count, sizeof *names, by_name);
    for (i = 0; i < count; i++)
        put_member(s, i == 0, names[i], json_object_get(object, names[i]));
}

static void put_object(struct sink *s, const json_t *object)
{
    const char *name;
    json_t *value;
    bool first = true;

    put(s, "{", 1);
    if (s->sorted) {
        put_sorted(s, object);
    } else {
        json_object_foreach((json_t *)object, name, value)
        {
            put_member(s, first, name, value);
            first = false;
        }
    }
    put(s, "}", 1);
}

static void put_array(struct sink *s, const json_t *array)
{
    const json_t *value;
    size_t i;

    put(s, "[", 1);
    json_array_foreach(array, i, value)
    {
        if (i)
            put(s, ",", 1);
        put_value(s, value);
    }
    put(s, "]", 1);
}

static void put_real(struct sink *s, const json_t *j)
{
    char text[NUMBER_MAX];
    size_t len = json_dumpb(j, text, sizeof text, JSON_ENCODE_ANY);

    s->failed = s->failed || len == 0 || len > sizeof text;
    if (!s->failed)
        put(s, text, len);
}

static void put_integer(struct sink *s, int64_t v)
{
    char text[NUMBER_MAX];
    put(s, text, (size_t)snprintf(text, sizeof text, "%" PRId64, v));
}

static void put_value(struct sink *s, const json_t *j)
{
    if (!j || s->depth == WRITE_DEPTH_MAX) {
        s->failed = true;
        return;
    }
    s->depth++;
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        put_object(s, j);
        break;
    case JSON_ARRAY:
        put_array(s, j);
        break;
    case JSON_STRING:
        put_text(s, json_string_value(j), json_string_length(j));
        break;
    case JSON_INTEGER:
        put_integer(s, json_integer_value(j));
        break;
    case JSON_REAL:
        put_real(s, j);
        break;
    case JSON_TRUE:
        put(s, "true", 4);
        break;
    case JSON_FALSE:
        put(s, "false", 5);
        break;
    case JSON_NULL:
        put(s, "null", 4);
        break;
    }
    s->depth--;
}

fallible json_canonical(const json_t *j, struct buf *out)
{
    struct sink measure = { .sorted = true };

    if (!j)
        return FAIL(SYSTEM, "memory is short");
    put_value(&measure, j);
    if (measure.failed)
        return FAIL(SYSTEM, "JSON cannot be written");
    struct sink s = { .at = buf_extend(out, measure.len), .sorted = true };
    TRY(buf_check(out));
    put_value(&s, j);
    return OK;
}

char *json_text(const json_t *j)
{
    struct sink measure = { 0 };

    if (!j)
        return NULL;
    put_value(&measure, j);
    struct sink s = { .at = measure.failed ? NULL : malloc(measure.len + 1) };
    if (!s.at)
        return NULL;
    put_value(&s, j);
    s.at[s.len] = 0;
    return (char *)s.at;
}
