// SPDX-License-Identifier: Apache-2.0
/*
 * The questions that kbsd may ask keyd, and how a question and its answer are written. None of them
 * answers key bytes.
 *
 * Question: u8 3, then parts: request_id bearer id path body proof certificate attestation refusal
 * options source tenant. Answer: u8 3, u8 fail kind, u8 whether the caller is unauthenticated,
 * parts: code, detail, JSON text: the answer, or of a refusal the list of its errors.
 */
#ifndef BROKER_QUESTION_H
#define BROKER_QUESTION_H

#include "broker/outcome.h"

enum operation {
    OPERATION_HEALTH = 1,
    OPERATION_PUBLIC_KEYS,
    OPERATION_CHALLENGE,
    OPERATION_RELEASE, /* with evidence: answered by CODE_APPRAISE and what it is to be appraised by
                        */
    OPERATION_RELEASE_APPRAISED, /* the same request, with the attestation service's word or without
                                  */
    OPERATION_KEY_CREATE,
    OPERATION_KEY_LIST,
    OPERATION_KEY_SHOW,
    OPERATION_KEY_DELETE,
    OPERATION_POLICY_CREATE,
    OPERATION_POLICY_LIST,
    OPERATION_POLICY_SHOW,
    OPERATION_POLICY_UPDATE,
    OPERATION_POLICY_DELETE,
    OPERATION_AUDIT_LIST,
    OPERATION_AUDIT_SHOW,
    OPERATION_DENY_ADD,
    OPERATION_DENY_LIST,
    OPERATION_DENY_REMOVE,
    OPERATION_RELEASE_WITHOUT_POLICY, /* the same request: the attestation service lacks a policy
                                         that the key's names */
    OPERATION_KEY_ROTATE,
    OPERATION_KEY_DISABLE,
    OPERATION_KEY_ENABLE,
    OPERATION_KEY_DESCRIBE,
    OPERATION_LEASE_CHALLENGE,
    OPERATION_LEASE_RENEW,
    OPERATION_PENDING_LIST,
    OPERATION_PENDING_SHOW,
    OPERATION_PENDING_APPROVE,
    OPERATION_PENDING_REJECT,
    OPERATION_POLICY_TEST, /* with evidence: answered by CODE_APPRAISE, as a release */
    OPERATION_POLICY_TEST_APPRAISED,
    /* Of guests of Confidential Containers; what is asked stands in `options`. */
    OPERATION_GUEST_CHALLENGE,
    OPERATION_GUEST_ATTEST, /* answered by CODE_APPRAISE, or by the token that the session has */
    OPERATION_GUEST_ATTESTED,
    OPERATION_GUEST_RESOURCE, /* id: the resource's path; bearer: an attestation token */
    OPERATION_KEY_RESOURCE_PATH,
    OPERATION_COUNT
};

struct approval;
/* One question. Spans live until the operation returns; what an operation does not use is empty. */
struct broker_request {
    struct span request_id; /* of the front end, for the audit record */
    struct span bearer;
    struct span tenant;      /* that the request is addressed to; empty: the bearer token's */
    struct span id;          /* from the path */
    struct span path;        /* as the client signed it */
    struct span body;        /* as the client sent it */
    struct span proof;       /* base64url of r || s */
    struct span certificate; /* TLS client certificate, DER */
    struct span
        attestation; /* token that the attestation service gave the front end for this evidence */
    struct span refusal; /* or its signed refusal */
    struct span options; /* JSON object of query parameters */
    struct span source;  /* numeric address of whoever asks the front end */
    int64_t now;
    const struct approval *approval; /* never on the wire: approval.h */
};

struct operation_answer {
    enum fail_kind kind;
    bool unauthenticated;
    struct span code, detail, body; /* borrow from the message */
};

void operation_write_question(const struct broker_request *q, struct buf *out);
fallible operation_read_question(struct span in, struct broker_request *out);
void operation_write_answer(const struct outcome *o, struct buf *out);
fallible operation_read_answer(struct span in, struct operation_answer *out);

#endif
