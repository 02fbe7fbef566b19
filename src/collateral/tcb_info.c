// SPDX-License-Identifier: Apache-2.0
#include "collateral/tcb_info.h"

#include <stdlib.h>

#include "base/hex.h"
#include "base/reader.h"

void tcb_info_free(struct tcb_info *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->level_count; i++)
        level_facts_done(&t->levels[i].facts);
    for (size_t i = 0; i < t->identity_count; i++)
        isv_levels_done(&t->identities[i].levels);
    free(t->levels);
    free(t->identities);
    free(t);
}

/* Version 3: sixteen objects, neither more nor fewer: a short list must not skip components. */
static fallible components_parse(const struct tree_value *tcb, const char *name,
                                 uint8_t out[TCB_COMPONENTS])
{
    const struct tree_value *list, *component = NULL;
    uint32_t place = 0;

    TRY(tree_get(tcb, name, TREE_LIST, "a level's components are missing or no list", &list));
    if (list->count != TCB_COMPONENTS)
        return FAIL(INPUT, "a level has not exactly 16 components");
    while ((component = tree_next(list, component, &place))) {
        uint64_t svn;
        if (component->kind != TREE_OBJECT)
            return FAIL(INPUT, "a component is not an object");
        TRY(tree_get_u64(component, "svn", UINT8_MAX,
                         "a component's svn is missing or no 8-bit number", &svn));
        out[place] = (uint8_t)svn;
    }
    return OK;
}

/* Version 2: sixteen named members. */
static fallible members_parse(const struct tree_value *tcb, uint8_t out[TCB_COMPONENTS])
{
    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        char name[] = "sgxtcbcompNNsvn";
        uint64_t svn;
        name[10] = (char)('0' + (i + 1) / 10);
        name[11] = (char)('0' + (i + 1) % 10);
        TRY(tree_get_u64(tcb, name, UINT8_MAX, "a component's svn is missing or no 8-bit number",
                         &svn));
        out[i] = (uint8_t)svn;
    }
    return OK;
}

static fallible level_parse(const struct tree_value *level, const struct tcb_info *t,
                            struct tcb_level *out)
{
    const struct tree_value *tcb;
    uint64_t pce_svn;

    TRY(tree_get(level, "tcb", TREE_OBJECT, "a TCB level has no tcb object", &tcb));
    if (t->version == 2)
        TRY(members_parse(tcb, out->sgx));
    else
        TRY(components_parse(tcb, "sgxtcbcomponents", out->sgx));
    if (t->is_tdx)
        TRY(components_parse(tcb, "tdxtcbcomponents", out->tdx));
    TRY(tree_get_u64(tcb, "pcesvn", UINT16_MAX, "pcesvn is missing or no 16-bit number", &pce_svn));
    out->pce_svn = (uint16_t)pce_svn;
    return level_facts_parse(level, &out->facts);
}

/* The order of the list only; whether a platform reaches a level is decided component by component.
 */
static int level_order(const void *a, const void *b)
{
    const struct tcb_level *left = a, *right = b;
    int order = memcmp(right->sgx, left->sgx, TCB_COMPONENTS);
    if (!order)
        order = (left->pce_svn < right->pce_svn) - (left->pce_svn > right->pce_svn);
    return order ? order : memcmp(right->tdx, left->tdx, TCB_COMPONENTS);
}

static fallible levels_parse(const struct tree_value *root, struct tcb_info *t)
{
    const struct tree_value *list, *level = NULL;
    uint32_t place = 0;

    TRY(tree_get(root, "tcbLevels", TREE_LIST, "tcbLevels is missing or no list", &list));
    size_t count = list->count;
    if (!count || count > LEVELS_MAX)
        return FAIL(INPUT, "tcbLevels is empty or has more than 256 entries");
    t->levels = calloc(count, sizeof(*t->levels));
    if (!t->levels)
        return FAIL(SYSTEM, "out of memory");
    while ((level = tree_next(list, level, &place)))
        TRY(level_parse(level, t, &t->levels[t->level_count++]));
    qsort(t->levels, count, sizeof(*t->levels), level_order);
    for (size_t i = 1; i < count; i++)
        if (level_order(&t->levels[i - 1], &t->levels[i]) == 0)
            return FAIL(INPUT, "two TCB levels are alike");
    return OK;
}

static fallible module_parse(const struct tree_value *object, struct tdx_module *out)
{
    TRY(signed_hex_get(object, "mrsigner", out->mrsigner, sizeof(out->mrsigner)));
    TRY(signed_hex_get(object, "attributes", out->attributes, sizeof(out->attributes)));
    return signed_hex_get(object, "attributesMask", out->attributes_mask,
                          sizeof(out->attributes_mask));
}

