// SPDX-License-Identifier: Apache-2.0
#include "broker/outcome.h"

static const struct {
    const char *word;
    enum fail_kind kind;
    bool unauthenticated;
} codes[CODE_COUNT] = {
    [CODE_OK] = { "ok", FAIL_NONE, false },
    [CODE_APPRAISE] = { "appraise", FAIL_NONE, false },
    [CODE_PENDING_APPROVAL] = { "pending_approval", FAIL_NONE, false },
    [CODE_MALFORMED_REQUEST] = { "malformed_request", FAIL_INPUT, false },
    [CODE_MALFORMED_POLICY] = { "malformed_policy", FAIL_INPUT, false },
    [CODE_TOKEN_MISSING] = { "token_missing", FAIL_DENIED, true },
    [CODE_TOKEN_INVALID] = { "token_invalid", FAIL_DENIED, true },
    [CODE_TOKEN_EXPIRED] = { "token_expired", FAIL_DENIED, true },
    [CODE_TOKEN_REVOKED] = { "token_revoked", FAIL_DENIED, true },
    [CODE_REVOCATIONS_OUTDATED] = { "revocations_outdated", FAIL_DENIED, true },
    [CODE_PROOF_INVALID] = { "proof_invalid", FAIL_DENIED, true },
    [CODE_CHALLENGE_INVALID] = { "challenge_invalid", FAIL_INPUT, false },
    [CODE_CHALLENGE_EXPIRED] = { "challenge_expired", FAIL_INPUT, false },
    [CODE_CHALLENGE_OF_ANOTHER_KEY] = { "challenge_of_another_key", FAIL_DENIED, false },
    [CODE_CHALLENGE_OF_ANOTHER_SUBJECT] = { "challenge_of_another_subject", FAIL_DENIED, false },
    [CODE_CHALLENGE_SPENT] = { "challenge_spent", FAIL_CONFLICT, false },
    [CODE_EVIDENCE_REFUSED] = { "evidence_refused", FAIL_DENIED, false },
    [CODE_ATTESTATION_REQUIRED] = { "attestation_required", FAIL_DENIED, false },
    [CODE_ATTESTATION_TOKEN_INVALID] = { "attestation_token_invalid", FAIL_DENIED, false },
    [CODE_POLICY_REFUSED] = { "policy_refused", FAIL_DENIED, false },
    [CODE_PLATFORM_DENIED] = { "platform_denied", FAIL_DENIED, false },
    [CODE_DENY_ENTRY_NOT_FOUND] = { "deny_entry_not_found", FAIL_ABSENT, false },
    [CODE_DENY_ENTRY_EXISTS] = { "deny_entry_exists", FAIL_CONFLICT, false },
    [CODE_CLIENT_REFUSED] = { "client_refused", FAIL_DENIED, false },
    [CODE_OUTSIDE_TIME_WINDOW] = { "outside_time_window", FAIL_DENIED, false },
    [CODE_RELEASES_EXHAUSTED] = { "releases_exhausted", FAIL_DENIED, false },
    [CODE_WRAPPING_REFUSED] = { "wrapping_refused", FAIL_DENIED, false },
    [CODE_RATE_LIMITED] = { "rate_limited", FAIL_UPSTREAM, false },
    [CODE_QUOTA_EXCEEDED] = { "quota_exceeded", FAIL_DENIED, false },
    [CODE_USE_NOT_GRANTED] = { "use_not_granted", FAIL_DENIED, false },
    [CODE_TRANSFER_NOT_GRANTED] = { "transfer_not_granted", FAIL_DENIED, false },
    [CODE_PERMISSION_DENIED] = { "permission_denied", FAIL_DENIED, false },
    [CODE_PROTOCOL_VERSION] = { "protocol_version_unsupported", FAIL_DENIED, false },
    [CODE_RESOURCE_PATH_TAKEN] = { "resource_path_taken", FAIL_CONFLICT, false },
    [CODE_KEY_NOT_FOUND] = { "key_not_found", FAIL_ABSENT, false },
    [CODE_POLICY_NOT_FOUND] = { "policy_not_found", FAIL_ABSENT, false },
    [CODE_RECORD_NOT_FOUND] = { "record_not_found", FAIL_ABSENT, false },
    [CODE_RECORD_NOT_REPLAYABLE] = { "record_not_replayable", FAIL_INPUT, false },
    [CODE_POLICY_IN_USE] = { "policy_in_use", FAIL_CONFLICT, false },
    [CODE_POLICY_NAME_TAKEN] = { "policy_name_taken", FAIL_CONFLICT, false },
    [CODE_PENDING_NOT_FOUND] = { "pending_change_not_found", FAIL_ABSENT, false },
    [CODE_PENDING_EXPIRED] = { "pending_change_expired", FAIL_CONFLICT, false },
    [CODE_TOO_MANY_PENDING] = { "too_many_pending_changes", FAIL_CONFLICT, false },
    [CODE_APPROVER_IS_AUTHOR] = { "approver_is_author", FAIL_DENIED, false },
    [CODE_WRAPPED_IMPORT_REQUIRED] = { "wrapped_import_required", FAIL_INPUT, false },
    [CODE_KEY_DISABLED] = { "key_disabled", FAIL_DENIED, false },
    [CODE_KEY_VERSION_NOT_FOUND] = { "key_version_not_found", FAIL_ABSENT, false },
    [CODE_KEY_REFUSED] = { "key_refused", FAIL_INPUT, false },
    [CODE_RECORD_TAMPERED] = { "record_tampered", FAIL_SYSTEM, false },
    [CODE_CHANGED_MEANWHILE] = { "changed_meanwhile", FAIL_CONFLICT, false },
    [CODE_TOO_LARGE] = { "too_large", FAIL_LIMIT, false },
    [CODE_KEY_MANAGER_UNAVAILABLE] = { "key_manager_unavailable", FAIL_UPSTREAM, false },
    [CODE_SEALED] = { "sealed", FAIL_UPSTREAM, false },
    [CODE_ATTESTATION_SERVICE_UNAVAILABLE] = { "attestation_service_unavailable", FAIL_UPSTREAM,
                                               false },
    [CODE_INTERNAL_ERROR] = { "internal_error", FAIL_SYSTEM, false },
};

