// SPDX-License-Identifier: Apache-2.0
#include "broker/operation.h"

#include "broker/admit.h"
#include "broker/record.h"
#include "broker/request_shape.h"

/* `action`: what a refusal of an authenticated caller is recorded as; NULL where the operation
 * keeps its own records (a release) or has nothing to record. */
static const struct {
    const char *name;
    broker_operation *run;
    const char *action;
} operations[OPERATION_COUNT] = {
    [OPERATION_HEALTH] = { "health", broker_health, NULL },
    [OPERATION_PUBLIC_KEYS] = { "public keys", broker_public_keys, NULL },
    [OPERATION_CHALLENGE] = { "challenge", broker_challenge, NULL },
    [OPERATION_RELEASE] = { "release", broker_release, NULL },
    [OPERATION_RELEASE_APPRAISED] = { "release", broker_release_appraised, NULL },
    [OPERATION_RELEASE_WITHOUT_POLICY] = { "release", broker_release_without_policy, NULL },
    [OPERATION_KEY_CREATE] = { "create key", broker_key_create, "key_create" },
    [OPERATION_KEY_LIST] = { "list keys", broker_key_list, "key_list" },
    [OPERATION_KEY_SHOW] = { "show key", broker_key_show, "key_show" },
    [OPERATION_KEY_DELETE] = { "delete key", broker_key_delete, "key_delete" },
    [OPERATION_KEY_ROTATE] = { "rotate key", broker_key_rotate, "key_rotate" },
    [OPERATION_KEY_DISABLE] = { "disable key", broker_key_disable, "key_disable" },
    [OPERATION_KEY_ENABLE] = { "enable key", broker_key_enable, "key_enable" },
    [OPERATION_KEY_DESCRIBE] = { "describe key", broker_key_describe, "key_describe" },
    [OPERATION_POLICY_CREATE] = { "create policy", broker_policy_create, "policy_create" },
    [OPERATION_POLICY_LIST] = { "list policies", broker_policy_list, "policy_list" },
    [OPERATION_POLICY_SHOW] = { "show policy", broker_policy_show, "policy_show" },
    [OPERATION_POLICY_UPDATE] = { "update policy", broker_policy_update, "policy_update" },
    [OPERATION_POLICY_DELETE] = { "delete policy", broker_policy_delete, "policy_delete" },
    [OPERATION_POLICY_TEST] = { "test policy", broker_policy_test, "policy_test" },
    [OPERATION_POLICY_TEST_APPRAISED] = { "test policy", broker_policy_test_appraised,
                                          "policy_test" },
    [OPERATION_AUDIT_LIST] = { "list audit records", broker_audit_list, "audit_list" },
    [OPERATION_AUDIT_SHOW] = { "show audit record", broker_audit_show, "audit_show" },
    [OPERATION_DENY_ADD] = { "add to the deny list", broker_deny_add, "deny_add" },
    [OPERATION_DENY_LIST] = { "show the deny list", broker_deny_list, "deny_list" },
    [OPERATION_DENY_REMOVE] = { "take off the deny list", broker_deny_remove, "deny_remove" },
    [OPERATION_PENDING_LIST] = { "list pending changes", broker_pending_list, "change_list" },
    [OPERATION_PENDING_SHOW] = { "show pending change", broker_pending_show, "change_show" },
    [OPERATION_PENDING_APPROVE] = { "approve change", broker_pending_approve, "change_approve" },
    [OPERATION_PENDING_REJECT] = { "reject change", broker_pending_reject, "change_reject" },
    [OPERATION_LEASE_CHALLENGE] = { "challenge for leases", broker_lease_challenge, NULL },
    [OPERATION_LEASE_RENEW] = { "renew leases", broker_lease_renew, NULL },
    [OPERATION_GUEST_CHALLENGE] = { "challenge for a guest", broker_guest_challenge, NULL },
    [OPERATION_GUEST_ATTEST] = { "attest a guest", broker_guest_attest, NULL },
    [OPERATION_GUEST_ATTESTED] = { "attest a guest", broker_guest_attested, NULL },
    [OPERATION_GUEST_RESOURCE] = { "release to a guest", broker_guest_resource, NULL },
    [OPERATION_KEY_RESOURCE_PATH] = { "name a key for guests", broker_key_resource_path,
                                      "key_resource_path" },
};

const char *operation_name(uint16_t operation)
{
    return operation < OPERATION_COUNT && operations[operation].name ? operations[operation].name
                                                                     : "unknown";
}

/* One record for each refusal of somebody who is known (lesson L25: one place, no path around it).
 */
static fallible record_refusal(struct broker *b, const struct broker_request *q, const char *action,
                               const struct outcome *o)
{
    struct bearer who owned(bearer_done) = { 0 };
    enum bearer_verdict verdict;
    json_t *record = NULL;

    if (!q->bearer.len)
        return OK;
    TRY(pinned_keys_verify(b->aas, q->bearer, q->now, &verdict, &who));
    if (verdict != BEARER_GOOD)
        return OK;
    TRY(record_new(q, who.tenant, action, o->code, NULL, &record));
    record_client(record, &who);
    if (!strncmp(action, "key", 3) && q->id.len)
        json_set_span(record, "key_id", q->id);
    if (!strncmp(action, "change", 6) && q->id.len)
        json_set_span(record, "pending_id", q->id);
    json_set_str(record, "reason", o->detail);
    return record_commit(b, record, q->now);
}

void operation_run(struct broker *b, uint16_t operation, const struct broker_request *q,
                   struct outcome *o, struct err *failure)
{
    *failure = OK;
    if (operation >= OPERATION_COUNT || !operations[operation].run) {
        (void)outcome_refuse(o, CODE_MALFORMED_REQUEST, "unknown question").kind;
        return;
    }
    struct err e = operations[operation].run(b, q, o);
    if (failed(e)) {
        *failure = e;
        outcome_of_failure(o, e);
        if (keystore_is_sealed(e))
            (void)outcome_refuse(o, CODE_SEALED, e.what).kind;
    }
    request_shape_explain(operation, q, o);
    if (code_kind(o->code) == FAIL_NONE || !operations[operation].action)
        return;
    e = record_refusal(b, q, operations[operation].action, o);
    if (failed(e))
        *failure = e;
}
