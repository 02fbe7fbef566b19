// SPDX-License-Identifier: Apache-2.0
/*
 * What one attestation has earned for the uses of a key that stays at the KBS: the attested keys,
 * their token, and challenges that are not spent. Each use takes a challenge and its answer brings
 * the next, so there come to be as many as there are uses at the same time. Threads share it.
 */
#ifndef CLIENT_USE_GRANT_H
#define CLIENT_USE_GRANT_H

#include "client/session.h"

enum { USE_SIGN = 1, USE_DECRYPT = 2, USE_DERIVE = 4 };

struct use_grant;
/* Takes a reference to the session, and a copy of its token, if it has one. */
fallible use_grant_new(struct session *session, unsigned uses, struct use_grant **out);
struct use_grant *use_grant_ref(struct use_grant *g);
void use_grant_free(struct use_grant *g);
OWNED_TYPE(struct use_grant, use_grant_free)

unsigned use_grant_uses(const struct use_grant *g);
const struct session *use_grant_session(const struct use_grant *g);
const char *use_grant_token(const struct use_grant *g); /* NULL: none is needed */
/* Whether the token ends so soon that another should be earned meanwhile. */
bool use_grant_ends(const struct use_grant *g, int64_t now);

/* One that no use has been asked with; too many are dropped. */
void use_grant_put(struct use_grant *g, struct span challenge);
/* Owned; NULL: there is none. */
char *use_grant_take(struct use_grant *g);

#endif
