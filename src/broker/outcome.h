// SPDX-License-Identifier: Apache-2.0
/*
 * What the broker decided: a code from one table, words for the caller, and the answer's JSON. A
 * refusal is an outcome, not a failure; whoever gets a failure answers no either
 * (outcome_of_failure).
 */
#ifndef BROKER_OUTCOME_H
#define BROKER_OUTCOME_H

#include "base/json.h"

enum code {
    CODE_OK,
    CODE_APPRAISE,         /* no refusal: ask again with the attestation service's word */
    CODE_PENDING_APPROVAL, /* nor this: it is kept until a second person approves it */
    CODE_MALFORMED_REQUEST,
    CODE_MALFORMED_POLICY,
    CODE_TOKEN_MISSING,
    CODE_TOKEN_INVALID,
    CODE_TOKEN_EXPIRED,
    CODE_TOKEN_REVOKED,
    CODE_REVOCATIONS_OUTDATED,
    CODE_PROOF_INVALID,
    CODE_CHALLENGE_INVALID,
    CODE_CHALLENGE_EXPIRED,
    CODE_CHALLENGE_OF_ANOTHER_KEY,
    CODE_CHALLENGE_OF_ANOTHER_SUBJECT,
    CODE_CHALLENGE_SPENT,
    CODE_EVIDENCE_REFUSED,
    CODE_ATTESTATION_REQUIRED,
    CODE_ATTESTATION_TOKEN_INVALID,
    CODE_POLICY_REFUSED,
    CODE_CLIENT_REFUSED,
    CODE_OUTSIDE_TIME_WINDOW,
    CODE_RELEASES_EXHAUSTED,
    CODE_WRAPPING_REFUSED,
    CODE_PLATFORM_DENIED,
    CODE_RATE_LIMITED,
    CODE_QUOTA_EXCEEDED,
    CODE_PERMISSION_DENIED,
    CODE_PROTOCOL_VERSION, /* of a guest's, that is not served */
    CODE_RESOURCE_PATH_TAKEN,
    CODE_USE_NOT_GRANTED,
    CODE_TRANSFER_NOT_GRANTED, /* the key's policy grants use only */
    CODE_KEY_NOT_FOUND,
    CODE_POLICY_NOT_FOUND,
    CODE_RECORD_NOT_FOUND,
    CODE_RECORD_NOT_REPLAYABLE,
    CODE_DENY_ENTRY_NOT_FOUND,
    CODE_DENY_ENTRY_EXISTS,
    CODE_POLICY_IN_USE,
    CODE_POLICY_NAME_TAKEN,
    CODE_PENDING_NOT_FOUND,
    CODE_PENDING_EXPIRED,
    CODE_TOO_MANY_PENDING,
    CODE_APPROVER_IS_AUTHOR,
    CODE_WRAPPED_IMPORT_REQUIRED,
    CODE_KEY_DISABLED,
    CODE_KEY_VERSION_NOT_FOUND,
    CODE_KEY_REFUSED, /* by the key manager: not a key, another algorithm, absent there */
    CODE_RECORD_TAMPERED,
    CODE_CHANGED_MEANWHILE,
    CODE_TOO_LARGE,
    CODE_KEY_MANAGER_UNAVAILABLE,
    CODE_SEALED, /* the key manager, until an operator unseals it */
    CODE_ATTESTATION_SERVICE_UNAVAILABLE,
    CODE_INTERNAL_ERROR,
    CODE_COUNT
};

const char *code_word(enum code c);        /* "challenge_spent" */
enum fail_kind code_kind(enum code c);     /* FAIL_CONFLICT */
bool code_is_unauthenticated(enum code c); /* answered as 401 */

#define OUTCOME_DETAIL_SIZE 320

struct outcome {
    enum code code;
    char detail[OUTCOME_DETAIL_SIZE];
    json_t *body;   /* owned */
    json_t *errors; /* of a refusal: which members are wrong (request_shape.h). Owned */
};
void outcome_done(struct outcome *o);
static inline void outcome_donep(struct outcome *o)
{
    outcome_done(o);
}

/* Sets code and words; returns OK so that a handler can end with it. */
struct err outcome_refuse(struct outcome *o, enum code code, const char *detail);
/* Takes the reference; NULL is a failure. */
fallible outcome_answer(struct outcome *o, json_t *body);
void outcome_of_failure(struct outcome *o, struct err e);

#endif
