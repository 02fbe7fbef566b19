// SPDX-License-Identifier: Apache-2.0
/*
 * What a JSON object's members look like, as a table, and what of an object differs from it: a list
 * for the caller that names every such member at once. Explains a refusal; the parser behind it
 * decides, also on what no table can say.
 *
 * Nothing of a value is repeated; of names only those of at most SHAPE_NAME_MAX bytes.
 */
#ifndef BASE_JSON_SHAPE_H
#define BASE_JSON_SHAPE_H

#include "base/json.h"

#define SHAPE_ERRORS_MAX 16
#define SHAPE_NAME_MAX 64

enum shape_kind {
    SHAPE_ANY,
    SHAPE_TEXT, /* min to max: its bytes */
    SHAPE_HEX,  /* min to max: its digits */
    SHAPE_UUID,
    SHAPE_TIME,   /* RFC 3339 */
    SHAPE_DIGITS, /* a text, as in a query: min to max its value */
    SHAPE_NUMBER, /* min to max: its value */
    SHAPE_BOOL,
    SHAPE_OBJECT, /* `inner`: its members; NULL: any */
    SHAPE_LIST    /* min to max: how many; each like inner[0] */
};

/* A table of them ends with one without a name; SHAPE_OTHERS in it lets members pass that it does
 * not name. */
#define SHAPE_OTHERS SHAPE_IGNORED("*")
#define SHAPE_END                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }
/* A member that is read, or only tolerated, by others. */
#define SHAPE_IGNORED(name)                                                                        \
    {                                                                                              \
        name, SHAPE_ANY                                                                            \
    }
#define SHAPE_WORDS(...)                                                                           \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

struct json_shape {
    const char *name;
    enum shape_kind kind;
    bool required;
    uint64_t min, max;
    const char *const *words; /* of a text: one of these, ending with NULL */
    const struct json_shape *inner;
    const char *rule; /* said in place of what min, max and words say */
};

/* [{"pointer": "#/label", "detail": "..."}], RFC 9457 section 3 and RFC 6901; NULL: it has the
 * shape, or memory is short. `any_case`: names are compared without regard to case. New reference.
 */
json_t *json_shape_errors(const json_t *object, const struct json_shape *members, bool any_case);
/* One of them; `path` as "a.b[0]" or "a/b", or empty for the whole. New reference. */
json_t *json_shape_error(const char *path, const char *detail);

#endif
