// SPDX-License-Identifier: Apache-2.0
#include "broker/attestation_types.h"

#include "broker/transfer_policy_internal.h"

json_t *attestation_types_offered(const struct broker *b, const json_t *policy)
{
    json_t *out = json_array(), *type;
    size_t i;

    json_array_foreach(
        policy, i, type) if (!b->attestation_types ||
                             texts_have(b->attestation_types, span_str(json_string_value(type))))
        json_array_append(out, type);
    return out;
}

bool attestation_type_taken(const struct broker *b, const json_t *claims)
{
    const char *tee = json_string_value(json_object_get(claims, "tee"));

    if (b->refuse_samples && (!tee || !strcmp(tee, "sample")))
        return false;
    return !b->attestation_types || (tee && texts_have(b->attestation_types, span_str(tee)));
}

fallible broker_attestation_types(const char *text, json_t **out)
{
    json_t *list owned(json_free) = NULL;

    for (struct span rest = span_str(text); rest.len;) {
        size_t end = span_find(rest, SPAN(" "));
        struct span word = span_head(rest, end);
        rest = end < rest.len ? span_tail(rest, end + 1) : span_tail(rest, end);
        if (!word.len)
            continue;
        if (!names_tee(word))
            return FAIL(INPUT, "kinds of TEE are sgx, tdx, snp, tpm, azure-vtpm, between spaces");
        if (!list)
            list = json_array();
        json_array_append_new(list, json_stringn((const char *)word.at, word.len));
    }
    *out = TAKE(list);
    return OK;
}
