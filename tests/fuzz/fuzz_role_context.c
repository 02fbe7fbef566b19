// SPDX-License-Identifier: Apache-2.0
/* role_context_parse, context_list_next, context_list_has, rule_valid, rule_allows */
#include <stdlib.h>

#include "access/permission.h"
#include "access/role_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_from(data, size);
    struct role_context c;

    /* What is no rule allows nothing; and no rule for keys allows users. */
    if (!rule_valid(text) && rule_allows(text, "keys:create", (struct span){ 0 }))
        abort();
    if (rule_allows(text, "keys:create", text) && !rule_valid(text))
        abort();
    if (failed(role_context_parse(text, &c)))
        return 0;
    for (size_t i = 0; i < c.count; i++) {
        struct span rest = c.pairs[i].value, entry;
        while (context_list_next(&rest, &entry)) {
            if (!entry.len || !context_list_has(c.pairs[i].value, entry))
                abort();
        }
    }
    return 0;
}
