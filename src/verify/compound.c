// SPDX-License-Identifier: Apache-2.0
#include "verify/compound.h"

#define NAME_MAX_LEN 64

void compound_done(struct compound *c)
{
    for (size_t i = 0; i < c->count; i++)
        json_free(c->parts[i].claims);
    c->count = 0;
}

static json_t *part_find(const struct compound *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->parts[i].name, name) == 0)
            return c->parts[i].claims;
    return NULL;
}

fallible compound_add(struct compound *c, const char *name, json_t **claims)
{
    if (c->count == COMPOUND_MAX || part_find(c, name))
        return FAIL(SYSTEM, "a piece of the evidence stands twice");
    json_t *made = json_object();
    if (!made)
        return FAIL(SYSTEM, "out of memory");
    c->parts[c->count].name = name;
    c->parts[c->count++].claims = made;
    *claims = made;
    return OK;
}

fallible compound_add_piece(struct compound *c, const struct piece *p)
{
    json_t *to = NULL;

    if (!p->state)
        return OK;
    if (p->type->explains)
        to = part_find(c, p->type->explains);
    else if (p->name)
        TRY(compound_add(c, p->name, &to));
    return to ? p->type->claims(p, to) : OK;
}

/* Of all values that the parts have for this claim, the one that `worse` prefers. */
static json_t *choose(const struct compound *c, const char *name,
                      bool (*worse)(const json_t *a, const json_t *b))
{
    json_t *chosen = NULL;

    for (size_t i = 0; i < c->count; i++) {
        json_t *value = json_object_get(c->parts[i].claims, name);
        if (value && (!chosen || worse(value, chosen)))
            chosen = value;
    }
    return chosen;
}

static bool text_is(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static bool worse_root(const json_t *a, const json_t *b)
{
    return !text_is(a, "vendor") && text_is(b, "vendor");
}

static bool worse_debug(const json_t *a, const json_t *b)
{
    return json_is_true(a) && !json_is_true(b);
}

static bool worse_status(const json_t *a, const json_t *b)
{
    return !text_is(a, "UpToDate") && text_is(b, "UpToDate");
}

static bool earlier(const json_t *a, const json_t *b)
{
    return strcmp(json_string_value(a), json_string_value(b)) < 0;
}

static bool later(const json_t *a, const json_t *b)
{
    return earlier(b, a);
}

static json_t *advisories_join(const struct compound *c)
{
    json_t *all = NULL;

    for (size_t i = 0; i < c->count; i++) {
        json_t *list = json_object_get(c->parts[i].claims, "advisory_ids");
        if (list && !all)
            all = json_array();
        if (list)
            json_array_extend(all, list);
    }
    return all;
}

static void prefixed_write(const char *prefix, const json_t *claims, json_t *to)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)claims, name, value)
    {
        char whole[NAME_MAX_LEN];
        snprintf(whole, sizeof(whole), "%s.%s", prefix, name);
        json_object_set(to, whole, value);
    }
}

void compound_write(const struct compound *c, json_t *to)
{
    static const struct {
        const char *name;
        bool (*worse)(const json_t *a, const json_t *b);
    } whole[] = {
        { "root", worse_root },
        { "debug", worse_debug },
        { "tcb_status", worse_status },
        { "tcb_date", earlier },
        { "collateral_expires", earlier },
        { "collateral_issued", later },
        { "collateral_oldest", earlier },
        { "report_data", earlier },
    };
    json_t *advisories = advisories_join(c);

    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
        json_object_set(to, whole[i].name, choose(c, whole[i].name, whole[i].worse));
    if (advisories)
        json_object_set_new(to, "advisory_ids", advisories);
    for (size_t i = 0; i < c->count; i++)
        prefixed_write(c->parts[i].name, c->parts[i].claims, to);
}
