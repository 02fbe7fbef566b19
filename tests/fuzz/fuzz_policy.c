// SPDX-License-Identifier: Apache-2.0
/* policy_parse, policy_lint, policy_evaluate, policy_explain */
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    owned(policy_free) struct policy *p = NULL;
    char *message owned(free) = NULL;
    if (failed(policy_parse(span_from(data, size), &p, &message)))
        return 0;
    owned(json_free) json_t *claims = json_pack("{s:s,s:b,s:i,s:[s]}", "tee", "tdx", "debug", 0,
                                                "seamsvn", 5, "advisory_ids", "INTEL-SA-00001");
    struct policy_remarks remarks owned(policy_remarks_done) = { 0 };
    struct policy_result result owned(policy_result_done) = { 0 };
    owned(json_free) json_t *why = NULL;
    if (failed(policy_lint(p, &remarks)) ||
        failed(policy_evaluate(p, claims, 1795435200, &result)) ||
        failed(policy_explain(p, &result, &why)))
        return 0;
    return 0;
}
