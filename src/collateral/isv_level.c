// SPDX-License-Identifier: Apache-2.0
#include "collateral/isv_level.h"

#include "base/clock.h"
#include "base/hex.h"

#define DATE_LEN 20

fallible signed_date_get(const json_t *owner, const char *name, int64_t *out)
{
    struct span text;

    TRY(json_get_str(owner, name, "a date is missing or no text", &text));
    if (text.len != DATE_LEN || !span_equal(span_tail(text, DATE_LEN - 1), SPAN("Z")))
        return FAIL(INPUT, "a date is not of the form YYYY-MM-DDThh:mm:ssZ");
    return clock_parse_rfc3339(text, out);
}

fallible signed_hex_get(const json_t *owner, const char *name, uint8_t *out, size_t len)
{
    struct span text;

    TRY(json_get_str(owner, name, "a hexadecimal member is missing or no text", &text));
    if (failed(hex_parse_exact(text, out, len)))
        return FAIL(INPUT, "a hexadecimal member is malformed or of the wrong length");
    return OK;
}

static bool advisory_fits(const json_t *id)
{
    size_t len = json_string_length(id);
    const char *text = json_string_value(id);

    if (!text || !len || len > ADVISORY_LEN_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

static fallible advisories_parse(const json_t *level, struct advisories *out)
{
    const json_t *list = json_object_get(level, "advisoryIDs");
    size_t count = json_array_size(list);

    if (!list)
        return OK;
    if (!json_is_array(list))
        return FAIL(INPUT, "advisoryIDs is not a list");
    if (count > ADVISORIES_MAX)
        return FAIL(LIMIT, "a TCB level names more than 128 advisories");
    for (size_t i = 0; i < count; i++)
        if (!advisory_fits(json_array_get(list, i)))
            return FAIL(INPUT, "an advisory id is not a short text");
    if (!count)
        return OK;
    out->ids = calloc(count, sizeof(*out->ids));
    if (!out->ids)
        return FAIL(SYSTEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        out->ids[i] = json_string_value(json_array_get(list, i));
    out->count = count;
    return OK;
}

fallible level_facts_parse(const json_t *level, struct level_facts *out)
{
    struct level_facts f = { 0 };
    struct span status;

    TRY(signed_date_get(level, "tcbDate", &f.date));
    TRY(json_get_str(level, "tcbStatus", "tcbStatus is missing or no text", &status));
    f.status = tcb_status_of(status);
    TRY(advisories_parse(level, &f.advisories));
    *out = f;
    return OK;
}

void level_facts_done(struct level_facts *f)
{
    free(f->advisories.ids);
    *f = (struct level_facts){ 0 };
}

static int isv_level_order(const void *a, const void *b)
{
    const struct isv_level *left = a, *right = b;
    return (left->isvsvn < right->isvsvn) - (left->isvsvn > right->isvsvn);
}

static fallible isv_level_parse(const json_t *level, struct isv_level *out)
{
    const json_t *tcb;
    uint64_t isvsvn;

    TRY(json_get_object(level, "tcb", "a TCB level has no tcb object", &tcb));
    TRY(json_get_u64(tcb, "isvsvn", UINT16_MAX, "isvsvn is missing or no 16-bit number", &isvsvn));
    TRY(level_facts_parse(level, &out->facts));
    out->isvsvn = (uint16_t)isvsvn;
    return OK;
}

static fallible isv_levels_fill(const json_t *list, struct isv_levels *l)
{
    for (size_t count = json_array_size(list); l->count < count; l->count++)
        TRY(isv_level_parse(json_array_get(list, l->count), &l->at[l->count]));
    qsort(l->at, l->count, sizeof(*l->at), isv_level_order);
    for (size_t i = 1; i < l->count; i++)
        if (l->at[i].isvsvn == l->at[i - 1].isvsvn)
            return FAIL(INPUT, "two TCB levels have the same isvsvn");
    return OK;
}

fallible isv_levels_parse(const json_t *owner, struct isv_levels *out)
{
    const json_t *list;

    TRY(json_get_array(owner, "tcbLevels", "tcbLevels is missing or no list", &list));
    size_t count = json_array_size(list);
    if (!count || count > LEVELS_MAX)
        return FAIL(INPUT, "tcbLevels is empty or has more than 256 entries");
    struct isv_levels l = { calloc(count, sizeof(*l.at)), 0 };
    if (!l.at)
        return FAIL(SYSTEM, "out of memory");
    struct err e = isv_levels_fill(list, &l);
    if (failed(e)) {
        isv_levels_done(&l);
        return e;
    }
    *out = l;
    return OK;
}

void isv_levels_done(struct isv_levels *l)
{
    for (size_t i = 0; i < l->count; i++)
        level_facts_done(&l->at[i].facts);
    free(l->at);
    *l = (struct isv_levels){ 0 };
}

const struct isv_level *isv_levels_select(const struct isv_levels *l, uint16_t isvsvn)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->at[i].isvsvn <= isvsvn)
            return &l->at[i];
    return NULL;
}
