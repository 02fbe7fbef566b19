// SPDX-License-Identifier: Apache-2.0
/*
 * The latest decisions, in memory: what was claimed and decided, so that another policy can be
 * tried on it. Tokens and refusals have places of their own, so that strangers' refusals push out
 * no token. Kept as they were signed; taken apart when somebody asks. Nothing is secret in them.
 */
#ifndef ATTESTD_RECENT_H
#define ATTESTD_RECENT_H

#include "base/json.h"

#define RECENT_EACH 256
#define RECENT_TEXT_MAX (64U << 10) /* a longer one is not kept */

struct recent;
fallible recent_new(struct recent **out);
void recent_free(struct recent *r);
OWNED_TYPE(struct recent, recent_free)

/* A token or a signed refusal; safe for many threads. Memory that is short loses it. */
void recent_keep(struct recent *r, struct span jws, bool refusal);
/* What a token or a signed refusal says. Our own issuer signed it: nothing is verified again. */
fallible recent_words(struct span jws, json_t **out);
/* Of this tenant, the newest first: [{"id","time","verdict","tee","policies","evidence_digest",
 * "reason"?}]. */
fallible recent_list(struct recent *r, struct span tenant, json_t **list);
/* The same of one, with "claims" and, of a refusal, "failed". `id`: the token's jti. FAIL_ABSENT.
 */
fallible recent_find(struct recent *r, struct span tenant, struct span id, json_t **decision);

#endif
