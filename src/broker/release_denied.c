// SPDX-License-Identifier: Apache-2.0
/* Deny lists against the claims of a release: of the operator's tenant and of the key's own. */
#include "broker/deny_list.h"
#include "broker/release_internal.h"

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
