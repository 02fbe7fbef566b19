// SPDX-License-Identifier: Apache-2.0
/* One native key transfer on its way: authenticate, decide, wrap, commit, answer. */
#ifndef BROKER_RELEASE_INTERNAL_H
#define BROKER_RELEASE_INTERNAL_H

#include "broker/admit.h"
#include "broker/challenge.h"
#include "broker/entry.h"
#include "broker/planned.h"
#include "broker/record.h"
#include "broker/release_count.h"
#include "broker/smallest_change.h"
#include "broker/transfer_policy_internal.h"
#include "broker/use_request.h"

struct release {
    struct broker *b;
    const struct broker_request *q;
    struct outcome *o;
    /* from the request */
    uint8_t body_hash[SHA256_SIZE], digest[SHA256_SIZE]; /* digest: see planned.h */
    json_t *body;
    struct span challenge_text, brought_token; /* borrow from body */
    char challenge_digest[DIGEST_TEXT_SIZE];
    struct key *signing, *encryption;
    char signing_jkt[THUMBPRINT_TEXT_SIZE], encryption_jkt[THUMBPRINT_TEXT_SIZE];
    bool evidence_sent, appraised; /* appraised: the front end has asked the attestation service */
    bool for_use;                  /* by handle: the path, which the proof covers, says so */
    struct use_request use;
    /* Of a guest of Confidential Containers (guest_release.c); empty: it is none. The second
     * borrows from the question. */
    struct span guest_protocol, resource_path;
    bool without_policy; /* which does not have a policy that it was asked for */
    /* verified */
    struct challenge challenge;
    struct bearer client;
    bool has_client, proved; /* proved: the holder of S made this request for a challenge of ours */
    struct attestation attestation; /* a token, or the service's refusal */
    bool attested, refused_by_service, fresh;
    /* looked up */
    struct key_entry key;
    const struct key_version *version; /* of the key, that is released or used */
    struct policy_entry policy;
    bool has_key, has_policy;
    struct release_count count; /* where the policy limits it */
    /* what else it is decided on */
    bool trial;              /* nothing is released: no request binds the attestation to itself */
    int64_t at;              /* the time for which it is decided */
    const char *token_fault; /* why the attestation service's word does not count; NULL: it does */
    json_t *denial;          /* entry of a deny list that fits; NULL: none */
    char *certificate_issuer, *certificate_subject; /* common names; "" or NULL: none */
    /* decided */
    json_t *checks, *change; /* change: of a refusal, the smallest that would pass */
    size_t tee_checks;       /* so many of the checks, the first ones, are about the TEE */
    bool judged;
    enum code decided;      /* by the policy, whatever came after */
    enum code would_refuse; /* under `observe`: what enforcement would have said */
    char audit_id[UUID_TEXT_SIZE];
};
void release_done(struct release *r);
static inline void release_donep(struct release *r)
{
    release_done(r);
}

/* Each sets a refusal in r->o, or leaves its code CODE_OK. */
fallible release_authenticate(struct release *r); /* body, challenge, proof, bearer token */
fallible release_look_up(struct release *r);      /* key and policy as they are now */
fallible release_decide(struct release *r);       /* attestation and the key's policy */
/* Parts of it: the attestation service's word, and the deny lists that an attested platform is on.
 */
fallible release_read_attestation(struct release *r);
fallible release_look_for_denial(struct release *r);
/* The last part of it: what r has of attestation, client, count and time, judged by its policy. */
fallible release_judge(struct release *r);
/* What an earlier look has found out. */
void release_forget(struct release *r);

/* What evidence is to be appraised by: for the front end. New reference. */
json_t *release_plan(const struct release *r);
/* A fresh challenge for the key of this id, or for something else of this name. */
fallible challenge_for(struct broker *b, struct span what, const struct bearer *client,
                       const char *tenant, int64_t now, struct challenge *c, struct buf *text);
/* The entry that denies a platform of these claims, in the operator's list or the tenant's own: a
 * new reference, NULL for none. */
fallible release_find_denial(struct broker *b, struct store *s, const char *tenant,
                             const json_t *claims, json_t **entry);
/* Common names of a TLS client certificate and its issuer; empty where it has none. */
fallible client_names(struct span certificate, struct buf *issuer, struct buf *subject);
/* Attested use (release_use.c). */
fallible release_read_use(struct release *r);       /* out of the body; FAIL_INPUT */
fallible release_choose_version(struct release *r); /* a use names one, or takes the current one */
fallible release_check_grant(struct release *r);    /* use or transfer, as the policy says */
fallible release_describe_use(const struct release *r, json_t *into);
fallible release_use(struct release *r, struct buf *statement);

/* The words of the outcome with what failed: for the record, and for the caller where the policy
 * says so. */
const char *release_reason(const struct release *r, char out[OUTCOME_DETAIL_SIZE]);

/* For guests (guest_release.c): what they cannot hold to, and the JWE that they read. */
fallible release_check_guest(struct release *r);
json_t *release_guest_header(const struct release *r); /* new reference */
const char *release_guest_wrapping(const struct release *r);
fallible release_guest_answer(struct release *r, struct span jwe);
/* Decides, commits and answers, or puts the refusal that is there on record. Everything about who
 * asks is known. */
fallible release_decide_known(struct release *r);

/* What the decision rested on and is not in the record otherwise. New reference. */
json_t *release_facts(const struct release *r, const json_t *record);
/* The other way: r as it was when the record was made, to be judged again. r borrows from the
 * record. FAIL_INPUT: it is of no decision, or too long for all of it to be kept. */
fallible release_recall(struct release *r, const json_t *record);
/* Claims that the policy asks for, and of which the record says nothing. New reference. */
json_t *release_unrecorded(const struct transfer_policy *p, const json_t *record);

/* Puts the refusal in r->o on record, where the caller has proved enough to be worth one. */
fallible release_record_refusal(struct release *r);

/* The JWE header that the answer authenticates. New reference. */
json_t *release_header(const struct release *r);

#endif