const char *code_word(enum code c)
{
    return codes[c].word;
}

enum fail_kind code_kind(enum code c)
{
    return codes[c].kind;
}

bool code_is_unauthenticated(enum code c)
{
    return codes[c].unauthenticated;
}

void outcome_done(struct outcome *o)
{
    json_free(o->body);
    json_free(o->errors);
    o->body = o->errors = NULL;
}

struct err outcome_refuse(struct outcome *o, enum code code, const char *detail)
{
    json_free(o->body);
    o->body = NULL;
    o->code = code;
    snprintf(o->detail, sizeof o->detail, "%s", detail);
    return OK;
}

fallible outcome_answer(struct outcome *o, json_t *body)
{
    if (!body)
        return FAIL(SYSTEM, "out of memory");
    json_free(o->body);
    o->body = body;
    o->code = CODE_OK;
    return OK;
}

void outcome_of_failure(struct outcome *o, struct err e)
{
    static const enum code of_kind[] = {
        [FAIL_NONE] = CODE_INTERNAL_ERROR,
        [FAIL_INPUT] = CODE_MALFORMED_REQUEST,
        [FAIL_DENIED] = CODE_INTERNAL_ERROR,
        [FAIL_ABSENT] = CODE_INTERNAL_ERROR,
        [FAIL_CONFLICT] = CODE_CHANGED_MEANWHILE,
        [FAIL_LIMIT] = CODE_TOO_LARGE,
        [FAIL_UPSTREAM] = CODE_KEY_MANAGER_UNAVAILABLE,
        [FAIL_SYSTEM] = CODE_INTERNAL_ERROR,
    };
    enum code code = e.kind <= FAIL_SYSTEM ? of_kind[e.kind] : CODE_INTERNAL_ERROR;
    /* What failed inside stays in the log (lesson L38); words about the request go back. */
    bool tell = e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT || e.kind == FAIL_UPSTREAM;
    (void)outcome_refuse(o, code, tell && e.what ? e.what : "the key side could not answer").kind;
}
