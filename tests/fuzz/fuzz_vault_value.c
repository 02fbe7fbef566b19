// SPDX-License-Identifier: Apache-2.0
/* vault_value_parse: what is accepted is a JSON object with the field, as jansson sees it too. */
#include <assert.h>

#include "keys/vault_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct span in, unsigned level, struct span field)
{
    struct secret *text owned(secret_free) = NULL;
    json_t *j owned(json_free) = NULL;

    if (failed(vault_value_parse(in, level, field, &text)))
        return;
    struct span value = secret_expose(text);
    for (size_t i = 0; i < value.len; i++)
        assert(value.at[i] < 0x7f);
    if (failed(json_parse_object(in, &j))) /* jansson is stricter about what we skip: duplicates, UTF-8, numbers */
        return;
    const json_t *at = j;
    for (unsigned i = 0; i < level; i++)
        at = json_object_get(at, "data");
    assert(json_is_object(at));
    if (field.len)
        assert(span_equal_str(value, json_string_value(json_object_get(at, "key"))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);

    struct secret *token owned(secret_free) = NULL;
    struct span raw;
    uint64_t n;

    if (!failed(vault_text_parse(in, "auth", "key", &token)))
        assert(secret_len(token) > 0);
    if (!failed(vault_raw_find(in, "data", "key", &raw)))
        assert(raw.at >= data && raw.at + raw.len <= data + size);
    if (vault_number_find(in, "auth", "key", &n))
        assert(n < 10000000000U);
    for (unsigned level = 1; level <= 2; level++) {
        check(in, level, SPAN("key"));
        check(in, level, (struct span){ 0 });
    }
    return 0;
}
