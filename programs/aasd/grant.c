// SPDX-License-Identifier: Apache-2.0
/* POST /aas/v1/token with a grant_type: a service by its secret or its certificate. */
#include "aasd/aas.h"

#include "access/service_secret.h"
#include "base/log.h"

static bool read_tenant(struct http_exchange *x, const json_t *body, char out[TENANT_NAME_MAX + 1])
{
    struct span tenant = SPAN(TENANT_DEFAULT);

    if (failed(json_opt_str(body, "tenant", "tenant", &tenant)) || !tenant_name_valid(tenant)) {
        aas_answer_invalid(x, "malformed_request", "tenant", "1 to 64 of a-z 0-9 -");
        return false;
    }
    memcpy(out, tenant.at, tenant.len);
    out[tenant.len] = 0;
    return true;
}

/* By its secret where one is given, else by its certificate. */
static fallible is_service(struct http_exchange *x, struct aas *a, const char *tenant,
                           struct span name, const struct secret *secret, struct user *u,
                           bool *good)
{
    char nobody[PASSWORD_HASH_SIZE];

    service_secret_none(nobody);
    TRY(user_find_or_nobody(a->store, tenant, name, nobody, u));
    if (secret)
        return service_secret_check(u, secret, good);
    *good = u->id[0] && u->service && aas_certificate_proves(x, u);
    return OK;
}

static void by_service(struct http_exchange *x, struct aas *a, json_t *body)
{
    static const struct json_shape members[] = {
        { "grant_type", SHAPE_TEXT, true },
        { "client_id", SHAPE_TEXT, true, .min = 1, .max = USER_NAME_MAX },
        { "client_secret", SHAPE_TEXT, .min = 1, .max = PASSWORD_MAX },
        { "tenant", SHAPE_TEXT },
        { 0 }
    };
    owned(secret_free) struct secret *secret = NULL;
    char tenant[TENANT_NAME_MAX + 1];
    struct span name = { 0 };
    struct user u = { 0 };
    bool good = false;

    if (!aas_body_shaped(x, body, members) || !read_tenant(x, body, tenant) ||
        (json_object_get(body, "client_secret") &&
         !aas_take_password(x, body, "client_secret", &secret)))
        return;
    struct err e = json_get_str(body, "client_id", "client_id", &name);
    if (!failed(e))
        e = is_service(x, a, tenant, name, secret, &u, &good);
    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return;
    }
    if (good) {
        aas_give_token(x, a, tenant, &u, true);
        return;
    }
    log_warn("service authentication failed", "user", u.id[0] ? u.name : "(unknown)", "peer",
             http_peer(x), "request", http_request_id(x));
    http_answer_problem(x, 401, "credentials_refused",
                        "no service of this name with this secret or certificate");
}

void aas_token_by_grant(struct http_exchange *x, struct aas *a, json_t *body)
{
    struct span grant = { 0 };

    (void)json_opt_str(body, "grant_type", "grant_type", &grant).kind;
    if (span_equal_str(grant, "client_credentials"))
        by_service(x, a, body);
    else if (span_equal_str(grant, "urn:ietf:params:oauth:grant-type:token-exchange"))
        aas_token_exchange(x, a, body);
    else
        aas_answer_invalid(x, "malformed_request", "grant_type",
                           "client_credentials or token-exchange (RFC 8693)");
}
