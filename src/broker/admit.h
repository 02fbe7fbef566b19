// SPDX-License-Identifier: Apache-2.0
/* Callers by bearer token: keyd verifies the token and the permission itself; and the key that
 * one of them names. */
#ifndef BROKER_ADMIT_H
#define BROKER_ADMIT_H

#include "broker/broker.h"
#include "broker/entry.h"

/* The token, verified. Without a good one the outcome is a refusal and *good is false;
 * `missing_is_fine` lets a request without any through with *present false. */
fallible admit_bearer(struct broker *b, const struct broker_request *q, bool missing_is_fine,
                      struct bearer *who, bool *present, struct outcome *o, bool *good);
/* Who asks for a challenge, with a bearer token or without one; the tenant that this is of, and that
 * it may ask now. */
struct asker {
    struct bearer client; /* where has_client */
    bool has_client;
    char *tenant;
};
void asker_done(struct asker *a);
static inline void asker_donep(struct asker *a)
{
    asker_done(a);
}
fallible admit_asker(struct broker *b, const struct broker_request *q, struct asker *out,
                     struct outcome *o, bool *good);
/* The token allows `needed` ("keys:create"); otherwise the outcome is a refusal and *good is false.
 */
fallible admit(struct broker *b, const struct broker_request *q, const char *needed,
               struct bearer *who, struct outcome *o, bool *good);
/* The key of the caller's tenant that the request names. Without one, or where its record was
 * changed, the outcome is a refusal. */
fallible key_named(struct broker *b, const struct broker_request *q, const struct bearer *who,
                   struct key_entry *key, struct outcome *o);
/* The permission first, then the key; *good false where the outcome is a refusal. */
fallible key_admit(struct broker *b, const struct broker_request *q, const char *needed,
                   struct bearer *who, struct key_entry *key, struct outcome *o, bool *good);

/* The key is marked so. */
bool key_needs_second_person(const struct key_entry *key);
/* For a change of one: approval_require(). */
fallible key_second_person(struct broker *b, const struct broker_request *q, const char *action,
                           const struct bearer *who, const struct key_entry *key,
                           struct outcome *o);

#endif