static fallible identity_parse(const struct tree_value *object, struct tdx_module_identity *out)
{
    struct span id;

    if (object->kind != TREE_OBJECT)
        return FAIL(INPUT, "a TDX module identity is not an object");
    TRY(tree_get_text(object, "id", "a TDX module identity has no id", &id));
    if (!span_starts(id, SPAN("TDX_")) || failed(hex_parse_exact(span_tail(id, 4), &out->major, 1)))
        return FAIL(INPUT, "a TDX module identity's id is not TDX_ and two digits");
    TRY(module_parse(object, &out->module));
    return isv_levels_parse(object, &out->levels);
}

static fallible identities_parse(const struct tree_value *root, struct tcb_info *t)
{
    const struct tree_value *list = tree_member(root, "tdxModuleIdentities"), *item = NULL;
    uint32_t place = 0;

    if (!list)
        return OK;
    if (list->kind != TREE_LIST || list->count > TDX_MODULES_MAX)
        return FAIL(INPUT, "tdxModuleIdentities is no list or has more than 32 entries");
    t->identities = calloc(list->count + 1, sizeof(*t->identities));
    if (!t->identities)
        return FAIL(SYSTEM, "out of memory");
    while ((item = tree_next(list, item, &place))) {
        struct tdx_module_identity identity = { 0 };
        TRY(identity_parse(item, &identity));
        bool twice = tcb_info_module(t, identity.major);
        t->identities[t->identity_count++] = identity;
        if (twice)
            return FAIL(INPUT, "two TDX module identities have the same id");
    }
    return OK;
}

static fallible kind_parse(const struct tree_value *root, struct tcb_info *t)
{
    struct span id = { 0 };
    uint64_t version;

    TRY(tree_get_u64(root, "version", UINT32_MAX, "version is missing or no number", &version));
    if (version != 2 && version != 3)
        return FAIL(INPUT, "TCB info version is neither 2 nor 3");
    t->version = (uint32_t)version;
    if (version == 3)
        TRY(tree_get_text(root, "id", "id is missing or no text", &id));
    else
        TRY(tree_member(root, "id") ? tree_get_text(root, "id", "id is no text", &id) : OK);
    t->is_tdx = span_equal(id, SPAN("TDX"));
    if (version == 2 && t->is_tdx)
        return FAIL(INPUT, "TCB info of TDX must have version 3");
    if (!t->is_tdx && !span_equal(id, SPAN("SGX")) && (version == 3 || id.len))
        return FAIL(INPUT, "TCB info id is neither SGX nor TDX");
    return OK;
}

static fallible content_parse(const struct tree_value *root, struct tcb_info *t)
{
    uint64_t type, number;
    const struct tree_value *module;

    TRY(kind_parse(root, t));
    TRY(signed_date_get(root, "issueDate", &t->issue_date));
    TRY(signed_date_get(root, "nextUpdate", &t->next_update));
    TRY(signed_hex_get(root, "fmspc", t->fmspc, sizeof(t->fmspc)));
    TRY(signed_hex_get(root, "pceId", t->pce_id, sizeof(t->pce_id)));
    TRY(tree_get_u64(root, "tcbType", 0, "tcbType is missing or not 0", &type));
    TRY(tree_get_u64(root, "tcbEvaluationDataNumber", UINT32_MAX,
                     "tcbEvaluationDataNumber is missing or no number", &number));
    t->evaluation_number = (uint32_t)number;
    TRY(levels_parse(root, t));
    if (!t->is_tdx)
        return OK;
    TRY(tree_get(root, "tdxModule", TREE_OBJECT, "tdxModule is missing or no object", &module));
    TRY(module_parse(module, &t->module));
    return identities_parse(root, t);
}

fallible tcb_info_parse(struct span inner, struct tcb_info **out)
{
    struct tcb_info *t owned(tcb_info_free) = calloc(1, sizeof(*t));
    struct tree tree owned(tree_done) = { 0 };

    if (!t)
        return FAIL(SYSTEM, "out of memory");
    TRY(tree_parse(inner, &tree));
    TRY(content_parse(tree_root(&tree), t));
    *out = TAKE(t);
    return OK;
}

const struct tdx_module_identity *tcb_info_module(const struct tcb_info *t, uint8_t major)
{
    for (size_t i = 0; i < t->identity_count; i++)
        if (t->identities[i].major == major)
            return &t->identities[i];
    return NULL;
}
