// SPDX-License-Identifier: Apache-2.0
/*
 * Changes that need a second person: to what is marked four_eyes, and any that lowers a policy's
 * level of attestation. Whoever asks first is the author; the request is kept, with a MAC, until
 * somebody else approves it. Then it is carried out as the author's, if what it changes is still
 * what the author saw; the change, both persons' records and the end of the pending change are one
 * transaction. A pending change is decided once: the decision's record has its id.
 */
#ifndef BROKER_APPROVAL_H
#define BROKER_APPROVAL_H

#include "broker/broker.h"
#include "broker/row.h"

#define APPROVAL_HOURS 72
#define APPROVAL_HOURS_MAX 720

/* A request that is being carried out after its approval: admit() takes the author for its caller.
 */
struct approval {
    const struct row *row; /* of the pending change */
    const char *author, *author_token;
    const struct bearer *approver;
    uint64_t target_version;
};

/* What a change is of. */
struct approval_target {
    const char *kind; /* "policy", "key" */
    const struct row *row;
    const char *digest; /* of a policy's document; NULL: none */
};
/* Called before a change that needs a second person. With an approval: the outcome stays CODE_OK
 * where the target is as the author saw it, else it is a refusal. Without one: the request is kept,
 * is on record, and the outcome is CODE_PENDING_APPROVAL. */
fallible approval_require(struct broker *b, const struct broker_request *q, const char *action,
                          const struct bearer *author, const struct approval_target *target,
                          struct outcome *o);
/* commit_run(); an approved change ends its pending change in the same transaction. */
fallible approval_commit(struct broker *b, const struct broker_request *q, commit_change *change,
                         void *context);

/* The pending change as administrators see it. New reference. */
fallible approval_json(const struct row *row, json_t **out);

#endif
