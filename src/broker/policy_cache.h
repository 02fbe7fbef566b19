// SPDX-License-Identifier: Apache-2.0
/*
 * Transfer policies as they were parsed, by the MAC of their row. A row is read and verified for
 * each decision all the same, so a change holds at once (lesson L6); only understanding the same
 * bytes again is saved.
 */
#ifndef BROKER_POLICY_CACHE_H
#define BROKER_POLICY_CACHE_H

#include "broker/transfer_policy.h"

struct policy_cache;

fallible policy_cache_new(struct policy_cache **out);
void policy_cache_free(struct policy_cache *c);
OWNED_TYPE(struct policy_cache, policy_cache_free)

/* New references, to be released as ever; NULL and false when it is not there. */
bool policy_cache_get(struct policy_cache *c, const uint8_t mac[SHA256_SIZE], json_t **content,
                      struct transfer_policy **policy);
void policy_cache_put(struct policy_cache *c, const uint8_t mac[SHA256_SIZE], json_t *content,
                      struct transfer_policy *policy);

#endif
