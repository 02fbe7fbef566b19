// SPDX-License-Identifier: Apache-2.0
#include "broker/key_versions.h"

#include "base/clock.h"
#include "broker/entry.h"

#define NUMBER_MAX UINT32_MAX /* what an answer's key_version may be */

static fallible read_time(const json_t *j, const char *name, int64_t *out)
{
    struct span text = { 0 };

    TRY(json_opt_str(j, name, "stored time", &text));
    return text.len ? clock_parse_rfc3339(text, out) : OK;
}

static fallible read_version(const json_t *j, struct key_version *out)
{
    struct key_version v = { 0 };

    TRY(json_get_u64(j, "version", NUMBER_MAX, "stored version", &v.number));
    TRY(key_entry_spec(j, &v.spec));
    TRY(read_time(j, "created_at", &v.created_at));
    TRY(read_time(j, "keep_until", &v.keep_until));
    TRY(json_opt_bool(j, "disabled", "stored state", &v.disabled));
    TRY(json_opt_str(j, "kmip_key_id", "stored reference", &v.external));
    *out = v;
    return OK;
}

/* As a key's record was before its first rotation. */
static fallible read_only_one(const json_t *content, struct key_versions *v)
{
    struct key_version *one = &v->at[0];

    *one = (struct key_version){ .number = 1 };
    TRY(key_entry_spec(content, &one->spec));
    TRY(read_time(content, "created_at", &one->created_at));
    TRY(json_opt_str(content, "kmip_key_id", "stored reference", &one->external));
    v->count = 1;
    return OK;
}

fallible key_versions_read(const json_t *content, struct key_versions *out)
{
    struct key_versions v = { .keep_old = KEEP_OLD_VERSIONS };
    const json_t *list = json_object_get(content, "versions"), *one;
    size_t i;

    TRY(json_opt_bool(content, "disabled", "stored state", &v.disabled));
    TRY(json_opt_u64(content, "keep_old_versions", KEY_VERSIONS_MAX - 1, "stored rule",
                     &v.keep_old));
    if (!list) {
        TRY(read_only_one(content, &v));
        *out = v;
        return OK;
    }
    if (!json_array_size(list) || json_array_size(list) > KEY_VERSIONS_MAX)
        return FAIL(LIMIT, "stored versions");
    json_array_foreach(list, i, one) TRY(read_version(one, &v.at[v.count++]));
    *out = v;
    return OK;
}

static void set_time(json_t *j, const char *name, int64_t at)
{
    char text[CLOCK_TEXT_MAX];

    if (at)
        json_set_str(j, name, clock_format(at, text));
}

fallible key_versions_write(const struct key_versions *v, json_t *content)
{
    const struct key_version *newest = key_versions_newest(v);
    json_t *list = json_array();

    for (size_t i = 0; i < v->count; i++) {
        const struct key_version *from = &v->at[i];
        json_t *j = json_object();
        json_set_int(j, "version", (int64_t)from->number);
        key_spec_describe(&from->spec, j);
        set_time(j, "created_at", from->created_at);
        set_time(j, "keep_until", from->keep_until);
        if (from->disabled)
            json_set_bool(j, "disabled", true);
        if (from->external.len)
            json_set_span(j, "kmip_key_id", from->external);
        json_array_append_new(list, j);
    }
    if (json_array_size(list) != v->count || json_object_set_new(content, "versions", list))
        return FAIL(SYSTEM, "out of memory");
    key_spec_describe(&newest->spec, content);
    json_object_del(content, "disabled");
    if (v->disabled)
        json_set_bool(content, "disabled", true);
    json_set_int(content, "keep_old_versions", (int64_t)v->keep_old);
    if (newest->external.len)
        json_set_span(content, "kmip_key_id", newest->external);
    else
        json_object_del(content, "kmip_key_id");
    return OK;
}

const struct key_version *key_versions_newest(const struct key_versions *v)
{
    return &v->at[v->count - 1];
}

const struct key_version *key_versions_current(const struct key_versions *v)
{
    for (size_t i = v->count; i > 0 && !v->disabled; i--)
        if (!v->at[i - 1].disabled)
            return &v->at[i - 1];
    return NULL;
}

struct key_version *key_versions_find(struct key_versions *v, uint64_t number)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->at[i].number == number)
            return &v->at[i];
    return NULL;
}

static void take_out(struct key_versions *v, size_t i, struct key_versions *gone)
{
    gone->at[gone->count++] = v->at[i];
    v->count--;
    memmove(&v->at[i], &v->at[i + 1], (v->count - i) * sizeof v->at[0]);
}

void key_versions_retire(struct key_versions *v, int64_t now, struct key_versions *gone)
{
    *gone = (struct key_versions){ 0 };
    while (v->count > v->keep_old + 1)
        take_out(v, 0, gone);
    for (size_t i = 0; i + 1 < v->count;)
        if (v->at[i].keep_until && v->at[i].keep_until <= now)
            take_out(v, i, gone);
        else
            i++;
}

fallible key_versions_add(struct key_versions *v, const struct key_version *made,
                          int64_t keep_until)
{
    if (made->number > NUMBER_MAX || v->count == KEY_VERSIONS_MAX)
        return FAIL(LIMIT, "a key has no more versions than this");
    v->at[v->count - 1].keep_until = keep_until;
    v->at[v->count++] = *made;
    return OK;
}

int64_t key_versions_due(const struct key_versions *v)
{
    int64_t due = 0;

    for (size_t i = 0; i + 1 < v->count; i++)
        if (v->at[i].keep_until && (!due || v->at[i].keep_until < due))
            due = v->at[i].keep_until;
    return due;
}

json_t *key_versions_json(const struct key_versions *v)
{
    json_t *list = json_array();

    for (size_t i = 0; i < v->count; i++) {
        const struct key_version *from = &v->at[i];
        json_t *j = json_object();
        json_set_int(j, "version", (int64_t)from->number);
        json_set_str(j, "state", v->disabled || from->disabled ? "disabled" : "enabled");
        set_time(j, "created_at", from->created_at);
        set_time(j, "keep_until", from->keep_until);
        if (from->external.len)
            json_set_span(j, "kmip_key_id", from->external);
        json_array_append_new(list, j);
    }
    return list;
}
