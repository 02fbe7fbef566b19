// SPDX-License-Identifier: Apache-2.0
#include "collateral/isv_level.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"

#define DATE_LEN 20

fallible signed_date_get(const struct tree_value *owner, const char *name, int64_t *out)
{
    struct span text;

    TRY(tree_get_text(owner, name, "a date is missing or no text", &text));
    if (text.len != DATE_LEN || !span_equal(span_tail(text, DATE_LEN - 1), SPAN("Z")))
        return FAIL(INPUT, "a date is not of the form YYYY-MM-DDThh:mm:ssZ");
    return clock_parse_rfc3339(text, out);
}

fallible signed_hex_get(const struct tree_value *owner, const char *name, uint8_t *out, size_t len)
{
    struct span text;

    TRY(tree_get_text(owner, name, "a hexadecimal member is missing or no text", &text));
    if (failed(hex_parse_exact(text, out, len)))
        return FAIL(INPUT, "a hexadecimal member is malformed or of the wrong length");
    return OK;
}

/* Copies its texts into one block behind the list of them. */
static fallible advisories_copy(const struct tree_value *list, struct advisories *out)
{
    size_t size = list->count * (sizeof(*out->ids) + ADVISORY_LEN_MAX + 1);
    const struct tree_value *id = NULL;
    struct span text;
    uint32_t place = 0;

    out->ids = calloc(1, size);
    if (!out->ids)
        return FAIL(SYSTEM, "out of memory");
    char *to = (char *)(out->ids + list->count);
    while ((id = tree_next(list, id, &place))) {
        if (!tree_text(id, &text) || !text.len || text.len > ADVISORY_LEN_MAX ||
            span_find(text, SPAN(" ")) < text.len)
            return FAIL(INPUT, "an advisory id is not a short text");
        memcpy(to, text.at, text.len);
        out->ids[out->count++] = to;
        to += text.len + 1;
    }
    return OK;
}

static fallible advisories_parse(const struct tree_value *level, struct advisories *out)
{
    const struct tree_value *list = tree_member(level, "advisoryIDs");

    if (!list)
        return OK;
    if (list->kind != TREE_LIST)
        return FAIL(INPUT, "advisoryIDs is not a list");
    if (list->count > ADVISORIES_MAX)
        return FAIL(LIMIT, "a TCB level names more than 128 advisories");
    return list->count ? advisories_copy(list, out) : OK;
}

fallible level_facts_parse(const struct tree_value *level, struct level_facts *out)
{
    struct level_facts f = { 0 };
    struct span status;

    TRY(signed_date_get(level, "tcbDate", &f.date));
    TRY(tree_get_text(level, "tcbStatus", "tcbStatus is missing or no text", &status));
    f.status = tcb_status_of(status);
    *out = f;
    return advisories_parse(level, &out->advisories);
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

static fallible isv_level_parse(const struct tree_value *level, struct isv_level *out)
{
    const struct tree_value *tcb;
    uint64_t isvsvn;

    TRY(tree_get(level, "tcb", TREE_OBJECT, "a TCB level has no tcb object", &tcb));
    TRY(tree_get_u64(tcb, "isvsvn", UINT16_MAX, "isvsvn is missing or no 16-bit number", &isvsvn));
    TRY(level_facts_parse(level, &out->facts));
    out->isvsvn = (uint16_t)isvsvn;
    return OK;
}

static fallible isv_levels_fill(const struct tree_value *list, struct isv_levels *l)
{
    const struct tree_value *level = NULL;
    uint32_t place = 0;

    while ((level = tree_next(list, level, &place)))
        TRY(isv_level_parse(level, &l->at[l->count++]));
    qsort(l->at, l->count, sizeof(*l->at), isv_level_order);
    for (size_t i = 1; i < l->count; i++)
        if (l->at[i].isvsvn == l->at[i - 1].isvsvn)
            return FAIL(INPUT, "two TCB levels have the same isvsvn");
    return OK;
}

fallible isv_levels_parse(const struct tree_value *owner, struct isv_levels *out)
{
    const struct tree_value *list;

    TRY(tree_get(owner, "tcbLevels", TREE_LIST, "tcbLevels is missing or no list", &list));
    size_t count = list->count;
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
