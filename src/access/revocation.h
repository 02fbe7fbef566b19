// SPDX-License-Identifier: Apache-2.0
/*
 * Tokens that have ended before their time. aasd keeps them in its store: one token by its id, all
 * of a user or of a tenant from before a moment. For the programs that never ask aasd they stand in
 * a list that aasd signs with the key of its tokens: a JWT with typ "warder-revocations+jwt" and
 *   "tokens":{<id>:<until>}, "subjects":{<id>:<before>}, "all_before":<time>
 * where an id is a hash, so that the list names nobody. It is good for as long as a token lives:
 * who has no newer one by then holds no token either that a newer one could have left out.
 */
#ifndef ACCESS_REVOCATION_H
#define ACCESS_REVOCATION_H

#include "access/bearer.h"
#include "store/store.h"

#define REVOCATION_SECONDS_MAX (24 * 3600) /* no token lives longer */

/* One token. FAIL_LIMIT: too many at once. */
fallible revoke_token(struct store *s, const char *tenant, struct span jti, int64_t now);
/* All of a user, or, with an empty name, of a tenant that were issued up to now. Where there are
 * too many entries they become one: that all tokens of everybody from before now have ended. */
fallible revoke_subject(struct store *s, const char *tenant, const char *name, int64_t now);

/* *ended: by its id, its user, its tenant or altogether. */
fallible revocation_check(struct store *s, const struct bearer *b, bool *ended);
/* The earliest time that a new token of the user may claim to be from. */
fallible revocation_floor(struct store *s, const char *tenant, const char *name, int64_t *from);

/* The list as JSON claims, without those of the JWT; forgets what no token can be from any more. */
fallible revocation_claims(struct store *s, int64_t now, json_t **out);

/* As a relying program has it. */
#define REVOCATIONS_TYP "warder-revocations+jwt"
struct revocation_list;
/* Anything but a list by one of these keys that is for us: FAIL_DENIED or FAIL_INPUT. One past its
 * end is taken: revocation_list_ends() says since when it is of no use. */
fallible revocation_list_read(struct span text, const struct jwks *keys, int64_t now,
                              struct revocation_list **out);
void revocation_list_free(struct revocation_list *l);
OWNED_TYPE(struct revocation_list, revocation_list_free)
int64_t revocation_list_made(const struct revocation_list *l);
int64_t revocation_list_ends(const struct revocation_list *l);
fallible revocation_list_check(const struct revocation_list *l, const struct bearer *b,
                               bool *ended);

#endif
