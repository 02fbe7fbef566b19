// SPDX-License-Identifier: Apache-2.0
/*
 * Transfer policies: who may have a key. The native form (docs/protocol.md, "Policies"), or one of
 * the seed system's forms (seed_policy.h). Everything that can be known when a policy is written is
 * an error then, and all conditions hold together: nothing in a policy lets another part of it be
 * skipped (lesson L52).
 */
#ifndef BROKER_TRANSFER_POLICY_H
#define BROKER_TRANSFER_POLICY_H

#include <stdatomic.h>

#include "access/bearer.h"
#include "base/bounds.h"
#include "broker/outcome.h"
#include "broker/source_network.h"
#include "broker/time_window.h"
#include "crypto/digest.h"
#include "keys/key_operation.h"
#include "policy/policy.h"

#define LEASE_MINUTES_MAX (60 * 24 * 366)
#define POLICY_TEXTS_MAX 64
#define RELEASES_MAX 1000000000

#define BROKER_SERVICE "KBS"
#define BROKER_FETCHER "KeyTransfer" /* the role whose context says a client's permissions */

/* How the answer is wrapped: by keyd, or once more inside the HSM that holds the key. */
#define WRAPPING_BY_KEYD "ECDH-ES+A256KW"
#define WRAPPING_IN_HSM "ECDH+A256KWP"
#define WRAPPING_RSA "RSA-OAEP-256" /* to a guest of Confidential Containers with an RSA key */

enum attestation_level { ATTESTATION_NONE, ATTESTATION_OBSERVE, ATTESTATION_REQUIRE };

struct transfer_policy {
    atomic_uint refs;
    json_t *document, *native; /* as written; and what is in force. Owned */
    struct span name;          /* these borrow from native */
    enum attestation_level attestation;
    const json_t *attestation_types, *policy_ids; /* lists of texts, never NULL */
    const json_t *permissions_all, *permissions_any, *certificate_issuers; /* NULL: none */
    const json_t *certificate_subjects, *networks, *wrappings;             /* the same */
    struct source_network network[POLICY_TEXTS_MAX];                       /* of `networks` */
    const json_t *time;                                                    /* NULL: always */
    struct time_window window;
    struct policy *conditions; /* NULL: none */
    uint64_t lease_minutes;
    uint64_t max_releases; /* of each key under it; 0: no limit */
    unsigned uses;  /* bits 1 << KEY_OPERATION_*: used by handle; 0: the key itself is released */
    bool four_eyes; /* who changes or deletes it needs a second person */
    bool accept_warning; /* an attestation result "warning" (not up to date, debug) is not refused
                            for that alone */
    bool explain_to_caller;
    char digest[DIGEST_TEXT_SIZE]; /* of the document's canonical JSON */
};

/* FAIL_INPUT: `*message` (malloc'ed) says where and what. */
fallible transfer_policy_parse(const json_t *document, struct transfer_policy **out,
                               char **message);
struct transfer_policy *
transfer_policy_ref(struct transfer_policy *p); /* shares; free each. Nobody changes it */
void transfer_policy_free(struct transfer_policy *p);
OWNED_TYPE(struct transfer_policy, transfer_policy_free)

const char *attestation_level_name(enum attestation_level l);
/* The tenant's default: attestation required, the attestation service's policy "default". */
json_t *transfer_policy_default(void);

/* What is known of the one who asks. */
struct transfer_claims {
    const json_t *claims;            /* of the attestation token; NULL: not attested */
    struct span status;              /* "affirming" or "warning" */
    const json_t *applied;           /* its list of policies [{id, version, digest}] */
    const struct bearer *client;     /* NULL: no bearer token */
    struct span certificate_issuer;  /* CN of the TLS client certificate's issuer; empty: none */
    struct span certificate_subject; /* its own */
    struct span source;              /* numeric address that the request came from */
    uint64_t releases;               /* of this key so far */
    int64_t now;
};

/* The parts that concern the TEE: CODE_OK, CODE_ATTESTATION_REQUIRED or CODE_POLICY_REFUSED; and
 * those that concern the client: CODE_OK, CODE_TOKEN_MISSING, CODE_PERMISSION_DENIED (where
 * attestation is not enforced: the token lets nobody fetch keys) or CODE_CLIENT_REFUSED. Every
 * check is made and listed in `checks`: {check, outcome, ...}. */
fallible transfer_policy_check_tee(const struct transfer_policy *p, const struct transfer_claims *c,
                                   json_t *checks, enum code *code);
fallible transfer_policy_check_client(const struct transfer_policy *p,
                                      const struct transfer_claims *c, json_t *checks,
                                      enum code *code);
/* What the client's roles KBS:KeyTransfer say of permissions: their contexts. New reference. */
json_t *transfer_permissions(const struct bearer *client);
/* When and how often: CODE_OK, CODE_OUTSIDE_TIME_WINDOW or CODE_RELEASES_EXHAUSTED. */
fallible transfer_policy_check_terms(const struct transfer_policy *p,
                                     const struct transfer_claims *c, json_t *checks,
                                     enum code *code);
/* How the answer was wrapped: CODE_OK or CODE_WRAPPING_REFUSED. */
fallible transfer_policy_check_wrapping(const struct transfer_policy *p, const char *wrapping,
                                        json_t *checks, enum code *code);

#endif
