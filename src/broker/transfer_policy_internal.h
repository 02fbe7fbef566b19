// SPDX-License-Identifier: Apache-2.0
/* Reading a transfer policy's native form: transfer_policy.c what concerns the TEE,
 * transfer_terms.c who else it depends on, when and how often. */
#ifndef BROKER_TRANSFER_POLICY_INTERNAL_H
#define BROKER_TRANSFER_POLICY_INTERNAL_H

#include "broker/transfer_policy.h"

fallible policy_bad(char **message, const char *where, const char *why);
/* A list of texts, or NULL when the member is absent. */
fallible policy_texts(const json_t *native, const char *name, bool may_be_empty, const json_t **out,
                      char **message);
fallible transfer_terms_read(struct transfer_policy *p, char **message);

/* Is it a value of the claim `tee`? */
bool names_tee(struct span type);

/* A check's row in the list of checks. */
void check_add(json_t *checks, const char *name, bool passed, const json_t *expected,
               const json_t *actual);
bool texts_have(const json_t *list, struct span text);

#endif
