// SPDX-License-Identifier: Apache-2.0
/* policy_check_text, policy_parse, policy_words, policy_diff, policy_evaluate, policy_explain */
#include "policy/policy.h"

#define NOW 1795435200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two policies, where a line with "---" parts them: what changes from one to the other. */
static void compare(struct span all, size_t at)
{
    owned(policy_free) struct policy *a = NULL, *b = NULL;
    char *ma owned(free) = NULL, *mb owned(free) = NULL;
    owned(json_free) json_t *changes = NULL, *same = NULL;
    if (failed(policy_parse(span_head(all, at), &a, &ma)) ||
        failed(policy_parse(span_tail(all, at + 5), &b, &mb)))
        return;
    if (failed(policy_diff(a, b, &changes)) || failed(policy_diff(a, a, &same)))
        return;
    if (strcmp(json_string_value(json_object_get(same, "effect")), "same") != 0 ||
        json_array_size(json_object_get(same, "changes")))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_from(data, size);
    owned(policy_free) struct policy *p = NULL, *checked = NULL;
    char *message owned(free) = NULL;
    owned(json_free) json_t *remarks = NULL, *words = NULL, *why = NULL;
    size_t at = span_find(all, SPAN("\n---\n"));
    if (at < size) {
        compare(all, at);
        return 0;
    }
    if (failed(policy_check_text(all, &checked, &remarks)))
        return 0;
    bool parsed = !failed(policy_parse(all, &p, &message));
    if (policy_check_good(remarks) && !parsed)
        __builtin_trap(); /* what the check finds good can be applied */
    owned(json_free) json_t *claims = json_pack("{s:s,s:b,s:i,s:[s]}", "tee", "tdx", "debug", 0,
                                                "seamsvn", 5, "advisory_ids", "INTEL-SA-00001");
    struct policy_result result owned(policy_result_done) = { 0 };
    if (!parsed || failed(policy_words(p, &words)) ||
        failed(policy_evaluate(p, claims, NOW, &result)) ||
        failed(policy_explain(p, &result, &why)))
        return 0;
    for (size_t i = 0; i < result.count; i++)
        json_free(policy_finding_loosened(&result.findings[i], NOW));
    return 0;
}
