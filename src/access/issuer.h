// SPDX-License-Identifier: Apache-2.0
/*
 * Other issuers of tokens (OpenID Connect providers) whose users may have ours: a JSON file says by
 * whom, for what audience, where their keys are, and which roles of the store somebody gets by
 * which claim. Claims are compared whole and byte by byte (lesson L18), and which issuer a token is
 * of is what its `iss` says alone, in whatever order they stand (L34).
 *
 *   {"issuers":[{"name":"corp","issuer":"https://idp.example","audience":"warder",
 *     "jwks_file":"/etc/warder/idp-jwks.json",            or:
 * "jwks_url":"https://..","ca_file":".." "max_age_seconds":3600,"subject":"sub","tenant":"default",
 *     "roles":[{"claim":"groups","value":"key-admins","roles":["KBS:Administrator"]}]}]}
 */
#ifndef ACCESS_ISSUER_H
#define ACCESS_ISSUER_H

#include "base/bounds.h"
#include "base/json.h"
#include "store/store.h"

struct issuer {
    const char *name, *issuer, *audience; /* into the file's JSON */
    const char *jwks_file, *jwks_url, *ca_file;
    const char *subject, *tenant;
    int64_t max_age;     /* seconds that fetched keys are believed */
    bool plain_loopback; /* http:// to this machine, for tests */
    const json_t *roles;
};
struct issuers {
    json_t *all;
    struct issuer each[ISSUERS_MAX];
    size_t count;
};
/* `message` (for free()) says what is wrong with the file. */
fallible issuers_load(const char *path, struct issuers *out, char **message);
void issuers_done(struct issuers *i);

/* Who it is for us: "NAME:SUBJECT"; no name of a user has a colon. FAIL_INPUT: the claim is not
 * there, or is not 1 to 128 characters together of A-Z a-z 0-9 _ . @ | + = -. */
#define EXTERNAL_SUBJECT_MAX 128
fallible issuer_subject(const struct issuer *i, const json_t *claims,
                        char out[EXTERNAL_SUBJECT_MAX + 1]);
/* {"roles","permissions"} of the roles that the claims give and that are in the store.
 * FAIL_DENIED: none. */
fallible issuer_role_claims(const struct issuer *i, const json_t *claims, struct store *s,
                            json_t **out);

#endif
