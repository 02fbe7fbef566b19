// SPDX-License-Identifier: Apache-2.0
#include "answer.h"

#include <string.h>

#include "base/owned.h"

static bool same_or_missing(json_t *genuine, json_t *changed, const char *claim)
{
    const json_t *now = json_object_get(changed, claim);
    bool good = !now || json_equal(json_object_get(genuine, claim), now);

    json_object_del(genuine, claim);
    json_object_del(changed, claim);
    return good;
}

/* Every text of one list stands in the other, in the same order. */
static bool nothing_hidden(json_t *genuine, json_t *changed, const char *claim)
{
    const json_t *was = json_object_get(genuine, claim), *now = json_object_get(changed, claim);
    size_t k = 0;

    for (size_t i = 0; i < json_array_size(now) && k < json_array_size(was); i++)
        k += json_equal(json_array_get(was, k), json_array_get(now, i));
    bool good = k == json_array_size(was);
    json_object_del(genuine, claim);
    json_object_del(changed, claim);
    return good;
}

static void types_drop(json_t *claims)
{
    json_t *events = json_object_get(claims, "events");

    for (size_t i = 0; i < json_array_size(events); i++)
        json_object_del(json_array_get(events, i), "type");
}

bool answers_agree(const json_t *genuine, const json_t *changed)
{
    json_t *a owned(json_free) = json_deep_copy(genuine),
              *b owned(json_free) = json_deep_copy(changed);
    json_t *was = json_object_get(a, "claims"), *now = json_object_get(b, "claims");
    const char *type = json_string_value(json_object_get(a, "type"));

    if (type && strcmp(type, "azure-vtpm") == 0)
        json_object_set(b, "version", json_object_get(a, "version"));
    bool good = same_or_missing(was, now, "secure_boot");
    good = same_or_missing(was, now, "ima_files") && good;
    good = nothing_hidden(was, now, "boot_applications") && good;
    types_drop(was);
    types_drop(now);
    return good && json_equal(a, b);
}
