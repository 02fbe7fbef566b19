// SPDX-License-Identifier: Apache-2.0
#include "base/json_shape.h"

#include <strings.h>

#include "base/clock.h"

#define POINTER_MAX 512
#define TEXT_MAX 256

struct walk {
    json_t *errors;
    bool any_case;
    char pointer[POINTER_MAX]; /* of where the walk is */
};

static bool check(struct walk *w, const json_t *value, const struct json_shape *s);

static void add(struct walk *w, const char *detail)
{
    if (json_array_size(w->errors) < SHAPE_ERRORS_MAX)
        json_array_append_new(w->errors,
                              json_pack("{s:s,s:s}", "pointer", w->pointer, "detail", detail));
}

/* One step down; the length to go back to. What does not fit is named by what it is in. */
static size_t enter(struct walk *w, const char *name)
{
    size_t before = strlen(w->pointer), at = before;

    if (strlen(name) > SHAPE_NAME_MAX || before + 2 * SHAPE_NAME_MAX + 2 > POINTER_MAX)
        return before;
    w->pointer[at++] = '/';
    for (; *name; name++) { /* RFC 6901 section 3 */
        if (*name == '~' || *name == '/') {
            w->pointer[at++] = '~';
            w->pointer[at++] = *name == '~' ? '0' : '1';
        } else {
            w->pointer[at++] = *name;
        }
    }
    w->pointer[at] = 0;
    return before;
}

static void leave(struct walk *w, size_t before)
{
    w->pointer[before] = 0;
}

static bool same(const struct walk *w, const char *a, const char *b)
{
    return w->any_case ? !strcasecmp(a, b) : !strcmp(a, b);
}

static const struct json_shape *find(const struct walk *w, const struct json_shape *members,
                                     const char *name)
{
    for (; members->name; members++)
        if (same(w, members->name, name) || !strcmp(members->name, "*"))
            return members;
    return NULL;
}

static void find_missing(struct walk *w, const json_t *object, const struct json_shape *members)
{
    for (; members->name; members++) {
        bool there = false;
        const char *name;
        json_t *value;
        json_object_foreach((json_t *)object, name, value) there =
            there || same(w, members->name, name);
        if (there || !members->required)
            continue;
        size_t before = enter(w, members->name);
        add(w, "is missing");
        leave(w, before);
    }
}

static void check_members(struct walk *w, const json_t *object, const struct json_shape *members)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        const struct json_shape *s = find(w, members, name);
        size_t before = enter(w, name);
        if (!s)
            add(w, "unknown member");
        else
            (void)check(w, value, s);
        leave(w, before);
    }
    find_missing(w, object, members);
}

static bool within(const struct json_shape *s, uint64_t n)
{
    return n >= s->min && (!s->max || n <= s->max);
}

static bool is_word(const struct json_shape *s, const json_t *value)
{
    const char *const *word = s->words;

    for (; word && *word; word++)
        if (span_equal_str(span_from(json_string_value(value), json_string_length(value)), *word))
            return true;
    return !word;
}

static bool is_digits(const struct json_shape *s, const json_t *value)
{
    const char *text = json_string_value(value);
    uint64_t n = 0;

    for (size_t i = 0; text[i]; i++) {
        if (text[i] < '0' || text[i] > '9' || i == 18)
            return false;
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    return text[0] && within(s, n);
}

static bool is_hex(const json_t *value)
{
    return strspn(json_string_value(value), "0123456789abcdefABCDEF") == json_string_length(value);
}

static bool is_uuid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    for (size_t i = 0; i < sizeof form; i++)
        if (form[i] == 'x' ? !text[i] || !strchr("0123456789abcdef", text[i]) : text[i] != form[i])
            return false;
    return true;
}

static bool check_list(struct walk *w, const json_t *list, const struct json_shape *s)
{
    char number[24];
    json_t *item;
    size_t i;

    if (!within(s, json_array_size(list)))
        return false;
    json_array_foreach((json_t *)list, i, item)
    {
        snprintf(number, sizeof number, "%zu", i);
        size_t before = enter(w, number);
        (void)check(w, item, s->inner);
        leave(w, before);
        if (json_array_size(w->errors) == SHAPE_ERRORS_MAX)
            break;
    }
    return true;
}

