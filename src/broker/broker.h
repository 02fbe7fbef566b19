// SPDX-License-Identifier: Apache-2.0
/*
 * The key side's logic: what keyd does with each question of kbsd. Every operation verifies the
 * caller itself, decides, and records its decision in the transaction of what it changes. Threads
 * share one struct broker.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdatomic.h>

#include "access/pinned_keys.h"
#include "base/rate_limit.h"
#include "broker/attestation_keys.h"
#include "broker/busy_keys.h"
#include "broker/commit.h"
#include "broker/planned.h"
#include "broker/policy_cache.h"
#include "broker/question.h"
#include "broker/secrets.h"
#include "broker/store_pool.h"
#include "keys/key_service.h"

#define BROKER_DEFAULT_TENANT "default"

struct broker {
    struct broker_secrets secrets;
    struct pinned_keys *aas;
    struct attestation_keys *as;
    struct key_service *manager;
    struct store_pool *readers;
    struct policy_cache *policies;
    struct deny_cache *denials;
    struct committer *committer;
    struct planned *planned;
    struct key *import; /* public: imports are sealed to it */
    const char *kbs_id; /* in every challenge */
    uint64_t challenge_seconds;
    int64_t
        session_seconds; /* an attestation token is taken again for so long; 0: until it expires */
    json_t *attestation_types; /* kinds of TEE whose evidence is taken, whatever a policy says;
                                  NULL: all */
    uint64_t approval_hours;   /* how long a change waits for its second person */
    bool require_wrapped_import;
    bool refuse_samples; /* whatever the attestation service takes */
    bool guest_rsa1_5; /* guests of the oldest releases are served, which know no better wrapping */
    struct rate_limit *tenant_rate;                /* NULL: no limit */
    uint64_t keys_per_tenant, policies_per_tenant; /* 0: no limit */
    struct busy_keys rotating;
    /* Refusals of callers who proved nothing: recorded while the minute's budget lasts, counted
     * beyond. */
    atomic_int_fast64_t stranger_minute, stranger_records, stranger_unrecorded;
};

typedef struct err broker_operation(struct broker *b, const struct broker_request *q,
                                    struct outcome *o);

/* "sgx tdx" for attestation_types; NULL text: NULL. FAIL_INPUT: not kinds of TEE. */
fallible broker_attestation_types(const char *text, json_t **out);

/* A request of POST /kbs/v1/keys/{id}/use, by its path, which its proof covers. */
bool broker_is_use(const struct broker_request *q);

broker_operation broker_challenge, broker_release, broker_release_appraised,
    broker_release_without_policy;
broker_operation broker_lease_challenge, broker_lease_renew;
broker_operation broker_guest_challenge, broker_guest_attest, broker_guest_attested,
    broker_guest_resource;
broker_operation broker_key_create, broker_key_list, broker_key_show, broker_key_delete;
broker_operation broker_key_rotate, broker_key_disable, broker_key_enable, broker_key_describe,
    broker_key_resource_path;
broker_operation broker_policy_create, broker_policy_list, broker_policy_show, broker_policy_update,
    broker_policy_delete, broker_policy_test, broker_policy_test_appraised;
broker_operation broker_pending_list, broker_pending_show, broker_pending_approve,
    broker_pending_reject;
broker_operation broker_deny_add, broker_deny_list, broker_deny_remove;
broker_operation broker_audit_list, broker_audit_show, broker_public_keys, broker_health;

/* Puts on record what an operator on this machine asked of the key manager's seal; `refusal` NULL:
 * it was done. */
fallible broker_record_operator(struct broker *b, const char *action, unsigned uid,
                                const char *refusal, int64_t now);

/* Removes spent challenges that have expired; called now and then. */
fallible broker_sweep(struct broker *b, int64_t now);
/* Takes old versions of keys out whose date has passed; called now and then. */
fallible broker_retire_versions(struct broker *b, int64_t now);
/* Ends pending changes that nobody decided on in time; called now and then. */
fallible broker_expire_pending(struct broker *b, int64_t now);
/* Has the key manager remove the secrets of deleted keys that it could not remove at once; called
 * now and then. */
fallible broker_finish_deletions(struct broker *b);

#endif
