// SPDX-License-Identifier: Apache-2.0
/* Deny lists against the claims of a release: of the operator's tenant and of the key's own. */
#include "broker/deny_list.h"
#include "broker/release_internal.h"

static void note(struct release *r, const json_t *entry)
{
    json_t *c = json_object();

    json_set_str(c, "check", "deny_list");
    json_set_str(c, "outcome", entry ? "failed" : "passed");
    if (entry)
        json_object_set(c, "expected", json_object_get(entry, "id"));
    json_array_append_new(r->checks, c);
}

static fallible find_in(struct broker *b, struct store *s, struct span tenant, const json_t *claims,
                        json_t **found)
{
    struct deny_list l owned(deny_list_done) = { 0 };
    const json_t *entry = NULL;

    TRY(deny_list_read(s, b->secrets.integrity, b->denials, tenant, &l));
    TRY(deny_find(l.entries, claims, &entry));
    *found = json_incref((json_t *)entry);
    return OK;
}

fallible release_find_denial(struct broker *b, struct store *s, const char *tenant,
                             const json_t *claims, json_t **entry)
{
    *entry = NULL;
    TRY(find_in(b, s, SPAN(BROKER_DEFAULT_TENANT), claims, entry));
    return *entry || !strcmp(tenant, BROKER_DEFAULT_TENANT)
               ? OK
               : find_in(b, s, span_str(tenant), claims, entry);
}

fallible release_check_denied(struct release *r)
{
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);
    json_t *entry owned(json_free) = NULL;
    struct err e =
        release_find_denial(r->b, s.store, r->challenge.tenant, r->attestation.claims, &entry);

    if (e.kind == FAIL_DENIED)
        return outcome_refuse(r->o, CODE_RECORD_TAMPERED,
                              "the deny list was changed outside of the broker");
    TRY(e);
    note(r, entry);
    return entry ? outcome_refuse(r->o, CODE_PLATFORM_DENIED, "the platform is on the deny list")
                 : OK;
}
