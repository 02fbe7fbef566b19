// SPDX-License-Identifier: Apache-2.0
/* Audit records: who, what, decision, why, with the digests and the TCB inputs of the evidence. */
#ifndef BROKER_RECORD_H
#define BROKER_RECORD_H

#include "broker/broker.h"
#include "broker/entry.h"

/* {id, tenant, action, decision, code, request_id}; key_id "". `id` NULL: a fresh one. */
fallible record_new(const struct broker_request *q, const char *tenant, const char *action,
                    enum code code, const char *id, json_t **out);
void record_client(json_t *record, const struct bearer *client);
/* Digests, policies and the TCB inputs (type, FMSPC, SVNs, advisories, ...) of what the service
 * verified or refused. */
void record_attestation(json_t *record, const struct attestation *a);
/* Claims of this name are in every such record, where the evidence has them. */
bool record_always_has(const char *claim);
void record_key(json_t *record, const struct key_entry *k);

/* Writes a record that accompanies no change. Takes the reference. */
fallible record_commit(struct broker *b, json_t *record, int64_t now);
/* True while this minute's budget for callers who proved nothing lasts; counts the others. */
bool record_stranger(struct broker *b, int64_t now);

#endif
