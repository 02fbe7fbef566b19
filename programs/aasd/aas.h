// SPDX-License-Identifier: Apache-2.0
/* The authentication and authorisation service: what its handlers share. One file per resource. */
#ifndef AASD_AAS_H
#define AASD_AAS_H

#include "aasd/issuer_keys.h"
#include "aasd/token_keys.h"
#include "access/bearer.h"
#include "access/login.h"
#include "access/role.h"
#include "access/schema.h"
#include "base/json_shape.h"
#include "base/options.h"
#include "http/server.h"

struct aas_settings {
    char *address, *certificate, *key, *client_ca, *crl; /* [server] */
    uint64_t port, workers, crl_grace_minutes;
    char *folder, *store_url;    /* [store] */
    char *jwks_file, *algorithm; /* [token] */
    uint64_t token_minutes, rotate_days, announce_minutes;
    uint64_t attempts, window_seconds, lockout_seconds, longest_seconds; /* [login] */
    char *certificate_roles;
    char *issuers_file; /* [external] */
    uint64_t memory_kib, passes, hashing;
};
/* Fills the defaults; rows point into `s`. */
#define AAS_SETTINGS_MAX 26
void aas_settings_init(struct aas_settings *s, struct setting rows[AAS_SETTINGS_MAX]);
fallible aas_settings_check(const struct aas_settings *s);

struct aas {
    struct store *store;
    struct login *login;
    struct token_keys *keys; /* sign tokens */
    unsigned token_minutes;
    struct issuers issuers;          /* others, whose tokens are taken for ours */
    struct issuer_keys *issuer_keys; /* NULL without any */
    const char *certificate_roles;   /* names separated by blanks; NULL: none */
};
/* Store, signing key (made at the first start) and public key file. */
fallible aas_open(const struct aas_settings *s, struct aas *out);
void aas_close(struct aas *a);
static inline void aas_closep(struct aas *a)
{
    aas_close(a);
}

/* --init-admin: the user and roles with all permissions in each service. */
fallible aas_make_administrator(struct aas *a, const char *name, const char *password_file,
                                int64_t now);
/* The roles of an administrator, made where they are missing, for a user of the tenant. */
fallible aas_grant_administrator(struct aas *a, const char *tenant, const struct user *u,
                                 int64_t now);

#define USER_NAME_RULE "1 to 128 of A-Z a-z 0-9 _ . @ -, a letter or digit first"

extern const struct http_route aas_routes[];

/* Who asks, as the store knows it now: a token says who, the store says what they may, so that a
 * role taken away or a changed password counts from the next request on. */
struct caller {
    char tenant[TENANT_NAME_MAX + 1];
    struct user user;
};
/* Whether they may what the route needs. Answers 401 or 403 itself and returns false. */
bool aas_authorise(struct http_exchange *x, struct aas *a, struct caller *out);
/* The same, and the caller is of the operator's own tenant. */
bool aas_authorise_operator(struct http_exchange *x, struct aas *a, struct caller *out);

/* The filter of a list, from the query. */
struct role_filter aas_role_filter(const struct http_exchange *x);

/* The body, with these members, or a 400; false: answered. */
bool aas_body_shaped(struct http_exchange *x, const json_t *body, const struct json_shape *members);
bool aas_body(struct http_exchange *x, const struct json_shape *members, json_t **out);
/* 400 for what is wrong with one member of the body. */
void aas_answer_invalid(struct http_exchange *x, const char *code, const char *member,
                        const char *detail);
/* A password out of a body: copied to where secrets live, the JSON text is wiped. False: answered
 * 400. */
bool aas_take_password(struct http_exchange *x, json_t *body, const char *member,
                       struct secret **out);
/* The same for the password of a new or changed account: its rules are checked, and it is hashed.
 * False: answered. */
bool aas_take_new_password(struct http_exchange *x, struct aas *a, json_t *body,
                           char hash[PASSWORD_HASH_SIZE]);
/* Status by kind; `noun` makes the code: "user" gives user_exists, user_not_found. Logs what is
 * ours to mend. */
void aas_answer_failure(struct http_exchange *x, struct err e, const char *noun);

/* The client's TLS certificate is the user's: the registered one, or, where none is, one of the
 * user's name. */
bool aas_certificate_proves(const struct http_exchange *x, const struct user *u);
/* One with these claims is heard only with its certificate; 403 where it has not come with it, and
 * false. */
bool aas_certificate_given(struct http_exchange *x, const struct aas *a, const struct user *u,
                           const json_t *claims);
/* Tells everybody that tokens of the user, or with NULL of the tenant, have ended. False: answered.
 */
bool aas_end_tokens(struct http_exchange *x, struct aas *a, const char *tenant,
                    const struct user *u);
/* A token of the user, as text or as JSON. */
void aas_give_token(struct http_exchange *x, struct aas *a, const char *tenant,
                    const struct user *u, bool by_grant);
/* One with these claims, for `seconds` at most. */
void aas_give_token_of(struct http_exchange *x, struct aas *a, const char *tenant,
                       const struct user *u, json_t *claims, int64_t seconds);
/* The rest of POST /aas/v1/token: `body` has a grant_type. */
void aas_token_exchange(struct http_exchange *x, struct aas *a, json_t *body);
void aas_token_by_grant(struct http_exchange *x, struct aas *a, json_t *body);

http_handler aas_token_create, aas_password_change, aas_jwks, aas_version, aas_health;
http_handler aas_jwks_rotate, aas_revocations, aas_token_revoke, aas_user_revoke, aas_user_secret;
http_handler aas_user_create, aas_user_list, aas_user_show, aas_user_update, aas_user_delete;
http_handler aas_tenant_create, aas_tenant_list, aas_tenant_show, aas_tenant_delete;
http_handler aas_role_create, aas_role_list, aas_role_show, aas_role_update, aas_role_delete;
http_handler aas_user_role_grant, aas_user_role_list, aas_user_role_show, aas_user_role_revoke,
    aas_user_permissions;

#endif
