// SPDX-License-Identifier: Apache-2.0
#include "collateral/qe_identity.h"

#include <stdlib.h>

static const struct id_row {
    const char *name;
    enum enclave_id id;
} ids[] = {
    { "QE", ENCLAVE_QE },
    { "TD_QE", ENCLAVE_TD_QE },
    { "QVE", ENCLAVE_QVE },
    { "QAE", ENCLAVE_QAE },
};

void qe_identity_free(struct qe_identity *q)
{
    if (!q)
        return;
    isv_levels_done(&q->levels);
    free(q);
}

static fallible id_parse(const struct tree_value *root, enum enclave_id *out)
{
    struct span id;

    TRY(tree_get_text(root, "id", "id is missing or no text", &id));
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        if (span_equal_str(id, ids[i].name)) {
            *out = ids[i].id;
            return OK;
        }
    }
    return FAIL(INPUT, "enclave identity has an unknown id");
}

static fallible measurement_parse(const struct tree_value *root, struct qe_identity *q)
{
    uint64_t isvprodid;

    TRY(signed_hex_get(root, "miscselect", q->miscselect, sizeof(q->miscselect)));
    TRY(signed_hex_get(root, "miscselectMask", q->miscselect_mask, sizeof(q->miscselect_mask)));
    TRY(signed_hex_get(root, "attributes", q->attributes, sizeof(q->attributes)));
    TRY(signed_hex_get(root, "attributesMask", q->attributes_mask, sizeof(q->attributes_mask)));
    TRY(signed_hex_get(root, "mrsigner", q->mrsigner, sizeof(q->mrsigner)));
    TRY(tree_get_u64(root, "isvprodid", UINT16_MAX, "isvprodid is missing or no 16-bit number",
                     &isvprodid));
    q->isvprodid = (uint16_t)isvprodid;
    return OK;
}

static fallible content_parse(const struct tree_value *root, struct qe_identity *q)
{
    uint64_t version, number;

    TRY(id_parse(root, &q->id));
    TRY(tree_get_u64(root, "version", UINT32_MAX, "version is missing or no number", &version));
    if (version != 2)
        return FAIL(INPUT, "enclave identity version is not 2");
    TRY(signed_date_get(root, "issueDate", &q->issue_date));
    TRY(signed_date_get(root, "nextUpdate", &q->next_update));
    TRY(tree_get_u64(root, "tcbEvaluationDataNumber", UINT32_MAX,
                     "tcbEvaluationDataNumber is missing or no number", &number));
    q->evaluation_number = (uint32_t)number;
    TRY(measurement_parse(root, q));
    return isv_levels_parse(root, &q->levels);
}

fallible qe_identity_parse(struct span inner, struct qe_identity **out)
{
    struct qe_identity *q owned(qe_identity_free) = calloc(1, sizeof(*q));
    struct tree tree owned(tree_done) = { 0 };

    if (!q)
        return FAIL(SYSTEM, "out of memory");
    TRY(tree_parse(inner, &tree));
    TRY(content_parse(tree_root(&tree), q));
    *out = TAKE(q);
    return OK;
}