static bool fits(struct walk *w, const json_t *value, const struct json_shape *s)
{
    int64_t time;

    switch (s->kind) {
    case SHAPE_ANY:
        return true;
    case SHAPE_TEXT:
        return json_is_string(value) && within(s, json_string_length(value)) && is_word(s, value);
    case SHAPE_HEX:
        return json_is_string(value) && within(s, json_string_length(value)) && is_hex(value);
    case SHAPE_UUID:
        return json_is_string(value) && is_uuid(json_string_value(value));
    case SHAPE_TIME:
        return json_is_string(value) &&
               !failed(clock_parse_rfc3339(span_str(json_string_value(value)), &time));
    case SHAPE_DIGITS:
        return json_is_string(value) && is_digits(s, value);
    case SHAPE_NUMBER:
        return json_is_integer(value) && json_integer_value(value) >= 0 &&
               within(s, (uint64_t)json_integer_value(value));
    case SHAPE_BOOL:
        return json_is_boolean(value);
    case SHAPE_OBJECT:
        if (json_is_object(value) && s->inner)
            check_members(w, value, s->inner);
        return json_is_object(value);
    case SHAPE_LIST:
        return json_is_array(value) && check_list(w, value, s);
    }
    return false;
}

static void say_range(const struct json_shape *s, const char *noun, const char *unit,
                      struct buf *out)
{
    buf_addf(out, "%s", noun);
    if (s->max)
        buf_addf(out, "%s%llu to %llu%s", unit ? " of " : " from ", (unsigned long long)s->min,
                 (unsigned long long)s->max, unit ? unit : "");
    else if (s->min)
        buf_addf(out, "%s%llu%s or more", unit ? " of " : " from ", (unsigned long long)s->min,
                 unit ? unit : "");
}

static void say_words(const struct json_shape *s, struct buf *out)
{
    for (const char *const *word = s->words; *word; word++)
        buf_addf(out, "%s%s", word == s->words ? "one of " : ", ", *word);
}

static void say_wanted(const struct json_shape *s, struct buf *out)
{
    switch (s->kind) {
    case SHAPE_TEXT:
        if (s->words)
            say_words(s, out);
        else
            say_range(s, "a text", " bytes", out);
        return;
    case SHAPE_HEX:
        say_range(s, "hexadecimal text", " digits", out);
        return;
    case SHAPE_UUID:
        buf_add(out, SPAN("a UUID"));
        return;
    case SHAPE_TIME:
        buf_add(out, SPAN("a time as 2026-11-23T12:00:00Z"));
        return;
    case SHAPE_DIGITS:
    case SHAPE_NUMBER:
        say_range(s, "a whole number", NULL, out);
        return;
    case SHAPE_BOOL:
        buf_add(out, SPAN("true or false"));
        return;
    case SHAPE_LIST:
        say_range(s, "a list", " items", out);
        return;
    case SHAPE_ANY:
    case SHAPE_OBJECT:
        buf_add(out, SPAN("an object"));
        return;
    }
}

static bool check(struct walk *w, const json_t *value, const struct json_shape *s)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);

    if (fits(w, value, s))
        return true;
    if (s->rule)
        buf_addf(&text, "%s", s->rule);
    else
        say_wanted(s, &text);
    add(w, failed(buf_check(&text)) ? "not as it must be" : buf_str(&text));
    return false;
}

json_t *json_shape_errors(const json_t *object, const struct json_shape *members, bool any_case)
{
    struct walk w = { .errors = json_array(), .any_case = any_case, .pointer = "#" };

    if (w.errors)
        check_members(&w, object, members);
    if (json_array_size(w.errors))
        return w.errors;
    json_free(w.errors);
    return NULL;
}

json_t *json_shape_error(const char *path, const char *detail)
{
    char pointer[POINTER_MAX] = "#";
    size_t at = 1;
    bool apart = true;

    for (; *path && at + 2 < sizeof pointer; path++) {
        bool mark = strchr(".[]/", *path) != NULL;
        if (!mark && apart)
            pointer[at++] = '/';
        if (!mark)
            pointer[at++] = *path;
        apart = mark;
    }
    pointer[at] = 0;
    return json_pack("{s:s,s:s}", "pointer", pointer, "detail", detail);
}
