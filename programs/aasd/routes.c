// SPDX-License-Identifier: Apache-2.0
#include "aasd/aas.h"

const struct http_route aas_routes[] = {
    { "GET", "/health", ROUTE_OPEN, aas_health },
    { "GET", "/aas/v1/version", ROUTE_OPEN, aas_version },
    { "GET", "/aas/v1/jwks", ROUTE_OPEN, aas_jwks },
    { "POST", "/aas/v1/jwks/rotate", ROUTE_BEARER, aas_jwks_rotate,
      .needs = "AAS:signing_keys:rotate" },
    { "GET", "/aas/v1/revocations", ROUTE_OPEN, aas_revocations },
    { "POST", "/aas/v1/revocations", ROUTE_BEARER, aas_token_revoke, .needs = "AAS:tokens:revoke" },
    { "POST", "/aas/v1/users/{id}/revoke", ROUTE_BEARER, aas_user_revoke,
      .needs = "AAS:tokens:revoke" },
    { "POST", "/aas/v1/users/{id}/secret", ROUTE_BEARER, aas_user_secret,
      .needs = "AAS:users:store" },
    { "POST", "/aas/v1/token", ROUTE_OPEN, aas_token_create },
    { "PATCH", "/aas/v1/users/changepassword", ROUTE_OPEN, aas_password_change },
    { "POST", "/aas/v1/users", ROUTE_BEARER, aas_user_create, .needs = "AAS:users:create" },
    { "GET", "/aas/v1/users", ROUTE_BEARER, aas_user_list, .needs = "AAS:users:search" },
    { "GET", "/aas/v1/users/{id}", ROUTE_BEARER, aas_user_show, .needs = "AAS:users:retrieve" },
    { "PATCH", "/aas/v1/users/{id}", ROUTE_BEARER, aas_user_update, .needs = "AAS:users:store" },
    { "DELETE", "/aas/v1/users/{id}", ROUTE_BEARER, aas_user_delete, .needs = "AAS:users:delete" },
    { "POST", "/aas/v1/users/{id}/roles", ROUTE_BEARER, aas_user_role_grant,
      .needs = "AAS:user_roles:create" },
    { "GET", "/aas/v1/users/{id}/roles", ROUTE_BEARER, aas_user_role_list,
      .needs = "AAS:user_roles:search" },
    { "GET", "/aas/v1/users/{id}/permissions", ROUTE_BEARER, aas_user_permissions,
      .needs = "AAS:user_roles:search" },
    { "GET", "/aas/v1/users/{id}/roles/{role}", ROUTE_BEARER, aas_user_role_show,
      .needs = "AAS:user_roles:retrieve" },
    { "DELETE", "/aas/v1/users/{id}/roles/{role}", ROUTE_BEARER, aas_user_role_revoke,
      .needs = "AAS:user_roles:delete" },
    { "POST", "/aas/v1/tenants", ROUTE_BEARER, aas_tenant_create, .needs = "AAS:tenants:create" },
    { "GET", "/aas/v1/tenants", ROUTE_BEARER, aas_tenant_list, .needs = "AAS:tenants:search" },
    { "GET", "/aas/v1/tenants/{name}", ROUTE_BEARER, aas_tenant_show,
      .needs = "AAS:tenants:retrieve" },
    { "DELETE", "/aas/v1/tenants/{name}", ROUTE_BEARER, aas_tenant_delete,
      .needs = "AAS:tenants:delete" },
    { "POST", "/aas/v1/roles", ROUTE_BEARER, aas_role_create, .needs = "AAS:roles:create" },
    { "GET", "/aas/v1/roles", ROUTE_BEARER, aas_role_list, .needs = "AAS:roles:search" },
    { "GET", "/aas/v1/roles/{id}", ROUTE_BEARER, aas_role_show, .needs = "AAS:roles:retrieve" },
    { "PATCH", "/aas/v1/roles/{id}", ROUTE_BEARER, aas_role_update, .needs = "AAS:roles:store" },
    { "DELETE", "/aas/v1/roles/{id}", ROUTE_BEARER, aas_role_delete, .needs = "AAS:roles:delete" },
    { 0 },
};

void aas_version(struct http_exchange *x, void *context)
{
    (void)context;
    http_answer(x, 200, "text/plain", SPAN("Warder aasd " WARDER_VERSION "\n"));
}

static bool store_answers(struct aas *a)
{
    struct statement *q;
    bool row = false;

    store_lock(a->store);
    struct err e = store_query(a->store, "SELECT 1", &q);
    if (!failed(e)) {
        e = store_step(q, &row);
        store_reset(q);
    }
    store_unlock(a->store);
    return !failed(e) && row;
}

void aas_health(struct http_exchange *x, void *context)
{
    bool good = store_answers(context);
    json_t *body = json_object();
    json_t *parts = json_object();

    json_set_str(body, "service", "aas");
    json_set_str(body, "status", good ? "ok" : "degraded");
    json_set_str(body, "version", WARDER_VERSION);
    json_set_str(parts, "store", good ? "ok" : "failing");
    json_object_set_new(body, "parts", parts);
    http_answer_json(x, good ? 200 : 503, body);
}
