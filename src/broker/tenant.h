// SPDX-License-Identifier: Apache-2.0
/* Whose request it is, and how much of the system one tenant may take. */
#ifndef BROKER_TENANT_H
#define BROKER_TENANT_H

#include "broker/admit.h"

/* The tenant of a request: the bearer token's, or without one (NULL) the one that it is addressed
 * to, or the default. Empty: no tenant can have this name. */
struct span tenant_of(const struct broker_request *q, const struct bearer *client);

/* Takes one request of what the tenant has, or the outcome is a refusal and *good is false. */
fallible tenant_admit(struct broker *b, const char *tenant, struct outcome *o, bool *good);

/* In the transaction that adds a row, or before it for an early word: *full says that the tenant
 * has as many keys (or policies) as it may. */
fallible tenant_is_full(const struct broker *b, struct store *s, enum row_table table,
                        const char *tenant, bool *full);
/* The refusal of what is full. */
fallible tenant_refuse_full(const struct broker *b, enum row_table table, struct outcome *o);

#endif
