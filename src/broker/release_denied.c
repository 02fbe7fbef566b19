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

static fallible find_in(struct release *r, struct store *s, struct span tenant, bool *denied)
{
    struct deny_list l owned(deny_list_done) = { 0 };
    const json_t *entry = NULL;

    TRY(deny_list_read(s, r->b->secrets.integrity, r->b->denials, tenant, &l));
    TRY(deny_find(l.entries, r->attestation.claims, &entry));
    *denied = entry != NULL;
    if (entry)
        note(r, entry);
    return OK;
}

fallible release_check_denied(struct release *r)
{
    struct borrowed_store s owned(store_give) = store_borrow(r->b->readers);
    bool denied = false;
    struct err e = find_in(r, s.store, SPAN(BROKER_DEFAULT_TENANT), &denied);

    if (!failed(e) && !denied && strcmp(r->challenge.tenant, BROKER_DEFAULT_TENANT))
        e = find_in(r, s.store, span_str(r->challenge.tenant), &denied);
    if (e.kind == FAIL_DENIED)
        return outcome_refuse(r->o, CODE_RECORD_TAMPERED,
                              "the deny list was changed outside of the broker");
    TRY(e);
    if (denied)
        return outcome_refuse(r->o, CODE_PLATFORM_DENIED, "the platform is on the deny list");
    note(r, NULL);
    return OK;
}
