// SPDX-License-Identifier: Apache-2.0
/* transfer_policy_parse, seed_policy_translate, transfer_policy_check_tee, transfer_policy_check_client,
 * transfer_policy_check_terms; networks and times; transfer_lint and smallest_change */
#include "broker/smallest_change.h"
#include "broker/transfer_lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *document owned(json_free) = NULL, *checks owned(json_free) = json_array();
    json_t *claims owned(json_free) = json_pack("{s:s,s:b,s:i}", "tee", "sgx", "debug", 0, "isvsvn", 3);
    struct transfer_policy *p owned(transfer_policy_free) = NULL;
    char *message owned(free) = NULL;
    struct transfer_claims c = { .claims = claims, .status = SPAN("affirming"), .source = SPAN("192.0.2.1"), .now = 1795435200 };
    json_t *remarks owned(json_free) = NULL, *change owned(json_free) = NULL;
    enum code code = CODE_OK;

    if (failed(json_parse_object(span_from(data, size), &document)) || failed(transfer_lint(document, c.now, &remarks)))
        return 0;
    if (failed(transfer_policy_parse(document, &p, &message))) {
        if (policy_check_good(remarks)) /* lint finds all that the parser refuses */
            abort();
        return 0;
    }
    if (failed(transfer_policy_check_tee(p, &c, checks, &code)) || failed(transfer_policy_check_client(p, &c, checks, &code)) ||
        failed(transfer_policy_check_terms(p, &c, checks, &code)) || failed(smallest_change(checks, NULL, &change)))
        return 0;
    return 0;
}
